"""A database that MLflow would change or cannot read is refused before anything is written to it."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sql

from nnsweep.errors import StoreError
from nnsweep.tracking import revisions, ui
from nnsweep.tracking.backend import find_backend
from nnsweep.tracking.earlier import inspect_store
from nnsweep.tracking.revisions import REVISIONS, find_revision, has_known_tables, has_tables
from nnsweep.tracking.store import find_store, find_store_if_any, is_made, prepare_store, require_store

BEFORE_ALL, NEWEST = "451aebb31d03", "ffffffffffff"
OPENED = {
    "sweep": lambda uri: prepare_store(uri, "study"),
    "plan": lambda uri: find_store_if_any(uri, "study"),
    "report": lambda uri: find_store(uri, "study"),
    "doctor": inspect_store,
    "ui": lambda uri: ui.serve_ui(uri, 5000),
    "any": find_backend,
}
"""The ways in which a store is opened first, by a command that does so."""
Make = Callable[..., str]


@pytest.fixture(params=["file", "postgresql", "mariadb"])
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Give a function that makes a database with some statements, and returns its URI."""
    monkeypatch.setattr(ui.os, "execve", lambda *_: pytest.fail("the server was started"))

    def make(*statements: str) -> str:
        name = f"made{uuid.uuid4().hex}"
        if request.param == "file":
            uri = f"sqlite:///{tmp_path}/{name}.db"
        else:
            server = request.getfixturevalue(f"{request.param}_server")
            server.execute(f"CREATE DATABASE {name}")
            uri = f"{server.uri.rpartition('/')[0]}/{name}"
        engine = sql.create_engine(uri, poolclass=sql.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(sql.text(statement))
        return uri

    return make


def make_tables(revision: str = "") -> list[str]:
    """Write what makes a small part of MLflow's tables, of a revision."""
    rows = [f"INSERT INTO alembic_version VALUES ('{revision}')"] if revision else []
    return [
        "CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256))",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        *rows,
    ]


def read(uri: str) -> tuple[list[str], list[str]]:
    """Read which tables a database has, and their revision."""
    with sql.create_engine(uri, poolclass=sql.NullPool).connect() as connection:
        names = sorted(sql.inspect(connection).get_table_names())
        found = (
            connection.execute(sql.text("SELECT version_num FROM alembic_version"))
            if "alembic_version" in names
            else ()
        )
        return names, [row[0] for row in found]


def require_refusal(uri: str, told: str) -> None:
    """Open a store in all ways, each of which must refuse it and change nothing."""
    before = read(uri)
    for open_store in OPENED.values():
        with pytest.raises(StoreError, match=told):
            open_store(uri)
    assert read(uri) == before


def test_a_store_of_an_older_mlflow_is_refused_untouched(make: Make):
    require_refusal(make(*make_tables(BEFORE_ALL)), "an older one; nothing was changed.*: mlflow db upgrade ")


def test_a_store_of_a_newer_mlflow_is_refused_untouched(make: Make):
    require_refusal(make(*make_tables(NEWEST)), "a newer one; nothing was changed. Install that one, or choose another")


def test_a_store_whose_upgrade_was_cut_short_is_refused(make: Make):
    require_refusal(make(*make_tables()), "no revision, as if an upgrade had been cut short.*Restore a backup")


def test_a_database_of_another_program_is_left_alone(make: Make):
    uri = make("CREATE TABLE bookmarks (title VARCHAR(99))")
    require_refusal(uri, "has tables, and none of MLflow's|is not an MLflow store")


@pytest.mark.parametrize("maker", [*REVISIONS])
def test_a_store_is_told_by_the_mlflow_that_made_it(maker: str, uri: str):
    with sql.create_engine(uri, poolclass=sql.NullPool).begin() as connection:
        connection.execute(sql.text(f"UPDATE alembic_version SET version_num = '{REVISIONS[maker]}'"))
    if REVISIONS[maker] == find_revision():
        assert is_made(uri)
    else:
        with pytest.raises(StoreError, match=rf"one \({re.escape(maker)}\); nothing was changed"):
            require_store(uri)


def test_what_only_reads_makes_no_tables_in_an_empty_database(postgresql_server):
    postgresql_server.execute(f"CREATE DATABASE {(name := 'empty' + uuid.uuid4().hex)}")
    uri = f"{postgresql_server.uri.rpartition('/')[0]}/{name}"
    assert not is_made(uri)
    assert find_store_if_any(uri, "study") is None
    for command in ("report", "doctor", "ui"):
        with pytest.raises(StoreError, match=r"there is no store .* yet\. Run a sweep first"):
            OPENED[command](uri)
    assert read(uri) == ([], [])
    prepare_store(uri, "study")
    assert is_made(uri)


def test_of_a_store_that_fits_no_migration_is_read(uri: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(revisions, "_read_migrations", lambda: pytest.fail("70 files were read"))
    assert has_tables(uri)
    assert has_known_tables(uri)


def test_a_password_is_masked_in_what_is_to_be_run(monkeypatch: pytest.MonkeyPatch):
    found = revisions._Tables({"experiments"}, BEFORE_ALL, are_tried=True)
    monkeypatch.setattr(revisions, "_read_tables", lambda _: found)
    with pytest.raises(StoreError, match=r"mlflow db upgrade postgresql://\*\*\*@host/db$"):
        has_tables("postgresql://me:hush@host/db")


def test_a_revision_is_known_of_an_mlflow_that_was_not_tried(uri: str, make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(revisions, "REVISIONS", {})
    assert has_tables(uri)
    with pytest.raises(StoreError, match="an older one; nothing was changed"):
        find_backend(make(*make_tables(BEFORE_ALL)))
