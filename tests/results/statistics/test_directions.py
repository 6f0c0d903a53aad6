"""A measure and its negative, of which less is better, say the same of everything."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnsweep.results.labels import outcomes
from nnsweep.results.selection import rank_runs
from nnsweep.results.statistics.anova import effects
from nnsweep.results.statistics.best_set import choose_by_validation, judge
from nnsweep.results.statistics.comparison import compare, indistinguishable
from nnsweep.results.statistics.data_sets import compare_data_sets
from nnsweep.results.statistics.equivalence import compare_equivalence
from nnsweep.results.statistics.fairness import fair_comparison
from nnsweep.results.statistics.marginal_means import marginal_means
from nnsweep.results.statistics.optimism import average_optimism
from nnsweep.results.statistics.rankings import compare_rankings
from nnsweep.results.statistics.summary import configurations
from nnsweep.results.statistics.tradeoff import choose_smallest, mark_pareto_front, prices

pytestmark = pytest.mark.slow
patiently = settings(deadline=None, max_examples=25)
MORE, LESS = "test_score", "test_score_loss"
"""Nobody has registered either; of a loss less is better."""


@st.composite
def studies(draw, *, data=("digits",)):
    """Draw runs on a grid of widths and rates, with a result on validation and on test in both directions."""
    grid = [*product(data, (4, 8), (0.1, 0.3), range(3))]
    numbers = np.array(draw(st.lists(st.integers(-40, 40), min_size=len(grid), max_size=len(grid)))) / 8
    shifts = np.array(draw(st.lists(st.integers(-8, 8), min_size=len(grid), max_size=len(grid)))) / 8
    runs = pd.DataFrame(grid, columns=["data", "width", "optimizer.learning_rate", "seed"])
    runs = runs.assign(name=[f"run {row}" for row in range(len(grid))], state="finished", job=range(len(grid)))
    runs = runs.assign(run_id=runs["name"], n_parameters=100 * runs["width"], duration_seconds=1.0)
    for part, values in (("best_val_", numbers + shifts), ("test_", numbers), ("final_test_", numbers - 1)):
        runs = runs.assign(**{f"{part}score": values, f"{part}score_loss": -values})
    runs = runs.assign(max_test_score=numbers + 1, min_test_score_loss=-numbers - 1)
    runs.attrs["settings"] = ["data", "width", "optimizer.learning_rate", "seed"]
    return runs


def same(found, other, names, negated=()):
    """Tell whether two tables have the same in some columns, and the opposite in others."""
    for name in names:
        assert found[name].tolist() == pytest.approx(other[name].tolist(), nan_ok=True, abs=1e-9), name
    for name in negated:
        assert found[name].to_numpy() == pytest.approx(-other[name].to_numpy(), nan_ok=True, abs=1e-9), name


@patiently
@given(studies())
def test_ranks_and_intervals_are_the_same(runs):
    assert rank_runs(runs, MORE)["name"].tolist() == rank_runs(runs, LESS)["name"].tolist()
    assert choose_by_validation(runs, MORE) == choose_by_validation(runs, LESS)
    more, less = configurations(runs, MORE), configurations(runs, LESS)
    same(more, less, ["label", "std", "standard_error"], ["mean"])
    assert more["low"].to_numpy() == pytest.approx(-less["high"].to_numpy())


@patiently
@given(studies())
def test_the_best_set_is_the_same(runs):
    more, less = (judge(runs, metric, rope=0.5) for metric in (MORE, LESS))
    same(more, less, ["label", "verdict", "detectable"], ["difference"])
    assert more["low"].to_numpy() == pytest.approx(-less["high"].to_numpy(), nan_ok=True)
    assert more.attrs["chosen"] == less.attrs["chosen"]
    assert indistinguishable(runs, MORE) == indistinguishable(runs, LESS)


@patiently
@given(studies())
def test_all_p_values_are_the_same(runs):
    baseline = {"width": 4, "optimizer.learning_rate": 0.3}
    more, less = (compare(runs, metric, baseline=baseline) for metric in (MORE, LESS))
    same(more, less, ["label", "p", "p_holm", "win_rate", "distinguishable", "more_seeds"], ["difference"])
    more, less = (compare_equivalence(runs, metric, rope=0.5) for metric in (MORE, LESS))
    same(more, less, ["label", "p_better", "p_equal", "p_worse", "p_tost", "conclusion"], ["difference"])
    same(effects(runs, MORE), effects(runs, LESS), ["term", "p", "eta_squared", "omega_squared"])
    more, less = (marginal_means(runs, metric).contrasts for metric in (MORE, LESS))
    same(more, less, ["level", "reference", "p", "distinguishable"], ["difference"])


@patiently
@given(studies())
def test_each_is_tuned_alike_and_worth_its_price_alike(runs):
    more, less = (fair_comparison(runs, reported=metric) for metric in (MORE, LESS))
    assert (more.same, more.warnings) == (less.same, less.warnings)
    same(more.table, less.table, ["label", "setting", "gain", "on_edge"], ["mean", "selecting_mean"])
    same(average_optimism(runs, metric=MORE), average_optimism(runs, metric=LESS), ["optimism", "val_test_gap"])
    more, less = (prices(runs, metric=metric) for metric in (MORE, LESS))
    front = mark_pareto_front(more, "n_parameters", "mean")
    assert front.tolist() == mark_pareto_front(less, "n_parameters", "mean", is_smaller_better=True).tolist()
    more, less = configurations(runs, MORE), configurations(runs, LESS)
    smallest = choose_smallest(more)
    turned = choose_smallest(less, is_smaller_better=True)
    assert smallest[:2] == turned[:2]
    assert smallest.threshold == pytest.approx(-turned.threshold, nan_ok=True)


@patiently
@given(studies(data=("digits", "iris", "wine")))
def test_ranks_over_data_sets_are_the_same(runs):
    more, less = (compare_data_sets(runs, metric) for metric in (MORE, LESS))
    same(more.ranking, less.ranking, ["label", "mean_rank", "n_best"], ["mean"])
    same(more.pairs, less.pairs, ["label", "other", "n_better", "n_worse", "p_holm"], ["difference"])
    assert more.friedman.p == pytest.approx(less.friedman.p, nan_ok=True)


@patiently
@given(studies(), st.integers(0, 2**32 - 1))
def test_early_rankings_are_the_same(runs, seed):
    generator, epochs = np.random.default_rng(seed), np.arange(20)
    curves = [np.cumsum(generator.normal(0.1, 0.3, 20)) for _ in range(len(runs))]
    histories = {
        run_id: pd.DataFrame({"epoch": epochs, "train_cost": 1.0, "val_score": curve, "val_score_loss": -curve})
        for run_id, curve in zip(runs["run_id"], curves, strict=True)
    }
    more, less = (compare_rankings(runs, histories, metric=metric) for metric in (MORE, LESS))
    same(more, less, ["epoch", "kendall", "spearman", "best", "is_final_best", "loss"])
    labels = [
        outcomes(runs.assign(**{"trainer.select": f"val_{name}"}), histories)["outcome"].tolist()
        for name in ("score", "score_loss")
    ]
    assert labels[0] == labels[1]


@patiently
@given(st.lists(st.integers(1, 63), min_size=12, max_size=12))
def test_between_bounds_the_complement_says_the_same(counts):
    shares = np.array(counts) / 64  # of which the complements are exact, so that equal ones stay equal
    runs = pd.DataFrame([*product((4, 8, 16, 32), range(3))], columns=["width", "seed"])
    runs = runs.assign(test_f1_micro=shares, test_hamming_loss=1 - shares)
    more, less = configurations(runs, "f1_micro"), configurations(runs, "hamming_loss")
    same(more, less, ["label", "std"])
    assert more["low_simultaneous"].to_numpy() == pytest.approx(1 - less["high_simultaneous"].to_numpy())
    more, less = judge(runs, "f1_micro"), judge(runs, "hamming_loss")
    same(more, less, ["label", "verdict", "detectable"], ["difference"])
