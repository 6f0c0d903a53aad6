"""A published table is verified without its store: some of its runs are trained again."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from nnsweep.cli.main import main
from nnsweep.results.tables.manifest import place_beside

QUICK = ("trainer.epochs=3", "tracking.pictures=false", "tracking.models=none")
ROWS = "".join(f"{17 * i % 11},{i % 7},{'ab'[i % 2]}\n" for i in range(60))


@pytest.fixture(scope="module")
def published(new_study) -> Path:
    """Give a folder with exported tables and without the store that they are from."""
    with new_study("published") as folder:
        Path("own.csv").write_text(f"age,size,y\n{ROWS}")
        assert main(["arch=linear,shallow", "seed=0,1", "data=iris", *QUICK]) == 0
        own = ("data=table", "data.path=own.csv", "data.target=y", "tracking.experiment=own")
        assert main(["arch=linear", "seed=0,1", *own, *QUICK]) == 0
        for suffix in ("csv", "tex", "html", "parquet"):
            assert main(["export", "nnsweep", "-o", f"table.{suffix}"]) == 0
        assert main(["export", "nnsweep", "--histories", "-o", "curves.csv"]) == 0
        assert main(["export", "own", "--filter", "seed > 0", "-o", "own_table.csv"]) == 0
    (folder / "mlflow.db").unlink()
    shutil.rmtree(folder / "mlartifacts")
    return folder


@pytest.fixture
def work(published, tmp_path, monkeypatch) -> Path:
    shutil.copytree(published, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("sys.argv", ["nnsweep"])
    return tmp_path / "work"


@pytest.mark.parametrize("suffix", ["csv", "tex", "html", "parquet"])
def test_a_sample_is_trained_again_and_is_the_same(suffix, work, capfd):
    before = sorted(work.rglob("*"))
    assert main(["verify", f"table.{suffix}", "--retrain", "2"]) == 0
    said = capfd.readouterr().out
    assert "2 of 4 runs, drawn at random, were trained again" in said
    assert "are the same, bit for bit" in said
    assert sorted(work.rglob("*")) == before


@pytest.mark.parametrize(("column", "value"), [("test_accuracy", 0.99), ("best_epoch", 0), ("seed", 9)])
def test_a_false_cell_is_named(column, value, work, capfd):
    table = pd.read_csv("table.csv")
    was = table.loc[1, column]
    table.loc[1, column] = value
    table.to_csv("table.csv", index=False)
    assert main(["verify", "table.csv", "--retrain", "4"]) == 6
    name = table.loc[1, "name"]
    assert f"{name} ({table.loc[1, 'run_id']}): {column} is {value} in the table, {was!s}" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("changed", "code", "told"),
    [
        ({"key": "0" * 64}, 6, "its key is 000000000000 in the manifest"),
        ({"data_digest": "0" * 64}, 6, "its data are others"),
        ({"configuration": {"seed": 5}}, 6, "by its configuration there"),
        ({"configuration": {"seed": "x"}}, 4, "its configuration is none of this version's"),
        ({"numerics": "1"}, 4, "trained with numerics version 1"),
        ({"numerics": ""}, 4, "export the table again from its store"),
    ],
)
def test_a_forged_manifest_is_named(changed, code, told, work, capfd):
    path = place_beside(work / "table.csv")
    manifest = json.loads(path.read_text())
    first = manifest["runs"][0]
    first |= changed | {"configuration": first["configuration"] | changed.get("configuration", {})}
    path.write_text(json.dumps(manifest | {"digest": ""}))
    assert main(["verify", "table.csv", "--retrain", "4"]) == code
    said = capfd.readouterr()
    assert told in said.out + said.err
    assert "Traceback" not in said.err


def test_results_of_a_run_on_other_data_are_not_compared(work, capfd):
    path = place_beside(work / "table.csv")
    manifest = json.loads(path.read_text())
    first = manifest["runs"][0]
    first["data_digest"] = "0" * 64
    path.write_text(json.dumps(manifest | {"digest": ""}))
    assert main(["verify", "table.csv", "--retrain", "4"]) == 6
    said = capfd.readouterr()
    assert "its data are others" in said.out
    assert "in the table" not in said.out
    assert first["name"] not in said.err


def test_a_row_that_is_gone_is_told(work, capfd):
    pd.read_csv("table.csv").iloc[1:].to_csv("table.csv", index=False)
    assert main(["verify", "table.csv", "--retrain", "1"]) == 6
    assert "the table does not have it" in capfd.readouterr().out


def test_data_of_ones_own_are_looked_for_and_can_be_named(work, capfd):
    assert main(["verify", "own_table.csv", "--retrain", "5"]) == 0
    assert "made with --filter 'seed > 0': what that left out cannot be told" in capfd.readouterr().out
    os.rename("own.csv", "moved.csv")
    assert main(["verify", "own_table.csv", "--retrain", "5"]) == 4
    assert "--data-path" in capfd.readouterr().err
    assert main(["verify", "own_table.csv", "--retrain", "5", "--data-path", "moved.csv"]) == 0
    Path("moved.csv").write_text(f"age,size,y\n3,3,a\n{ROWS}")
    assert main(["verify", "own_table.csv", "--retrain", "5", "--data-path", "moved.csv"]) == 6
    assert "its data are others" in capfd.readouterr().out
    assert str(work) not in place_beside(work / "own_table.csv").read_text()


def test_curves_are_refused_and_so_is_a_place_without_training(work, capfd):
    assert main(["verify", "curves.csv", "--retrain", "1"]) == 2
    assert "exported without --histories" in capfd.readouterr().err
    assert main(["verify", "table.csv", "--data-path", "own.csv"]) == 2
