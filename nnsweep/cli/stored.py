"""What the working folder's store has names for, if it is a file; whatever goes wrong, there are none."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from nnsweep.files import expand_home

SECONDS = 0.2
"""How long a store may take; a person is waiting who has pressed a key."""
_EXPERIMENTS = "SELECT name FROM experiments WHERE lifecycle_stage = 'active' AND name <> 'Default' ORDER BY name"
_SWEEPS = (
    "SELECT DISTINCT value FROM tags JOIN runs USING (run_uuid) "
    "WHERE key = 'nnsweep.sweep' AND lifecycle_stage = 'active' ORDER BY value DESC LIMIT 50"
)
_RUNS = (
    "SELECT DISTINCT runs.name FROM runs JOIN tags USING (run_uuid) WHERE key = 'nnsweep.kind' AND value = 'job' "
    "AND lifecycle_stage = 'active' AND substr(runs.name, 1, length(:begins)) = :begins "
    "ORDER BY start_time DESC LIMIT 200"
)


def complete_experiments(context: Any, parameter: Any, incomplete: str) -> list[str]:
    """Give the experiments; this is how click asks for what an argument may be."""
    return [name for name in _asked(context, _EXPERIMENTS) if name.startswith(incomplete)]


def complete_sweeps(context: Any, parameter: Any, incomplete: str) -> list[str]:
    """Give the ids of the last sweeps."""
    return [name for name in _asked(context, _SWEEPS) if name.startswith(incomplete)]


def complete_runs(context: Any, parameter: Any, incomplete: str) -> list[str]:
    """Give the names of the last jobs' runs."""
    return _asked(context, _RUNS, begins=incomplete)


def _asked(context: Any, query: str, **values: str) -> list[str]:
    """Ask for texts."""
    uri = expand_home(context.params.get("uri") or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db")
    database = Path.cwd() / uri.removeprefix("sqlite:///")
    if not uri.startswith("sqlite:///") or not database.is_file() or not database.stat().st_size:
        return []
    until = time.monotonic() + SECONDS
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=SECONDS)) as connection:
            connection.set_progress_handler(lambda: int(time.monotonic() > until), 10_000)
            return [str(text) for (text,) in connection.execute(query, values)]
    except (OSError, sqlite3.Error):
        return []
