"""Whichever of Hydra's launchers runs the jobs, the terminal, the table and the curves are the same."""

import importlib

import pandas as pd
import pytest

GRID = ("arch=linear,shallow", "optimizer.learning_rate=0.1,1e30", "data=iris", "trainer.epochs=5")
LAUNCHERS = {"joblib": "joblib", "ray": "ray", "submitit_local": "submitit"}


@pytest.fixture(params=LAUNCHERS)
def launcher(request):
    """Name each launcher of another project whose plugin is installed."""
    extra = LAUNCHERS[request.param]
    pytest.importorskip(
        f"hydra_plugins.hydra_{extra}_launcher",
        reason=f"hydra-{extra}-launcher is absent: pip install 'nnsweep[{extra}]'",
    )
    yield request.param
    if extra == "ray":  # its cluster lasts as long as the process
        importlib.import_module("ray").shutdown()


def test_every_launcher_ends_in_the_table_and_curves_and_exit_code_of_the_basic_one(nnsweep, launcher):
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
def test_a_launcher_that_is_not_installed_is_told_with_the_extra_that_brings_it(nnsweep, launcher, extra):
    absent = f"hydra.launcher._target_=hydra_plugins.hydra_{extra}_launcher.absent.Launcher"
    said = nnsweep(f"hydra/launcher={launcher}", absent)
    assert said.code == 2
    told = f"Hydra's {extra} launcher is not installed; pip install 'nnsweep[{extra}]'"
    assert said.err == f"nnsweep: error: hydra/launcher: {told}\n"


def test_workers_are_as_many_as_there_are_physical_cores(nnsweep, monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda only_physical_cores: 7 if only_physical_cores else 14)
    for launcher, key in {"joblib": "n_jobs", "ray": "num_cpus"}.items():
        said = nnsweep(f"hydra/launcher={launcher}", "--cfg", "hydra", "--resolve", "-p", "hydra.launcher")
        assert f"{key}: 7\n" in said.out, said
