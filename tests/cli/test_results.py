"""Pictures of real sweeps: on the summary run, and as files by ``nnsweep plot``."""

import os
import pty
import sys

import pytest

from nnsweep.cli.options import show_work

QUICK = ("-m", "data=iris", "trainer.epochs=3")
GRID = ("arch=uniform", "arch.depth=1,2", "arch.width=4,8", "seed=0,1")
NAMES = [
    "confusion",
    "cost",
    "cost_seconds",
    "curves_by_depth",
    "curves_by_width",
    "effects",
    "grid",
    "learning_curves",
    "marginal_means",
    "mean_curves",
    "parallel",
    "reliability",
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


def png_size(path):
    return tuple(int.from_bytes(path.read_bytes()[start : start + 4], "big") for start in (16, 20))


@pytest.mark.usefixtures("drawing")
def test_pictures_are_drawn_for_a_paper_and_for_slides(study, nnsweep):
    assert nnsweep(*QUICK, *GRID, "tracking.pictures=false").code == 0
    paper = ("--width", "8.5cm", "--dpi", "300", "--format", "all")
    said = nnsweep("plot", "nnsweep", "-o", "paper", "--only", "seeds", *paper)
    assert said.code == 0
    assert files(study / "paper") == ["seeds.pdf", "seeds.png", "seeds.svg"]
    assert png_size(study / "paper" / "seeds.png")[0] == 1003  # 8.5 cm at 300 dots per inch
    assert b"/Type3" not in (study / "paper" / "seeds.pdf").read_bytes()
    assert ">nnsweep<" in (study / "paper" / "seeds.svg").read_text()

    said = nnsweep("plot", "nnsweep", "-o", "bare", "--only", "seeds", "--title", "", "--format", "svg")
    assert (said.code, ">nnsweep<" in (study / "bare" / "seeds.svg").read_text()) == (0, False)

    said = nnsweep("plot", "nnsweep", "-o", "wall", "--only", "grid", "--only", "seeds", "--slides")
    assert said.code == 0
    assert files(study / "wall") == ["grid.png", "seeds.png", "slides.pdf"]
    assert png_size(study / "wall" / "grid.png") == (1920, 1080)

    options = ("--x", "depth", "--y", "width", "--panels", "arch", "--metric", "final_train_cost")
    said = nnsweep("plot", "nnsweep", "-o", "turned", "--only", "grid", "--format", "svg", *options)
    assert said.code == 0
    assert ">final training cost<" in (study / "turned" / "grid.svg").read_text()


REFUSED = [
    ("--width 8.5", "--width: '8.5' is no length; write a number with cm, mm, in or pt, such as 8.5cm"),
    ("--width 1cm", "width: 0.394 in (1 cm) is out of range; a picture is 2.5 to 30 in (6.35 to 76.2 cm) wide"),
    ("--width=", "--width: '' is no length; write a number with cm, mm, in or pt, such as 8.5cm"),
    ("--font Sansserif", "font: Sansserif is not installed; leave it out or name one that matplotlib finds"),
    ("--only seed", "--only: these runs have no picture 'seed'; did you mean 'seeds'?"),
    ("--metric tst_accuracy", "metric: unknown name 'tst_accuracy'; did you mean 'test_accuracy'?"),
    ("--metric arch", "metric: 'arch' has no numbers; choose one of n_parameters, depth, width,"),
    ("--x wdith", "x: unknown name 'wdith'; did you mean 'width'?"),
    ("--panels sed", "panels: unknown name 'sed'; "),
    ("--only seeds --x width", "--x is for the map, which --only leaves out: add --only grid, or leave it out"),
    ("--slides --width page", "--slides: a slide has its own size; leave out --width and --dpi"),
    ("--slides --no-notes", "--slides: a slide has no caption to say what its notes do; leave out --no-notes"),
]


def test_what_a_picture_cannot_be_is_told_in_a_line(study, nnsweep):
    assert nnsweep(*QUICK, *GRID, "tracking.pictures=false").code == 0
    for options, told in REFUSED:
        said = nnsweep("plot", "nnsweep", "-o", "none", *options.split())
        assert (said.code, said.err.count("\n")) == (2, 1), options
        assert told in said.err
    assert not (study / "none").exists()


def test_a_terminal_says_what_is_being_done_until_it_is(monkeypatch, capsys):
    end, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        monkeypatch.setenv("TERM", "xterm")
        with show_work("Drawing ..."):
            print("a result")
        said = os.read(end, 10_000).decode()
    os.close(end)
    assert "Drawing ..." in said
    assert "\x1b[2K" in said.rpartition("Drawing ...")[2]  # its line is empty again
    assert capsys.readouterr().out == "a result\n"
