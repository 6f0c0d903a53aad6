import math
import re

import pytest

from nnsweep.mlp.choices import interval
from nnsweep.mlp.schedules import (
    SCHEDULES,
    Plateau,
    constant,
    cosine,
    coslog,
    exp,
    inv,
    join,
    linear_warmup,
    multistep,
    one_cycle,
    poly,
    reduce_on_plateau,
    sigmoid,
    step,
    warm_restarts,
)


def half_cosine(start, end, share):
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


# the epochs are the first, some in between, the last one that changes, the one after it, and one far beyond the end
CLOSED_FORMS = [
    (constant, {}, {0: 0.5, 1: 0.5, 10**6: 0.5}),
    (step, {"gamma": 0.1, "stepsize": 3}, {0: 0.5, 2: 0.5, 3: 0.05, 5: 0.05, 6: 0.005, 3000: 0.5 * 0.1**1000}),
    (step, {"gamma": 0.1, "stepsize": 3, "every": 10}, {0: 0.5, 29: 0.5, 30: 0.05, 59: 0.05, 60: 0.005}),
    (step, {"gamma": 0.5, "stepsize": 2, "compound": True}, {0: 0.5, 1: 0.25, 2: 0.125, 3: 0.5**5, 4: 0.5**7}),
    (exp, {"gamma": 0.9}, {0: 0.5, 1: 0.45, 7: 0.5 * 0.9**7, 20_000: 0}),
    (exp, {"gamma": 2.0}, {3: 4.0, 20_000: math.inf}),
    (exp, {"gamma": 0.9, "every": 5, "compound": True}, {0: 0.45, 4: 0.45, 5: 0.5 * 0.9**3, 10: 0.5 * 0.9**6}),
    (inv, {"gamma": 0.1, "power": 0.75}, {0: 0.5, 1: 0.5 * 1.1**-0.75, 10: 0.5 * 2**-0.75, 10**6: 0.5 * 100001**-0.75}),
    (inv, {"gamma": 0.1, "power": -1e9}, {0: 0.5, 10: math.inf}),
    (inv, {"gamma": 1.0, "power": 1.0, "every": 2, "compound": True},
     {0: 0.5 / 2, 1: 0.5 / 2, 2: 0.5 / 6, 4: 0.5 / 24}),
    (poly, {"power": 2.0, "max_iter": 10}, {0: 0.5, 1: 0.5 * 0.81, 9: 0.5 * 0.01, 10: 0, 11: 0, 10**6: 0}),
    (poly, {"power": 1.0, "max_iter": 4, "compound": True}, {0: 0.375, 1: 0.1875, 2: 0.046875, 3: 0, 4: 0}),
    (sigmoid, {"gamma": 0.5, "stepsize": 4},
     {0: 0.5 / (1 + math.exp(-2)), 4: 0.25, 8: 0.5 / (1 + math.exp(2)), 10**6: 0}),
    (sigmoid, {"gamma": -0.5, "stepsize": 4}, {0: 0.5 / (1 + math.exp(2)), 4: 0.25, 10**6: 0.5}),
    (multistep, {"boundaries": (2, 5), "gamma": 0.1}, {0: 0.5, 1: 0.5, 2: 0.05, 4: 0.05, 5: 0.005, 10**6: 0.005}),
    (multistep, {"boundaries": ()}, {0: 0.5, 10**6: 0.5}),
    (cosine, {"decay_epochs": 8, "end_value": 0.1},
     {0: 0.5, 2: half_cosine(0.5, 0.1, 0.25), 4: 0.3, 7: half_cosine(0.5, 0.1, 7 / 8), 8: 0.1, 9: 0.1, 10**6: 0.1}),
    (coslog, {"decay_epochs": 15}, {0: 0, 1: 0, 3: 0, 15: 0, 16: 0, math.sqrt(2) - 1: 0.5, 4.5: 0.25 * (
        1 - math.cos(2 * math.pi * math.log2(5.5)))}),
    (coslog, {"decay_epochs": 7, "n_cycles": 3}, {0: 0, 1: 0, 3: 0, 7: 0, 2 * math.sqrt(2) - 1: 0.5}),
    (linear_warmup, {"warmup_epochs": 4, "start_factor": 0.2}, {0: 0.1, 1: 0.2, 3: 0.4, 4: 0.5, 5: 0.5, 10**6: 0.5}),
    (warm_restarts, {"period_epochs": 4}, {0: 0.5, 2: 0.25, 3: half_cosine(0.5, 0, 0.75), 4: 0.5, 4 * 10**6: 0.5}),
    (warm_restarts, {"period_epochs": 2, "period_factor": 3, "end_value": 0.1},
     {0: 0.5, 1: 0.3, 2: 0.5, 5: 0.3, 7: half_cosine(0.5, 0.1, 5 / 6), 8: 0.5, 17: 0.3, 26: 0.5}),
    (one_cycle, {"cycle_epochs": 10, "warmup_fraction": 0.5, "start_factor": 0.2, "end_factor": 0.02},
     {0: 0.1, 1: half_cosine(0.1, 0.5, 0.25), 2: 0.3, 4: 0.5, 5: half_cosine(0.5, 0.01, 0.2), 9: 0.01, 10: 0.01}),
    (one_cycle, {"cycle_epochs": 1, "end_factor": 0.02}, {0: 0.01, 1: 0.01}),
]  # fmt: skip


