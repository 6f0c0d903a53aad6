"""Write the script that makes the tables of a new store as the installed MLflow makes them.

Run it after a new version of MLflow has been tried and named in `nnsweep.tracking.revisions.REVISIONS`.
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from nnsweep.tracking.revisions import find_revision
from nnsweep.tracking.sqlite import make_by_mlflow

FOLDER = Path(__file__).resolve().parents[1] / "nnsweep" / "templates" / "store"

with tempfile.TemporaryDirectory() as folder:
    whole = Path(folder) / "whole.db"
    make_by_mlflow(Path(folder) / "draft.db", whole)
    with closing(sqlite3.connect(whole)) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = '', creation_time = 0, last_update_time = 0")
        lines = [line.rstrip() for statement in connection.iterdump() for line in statement.splitlines()]
FOLDER.mkdir(exist_ok=True)
(FOLDER / f"{find_revision()}.sql").write_text("\n".join(lines[1:-1]) + "\n", encoding="utf-8")
