"""SQLite stores: one file, created atomically, and examined without harm before MLflow opens it.

A new file is built beside its place under another name and then linked into place, so that a killed process leaves no
half-made store and two processes that start together cannot spoil each other's.
"""

import contextlib
import functools
import os
import re
import shutil
import sqlite3
import time
from contextlib import closing
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable
from pathlib import Path

from nnsweep.errors import ConfigError, StoreError
from nnsweep.files import is_nameable, nearest_folder, remove_leftovers, temporary_folder, whole_file
from nnsweep.tracking.answers import explain_errors
from nnsweep.tracking.connection import connect_readonly, is_read_only, open_client
from nnsweep.tracking.revisions import find_revision

SCHEME = "sqlite:///"
_SMALLEST = 512  # bytes: SQLite's smallest page


def make_sqlite_uri(path: Path) -> str:
    """Give the URI of an SQLite store.

    Raises
    ------
    ConfigError
        If no file can have the name, or a URI would read it otherwise.
    """
    if not is_nameable(path):
        raise ConfigError(f"tracking.uri=sqlite:///{path}: no file can have this name; choose another")
    if re.search(r"\?|%[0-9A-Fa-f]{2}", str(path)):
        raise ConfigError(
            f"tracking.uri=sqlite:///{path}: the path holds `?` or `%` with two digits, which a URI reads otherwise"
        )
    return f"{SCHEME}{path}"


def find_database_file(uri: str) -> Path | None:
    """Return the file of an SQLite store; None for any other."""
    return Path(uri.removeprefix(SCHEME)) if uri.startswith(SCHEME) else None


def prepare_database(database: Path) -> None:
    """Make a store, if it is not there, and check that it can be used.

    Raises
    ------
    StoreError
        If it cannot be made, is damaged, is not MLflow's, or cannot be written to.
    """
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers([database.parent])
        if not os.path.lexists(database):
            _build(database)
    except OSError as error:
        raise _not_made(database, error.strerror or str(error)) from error
    _require_writable(database)
    require_mlflow_database(database)


def check_database(database: Path) -> None:
    """Check that a store can be used, or made, without changing anything.

    Raises
    ------
    StoreError
        If it is damaged or not MLflow's, or cannot be written or made.
    """
    if os.path.lexists(database):
        _require_writable(database)
        require_mlflow_database(database)
    elif not os.access(nearest_folder(database.parent), os.W_OK | os.X_OK):
        raise _not_made(database, "no folder above it can be written to")


def require_mlflow_database(database: Path) -> None:
    """Refuse a file that is damaged, or somebody else's, in which MLflow would make its tables on being asked.

    Raises
    ------
    StoreError
        Saying which.
    """
    try:
        if (problem := _check_integrity(database)) != "ok":
            raise _damaged(database, problem)
        with closing(connect_readonly(database)) as connection:
            is_mlflows = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone()
    except sqlite3.OperationalError as error:  # what is around it, and not the file, is wrong
        raise StoreError(
            f"the store {database} cannot be opened ({error}): its disk is full, read-only or broken"
        ) from error
    except (OSError, sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the last from damaged names in its message
        raise _damaged(database, str(error)) from error
    if not is_mlflows:
        raise StoreError(f"{database} is not an MLflow store. Name another one")


def gather_statistics(database: Path) -> None:
    """Let SQLite gather the statistics that make the UI's charts several times faster; a refusal costs only speed."""
    with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(database, timeout=20)) as connection:
        connection.execute("ANALYZE")


def _not_made(database: Path, cause: str) -> StoreError:
    return StoreError(
        f"the store {database} cannot be made ({cause}). "
        "Choose a folder you may write to: tracking.uri=sqlite:///FOLDER/mlflow.db"
    )


def _require_writable(database: Path) -> None:
    if is_read_only(database):
        raise StoreError(f"the store {database} is read-only. Change its permissions, or choose another tracking.uri")