@pytest.mark.parametrize(("maker", "settings", "rates"), CLOSED_FORMS)
def test_rates_are_those_of_the_closed_form(maker, settings, rates):
    schedule = maker(learning_rate=0.5, **settings)
    assert [schedule(epoch) for epoch in rates] == pytest.approx(list(rates.values()), rel=1e-15, abs=1e-15)


@pytest.mark.parametrize(("maker", "settings", "rates"), CLOSED_FORMS)
def test_rate_of_an_epoch_does_not_depend_on_the_order_of_calls(maker, settings, rates):
    one, other = maker(learning_rate=0.5, **settings), maker(learning_rate=0.5, **settings)
    assert [one(epoch) for epoch in range(30)] == [other(epoch) for epoch in reversed(range(30))][::-1]


def test_there_is_a_closed_form_for_every_schedule():
    assert {maker for maker, _, _ in CLOSED_FORMS} == set(SCHEDULES.values()) - {join, reduce_on_plateau}


def notebook_rates(factor, epochs):
    """The notebook's loop: the rate of each epoch's descent."""
    lr, i_lr, rates = 0.05, 1, []
    for i in range(epochs):
        if i % 100 == 0:
            lr = lr * factor(i_lr)
            i_lr += 1
        rates.append(lr)
    return rates


@pytest.mark.parametrize(
    ("maker", "settings", "factor"),
    [
        (step, {"gamma": 0.4, "stepsize": 3}, lambda i_lr: 0.4 ** (math.floor(i_lr / 3))),
        (exp, {"gamma": 0.99998}, lambda i_lr: 0.99998**i_lr),
        (poly, {"power": 0.9998, "max_iter": 20}, lambda i_lr: (1 - i_lr / 20) ** 0.9998),
        (sigmoid, {"gamma": 0.05, "stepsize": 200}, lambda i_lr: 1 / (1 + math.exp(0.05 * (i_lr - 200)))),
        (inv, {"gamma": 0.05, "power": 0.9998}, lambda i_lr: (1 + 0.05 * i_lr) ** (-0.9998)),
    ],
)
def test_the_notebooks_rules_follow_its_loop(maker, settings, factor):
    schedule = maker(learning_rate=0.05, every=100, compound=True, **settings)
    assert [schedule(epoch) for epoch in range(2000)] == pytest.approx(notebook_rates(factor, 2000), rel=1e-14, abs=0)


