"""Database servers on loopback, each in a temporary folder of its own; what is not installed is skipped."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tests.outside import free_port, wait_until


class DatabaseServer:
    """A database server, which can be stopped and started again.

    Parameters
    ----------
    command : sequence of str
        What is run, as a user that may run it.
    user : str or None
        This user; None for one's own.
    uri : str
        Of its database.
    folder : Path
        Where it keeps what it says.
    """

    def __init__(self, command: Sequence[str], user: str | None, uri: str, folder: Path) -> None:
        self._command, self._user, self._log = command, user, folder / "log"
        self.uri = uri
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with open(self._log, "a") as log:
            self.process = subprocess.Popen(self._command, user=self._user, stdout=log, stderr=log, cwd="/")
        wait_until(self._answers, f"an answer of {self._command[0]}")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._log.read_text()[-2000:]
        engine = create_engine(self.uri)
        try:
            engine.connect().close()
        except OperationalError:
            return False
        finally:
            engine.dispose()
        return True

    def execute(self, statement: str) -> None:
        """Do something in its database, outside of a transaction."""
        engine = create_engine(self.uri, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """End it at once, and all of its connections."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=60)
            self.process = None


@contextmanager
def postgresql() -> Iterator[DatabaseServer]:
    """Have a running PostgreSQL server."""
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed")
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    with _folder("postgres") as (folder, user):
        path = os.pathsep.join([*map(str, reversed(versions)), os.environ["PATH"]])
        initdb, postgres = (_program(name, path) for name in ("initdb", "postgres"))
        data, port = folder / "data", str(free_port())
        _run([initdb, "-D", str(data), "-U", "nnsweep", "-A", "trust", "-E", "UTF8", "--no-sync"], user)
        command = [postgres, "-D", str(data), "-p", port, "-k", str(folder), "-h", "127.0.0.1", "-c", "fsync=off"]
        uri = f"postgresql+psycopg2://nnsweep@127.0.0.1:{port}/postgres"
        yield from _running(DatabaseServer(command, user, uri, folder))


@contextmanager
def mariadb() -> Iterator[DatabaseServer]:
    """Have a running MariaDB server, which speaks as MySQL does."""
    pytest.importorskip("pymysql", reason="PyMySQL is not installed")
    with _folder("mysql") as (folder, user):
        path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
        install, mariadbd = (_program(name, path) for name in ("mariadb-install-db", "mariadbd"))
        data, port, first = f"--datadir={folder / 'data'}", free_port(), folder / "first.sql"
        first.write_text(
            "CREATE DATABASE IF NOT EXISTS nnsweep CHARACTER SET utf8mb4;\n"
            "CREATE USER IF NOT EXISTS nnsweep@'127.0.0.1';\n"
            "GRANT ALL ON *.* TO nnsweep@'127.0.0.1';\n"
        )
        _run([install, data, "--auth-root-authentication-method=normal", "--skip-test-db"], user)
        command = [mariadbd, "--no-defaults", data, f"--port={port}", f"--socket={folder / 'socket'}"]
        command += ["--bind-address=127.0.0.1", f"--pid-file={folder / 'pid'}", f"--init-file={first}"]
        uri = f"mysql+pymysql://nnsweep@127.0.0.1:{port}/nnsweep"
        yield from _running(DatabaseServer(command, user, uri, folder))


def _running(server: DatabaseServer) -> Iterator[DatabaseServer]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def _folder(user: str) -> Iterator[tuple[Path, str | None]]:
    """Have a folder that the server's user may use: these servers do not run as root."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        if os.getuid() != 0:
            yield Path(name), None
            return
        known = {entry.pw_name for entry in pwd.getpwall()}
        if user not in known:
            pytest.skip(f"the tests run as root, and there is no user {user} to run a database server as")
        shutil.chown(name, user)
        yield Path(name), user


def _program(name: str, path: str) -> str:
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _run(command: Sequence[str], user: str | None) -> None:
    said = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
