"""Pictures that are drawn whatever the numbers and the names are."""

import numpy as np
import pandas as pd
import pytest

from nnsweep.errors import ConfigError
from nnsweep.results.plots.bands import band
from nnsweep.results.plots.curves import job_curves, learning_curves, plot_learning_curves
from nnsweep.results.plots.drawing import save_figure
from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.statistics.intervals import estimate_mean
from nnsweep.results.statistics.summary import estimate_configurations
from tests.results.plots.conftest import lay_out


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def diverging(history, cost=np.inf):
    return history.assign(train_cost=[*history["train_cost"][:-2], 1e300, cost])


def test_a_panel_for_each_quantity_that_was_measured(history):
    assert titles(learning_curves({"a": history})) == ["training cost", "test accuracy", "learning rate"]
    validated = history.assign(val_accuracy=history["test_accuracy"])
    assert titles(learning_curves({"a": validated}))[1] == "validation accuracy"
    assert titles(job_curves(validated, "a")) == ["training cost", "accuracy", "learning rate"]
    with_cost = validated.assign(val_cost=history["train_cost"])
    assert titles(learning_curves({"a": with_cost}))[:2] == ["training cost", "validation cost"]
    assert titles(job_curves(with_cost, "a")) == ["cost", "accuracy", "learning rate"]
    assert labels(job_curves(with_cost, "a")) == ["training", "validation", "test"]


def test_evaluated_points_are_joined(history):
    line = learning_curves({"a": history}).axes[1].get_lines()[0]
    assert list(line.get_xdata()) == [0, 5, 10]
    assert line.get_linestyle() == "-"


def test_cost_is_on_a_logarithmic_scale_unless_it_is_negative(history):
    assert learning_curves({"a": history}).axes[0].get_yscale() == "log"
    below = history.assign(train_cost=history["train_cost"] - 1)
    assert learning_curves({"a": below}).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize(("end", "marked"), [(0.002, ["0.01", "0.1", "1"]), (0.05, ["0.05", "0.1", "0.2", "0.5", "1"])])
def test_a_logarithmic_scale_is_marked_by_plain_numbers(history, end, marked):
    falling = history.assign(train_cost=np.geomspace(3, end, len(history)))
    axes = learning_curves({"a": falling}).axes[0]
    low, high = axes.get_ylim()
    ticks = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
    assert [label.get_text() for value, label in ticks if low <= value <= high][: len(marked)] == marked


def test_the_legend_names_the_best_first(history):
    worse = history.assign(test_accuracy=history["test_accuracy"] / 2)
    assert labels(learning_curves({"bad": diverging(history), "worse": worse, "best": history})) == [
        *("best", "worse", "bad", "diverged")
    ]


def test_of_many_runs_eight_are_named_and_the_others_grey(history):
    many = {f"run{i}": history.assign(test_accuracy=history["test_accuracy"] - i / 100) for i in range(60)}
    figure = learning_curves(many)
    assert labels(figure) == [*(f"run{i}" for i in range(8)), "52 others"]
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].get_lines()}
    assert len(looks) == 9


@pytest.mark.parametrize("cost", [np.inf, np.nan, -np.inf])
def test_an_exploding_cost_does_not_flatten_the_others(history, words, cost):
    figure = learning_curves({"good": history, "bad": diverging(history, cost)})
    low, high = figure.axes[0].get_ylim()
    assert (low > 0.01, high) == (True, 10)
    assert "Outside the panels: training cost above 10 (1 of 2 runs at times)." in words(figure)
    (cross,) = [line for line in figure.axes[0].get_lines() if line.get_marker() == "x"]
    assert cross.get_ydata() == [high]


@pytest.mark.parametrize(
    "odd",
    [
        pd.DataFrame({"epoch": [], "train_cost": []}),
        pd.DataFrame({"epoch": [0], "train_cost": [np.nan], "learning_rate": [0.0]}),
        pd.DataFrame({"epoch": [0], "train_cost": [0.0], "test_accuracy": [0.5]}),
        pd.DataFrame({"epoch": [0, 1], "train_cost": [1e308, 1.7e308]}),
    ],
)
def test_odd_histories_are_drawn(tmp_path, odd):
    save_figure(learning_curves({"odd": odd}), tmp_path / "a.png")
    save_figure(job_curves(odd), tmp_path / "b.png")


def test_no_history_at_all_says_so(tmp_path):
    figure = learning_curves({})
    save_figure(figure, tmp_path / "a.png")
    assert figure.axes[0].texts[0].get_text() == "no epoch was recorded"


@pytest.mark.parametrize("name", ["$x^{", "_hidden", "日本", "line\nbreak", "long" * 100, "\x1b[2J", ""])
def test_odd_names_are_drawn(tmp_path, history, name):
    save_figure(learning_curves({name: history}, title=name), tmp_path / "a.png")
    save_figure(job_curves(history, name), tmp_path / "b.svg")