PRINTED = (
    0.04761951228954494, 0.04329129093004749, 0.03764565307994942, 0.031372521523160536, 0.02509913733566155,
    0.01930804184119793, 0.014303111675839177, 0.010217195877300909, 0.007046865636579731, 0.00469829140758544,
    0.0030314214422638725, 0.0018948165071707788, 0.0011484886618975552, 0.0006756532661595908,
    0.0003861307952220661,
)  # fmt: skip


def test_the_notebooks_printed_rates_come_out_digit_for_digit():
    # at epoch 100 the notebook prints the rate with which epochs 0 to 99 descended
    schedule = inv(learning_rate=0.05, gamma=0.05, power=0.9998, every=100, compound=True)
    assert tuple(schedule(epoch) for epoch in range(99, 1500, 100)) == PRINTED


def test_ever_falling_rate_stays_between_0_and_the_base_rate():
    for maker, settings, _ in CLOSED_FORMS:
        if settings.get("gamma", 0) <= 1 and settings.get("power", 0) >= 0:
            rates = [maker(learning_rate=0.5, **settings)(epoch) for epoch in (*range(100), 10**5)]
            assert 0 <= min(rates) <= max(rates) <= 0.5


def test_joined_pieces_count_their_own_epochs():
    warmup = linear_warmup(learning_rate=0.5, warmup_epochs=5)
    decay = cosine(learning_rate=0.5, decay_epochs=10)
    joined = join(learning_rate=0.5, pieces=(warmup, decay, warmup), boundaries=(5, 20))
    expected = [warmup(e) if e < 5 else decay(e - 5) if e < 20 else warmup(e - 20) for e in range(50)]
    assert [joined(epoch) for epoch in range(50)] == expected


def test_one_piece_is_itself_when_joined():
    decay = exp(learning_rate=0.5, gamma=0.9)
    joined = join(learning_rate=0.5, pieces=(decay,), boundaries=())
    assert [joined(epoch) for epoch in range(20)] == [decay(epoch) for epoch in range(20)]


@pytest.mark.parametrize("boundaries", [(2, 2), (5, 2), (-1,), (-1, 3)])
def test_boundaries_that_are_not_rising_epochs_are_refused(boundaries):
    pieces = (constant(learning_rate=1.0),) * (len(boundaries) + 1)
    with pytest.raises(ValueError, match="`boundaries` must be epochs, from 0, that rise"):
        join(learning_rate=1.0, pieces=pieces, boundaries=boundaries)
    with pytest.raises(ValueError, match="`boundaries` must be epochs, from 0, that rise"):
        multistep(learning_rate=1.0, boundaries=boundaries)


@pytest.mark.parametrize("boundaries", [(), (2, 4)])
def test_joining_two_pieces_takes_one_boundary(boundaries):
    with pytest.raises(ValueError, match="one fewer than the 2 `pieces`"):
        join(learning_rate=1.0, pieces=(constant(learning_rate=1.0),) * 2, boundaries=boundaries)


REQUIRED = {maker.__name__: settings for maker, settings, _ in CLOSED_FORMS}
REQUIRED["join"] = {"pieces": (constant(learning_rate=1.0),), "boundaries": ()}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_setting_outside_its_range_is_refused_by_name(name):
    for setting, (annotation, _) in SCHEDULES.settings(name).items():
        if allowed := interval(annotation):
            outside = [bound for bound in (allowed.gt, allowed.lt) if bound is not None]
            outside += [allowed.ge - 1] if allowed.ge is not None else []
            for value in (*outside, math.nan, math.inf):
                with pytest.raises(ValueError, match=re.escape(f"`{setting}` must be {allowed}, got {value!r}")):
                    SCHEDULES[name](learning_rate=1.0, **REQUIRED.get(name, {}) | {setting: value})


@pytest.mark.parametrize("rate", [0.0, -0.1, math.nan, math.inf])
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_refuses_a_base_rate_that_is_not_positive(name, rate):
    with pytest.raises(ValueError, match="`learning_rate` must be > 0"):
        SCHEDULES[name](learning_rate=rate, **REQUIRED.get(name, {}))


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
