import hashlib
import os
import re
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
from nnsweep.tracking import runs, sqlite
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.recorded_run import read_history
from nnsweep.tracking.store import Store, check_store, find_store, find_store_if_any, prepare_store, require_store
from tests.zygote import ForkedProcess

FOUR = """
import multiprocessing, os, sys
import mlflow.tracking
from nnsweep.tracking import runs, sqlite
from nnsweep.tracking.store import prepare_store

sqlite.find_tables = lambda: None

def work(barrier, uri):
    barrier.wait()
    store = prepare_store(uri, "study")
    run_id = runs.start_run(store, "job", {"nnsweep.kind": "job"})
    os.write(1, f"{store.experiment_id} {run_id}\\n".encode())  # whole lines, of four processes at once

fork = multiprocessing.get_context("fork")
barrier = fork.Barrier(4)
processes = [fork.Process(target=work, args=(barrier, sys.argv[1])) for _ in range(4)]
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
from nnsweep.tracking import sqlite
from nnsweep.tracking.store import prepare_store

sqlite.find_tables = lambda: None
folder = Path(sys.argv[1])
given = (f"sqlite:///{folder}/mlflow.db", "study")
process = multiprocessing.get_context("fork").Process(target=prepare_store, args=given)
process.start()
while not any(file.stat().st_size > int(sys.argv[3]) for file in folder.glob(sys.argv[2])):
    assert process.exitcode is None
    time.sleep(0.001)
process.kill()
process.join()
"""


def test_only_sqlite_has_a_file():
    assert sqlite.find_database_file("sqlite:////study/mlflow.db") == Path("/study/mlflow.db")
    assert sqlite.find_database_file("http://host") is None


