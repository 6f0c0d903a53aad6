"""One contender run once, as a whole process: wall and processor seconds, peak memory, and what it says of itself."""

import ctypes
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from works import Contender

HERE = Path(__file__).parent
SAMPLE_SECONDS = 0.5  # looking costs some milliseconds of the machine that is measured
PR_SET_CHILD_SUBREAPER = 36  # of Linux's prctl


def ready_store(folder: Path) -> Path:
    """Make an empty store with MLflow's own command; readers do not wait for writers in it."""
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", "sqlite:///mlflow.db"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    store = folder / "mlflow.db"
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    return store


def measure_contender(contender: Contender, store: Path) -> dict[str, Any]:
    """Run a contender in a fresh folder beside the store, which holds a copy of it.

    Parameters
    ----------
    contender : Contender
        What to run.
    store : Path
        From `ready_store`.

    Returns
    -------
    dict
        ``seconds`` (wall), ``cpu_seconds`` (of all its processes), ``memory_mb`` (the most that its processes held
        together, shared pages counted once), ``accuracy`` (mean final test accuracy over the jobs), and the
        ``..._seconds`` and ``accuracies`` (of each architecture) that it printed.

    Raises
    ------
    RuntimeError
        If it fails, or has not recorded all its jobs.
    """
    folder = Path(tempfile.mkdtemp(dir=store.parent))
    shutil.copyfile(store, folder / store.name)
    taken = _run(contender, folder)
    said = _said(folder / "stdout")
    if contender.tracked:
        said["accuracy"] = _recorded_accuracy(contender, folder / store.name)
    return taken | said


def _run(contender: Contender, folder: Path) -> dict[str, float]:
    arguments = [word.format(python=sys.executable, here=HERE) for word in contender.command.split()]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"} | contender.environment
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise RuntimeError("the workers' server outlives its parent and cannot be waited for here")
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        started = time.perf_counter()
        child = subprocess.Popen(arguments, cwd=folder, env=environment, stdout=out, stderr=err, start_new_session=True)
        memory = _Memory(child.pid)
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:  # the user has interrupted; a session of its own does not hear that
            os.killpg(child.pid, signal.SIGKILL)
            raise
        seconds = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu_seconds = usage.ru_utime + usage.ru_stime + _wait_for_orphans()
    if child.returncode:
        tail = (folder / "stderr").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{contender.name} ended with {child.returncode}:\n{tail}")
    most = max(memory.peak(), usage.ru_maxrss * 1024)  # of the largest process alone, which no look can miss
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "memory_mb": most / 2**20}


def _wait_for_orphans() -> float:
    """Wait for processes that outlive their parent, such as the server of workers; return their processor seconds."""
    seconds = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:  # none is left
            return seconds
        seconds += usage.ru_utime + usage.ru_stime


class _Memory:
    """Watches, from a thread, the memory of all processes of a session."""

    def __init__(self, session: int) -> None:
        self._session, self._peak, self._ended = session, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def peak(self) -> int:
        """Stop watching and return the most bytes seen."""
        self._ended.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._peak = max(self._peak, sum(_memory(process) for process in _processes(self._session)))


def _processes(session: int) -> list[Path]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[3]) == session:
            found.append(stat.parent)
    return found


def _memory(process: Path) -> int:
    """Bytes of a process, its part of what it shares with others only; 0 if it has just ended."""
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _said(output: Path) -> dict[str, Any]:
    lines = output.read_text(errors="replace").splitlines()
    if not lines or not lines[-1].startswith("{"):
        return {}
    said = json.loads(lines[-1])
    return said | {"accuracy": sum(said["accuracies"].values()) / len(said["accuracies"])}


def _recorded_accuracy(contender: Contender, store: Path) -> float:
    question = """SELECT count(*), avg(value) FROM runs JOIN latest_metrics USING (run_uuid)
                  WHERE status = 'FINISHED' AND key = 'final_test_accuracy'"""
    with closing(sqlite3.connect(store)) as connection:
        jobs, accuracy = connection.execute(question).fetchone()
    if jobs != contender.jobs:
        raise RuntimeError(f"{contender.name} recorded {jobs} finished jobs, expected {contender.jobs}")
    return float(accuracy)
