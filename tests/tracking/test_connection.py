"""Stores that may only be read: in a folder mounted read-only, with and without a log beside the store."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nnsweep.tracking import runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

LOOK = """
import sys
from nnsweep.errors import StoreError
from nnsweep.tracking import query, runs, sqlite
from nnsweep.tracking.store import check_store, find_store
from pathlib import Path
uri = sys.argv[1]
store = find_store(uri, "study")
print(sorted(record.name for record in query.find_job_runs(store)))
for write in (lambda: runs.start_run(store, "mine", {}), lambda: check_store(uri)):
    try:
        write()
    except StoreError as error:
        print(error)
print(sorted(path.name for path in Path(uri.removeprefix("sqlite:///")).parent.iterdir()))
"""
MOUNT = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


@pytest.fixture
def theirs() -> Iterator[Path]:
    """Give a folder that everybody may read, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(params=["mounted", "somebody else's"])
def look(request):
    """Give a function that reads a store in a process that may only read its folder."""
    if os.geteuid():
        pytest.skip("only root can mount, and be somebody else")

    def look(folder: Path) -> list[str]:
        command = [sys.executable, "-c", LOOK, f"sqlite:///{folder}/mlflow.db"]
        if request.param == "mounted":
            command = ["unshare", "-m", "sh", "-c", MOUNT, str(folder), *command]
        else:
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        said = subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment, check=False)
        if "not permitted" in said.stderr and not said.stdout:
            pytest.skip("nothing can be mounted here")
        assert said.stderr == ""
        return said.stdout.splitlines()

    return look


@pytest.mark.parametrize("log", ["finished", "open", "log without its index"])
def test_a_store_that_may_only_be_read_is_read(log: str, look, theirs: Path, store: Store, job, tmp_path: Path):
    runs.end_run(store, RunRecord(run_id=job("first"), name="", state="finished"))
    source = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(source, theirs)
    if log != "finished":
        runs.end_run(store, RunRecord(run_id=job("second"), name="", state="finished"))
        shutil.copy(f"{source}-wal", theirs)
        if log == "open":
            shutil.copy(f"{source}-shm", theirs)
    files = sorted(path.name for path in theirs.iterdir())
    names, refusal, check, after = look(theirs)
    assert names == str(["first"] if log == "finished" else ["first", "second"])
    assert "It may only be read; copy its folder" in refusal
    assert "is read-only" in check
    assert after == str(files)
