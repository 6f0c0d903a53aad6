"""Whichever of Hydra's launchers runs the jobs, the terminal, the table and the curves are the same."""

import importlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

GRID = ("arch=linear,shallow", "optimizer.learning_rate=0.1,1e30", "data=iris", "trainer.epochs=5")
LAUNCHERS = {"joblib": "joblib", "ray": "ray", "submitit_local": "submitit"}


@pytest.fixture(params=LAUNCHERS)
def launcher(request):
    """Name each launcher of another project whose plugin is installed."""
    extra = LAUNCHERS[request.param]
    needed = "ray" if extra == "ray" else f"hydra_plugins.hydra_{extra}_launcher"
    pytest.importorskip(needed, reason=f"{needed} is absent: pip install 'nnsweep[{extra}]'")
    yield request.param
    if extra == "ray":  # its cluster lasts as long as the process
        importlib.import_module("ray").shutdown()


def test_every_launcher_gives_the_same_results_as_the_basic_one(nnsweep, launcher):
    tables, curves = [], []
    for study in ("basic", launcher):
        said = nnsweep(f"hydra/launcher={study}", f"tracking.experiment={study}", "tracking.pictures=false", *GRID)
        assert said.code == 3, said.err
        assert "4 jobs: 3 finished, 1 diverged" in said.out
        assert said.err == ""
        nnsweep("export", study, "-o", "table.parquet")
        nnsweep("export", study, "--histories", "-o", "curves.parquet")
        tables.append(pd.read_parquet("table.parquet").drop(columns=["run_id", "sweep", "duration_seconds"]))
        curves.append(pd.read_parquet("curves.parquet").sort_values(["name", "metric", "epoch"], ignore_index=True))
    assert len(tables[0]) == 4
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    pd.testing.assert_frame_equal(*(curve.drop(columns="run_id") for curve in curves), check_exact=True)


@pytest.mark.parametrize(
    ("launcher", "extra"),
    [("joblib", "joblib"), ("ray", "ray"), ("submitit_local", "submitit"), ("submitit_slurm", "submitit")],
)
def test_uninstalled_launcher_is_refused_with_its_extra_named(nnsweep, launcher, extra):
    absent = f"hydra.launcher._target_=hydra_plugins.hydra_{extra}_launcher.absent.Launcher"
    said = nnsweep(f"hydra/launcher={launcher}", absent)
    assert said.code == 2
    told = f"Hydra's {extra} launcher is not installed; pip install 'nnsweep[{extra}]'"
    assert said.err == f"nnsweep: error: hydra/launcher: {told}\n"


def test_workers_are_as_many_as_there_are_physical_cores(nnsweep, monkeypatch):
    monkeypatch.setattr("joblib.externals.loky.cpu_count", lambda only_physical_cores: 7 if only_physical_cores else 14)
    for launcher, key in {"joblib": "n_jobs", "ray": "num_cpus"}.items():
        said = nnsweep(f"hydra/launcher={launcher}", "--cfg", "hydra", "--resolve", "-p", "hydra.launcher")
        assert f"{key}: 7\n" in said.out, said


# ---- the stacked launcher, against Hydra's basic one

MIXED = (
    "data=iris",
    "arch=linear,shallow,shallow",
    "activation=tanh,tanh,relu",
    "seed=0,1,2",
    "optimizer.learning_rate=0.1,0.2,1e300",
    "sweep.zip=[[arch,activation],[seed,optimizer.learning_rate]]",
    "trainer.epochs=4",
    "trainer.dtype=float64",
    "tracking.pictures=false",
)
FEW = ("data=iris", "seed=0,1,2", "trainer.epochs=2", "trainer.dtype=float64", "tracking.pictures=false")
STACKED = "hydra_plugins.nnsweep_plugins.stacked_launcher.StackedLauncher"
BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


