"""Curves by the levels of a setting, and the rates of schedules."""

import numpy as np
import pytest

from nnsweep.errors import ConfigError
from nnsweep.results.plots.bands import band
from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.levels import plot_curves_by, plot_schedules


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_each_schedule_is_drawn_once_and_under_its_name(sweep):
    figure = plot_schedules(*sweep)
    assert legend(figure) == ["constant", "exp"]
    constant, falling = sorted((line.get_ydata() for line in figure.axes[0].get_lines()), key=lambda rates: -rates[-1])
    assert set(constant) == {0.1}
    assert falling == pytest.approx(0.1 * 0.9 ** np.arange(11))


def test_no_learning_rate_says_so(sweep, words):
    assert words(plot_schedules(sweep[0], {})) == "no learning rate was recorded"


def test_only_schedule_is_named_and_a_varying_rate_is_shown(made):
    runs, histories = made(schedules=["exp"], depths=[1])
    assert legend(plot_schedules(runs, histories)) == ["exp"]
    rates = runs.assign(**{"optimizer.learning_rate": [0.1 if width == 8 else 0.2 for width in runs["width"]]})
    rates.attrs["settings"] = [*runs.attrs["settings"], "optimizer.learning_rate"]
    assert legend(plot_schedules(rates, histories)) == ["learning_rate=0.1", "learning_rate=0.2"]


@pytest.mark.parametrize("width", [7.2, 3.35])
def test_many_schedules_of_several_rates_have_a_panel_each(made, readable, width):
    runs, histories = made(schedules=["constant", "exp", "step", "a_rather_long_name"], depths=[1])
    rates = runs.assign(**{"optimizer.learning_rate": [width / 80 for width in runs["width"]]})
    rates.attrs["settings"] = [*runs.attrs["settings"], "optimizer.learning_rate"]
    with lay_out_for(width=width):
        figure = plot_schedules(rates, histories)
    assert len(figure.axes) == 4
    assert figure.axes[1].get_title() == "constant"
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    assert legend(figure) == ["learning_rate=0.1", "learning_rate=0.2", "learning_rate=0.4"]
    readable(figure)


def test_a_schedule_that_took_several_courses_says_how_many(made):
    runs, histories = made(schedules=["plateau"], depths=[1])
    for count, one in enumerate(histories.values()):
        one["learning_rate"] = np.where(one["epoch"] < 3 + count % 2, 0.1, 0.05)
    figure = plot_schedules(runs, histories)
    assert legend(figure) == ["plateau (2 courses)"]
    assert len(figure.axes[0].get_lines()) == 2


def test_a_line_is_the_mean_over_all_other_settings(sweep, words):
    runs, histories = sweep
    figure = plot_curves_by(runs, histories, "width")
    assert legend(figure) == ["width 8", "width 16", "width 32"]
    accuracies = figure.axes[2].get_lines()
    for width in (8, 16, 32):
        chosen = [histories[run_id]["test_accuracy"] for run_id in runs["run_id"][runs["width"] == width]]
        mean = np.mean(chosen, axis=0)
        assert any(line.get_ydata() == pytest.approx(mean) for line in accuracies)
    told = " ".join(words(figure).split())
    assert "Lines: the mean over depth, activation and schedule." in told
    assert "95 % interval of each mean over seeds by itself (n = 3)" in told


def test_the_band_is_over_seeds_averaged_over_the_same_networks(sweep):
    runs, histories = sweep
    figure = plot_curves_by(runs, histories, "activation")
    of_seeds = []
    for seed in range(3):
        of_seed = runs[(runs["activation"] == "relu") & (runs["seed"] == seed)]
        mean = np.mean([histories[run_id]["val_accuracy"] for run_id in of_seed["run_id"]], axis=0)
        of_seeds.append(histories["id0"].assign(val_accuracy=mean))
    expected = band(of_seeds, "val_accuracy")
    (vertices,) = [
        one.get_paths()[0].vertices
        for one in figure.axes[1].collections
        if np.isclose(one.get_paths()[0].vertices[:, 1], expected.high[-1], rtol=1e-9).any()
    ]
    assert np.isclose(vertices[:, 1], expected.low[-1], rtol=1e-9).any()


def test_networks_that_lack_a_seed_are_left_out_and_told(holey, words):
    runs, histories = holey
    figure = plot_curves_by(runs, histories, "depth")
    told = " ".join(words(figure).split())
    assert "Left out: 16 configurations without a curve for every seed." in told
    whole = runs[(runs["depth"] == 1) & (runs["width"] != 8)]
    mean = np.mean([histories[run_id]["test_accuracy"] for run_id in whole["run_id"]], axis=0)
    assert any(line.get_ydata() == pytest.approx(mean) for line in figure.axes[2].get_lines())


def test_levels_without_any_curve_have_no_line(made):
    runs, histories = made(failing=lambda settings: settings["activation"] == "tanh")
    assert legend(plot_curves_by(runs, histories, "activation")) == ["relu"]


@pytest.mark.parametrize(("by", "problem"), [("seed", "repeats"), ("colour", "colour")])
def test_what_has_no_levels_is_refused(sweep, by, problem):
    with pytest.raises(ConfigError, match=problem):
        plot_curves_by(*sweep, by)


def test_curves_by_a_setting_without_histories_say_so(sweep, words):
    assert "no epoch was recorded" in words(plot_curves_by(sweep[0], {}, "depth"))
