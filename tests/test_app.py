"""The program from the command line to the table, in this process where that shows the same, in its own where not."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest
import yaml

from nnsweep.jobs.interrupt import NOTICE
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.row_backend import RowBackend
from nnsweep.tracking.store import find_store

PICTURES = [("null", False, True), ("true", True, True), ("false", False, False)]
QUICK = ("data=iris", "trainer.epochs=3", "tracking.pictures=false")


def contents(study: Path) -> dict[Path, bytes]:
    """Read all files but those that SQLite keeps beside a store that is open."""
    return {path: path.read_bytes() for path in study.rglob("*") if path.is_file() and ".db-" not in path.name}


def job_runs(study: Path, experiment: str = "nnsweep") -> list:
    store = find_store(f"sqlite:///{study / 'mlflow.db'}", experiment)
    return open_client(store.uri).search_runs([store.experiment_id], "tags.`nnsweep.kind` = 'job'")


def test_a_grid_ends_with_its_table_and_where_to_look_further(nnsweep, study):
    said = nnsweep("-m", "arch=linear,shallow", "activation=tanh,relu", *QUICK)
    assert said.code == 0, said.err
    assert "4 jobs: 4 finished" in said.out
    assert {"iris-linear-tanh-cosine-s0", "iris-32-relu-cosine-s0"} <= set(said.out.split())
    assert "test accuracy at the epoch of best validation accuracy" in said.out
    assert re.search(r"charts +http://127\.0\.0\.1:5000/#/experiments/\d+/runs\?compareRunsMode=CHART", said.out)
    assert re.search(r"compare +http://127\.0\.0\.1:5000/#/compare-runs\?runs=", said.out)
    assert "nnsweep ui" in said.out
    assert said.err == ""
    assert sorted(run.info.status for run in job_runs(study)) == ["FINISHED"] * 4


def test_the_charts_open_on_the_sweeps_own_view(nnsweep, study):
    said = [nnsweep("arch=linear,shallow", *QUICK), nnsweep("seed=1,2", *QUICK)]
    keys = [re.search(r"charts +\S+[?&]viewStateShareKey=(\w+)", one.out)[1] for one in said]
    assert keys[0] != keys[1]
    tags = open_client(f"sqlite:///{study / 'mlflow.db'}").get_experiment_by_name("nnsweep").tags
    assert tags.keys() == {f"mlflow.sharedViewState.{key}" for key in keys}


def test_a_view_that_cannot_be_written_costs_the_sweep_nothing(nnsweep, study, monkeypatch):
    monkeypatch.setattr(RowBackend, "set_experiment_tag", Mock(side_effect=OSError("no more tags")))
    said = nnsweep(*QUICK)
    assert (said.code, said.err) == (0, "")
    link = re.search(r"charts +(\S+)", said.out)[1]
    assert "searchFilter=tags" in link
    assert "viewStateShareKey" not in link


def test_suggested_next_steps_also_work_with_another_store(nnsweep, study, ready_store_file):
    shutil.copy(ready_store_file, study / "other.db")
    said = nnsweep("tracking.uri=sqlite:///other.db", *QUICK)
    assert f"nnsweep ui --uri sqlite:///{study / 'other.db'}" in said.out
    told = re.search(r"Export the table: +nnsweep (.*)", said.out)[1]
    assert nnsweep(*told.split()).code == 0
    assert (study / "table.csv").read_text().count("\n") == 2
    from sklearn.datasets import load_iris

    load_iris(as_frame=True).data.to_csv(study / "DATA.csv", index=False)
    told = re.search(r"Use the best: +nnsweep (.*)", said.out)[1].replace("DATA", "DATA.csv")
    assert nnsweep(*told.split()).code == 0
    assert (study / "predictions.csv").read_text().count("\n") == 151


def test_without_lists_a_single_job_runs_the_same_way(nnsweep, study):
    assert "1 job: 1 finished" in nnsweep(*QUICK).out
    assert len(job_runs(study)) == 1


def test_hydras_single_run_mode_works_and_tells_a_failure(nnsweep, study):
    said = nnsweep("hydra.mode=RUN", *QUICK)
    assert (said.code, said.err) == (0, "")
    assert "1 job: 1 finished" in said.out
    diverging = ("optimizer.learning_rate=1e300", "activation=identity", "trainer.dtype=float64")
    assert nnsweep("hydra.mode=RUN", *diverging, *QUICK).code == 3
    assert sorted(run.info.status for run in job_runs(study)) == ["FAILED", "FINISHED"]


@pytest.mark.usefixtures("drawing")
def test_the_summary_run_has_table_and_curves_and_no_metric(nnsweep, study):
    nnsweep("arch=linear,shallow", *QUICK, "tracking.pictures=null")
    store = find_store(f"sqlite:///{study / 'mlflow.db'}", "nnsweep")
    (summary,) = open_client(store.uri).search_runs([store.experiment_id], "tags.`nnsweep.kind` = 'sweep'")
    files = {file.path for file in open_client(store.uri).list_artifacts(summary.info.run_id)}
    assert files == {"plan.json", "table.csv", "table.md", "table.html", "learning_curves.png"}
    assert summary.data.metrics == {}
    assert summary.info.status == "FINISHED"
    assert {run.data.tags["nnsweep.sweep"] for run in job_runs(study)} == {summary.data.tags["nnsweep.sweep"]}


def test_names_tell_what_varies(nnsweep, study):
    nnsweep("optimizer.learning_rate=0.1,0.2", *QUICK)
    names = sorted(run.info.run_name for run in job_runs(study))
    assert names == ["iris-32-relu-cosine-s0-learning_rate=0.1", "iris-32-relu-cosine-s0-learning_rate=0.2"]


def test_job_folder_looks_like_hydras_and_holds_the_whole_record(nnsweep, study):
    nnsweep("seed=5,6", *QUICK)
    (sweep,) = (study / "multirun").iterdir()
    assert {path.name for path in sweep.iterdir()} >= {"multirun.yaml", "0", "1", "table.csv"}
    job = sweep / "1"
    assert {path.name for path in job.iterdir()} == {
        ".hydra", "config.yaml", "correct.npz", "environment.json", "evaluation.npz", "history.parquet",
        "record.json", "preparation.npz", "weights.npz",
    }  # fmt: skip
    assert "seed=6" in yaml.safe_load((job / ".hydra" / "overrides.yaml").read_text())
    assert yaml.safe_load((job / "config.yaml").read_text())["seed"] == 6
    kept = json.loads((job / "record.json").read_text())["content"]
    assert kept["record"]["state"] == "finished"
    assert len(kept["record"]["run_id"]) == 32
    assert set(kept["files"]) == {
        "config.yaml",
        "correct.npz",
        "environment.json",
        "evaluation.npz",
        "history.parquet",
        "preparation.npz",
        "weights.npz",
    }
    assert pd.read_parquet(job / "history.parquet")["epoch"].tolist() == [0, 1, 2, 3]


def test_diverged_job_fails_alone_and_sets_the_exit_code(nnsweep, study):
    said = nnsweep("optimizer.learning_rate=0.1,1e300", "activation=identity", "trainer.dtype=float64", *QUICK)
    assert said.code == 3
    assert "2 jobs: 1 finished, 1 diverged" in said.out
    assert "not finite at epoch" in " ".join(said.out.split())
    assert sorted(run.info.status for run in job_runs(study)) == ["FAILED", "FINISHED"]


def test_a_users_own_folder_of_configurations_wins(nnsweep, study):
    (study / "mine" / "arch").mkdir(parents=True)
    (study / "mine" / "arch" / "tiny.yaml").write_text("name: tiny\nhidden_layer_sizes: [3]\n")
    (study / "mine" / "arch" / "shallow.yaml").write_text("name: shallow\nhidden_layer_sizes: [7]\n")
    said = nnsweep("--config-dir", "mine", "arch=tiny,shallow", *QUICK)
    assert said.code == 0, said.err
    assert {"iris-3-relu-cosine-s0", "iris-7-relu-cosine-s0"} <= set(said.out.split())


def test_preset_runs_with_one_word_and_the_command_line_wins(nnsweep, study):
    (study / "mine" / "experiment").mkdir(parents=True)
    (study / "mine" / "experiment" / "two.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /data: iris}]\n"
        "trainer: {epochs: 2}\n"
        "tracking: {experiment: two, pictures: false}\n"
        "hydra: {sweeper: {params: {seed: '3,4', arch: 'linear'}}}\n"
    )
    assert "2 jobs: 2 finished" in nnsweep("--config-dir", "mine", "experiment=two").out
    assert "1 job: 1 finished" in nnsweep("--config-dir", "mine", "-m", "experiment=two", "seed=9").out
    names = [run.info.run_name for run in job_runs(study, "two")]
    assert sorted(names) == [f"iris-linear-relu-cosine-s{seed}" for seed in (3, 4, 9)]


REFUSED = [  # command line, exit code, what is told
    (["activaton=relu"], 2, "activaton: there is no such key; did you mean 'activation'?"),
    (["activation=rel"], 2, "activation=rel: there is no such choice; did you mean 'relu'?"),
    (["+schedule.gama=1", "schedule=inv"], 2, "schedule.gama=1: there is no such key; did you mean 'gamma'?"),
    (["schedule=inv", "schedule.gamma=x"], 2, "schedule.gamma=x: must be a number"),
    (["arch.hidden_layer_sizes=[8,0]"], 2, "arch.hidden_layer_sizes.1=0: must be >= 1"),
    (["arch=custom"], 2, "arch.hidden_layer_sizes: must be given"),
    (["trainer.epochs=1e3", "schedule=constant"], 2, "trainer.epochs=1000.0: must be a whole number"),
    (["optimizer.learning_rate=0"], 2, "optimizer.learning_rate=0: must be > 0"),
    (["optimizer.momentum=1"], 2, "optimizer.momentum=1: must be >= 0 and < 1"),
    (["seed=-1"], 2, "seed=-1: must be >= 0"),
    (["seed=range(0"], 2, "seed=range(0: cannot be read"),
    (["trainer.patience=2", "data.val_fraction=0"], 2, "needs a validation part: set data.val_fraction above 0"),
    (["tracking.uri=./mlruns"], 2, "tracking.uri=./mlruns: must be sqlite:///FILE"),
    (["tracking.experiment=a,b"], 2, "tracking must be the same for all jobs"),
    (["hydra/launcher=jobl"], 2, "did you mean 'joblib'?"),
    (["-m", "--cfg", "job"], 2, "Only one of --run, --multirun"),
    (["activation=null"], 2, "must be a string or a list. Got NoneType (in: activation=null)"),
    (["--config-dir", "nowhere"], 2, "--config-dir nowhere: there is no such folder"),
    (["exprt"], 2, "exprt: there is no such command; did you mean 'export'?"),
    (["export"], 2, "Missing argument 'EXPERIMENT'"),
    (["export", "nothing"], 2, "there is no experiment 'nothing'"),
    (["data=wine", "data.val_fraction=0.999"], 4, "data.val_fraction=0.999"),
    (["data=newsgroups", "data.categories=[sci.spce,sci.med]"], 4, "did you mean 'sci.space'?"),
    (["tracking.uri=http://127.0.0.1:9"], 5, "the tracking server http://127.0.0.1:9 does not answer"),
    (["tracking.uri=sqlite:////dev/null/mlflow.db"], 5, "the store /dev/null/mlflow.db"),
    (["export", "nnsweep", "--uri", "sqlite:///none.db"], 5, "there is no store"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "told"), REFUSED, ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else ""
)
def test_mistake_is_reported_in_one_line_and_leaves_nothing(arguments, code, told, nnsweep, study):
    before = contents(study)
    said = nnsweep(*arguments)
    assert said.code == code
    assert said.out == ""
    assert told in said.err
    assert all(line.startswith("nnsweep: error: ") for line in said.err.splitlines())
    assert len(said.err.splitlines()) == 1
    assert contents(study) == before


MODES = [  # command line, what is told
    (["seed=0,1", "trainer.epohcs=3"], ["trainer.epohcs: there is no such key; did you mean 'epochs'?"]),
    (["seed=0,-1", "sed=3"], ["sed: there is no such key"]),
    (["seed=0,1", "activation=rel"], ["activation=rel: there is no such choice; did you mean 'relu'?"]),
    (["seed=0,1", "seed=range(0,"], ["seed=range(0,: cannot be read"]),
    (["seed=0,1", "schedule=step,exp", "schedule.gama=1"], ["did you mean 'gamma'? schedule=step has"]),
    (["arch=[shallow,wide]", "seed=-1"], ["a grid is written arch=shallow,wide", "seed=-1: must be >= 0"]),
    (["seed=[0,1]"], ["seed=[0, 1]: must be a whole number; a grid is written seed=0,1"]),
    (["trainer.dtype=[float32,float64]"], ["a grid is written trainer.dtype=float32,float64"]),
    (["output_activation=[tanh,relu]"], ["must be text; a grid is written output_activation=tanh,relu"]),
    (["tracking.pictures=[true,false]"], ["must be true or false; a grid is written"]),
    (["sweep.grids=[{arch: '[shallow,wide]'}]"], ["a grid is written arch=shallow,wide"]),
    (["hydra.nothing=1", "seed=0,1"], ["hydra.nothing: there is no such key"]),
]


@pytest.mark.parametrize(("line", "told"), MODES, ids=lambda value: value[-1][:30])
def test_a_command_is_told_the_same_with_m_anywhere(line, told, nnsweep, study):
    before = contents(study)
    plain = nnsweep(*line)
    assert plain.code == 2
    assert len(plain.err.splitlines()) == len(told)
    assert all(each in plain.err for each in told)
    assert nnsweep("-m", *line) == nnsweep(line[0], "--multirun", *line[1:]) == nnsweep(*line, "-m") == plain
    assert contents(study) == before


def test_all_problems_of_all_jobs_are_reported_and_nothing_runs(nnsweep, study):
    said = nnsweep("arch=shalow,wide", "seed=0,-1", "optimizer.learning_rate=0.1,0", "trainer.dtype=float16")
    lines = said.err.splitlines()
    assert said.code == 2
    assert len(lines) == len(set(lines)) == 4
    for told in ("arch=shalow", "seed=-1", "optimizer.learning_rate=0:", "trainer.dtype=float16: must be 'float"):
        assert told in said.err
    assert not (study / "multirun").exists()


def test_an_export_is_the_table_of_the_chosen_runs(nnsweep, study):
    nnsweep("arch=linear,shallow", "seed=0,1", *QUICK)
    assert nnsweep("export", "nnsweep", "--output", "all.csv").code == 0
    with open("all.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert {"name", "arch", "seed", "test_accuracy", "best_val_accuracy", "n_parameters", "run_id"} <= set(rows[0])
    assert "activation" not in rows[0]  # it is the same in all runs
    scores = [float(row["best_val_accuracy"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    chosen = nnsweep("export", "nnsweep", "--filter", "depth == 0 and seed > 0", "--columns", "name,seed").out
    assert chosen == "name,seed\niris-linear-relu-cosine-s1,1\n"
    assert nnsweep("export", "nnsweep", "--columns", "seed", "--sort", "-seed,name").out.split() == ["seed", *"1100"]


def test_an_export_has_the_format_of_its_suffix(nnsweep, study):
    nnsweep(*QUICK)
    for suffix in ("csv", "md", "tex", "html", "json", "parquet"):
        assert nnsweep("export", "nnsweep", "-o", f"table.{suffix}").code == 0
        assert (study / f"table.{suffix}").stat().st_size > 100, suffix


def test_exported_histories_are_the_full_curves_in_long_form(nnsweep, study):
    nnsweep("trainer.epochs=30", "tracking.max_points=5", "data=iris", "tracking.pictures=false")
    nnsweep("export", "nnsweep", "--histories", "-o", "curves.parquet")
    curves = pd.read_parquet("curves.parquet")
    measured = {f"{part}_{name}" for part in ("val", "test") for name in ("accuracy", "cost")}
    assert set(curves["metric"]) == measured | {"learning_rate", "train_cost"}
    assert (curves.groupby("metric")["epoch"].agg(list).map(lambda epochs: epochs == [*range(31)])).all()
    (job,) = (study / "multirun").glob("*/0")
    written = pd.read_parquet(job / "history.parquet")
    read = curves.pivot(index="epoch", columns="metric", values="value")
    assert (read[written.columns[1:]].to_numpy() == written.iloc[:, 1:].to_numpy()).all()


def test_the_same_command_gives_the_same_numbers(nnsweep, study):
    for experiment in ("one", "two"):
        nnsweep("arch=shallow,linear", *QUICK, f"tracking.experiment={experiment}")
        nnsweep("export", experiment, "--histories", "-o", f"{experiment}.parquet")
    one, two = (
        pd.read_parquet(f"{experiment}.parquet").sort_values(["name", "metric", "epoch"], ignore_index=True)
        for experiment in ("one", "two")
    )
    assert not {*one["run_id"]} & {*two["run_id"]}
    assert len({*one["run_id"]}) == len({*two["run_id"]}) == 2
    pd.testing.assert_frame_equal(one.drop(columns="run_id"), two.drop(columns="run_id"), check_exact=True)


@pytest.mark.parametrize(("wanted", "of_runs", "of_sweep"), PICTURES)
@pytest.mark.usefixtures("drawing")
def test_pictures_are_drawn_where_they_are_wanted(wanted, of_runs, of_sweep, nnsweep, study):
    said = nnsweep("data=iris", "trainer.epochs=1", f"tracking.pictures={wanted}", "seed=0,1")
    assert said.code == 0
    assert [study / path for path in re.findall("Look at the curves: (.*)", said.out)] == [
        *study.glob("multirun/*/learning_curves.png")
    ]
    assert len([*study.glob("multirun/*/*/learning_curves.png")]) == (2 if of_runs else 0)
    assert len([*study.glob("multirun/*/learning_curves.png")]) == (1 if of_sweep else 0)
    assert len([*study.glob("mlartifacts/*/artifacts/learning_curves.png")]) == 2 * of_runs + of_sweep


def test_a_closed_pipe_is_no_error(study):
    command = f"{sys.executable} -m nnsweep --help | head -1"
    said = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=study, check=True)
    assert "nnsweep" in said.stdout
    assert said.stderr == ""


@pytest.fixture
def long_sweep(study: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a sweep whose second job takes minutes, and wait until it trains and the first is finished."""
    command = [sys.executable, "-m", "nnsweep", "trainer.epochs=2,100000000", "data=iris", "tracking.pictures=false"]
    with subprocess.Popen(
        command, cwd=study, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 90
        seen = ("multirun/*/0/record.json", "multirun/*/1/.hydra/overrides.yaml")
        while not all(any(study.glob(path)) for path in seen) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(0.5)
        yield process
        process.kill()


SIGNALS = [
    (signal.SIGINT, 130),
    (signal.SIGTERM, 143),
    (signal.SIGHUP, 129),
]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_signal_closes_the_running_job_and_shows_finished_ones(number, code, long_sweep, study):
    os.killpg(long_sweep.pid, number)
    out, err = long_sweep.communicate(timeout=60)
    assert long_sweep.returncode == code
    assert "2 jobs: 1 finished, 1 interrupted" in out
    assert "Interrupted. The same command goes on: 1 of 2 jobs are left." in out
    assert err == f"{NOTICE}\n"
    assert sorted(run.info.status for run in job_runs(study)) == ["FINISHED", "KILLED"]
