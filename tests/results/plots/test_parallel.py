"""Parallel coordinates."""

import numpy as np
import pytest

from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.parallel import plot_parallel
from nnsweep.results.plots.style import OTHERS, style_configurations
from nnsweep.results.statistics.summary import estimate_configurations


def is_dotted(line):
    return (line.get_linestyle(), line.get_color()) == (":", OTHERS.colour)


def lines(figure):
    return [line.get_xydata() for line in figure.axes[0].get_lines() if line.get_gid() and not is_dotted(line)]


def test_a_line_for_each_configuration_across_all_settings(sweep, words):
    figure = plot_parallel(sweep[0])
    assert [line.shape for line in lines(figure)] == [(5, 2)] * 36
    names = words(figure).split("\n")
    assert {"depth", "width", "activation", "schedule", "test accuracy"} <= set(names)


def test_the_result_is_to_scale_and_the_best_uppermost(sweep):
    ends = [line[-1, 1] for line in lines(plot_parallel(sweep[0]))]
    means = np.sort(sweep[0].groupby(["hidden_layer_sizes", "activation", "schedule"])["test_accuracy"].mean())
    assert ends == pytest.approx((means - means[0]) / (means[-1] - means[0]))


def test_lines_have_the_colours_of_all_other_pictures(sweep):
    figure = plot_parallel(sweep[0])
    labels = [one.label for one in estimate_configurations(sweep[0])]
    styles = style_configurations(labels)
    for line in figure.axes[0].get_lines():
        if line.get_gid():
            style = styles[labels[int(line.get_gid().split("-")[1])]]
            assert (line.get_color(), line.get_linestyle()) == (style.colour, style.stroke)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*labels[:8], "28 others"]


def test_a_narrow_page_has_fewer_axes(sweep, readable, words):
    with lay_out_for(width=3.35):
        figure = plot_parallel(sweep[0])
    readable(figure)
    assert "Not shown: schedule." in words(figure)


def test_numbers_that_span_much_stand_by_their_logarithm(made):
    runs, _ = made(depths=[1, 2], widths=(8, 32, 128))
    heights = sorted({round(line[1, 1] / 0.25) * 0.25 for line in lines(plot_parallel(runs))})
    assert heights == [0.0, 0.5, 1.0]


def test_a_configuration_without_result_is_dotted_and_named(holey, words):
    figure = plot_parallel(holey[0])
    assert sum(map(is_dotted, figure.axes[0].get_lines())) == 4
    assert "no result" in words(figure).split("\n")
    assert "runs without a result: 24" in words(figure)


def test_what_does_not_vary_has_no_picture(made, words):
    runs, _ = made(depths=[1], widths=[8], activations=["relu"], schedules=["constant"])
    assert words(plot_parallel(runs)) == "no setting varies"
    assert words(plot_parallel(made(failing=lambda settings: True)[0])) == "no run has a result"


def test_settings_beyond_eight_are_named_below(made, words):
    runs, _ = made()
    random = np.random.default_rng(0)
    more = {f"trainer.setting_{place}": random.random(len(runs)) for place in range(7)}
    wide = runs.assign(**more)
    wide.attrs["settings"] = [*runs.attrs["settings"], *more]
    assert "Not shown: " in words(plot_parallel(wide))
