"""The revision of a database's tables: whether they are those of the installed MLflow, and were tried.

MLflow's client upgrades the tables of an older MLflow as soon as it opens them, and all who share the database with
that older one are then refused. It makes its tables in a database that has others. Both are for the user to decide:
whoever opens a store asks here first, and nothing has been written when a database is refused.
"""

import functools
import re
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from nnsweep.errors import StoreError
from nnsweep.text import mask_secrets
from nnsweep.tracking.connection import DATABASES, connect_readonly, make_engine

REVISIONS = {"3.11": "c3d6457b6d8a", "3.17": "dc11669786a5", "3.18": "f4a9b2c7d1e6"}
"""The revision of a database's tables by the MLflow that makes them, for those that were tried."""
_BOOKKEEPING = "alembic_"
"""How the names of tables begin that tell the revision of others."""
_READ = f"SELECT version_num FROM {_BOOKKEEPING}version"
_MIGRATION = re.compile(r"^(?P<kind>revision|down_revision)\b.*?['\"](?P<revision>\w+)['\"]", re.MULTILINE)


class _Tables(NamedTuple):
    """What tables a database has.

    Attributes
    ----------
    names : set of str
        Without those that tell the revision of others.
    revision : str
        Of all of them; empty where none is recorded.
    are_tried : bool
        Whether tables of such a database were ever read and written as rows, through this driver.
    """

    names: set[str]
    revision: str
    are_tried: bool


def find_revision() -> str | None:
    """Find the revision of the tables that the installed MLflow makes; None if it was not tried."""
    return REVISIONS.get(".".join(_find_version().split(".")[:2]))


@functools.cache
def _find_version() -> str:
    """Find which MLflow is installed, once: that takes milliseconds."""
    return version("mlflow")


def has_known_tables(uri: str) -> bool:
    """Tell whether a store is a database whose tables are those that the installed MLflow makes, and were tried.

    Raises
    ------
    StoreError
        If MLflow's client must not open it; see `has_tables`.
    sqlite3.Error
        If it is a file that cannot be read.
    sqlalchemy.exc.SQLAlchemyError
        If it does not answer, or refuses.
    """
    if uri.startswith(("http:", "https:")):
        return False
    tables = _read_own_tables(uri)
    return tables is not None and tables.are_tried and tables.revision == find_revision()


def has_tables(uri: str) -> bool:
    """Tell whether a database has MLflow's tables; MLflow makes them in one without any.

    Raises
    ------
    StoreError
        If its tables are somebody else's, or those of another MLflow than the installed one.
    """
    tables = _read_own_tables(uri)
    return tables is None or bool(tables.names)  # what cannot be opened here is told by MLflow's client


def _read_own_tables(uri: str) -> _Tables | None:
    """Read which tables a database has, and refuse those that are not the installed MLflow's."""
    tables = _read_tables(uri)
    if tables is None or not (tables.names or tables.revision):
        return tables
    if "experiments" not in tables.names:
        raise StoreError(
            f"the database {mask_secrets(uri)} has tables, and none of MLflow's. Choose another tracking.uri"
        )
    tried = find_revision()
    if tables.revision == tried:
        return tables
    downs = _read_migrations()
    latest = {tried} if tried else downs.keys() - downs.values()
    if len(latest) == 1 and tables.revision not in latest:  # else MLflow looks for itself
        raise StoreError(_explain_revision(uri, tables.revision, is_older=tables.revision in downs))
    return tables


def _explain_revision(uri: str, revision: str, *, is_older: bool) -> str:
    """Say what is to be done about tables of another revision than the installed MLflow's."""
    store, makers = mask_secrets(uri), [maker for maker, made in REVISIONS.items() if made == revision]
    maker = f" ({makers[0]})" if makers else ""
    what = f"the store {store} has the tables of another MLflow than {_find_version()}"
    if is_older:
        return (
            f"{what}, an older one{maker}; nothing was changed. Install that one, choose another tracking.uri, or copy "
            f"the store and upgrade it for all who use it: mlflow db upgrade {store}"
        )
    if revision:
        return f"{what}, a newer one{maker}; nothing was changed. Install that one, or choose another tracking.uri"
    return (
        f"{what}: they have no revision, as if an upgrade had been cut short; nothing was changed. "
        "Restore a backup, or choose another tracking.uri"
    )


@functools.cache
def _read_migrations() -> Mapping[str, str]:
    """Read the revisions that the installed MLflow knows, each with the one before it, without importing MLflow."""
    spec = find_spec("mlflow")
    places = spec.submodule_search_locations if spec else None
    found: dict[str, str] = {}
    for place in places or ():
        for path in Path(place).glob("store/db_migrations/versions/*.py"):
            text = path.read_text(encoding="utf-8")
            named = {match["kind"]: match["revision"] for match in _MIGRATION.finditer(text)}
            if "revision" in named:
                found[named["revision"]] = named.get("down_revision", "")
    return found


def _read_tables(uri: str) -> _Tables | None:
    """Read which tables a database has; None if it cannot be opened here."""
    scheme, _, path = uri.partition(":///")
    if scheme == "sqlite":
        return _read_file(Path(path))
    import sqlalchemy as sql
    from sqlalchemy.exc import ArgumentError

    try:
        engine = make_engine(uri)
    except (ImportError, ArgumentError):  # there is no such driver, as MLflow's client will say
        return None
    try:
        with engine.connect() as connection:
            names = {*sql.inspect(connection).get_table_names()}
            revision = connection.execute(sql.text(_READ)).scalar() if f"{_BOOKKEEPING}version" in names else None
            kind = engine.url.get_backend_name(), engine.url.get_driver_name()
            are_tried = kind in DATABASES and getattr(connection.dialect, "is_mariadb", True)  # not MySQL itself
    finally:
        engine.dispose()
    return _Tables({name for name in names if not name.startswith(_BOOKKEEPING)}, revision or "", are_tried)


def _read_file(database: Path) -> _Tables:
    with closing(connect_readonly(database)) as connection:  # SQLAlchemy takes long to import; a file needs none of it
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        names = {name for (name,) in rows}
        revision = connection.execute(_READ).fetchone() if f"{_BOOKKEEPING}version" in names else None
    own = {name for name in names if not name.startswith(_BOOKKEEPING)}
    return _Tables(own, revision[0] if revision else "", are_tried=True)