def _build(database: Path) -> None:
    with temporary_folder(database.parent) as folder:
        whole = folder / "whole.db"
        if not _make_known_tables(whole) and not _copy_template(whole):
            whole.unlink(missing_ok=True)
            make_by_mlflow(folder / "draft.db", whole)
            with contextlib.suppress(OSError, ConfigError):  # the template only saves the next store time
                if (template := find_template()) is not None:
                    template.parent.mkdir(parents=True, exist_ok=True)
                    with whole_file(template) as file:
                        file.write(whole.read_bytes())
        try:
            os.link(whole, database)
        except FileExistsError:
            return  # another process was faster; its store is as good
        except OSError:
            os.replace(whole, database)  # a file system without hard links


def _make_known_tables(whole: Path) -> bool:
    """Make a store as the installed MLflow makes it, without it; tell whether its tables are known."""
    script = find_tables()
    if script is None:
        return False
    with closing(sqlite3.connect(whole)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # the UI reads while a sweep writes
        connection.executescript(f"BEGIN; {script.read_text(encoding='utf-8')} COMMIT;")
        with connection:
            _settle_here(connection)
    return True


def find_tables() -> Traversable | None:
    """Find the script that makes the installed MLflow's tables; None if that version was not tried.

    `tools/store_tables.py` writes these scripts.
    """
    script = resources.files("nnsweep") / "templates" / "store" / f"{find_revision()}.sql"
    return script if script.is_file() else None


def _settle_here(connection: sqlite3.Connection) -> None:
    """Let a copied store be one of this folder, made now."""
    place = f"{Path.cwd() / 'mlruns' / '0'}"  # as MLflow names that of its default experiment
    connection.execute(
        "UPDATE experiments SET artifact_location = :place, creation_time = :now, last_update_time = :now",
        {"place": place, "now": int(time.time() * 1000)},
    )


def make_by_mlflow(draft: Path, whole: Path) -> None:
    """Let MLflow make a store, whose migrations take seconds."""
    draft_uri = f"{SCHEME}{draft}"
    with explain_errors(draft_uri):
        open_client(draft_uri).search_experiments(max_results=1)
    # a copy, because mlflow keeps the draft open for as long as the process lives
    with closing(sqlite3.connect(draft)) as source, closing(sqlite3.connect(whole)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=WAL")  # the UI reads while a sweep writes


def find_template() -> Path | None:
    """Give the place in the cache of a new store of the installed MLflow; None without a cache."""
    from nnsweep.data.cache import cache_folder

    folder = cache_folder()
    return folder and folder / f"store-{version('mlflow')}.db"


def _copy_template(whole: Path) -> bool:
    """Copy the new store that is in the cache, and let it be one of this folder; tell whether that could be done."""
    template = find_template()
    try:
        if template is None or not template.is_file():
            return False
        shutil.copyfile(template, whole)
        with closing(sqlite3.connect(whole)) as connection, connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return False
            _settle_here(connection)
        return True
    except (OSError, sqlite3.Error):  # what the cache has is damaged, or cannot be read
        return False


def _check_integrity(database: Path) -> str:
    """Say what is wrong with a file, or that it is ``ok``."""
    if not database.is_file():
        return "it is not a file"
    # not opened here: closing a file gives up all locks that this process has on it, and with them SQLite's on a store
    # in use, whose log another process may then delete
    state = database.stat()
    if state.st_size < _SMALLEST:  # SQLite takes an empty file for a database without tables
        return "it is not an SQLite database"
    return _check_file(database, state.st_ino, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _check_file(database: Path, *state: int) -> str:
    """Let SQLite check a file, once for every state of it: of a large store that takes seconds."""
    with closing(connect_readonly(database)) as connection:
        return " ".join(str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]).split())


def _damaged(database: Path, problem: str) -> StoreError:
    return StoreError(
        f"the store {database} cannot be read ({problem}); nothing was changed. "
        "Restore a backup, or start a new one: tracking.uri=sqlite:///other.db"
    )
