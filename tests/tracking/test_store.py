import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from mlflow.entities import ViewType

from nnsweep.errors import ConfigError, StoreError
from nnsweep.tracking import run
from nnsweep.tracking.client import client
from nnsweep.tracking.reading import history, job_runs
from nnsweep.tracking.store import (
    Store,
    check,
    existing,
    if_there,
    optimize,
    ready,
    require_store,
    resolved_uri,
    sqlite_path,
)

EIGHT = """
import multiprocessing, os, sys
import mlflow.tracking
from nnsweep.tracking import run
from nnsweep.tracking.store import ready

def work(barrier, uri):
    barrier.wait()
    store = ready(uri, "study")
    run_id = run.start(store, "job", {"nnsweep.kind": "job"})
    os.write(1, f"{store.experiment_id} {run_id}\\n".encode())  # whole lines, of eight processes at once

fork = multiprocessing.get_context("fork")
barrier = fork.Barrier(8)
processes = [fork.Process(target=work, args=(barrier, sys.argv[1])) for _ in range(8)]
for process in processes:
    process.start()
for process in processes:
    process.join()
sys.exit(any(process.exitcode for process in processes))
"""
KILLED = """
import multiprocessing, os, signal, sys, time
from pathlib import Path
from random import Random
import mlflow.tracking
from nnsweep.tracking.store import ready

folder = Path(sys.argv[1])
process = multiprocessing.get_context("fork").Process(target=ready, args=(f"sqlite:///{folder}/mlflow.db", "study"))
process.start()
while not any(file.stat().st_size > int(sys.argv[3]) for file in folder.glob(sys.argv[2])):
    assert process.exitcode is None
    time.sleep(0.001)
process.kill()
process.join()
"""


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
    assert resolved_uri(uri, Path("/study")) == absolute


@pytest.mark.parametrize("path", ["what?.db", "a%20b/mlflow.db"])
def test_a_path_that_a_uri_would_read_otherwise_is_refused(path: str):
    with pytest.raises(ConfigError, match="which a URI reads otherwise"):
        resolved_uri(f"sqlite:///{path}", Path("/study"))


def test_the_environment_counts_where_no_uri_is_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    assert resolved_uri(None, Path("/study")) == "sqlite:////study/other.db"
    assert resolved_uri("sqlite:///mine.db", Path("/study")) == "sqlite:////study/mine.db"


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
        resolved_uri(uri, Path("/study"))
    assert len(error.value.problems) == len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("uri", ["ftp://me:secret@host/db", "oracle://me:se/cret@host", "postgresql://me:secret@ho st"])
def test_a_refusal_does_not_tell_the_password(uri: str):
    with pytest.raises(ConfigError, match=r"://\*\*\*@") as error:
        resolved_uri(uri, Path("/study"))
    assert "cret" not in str(error.value)


def test_only_sqlite_has_a_file():
    assert sqlite_path("sqlite:////study/mlflow.db") == Path("/study/mlflow.db")
    assert sqlite_path("http://host") is None


def test_store_and_experiment_are_made(tmp_path: Path):
    database = tmp_path / "new" / "folder" / "mlflow.db"
    store = ready(f"sqlite:///{database}", "study")
    found = client(store.uri).get_experiment_by_name("study")
    assert (store.experiment, store.experiment_id) == ("study", found.experiment_id)
    assert found.artifact_location == str(database.parent / "mlartifacts")
    assert {file.name for file in database.parent.iterdir()} <= {"mlflow.db", "mlflow.db-wal", "mlflow.db-shm"}
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert run.start(store, "job", {})


def test_ready_twice_is_the_same(uri: str):
    assert ready(uri, "study") == ready(uri, "study")
    assert [known.name for known in client(uri).search_experiments()].count("study") == 1


