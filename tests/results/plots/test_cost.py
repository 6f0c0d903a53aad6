"""Accuracy against cost, and its front."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.results.factors import Repeats
from nnsweep.results.plots.cost import Priced, order_front, plot_cost
from nnsweep.results.statistics.summary import EstimatedConfiguration

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


def test_the_front_is_numbered_and_named_with_its_accuracy(made, words):
    runs, _ = made(activations=["relu"], schedules=["constant"])
    figure = plot_cost(runs)
    means = runs.groupby("hidden_layer_sizes")["test_accuracy"].mean()
    told = words(figure)
    for rank, sizes in enumerate(["8", "16", "32"], 1):  # one layer is better than more, and cheaper
        assert f"{rank}  {sizes}: {means[sizes]:.3f}" in told
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "2", "3"]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("parameters", "test accuracy")


def test_a_wide_range_of_costs_is_logarithmic(made):
    assert plot_cost(made(widths=(8, 128))[0]).axes[0].get_xscale() == "log"
    assert plot_cost(made(depths=[1])[0]).axes[0].get_xscale() == "linear"


def test_the_numbers_of_a_crowded_front_do_not_cover_each_other(made, readable):
    runs, _ = made(depths=[1], widths=range(8, 32), activations=["relu"], schedules=["constant"], n_seeds=1)
    crowded = runs.assign(
        n_parameters=1000.0 + np.arange(len(runs)) % 24 / 10, test_accuracy=0.9 + np.arange(len(runs)) / 1e5
    )
    figure = plot_cost(crowded)
    assert len(figure.axes[0].texts) == 24
    readable(figure)


def test_without_costs_or_results_it_says_so(sweep, made, words):
    assert "no result with a cost" in words(plot_cost(sweep[0], cost="flops"))
    assert "no result with a cost" in words(plot_cost(made(failing=lambda settings: True)[0]))


def test_configurations_of_one_cost_all_have_a_point(sweep):
    figure = plot_cost(sweep[0])
    points = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    places = {(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in points}
    assert len(points) == len({x for x, _ in places}) == 36
    means = sweep[0].groupby(["hidden_layer_sizes", "activation", "schedule"])["test_accuracy"].mean()
    assert sorted(y for _, y in places) == pytest.approx(sorted(means))
