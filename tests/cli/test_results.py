"""Pictures of real sweeps: on the summary run, and as files by ``nnsweep plot``."""

import pytest

QUICK = ("-m", "data=iris", "trainer.epochs=3")
GRID = ("arch=uniform", "arch.depth=1,2", "arch.width=4,8", "seed=0,1")
NAMES = [
    "cost",
    "cost_seconds",
    "effects",
    "grid",
    "learning_curves",
    "marginal_means",
    "mean_curves",
    "parallel",
    "schedules",
    "seeds",
]


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("drawing")
def test_sweep_leaves_pictures_and_the_command_draws_them_all(study, nnsweep):
    assert nnsweep(*QUICK, *GRID).code == 0
    (sweep,) = (study / "multirun").iterdir()
    quick = {"learning_curves.png", "grid.png", "seeds.png", "cost.png", "parallel.png"}
    assert quick == {path.name for path in sweep.glob("*.png")}
    attached = {path.name for path in study.rglob("artifacts/*.png")}
    assert quick <= attached

    said = nnsweep("plot", "nnsweep", "-o", "drawn")
    assert said.code == 0
    assert files(study / "drawn") == sorted(f"{name}.{suffix}" for name in NAMES for suffix in ("png", "svg"))
    assert sorted(said.out.split()) == [f"drawn/{name}" for name in files(study / "drawn")]

    said = nnsweep("plot", "nnsweep", "-o", "few", "--format", "svg", "--filter", "depth == 1", "--sweep", sweep.name)
    assert said.code == 0
    assert "grid.svg" not in files(study / "few")
    assert "seeds.svg" in files(study / "few")

    said = nnsweep("plot", "nnsweep", "-o", "none", "--filter", "depth == 7")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "experiment 'nnsweep' has no run with a result or a curve" in said.err
    assert not (study / "none").exists()


@pytest.mark.parametrize("folder", ["a file", "mlflow.db/below"])
def test_a_folder_that_cannot_be_written_is_told_in_a_line(study, nnsweep, folder):
    (study / "a file").write_text("")
    assert nnsweep(*QUICK, "seed=0,1", "tracking.pictures=false").code == 0
    said = nnsweep("plot", "nnsweep", "-o", folder)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert f"{folder}: cannot be written" in said.err
