"""The reliability diagram: its points are the bins of the runs, before and after calibration."""

import numpy as np
import pytest

from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.reliability import FEW, plot_reliability
from nnsweep.results.plots.slides import lay_out_slides
from nnsweep.results.statistics.evaluations import pool_best


def test_a_point_is_a_bin_at_its_mean_confidence(evaluated):
    runs, evaluations = evaluated(["a", "b", "c"], n=600)
    bins = pool_best(runs, evaluations).reliability[0]
    n, confidence, n_right = bins[bins[:, 0] > 0].T
    _, line, hollow = plot_reliability(runs, evaluations).axes[0].get_lines()
    np.testing.assert_allclose(line.get_xydata(), np.stack([confidence / n, n_right / n], axis=1))
    np.testing.assert_allclose(hollow.get_xdata(), (confidence / n)[n < FEW])


def test_calibration_is_drawn_beside_what_was_before(evaluated, words):
    plain, scaled = plot_reliability(*evaluated()), plot_reliability(*evaluated(temperature=3.0))
    assert (len(plain.axes[0].get_lines()), len(scaled.axes[0].get_lines())) == (3, 5)
    assert "as trained: calibration error 0." in words(plain)
    assert "calibrated: calibration error 0." in words(scaled)
    assert "calibrated" not in words(plain)


def test_the_axis_of_few_classes_begins_where_it_can(evaluated):
    assert plot_reliability(*evaluated()).axes[0].get_xlim() == (0.5, 1)
    assert plot_reliability(*evaluated("abcdef")).axes[0].get_xlim() == (0, 1)


@pytest.mark.parametrize("width", [3.35, 7.2])
def test_it_can_be_read(evaluated, readable, width):
    with lay_out_for(width=width):
        readable(plot_reliability(*evaluated(temperature=3.0), title="a $title_ " * 20))


def test_a_slide_can_be_read(evaluated, readable):
    with lay_out_slides():
        readable(plot_reliability(*evaluated(temperature=3.0)))


def test_numbers_have_no_confidence(evaluated_numbers, words):
    assert "no run has an evaluation of classes" in words(plot_reliability(*evaluated_numbers()))
