"""Shares of variance as bars, and means of settings over the others as rows."""

import numpy as np
import pandas as pd
import pytest

from nnsweep.results.plots.effects import plot_effects, plot_marginal_means
from nnsweep.results.statistics.anova import effects
from nnsweep.results.statistics.marginal_means import marginal_means


def rows(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_bars_show_the_shares_largest_first_and_noise_last(sweep):
    table = effects(sweep[0]).set_index("term")
    figure = plot_effects(effects(sweep[0]))
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    real = table.drop(["residual", "total"])["eta_squared"].sort_values(ascending=False)
    assert widths == pytest.approx([*real, table["eta_squared"]["residual"]])
    assert rows(figure)[0] == "width"
    assert rows(figure)[-1] == "residual"
    assert "depth \N{MULTIPLICATION SIGN} width" in rows(figure)
    marks = [line.get_xdata()[0] for line in figure.axes[0].get_lines() if line.get_marker() == "D"]
    assert sorted(marks) == pytest.approx(sorted(table["omega_squared"].dropna()))
    left, right = figure.axes[0].get_xlim()
    assert left < min(marks)
    assert max(widths) < right


def test_beyond_twenty_the_others_are_one_bar():
    shares = np.arange(1.0, 31.0) / 465
    figure = plot_effects(pd.DataFrame({"term": [f"t{place}" for place in range(30)], "eta_squared": shares}))
    assert len(rows(figure)) == 20
    assert rows(figure)[-1] == "11 smaller ones together"
    assert sum(bar.get_width() for bar in figure.axes[0].patches) == pytest.approx(1.0)


def test_nothing_to_tell(words):
    table = pd.DataFrame({"term": ["depth"], "eta_squared": [np.nan]})
    assert words(plot_effects(table)) == "no effect could be estimated"


def test_a_row_has_the_mean_and_interval_of_a_value(sweep, readable):
    levels = marginal_means(sweep[0]).levels
    figure = plot_marginal_means(levels, title="means")
    readable(figure)
    assert rows(figure) == [
        *("depth", "1", "2", "3", "width", "8", "16", "32"),
        *("activation", "relu", "tanh", "schedule", "constant", "exp"),
    ]
    lines = figure.axes[0].get_lines()
    marks = {line.get_ydata()[0]: line.get_xdata()[0] for line in lines if line.get_marker() == "D"}
    intervals = {line.get_ydata()[0]: list(line.get_xdata()) for line in lines if line.get_marker() != "D"}
    assert [*marks] == [*intervals] == [1, 2, 3, 5, 6, 7, 9, 10, 12, 13]
    assert [*marks.values()] == pytest.approx(levels["mean"].tolist())
    assert np.array([*intervals.values()]) == pytest.approx(levels[["low", "high"]].to_numpy())


def test_what_marginal_means_returns_is_drawn_as_its_levels(sweep):
    means = marginal_means(sweep[0])
    assert rows(plot_marginal_means(means)) == rows(plot_marginal_means(means.levels))


def test_the_middle_of_many_values_is_left_out_and_told(words):
    levels = pd.DataFrame({"factor": "n", "level": range(20), "mean": 0.5, "low": 0.4, "high": 0.6})
    figure = plot_marginal_means(levels)
    assert rows(figure) == ["n", *map(str, [*range(6), *range(14, 20)])]
    assert "8 values in the middle are not shown." in words(figure)


def test_a_mean_without_interval_is_a_mark():
    levels = pd.DataFrame({"factor": "n", "level": [1, 2], "mean": 0.5, "low": np.nan, "high": np.nan})
    assert len(plot_marginal_means(levels).axes[0].get_lines()) == 2


def test_nothing_to_average(words):
    assert words(plot_marginal_means(pd.DataFrame({"factor": []}))) == "no setting could be averaged over the others"
