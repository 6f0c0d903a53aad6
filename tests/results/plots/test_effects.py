"""Shares of variance as bars."""

import numpy as np
import pandas as pd
import pytest

from nnsweep.results.plots.effects import plot_effects
from nnsweep.results.statistics.anova import effects


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
