import math

from nnsweep.mlp.plateau import Plateau, reduce_on_plateau


def rates(rule, costs):
    seen = [rule.start()]
    for cost in costs:
        seen.append(rule.observe(seen[-1], cost))
    return [plateau.learning_rate for plateau in seen]


def test_plateau_beyond_patience_lowers_the_rate_and_starts_over():
    rule = reduce_on_plateau(learning_rate=1.0, factor=0.5, patience=2)
    assert rates(rule, [3.0] * 8) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_rate_is_kept_while_the_cost_falls_beyond_the_threshold():
    rule = reduce_on_plateau(learning_rate=1.0, factor=0.5, patience=0, threshold=0.1)
    assert rates(rule, [10, 8.9, 8.0, 7.1]) == [1, 1, 1, 1, 1]
    assert rates(rule, [10, 9.1, 8.9]) == [1, 1, 0.5, 0.5]


def test_the_rate_never_falls_below_its_minimum():
    rule = reduce_on_plateau(learning_rate=1.0, factor=0.1, patience=0, min_rate=0.05)
    assert rates(rule, [1.0] * 5) == [1, 1, 0.1, 0.05, 0.05, 0.05]


def test_a_cost_that_is_not_a_number_is_no_improvement():
    rule = reduce_on_plateau(learning_rate=1.0, patience=5)
    assert rule.observe(Plateau(1.0, best=2.0, stale=1), math.nan) == Plateau(1.0, best=2.0, stale=2)


def test_a_lowest_rate_above_the_base_rate_never_raises_it():
    rule = reduce_on_plateau(learning_rate=0.1, patience=0, min_rate=1.0)
    assert rule.observe(rule.observe(rule.start(), 1.0), 1.0).learning_rate == 0.1
