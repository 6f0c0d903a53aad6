import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from nnsweep.tracking import runs
from nnsweep.tracking.backend import Backend
from nnsweep.tracking.connection import close_connections, open_client
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, prepare_store
from tests.databases import DatabaseServer, mariadb, postgresql
from tests.tracking.stores import DATABASES, MAKES, PLACE, WRITERS, Writer, rows, unused


@pytest.fixture
def uri(ready_store_file: Path, tmp_path: Path) -> str:
    """Give the URI of a store without any experiment of ours."""
    shutil.copy(ready_store_file, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[DatabaseServer]:
    """Give a PostgreSQL server whose database has MLflow's tables."""
    with postgresql() as server:
        open_client(server.uri)
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[DatabaseServer]:
    """Give a MariaDB server whose database has MLflow's tables."""
    with mariadb() as server:
        open_client(server.uri)
        yield server


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Give a function that names a store of a kind, and starts its server if it has one."""

    def named(kind: str) -> str:
        if kind == "psycopg":
            pytest.importorskip("psycopg", reason="psycopg is not installed")
            return named("postgresql").replace("+psycopg2", "+psycopg")
        fixtures = {"file": "uri", "mlflow": "server"}
        uri = request.getfixturevalue(fixtures.get(kind, f"{kind}_server"))
        return uri if isinstance(uri, str) else uri.uri

    yield named
    close_connections()
    rows.cache_clear()


@pytest.fixture(params=WRITERS)
def writer(request: pytest.FixtureRequest, place: Callable[[str], str]) -> Writer:
    """Give each of those who write; all are held to the same."""
    make, _, kind = request.param.partition("/")
    return Writer(MAKES[make], place(kind))


@pytest.fixture
def asked(writer: Writer) -> Backend:
    return writer.make(writer.uri)


@pytest.fixture
def seen(writer: Writer) -> MlflowClient:
    """Give MLflow's own client, which looks at what was written."""
    return MlflowClient(writer.uri)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, place: Callable[[str], str]) -> str:
    """Give the URI of each database that is read and written as rows, or by MLflow's client."""
    return place(request.param)


@pytest.fixture
def experiment(asked: Backend) -> str:
    return asked.create_experiment(unused("study"), PLACE)


@pytest.fixture
def store(uri: str) -> Store:
    return prepare_store(uri, "study")


@pytest.fixture
def job(store: Store) -> Callable[..., str]:
    """Give a function that starts a job's run."""

    def start(name: str = "20-20-tanh-inv-s0", sweep: str = "s1", number: int = 0) -> str:
        tags = {"nnsweep.kind": "job", "nnsweep.sweep": sweep, "nnsweep.job": str(number)}
        return runs.start_run(store, name, tags)

    return start


@pytest.fixture
def finished(store: Store) -> Callable[..., None]:
    """Give a function that ends a run."""

    def end(run_id: str, state: str = "finished", reason: str = "") -> None:
        runs.end_run(store, RunRecord(run_id=run_id, name="", state=state, reason=reason))

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
