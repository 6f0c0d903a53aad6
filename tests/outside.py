"""The program seen from outside: real processes, a real server, and what an SQLite store holds without MLflow."""

import functools
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.zygote import ForkedProcess

QUICK = "tracking.pictures=false"
QUIET_SERVER = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


class Said(NamedTuple):
    code: int
    out: str
    err: str


def begin(folder: Path, *arguments: str, within: Sequence[str] = (), **environment: str) -> subprocess.Popen[str]:
    """Start the program in a folder, as the leader of its own session."""
    return begin_python(folder, "-m", "nnsweep", *arguments, within=within, **environment)


EAGER = """
import sys
from nnsweep.cli.main import main
from nnsweep.jobs import job_run
job_run.EVERY_SECONDS = 0.3
sys.exit(main(sys.argv[1:]))
"""
"""The program, which sends the points of its curves soon: a sweep to be disturbed in its middle may then be short."""


def begin_eager(folder: Path, *arguments: str, within: Sequence[str] = (), **environment: str) -> subprocess.Popen[str]:
    """Start the program in the same way, but so that the first points of its curves soon reach the store."""
    return begin_python(folder, "-c", EAGER, *arguments, within=within, **environment)


PROGRAM = "import sys\nfrom nnsweep.cli.main import main\nsys.exit(main(sys.argv[1:]))"
"""The program, as `nnsweep` starts it."""


def fork_eager(folder: Path, *arguments: str, **environment: str) -> ForkedProcess:
    """Start the same, forked from a process that has imported everything."""
    return ForkedProcess(EAGER, arguments, folder, _inherited() | environment)


def run_forked(folder: Path, *arguments: str, **environment: str) -> Said:
    """Run the program to its end, forked from a process that has imported everything."""
    return ended(ForkedProcess(PROGRAM, arguments, folder, _inherited() | environment))


def _inherited() -> dict[str, str]:
    """Give the environment in which programs are started."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return {**inherited, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def own_pids() -> list[str]:
    """Give the words before a command that let it count processes for itself, as containers do; it dies with them."""
    return _permitted("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def own_name(host: str) -> list[str]:
    """Give the words before a command that let it have a host name of its own, as containers have."""
    return _permitted("unshare", "--uts", "sh", "-c", f'hostname {host} && exec "$@"', "sh")


@functools.cache
def _permitted(*words: str) -> list[str]:
    try:
        tried = subprocess.run([*words, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if tried.returncode:
        pytest.skip(f"namespaces may not be made here: {tried.stderr.decode().strip()}")
    return [*words]


def begin_python(
    folder: Path, *arguments: str, within: Sequence[str] = (), **environment: str
) -> subprocess.Popen[str]:
    """Start Python in the same way, `within` namespaces that words before the command make."""
    return subprocess.Popen(
        [*within, sys.executable, *arguments],
        cwd=folder,
        env=_inherited() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


PROGRESS = re.compile(r"^\d+ of \d+ jobs run.*\n", re.MULTILINE)
"""Lines on how far a sweep is, which only a sweep of more than ten seconds prints."""


def ended(process: subprocess.Popen[str] | ForkedProcess, timeout: float = 240.0) -> Said:
    """Wait until a process has ended; one that takes too long is killed.

    How far it was is left out of what it said: that depends on how busy the machine is.
    """
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill(process)
        raise
    return Said(process.returncode, out, PROGRESS.sub("", err))


def run(folder: Path, *arguments: str, **environment: str) -> Said:
    """Run the program in a folder to its end."""
    return ended(begin(folder, *arguments, **environment))


def kill(process: subprocess.Popen[str] | ForkedProcess) -> None:
    """Kill a process and all of its session that are left."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)


def wait_until(holds: Callable[[], bool], what: str, timeout: float = 90.0) -> None:
    """Wait for something to hold."""
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, f"{what} did not come about in {timeout:g} s"
        time.sleep(0.05)


def copy_store(source: Path, target: Path) -> None:
    """Copy an SQLite store, with what is in the log beside it; the files of its runs stay where they are."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def rows(database: Path, query: str) -> list[tuple]:
    """Ask an SQLite store."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(query).fetchall()


