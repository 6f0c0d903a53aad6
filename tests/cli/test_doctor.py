"""The doctor: what is well is said to be, what is not is found, and nothing is touched."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from nnsweep.cli import doctor
from nnsweep.cli.doctor import Finding, run_check
from nnsweep.errors import StoreError
from nnsweep.tracking import runs
from nnsweep.tracking.owner import Owner
from nnsweep.tracking.store import prepare_store
from tests.outside import begin, kill, n_unended, run, wait_until

QUICK = ("data=iris", "trainer.epochs=1", "tracking.pictures=false")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def states(out: str) -> dict[str, str]:
    return {line.split(None, 1)[1].partition(": ")[0]: line.split(None, 1)[0] for line in out.splitlines()}


def line_about(what: str, out: str) -> str:
    (line,) = (line for line in out.splitlines() if line.split(None, 1)[1].startswith(f"{what}: "))
    return line


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """Work in an empty folder, with nothing of this machine's user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("SCIKIT_LEARN_DATA", "NNSWEEP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


# ---- the command


def test_fresh_installation_passes_quickly_and_leaves_no_file(empty):
    began = time.perf_counter()
    said = run(empty, "doctor")
    assert time.perf_counter() - began < 10  # 2 s on an idle machine
    assert (said.code, said.err) == (0, "")
    assert {"ok"} == {*states(said.out).values()}
    assert [*empty.iterdir()] == []
    assert f"there is none yet; the first sweep makes sqlite:///{empty}/mlflow.db" in said.out


def test_a_store_is_looked_at_and_not_changed(nnsweep, study):
    assert nnsweep(*QUICK).code == 0
    before = contents(study)
    said = nnsweep("doctor")
    assert said.code == 0, said.out
    line = line_about("store", said.out)
    assert "2 experiments" in line
    assert "as this MLflow's" in line
    assert line_about("runs", said.out).endswith("all ended")
    assert line_about("job folders", said.out).startswith("ok       job folders: 1 record in multirun")
    after = {name: text for name, text in contents(study).items() if not name.endswith(("-shm", "-wal"))}
    assert after == {name: text for name, text in before.items() if not name.endswith(("-shm", "-wal"))}


def test_runs_of_processes_that_were_killed_are_told(nnsweep, study):
    process = begin(study, "data=iris", "trainer.epochs=100000000", "sweep.workers=1", "tracking.pictures=false")
    wait_until(lambda: n_unended(study / "mlflow.db") >= 2, "a run")
    alive = nnsweep("doctor")
    kill(process)
    said = nnsweep("doctor")
    assert "and their processes at work" in line_about("runs", alive.out)
    assert line_about("runs", said.out).startswith("warning  runs: 2 are open though their processes are gone (")
    assert said.code == 0
    assert nnsweep(*QUICK).code == 0
    assert line_about("runs", nnsweep("doctor").out).endswith("all ended")


def test_silent_sweep_is_named_with_what_to_do_about_it(nnsweep, study):
    store = prepare_store(f"sqlite:///{study / 'mlflow.db'}", "nnsweep")
    owner = Owner("elsewhere", "b", 7, "t")
    runs.start_run(store, "sweep s1", {"nnsweep.kind": "sweep", "nnsweep.sweep": "s1", runs.OWNER: owner.tag()})
    said = nnsweep("doctor")
    assert said.code == 0
    assert line_about("runs", said.out) == (
        "warning  runs: 1 are open whose processes give no sign of life (sweep s1); "
        "if you know that they are dead, delete these runs in MLflow"
    )
    assert line_about("sweeps", said.out).startswith(
        "warning  sweeps: s1 is under way, held by process 7 on elsewhere: nothing can be seen of it from here; it "
    )


def test_waiting_records_are_reported_with_the_sync_command(nnsweep, study):
    assert nnsweep(*QUICK).code == 0
    (record,) = study.glob("multirun/*/*/record.json")
    (record.parent / "waiting").touch()
    said = nnsweep("doctor")
    assert said.code == 0
    line = line_about("job folders", said.out)
    assert line == "warning  job folders: 1 of 1 record in multirun not sent to the store yet; send them: nnsweep sync"
    assert nnsweep("sync").code == 0


def _damage(database: Path) -> None:
    database.write_bytes(b"no database" * 1000)


def _others(database: Path) -> None:
    database.unlink()
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE other (name)")


def _older(database: Path) -> None:
    with closing(sqlite3.connect(database)) as store:
        store.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
        store.commit()


@pytest.mark.parametrize(
    ("change", "told"),
    [(_damage, "cannot be read"), (_others, "is not an MLflow store"), (_older, "has the tables of another MLflow")],
)
def test_unusable_store_is_a_problem_with_its_own_exit_code(change, told, study):
    change(study / "mlflow.db")
    said = run(study, "doctor")
    assert said.code == 5
    assert line_about("store", said.out).startswith("problem  store: ")
    assert told in line_about("store", said.out)
    assert said.err == "nnsweep: error: 1 problem: store; see above\n"


def test_unreachable_server_is_a_problem_and_hides_its_password(empty):
    said = run(empty, "doctor", "--json", MLFLOW_TRACKING_URI="http://somebody:canary-01@127.0.0.1:9/?token=canary-02")
    assert said.code == 5
    assert "canary" not in said.out + said.err
    told = json.loads(said.out)
    assert told["n_problems"] == 1
    assert [one["what"] for one in told["findings"] if one["state"] == "problem"] == ["store"]
    assert all({*one} == {"what", "state", "says", "way_out"} for one in told["findings"])