def test_a_chosen_artifact_root_is_made_absolute(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    ready(uri, "here", "kept")
    ready(uri, "there", "s3://bucket/kept")
    assert client(uri).get_experiment_by_name("here").artifact_location == str(tmp_path / "kept")
    assert client(uri).get_experiment_by_name("there").artifact_location == "s3://bucket/kept"


def test_odd_characters_in_a_folder_do_no_harm(ready_store_file: Path, tmp_path: Path):
    folder = tmp_path / "100% #1 é"
    folder.mkdir()
    shutil.copy(ready_store_file, folder / "mlflow.db")
    (tmp_path / "note.md").write_text("kept")
    store = ready(f"sqlite:///{folder}/mlflow.db", "study")
    run.log_files(store, run.start(store, "job", {"nnsweep.kind": "job"}), [tmp_path / "note.md"])
    assert [record.name for record in job_runs(store)] == ["job"]
    assert [file.read_text() for file in folder.rglob("note.md")] == ["kept"]
    assert {entry.name for entry in tmp_path.iterdir()} == {folder.name, "note.md"}


def test_eight_processes_at_once_share_a_new_store(program, tmp_path: Path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    process = program(EIGHT, uri)
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    experiments, runs = zip(*map(str.split, out.splitlines()), strict=True)
    (known,) = [one for one in client(uri).search_experiments(ViewType.ALL) if one.name == "study"]
    assert {*experiments} == {known.experiment_id}
    assert len({*runs}) == 8
    assert {record.run_id for record in job_runs(existing(uri, "study"))} == {*runs}
    assert {file.name for file in tmp_path.iterdir()} <= {"mlflow.db", "mlflow.db-wal", "mlflow.db-shm"}


@pytest.mark.parametrize(
    ("file", "size"),
    [(".nnsweep-store-*", 0), (".nnsweep-store-*/draft.db", 100_000), (".nnsweep-store-*/whole.db", 0)],
)
def test_a_kill_while_a_store_is_made_does_not_stop_the_next_start(file, size, program, tmp_path: Path):
    process = program(KILLED, tmp_path, file, size)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert not (tmp_path / "mlflow.db").exists()
    assert run.start(ready(f"sqlite:///{tmp_path}/mlflow.db", "study"), "job", {})


def damaged_text(file: Path) -> None:
    file.write_text("not a store\n" * 1000)


def damaged_half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def damaged_empty(file: Path) -> None:
    os.truncate(file, 0)


def damaged_start(file: Path) -> None:
    with file.open("r+b") as store:
        store.write(bytes(100))


def sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("asked", [ready, existing], ids=["ready", "existing"])
@pytest.mark.parametrize("damage", [damaged_text, damaged_half, damaged_empty, damaged_start])
def test_a_damaged_store_is_told_and_not_touched(asked, damage, ready_store_file: Path, tmp_path: Path):
    database = tmp_path / "mlflow.db"
    shutil.copy(ready_store_file, database)
    damage(database)
    before, begin = sha(database), time.monotonic()
    with pytest.raises(StoreError, match=r"cannot be read .*nothing was changed") as error:
        asked(f"sqlite:///{database}", "study")
    assert time.monotonic() - begin < 2
    assert len(str(error.value).splitlines()) == 1
    assert str(database) in str(error.value)
    assert sha(database) == before
    assert {file.name.removesuffix("-wal").removesuffix("-shm") for file in tmp_path.iterdir()} == {"mlflow.db"}


def test_wherever_a_page_is_damaged_no_run_is_lost_in_silence(store: Store, job, tmp_path: Path):
    for number in range(20):
        run.log(store, job(number=number), settings={f"setting{name}": name for name in range(20)})
    with closing(sqlite3.connect(sqlite_path(store.uri))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sound = sqlite_path(store.uri).read_bytes()
    random, outcomes = Random(0), []
    for number in range(30):
        damaged, begin = bytearray(sound), random.randrange(len(sound) - 5000)
        if number % 2:
            damaged[begin : begin + 5000] = random.randbytes(5000)
        else:
            for _ in range(400):
                damaged[random.randrange(100, len(sound))] ^= random.randrange(1, 256)
        database = tmp_path / f"{number}.db"
        database.write_bytes(damaged)
        try:
            outcomes.append(len(job_runs(existing(f"sqlite:///{database}", "study"))))
        except (StoreError, ConfigError) as error:
            outcomes.append(str(error).partition(str(database))[0])
        assert database.read_bytes() == damaged
    assert {*outcomes} <= {20, "the store "}


@pytest.mark.parametrize("asked", [ready, existing], ids=["ready", "existing"])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_no_store(asked, make, tmp_path: Path):
    database, begin = tmp_path / "mlflow.db", time.monotonic()
    make(database)
    with pytest.raises(StoreError, match="it is not a file"):
        asked(f"sqlite:///{database}", "study")
    assert time.monotonic() - begin < 2
    assert [*tmp_path.iterdir()] == [database]


@pytest.mark.parametrize("path", ["/dev/null/x/mlflow.db", f"/tmp/{'a' * 300}.db"], ids=["no folder", "long name"])
def test_an_impossible_place_is_told(path: str):
    for asked in (ready, existing):
        with pytest.raises(StoreError) as error:
            asked(f"sqlite:///{path}", "study")
        assert path in str(error.value)
        assert len(str(error.value).splitlines()) == 1


def test_a_link_to_nowhere_is_told(tmp_path: Path):
    (tmp_path / "mlflow.db").symlink_to(tmp_path / "gone.db")
    with pytest.raises(StoreError, match="cannot be read"):
        ready(f"sqlite:///{tmp_path}/mlflow.db", "study")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mlflow.db"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_store_is_told(uri: str):
    sqlite_path(uri).chmod(0o444)
    with pytest.raises(StoreError, match="read-only"):
        ready(uri, "study")


def test_a_deleted_experiment_is_not_written_to(store: Store):
    client(store.uri).delete_experiment(store.experiment_id)
    with pytest.raises(ConfigError, match=f"mlflow experiments restore --experiment-id {store.experiment_id}$"):
        ready(store.uri, store.experiment)


def test_existing_finds_and_makes_nothing(store: Store, tmp_path: Path):
    assert existing(store.uri, "study") == store
    with pytest.raises(ConfigError, match=r"no experiment 'other'.* it has: Default, study$"):
        existing(store.uri, "other")
    with pytest.raises(StoreError, match="there is no store"):
        existing(f"sqlite:///{tmp_path}/new/mlflow.db", "study")
    assert not (tmp_path / "new").exists()


def test_a_sound_store_passes(uri: str):
    require_store(uri)


def test_optimize_gathers_statistics_and_keeps_the_runs(store: Store, job):
    run_id = job()
    optimize(store)
    with closing(sqlite3.connect(sqlite_path(store.uri))) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_stat1").fetchone()[0] > 0
    assert [record.run_id for record in job_runs(store)] == [run_id]
    assert history(store, run_id).empty
    optimize(Store("http://127.0.0.1:9", "study", "1"))


def test_looking_at_a_store_in_use_leaves_its_locks_alone(store: Store, job):
    # a process that has the store open looks at it once more; then another process opens and closes it
    job()
    existing(store.uri, store.experiment)
    reader = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('select count(*) from runs').fetchall()"
    subprocess.run([sys.executable, "-c", reader, str(sqlite_path(store.uri))], check=True)
    job()
    assert len(job_runs(store)) == 2
    require_store(store.uri)


# ---- looking before anything is made


def contents(folder: Path) -> dict[Path, bytes]:
    """Read all files but the index that SQLite keeps beside a store that is open."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.match("*.db-shm")}


def test_a_check_changes_nothing(store: Store, tmp_path: Path):
    before = contents(tmp_path)
    check(store.uri)
    check(f"sqlite:///{tmp_path}/new/folder/mlflow.db")
    check("http://127.0.0.1:9")
    check("postgresql://me:secret@nowhere/db")
    assert contents(tmp_path) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("damage", [damaged_text, damaged_half, damaged_empty, damaged_start])
def test_a_check_tells_a_damaged_store(damage, ready_store_file: Path, tmp_path: Path):
    database = tmp_path / "mlflow.db"
    shutil.copy(ready_store_file, database)
    damage(database)
    before = sha(database)
    with pytest.raises(StoreError, match=r"cannot be read .*nothing was changed"):
        check(f"sqlite:///{database}")
    assert sha(database) == before


@pytest.mark.parametrize("file", ["note.md", "note.md/deeper/still"])
def test_a_check_tells_a_place_where_no_store_can_be_made(file: str, tmp_path: Path):
    (tmp_path / "note.md").write_text("kept")
    with pytest.raises(StoreError, match="no folder above it can be written to"):
        check(f"sqlite:///{tmp_path}/{file}/mlflow.db")
    assert (tmp_path / "note.md").read_text() == "kept"


def test_a_check_tells_a_folder_and_a_link_to_nowhere(tmp_path: Path):
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "gone.db")
    for name in ("folder", "link"):
        with pytest.raises(StoreError, match="it is not a file"):
            check(f"sqlite:///{tmp_path}/{name}.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_check_tells_what_is_read_only(uri: str, tmp_path: Path):
    sqlite_path(uri).chmod(0o444)
    with pytest.raises(StoreError, match="read-only"):
        check(uri)
    (tmp_path / "folder").mkdir(mode=0o555)
    with pytest.raises(StoreError, match="no folder above it can be written to"):
        check(f"sqlite:///{tmp_path}/folder/new/mlflow.db")


def test_an_experiment_is_found_if_it_is_there(store: Store, tmp_path: Path):
    assert if_there(store.uri, "study") == store
    assert if_there(store.uri, "other") is None
    assert if_there(f"sqlite:///{tmp_path}/new/mlflow.db", "study") is None
    assert not (tmp_path / "new").exists()
    assert {one.name for one in client(store.uri).search_experiments()} == {"Default", "study"}


def test_an_experiment_that_is_deleted_is_told_before_it_would_be_refused(store: Store):
    client(store.uri).delete_experiment(store.experiment_id)
    with pytest.raises(ConfigError, match=f"mlflow experiments restore --experiment-id {store.experiment_id}$"):
        if_there(store.uri, "study")


@pytest.mark.parametrize("damage", [damaged_text, damaged_half, damaged_empty, damaged_start])
def test_a_damaged_store_is_not_taken_for_one_that_is_absent(damage, ready_store_file: Path, tmp_path: Path):
    database = tmp_path / "mlflow.db"
    shutil.copy(ready_store_file, database)
    damage(database)
    with pytest.raises(StoreError, match="cannot be read"):
        if_there(f"sqlite:///{database}", "study")


def test_looking_makes_no_store_of_a_database_that_is_none(tmp_path: Path):
    database = tmp_path / "mine.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE diary (day TEXT)")
    before = sha(database)
    for looks in (if_there, existing):
        with pytest.raises(StoreError, match="not an MLflow store"):
            looks(f"sqlite:///{database}", "study")
    assert sha(database) == before
