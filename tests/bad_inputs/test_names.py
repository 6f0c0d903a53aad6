"""Names: what no store can hold is refused, what is merely odd works and is stored exactly."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from nnsweep.tracking.store import find_store, prepare_store

QUICK = ("data=iris", "trainer.epochs=1", "tracking.pictures=false", "arch=linear")
BAD = [
    ("no name", "tracking.experiment=''", "tracking.experiment=: must have 1 to 500 characters"),
    ("no name, without quotes", "tracking.experiment=", "tracking.experiment=: must have 1 to 500 characters"),
    ("one character too many", f"tracking.experiment={'x' * 501}", "tracking.experiment=xxx"),
    ("five thousand characters", f"tracking.experiment={'x' * 5000}", "must have 1 to 500 characters"),
    ("a NUL without quotes", "tracking.experiment=a\0b", "tracking.experiment=a\\x00b"),
    ("half a character", "tracking.experiment='a\ud83d'", "tracking.experiment=a\\ud83d: holds half a character"),
    ("a byte that is no text", "tracking.experiment='caf\udce9'", "tracking.experiment=caf\\udce9: holds half"),
    ("half a character in a store's name", "tracking.uri='sqlite:///a\udcff.db'", "tracking.uri=sqlite:///a\\udcff.db"),
    (
        "half a character in the root of artifacts",
        "tracking.artifact_root='a\udcff'",
        "tracking.artifact_root=a\\udcff",
    ),
    ("half a character in a home", ["data=newsgroups", "data.home='a\udcff'"], "data.home=a\\udcff: holds half"),
    (
        "half a character in a category",
        ["data=newsgroups", "data.categories=['a\udcff']"],
        "data.categories.0=a\\udcff",
    ),
    ("half a character in a new key", "+trainer={note: 'a\udcff'}", "trainer.note=a\\udcff"),
    ("a name that is missing", "tracking.experiment=???", "tracking.experiment: must be given"),
]
ODD = {
    "two dots": "..",
    "a way out": "../../etc/x",
    "percent signs": "%2e%2e%2f",
    "an absolute path": "/abs",
    "a drive": "C:\\",
    "a device": "CON",
    "a line end": "two\nlines",
    "text to the left": "a\N{RIGHT-TO-LEFT OVERRIDE}b",
    "nothing to see": "a\N{ZERO WIDTH SPACE}b",
    "a quote": "it's",
    "a table to drop": "x'; DROP TABLE runs; --",
    "an emoji": "\N{FIRE}",
    "a letter in two parts": "e\N{COMBINING ACUTE ACCENT}",
    "a formula": "=1+1",
    "500 characters": "x" * 500,
}
SWEPT = ["../../etc/x", "two\nlines", "x'; DROP TABLE runs; --"]


def quoted(text: str) -> str:
    return "'" + text.replace("\\'", "\\\\'").replace("'", "\\'") + "'"


def test_a_name_that_no_store_can_hold_is_refused(bad, refused):
    refused(bad)


def names(study: Path) -> set[str]:
    with closing(sqlite3.connect(study / "mlflow.db")) as store:
        return {row[0] for row in store.execute("SELECT name FROM experiments")}


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_an_odd_name_of_an_experiment_is_stored_exactly(name, study):
    uri = f"sqlite:///{study / 'mlflow.db'}"
    made = prepare_store(uri, name)
    assert names(study) == {"Default", name}
    assert find_store(uri, name) == made == prepare_store(uri, name)


@pytest.mark.parametrize("name", SWEPT, ids=repr)
def test_sweep_with_an_odd_name_runs_and_leaves_no_stray_files(name, nnsweep, study):
    said = nnsweep(f"tracking.experiment={quoted(name)}", *QUICK)
    assert said.code == 0, said.err
    assert names(study) == {"Default", name}
    assert {path.name for path in study.parent.iterdir()} == {"study", "not-ours.txt"}
    assert nnsweep("export", name, "--columns", "state").out == "state\nfinished\n"


def test_odd_value_gives_an_odd_run_name_that_is_stored_exactly(nnsweep, study):
    (study / "mine" / "activation").mkdir(parents=True)
    (study / "mine" / "activation" / "re lu🔥.yaml").write_text("name: relu\n")
    said = nnsweep("--config-dir", "mine", "activation='re lu🔥',tanh", *QUICK)
    assert said.code == 0, said.err
    rows = [*csv.reader(nnsweep("export", "nnsweep", "--columns", "name").out.splitlines())]
    assert sorted(rows[1:]) == [["iris-linear-re lu🔥-cosine-s0"], ["iris-linear-tanh-cosine-s0"]]
