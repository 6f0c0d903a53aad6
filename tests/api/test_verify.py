"""An exported table is checked against the store, in every format: what differs is named."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from nnsweep.cli.main import main
from nnsweep.results.tables.formats import FORMATS
from nnsweep.results.tables.manifest import place_beside, read_manifest
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.store import find_store
from tests.outside import copy_store

SUFFIXES = [one.suffix for one in FORMATS.values()]
QUICK = ("data=iris", "trainer.epochs=3", "tracking.pictures=false")
QUESTION = ("--filter", "n_parameters > 0", "--sort", "name")


@pytest.fixture(scope="module")
def swept(new_study) -> Path:
    """Give the store of a small sweep: to be copied."""
    with new_study("swept") as folder:
        assert main(["arch=linear,shallow", "seed=0,1", *QUICK]) == 0
    return folder / "mlflow.db"


@pytest.fixture
def exported(nnsweep, study, swept):
    """Give a function that exports the runs of a small sweep, and gives the runs as a frame."""
    copy_store(swept, study / "mlflow.db")

    def export(name: str, *arguments: str) -> pd.DataFrame:
        assert nnsweep("export", "nnsweep", *QUESTION, *arguments, "-o", name).code == 0
        assert nnsweep("export", "nnsweep", *QUESTION, "-o", "whole.parquet").code == 0
        return pd.read_parquet("whole.parquet")

    return export


def in_store(study, statement: str, *values: object) -> None:
    """Change something in the store behind everybody's back."""
    with closing(sqlite3.connect(study / "mlflow.db", timeout=30)) as connection:
        assert connection.execute(statement, values).rowcount > 0
        connection.commit()


def metric_is(study, run_id: str, name: str, value: float) -> None:
    in_store(study, "UPDATE latest_metrics SET value = ? WHERE run_uuid = ? AND key = ?", value, run_id, name)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("columns", [(), ("--columns", "name,test_accuracy,seed")], ids=["all columns", "some"])
def test_a_table_that_nobody_has_touched_is_what_the_store_says(columns, suffix, exported, nnsweep, study):
    exported(f"table{suffix}", *columns)
    said = nnsweep("verify", f"table{suffix}")
    assert (said.code, said.err) == (0, "")
    n_cells = read_manifest(study / f"table{suffix}").n_rows * len(read_manifest(study / f"table{suffix}").columns)
    first, *left_out = said.out.splitlines()
    assert first == f"table{suffix}: all {n_cells} cells, of 4 runs, are what the store says"
    assert left_out[0] == "made with --filter 'n_parameters > 0': none of the experiment's 4 runs are left out"
    told = "made with --columns name,test_accuracy,seed: all other settings and results are left out"
    assert left_out[1:] == ([told] if columns else [])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("columns", [(), ("--columns", "name,test_accuracy,seed")], ids=["all columns", "some"])
def test_a_metric_that_was_changed_in_the_store_is_named(columns, suffix, exported, nnsweep, study):
    run = exported(f"table{suffix}", *columns).iloc[2]
    metric_is(study, run["run_id"], "test_accuracy", 0.125)
    said = nnsweep("verify", f"table{suffix}")
    assert said.code == 6
    was = float(run["test_accuracy"])
    told = f"{run['name']} ({run['run_id']}): test_accuracy is {was!r} in the table, 0.125 in the store\n"
    assert said.out.replace("\\", "") == told
    assert "1 difference from the store; the store has changed since" in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("suffix", sorted({*SUFFIXES} - {".parquet"}))
def test_a_cell_that_was_changed_in_the_table_is_named(suffix, exported, nnsweep, study):
    run = exported(f"table{suffix}").iloc[1]
    path, accuracy = study / f"table{suffix}", repr(float(run["best_val_accuracy"]))
    lines = path.read_text().splitlines(keepends=True)
    (number,) = (n for n, line in enumerate(lines) if run["run_id"] in line)
    assert accuracy in lines[number]
    lines[number] = lines[number].replace(accuracy, "0.999", 1)
    path.write_text("".join(lines))
    said = nnsweep("verify", path.name)
    assert said.code == 6
    assert f"{run['name']} ({run['run_id']}): " in said.out
    assert f"is 0.999 in the table, {accuracy} in the store" in said.out
    assert said.out.count("\n") == 1
    assert "the file was changed after it was exported" in said.err


def test_a_cell_of_a_parquet_file_too(exported, nnsweep, study):
    table = exported("table.parquet")
    table.loc[3, "best_epoch"] += 1
    table.to_parquet(study / "table.parquet", index=False)
    said = nnsweep("verify", "table.parquet")
    assert said.code == 6
    epoch = table.loc[3, "best_epoch"]
    assert f"best_epoch is {epoch} in the table, {epoch - 1} in the store" in said.out


def test_table_rewritten_with_the_same_cells_is_as_good(exported, nnsweep, study):
    table = exported("table.parquet")
    table.to_parquet(study / "table.parquet", index=False, compression="gzip")
    assert nnsweep("verify", "table.parquet").code == 0


