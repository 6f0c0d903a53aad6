"""Predictions against the truth: the points are those of the runs, and the band holds nine of ten errors."""

import numpy as np
import pytest

from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.predictions import MOST_POINTS, plot_predictions


def points(axes):
    return axes.get_lines()[1].get_xydata()


def test_a_point_is_an_example_of_a_run(evaluated_numbers):
    runs, evaluations = evaluated_numbers()
    (axes,) = plot_predictions(runs, evaluations).axes
    targets = np.concatenate([one.targets for one in evaluations.values()])[:, 0]
    errors = np.concatenate([one.errors for one in evaluations.values()])[:, 0]
    np.testing.assert_allclose(points(axes), np.stack([targets, targets + errors], axis=1))
    band = axes.collections[0].get_paths()[0].vertices
    width = np.unique(np.round(band[:, 1] - band[:, 0], 6))
    assert width == pytest.approx(np.quantile(errors, [0.05, 0.95]), abs=1e-5)


def test_of_quantiles_the_middle_one_is_drawn(evaluated_numbers):
    errors = np.tile([-1.0, 0.25, 1.0], (50, 2))
    arrays = {"targets": np.zeros((50, 2)), "errors": errors, "quantiles": (0.1, 0.5, 0.9)}
    figure = plot_predictions(*evaluated_numbers(["a", "b"], **arrays))
    assert [{*points(axes)[:, 1]} for axes in figure.axes] == [{0.25}, {0.25}]
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]


def test_of_many_examples_some_are_drawn(evaluated_numbers, words):
    figure = plot_predictions(*evaluated_numbers(targets=np.zeros((5000, 1)), errors=np.ones((5000, 1))))
    assert len(points(figure.axes[0])) == MOST_POINTS
    assert "of which 2,000 are drawn" in words(figure)


@pytest.mark.parametrize("names", [["y"], ["a", "$b_", "c" * 60, "d"], "abcdefgh"], ids=len)
@pytest.mark.parametrize("width", [3.35, 7.2])
def test_any_targets_can_be_read(evaluated_numbers, readable, names, width):
    with lay_out_for(width=width):
        readable(plot_predictions(*evaluated_numbers(names), title="a $title_ " * 20))


def test_classes_are_no_numbers(evaluated, words):
    assert "no run has an evaluation of numbers" in words(plot_predictions(*evaluated()))
