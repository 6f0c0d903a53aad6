"""Learning curves with bands, and the schedules."""

import numpy as np
import pandas as pd
import pytest

from nnsweep.results.plots.curves import band, plot_learning_curves, plot_schedules
from nnsweep.results.statistics.summary import estimate_mean


def history(*values):
    return pd.DataFrame({"epoch": range(len(values)), "val_accuracy": values})


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_three_seeds_have_an_interval_two_a_range_one_a_line():
    curves = [history(0.1, 0.5), history(0.2, 0.7), history(0.3, 0.6)]
    three = band(curves, "val_accuracy")
    assert three.mean == pytest.approx([0.2, 0.6])
    expected = [estimate_mean(values) for values in ([0.1, 0.2, 0.3], [0.5, 0.7, 0.6])]
    assert three.low == pytest.approx([one.low for one in expected])
    assert three.high == pytest.approx([one.high for one in expected])
    two = band(curves[:2], "val_accuracy")
    assert (list(two.low), list(two.high)) == ([0.1, 0.5], [0.2, 0.7])
    one = band(curves[:1], "val_accuracy")
    assert list(one.low) == list(one.high) == [0.1, 0.5]


def test_the_mean_goes_as_far_as_all_seeds_went():
    early = band([history(0.1, 0.5, 0.6), history(0.3, 0.7), history(0.2, np.nan, 0.4)], "val_accuracy")
    assert list(early.epochs) == [0]
    assert early.mean == pytest.approx([0.2])


def test_ten_configurations_have_bands_and_names_others_are_grey(sweep, words):
    figure = plot_learning_curves(*sweep)
    assert [axes.get_title() for axes in figure.axes] == ["training cost", "validation accuracy", "test accuracy"]
    assert len(figure.axes[1].collections) == 10
    assert len(figure.axes[1].get_lines()) == 36
    assert legend(figure)[-1] == "26 others"
    assert "95 % interval of each mean over seeds by itself (n = 3)" in words(figure)


def test_failed_seeds_are_in_no_mean_and_are_told(holey, words):
    runs, histories = holey
    figure = plot_learning_curves(runs[runs["width"] != 16], histories)
    assert any("(1 of 3 failed)" in label for label in legend(figure))
    assert "Where there are two seeds: from the lower to the higher one." in " ".join(words(figure).split())
    assert "4 without any result are not drawn." in " ".join(words(figure).split())
    costs = [line.get_ydata() for line in figure.axes[0].get_lines()]
    assert all(np.isfinite(cost).all() and len(cost) == 11 for cost in costs)


def test_curves_of_one_seed_have_no_band(made):
    figure = plot_learning_curves(*made(n_seeds=1))
    assert [len(axes.collections) for axes in figure.axes] == [0, 0, 0]


def test_no_history_says_so(sweep, words):
    assert "no epoch was recorded" in words(plot_learning_curves(sweep[0], {}))
    assert words(plot_schedules(sweep[0], {})) == "no learning rate was recorded"


def test_each_schedule_is_drawn_once_and_under_its_name(sweep):
    figure = plot_schedules(*sweep)
    assert legend(figure) == ["constant", "exp"]
    constant, falling = sorted((line.get_ydata() for line in figure.axes[0].get_lines()), key=lambda rates: -rates[-1])
    assert set(constant) == {0.1}
    assert falling == pytest.approx(0.1 * 0.9 ** np.arange(11))


def test_only_schedule_is_named_and_a_varying_rate_is_shown(made):
    runs, histories = made(schedules=["exp"], depths=[1])
    assert legend(plot_schedules(runs, histories)) == ["exp"]
    rates = runs.assign(**{"optimizer.learning_rate": [0.1 if width == 8 else 0.2 for width in runs["width"]]})
    rates.attrs["settings"] = [*runs.attrs["settings"], "optimizer.learning_rate"]
    assert legend(plot_schedules(rates, histories)) == ["learning_rate=0.1", "learning_rate=0.2"]


def test_a_schedule_that_took_several_courses_says_how_many(made):
    runs, histories = made(schedules=["plateau"], depths=[1])
    for count, one in enumerate(histories.values()):
        one["learning_rate"] = np.where(one["epoch"] < 3 + count % 2, 0.1, 0.05)
    figure = plot_schedules(runs, histories)
    assert legend(figure) == ["plateau (2 courses)"]
    assert len(figure.axes[0].get_lines()) == 2
