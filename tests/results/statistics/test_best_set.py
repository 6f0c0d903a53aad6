"""Which configurations are as good as the best, unsettled or clearly worse."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnsweep.errors import ConfigError
from nnsweep.results.statistics.best_set import COLUMNS, VERDICTS, judge
from nnsweep.results.statistics.comparison import indistinguishable

patiently = settings(deadline=None, max_examples=30)
groups = st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=6), min_size=2, max_size=7)


def table(values, name="arch", **columns):
    rows = [
        {name: label, "seed": seed, "state": "finished", "test_accuracy": value}
        for label, results in values.items()
        for seed, value in enumerate(results)
    ]
    return pd.DataFrame(rows).assign(**columns)


def spread(mean, n=5, size=0.01, turn=0):
    noise = np.random.default_rng(turn).normal(size=n)
    noise -= noise.mean()
    return mean + size * noise / noise.std(ddof=1)


def by_label(runs, *arguments, **options):
    return judge(runs, *arguments, **options).set_index("label")


def test_each_configuration_has_one_row_the_best_first():
    found = judge(table({"a": [0.8, 0.81], "b": [0.9, 0.91], "c": [0.7]}))
    assert list(found.columns) == list(COLUMNS)
    assert found["label"].tolist() == ["b", "a", "c"]
    assert found["n_units"].tolist() == [2, 2, 1]
    assert set(found["verdict"]) <= set(VERDICTS)


def test_two_configurations_have_the_interval_of_welchs_test():
    first, second = spread(0.90, 6, 0.02, 1), spread(0.91, 6, 0.01, 2)
    found = by_label(table({"a": first, "b": second}))
    welch = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.90)  # 95 % to one side
    assert found.loc["a", ["low", "high"]].tolist() == pytest.approx([welch.low, welch.high], rel=1e-10)
    assert found.loc["b", ["low", "high"]].tolist() == pytest.approx([-welch.high, -welch.low], rel=1e-10)


def test_paired_configurations_have_the_paired_tests_interval():
    first, second = spread(0.90, 6, 0.02, 1), spread(0.95, 6, 0.01, 2)
    found = by_label(table({"a": first, "b": second}, name="activation"))  # one shape
    paired = stats.ttest_rel(first, second).confidence_interval(0.90)
    assert found["low"]["a"] == pytest.approx(paired.low, rel=1e-10)
    assert found["verdict"].to_dict() == {"a": "clearly worse", "b": "as good"}
    assert (found["high"]["a"], found["low"]["b"]) == (0, 0)  # who is best is settled
    assert found["high"]["b"] == pytest.approx(-paired.low, rel=1e-10)


def test_one_of_eighteen_that_is_far_behind_is_clearly_worse():
    """Formerly an interval of -0.39 to -0.09 stood beside "cannot be told from the best"."""
    values = {f"a{place}": spread(0.97 - 0.004 * place, size=0.012, turn=place) for place in range(17)}
    found = by_label(table(values | {"far": spread(0.73, size=0.12, turn=99)}))
    assert found["verdict"]["far"] == "clearly worse"
    assert found["high"]["far"] == 0
    assert found["low"]["far"] < found["difference"]["far"] == pytest.approx(-0.24)


@patiently
@given(groups, st.sampled_from(["arch", "activation"]))
def test_no_interval_contradicts_its_verdict(values, name):
    found = judge(table({f"a{place}": results for place, results in enumerate(values)}, name=name), rope=0.02)
    worse, good, unsettled = (found[found["verdict"] == one] for one in ("clearly worse", "as good", "unsettled"))
    assert (worse["high"] <= 0).all()
    assert (good["low"] >= -0.02).all()
    assert (unsettled["low"] < -0.02).all()
    tested = found[found["low"].notna()]
    assert (tested["low"] <= 1e-12).all()
    assert (tested["high"] >= 0).all()


@patiently
@given(groups, st.randoms(use_true_random=False), st.sampled_from(["arch", "activation"]))
def test_the_order_of_the_rows_changes_nothing(values, random, name):
    runs = table({f"a{place}": results for place, results in enumerate(values)}, name=name)
    order = list(range(len(runs)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(judge(runs), judge(runs.iloc[order]), rtol=1e-9, atol=1e-12)


@patiently
@given(st.lists(st.lists(st.integers(0, 64), min_size=1, max_size=6), min_size=2, max_size=7))
def test_a_cost_is_judged_as_its_negative_accuracy(values):
    runs = table({f"a{place}": np.divide(results, 64) for place, results in enumerate(values)})
    costs = runs.assign(final_train_cost=1 - runs["test_accuracy"]).drop(columns="test_accuracy")
    found, expected = by_label(costs, "final_train_cost", rope=0.01), by_label(runs)
    assert found["verdict"].to_dict() == expected["verdict"].to_dict()
    found = found.loc[expected.index]
    known = expected["high"].abs().lt(1) & expected["low"].abs().lt(1)
    assert found["low"][known].to_numpy() == pytest.approx(-expected["high"][known].to_numpy(), abs=1e-9)
    assert found["high"][known].to_numpy() == pytest.approx(-expected["low"][known].to_numpy(), abs=1e-9)


def test_equal_configurations_are_never_called_worse():
    assert judge(table({"a": [0.9, 0.8], "b": [0.9, 0.8]}))["verdict"].tolist() == ["unsettled"] * 2
    same = judge(table({"a": [0.9, 0.8, 0.85] * 3, "b": [0.9, 0.8, 0.85] * 3}, name="activation"))
    assert same["verdict"].tolist() == ["as good"] * 2  # equal with each of nine seeds
    assert same[["difference", "low", "high"]].eq(0).all(axis=None)


def test_a_constant_difference_of_two_seeds_settles_nothing():
    found = by_label(table({"a": [0.9, 0.8], "b": [0.8, 0.7]}, name="activation"))
    assert found["verdict"].tolist() == ["unsettled"] * 2
    assert found.loc["b", ["low", "high"]].tolist() == [-1, 1]
    assert found["note"]["b"] == "neither varies"
    more = by_label(table({"a": [0.9, 0.8, 0.7, 0.6, 0.5], "b": [0.8, 0.7, 0.6, 0.5, 0.4]}, name="activation"))
    assert more["verdict"]["b"] == "clearly worse"  # one of 2 ** 5 orders


def test_one_seed_or_one_configuration_is_untested():
    found = judge(table({"a": [0.9], "b": [0.5]}))
    assert found["verdict"].tolist() == ["untested"] * 2
    assert found["difference"].tolist() == pytest.approx([0.4, -0.4])
    assert set(found["note"]) == {"fewer than two seeds"}
    (alone,) = judge(table({"a": [0.9, 0.8]})).to_dict("records")
    assert (alone["verdict"], alone["note"]) == ("untested", "nothing to compare it with")
    assert len(judge(table({"a": [0.9]}).iloc[:0])) == 0


def test_a_single_lucky_seed_is_neither_best_nor_chosen():
    found = judge(table({"lucky": [0.99], "a": spread(0.95), "b": spread(0.90, turn=1)}))
    assert found["label"].tolist() == ["lucky", "a", "b"]
    assert found["verdict"].tolist() == ["untested", "as good", "clearly worse"]
    assert found.attrs["chosen"] == "a"


def test_validation_chooses_where_there_is_a_validation_part():
    runs = table({"a": spread(0.95), "b": spread(0.94, turn=1)})
    assert judge(runs).attrs["chosen"] == "a"
    validated = runs.assign(best_val_accuracy=[*spread(0.90), *spread(0.93, turn=1)])
    assert judge(validated).attrs["chosen"] == "b"
    validated.loc[0, "best_val_accuracy"] = math.nan
    assert judge(validated).attrs["chosen"] == "a"
    assert (
        judge(validated.rename(columns={"test_accuracy": "max_test_accuracy"}), "max_test_accuracy").attrs["chosen"]
        == "a"
    )


def test_of_equal_choices_the_smallest_network_is_taken():
    values = {"deep": [0.95, 0.95], "wide": [0.97, 0.96], "tiny": [0.9, 0.9]}
    runs = table(
        values, best_val_accuracy=[0.97, 0.96, 0.96, 0.97, 0.9, 0.9], n_parameters=[900.0] * 2 + [500.0] * 2 + [9.0] * 2
    )
    assert judge(runs).attrs["chosen"] == "wide"
    assert judge(runs.drop(columns="n_parameters")).attrs["chosen"] == "deep"


def test_failures_count_as_guessing_and_no_result_is_no_rival():
    runs = table({"a": spread(0.95), "b": [0.97, 0.98, 0.96, math.nan, math.nan], "c": [math.nan] * 5})
    runs.loc[runs["test_accuracy"].isna(), "state"] = "diverged"
    found = by_label(runs.assign(chance_accuracy=0.1))
    assert found["verdict"]["c"] == "never finished"
    assert found.attrs["chosen"] == "a"
    assert found["mean"]["b"] == pytest.approx((0.97 + 0.98 + 0.96 + 0.2) / 5)
    assert found["note"]["b"] == "3 of 5 finished"
    survivors = by_label(runs, failures="ignore")
    assert survivors.attrs["chosen"] == "b"
    unknown = by_label(runs)  # what guessing gives is not known: b is not as good, and nobody is worse than b
    assert unknown["verdict"].to_dict() == {"a": "as good", "b": "unsettled", "c": "never finished"}


def test_a_rival_that_collapses_leaves_others_as_good():
    quiet, again = spread(0.970, 10, 0.004, 1), spread(0.969, 10, 0.004, 2)
    collapsing = [*spread(0.94, 8, 0.004, 3), 0.1, 0.1]
    found = by_label(table({"a": quiet, "b": again, "c": collapsing}, chance_accuracy=0.1, n_test_samples=360))
    assert found["verdict"].to_dict() == {"a": "as good", "b": "as good", "c": "unsettled"}
    alone = by_label(table({"a": quiet, "b": again}))
    assert found.loc["b", "low"] == pytest.approx(alone.loc["b", "low"], abs=0.002)  # Student's would be -0.18


@pytest.mark.slow
def test_what_is_behind_one_that_collapses_is_not_called_as_good():
    n, generator, false, n_sweeps = 10, np.random.default_rng(1), 0, 150
    for _ in range(n_sweeps):
        collapsing = np.where(generator.random(n) < 0.1, 0.1, generator.normal(0.96, 0.003, n))  # mean 0.874
        behind = generator.normal(0.863, 0.008, n)
        found = by_label(table({"a": collapsing, "b": behind}, chance_accuracy=0.1, n_test_samples=360))
        false += found.loc["b", "verdict"] == "as good"
    assert false / n_sweeps <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / n_sweeps)


def test_folds_are_paired_and_their_overlap_counts():
    first, second = spread(0.90, 5, 0.03, 1), spread(0.93, 5, 0.03, 1) + spread(0, 5, 0.01, 2)
    runs = table({"a": first, "b": second}).rename(columns={"seed": "data.fold"}).assign(**{"data.n_folds": 5})
    apart = np.subtract(first, second)
    half = stats.t.ppf(0.95, 4) * apart.std(ddof=1) * math.sqrt(1 / 5 + 1 / 4)
    assert by_label(runs)["low"]["a"] == pytest.approx(apart.mean() - half, rel=1e-9)


@pytest.mark.slow
def test_the_detectable_difference_is_detected_in_four_of_five():
    generator, told = np.random.default_rng(0), 0
    pilot = judge(table({"a": spread(0.9, 10), "b": spread(0.9, 10, turn=1)}))
    apart = pilot["detectable"][0]  # for two whose standard deviations are 0.01
    for _ in range(200):
        values = generator.normal([[0.5 + apart], [0.5]], 0.01, size=(2, 10))
        told += by_label(table({"a": values[0], "b": values[1]}), rope=1e-9)["verdict"]["b"] == "clearly worse"
    assert told / 200 == pytest.approx(0.8, abs=4 * math.sqrt(0.8 * 0.2 / 200))


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["normal", "two spreads", "skewed", "discrete", "collapsing"])
def test_the_truly_best_is_kept(noise):
    """At least 95 % within three standard errors; ten configurations over five seeds."""
    generator, kept, n_sweeps = np.random.default_rng(1), 0, 150
    means, shape = np.linspace(0, -2, 10)[:, None], (10, 5)
    for _ in range(n_sweeps):
        drawn = {
            "normal": lambda: generator.normal(size=shape),
            "two spreads": lambda: generator.normal(size=shape) * np.where(np.arange(10) % 2, 1, 10)[:, None],
            "skewed": lambda: 1 - generator.exponential(size=shape),
            "discrete": lambda: generator.normal(size=shape),
            "collapsing": lambda: generator.normal(size=shape) - 50 * (generator.random(shape) < 0.1),
        }[noise]()
        accuracies = 0.9 + 0.003 * (means + drawn)
        if noise == "discrete":
            accuracies = np.round(360 * accuracies) / 360
        runs = table({f"a{place}": row for place, row in enumerate(accuracies)})
        kept += "a0" in indistinguishable(runs)
    assert kept / n_sweeps >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / n_sweeps)


@pytest.mark.slow
def test_each_of_equal_configurations_is_rarely_called_worse():
    generator, worse = np.random.default_rng(0), 0
    for _ in range(60):
        results = generator.normal(0.8, 0.02, size=(30, 10)).clip(0, 1)
        worse += 30 - len(indistinguishable(table({f"a{i}": row for i, row in enumerate(results)})))
    assert worse / 60 / 30 <= 0.05


def test_a_margin_or_a_confidence_out_of_range_is_refused():
    runs = table({"a": [0.9, 0.8], "b": [0.8, 0.7]})
    with pytest.raises(ConfigError, match="rope=-1"):
        judge(runs, rope=-1)
    with pytest.raises(ConfigError, match="confidence=95"):
        judge(runs, confidence=95)