def test_the_legend_stays_inside_the_picture(history):
    figure = learning_curves({f"{'long-name-' * 6}{i}": history for i in range(9)})
    lay_out(figure)
    box = figure.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert figure.bbox.y0 <= box.y0


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_equal_pictures_have_equal_bytes(tmp_path, history, suffix):
    for name in "ab":
        save_figure(learning_curves({"run": history}), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_another_suffix_is_refused(tmp_path, history):
    with pytest.raises(ConfigError, match=r"a picture is \.png"):
        save_figure(job_curves(history), tmp_path / "a.docx")


def history(*values):
    return pd.DataFrame({"epoch": range(len(values)), "val_accuracy": values})


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_three_seeds_have_an_interval_two_a_range_one_a_line():
    curves = [history(0.1, 0.5), history(0.2, 0.7), history(0.3, 0.6)]
    three = band(curves, "val_accuracy")
    assert three.mean == pytest.approx([0.2, 0.6])
    expected = [estimate_mean(values, bounds=(0, 1)) for values in ([0.1, 0.2, 0.3], [0.5, 0.7, 0.6])]
    assert three.low == pytest.approx([one.low for one in expected])
    assert three.high == pytest.approx([one.high for one in expected])
    two = band(curves[:2], "val_accuracy")
    assert (list(two.low), list(two.high)) == ([0.1, 0.5], [0.2, 0.7])
    one = band(curves[:1], "val_accuracy")
    assert list(one.low) == list(one.high) == [0.1, 0.5]


def test_the_band_of_a_cost_stays_above_zero():
    costs = [pd.DataFrame({"epoch": [0, 1], "val_cost": values}) for values in ([1.0, 1e-4], [2.0, 1e-4], [3.0, 1e-2])]
    one = band(costs, "val_cost")
    assert (one.low > 0).all()
    assert one.mean / one.low == pytest.approx(one.high / one.mean)
    half = np.array([estimate_mean(values).high - np.mean(values) for values in ([1.0, 2.0, 3.0], [1e-4, 1e-4, 1e-2])])
    assert one.high == pytest.approx(one.mean * np.exp(half / one.mean))


def test_the_mean_goes_as_far_as_all_seeds_went():
    early = band([history(0.1, 0.5, 0.6), history(0.3, 0.7), history(0.2, np.nan, 0.4)], "val_accuracy")
    assert list(early.epochs) == [0]
    assert early.mean == pytest.approx([0.2])


def test_eight_configurations_have_bands_others_are_grey(sweep, words):
    figure = plot_learning_curves(*sweep)
    assert [axes.get_title() for axes in figure.axes] == ["training cost", "validation accuracy", "test accuracy"]
    assert len(figure.axes[1].collections) == 8
    assert len(figure.axes[1].get_lines()) == 36
    assert legend(figure)[-1] == "28 others"
    assert "95 % interval of each mean over seeds by itself (n = 3)" in words(figure)


def test_failed_seeds_are_in_no_mean_and_are_told(holey, words):
    runs, histories = holey
    figure = plot_learning_curves(runs[(runs["width"] != 16) & (runs["activation"] == "relu")], histories)
    assert any("(1 of 3 failed)" in label for label in legend(figure))
    assert "Where there are two seeds: from the lower to the higher one." in " ".join(words(figure).split())
    assert "2 without any result are not drawn." in " ".join(words(figure).split())
    costs = [line.get_ydata() for line in figure.axes[0].get_lines()]
    assert all(np.isfinite(cost).all() and len(cost) == 11 for cost in costs)


def test_a_configuration_looks_the_same_as_a_line_and_as_runs(sweep):
    runs, histories = sweep
    means = plot_learning_curves(runs, histories)
    run_ids = [str(run_id) for run_id in runs["run_id"]]
    groups = {one.label: [run_ids[row] for row in one.rows] for one in estimate_configurations(runs)}
    single = learning_curves(histories, groups=groups)
    assert legend(single)[:8] == legend(means)[:8]
    assert legend(single)[8] == "84 others"
    looks = [
        {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].get_lines()} for figure in (means, single)
    ]
    assert looks[0] == looks[1]
    gids = [line.get_gid() for line in means.axes[0].get_lines()]
    assert sorted(int(gid.split("-")[1]) for gid in gids) == [*range(36)]


@pytest.mark.parametrize("width", [3.35, 6.69])
def test_curves_can_be_read_in_a_column(holey, readable, width):
    runs, histories = holey
    with lay_out_for(width=width):
        drawn = [
            plot_learning_curves(runs, histories, title="depth and width"),
            learning_curves(histories, title="runs"),
            job_curves(histories["id0"], "one job"),
        ]
    for figure in drawn:
        readable(figure)
        assert figure.get_figwidth() <= width


def test_epochs_are_whole(made):
    runs, histories = made(n_seeds=1)
    short = {run_id: history.iloc[:3] for run_id, history in histories.items()}
    figure = plot_learning_curves(runs, short)
    lay_out(figure)
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert all(float(tick.replace("\N{MINUS SIGN}", "-")).is_integer() for tick in ticks)


def test_curves_of_one_seed_have_no_band(made):
    figure = plot_learning_curves(*made(n_seeds=1))
    assert [len(axes.collections) for axes in figure.axes] == [0, 0, 0]


def test_no_history_says_so(sweep, words):
    assert "no epoch was recorded" in words(plot_learning_curves(sweep[0], {}))
