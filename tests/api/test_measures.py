"""A sweep is judged by the measure that selected its epochs, and by any other on request."""

import pandas as pd
import pytest

import nnsweep
from nnsweep.cli.main import main

GRID = ("arch=shallow,wide", "optimizer.learning_rate=0.003,0.03", "seed=0,1", "trainer.epochs=30", "sweep.workers=1")


@pytest.fixture(scope="module")
def judged(new_study):
    """Give a folder with a sweep selected by log loss, and one of numbers."""
    with new_study("judged") as folder:
        measures = ("trainer.measures=[accuracy,log_loss]", "trainer.select=val_log_loss")
        assert main(["-m", "data=wine", *GRID, *measures, "tracking.experiment=wine"]) == 0
        assert main(["-m", "data=diabetes", *GRID, "tracking.experiment=diabetes"]) == 0
        yield folder


def say(capsys, *words):
    capsys.readouterr()
    assert main([*words]) == 0
    return capsys.readouterr().out


def test_the_winner_by_log_loss_is_not_that_by_accuracy(judged, capsys):
    runs = nnsweep.load_results("wine")
    winners = [nnsweep.judge(runs, measure).attrs["chosen"] for measure in (None, "accuracy")]
    assert winners[0] != winners[1]
    assert winners[0] == nnsweep.configurations(runs, "best_val_log_loss")["label"].iloc[0]
    told = [say(capsys, "report", "wine", *words) for words in ((), ("--measure", "accuracy"))]
    assert f"**Use {winners[0]}, chosen by validation log loss: test log loss 0.0" in told[0]
    assert f"**Use {winners[1]}, chosen by validation accuracy: test accuracy 0.9" in told[1]
    assert "Measure: test log loss (lower is better), at the epoch of best validation log loss." in told[0]
    assert "Measure: test accuracy (higher is better), at the epoch of best validation log loss." in told[1]


def test_a_table_has_the_lowest_log_loss_first(judged, capsys):
    path = judged / "wine.csv"
    say(capsys, "export", "wine", "--output", str(path))
    exported = pd.read_csv(path)
    assert exported["best_val_log_loss"].is_monotonic_increasing
    assert not exported["best_val_accuracy"].is_monotonic_decreasing
    columns = [*exported.columns]
    assert columns.index("best_val_log_loss") + 1 == columns.index("best_epoch")
    places = [columns.index(name) for name in ("test_accuracy", "test_log_loss", "final_test_log_loss", "run_id")]
    assert places == sorted(places)
    say(capsys, "verify", str(path))


def test_an_article_shows_the_measure_that_is_asked_for(judged, capsys):
    assert "Test log loss of 4 configurations on wine" in say(capsys, "export", "wine", "--to", "paper")
    path = judged / "paper.tex"
    say(capsys, "export", "wine", "--to", "paper", "--measure", "accuracy", "--output", str(path))
    assert "Test accuracy of 4 configurations on wine" in path.read_text(encoding="utf-8")
    say(capsys, "verify", str(path))


def test_numbers_are_judged_by_rmse(judged, capsys):
    told = say(capsys, "report", "diabetes")
    assert "Measure: test RMSE (lower is better), at the epoch of best validation RMSE." in told
    assert "Mean squared error of each configuration minus the best" in told
    assert "accuracy" not in told.replace("chance_accuracy", "")
    by_size = say(capsys, "report", "diabetes", "--measure", "mae")
    assert "Mean absolute error of each configuration minus the best" in by_size
    assert "test R²" in say(capsys, "report", "diabetes", "--metric", "test_r2")


def test_pictures_are_of_the_measure(judged, capsys):
    assert "pictures" in say(capsys, "plot", "diabetes", "--format", "svg", "--measure", "r2", "--only", "seeds")
    assert "test R²" in (judged / "pictures" / "seeds.svg").read_text(encoding="utf-8")


def test_a_misspelt_measure_is_told(judged, capsys):
    assert main(["report", "wine", "--measure", "acuracy"]) == 2
    assert "did you mean" in capsys.readouterr().err
