"""``nnsweep unseal`` on real sweeps: the sealed test part is measured once, as it would have been without the seal."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from nnsweep.api.load import load_correct, load_results
from nnsweep.api.unseal import unseal
from nnsweep.cli.main import main
from nnsweep.errors import ConfigError, DataError, DifferenceError
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.record import EVALUATION
from nnsweep.tracking.unsealing import UNSEALING

QUICK = ["data=iris", "trainer.epochs=6", "tracking.pictures=false", "tracking.models=none"]
GRID = ["-m", "arch=linear,shallow", "seed=0,1", *QUICK]
RULE = "width == 32"


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def swept(new_study: Callable[[str], contextlib.AbstractContextManager[Path]]) -> Path:
    """Run a small grid once with its test sealed, and in another store without; give its folder."""
    with new_study("unseal") as folder:
        shutil.copy(folder / "mlflow.db", folder / "plain.db")
        assert main([*GRID, "trainer.sealed_test=true", "tracking.experiment=secret"]) == 0
        assert main([*GRID, "tracking.experiment=known", "tracking.uri=sqlite:///plain.db"]) == 0
    return folder


@pytest.fixture
def study(swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a copy of it."""
    shutil.copytree(swept, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "copy"


@pytest.fixture
def told(study: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    return lambda *words: Said(main(["unseal", *words]), *capfd.readouterr())


def by_name(runs: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(runs).set_index("name").sort_index()


def count_unsealings() -> int:
    client = open_client(f"sqlite:///{Path.cwd()}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'secret'")
    return len(client.search_runs([experiment.experiment_id], "tags.`nnsweep.kind` = 'unsealing'"))


def test_unsealed_runs_have_what_they_would_have_had(told):
    assert told("secret", "--configuration", RULE, "--configuration", "depth == 0").code == 0
    sealed = load_results("secret")
    known = load_results("known", uri="sqlite:///plain.db")
    assert by_name(sealed)["test_accuracy"].tolist() == by_name(known)["test_accuracy"].tolist()
    ours, theirs = load_correct(sealed), load_correct(known, uri="sqlite:///plain.db")
    ids = zip(by_name(sealed)["run_id"], by_name(known)["run_id"], strict=True)
    for run_id, other in ids:
        assert (ours[run_id].right == theirs[other].right).all()
        assert ours[run_id][1:] == theirs[other][1:]
        one, two = (next(Path("mlartifacts").rglob(f"{each}/artifacts/{EVALUATION}")) for each in (run_id, other))
        with np.load(one) as mine, np.load(two) as yours:
            assert (mine["confusion"] == yours["confusion"]).all()


OTHERS = {
    "val_log_loss": ["data=iris", "trainer.measures=[accuracy,log_loss,f1_macro]", "trainer.select=val_log_loss"],
    "val_rmse": ["data=diabetes", "trainer.ema=0.9"],
    "val_pinball": ["data=diabetes", "loss=quantile", "trainer.select=val_pinball", "trainer.patience=3"],
    "val_accuracy": ["data=wine", "trainer.class_weight=balanced", "trainer.calibrate=temperature", "activation=tanh"],
    "val_f1_macro": ["data=wine", "trainer.select=val_f1_macro", "arch.normalization=batch", "arch.residual=true"],
    "val_brier": ["data=iris", "trainer.select=val_brier", "arch.normalization=layer", "arch.scaling_layer=true"],
    "val_ece": ["data=iris", "trainer.select=val_ece", "arch.parametrization=ntk", "trainer.ema=0.9"],
}


@pytest.mark.parametrize("select", OTHERS)
def test_any_measure_is_unsealed_bit_for_bit(select, study):
    sweep = ["-m", "seed=0,1", *OTHERS[select], *QUICK[1:]]
    assert main([*sweep, "trainer.sealed_test=true", "tracking.experiment=more"]) == 0
    assert main([*sweep, "tracking.experiment=more", "tracking.uri=sqlite:///plain.db"]) == 0
    table = unseal("more")
    assert f"best_{select}" in table.columns
    sealed, known = by_name(load_results("more")), by_name(load_results("more", uri="sqlite:///plain.db"))
    measured = [name for name in known.columns if re.match("test_", name)]
    assert f"test_{select[4:]}" in measured
    assert [name for name in sealed.columns if re.match("test_", name)] == measured
    for name in measured:
        assert sealed[name].tolist() == known[name].tolist(), name


def test_only_the_named_configurations_are_unsealed_and_told(told):
    said = told("secret", "--configuration", RULE)
    assert (said.code, said.err) == (0, "")
    named, exposure, result, after = said.out.splitlines()[1:]
    assert named == "  width == 32 (2 runs)"
    assert exposure == "Nobody has looked at results on it in this store."
    assert re.fullmatch(r"width == 32: test accuracy 0\.\d{4}.*, .*best validation accuracy 0\.\d{4}", result)
    assert after == "The test set has been looked at once in this store, by 1 unsealing."
    runs = load_results("secret")
    assert runs["test_accuracy"].notna().tolist() == (runs["width"] == 32).tolist()
    assert {*load_correct(runs)} == {*runs["run_id"][runs["width"] == 32]}


def test_a_report_tells_what_was_unsealed(told, capfd):
    told("secret", "--configuration", RULE)
    assert main(["report", "secret"]) == 0
    text = capfd.readouterr().out
    assert "has the highest best validation accuracy" in text or "share the highest best validation accuracy" in text
    assert "since then it has been measured for 1 configuration named before." in text
    assert "The test set has been looked at once in this store, by 1 unsealing." in text
    (row,) = re.findall(r"\| shallow \| (0\.\d+) \| (0\.\d+) \| (0\.\d+) \| 2 \| 0\.\d+ \|", text)
    accuracies = load_results("secret", filter=RULE)["test_accuracy"]
    assert [*map(float, row)] == pytest.approx([accuracies.mean(), accuracies.min(), accuracies.max()], abs=1e-3)


def test_an_unsealed_run_is_reproduced_and_verified(told, capfd):
    told("secret", "--configuration", RULE)
    run_id = load_results("secret", filter=RULE)["run_id"].iloc[0]
    assert main(["reproduce", run_id]) == 0
    assert main(["export", "secret", "--output", "table.csv"]) == 0
    assert main(["verify", "table.csv"]) == 0
    assert main(["verify", "table.csv", "--retrain", "4"]) == 0
    assert "bit for bit" in capfd.readouterr().out


def test_the_same_command_measures_nothing_twice(told, study):
    first = told("secret", "--configuration", RULE)
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*.npz")}
    again = told("secret", "--configuration", RULE)
    assert "All of these runs were measured before." in again.out
    assert again.out.splitlines()[-2:] == first.out.splitlines()[-2:]
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*.npz")} == before
    assert count_unsealings() == 1


def test_a_second_look_has_to_be_asked_for(told):
    told("secret", "--configuration", RULE)
    refused = told("secret", "--configuration", "depth == 0")
    assert refused.code == 2
    assert re.match(r"nnsweep: error: the test set was unsealed before, on \S+ \S+ for width == 32: ", refused.err)
    assert load_results("secret")["test_accuracy"].notna().sum() == 2
    said = told("secret", "--configuration", "depth == 0", "--again")
    assert said.code == 0
    assert said.out.endswith("The test set has been looked at 2 times in this store, by 2 unsealings.\n")
    assert load_results("secret")["test_accuracy"].notna().all()


def test_without_a_rule_what_may_be_the_best_is_unsealed(study):
    table = unseal("secret")
    best = load_results("secret").groupby("arch")["best_val_accuracy"].mean().idxmax()
    assert best in [*table["configuration"]]
    assert {*table.columns} >= {"configuration", "n_runs", "best_val_accuracy", "test_accuracy", "low", "high"}
    assert (table["low"] <= table["test_accuracy"]).all()


def test_a_dry_run_looks_at_nothing(told):
    said = told("secret", "--configuration", RULE, "--dry-run")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[1] == "  width == 32 (2 runs)"
    assert "test_accuracy" not in load_results("secret").columns
    assert count_unsealings() == 0


@pytest.mark.parametrize(
    ("experiment", "rules", "problem"),
    [
        ("secret", ["width == 7"], "--configuration width == 7: no finished run with a sealed test is like that"),
        ("secret", ["widht == 32"], "rule 'widht == 32': unknown name 'widht'"),
        ("unknown", [], "there is no experiment 'unknown'"),
    ],
)
@pytest.mark.usefixtures("study")
def test_what_is_not_there_cannot_be_unsealed(experiment, rules, problem):
    with pytest.raises(ConfigError, match=re.escape(problem)):
        unseal(experiment, rules)


@pytest.mark.usefixtures("study")
def test_a_study_without_a_seal_cannot_be_unsealed():
    with pytest.raises(ConfigError, match="has no finished run with a sealed test"):
        unseal("known", uri="sqlite:///plain.db")


def test_changed_data_are_refused_before_anything_is_measured(study, capfd):
    rows = [f"{number % 7},{number % 5},{'ab'[number % 2]}" for number in range(60)]
    (study / "cats.csv").write_text("\n".join(["x,y,kind", *rows]))
    table = ["data=table", "data.path=cats.csv", "data.target=kind", *QUICK[1:], "trainer.sealed_test=true"]
    assert main([*table, "tracking.experiment=cats"]) == 0
    (study / "cats.csv").write_text("\n".join(["x,y,kind", *rows[:-1], "9,9,a"]))
    with pytest.raises(DataError, match="its data have changed since"):
        unseal("cats")
    (study / "cats.csv").write_text("\n".join(["x,y,kind", *rows]))
    assert unseal("cats")["n_runs"].tolist() == [1]


def test_what_was_unsealed_is_sealed_against_changes(study):
    unseal("secret", [RULE])
    runs = load_results("secret")
    run_id = runs["run_id"][runs["width"] == 32].iloc[0]
    open_client(f"sqlite:///{study}/mlflow.db").log_metric(run_id, "test_accuracy", 1.5, step=100)
    with pytest.raises(DifferenceError, match=r"test_accuracy is 1\.5, which is not what was recorded"):
        load_results("secret")


KILLED = """
import os, signal, sys
from nnsweep.cli.main import main
from nnsweep.tracking import runs

place, calls = sys.argv[1], []
log_values = runs.log_values

def killed(*given, **named):
    calls.append(given)
    if len(calls) == 2 and place == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    log_values(*given, **named)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

runs.log_values = killed
main(["unseal", "secret", "--configuration", "depth >= 0"])
"""


@pytest.mark.parametrize(("place", "n_before"), [("before", 1), ("after", 2)])
def test_killed_unsealing_goes_on_where_it_was_left(place, n_before, told, study):
    killed = subprocess.run([sys.executable, "-c", KILLED, place], cwd=study, env=os.environ, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert load_results("secret")["test_accuracy"].notna().sum() == n_before
    other = told("secret", "--configuration", RULE)
    assert (other.code, "unsealed before" in other.err) == (2, True) if place == "before" else other.code in (0, 2)
    said = told("secret", "--configuration", "depth >= 0")
    assert said.code == 0
    assert f"{n_before} of 4 runs were measured before" in said.out
    assert said.out.endswith("The test set has been looked at once in this store, by 1 unsealing.\n")
    runs = load_results("secret")
    assert runs["test_accuracy"].notna().all()
    assert {*load_correct(runs)} == {*runs["run_id"]}
    client = open_client(f"sqlite:///{study}/mlflow.db")
    assert len({client.get_run(run_id).data.tags[UNSEALING] for run_id in runs["run_id"]}) == 1


def test_a_server_is_unsealed_like_a_file(study, server, capfd):
    where = [f"tracking.uri={server.uri}", "tracking.experiment=unseal"]
    assert main([*GRID, "trainer.sealed_test=true", *where]) == 0
    table = unseal("unseal", [RULE], uri=server.uri)
    runs = load_results("unseal", uri=server.uri)
    known = load_results("known", uri="sqlite:///plain.db", filter=RULE)
    assert table["test_accuracy"].tolist() == [pytest.approx(known["test_accuracy"].mean())]
    assert {*load_correct(runs, uri=server.uri)} == {*runs["run_id"][runs["width"] == 32]}
    capfd.readouterr()
    assert main(["unseal", "unseal", "--configuration", RULE, "--uri", server.uri]) == 0
    assert "All of these runs were measured before." in capfd.readouterr().out
