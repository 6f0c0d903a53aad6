"""A best on the edge is told with the next value to try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.results.statistics.boundary import find_boundaries, suggest_next_value

RATE = "optimizer.learning_rate"


@pytest.mark.parametrize(
    ("name", "values", "smaller", "larger"),
    [
        (RATE, [0.01, 0.03, 0.1], 0.003, 0.3),
        (RATE, [0.001, 0.01, 0.1], 0.0001, 1.0),
        (RATE, [0.5, 1.0], 0.2, 2.0),
        ("optimizer.weight_decay", [0.0, 0.01], None, 0.1),
        ("optimizer.momentum", [0.0, 0.9], None, 0.99),
        ("optimizer.momentum", [0.9, 0.99], 0.8, 0.999),
        ("schedule.gamma", [0.05, 0.1], 0.03, 0.2),
        (RATE, [0.235, 0.24], 0.2, 0.25),
        ("optimizer.momentum", [0.03, 0.47], 0.002, 0.96),
        ("schedule.stepsize", [10, 20], 5, 40),
        ("schedule.stepsize", [1, 2], None, 4),
        ("odd", [-2.0, -1.0], None, None),
    ],
)
def test_the_next_value_goes_on_as_the_last_step_did(name, values, smaller, larger):
    assert suggest_next_value(name, values, "smallest") == smaller
    assert suggest_next_value(name, values, "largest") == larger


@given(st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=5, unique_by=lambda value: f"{value:.2g}").map(sorted))
def test_the_next_value_lies_beyond_the_edge(values):
    smaller = suggest_next_value(RATE, values, "smallest")
    assert smaller < values[0] if values[0] != 1 else smaller is None or smaller < 1  # a count has nothing below 1
    assert suggest_next_value(RATE, values, "largest") > values[-1]


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=4, unique_by=lambda value: round(value, 2)).map(sorted))
def test_the_next_share_is_a_share(values):
    for side in ("smallest", "largest"):
        assert 0 < suggest_next_value("optimizer.momentum", values, side) < 1


def test_a_best_within_is_on_no_edge():
    assert find_boundaries([(0.01,), (0.1,), (1.0,)], [RATE], (0.1,)) == []


def test_one_value_has_no_edge():
    assert find_boundaries([(0.1,)], [RATE], (0.1,)) == []


def test_an_edge_is_told_with_the_way_out():
    (edge,) = find_boundaries([(0.01,), (0.1,), (0.03,)], [RATE], (0.1,))
    assert edge[:3] == (RATE, 0.1, "largest")
    assert edge.words == "best at optimizer.learning_rate=0.1, the largest tried; try 0.3"


def test_numbers_of_another_choice_do_not_count():
    names, best = ["optimizer", RATE], ("adam", 0.003)
    tried = [("adam", 0.001), ("adam", 0.003), ("momentum", 0.1), ("momentum", 0.0003)]
    assert [edge.words for edge in find_boundaries(tried, names, best)] == [
        "best at optimizer.learning_rate=0.003, the largest tried; try 0.009"
    ]


def test_where_a_setting_cannot_go_further_there_is_no_edge():
    assert find_boundaries([(0.0,), (0.1,)], ["optimizer.weight_decay"], (0.0,)) == []
    assert find_boundaries([(0.5,), (1.0,)], ["schedule.gamma"], (1.0,)) == []
    assert len(find_boundaries([(0.5,), (1.0,)], [RATE], (1.0,))) == 1


def test_choices_and_switches_have_no_edge():
    assert (
        find_boundaries(
            [("a", True, None), ("b", False, 1.0)], ["schedule", "schedule.compound", "x"], ("a", True, None)
        )
        == []
    )
