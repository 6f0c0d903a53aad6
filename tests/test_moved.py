"""Folders that were moved or copied: files are found beside the store, and what is gone is named."""

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from nnsweep.api.load import load_correct, load_evaluations, load_histories, load_results
from nnsweep.cli.main import main
from nnsweep.errors import StoreError

QUICK = ("data=iris", "trainer.epochs=3", "tracking.pictures=false", "sweep.workers=1")


def sweep_into(folder: Path, *arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr("sys.argv", ["nnsweep"])
        assert main([*arguments, *QUICK]) == 0


@pytest.fixture(scope="module")
def swept(ready_store_file, tmp_path_factory) -> Path:
    """Give the folder of a small sweep, whose log is in the store: to be copied."""
    folder = tmp_path_factory.mktemp("swept") / "first"
    folder.mkdir()
    shutil.copy(ready_store_file, folder / "mlflow.db")
    sweep_into(folder, "arch=linear,shallow", "seed=0", "hydra.sweep.dir=multirun/one")
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


@pytest.fixture
def second(swept, tmp_path, monkeypatch) -> Iterator[Path]:
    """Give a copy of that folder as the working folder; the original is gone as long as the test lasts."""
    folder = tmp_path / "second"
    shutil.copytree(swept, folder)
    swept.rename(swept.with_name("away"))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield folder
    swept.with_name("away").rename(swept)


def test_a_program_that_ends_leaves_its_store_in_one_file(tmp_path):
    for words in (["-m", "seed=0,1", *QUICK], ["report", "nnsweep"]):
        subprocess.run([sys.executable, "-m", "nnsweep", *words], cwd=tmp_path, capture_output=True, check=True)
        assert [path.name for path in tmp_path.glob("mlflow.db*")] == ["mlflow.db"]


@pytest.fixture
def run(capfd, monkeypatch):
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["nnsweep"])
        code = main(arguments)
        return code, *capfd.readouterr()

    return run


@pytest.fixture
def a_run(swept) -> str:
    """Give the id of one of the runs."""
    with closing(sqlite3.connect(swept / "mlflow.db")) as connection:
        return str(connection.execute("SELECT run_uuid FROM runs WHERE name LIKE '%32-relu%'").fetchone()[0])


COMMANDS = {
    "export --histories": ("export", "nnsweep", "--histories"),
    "export --sweep": ("export", "nnsweep", "--sweep", "one"),
    "report": ("report", "nnsweep"),
    "plot": ("plot", "nnsweep", "--format", "svg"),
    "diff": ("diff", "RUN", "RUN"),
    "reproduce": ("reproduce", "RUN"),
    "save": ("save", "RUN", "-o", "model.npz"),
    "register": ("register", "one"),
}
PARTIAL = ("report", "plot")  # which give what they can


def words(command: str, run_id: str) -> list[str]:
    return [run_id if word == "RUN" else word for word in COMMANDS[command]]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_reads_a_moved_folder(command, a_run, second, run):
    code, out, err = run(*words(command, a_run))
    assert (code, err) == (0, "")
    assert out


def test_an_exported_history_is_verified_after_a_move(a_run, second, run):
    run("export", "nnsweep", "--histories", "-o", "curves.csv")
    assert pd.read_csv("curves.csv").groupby("run_id")["epoch"].nunique().tolist() == [4, 4]
    assert run("verify", "curves.csv")[0] == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_files_that_are_gone_are_named(command, a_run, second, run):
    shutil.rmtree(second / "mlartifacts")
    code, out, err = run(*words(command, a_run))
    assert code == 5
    assert re.search(r"files of (run|2 runs) .*cannot be read: they are (not|neither) in .*mlartifacts", err)
    assert bool(out) == (command in PARTIAL)


def test_python_names_files_that_are_gone(second):
    shutil.rmtree(second / "mlartifacts")
    runs = load_results("nnsweep")
    for load in (load_histories, load_correct, load_evaluations):
        with pytest.raises(StoreError, match="the files of 2 runs"):
            load(runs)


def test_a_copy_reads_its_own_files(a_run, swept, tmp_path, monkeypatch, run):
    shutil.copytree(swept, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    theirs = swept / "mlartifacts" / a_run / "artifacts" / "history.parquet"
    content = theirs.read_bytes()
    theirs.write_bytes(b"other")
    try:
        code, out, err = run("export", "nnsweep", "--histories")
    finally:
        theirs.write_bytes(content)
    assert (code, err) == (0, "")
    assert a_run in out


def places(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        rows = connection.execute("SELECT artifact_uri FROM runs UNION SELECT artifact_location FROM logged_models")
        return {Path(text).relative_to(folder).parts[0] for (text,) in rows}


def test_a_copy_writes_beside_itself(swept, tmp_path):
    before = sorted(swept.rglob("*"))
    shutil.copytree(swept, tmp_path / "copy")
    sweep_into(tmp_path / "copy", "arch=linear,shallow", "seed=0,1")
    assert sorted(swept.rglob("*")) == before
    assert places(tmp_path / "copy") == {"mlartifacts"}
    assert len([*(tmp_path / "copy").glob("mlartifacts/*/artifacts/history.parquet")]) == 4


def test_a_copied_store_alone_writes_beside_itself(swept, tmp_path):
    (tmp_path / "copy").mkdir()
    shutil.copy(swept / "mlflow.db", tmp_path / "copy")
    before = sorted(swept.rglob("*"))
    sweep_into(tmp_path / "copy", "arch=linear,shallow", "seed=0,1")
    assert sorted(swept.rglob("*")) == before
    assert len([*(tmp_path / "copy").glob("mlartifacts/*/artifacts/history.parquet")]) == 2
    uri = f"sqlite:///{tmp_path}/copy/mlflow.db"
    assert len(load_histories(load_results("nnsweep", uri=uri), uri=uri)) == 4


def test_a_moved_folder_goes_on_with_mlflow_finding_its_files(second):
    sweep_into(second, "arch=linear,shallow", "seed=0,1")
    assert places(second) == {"mlartifacts"}


def test_artifacts_that_were_put_elsewhere_stay_there(ready_store_file, tmp_path):
    for name in ("first", "elsewhere"):
        (tmp_path / name).mkdir()
    shutil.copy(ready_store_file, tmp_path / "first" / "mlflow.db")
    sweep_into(tmp_path / "first", "arch=linear", f"tracking.artifact_root={tmp_path}/elsewhere/mlartifacts")
    shutil.move(tmp_path / "first", tmp_path / "second")
    sweep_into(tmp_path / "second", "arch=shallow")
    assert len([*tmp_path.glob("elsewhere/mlartifacts/*/artifacts/history.parquet")]) == 2
