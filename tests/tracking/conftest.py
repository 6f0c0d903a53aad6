import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nnsweep.tracking import run
from nnsweep.tracking.client import client
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, ready
from tests.databases import DatabaseServer, mariadb, postgresql
from tests.outside import Server, serving


@pytest.fixture
def uri(ready_store_file: Path, tmp_path: Path) -> str:
    """Give the URI of a store without any experiment of ours."""
    shutil.copy(ready_store_file, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[DatabaseServer]:
    """Give a PostgreSQL server whose database has MLflow's tables."""
    with postgresql() as server:
        client(server.uri)
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[DatabaseServer]:
    """Give a MariaDB server whose database has MLflow's tables."""
    with mariadb() as server:
        client(server.uri)
        yield server


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give an MLflow server over an SQLite store."""
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def store(uri: str) -> Store:
    return ready(uri, "study")


@pytest.fixture
def job(store: Store) -> Callable[..., str]:
    """Give a function that starts a job's run."""

    def start(name: str = "20-20-tanh-inv-s0", sweep: str = "s1", number: int = 0) -> str:
        tags = {"nnsweep.kind": "job", "nnsweep.sweep": sweep, "nnsweep.job": str(number)}
        return run.start(store, name, tags)

    return start


@pytest.fixture
def finished(store: Store) -> Callable[..., None]:
    """Give a function that ends a run."""

    def end(run_id: str, state: str = "finished", reason: str = "") -> None:
        run.end(store, RunRecord(run_id=run_id, name="", state=state, reason=reason))

    return end


@pytest.fixture
def program() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Give a function that starts Python on a program; whatever still runs at the end is killed."""
    started = []

    def start(source: str, *arguments: object) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", source, *map(str, arguments)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
