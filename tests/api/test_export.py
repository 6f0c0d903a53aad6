"""An exported table has a manifest beside it that says what it was made of."""

import csv

import pytest

import nnsweep as package
from nnsweep.api.export import write_address
from nnsweep.cli.main import main
from nnsweep.results.tables.formats import FORMATS
from nnsweep.results.tables.manifest import FORMULA_VERSION, hash_content, place_beside, read_manifest
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.store import find_store
from tests.outside import copy_store

QUICK = ("data=iris", "trainer.epochs=3", "tracking.pictures=false")


@pytest.fixture(scope="module")
def trained(new_study):
    """Give the store of a small sweep."""
    with new_study("exported") as folder:
        assert main(["arch=linear,shallow", "seed=0,1", *QUICK]) == 0
    return folder / "mlflow.db"


@pytest.fixture
def swept(nnsweep, study, trained):
    """Give the program and a folder in which the store of a small sweep is."""
    copy_store(trained, study / "mlflow.db")
    return nnsweep, study


def test_a_manifest_says_what_the_table_was_made_of(swept):
    nnsweep, study = swept
    question = ("--filter", "seed > 0", "--columns", "name,test_accuracy", "--sort", "-test_accuracy")
    assert nnsweep("export", "nnsweep", *question, "-o", "table.csv").code == 0
    manifest, table = read_manifest(study / "table.csv"), (study / "table.csv").read_bytes()
    runs = {record.run_id: record for record in find_job_runs(find_store(f"sqlite:///{study}/mlflow.db", "nnsweep"))}
    rows = list(csv.DictReader(table.decode().splitlines()))
    assert [run.name for run in manifest.runs] == [row["name"] for row in rows]
    for run, row in zip(manifest.runs, rows, strict=True):
        record = runs[run.run_id]
        assert (run.name, run.key, run.data_digest) == (record.name, record.key, record.data_digest)
        assert len(run.data_digest) == len(run.key) == 64
        assert float(row["test_accuracy"]) == record.metrics["test_accuracy"]
    assert (manifest.experiment, manifest.store) == ("nnsweep", "sqlite:///mlflow.db")
    assert manifest.asked == {
        "filter": "seed > 0", "columns": ["name", "test_accuracy"], "sort": ["-test_accuracy"], "sweep": None,
        "histories": False,
    }  # fmt: skip
    assert (manifest.columns, manifest.n_rows, manifest.format) == (["name", "test_accuracy"], 2, "csv")
    assert manifest.sha256 == hash_content(table)
    assert (manifest.formula_version, manifest.nnsweep) == (FORMULA_VERSION, package.__version__)


def test_a_table_on_the_terminal_is_the_same_and_has_none(swept):
    nnsweep, study = swept
    told = nnsweep("export", "nnsweep").out
    assert [*study.glob("*.manifest.json")] == []
    nnsweep("export", "nnsweep", "-o", "table.csv")
    assert (study / "table.csv").read_text() == told


def test_every_format_has_one_and_is_known_by_its_hash(swept):
    nnsweep, study = swept
    for format, suffix in ((name, one.suffix) for name, one in FORMATS.items()):
        assert nnsweep("export", "nnsweep", "-o", f"table{suffix}").code == 0
        manifest = read_manifest(study / f"table{suffix}")
        assert (manifest.format, manifest.sha256) == (format, hash_content((study / f"table{suffix}").read_bytes()))
    nnsweep("export", "nnsweep", "--histories", "-o", "curves.csv")
    assert read_manifest(study / "curves.csv").n_rows == 4 * 6 * 4  # runs, curves and epochs


def test_neither_is_written_where_one_cannot_be(swept):
    nnsweep, study = swept
    place_beside(study / "table.csv").mkdir()
    said = nnsweep("export", "nnsweep", "-o", "table.csv")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert not (study / "table.csv").exists()


def test_manifest_names_no_folder_above_the_working_folder(swept):
    nnsweep, study = swept
    nnsweep("export", "nnsweep", "-o", "table.csv")
    assert str(study) not in place_beside(study / "table.csv").read_text()


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:///{cwd}/runs/mlflow.db", "sqlite:///runs/mlflow.db"),
        ("sqlite:////elsewhere/mlflow.db", "sqlite:////elsewhere/mlflow.db"),
        ("postgresql://me:hush@host/db", "postgresql://***@host/db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_store_is_named_relatively_and_without_passwords(uri, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write_address(uri.format(cwd=tmp_path)) == shown
