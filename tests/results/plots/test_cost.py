"""Accuracy against cost, and its front."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.markers import CARETDOWNBASE, CARETUPBASE

from nnsweep.results.factors import Repeats
from nnsweep.results.plots.cost import Priced, order_front, plot_cost
from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.style import OTHERS, style_configurations
from nnsweep.results.statistics.summary import EstimatedConfiguration, estimate_configurations

OTHERWISE = {
    **{"label": "", "settings": {}, "rows": (0,), "counted": {0: 0}, "sources": {0: 0}, "n_failed": 0},
    **{"is_whole": True, "repeats": Repeats(("seed",), ("seed",), 0.0), "low": np.nan, "high": np.nan},
}


def priced(cost, accuracy):
    return Priced(EstimatedConfiguration(values={0: accuracy}, **OTHERWISE), cost)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_dominates(pairs):
    found = order_front([priced(float(cost), float(gain)) for cost, gain in pairs])
    undominated = {
        (cost, gain)
        for cost, gain in pairs
        if not any((c <= cost and g >= gain) and (c, g) != (cost, gain) for c, g in pairs)
    }
    assert {(one.cost, one.group.mean) for one in found} == undominated
    assert [one.cost for one in found] == sorted(one.cost for one in found)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_front_is_named_and_has_rings(made):
    runs, _ = made(activations=["relu"], schedules=["constant"])
    figure = plot_cost(runs)
    means = runs.groupby("hidden_layer_sizes")["test_accuracy"].mean().sort_values(ascending=False)
    assert legend(figure)[:8] == [f"{label}: {mean:.3f}" for label, mean in means.iloc[:8].items()]
    assert legend(figure)[8:] == ["on the front", "others"]
    names = {text.get_text() for text in figure.axes[0].texts}
    assert names <= {"8", "16", "32"}  # one layer is better than more, and cheaper
    assert "32" in names
    rings = [line for line in figure.axes[0].get_lines() if line.get_fillstyle() == "none"]
    assert {float(ring.get_ydata()[0]) for ring in rings} <= {means[name] for name in ("8", "16", "32")}
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("number of parameters", "test accuracy")


def test_points_stand_where_they_are_in_their_own_colours(sweep):
    runs, _ = sweep
    points = [line for line in plot_cost(runs).axes[0].get_lines() if line.get_gid() and len(line.get_xdata()) == 1]
    groups = estimate_configurations(runs)
    styles = style_configurations([group.label for group in groups])
    assert len(points) == 36
    for point in points:
        group = groups[int(point.get_gid().split("-")[1])]
        assert float(point.get_xdata()[0]) == runs["n_parameters"].iloc[group.rows[0]]
        assert point.get_color() == styles[group.label].colour


def test_what_is_beyond_the_panel_has_an_arrow_and_is_told(made, words):
    runs, _ = made(activations=["relu"], schedules=["constant"], widths=(8, 16, 32, 64, 128))
    far = runs.assign(test_accuracy=runs["test_accuracy"].where(runs["width"] != 8, 0.1))
    figure = plot_cost(far)
    low, high = figure.axes[0].get_ylim()
    assert low > 0.2
    lines = figure.axes[0].get_lines()
    arrows = [line for line in lines if (line.get_marker(), line.get_color()) == ("v", OTHERS.colour)]
    assert len(arrows) == 3
    assert all(low <= float(arrow.get_ydata()[0]) < low + 0.1 * (high - low) for arrow in arrows)
    assert f"Arrows: 3 configurations below {low:.4g}, 1 of them on the front." in " ".join(words(figure).split())


def test_an_interval_that_goes_on_has_an_arrow_at_the_edge(made):
    runs, _ = made(activations=["relu"], schedules=["constant"], widths=(8, 16, 32, 50, 100))
    wide = (runs["depth"] == 3) & (runs["width"] == 50)
    noisy = runs.assign(test_accuracy=runs["test_accuracy"] + np.where(wide, (runs["seed"] - 1) * 0.3, 0.0))
    axes = plot_cost(noisy).axes[0]
    low, high = axes.get_ylim()
    carets = [line for line in axes.get_lines() if line.get_marker() in (CARETDOWNBASE, CARETUPBASE)]
    assert {float(line.get_ydata()[0]) for line in carets} <= {low, high}
    cut = [one for one in estimate_configurations(noisy) if one.low < low <= one.mean <= high]
    assert len([line for line in carets if float(line.get_ydata()[0]) == low]) == len(cut) > 0


def test_a_wide_range_of_costs_is_logarithmic(made):
    assert plot_cost(made(widths=(8, 128))[0]).axes[0].get_xscale() == "log"
    assert plot_cost(made(depths=[1])[0]).axes[0].get_xscale() == "linear"


@pytest.mark.parametrize("width", [7.2, 3.35])
def test_the_names_of_a_crowded_front_do_not_cover_each_other(made, readable, width):
    runs, _ = made(depths=[1], widths=range(8, 32), activations=["relu"], schedules=["constant"], n_seeds=1)
    crowded = runs.assign(
        n_parameters=1000.0 + np.arange(len(runs)) % 24 / 10, test_accuracy=0.9 + np.arange(len(runs)) / 1e5
    )
    with lay_out_for(width=width):
        figure = plot_cost(crowded)
    assert len(figure.axes[0].texts) > 2
    readable(figure)


def test_without_costs_or_results_it_says_so(sweep, made, words):
    assert "no result with a cost" in words(plot_cost(sweep[0], cost="flops"))
    assert "no result with a cost" in words(plot_cost(made(failing=lambda settings: True)[0]))