@pytest.fixture
def no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let MLflow make each new store itself."""
    monkeypatch.setenv("NNSWEEP_CACHE", os.devnull)
    monkeypatch.setattr(sqlite, "find_tables", lambda: None)


@pytest.mark.usefixtures("no_template")
def test_four_processes_at_once_share_a_new_store(tmp_path: Path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    process = ForkedProcess(FOUR, [uri], tmp_path, os.environ)
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    experiments, runs = zip(*map(str.split, out.splitlines()), strict=True)
    (known,) = [one for one in open_client(uri).search_experiments(ViewType.ALL) if one.name == "study"]
    assert {*experiments} == {known.experiment_id}
    assert len({*runs}) == 4
    assert {record.run_id for record in find_job_runs(find_store(uri, "study"))} == {*runs}
    assert {file.name for file in tmp_path.iterdir()} <= {"mlflow.db", "mlflow.db-wal", "mlflow.db-shm"}


@pytest.mark.parametrize(
    ("file", "size"),
    [(".*.tmp", 0), (".*.tmp/draft.db", 100_000), (".*.tmp/whole.db", 0)],
)
@pytest.mark.usefixtures("no_template")
def test_kill_while_a_store_is_made_does_not_stop_the_next_start(file, size, tmp_path: Path):
    process = ForkedProcess(KILLED, [str(tmp_path), file, str(size)], tmp_path, os.environ)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert not (tmp_path / "mlflow.db").exists()
    assert runs.start_run(prepare_store(f"sqlite:///{tmp_path}/mlflow.db", "study"), "job", {})
    assert [*tmp_path.glob(".*.tmp")] == []


# ---- the new store that is kept for the next one


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready_store_file: Path) -> Path:
    """Give the file in a cache that new stores are copied from."""
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sqlite, "find_tables", lambda: None)
    file = sqlite.find_template()
    assert file is not None
    file.parent.mkdir()
    shutil.copy(ready_store_file, file)
    return file


def rows(database: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}


def schema(database: Path) -> list[tuple[str, list[str]]]:
    """Give the words that make each table and index of a store; MLflow writes constraints in an order by chance."""
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    return [(name, sorted(re.findall(r"\w+", str(sql)))) for name, sql in found]


def new_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir()
    monkeypatch.chdir(folder)
    sqlite.prepare_database(folder / "mlflow.db")
    return folder / "mlflow.db"


def test_new_stores_are_the_ones_that_mlflow_would_have_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "cache"))
    known = new_store(tmp_path / "known", monkeypatch)
    assert not (tmp_path / "cache").exists()  # its tables are known
    monkeypatch.setattr(sqlite, "find_tables", lambda: None)
    made, copied = (new_store(tmp_path / name, monkeypatch) for name in ("made", "copied"))
    assert (tmp_path / "cache").is_dir()
    ones, others, written = rows(made), rows(copied), rows(known)
    for tables, place in ((ones, made.parent), (others, copied.parent), (written, known.parent)):
        (((number, name, where, *more, created, updated, space)),) = tables.pop("experiments")
        assert (number, name, where, *more, space) == (0, "Default", f"{place}/mlruns/0", "active", "default")
        assert time.time() * 1000 - created < 60_000
        assert created == updated
    assert ones == others == written
    assert schema(made) == schema(copied) == schema(known)
    assert known.read_bytes()[18:20] == made.read_bytes()[18:20] == b"\2\2"  # readers do not wait for a writer


def test_a_new_store_needs_no_mlflow(program, tmp_path: Path):
    source = "import sys; from nnsweep.tracking.store import prepare_store; prepare_store(sys.argv[1], 'study')"
    out, said = program(f"{source}; print('mlflow' in sys.modules)", f"sqlite:///{tmp_path}/mlflow.db").communicate(
        timeout=60
    )
    assert (out, said) == ("False\n", "")


@pytest.mark.parametrize("content", [b"", b"not a store" * 1000, None], ids=["empty", "text", "half"])
def test_a_damaged_copy_in_the_cache_costs_only_time(
    content: bytes | None, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept.write_bytes(kept.read_bytes()[:100_000] if content is None else content)
    database = new_store(tmp_path / "new", monkeypatch)
    assert runs.start_run(prepare_store(f"sqlite:///{database}", "study"), "job", {})
    assert [*database.parent.glob(".*.tmp")] == []


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


@pytest.mark.parametrize("asked", [prepare_store, find_store], ids=["ready", "existing"])
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
        runs.log_values(store, job(number=number), settings={f"setting{name}": name for name in range(20)})
    with closing(sqlite3.connect(sqlite.find_database_file(store.uri))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sound = sqlite.find_database_file(store.uri).read_bytes()
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
            outcomes.append(len(find_job_runs(find_store(f"sqlite:///{database}", "study"))))
        except (StoreError, ConfigError) as error:
            outcomes.append(str(error).partition(str(database))[0])
        assert database.read_bytes() == damaged
    assert {*outcomes} <= {20, "the store "}


@pytest.mark.parametrize("asked", [prepare_store, find_store], ids=["ready", "existing"])
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
    for asked in (prepare_store, find_store):
        with pytest.raises(StoreError) as error:
            asked(f"sqlite:///{path}", "study")
        assert path in str(error.value)
        assert len(str(error.value).splitlines()) == 1


def test_a_link_to_nowhere_is_told(tmp_path: Path):
    (tmp_path / "mlflow.db").symlink_to(tmp_path / "gone.db")
    with pytest.raises(StoreError, match="cannot be read"):
        prepare_store(f"sqlite:///{tmp_path}/mlflow.db", "study")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mlflow.db"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_store_is_told(uri: str):
    sqlite.find_database_file(uri).chmod(0o444)
    with pytest.raises(StoreError, match="read-only"):
        prepare_store(uri, "study")


def test_optimize_gathers_statistics_and_keeps_the_runs(store: Store, job):
    run_id = job()
    sqlite.gather_statistics(sqlite.find_database_file(store.uri))
    with closing(sqlite3.connect(sqlite.find_database_file(store.uri))) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_stat1").fetchone()[0] > 0
    assert [record.run_id for record in find_job_runs(store)] == [run_id]
    assert read_history(store, run_id).empty


def test_a_disk_that_refuses_the_statistics_refuses_nothing_else(tmp_path: Path):
    sqlite.gather_statistics(tmp_path / "gone" / "mlflow.db")
    assert [*tmp_path.iterdir()] == []


def test_looking_at_a_store_in_use_leaves_its_locks_alone(store: Store, job):
    # a process that has the store open looks at it once more; then another process opens and closes it
    job()
    find_store(store.uri, store.experiment)
    reader = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('select count(*) from runs').fetchall()"
    subprocess.run([sys.executable, "-c", reader, str(sqlite.find_database_file(store.uri))], check=True)
    job()
    assert len(find_job_runs(store)) == 2
    require_store(store.uri)


@pytest.mark.parametrize("damage", [damaged_text, damaged_half, damaged_empty, damaged_start])
def test_a_check_tells_a_damaged_store(damage, ready_store_file: Path, tmp_path: Path):
    database = tmp_path / "mlflow.db"
    shutil.copy(ready_store_file, database)
    damage(database)
    before = sha(database)
    with pytest.raises(StoreError, match=r"cannot be read .*nothing was changed"):
        check_store(f"sqlite:///{database}")
    assert sha(database) == before


@pytest.mark.parametrize("file", ["note.md", "note.md/deeper/still"])
def test_a_check_tells_a_place_where_no_store_can_be_made(file: str, tmp_path: Path):
    (tmp_path / "note.md").write_text("kept")
    with pytest.raises(StoreError, match="no folder above it can be written to"):
        check_store(f"sqlite:///{tmp_path}/{file}/mlflow.db")
    assert (tmp_path / "note.md").read_text() == "kept"


def test_a_check_tells_a_folder_and_a_link_to_nowhere(tmp_path: Path):
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "gone.db")
    for name in ("folder", "link"):
        with pytest.raises(StoreError, match="it is not a file"):
            check_store(f"sqlite:///{tmp_path}/{name}.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_check_tells_what_is_read_only(uri: str, tmp_path: Path):
    sqlite.find_database_file(uri).chmod(0o444)
    with pytest.raises(StoreError, match="read-only"):
        check_store(uri)
    (tmp_path / "folder").mkdir(mode=0o555)
    with pytest.raises(StoreError, match="no folder above it can be written to"):
        check_store(f"sqlite:///{tmp_path}/folder/new/mlflow.db")


@pytest.mark.parametrize("damage", [damaged_text, damaged_half, damaged_empty, damaged_start])
def test_a_damaged_store_is_not_taken_for_one_that_is_absent(damage, ready_store_file: Path, tmp_path: Path):
    database = tmp_path / "mlflow.db"
    shutil.copy(ready_store_file, database)
    damage(database)
    with pytest.raises(StoreError, match="cannot be read"):
        find_store_if_any(f"sqlite:///{database}", "study")


def test_looking_makes_no_store_of_a_database_that_is_none(tmp_path: Path):
    database = tmp_path / "mine.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE diary (day TEXT)")
    before = sha(database)
    for looks in (find_store_if_any, find_store):
        with pytest.raises(StoreError, match="not an MLflow store"):
            looks(f"sqlite:///{database}", "study")
    assert sha(database) == before
