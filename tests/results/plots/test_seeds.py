"""The spread over seeds."""

import pytest

from nnsweep.results.plots.seeds import plot_seeds


def rows(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def lines(figure, marker):
    return [line for line in figure.axes[0].get_lines() if line.get_marker() == marker]


def test_a_row_for_each_configuration_the_best_at_the_top(made):
    runs, _ = made(activations=["relu"], schedules=["constant"])
    figure = plot_seeds(runs)
    means = runs.groupby("hidden_layer_sizes")["test_accuracy"].mean().sort_values(ascending=False)
    assert rows(figure) == list(means.index)
    low, high = figure.axes[0].get_ylim()
    assert low > high
    assert [line.get_xdata()[0] for line in lines(figure, "D")] == pytest.approx(list(means))


def test_a_dot_for_every_seed(sweep):
    dots = [value for line in lines(plot_seeds(sweep[0], most=100), "o") for value in line.get_xdata()]
    assert sorted(dots) == sorted(sweep[0]["test_accuracy"])


def test_failures_are_marked_and_counted(holey, words):
    figure = plot_seeds(holey[0], most=100)
    assert [text.get_text() for text in figure.axes[0].texts] == ["1"] * 12 + ["3"] * 4
    assert len(lines(figure, "x")) == 16
    assert "runs without a result" in words(figure)


def test_of_many_the_best_are_shown_and_the_others_counted(made, words):
    runs, _ = made(depths=range(1, 6), widths=(8, 16, 32, 64, 128), activations="abcd", n_seeds=1)
    figure = plot_seeds(runs)
    assert len(rows(figure)) == 30
    assert "The best 30 of 200; 170 are not shown." in words(figure)
    assert "One seed has no interval." in words(figure)


def test_no_interval_reaches_beyond_a_perfect_accuracy(made):
    runs, _ = made(n_seeds=2)
    perfect = runs.assign(test_accuracy=[1.0 if seed else 0.9 for seed in runs["seed"]])
    ends = [max(line.get_xdata()) for line in plot_seeds(perfect).axes[0].get_lines() if len(line.get_xdata()) == 2]
    assert max(ends) == 1.0


def test_a_metric_that_no_run_has_is_no_error(sweep, words):
    assert "cross entropy" in words(plot_seeds(sweep[0], metric="cross_entropy"))
    assert words(plot_seeds(sweep[0].iloc[:0])) == "no runs"