def test_a_wrong_option_is_told_in_a_line(nnsweep):
    said = nnsweep("doctor", "--jsn")
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)


# ---- single checks


def test_a_check_that_breaks_is_a_problem_and_not_the_end():
    def broken():
        yield Finding("a", "ok", "well")
        raise ZeroDivisionError("division by zero")

    def refusing():
        raise StoreError("away")

    assert [one.state for one in run_check("a", broken)] == ["ok", "problem"]
    assert [*run_check("store", refusing)] == [Finding("store", "problem", "away", error=StoreError)]


@pytest.fixture
def installed(monkeypatch):
    """Have an installation as it is told."""

    def be(versions: dict[str, str], wanted: list[str], python: str = ">=3.11", extras: tuple[str, ...] = ()) -> None:
        def version(name: str) -> str:
            if name not in versions:
                raise metadata.PackageNotFoundError(name)
            return versions[name]

        class Told(dict[str, str]):
            def get_all(self, _: str) -> list[str]:
                return [*extras]

        monkeypatch.setattr(metadata, "version", version)
        monkeypatch.setattr(metadata, "requires", lambda _: wanted)
        monkeypatch.setattr(metadata, "metadata", lambda _: Told({"Requires-Python": python}))

    return be


def test_missing_or_mismatched_packages_are_named(installed):
    installed(
        {"numpy": "2.3.1", "scipy": "1.9"}, ["numpy<3,>=2.1", "scipy>=1.14", "pandas>=2", "jax; extra == 'bench'"]
    )
    told = [*doctor.examine_packages()]
    assert [(one.state, one.says) for one in told] == [
        ("problem", "scipy is 1.9, and must be >=1.14"),
        ("problem", "pandas is missing"),
    ]
    installed({"numpy": "2.3.1"}, ["numpy<3,>=2.1"])
    assert [one.state for one in doctor.examine_packages()] == ["ok"]


def test_a_python_that_is_too_old_is_a_problem(installed):
    installed({}, [], python=">=99")
    (told,) = doctor.examine_python()
    assert told.state == "problem"
    assert "which is not >=99" in told.says


def test_missing_extras_are_no_problem_and_dev_ones_are_hidden(installed):
    wanted = ["numpy>=2", "here>=1; extra == 'one'", "there>=1; extra == 'two'", "x; extra == 'dev'"]
    installed({"numpy": "2.1", "here": "1.0"}, wanted, extras=("one", "two", "dev"))
    told = [*doctor.examine_extras()]
    assert [(one.what, one.state) for one in told] == [("optional: one", "ok"), ("optional: two", "ok")]
    assert told[0].says == "installed"
    assert "there is missing" in told[1].says


def test_a_configuration_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    shutil.copytree(doctor.conf_tree.conf_dir(), tmp_path / "conf")
    monkeypatch.setattr(doctor.conf_tree, "conf_dir", lambda: str(tmp_path / "conf"))
    assert [one.state for one in doctor.examine_configurations()] == ["ok"]
    (tmp_path / "conf" / "arch" / "deep.yaml").write_text("a: [\n")
    (told,) = doctor.examine_configurations()
    assert told.state == "problem"
    assert "arch/deep.yaml" in told.says


def test_a_plugin_that_hydra_does_not_find_is_a_problem(monkeypatch):
    monkeypatch.setattr("nnsweep.jobs.arguments.list_plugins", lambda: ["BasicLauncher", "StackedLauncher"])
    (told,) = doctor.examine_plugins()
    assert (told.state, told.says) == ("problem", "Hydra does not find GridSweeper")


@pytest.mark.parametrize(("free", "state"), [(5e7, "problem"), (5e8, "warning"), (5e9, "ok")])
def test_a_disk_that_is_nearly_full_is_told(free, state, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    (told,) = doctor.examine_disk(tmp_path / "not" / "there")
    assert told.state == state


def test_low_open_file_limit_is_reported_by_its_process(empty):
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)); "
        "from nnsweep.cli import doctor; "
        "print(next(iter(doctor.examine_open_files())).in_words())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "warning  open files: at most 200; allow more: ulimit -n 1024\n"
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] != 200


def test_machine_limits_are_read_from_the_control_group(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_CGROUP", tmp_path)
    assert not any("quota" in one.says for one in doctor.examine_cores())
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "memory.max").write_text("500000000\n")
    assert any("1.5 by the control group's quota" in one.says for one in doctor.examine_cores())
    (told,) = doctor.examine_memory()
    assert told.state == "warning"
    assert told.says.startswith("500 MB (a limit)")


def test_the_caches_of_data_are_told_and_none_is_made(empty, monkeypatch):
    assert [one.state for one in (*doctor.examine_corpus(), *doctor.examine_cache())] == ["ok", "ok"]
    assert [*empty.iterdir()] == []
    (empty / "scikit_learn_data").mkdir()
    (empty / "scikit_learn_data" / "20news-bydate_py3.pkz").write_bytes(b"1234")
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty / "caches"))
    (empty / "caches" / "nnsweep").mkdir(parents=True)
    (empty / "caches" / "nnsweep" / "a.npy").write_bytes(b"123456")
    assert "(4 B)" in next(iter(doctor.examine_corpus())).says
    assert next(iter(doctor.examine_cache())).says.startswith(f"6 B in {empty / 'caches' / 'nnsweep'}")
    monkeypatch.setenv("NNSWEEP_CACHE", os.devnull)
    assert next(iter(doctor.examine_cache())).state == "warning"
