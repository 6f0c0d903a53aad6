"""What a panel shows, and what is said of the rest."""

import numpy as np
import pytest

from nnsweep.results.plots.bands import Band
from nnsweep.results.plots.figure import blank
from nnsweep.results.plots.spans import (
    Span,
    View,
    apply_view,
    choose_view,
    cover,
    describe_outside,
    is_band_cut,
    join_outside,
    pad,
)

EPOCHS = np.arange(41.0)


def curve(values, half=0.0):
    values = np.asarray(values, dtype=float)
    return Band(EPOCHS[: len(values)], values, values - half, values + half)


def rising(end, half=0.0):
    return curve(end - (end - 0.1) * np.exp(-EPOCHS / 2), half)


def test_an_outlier_is_left_out_but_not_one_of_three():
    good, bad = Span(0.96, 0.97), Span(0.1, 0.2)
    assert cover([good, good, good, bad]) == good
    assert cover([good, good, bad]) == Span(0.1, 0.97)
    assert cover([good, good, good, Span(0.95, 0.96)]) == Span(0.95, 0.97)


def test_a_range_ends_at_numbers_of_few_digits():
    assert pad(Span(0.9312, 0.9684)) == Span(0.925, 0.975)
    assert pad(Span(0.5, 0.5)).length > 0


def test_the_first_epochs_do_not_squeeze_what_follows():
    curves = [rising(0.98), rising(0.97), rising(0.96)]
    view = choose_view("test_accuracy", curves, curves)
    assert 0.8 < view.shown.low < 0.96
    assert 0.98 < view.shown.high <= 1.01
    assert (
        describe_outside("accuracy", view, curves, "run") == f"accuracy below {view.shown.low:.4g} (the first epochs)"
    )


def test_a_curve_that_rises_all_the_way_is_shown_whole():
    curves = [curve(np.linspace(0.1, 0.9, 41))]
    view = choose_view("val_accuracy", curves, curves)
    assert view.shown.low <= 0.1
    assert describe_outside("val accuracy", view, curves, "run") == ""


def test_grey_curves_choose_no_range_and_are_counted():
    leading = [rising(0.98), rising(0.97)]
    others = [curve(np.full(41, 0.3)), curve(np.where(EPOCHS % 10 == 5, 0.4, 0.975))]
    view = choose_view("test_accuracy", leading, leading + others)
    assert view == choose_view("test_accuracy", leading, leading)
    told = describe_outside("accuracy", view, leading + others, "configuration")
    assert told.endswith("(the first epochs, 1 of 4 configurations throughout, 1 at times)")


@pytest.mark.parametrize("half", [0.001, 0.2])
def test_a_wide_band_widens_a_panel_by_half_at_most(half):
    curves = [rising(0.98), rising(0.96)]
    plain = choose_view("test_accuracy", curves, curves).shown
    wide = choose_view("test_accuracy", [rising(0.98, half), rising(0.96, half)], curves).shown
    assert wide.length <= 2.5 * plain.length
    assert wide.low <= plain.low


def test_a_band_that_a_panel_cuts_is_told():
    wide = curve(np.where(EPOCHS < 2, 0.1, 0.97), 0.3)
    view = choose_view("test_accuracy", [wide], [wide])
    assert is_band_cut(wide, view)
    assert not is_band_cut(rising(0.98, 0.001), View(Span(0.9, 1.0), is_logarithmic=False))
    assert join_outside([], 1) == "The band of 1 line goes on beyond a panel."


def test_costs_that_span_much_are_logarithmic_and_never_at_zero():
    falling = [curve(np.exp(-EPOCHS / 5)), curve(np.exp(-EPOCHS / 6))]
    view = choose_view("train_cost", falling, falling)
    assert view.is_logarithmic
    assert 0 < view.shown.low < falling[0].mean.min()
    assert not choose_view("train_cost", [curve(-np.exp(-EPOCHS))], [curve(-np.exp(-EPOCHS))]).is_logarithmic


def test_without_any_value_there_is_nothing_to_show():
    assert choose_view("val_cost", [curve([])], [curve([])]) is None
    assert describe_outside("validation cost", None, [], "run") == ""


def test_a_single_epoch_has_one_whole_tick():
    axes = blank(3, 2).subplots()
    axes.plot([0], [1.3], marker="o")
    apply_view(axes, None)
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [0.0]