_JOBS = """
SELECT tags.run_uuid FROM tags JOIN runs USING (run_uuid) JOIN experiments USING (experiment_id)
WHERE tags.key = 'nnsweep.kind' AND tags.value = 'job' AND experiments.name = '{}'
"""
OURS = "nnsweep"
"""The experiment that is meant without another name."""


def n_points(database: Path, experiment: str = OURS) -> int:
    """Count the values of curves that a store has got."""
    asked = f"SELECT count(*) FROM metrics WHERE key = 'train_cost' AND run_uuid IN ({_JOBS.format(experiment)})"
    try:
        return int(rows(database, asked)[0][0])
    except sqlite3.OperationalError:  # there is no such store yet
        return 0


def statuses(database: Path, experiment: str = OURS) -> list[str]:
    """Give the statuses of all runs of jobs."""
    asked = f"SELECT status FROM runs WHERE run_uuid IN ({_JOBS.format(experiment)})"
    return sorted(status for (status,) in rows(database, asked))


def n_unended(database: Path, experiment: str = OURS) -> int:
    """Count the runs of an experiment that have not ended, those of sweeps too."""
    asked = f"""
        SELECT count(*) FROM runs JOIN experiments USING (experiment_id)
        WHERE runs.status IN ('RUNNING', 'SCHEDULED') AND experiments.name = '{experiment}'
    """
    return int(rows(database, asked)[0][0])


Table = dict[str, tuple[Mapping[str, str], list[tuple[str, int, float]]]]


def table(database: Path, experiment: str = OURS) -> Table:
    """Give what a store has of each finished job, by its key: settings, and every row of its metrics.

    Two rows of one step are kept apart, so that doubles make tables differ.
    """
    finished = f"SELECT run_uuid FROM runs WHERE status = 'FINISHED' AND run_uuid IN ({_JOBS.format(experiment)})"
    keys = rows(database, f"SELECT run_uuid, value FROM tags WHERE key = 'nnsweep.key' AND run_uuid IN ({finished})")
    assert len({key for _, key in keys}) == len(keys), "a job has two finished runs"
    return {key: (dict(_of(database, run, "params", "key, value")), _metrics(database, run)) for run, key in keys}


def _metrics(database: Path, run: str) -> list[tuple[str, int, float]]:
    read = _of(database, run, "metrics", "key, step, value")
    return sorted(row for row in read if row[0] != "duration_seconds")


def _of(database: Path, run: str, kind: str, columns: str) -> list[tuple]:
    return rows(database, f"SELECT {columns} FROM {kind} WHERE run_uuid = '{run}'")


def free_port() -> int:
    """Give a port of this machine that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


SERVER = """
import os
import re
import mlflow.server
import uvicorn
from mlflow.cli import cli

def become(command, extra_env, **_):
    os.environ.update(extra_env)
    uvicorn.main(command[command.index("uvicorn") + 1 :])

mlflow.server._exec_cmd = become
cli()
"""
"""MLflow's server, which starts no process to serve in."""


class Server:
    """A real MLflow server on loopback, over an SQLite store in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.database, self.uri = folder / "server.db", f"http://127.0.0.1:{self.port}"
        self.process: ForkedProcess | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = ["server", "--backend-store-uri", f"sqlite:///{self.database}", "--workers", "1"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        environment, log = {**os.environ, **QUIET_SERVER}, self.folder / "server.log"
        self.process = ForkedProcess(SERVER, command, self.folder, environment, log)
        wait_until(self._answers, "an answer of the server", 120)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=2).close()
        except OSError:
            return False
        return True

    def send(self, number: int) -> None:
        """Send a signal to all of its processes."""
        if self.process is not None:
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.send(signal.SIGKILL)
            self.process.wait(timeout=30)
            self.process = None


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Have a running server, whatever becomes of it meanwhile."""
    server = Server(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def answering() -> Iterator[Callable[[Answer], str]]:
    """Have a function that starts a server on loopback, given how it answers, and returns ``HOST:PORT``."""
    running: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    answer(self)
                except OSError:  # the client has gone
                    self.close_connection = True

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        running.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        running[-1].daemon_threads = True
        threading.Thread(target=running[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"127.0.0.1:{running[-1].server_port}"

    try:
        yield start
    finally:
        for one in running:
            one.shutdown()
            one.server_close()
