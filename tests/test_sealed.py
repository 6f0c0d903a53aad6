"""A sweep whose test part is sealed: nothing that it leaves anywhere tells a result on the test part."""

import re
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nnsweep.api.load import load_results

SEALED = ["arch=linear,shallow", "seed=0,1", "data=iris", "trainer.epochs=4", "trainer.sealed_test=true"]
ROWS = {
    "accuracy": SEALED,
    "log loss": [*SEALED, "trainer.measures=[accuracy,log_loss,roc_auc,ece]", "trainer.select=val_log_loss"],
    "RMSE": ["data=diabetes", *SEALED[:2], *SEALED[3:]],
}
"""Sweeps by the words for the measure that their runs are chosen by."""
CONSTANTS = {"accuracy": "the commonest class", "log loss": "the classes' shares", "RMSE": "the mean"}
"""What is predicted for every example where the baseline is measured."""
KNOWN_BEFORE = {"test_size", "test_fraction", "test_path", "n_test_samples"}
"""Names of settings of the data, and of their size."""


def find_mentions(text: str) -> set[str]:
    """Find the names that could be those of results on the test part."""
    text = text.replace(str(Path.cwd()), "")  # pytest names the folder after the test
    return {*re.findall(r"\b(?:\w+_)?test_\w+", text)} - KNOWN_BEFORE


def read_texts(database: Path) -> str:
    """Read all that a store says: names and values of every table."""
    with sqlite3.connect(database) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return "\n".join(str(row) for table in tables for row in connection.execute(f'SELECT * FROM "{table}"'))


@pytest.mark.parametrize("measure", ROWS)
@pytest.mark.usefixtures("drawing")
def test_no_result_on_a_sealed_test_is_left_anywhere(measure, study, nnsweep):
    said = nnsweep("-m", *ROWS[measure])
    assert said.code == 0
    assert f"the best validation {measure}; the test part is sealed" in " ".join(said.out.split())
    assert f"always {CONSTANTS[measure]}: " in said.out
    assert find_mentions(said.out + said.err) == set()
    assert find_mentions(read_texts(study / "mlflow.db")) == set()
    files = [path for path in study.rglob("*") if path.is_file() and not path.name.startswith("mlflow.db")]
    assert {"history.parquet", "record.json", "table.csv", "MLmodel"} <= {path.name for path in files}
    assert not [path for path in files if path.name in ("correct.npz", "evaluation.npz", "input_example.json")]
    for path in files:
        if path.suffix == ".parquet":
            assert find_mentions(" ".join(pq.read_schema(path).names)) == set()
        elif path.suffix not in (".png", ".svg", ".npz"):
            assert find_mentions(path.read_text(errors="replace")) == set(), path


def test_the_note_of_a_sealed_sweep_says_what_its_results_are(study, nnsweep):
    nnsweep("-m", *SEALED)
    with sqlite3.connect(study / "mlflow.db") as connection:
        query = "SELECT value FROM tags WHERE key = 'mlflow.note.content' AND value LIKE '4 jobs: 4 finished%'"
        ((note,),) = connection.execute(query).fetchall()
    assert "best_val_accuracy: the best validation accuracy; the test part is sealed" in note


@pytest.mark.parametrize("measure", ROWS)
def test_a_sealed_study_is_reported_by_its_validation_part(measure, study, nnsweep):
    nnsweep("-m", *ROWS[measure])
    said = nnsweep("report", "nnsweep")
    assert (said.code, said.err) == (0, "")
    assert f"best validation {measure}" in said.out
    assert "The test part is sealed: nothing was measured on it." in said.out
    assert find_mentions(said.out) == set()
    assert nnsweep("report", "nnsweep", "--output", "report.html").code == 0
    assert find_mentions((study / "report.html").read_text()) == set()


def test_runs_with_a_sealed_test_are_trained_once_and_ranked(study, nnsweep):
    nnsweep("-m", *SEALED)
    runs = load_results("nnsweep")
    assert runs["best_val_accuracy"].is_monotonic_decreasing
    assert "4 finished before" in nnsweep("-m", *SEALED).out
    assert "4 new" in nnsweep("-m", *SEALED[:-1]).out  # what is recorded differs, and so the key
