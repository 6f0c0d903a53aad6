import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from nnsweep.errors import ConfigError, StoreError
from nnsweep.tracking import runs
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.store import (
    Store,
    check_store,
    find_store,
    find_store_if_any,
    prepare_store,
    require_store,
    resolve_uri,
)


@pytest.mark.parametrize(
    ("uri", "absolute"),
    [
        ("sqlite:///mlflow.db", "sqlite:////study/mlflow.db"),
        ("sqlite:///runs/mlflow.db", "sqlite:////study/runs/mlflow.db"),
        ("sqlite:////elsewhere/mlflow.db", "sqlite:////elsewhere/mlflow.db"),
        ("sqlite:///50% #1/é.db", "sqlite:////study/50% #1/é.db"),
        (None, "sqlite:////study/mlflow.db"),
        ("", "sqlite:////study/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://me:secret@host/base", "https://me:secret@host/base"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql+psycopg2://me:secret@host/db", "postgresql+psycopg2://me:secret@host/db"),
        ("mysql+pymysql://host/db", "mysql+pymysql://host/db"),
    ],
)
def test_a_uri_becomes_absolute(uri: str | None, absolute: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert resolve_uri(uri, Path("/study")) == absolute


@pytest.mark.parametrize("path", ["what?.db", "a%20b/mlflow.db"])
def test_path_that_a_uri_would_misread_is_refused(path: str):
    with pytest.raises(ConfigError, match="which a URI reads otherwise"):
        resolve_uri(f"sqlite:///{path}", Path("/study"))


def test_the_environment_counts_where_no_uri_is_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    assert resolve_uri(None, Path("/study")) == "sqlite:////study/other.db"
    assert resolve_uri("sqlite:///mine.db", Path("/study")) == "sqlite:////study/mine.db"


@pytest.mark.parametrize(
    "uri",
    [
        "mlruns",
        "./mlruns",
        "/study/mlruns",
        "file:///study/mlruns",
        "databricks",
        "ftp://host/db",
        "sqlite://",
        "http://",
    ],
)
def test_other_kinds_are_refused(uri: str):
    with pytest.raises(ConfigError, match=r"tracking\.uri=.*sqlite:///FILE") as error:
        resolve_uri(uri, Path("/study"))
    assert len(error.value.problems) == len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("uri", ["ftp://me:secret@host/db", "oracle://me:se/cret@host", "postgresql://me:secret@ho st"])
def test_a_refusal_does_not_tell_the_password(uri: str):
    with pytest.raises(ConfigError, match=r"://\*\*\*@") as error:
        resolve_uri(uri, Path("/study"))
    assert "cret" not in str(error.value)


def test_store_and_experiment_are_made(tmp_path: Path):
    database = tmp_path / "new" / "folder" / "mlflow.db"
    store = prepare_store(f"sqlite:///{database}", "study")
    found = open_client(store.uri).get_experiment_by_name("study")
    assert (store.experiment, store.experiment_id) == ("study", found.experiment_id)
    assert found.artifact_location == str(database.parent / "mlartifacts")
    assert {file.name for file in database.parent.iterdir()} <= {"mlflow.db", "mlflow.db-wal", "mlflow.db-shm"}
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert runs.start_run(store, "job", {})


def test_ready_twice_is_the_same(uri: str):
    assert prepare_store(uri, "study") == prepare_store(uri, "study")
    assert [known.name for known in open_client(uri).search_experiments()].count("study") == 1


def test_a_chosen_artifact_root_is_made_absolute(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    prepare_store(uri, "here", "kept")
    prepare_store(uri, "there", "s3://bucket/kept")
    assert open_client(uri).get_experiment_by_name("here").artifact_location == str(tmp_path / "kept")
    assert open_client(uri).get_experiment_by_name("there").artifact_location == "s3://bucket/kept"


def test_odd_characters_in_a_folder_do_no_harm(ready_store_file: Path, tmp_path: Path):
    folder = tmp_path / "100% #1 é"
    folder.mkdir()
    shutil.copy(ready_store_file, folder / "mlflow.db")
    (tmp_path / "note.md").write_text("kept")
    store = prepare_store(f"sqlite:///{folder}/mlflow.db", "study")
    runs.log_artifacts(store, runs.start_run(store, "job", {"nnsweep.kind": "job"}), [tmp_path / "note.md"])
    assert [record.name for record in find_job_runs(store)] == ["job"]
    assert [file.read_text() for file in folder.rglob("note.md")] == ["kept"]
    assert {entry.name for entry in tmp_path.iterdir()} == {folder.name, "note.md"}


def test_a_deleted_experiment_is_not_written_to(store: Store):
    open_client(store.uri).delete_experiment(store.experiment_id)
    with pytest.raises(ConfigError, match=f"mlflow experiments restore --experiment-id {store.experiment_id}$"):
        prepare_store(store.uri, store.experiment)


def test_existing_finds_and_makes_nothing(store: Store, tmp_path: Path):
    assert find_store(store.uri, "study") == store
    with pytest.raises(ConfigError, match=r"no experiment 'other'.* it has: Default, study$"):
        find_store(store.uri, "other")
    with pytest.raises(StoreError, match="there is no store"):
        find_store(f"sqlite:///{tmp_path}/new/mlflow.db", "study")
    assert not (tmp_path / "new").exists()


def test_a_sound_store_passes(uri: str):
    require_store(uri)


# ---- looking before anything is made


def contents(folder: Path) -> dict[Path, bytes]:
    """Read all files but the index that SQLite keeps beside a store that is open."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.match("*.db-shm")}


def test_a_check_changes_nothing(store: Store, tmp_path: Path):
    before = contents(tmp_path)
    check_store(store.uri)
    check_store(f"sqlite:///{tmp_path}/new/folder/mlflow.db")
    check_store("http://127.0.0.1:9")
    check_store("postgresql://me:secret@nowhere/db")
    assert contents(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_an_experiment_is_found_if_it_is_there(store: Store, tmp_path: Path):
    assert find_store_if_any(store.uri, "study") == store
    assert find_store_if_any(store.uri, "other") is None
    assert find_store_if_any(f"sqlite:///{tmp_path}/new/mlflow.db", "study") is None
    assert not (tmp_path / "new").exists()
    assert {one.name for one in open_client(store.uri).search_experiments()} == {"Default", "study"}


def test_deleted_experiment_is_reported_before_being_refused(store: Store):
    open_client(store.uri).delete_experiment(store.experiment_id)
    with pytest.raises(ConfigError, match=f"mlflow experiments restore --experiment-id {store.experiment_id}$"):
        find_store_if_any(store.uri, "study")


@pytest.mark.parametrize("address", ["sqlite:///mlflow.db\r", " sqlite:///mlflow.db\n", "\tsqlite:///mlflow.db "])
def test_white_space_around_an_address_is_none_of_it(address, tmp_path, monkeypatch):
    assert resolve_uri(address, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert resolve_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"


def test_an_address_of_white_space_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "\r\n")
    assert resolve_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"


def test_a_control_character_in_an_address_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hush@host/a\rb")
    with pytest.raises(ConfigError) as told:
        resolve_uri(None, tmp_path)
    assert str(told.value) == r"MLFLOW_TRACKING_URI=http://***@host/a\rb: holds a control character; type it anew"
