"""When repeats are paired, and how sure a difference of two of many configurations is."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from nnsweep.results.grouping import group_runs
from nnsweep.results.statistics.pairs import estimate_pairs, find_pairing, measure_agreement, raise_variances


def units(values):
    return [dict(enumerate(row)) for row in values]


def frame(values, **columns):
    rows = [
        {"activation": f"a{place}", "seed": seed, "state": "finished", "test_accuracy": value}
        for place, row in enumerate(values)
        for seed, value in enumerate(row)
    ]
    table = pd.DataFrame(rows)
    return table.assign(**{name: np.repeat(levels, len(values[0])) for name, levels in columns.items()})


def pairing_of(runs):
    return find_pairing(runs, group_runs(runs, "test_accuracy"))


def draw(k, n, shared=0.0):
    generator = np.random.default_rng(0)
    common = generator.normal(size=n)
    return 0.5 + 0.01 * (math.sqrt(shared) * common + math.sqrt(1 - shared) * generator.normal(size=(k, n)))


def test_networks_of_one_shape_are_paired():
    assert pairing_of(frame(draw(3, 5))).all()
    found = pairing_of(frame(draw(4, 5), hidden_layer_sizes=["8", "8", "20", "20"]))
    assert found.tolist() == [[True, True, False, False]] * 2 + [[False, False, True, True]] * 2


def test_many_results_without_correlation_overrule_the_shape():
    assert not pairing_of(frame(draw(20, 5))).any()
    assert pairing_of(frame(draw(20, 5, shared=0.9))).all()


def test_seeds_that_clearly_move_all_together_are_paired():
    shapes = [f"{width}" for width in range(10)]
    assert pairing_of(frame(draw(10, 8, shared=0.8), hidden_layer_sizes=shapes)).all()
    assert not (pairing_of(frame(draw(10, 8), hidden_layer_sizes=shapes)) & ~np.eye(10, dtype=bool)).any()


def test_folds_are_always_paired():
    runs = frame(draw(3, 5), hidden_layer_sizes=["8", "20", "32"]).rename(columns={"seed": "data.fold"})
    assert pairing_of(runs).all()


def test_agreement_is_iman_and_davenports_form_of_friedmans():
    values = draw(6, 5, shared=0.3)
    found = measure_agreement([units(values)])
    chi = stats.friedmanchisquare(*values.T).statistic
    f = (6 - 1) * chi / (6 * (5 - 1) - chi)
    assert found.p == pytest.approx(stats.f.sf(f, 4, 20), rel=1e-9)
    correlations = stats.spearmanr(values.T).statistic[np.triu_indices(6, 1)]
    assert found.correlation == pytest.approx(correlations.mean(), abs=1e-12)
    assert found.degrees == 20


def test_repeats_that_rank_alike_agree_as_rarely_as_by_chance():
    assert measure_agreement([units([[1, 2, 3], [4, 5, 6], [0, 1, 9]])]).p == pytest.approx(1 / 36)
    assert measure_agreement([units([[1, 2, 3]]), []]) == (0, 1, 0)


@pytest.mark.parametrize("may_pair", [True, False])
def test_errors_are_those_of_scipys_tests(may_pair):
    values = draw(3, 6) + np.array([[0.0], [0.01], [0.03]])
    found = estimate_pairs(units(values), np.full((3, 3), may_pair))
    for row, column in [(0, 1), (1, 2), (2, 0)]:
        compare = stats.ttest_rel if may_pair else lambda a, b: stats.ttest_ind(a, b, equal_var=False)
        expected = compare(values[row], values[column])
        assert found.difference[row, column] / found.error[row, column] == pytest.approx(expected.statistic, rel=1e-9)
        assert found.degrees[row, column] == pytest.approx(expected.df, rel=1e-9)


def test_only_what_is_shared_is_paired():
    first, second = {0: 0.9, 1: 0.8, 2: 0.85}, {1: 0.7, 2: 0.78}
    found = estimate_pairs([first, second], np.ones((2, 2), dtype=bool))
    assert found.difference[0, 1] == pytest.approx((0.1 + 0.07) / 2)
    assert found.degrees[0, 1] == 1
    few = estimate_pairs([first, {2: 0.78, 7: 0.6, 8: 0.5, 9: 0.4}], np.ones((2, 2), dtype=bool))
    assert few.difference[0, 1] == pytest.approx(0.85 - 0.57)


def test_a_constant_difference_has_no_error():
    values = np.array([[0.9, 0.5, 0.7], [0.8, 0.4, 0.6]])
    found = estimate_pairs(units(values), np.ones((2, 2), dtype=bool))
    assert found.error[0, 1] == 0
    assert found.half_widths(0.05)[0, 1] == math.inf  # one of 8 orders
    assert found.half_widths(0.13)[0, 1] == 0
    assert math.isnan(found.find_detectable(0, 1, 0.05))


def test_a_detectable_difference_has_the_noncentral_ts_power():
    found = estimate_pairs(units(draw(2, 8)), np.zeros((2, 2), dtype=bool))
    shift = found.find_detectable(0, 1, 0.01) / found.error[0, 1]
    critical = stats.t.isf(0.01, found.degrees[0, 1])
    assert stats.nct.sf(critical, found.degrees[0, 1], shift) == pytest.approx(0.8, abs=1e-6)


def test_small_variances_are_raised_and_large_ones_kept():
    degrees = np.full(6, 4.0)
    variances = np.array([1.0, 1.1, 0.9, 1.2, 0.001, 50.0])
    raised, prior_and_own = raise_variances(variances, degrees)
    assert raised[5] == 50
    assert (raised >= variances).all()
    assert raised[4] > 0.01
    assert (prior_and_own > degrees).all()
    for few in (variances[:4], variances[:6]):
        kept = raise_variances(few, np.full(len(few), 3.0 if len(few) == 6 else 4.0))
        assert (kept[0] == few).all()


def test_the_scatter_of_variances_is_found():
    """Drawn as d s² / chi²(d) with d = 8 and s = 2; half of that d is counted besides 4 of their own."""
    generator = np.random.default_rng(0)
    true = 8 * 4 / generator.chisquare(8, size=20_000)
    drawn = true * generator.chisquare(4, size=20_000) / 4
    raised, degrees = raise_variances(drawn, np.full(20_000, 4.0))
    assert degrees[0] == pytest.approx(4 + 8 / 2, rel=0.05)
    lowest = drawn.argmin()
    assert raised[lowest] == pytest.approx((8 * 4 + 4 * drawn[lowest]) / 12, rel=0.03)
    assert special.polygamma(1, 2.0) < np.log(drawn).var()
