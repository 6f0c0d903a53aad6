"""``nnsweep confirm`` on real sweeps: new seeds, an experiment of their own, and the same command again."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import nnsweep as package
from nnsweep.api.confirm import confirm
from nnsweep.api.load import load_results
from nnsweep.cli.main import main
from nnsweep.errors import ConfigError, DataError
from nnsweep.jobs.journal import JOURNAL

QUICK = ["data=iris", "trainer.epochs=4", "tracking.pictures=false", "tracking.models=none"]
SWEEP = ["arch=linear,shallow,wide", "seed=range(0,4)", *QUICK, "tracking.experiment=flowers"]


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def swept(new_study: Callable[[str], contextlib.AbstractContextManager[Path]]) -> Path:
    """Run a small study once; give its folder."""
    with new_study("confirm") as folder:
        assert main(SWEEP) == 0
        assert main(["arch=linear", "seed=0,1", *QUICK, "tracking.experiment=alone"]) == 0
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
    return lambda *words: Said(main(["confirm", *words]), *capfd.readouterr())


def seeds_in(text: str) -> list[int]:
    return [*map(int, re.search(r"new seeds? \((\d+) to (\d+)\), in", text).groups())]


def test_candidates_are_trained_on_seeds_of_their_own(told):
    said = told("flowers", "--seeds", "3", "--only", "wide", "--only", "shallow")
    assert (said.code, said.err) == (0, "")
    assert "Confirming 2 of 3 configurations of flowers (" in said.out
    runs = load_results("flowers-confirm")
    first, last = seeds_in(said.out)
    assert sorted(set(runs["seed"])) == [*range(first, last + 1)]
    assert not set(runs["seed"]) & set(load_results("flowers")["seed"])
    assert set(runs["arch"]) == {"wide", "shallow"}
    assert len(runs) == 6
    assert re.search(r"On 3 new seeds \(\d+ to \d+\), \w+ has a test accuracy of 0\.\d+", said.out)
    assert "the study reported 0." in said.out


def test_nothing_but_the_seed_differs_from_the_study(told):
    assert told("flowers", "--seeds", "2", "--only", "wide").code == 0
    before, after = load_results("flowers", filter="arch == 'wide'"), load_results("flowers-confirm")
    for name in before.attrs["settings"]:
        if name != "seed":
            assert set(after[name]) == set(before[name]), name
    assert after["name"].str.replace(r"\d+$", "", regex=True).tolist() == ["iris-256-relu-cosine-s"] * 2


def test_the_same_command_again_runs_nothing_and_says_the_same(told):
    first, second = told("flowers", "--seeds", "2"), told("flowers", "--seeds", "2")
    assert re.search(r"(\d+) jobs: \1 finished before", second.out)
    assert first.out.splitlines()[-3:] == second.out.splitlines()[-3:]


def test_more_seeds_are_added_to_the_same(told):
    few, more = told("flowers", "--only", "wide", "--seeds", "2"), told("flowers", "--only", "wide", "--seeds", "5")
    assert "5 jobs: 2 finished before, 3 new" in more.out
    assert seeds_in(few.out)[0] == seeds_in(more.out)[0]
    assert "On 5 new seeds" in more.out


def test_a_study_that_has_changed_gets_other_seeds(told):
    before = told("flowers", "--only", "wide", "--seeds", "2")
    assert main(["arch=linear,shallow,wide", "seed=range(0,5)", *QUICK, "tracking.experiment=flowers"]) == 0
    after = told("flowers", "--only", "wide", "--seeds", "2")
    assert "2 jobs: 2 new" in after.out
    assert seeds_in(before.out) != seeds_in(after.out)
    assert len(load_results("flowers-confirm")) == 4
    assert "On 2 new seeds" in after.out


def test_a_plan_changes_nothing(told, study):
    before = sorted(path for path in study.rglob("*") if ".db-" not in path.name)
    said = told("flowers", "--dry-run", "--seeds", "3", "--only", "wide")
    assert "3 jobs: 3 new" in said.out
    assert "run (new)" in said.out
    assert sorted(path for path in study.rglob("*") if ".db-" not in path.name) == before


def test_what_is_left_out_is_told(told):
    said = told("flowers", "--most", "1", "--confidence", "0.999999", "--dry-run", "--seeds", "2")
    assert re.search(r"Confirming 1 of 3 configurations of flowers \(\w+; 2 more left out, see --most\) on 2", said.out)


def test_python_gives_the_same_as_a_frame(told):
    said = told("flowers", "--only", "wide", "--only", "linear", "--seeds", "3")
    table = package.confirm("flowers", only=["wide", "linear"], seeds=3)
    assert set(table["label"]) == {"wide", "linear"}
    assert table.attrs["experiment"] == "flowers-confirm"
    assert table.attrs["sentences"] == said.out.splitlines()[-len(table.attrs["sentences"]) :]
    runs = load_results("flowers-confirm", sweep=table.attrs["sweep"])
    wide = table.set_index("label").loc["wide"]
    assert wide["mean"] == pytest.approx(runs[runs["arch"] == "wide"]["test_accuracy"].mean())
    assert wide["study"] == pytest.approx(load_results("flowers", filter="arch == 'wide'")["test_accuracy"].mean())
    assert wide["optimism"] == pytest.approx(wide["study"] - wide["mean"])
    assert [*table.attrs["seeds"]] == sorted(set(runs["seed"]))
    plan = package.confirm("flowers", dry_run=True)
    assert [*plan.columns] == ["label", "study", "n_study"]


@pytest.fixture
def cats(study: Path) -> list[str]:
    """Write a table; give the words that sweep over it."""
    rows = [f"{row % 7},{row % 5},{'cat' if row % 2 else 'dog'}" for row in range(60)]
    (study / "cats.csv").write_text("\n".join(["a,b,kind", *rows]), encoding="utf-8")
    own = ["data=table", "data.path=cats.csv", "data.target=kind", "trainer.epochs=2", "tracking.pictures=false"]
    return ["arch=linear,shallow", *own]


def test_the_studys_report_says_how_and_then_where(told, capfd):
    assert main(["report", "flowers"]) == 0
    assert "nnsweep confirm flowers" in capfd.readouterr().out
    assert told("flowers", "--only", "wide", "--only", "linear", "--seeds", "2").code == 0
    assert main(["report", "flowers"]) == 0
    said = capfd.readouterr().out
    assert "Candidates were trained again on 2 new seeds (4 runs), in the experiment flowers-confirm." in said
    assert "nnsweep report flowers-confirm" in said
    assert "nnsweep confirm flowers" not in said
    assert main(["report", "alone"]) == main(["report", "flowers-confirm"]) == 0
    assert "nnsweep confirm" not in capfd.readouterr().out


def test_folds_stay_as_they_were(cats):
    assert main([*cats, "data.fold=0,1", "data.n_folds=2", "tracking.experiment=folds"]) == 0
    table = confirm("folds", seeds=2, only=["linear"])
    runs = load_results("folds-confirm")
    assert sorted(runs["data.fold"]) == [0, 0, 1, 1]
    assert sorted(runs["seed"]) == sorted(table.attrs["seeds"] * 2)
    assert table["n"].tolist() == [2]


def test_splits_are_drawn_anew(study):
    zipped = ["seed=0,1,2", "data.split_seed=0,1,2", "sweep.zip=[[seed,data.split_seed]]"]
    assert main(["arch=linear,shallow", *zipped, *QUICK, "tracking.experiment=splits"]) == 0
    table = confirm("splits", seeds=3, only=["linear"])
    runs = load_results("splits-confirm")
    assert runs["data.split_seed"].tolist() == runs["seed"].tolist()
    assert table["n"].tolist() == [3]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["nothing"], "there is no experiment 'nothing'"),
        (["alone"], "experiment 'alone' has one configuration, so nothing was chosen"),
        (["flowers", "--filter", "depth > 7"], "has no such runs: there is nothing to confirm"),
        (["flowers", "--only", "widest"], "did you mean 'wide'?"),
        (["flowers", "--seeds", "1"], "seeds=1 must be 2 to 1000"),
        (["flowers", "--seeds", "1001"], "seeds=1001 must be 2 to 1000"),
        (["flowers", "--most", "0"], "most=0 must be 1 or more"),
        (["flowers", "--confidence", "2"], "confidence=2.0 is not between 0 and 1"),
        (["flowers", "--metric", "final_train_lost"], "final_train_cost"),
    ],
)
def test_what_cannot_be_confirmed_is_refused_in_a_line(words, problem, told):
    said = told(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("nnsweep: error: ")
    assert problem in said.err
    assert len(said.err.splitlines()) == 1


def test_of_several_data_sets_one_is_asked_for(told):
    two = ["data=iris,digits", "trainer.epochs=1", "tracking.experiment=two", *QUICK[2:]]
    assert main(["arch=linear,shallow", "seed=0,1", *two]) == 0
    refused = told("two")
    assert refused.code == 2
    assert "on several data sets (" in refused.err
    assert "confirm one, with --filter 'data == \"" in refused.err
    assert told("two", "--filter", "data == 'iris'", "--seeds", "2").code == 0


def test_without_a_finished_run_there_is_nothing_to_confirm(study):
    diverging = ["arch=shallow,wide", "optimizer.learning_rate=1e300", "activation=identity", *QUICK]
    assert main([*diverging, "trainer.dtype=float64", "tracking.experiment=broken"]) == 3
    with pytest.raises(ConfigError, match="'broken' has no finished run with a test_accuracy"):
        confirm("broken")


def test_data_that_have_changed_are_refused(cats, study):
    assert main([*cats, "seed=0,1", "tracking.experiment=cats"]) == 0
    table = study / "cats.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("cat\n", "dog\n", 1), encoding="utf-8")
    with pytest.raises(DataError, match="its data have changed since"):
        confirm("cats", only=["linear"])


def test_a_killed_confirmation_goes_on_with_the_same_seeds(study):
    """In processes of their own: one is interrupted in mid-training, and the same command finishes."""
    slow = ["arch=linear,shallow", "seed=0,1", "data=digits", "trainer.epochs=60", "tracking.experiment=slow"]
    assert main([*slow, "tracking.pictures=false", "tracking.models=none"]) == 0
    words = [
        sys.executable,
        "-m",
        "nnsweep",
        "confirm",
        "slow",
        "--seeds",
        "12",
        "--only",
        "shallow",
        "--only",
        "linear",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(words, cwd=study, env=environment, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not any(path.stat().st_size for path in study.glob(f"multirun/*/{JOURNAL}")):
        assert time.monotonic() < until
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    out, _ = first.communicate()
    second = subprocess.run(words, cwd=study, env=environment, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert seeds_in(out) == seeds_in(second.stdout)
    runs = load_results("slow-confirm")
    assert len(runs) == 24
    assert set(runs["state"]) == {"finished"}
    assert runs["seed"].nunique() == 12
    assert "On 12 new seeds" in second.stdout
