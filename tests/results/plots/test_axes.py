"""What tells the configurations of a picture apart."""

from nnsweep.results.factors import choose_axes, sort_levels
from nnsweep.results.statistics.summary import estimate_configurations


def test_settings_that_repeat_others_are_no_factors(sweep):
    runs, _ = sweep
    assert choose_axes(runs) == ["hidden_layer_sizes", "activation", "schedule"]
    assert choose_axes(runs, first=("depth", "width")) == ["depth", "width", "activation", "schedule"]


def test_a_number_that_varies_within_a_choice_is_one(sweep):
    runs, _ = sweep
    gammas = [0.5 if width == 8 else 0.9 for width in runs["width"]]
    assert "schedule.gamma" in choose_axes(runs.assign(**{"schedule.gamma": gammas}))


def test_factors_tell_all_configurations_apart(holey):
    runs, _ = holey
    assert len(estimate_configurations(runs, by=choose_axes(runs))) == len(estimate_configurations(runs)) == 32


def test_values_are_in_the_order_that_a_reader_expects():
    assert sort_levels(["16-16", "8-8", "8", None, 2, 0.5, "linear", 2]) == [
        0.5,
        2,
        "8",
        "8-8",
        "16-16",
        "linear",
        None,
    ]
