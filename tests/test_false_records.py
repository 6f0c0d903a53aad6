"""What was changed behind everybody's back is noticed wherever it is used, and named."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from nnsweep.cli.main import main
from nnsweep.results.tables.manifest import place_beside

QUICK = ("data=iris", "trainer.epochs=4", "tracking.pictures=false", "tracking.models=none")
ALONE = ("verify", "reproduce", "predict", "save", "register", "diff", "doctor")
TOGETHER = ("report", "export", "plot")


class Study:
    """A sweep of two runs, an exported table of them, and what can be changed in it; `restore` undoes it."""

    def __init__(self, folder: Path, copy: Path) -> None:
        self.folder, self.copy = folder, copy
        shutil.copytree(folder, copy)
        (self.one, self.other), (self.sweep,) = (
            self.ask(f"SELECT DISTINCT {what} ORDER BY 1")
            for what in (
                "run_uuid FROM tags WHERE key = 'nnsweep.kind' AND value = 'job'",
                "value FROM tags WHERE key = 'nnsweep.sweep'",
            )
        )

    def ask(self, question: str) -> list[str]:
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as connection:
            return [row[0] for row in connection.execute(question)]

    def change(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.folder / "mlflow.db", timeout=30)) as connection:
            assert connection.execute(f"{statement} AND run_uuid = ?", (*values, self.one)).rowcount == 1
            connection.commit()

    def file(self, name: str) -> Path:
        (path,) = self.folder.glob(f"mlartifacts/**/{self.one}/artifacts/{name}")
        return path

    def forget_seals(self) -> None:
        """Make the runs those of an earlier version."""
        with closing(sqlite3.connect(self.folder / "mlflow.db", timeout=30)) as connection:
            connection.execute("DELETE FROM tags WHERE key IN ('nnsweep.seal', 'nnsweep.config')")
            connection.commit()

    def restore(self) -> None:
        with (
            closing(sqlite3.connect(self.copy / "mlflow.db")) as source,
            closing(sqlite3.connect(self.folder / "mlflow.db")) as target,
        ):
            source.backup(target)
        shutil.copytree(self.copy / "mlartifacts", self.folder / "mlartifacts", dirs_exist_ok=True)
        for path in self.copy.glob("table.*"):
            shutil.copy(path, self.folder)


@pytest.fixture(scope="module")
def swept(new_study, tmp_path_factory) -> Study:
    with new_study("false") as folder:
        assert main(["arch=linear", "seed=0,1", *QUICK]) == 0
        assert main(["export", "nnsweep", "-o", "table.csv"]) == 0
    (folder / "new.csv").write_text(
        "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5,3,1,0.2\n"
    )
    return Study(folder, tmp_path_factory.mktemp("copies") / "copy")


@pytest.fixture
def study(swept, monkeypatch) -> Iterator[Study]:
    monkeypatch.chdir(swept.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("sys.argv", ["nnsweep"])
    yield swept
    swept.restore()


def asked(command: str, study: Study) -> list[str]:
    return {
        "verify": ["verify", "table.csv"],
        "reproduce": ["reproduce", study.one],
        "predict": ["predict", study.one, "new.csv", "-o", "out.csv"],
        "save": ["save", study.one, "-o", "out.npz"],
        "register": ["register", study.sweep, "--run", study.one, "--name", "flowers"],
        "diff": ["diff", study.other, study.one],
        "doctor": ["doctor"],
        "report": ["report", "nnsweep", "-o", "report.md"],
        "export": ["export", "nnsweep", "-o", "out.csv"],
        "plot": ["plot", "nnsweep", "-o", "pictures", "--format", "svg"],
    }[command]


def scale_weights(study: Study) -> None:
    with np.load(study.file("weights.npz")) as file:
        arrays = dict(file)
    np.savez(study.file("weights.npz"), **arrays | {"best_W0": arrays["best_W0"] * 1.5})


def all_right(study: Study) -> None:
    with np.load(study.file("correct.npz")) as file:
        arrays = dict(file)
    np.savez(study.file("correct.npz"), **arrays | {"bits": np.full_like(arrays["bits"], 255)})


def better_history(study: Study) -> None:
    history = pd.read_parquet(study.file("history.parquet"))
    history.loc[2, "val_accuracy"] = 1.0
    history.to_parquet(study.file("history.parquet"), index=False)


def other_rate(study: Study) -> None:
    config = yaml.safe_load(study.file("config.yaml").read_text())
    config["optimizer"]["learning_rate"] = 0.5
    study.file("config.yaml").write_text(yaml.safe_dump(config))


def param(name: str, value: str) -> Callable[[Study], None]:
    return lambda study: study.change("UPDATE params SET value = ? WHERE key = ?", value, name)


def metric(name: str, value: float) -> Callable[[Study], None]:
    return lambda study: study.change("UPDATE latest_metrics SET value = ? WHERE key = ?", value, name)


def tag(name: str, value: str) -> Callable[[Study], None]:
    return lambda study: study.change("UPDATE tags SET value = ? WHERE key = ?", value, name)


FEW = ("verify", "reproduce")
FORGERIES = {  # how it is made, what is said, which commands tell it without a seal, and which more with one
    "learning rate": (param("optimizer.learning_rate", "0.5"), "optimizer.learning_rate is", ALONE, TOGETHER),
    "activation": (param("activation", "tanh"), "activation is tanh", FEW, ("export",)),
    "test accuracy": (metric("test_accuracy", 0.99), "test_accuracy is", (*ALONE, "report"), ("export", "plot")),
    "best accuracy": (metric("best_val_accuracy", 0.99), "best_val_accuracy is", (*FEW, "report"), ("export",)),
    "best epoch": (metric("best_epoch", 0), "best_epoch is", (*FEW, "report"), ("export",)),
    "duration": (metric("duration_seconds", 0.0), "duration_seconds is 0.0", ("verify",), ("predict", "report")),
    "key": (tag("nnsweep.key", "0" * 64), "key", FEW, ("report", "export")),
    "data digest": (tag("nnsweep.data_digest", "0" * 64), "", FEW, ("report", "export")),
    "configuration": (other_rate, "", FEW, ("predict", "diff")),
    "history": (better_history, "", (*FEW, "report"), ("plot",)),
    "right answers": (all_right, "", (*FEW, "report", "doctor"), ("diff",)),
    "weights": (scale_weights, "weights.npz", (), ("reproduce", "predict", "save", "register", "doctor")),
}
CASES = [
    *((name, command, True) for name, (_, _, _, new) in FORGERIES.items() for command in new),
    *((name, command, False) for name, (_, _, old, _) in FORGERIES.items() for command in old),
    *(  # what is told without a seal is told with one
        pytest.param(name, command, True, marks=() if name == "learning rate" else pytest.mark.soak)
        for name, (_, _, old, _) in FORGERIES.items()
        for command in old
    ),
]


@pytest.mark.parametrize(("name", "command", "sealed"), CASES)
def test_a_false_record_is_named(name, command, sealed, study, capfd):
    forge, told, _, _ = FORGERIES[name]
    if not sealed:
        study.forget_seals()
    forge(study)
    assert main(asked(command, study)) == 6
    said = capfd.readouterr()
    assert told in said.out + said.err
    assert study.one in said.out + said.err
    assert not [*study.folder.glob("out.*")]
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("command", "sealed"),
    [
        *((command, True) for command in (*ALONE, *TOGETHER)),
        *((one, False) for one in ("verify", "reproduce", "export")),
    ],
)
def test_a_true_record_passes(command, sealed, study, capfd):
    if not sealed:
        study.forget_seals()
        assert main(["export", "nnsweep", "-o", "table.csv"]) == 0  # what only a seal tells is gone
    assert main(asked(command, study)) == 0, capfd.readouterr().err
    for path in study.folder.glob("out.*"):
        path.unlink()


def test_what_others_add_to_a_run_is_no_forgery(study, capfd):
    with closing(sqlite3.connect("mlflow.db")) as connection:
        for table in ("params", "tags"):
            connection.execute(f"INSERT INTO {table} (key, value, run_uuid) VALUES ('mine', 'x', ?)", (study.one,))
        connection.commit()
    for command in ("report", "reproduce", "doctor"):
        assert main(asked(command, study)) == 0, capfd.readouterr().err


def forge(study: Study, **changed: object) -> None:
    """Change a manifest as somebody would who knows its digest."""
    path = place_beside(study.folder / "table.csv")
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed, "digest": ""}))


def runs_with(study: Study, **changed: object) -> list[dict[str, object]]:
    runs = json.loads(place_beside(study.folder / "table.csv").read_text())["runs"]
    return [runs[0] | changed, *runs[1:]]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (lambda study: {"runs": runs_with(study, key="0" * 64)}, "key is 0000"),
        (lambda study: {"runs": runs_with(study, data_digest="0" * 64)}, "data_digest is 0000"),
        (lambda study: {"runs": runs_with(study, name="best")}, "name is best in the manifest"),
        (lambda study: {"runs": runs_with(study, configuration={"seed": 7})}, "by its configuration there"),
        (lambda study: {"sha256": "0" * 64}, "the manifest: its SHA-256 of the table is another"),
        (lambda study: {"nnsweep": "999.0"}, "it names nnsweep 999.0"),
        (lambda study: {"formula_version": 7}, "formula version 7"),
        (lambda study: {"n_rows": 1}, "it names 1 rows, and the table has 2"),
    ],
)
def test_a_forged_manifest_is_named(changed, told, study, capfd):
    forge(study, **changed(study))
    assert main(["verify", "table.csv"]) == 6
    said = capfd.readouterr()
    assert told in said.out
    assert "the manifest was changed after the table was exported" in said.err


@pytest.mark.parametrize("changed", [{"exported": "1999-01-01T00:00:00Z"}, {"asked": {}}])
def test_a_manifest_that_was_edited_is_noticed_whatever_it_was(changed, study, capfd):
    path = place_beside(study.folder / "table.csv")
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    assert main(["verify", "table.csv"]) == 6
    assert "its own digest is another" in capfd.readouterr().out


def test_a_column_removed_with_its_name_is_told(study, capfd):
    table = pd.read_csv("table.csv", dtype=str).drop(columns="test_accuracy")
    table.to_csv("table.csv", index=False)
    forge(study, columns=[*table.columns])
    assert main(["verify", "table.csv"]) == 6
    assert "column test_accuracy: the table would have it" in capfd.readouterr().out


def test_a_row_removed_with_its_filter_is_told(study, capfd):
    path, other = place_beside(study.folder / "table.csv"), f"run_id != '{study.one}'"
    assert main(["export", "nnsweep", "--filter", other, "-o", "part.csv"]) == 0
    columns = json.loads(path.read_text())["columns"]
    assert main(["export", "nnsweep", "--filter", other, "--columns", ",".join(columns), "-o", "part.csv"]) == 0
    shutil.copy("part.csv", "table.csv")
    shutil.copy("part.csv.manifest.json", path)
    capfd.readouterr()
    assert main(["verify", "table.csv"]) == 0
    assert "1 of the experiment's 2 runs are left out" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("config.yaml", ("export", "nnsweep", "-o", "again.csv")),
        ("environment.json", ("report", "nnsweep", "-o", "again.html")),
    ],
)
def test_a_damaged_file_of_an_earlier_versions_run_is_named(name, command, study, capfd):
    study.forget_seals()
    for path in study.folder.glob(f"mlartifacts/**/{name}"):
        path.write_text("{a: ]")
    assert main(command) == 4
    said = capfd.readouterr().err
    assert re.search(rf"{re.escape(name)} of run \w+ is damaged", said)
    assert "Traceback" not in said