@pytest.mark.parametrize("columns", [(), ("--columns", "name,seed")], ids=["all columns", "some"])
def test_runs_that_are_new_or_gone_are_told(columns, exported, nnsweep, study):
    gone = exported("table.csv", *columns).iloc[0]
    open_client(store := f"sqlite:///{study}/mlflow.db").delete_run(gone["run_id"])
    nnsweep("arch=linear", "seed=2", *QUICK)
    said = nnsweep("verify", "table.csv")
    assert said.code == 6
    (new,) = open_client(store).search_runs(
        [find_store(store, "nnsweep").experiment_id], "attributes.run_name = 'iris-linear-relu-cosine-s2'"
    )
    assert said.out.splitlines() == [
        f"{gone['name']} ({gone['run_id']}): the store has this run no longer",
        f"iris-linear-relu-cosine-s2 ({new.info.run_id}): this run is new, the table would have it",
    ]


def test_run_no_longer_selected_by_the_query_is_reported(exported, nnsweep, study):
    run = exported("table.csv").iloc[0]
    metric_is(study, run["run_id"], "n_parameters", -1)
    told = nnsweep("verify", "table.csv").out
    assert f"{run['name']} ({run['run_id']}): the table would not have this run any more" in told
    assert f"n_parameters is {run['n_parameters']} in the table, -1 in the store" in told


def test_rows_that_were_cut_added_or_doubled_are_told(exported, nnsweep, study):
    runs = exported("table.csv")
    head, _, second, *rest = (study / "table.csv").read_text().splitlines(keepends=True)
    foreign = second.replace(runs.loc[1, "run_id"], "f" * 32)
    (study / "table.csv").write_text("".join([head, second, second, foreign, *rest]))
    told = nnsweep("verify", "table.csv").out
    assert f"{runs.loc[0, 'name']} ({runs.loc[0, 'run_id']}): the store has it, the table has not" in told
    assert f"{runs.loc[1, 'name']} ({runs.loc[1, 'run_id']}): the table has it 2 times" in told
    assert f"unknown run ({'f' * 32}): the table has it, the store has not" in told
    assert told.count("\n") == 3


def test_columns_that_were_taken_away_or_added_are_told(exported, nnsweep, study):
    table = exported("table.json").drop(columns="best_epoch").assign(p_value=0.04)
    (study / "table.json").write_text(table.to_json(orient="records", double_precision=15))
    told = nnsweep("verify", "table.json").out
    assert "column best_epoch: it is not in the table" in told
    assert "column p_value: it was not exported" in told


def test_row_order_and_caption_belong_to_the_table_too(exported, nnsweep, study):
    exported("table.csv")
    head, *rows = (study / "table.csv").read_text().splitlines(keepends=True)
    (study / "table.csv").write_text("".join([head, *reversed(rows)]))
    assert "line 2: it is" in nnsweep("verify", "table.csv").out
    exported("table.md")
    text = (study / "table.md").read_text()
    (study / "table.md").write_text(text.replace("best validation accuracy", "best luck"))
    said = nnsweep("verify", "table.md")
    assert (said.code, said.out.count("\n")) == (6, 1)


@pytest.mark.parametrize("suffix", [".csv", ".md", ".parquet"])
def test_histories_are_checked_value_by_value(suffix, exported, nnsweep, swept):
    run = exported(f"curves{suffix}", "--histories").iloc[0]
    assert "all 480 cells, of 4 runs" in nnsweep("verify", f"curves{suffix}").out  # 5 curves of 4 epochs, 5 columns
    (path,) = swept.parent.glob(f"mlartifacts/**/{run['run_id']}/artifacts/history.parquet")
    whole, history = path.read_bytes(), pd.read_parquet(path)
    was = float(history.loc[2, "train_cost"])
    history.loc[2, "train_cost"] = 0.5
    history.to_parquet(path, index=False)
    said = nnsweep("verify", f"curves{suffix}")
    path.write_bytes(whole)
    told = f"{run['name']} ({run['run_id']}), train_cost, 2: value is {was!r} in the table, 0.5 in the store\n"
    assert (said.code, said.out.replace("\\_", "_")) == (6, told)


def test_another_store_can_be_named(exported, nnsweep, study):
    exported("table.csv")
    manifest = json.loads(place_beside(study / "table.csv").read_text())
    place_beside(study / "table.csv").write_text(json.dumps(manifest | {"store": "postgresql://***@host/db"}))
    said = nnsweep("verify", "table.csv")
    assert (said.code, "name it with --uri" in said.err) == (2, True)
    assert nnsweep("verify", "table.csv", "--uri", "sqlite:///mlflow.db").code == 0
    assert nnsweep("verify", "table.csv", "--uri", "sqlite:///none.db").code == 5


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", b""),
        (".csv", b"\xff\xfe"),
        (".csv", b"name,run_id\na\n"),
        (".md", b"no table"),
        (".tex", b"\\toprule"),
        (".html", b"<td>"),
        (".json", b"{"),
        (".json", b'[1, "two"]'),
        (".parquet", b"PAR1"),
    ],
)
def test_file_that_is_no_longer_a_table_is_refused_in_one_line(suffix, content, exported, nnsweep, study):
    exported(f"table{suffix}")
    (study / f"table{suffix}").write_bytes(content)
    said = nnsweep("verify", f"table{suffix}")
    assert said.code in (4, 6), said.err
    assert len(said.err.splitlines()) == 1
    assert f"table{suffix}" in said.err


@pytest.mark.parametrize(("name", "code"), [("none.csv", 2), ("nothing/none.csv", 2)])
def test_what_cannot_be_verified_is_told(name, code, nnsweep, study):
    said = nnsweep("verify", name)
    assert said.code == code
    assert "has no manifest" in said.err
    assert len(said.err.splitlines()) == 1
