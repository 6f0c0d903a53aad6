"""Looks: what counts as one, published bounds, and the promise over ten looks, in a small simulation."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nnsweep.errors import ConfigError
from nnsweep.results.grouping import group_runs
from nnsweep.results.statistics.looks import compute_levels, count_looks, spend_error

FIRST, SECOND, THIRD = "20260101-120000-aaaa", "20260102-120000-bbbb", "20260103-120000-cccc"


def looks_at(*sweeps: tuple[str, dict[str, range]]) -> tuple[int, ...]:
    """Count the looks at what some sweeps have run: the seeds of each architecture."""
    rows = [
        {"arch": arch, "seed": seed, "sweep": sweep, "test_accuracy": 0.5, "state": "finished"}
        for sweep, seeds_of in sweeps
        for arch, seeds in seeds_of.items()
        for seed in seeds
    ]
    runs = pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)
    return count_looks(runs, group_runs(runs, "test_accuracy", by=["arch"]))


@pytest.mark.parametrize(
    ("sweeps", "looks"),
    [
        ([(FIRST, {"a": range(5), "b": range(5)})], (5,)),
        ([(FIRST, {"a": range(5), "b": range(5)}), (SECOND, {"a": range(5, 10), "b": range(5, 10)})], (5, 10)),
        ([(FIRST, {"a": range(5)}), (SECOND, {"a": range(5, 10)}), (THIRD, {"a": range(10, 30)})], (5, 10, 30)),
        ([(FIRST, {"a": range(5), "b": range(2)}), (SECOND, {"b": range(2, 5)})], (5,)),  # resumed
        ([(FIRST, {"a": range(5), "b": range(4)}), (SECOND, {"b": range(4, 5)})], (5,)),  # a failed one run again
        ([(FIRST, {"a": range(5)}), (SECOND, {"b": range(5)})], (5,)),  # other configurations
        ([(FIRST, {"a": range(8)}), (SECOND, {"b": range(4)}), (THIRD, {"b": range(4, 8)})], (4, 8)),
        ([(FIRST, {"a": range(5), "b": range(5)}), (SECOND, {"a": range(5, 9)})], (5, 9)),  # to one of them alone
    ],
)
def test_a_look_is_before_repeats_were_added(sweeps, looks):
    assert looks_at(*sweeps) == looks


def test_without_sweeps_there_was_one_look():
    runs = pd.DataFrame({"arch": ["a", "a", "b"], "seed": [0, 1, 0], "test_accuracy": [0.1, 0.2, 0.3]})
    assert count_looks(runs, group_runs(runs, "test_accuracy", by=["arch"])) == (1,)
    assert count_looks(runs[:0], []) == ()


def test_bounds_are_those_that_are_published():
    """Lan and DeMets' two functions with five equal looks at 5 %: O'Brien and Fleming's type, and Pocock's."""
    times = np.arange(1, 6) / 5
    fleming = 4 * stats.norm.sf(stats.norm.isf(0.0125) / np.sqrt(times))
    pocock = 0.05 * np.log(1 + (math.e - 1) * times)
    bounds = [stats.norm.isf(np.array(compute_levels(range(1, 6), spent)) / 2) for spent in (fleming, pocock)]
    assert bounds[0] == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)
    assert bounds[1] == pytest.approx([2.4380, 2.4268, 2.4101, 2.3966, 2.3859], abs=2e-4)


def test_a_constant_bound_spends_what_pocock_computed():
    """With 2.413 at each of five equal looks, 5 % are spent in all (Pocock, Biometrika 64, 1977)."""
    level = 2 * stats.norm.sf(2.413)
    steps = np.random.default_rng(0).normal(size=(100_000, 5)).cumsum(axis=1) / np.sqrt(np.arange(1, 6))
    crossed = np.maximum.accumulate(np.abs(steps) > 2.413, axis=1).mean(axis=0)
    assert compute_levels(range(1, 6), crossed) == pytest.approx([level] * 5, rel=0.06)
    assert crossed[-1] == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 100_000))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.sampled_from([0.9, 0.95, 0.99]), st.integers(1, 500))
def test_each_look_is_surer_than_what_is_promised(steps, confidence, family):
    looks = [*itertools.accumulate(steps)]
    sure = spend_error(looks, confidence, family=family)
    first = spend_error(looks[:1], confidence, family=family)
    assert confidence < first <= sure + 1e-12
    assert sure < 1


@given(st.integers(2, 50), st.integers(1, 100))
def test_the_first_look_takes_most_of_the_error(n, more):
    assert spend_error([n]) == pytest.approx(1 - 0.7 * 0.05)
    assert spend_error([n, n + more]) > spend_error([n])


def test_over_ten_looks_the_error_is_what_is_promised():
    """Paired t tests of two equal configurations, 10 to 100 seeds: today's rule errs in a fifth of the studies."""
    n_studies, looks = 4000, range(10, 101, 10)
    apart = np.random.default_rng(1).normal(size=(n_studies, 100))
    told = {"once": np.zeros(n_studies, bool), "spent": np.zeros(n_studies, bool)}
    for look, n in enumerate(looks, start=1):
        p = stats.ttest_1samp(apart[:, :n], 0, axis=1).pvalue
        told["once"] |= p < 0.05
        told["spent"] |= p < 1 - spend_error(looks[:look])
    assert told["once"].mean() > 0.15
    assert told["spent"].mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / n_studies)


@pytest.mark.parametrize("wrong", [(10, 10), (10, 5), (0, 5)])
def test_looks_without_more_units_are_refused(wrong):
    with pytest.raises(ConfigError, match="must rise"):
        spend_error(wrong)