class Ended:
    """What a sweep has left in the store and in its folder."""

    def __init__(self, nnsweep, number, launcher, *arguments):
        name = f"the-{number}-sweep"  # which no path of the checkout has in it
        given = (f"hydra/launcher={launcher}", f"tracking.experiment={name}", f"hydra.sweep.dir=multirun/{name}")
        self.said = nnsweep(*given, *arguments)
        assert self.said.err == ""
        nnsweep("export", name, "-o", "table.parquet")
        nnsweep("export", name, "--histories", "-o", "curves.parquet")
        table, curves = pd.read_parquet("table.parquet"), pd.read_parquet("curves.parquet")
        self.table = table.drop(columns=["run_id", "sweep", "duration_seconds"]).sort_values("name", ignore_index=True)
        self.curves = curves.drop(columns="run_id").sort_values(["name", "metric", "epoch"], ignore_index=True)
        self.name, self.launcher, self.folder = name, launcher, Path("multirun", name)

    def files(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def hydras(self):
        """Give the text of all that Hydra leaves, with nothing in it of this sweep's name and launcher."""
        texts = {path: (self.folder / path).read_text() for path in self.files() if ".hydra/" in path}
        own = {self.name: "NAME", STACKED: "TARGET", BASIC: "TARGET", f"launcher={self.launcher}": "LAUNCHER"}
        own |= {f"hydra/launcher: {self.launcher}": "LAUNCHER", "workers=2": "workers=1", "workers: 2": "workers: 1"}
        for word, instead in own.items():
            texts = {path: text.replace(word, instead) for path, text in texts.items()}
        return texts

    def records(self):
        """Give the record of each job, without what no two runs have in common."""
        kept = [json.loads(path.read_text())["content"] for path in sorted(self.folder.glob("*/record.json"))]
        records = [content["record"] for content in kept]
        for record in records:
            del record["run_id"], record["sweep"], record["metrics"]["duration_seconds"]
            record["reason"] = record["reason"].replace(self.name, "NAME")
        return records

    def arrays(self):
        """Give the history and the weights of each job."""
        for job in sorted(self.folder.glob("*/record.json")):
            yield from dict(pd.read_parquet(job.parent / "history.parquet")).items()
            with np.load(job.parent / "weights.npz") as weights:
                yield from weights.items()


def assert_same(one, other):
    assert one.said.code == other.said.code
    pd.testing.assert_frame_equal(other.table, one.table, check_exact=True)
    pd.testing.assert_frame_equal(other.curves, one.curves, check_exact=True)
    assert other.records() == one.records()
    for (name, array), (same, expected) in zip(other.arrays(), one.arrays(), strict=True):
        assert name == same
        np.testing.assert_array_equal(array, expected, err_msg=name)


def test_stacked_jobs_leave_the_same_as_jobs_run_one_by_one(nnsweep):
    one, *others = [
        Ended(nnsweep, name, launcher, f"sweep.workers={n_workers}", *MIXED)
        for name, launcher, n_workers in (("one", "basic", 1), ("here", "stacked", 1), ("elsewhere", "stacked", 2))
    ]
    assert one.said.code == 3
    assert {record["state"] for record in one.records()} == {"finished", "diverged"}
    for other in others:
        assert_same(one, other)
        assert other.files() == one.files()
        assert other.hydras() == one.hydras()


CALLBACK = "+hydra.callbacks.mine={_target_: hydra.experimental.callbacks.LogJobReturnCallback}"


@pytest.mark.parametrize("what", ["hydra.job.chdir=true", "+hydra.job.env_set.NNSWEEP_TEST=1", CALLBACK])
def test_process_changing_jobs_run_singly_with_the_same_table(nnsweep, monkeypatch, what):
    monkeypatch.delattr("nnsweep.jobs.executors.train_in_worker")
    ended = [Ended(nnsweep, *pair, *FEW, what, "sweep.workers=2") for pair in (("one", "basic"), ("two", "stacked"))]
    assert "3 jobs: 3 finished" in ended[0].said.out
    assert_same(*ended)
    assert ended[0].files() == ended[1].files()
    assert ended[0].hydras() == ended[1].hydras()


@pytest.mark.parametrize("launcher", ["basic", "stacked"])
def test_without_an_output_subdir_hydra_leaves_nothing(nnsweep, launcher):
    ended = Ended(nnsweep, "without", launcher, *FEW, "hydra.output_subdir=null")
    assert ended.said.code == 0
    assert "0/record.json" in ended.files()
    assert ended.hydras() == {}


def test_an_output_subdir_outside_the_jobs_folder_is_refused(nnsweep, study):
    said = nnsweep(*FEW, "hydra.output_subdir=../x")
    assert said.code == 2
    rule = "must be a folder inside the job's own, such as .hydra, or null"
    assert said.err == f"nnsweep: error: hydra.output_subdir=../x: {rule}\n"
    assert not (study / "multirun").exists()
