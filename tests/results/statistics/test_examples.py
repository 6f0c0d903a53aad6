"""Every configuration against the best on the same test examples, and only on the same ones."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mean_pinball_loss

from nnsweep.errors import ConfigError, DataError
from nnsweep.results.statistics.example_tests import bootstrap_difference, mcnemar_test, sign_flip_test
from nnsweep.results.statistics.examples import COLUMNS, LOSS_COLUMNS, compare_examples, compute_losses
from nnsweep.results.statistics.variance_components import estimate_errors
from nnsweep.tracking.record import CorrectExamples, Evaluation


@pytest.fixture
def correct():
    generator = np.random.default_rng(5)
    accuracies = {"a": 0.92, "b": 0.91, "c": 0.6}
    return {
        f"{arch}{seed}": generator.random(200) < accuracy for arch, accuracy in accuracies.items() for seed in (0, 1, 2)
    }


@pytest.fixture
def runs(correct):
    rows = [
        {
            "name": f"n-{run_id}",
            "state": "finished",
            "arch": run_id[0],
            "seed": int(run_id[1]),
            "test_accuracy": right.mean(),
            "run_id": run_id,
        }
        for run_id, right in correct.items()
    ]
    return pd.DataFrame(rows)


def seeds(correct, arch):
    return np.stack([right for run_id, right in correct.items() if run_id[0] == arch])


def test_all_seeds_are_compared_together(runs, correct):
    found = compare_examples(runs, correct)
    assert list(found.columns) == list(COLUMNS)
    assert list(found["label"]) == ["b", "c"]
    row = found.iloc[1]
    expected = bootstrap_difference(seeds(correct, "c"), seeds(correct, "a"))
    assert tuple(row[["difference", "low", "high"]]) == expected
    assert (row["test"], row["p"]) == ("sign flip", sign_flip_test(seeds(correct, "c"), seeds(correct, "a")))
    assert (row["n_runs"], row["n_runs_reference"], row["n_examples"]) == (3, 3, 200)
    assert row["p_holm"] == pytest.approx(3 * row["p"])
    assert found["distinguishable"].tolist() == [False, True]
    assert found.attrs["notes"] == ["p is adjusted for 3 comparisons (Holm)"]


def test_for_other_seeds_too_a_difference_is_less_sure(runs, correct):
    found = compare_examples(runs, correct).set_index("label")
    errors = estimate_errors(seeds(correct, "c"), seeds(correct, "a"))
    half = stats.t.ppf(0.975, errors.both_freedom) * errors.for_both
    row = found.loc["c"]
    assert (row["low_both"], row["high_both"]) == pytest.approx((row["difference"] - half, row["difference"] + half))
    assert row["high_both"] - row["low_both"] > row["high"] - row["low"]
    assert compare_examples(runs[runs["seed"] == 1], correct)["low_both"].isna().all()


def test_one_seed_each_is_mcnemars_test(runs, correct):
    row = compare_examples(runs[runs["seed"] == 1], correct).iloc[0]
    exact = mcnemar_test(correct["b1"], correct["a1"])
    assert (row["test"], row["b"], row["c"], row["p"]) == ("McNemar", exact.b, exact.c, exact.p)


def test_a_baseline_takes_the_place_of_the_best(runs, correct):
    found = compare_examples(runs, correct, baseline={"arch": "c"})
    assert found["reference_label"].tolist() == ["c", "c"]
    assert found["p_holm"].max() == pytest.approx(found["p"].max())


def test_runs_without_examples_are_left_out_and_told(runs, correct):
    del correct["b0"], correct["c0"], correct["c1"], correct["c2"]
    found = compare_examples(runs, correct)
    assert found["n_runs"].tolist() == [2, 0]
    assert found["note"].tolist() == ["", "no run says which test examples it got right"]
    assert not found["distinguishable"][1]


def test_a_reference_without_examples_is_refused(runs, correct):
    with pytest.raises(ConfigError, match="a: none of its runs says which test examples it got right"):
        compare_examples(runs, {run_id: right for run_id, right in correct.items() if run_id[0] != "a"})


def test_test_sets_of_different_length_are_refused_by_name(runs, correct):
    correct["c1"] = correct["c1"][:-1]
    with pytest.raises(DataError, match=r"n-a0 a0 and n-c1 c1 have different test sets, of 200 and 199 examples"):
        compare_examples(runs, correct)


def recorded(correct, digests):
    return {run_id: CorrectExamples(right, 0, digests[run_id]) for run_id, right in correct.items()}


def test_what_runs_have_recorded_is_taken_as_it_is(runs, correct):
    found = compare_examples(runs, recorded(correct, dict.fromkeys(correct, "x")))
    pd.testing.assert_frame_equal(found, compare_examples(runs, correct))


def test_test_sets_of_different_digest_are_refused_by_name(runs, correct):
    known = recorded(correct, dict.fromkeys(correct, "x") | {"b2": "y"}) | {"a0": correct["a0"]}
    with pytest.raises(DataError, match=r"n-a1 a1 and n-b2 b2 have different test sets of 200 examples"):
        compare_examples(runs, known)


@pytest.mark.parametrize("wrong", [0.9, [], [[True, False]], "yes"])
def test_what_is_no_array_of_examples_is_refused_by_name(wrong, runs, correct):
    with pytest.raises(DataError, match=r"n-b1 b1: .* shape \(n_test,\).*; load_correct\(runs\) gives it"):
        compare_examples(runs, correct | {"b1": wrong})


def test_runs_without_ids_are_refused(runs, correct):
    with pytest.raises(ConfigError, match=r"run_id"):
        compare_examples(runs.drop(columns="run_id"), correct)


def test_the_order_of_the_rows_changes_nothing(runs, correct):
    expected = compare_examples(runs, correct)
    pd.testing.assert_frame_equal(compare_examples(runs.iloc[::-1], correct), expected)


def test_a_single_configuration_leaves_nothing_to_compare(runs, correct):
    assert len(compare_examples(runs[runs["arch"] == "a"], correct)) == 0
    assert len(compare_examples(runs.iloc[:0], correct)) == 0


def off(errors, quantiles=()):
    targets = np.zeros((len(errors), 1))
    nothing = {"confusion": np.zeros((0, 0)), "reliability": np.zeros((2, 0, 3)), "names": ("y",)}
    known = {"task": "regression", "targets": targets, "errors": errors, "quantiles": quantiles}
    return Evaluation(**nothing, **known, epoch=1, test_digest="d", temperature=1.0)


def test_numbers_are_compared_by_their_losses(runs):
    generator = np.random.default_rng(2)
    errors = {run_id: generator.normal(0, {"a": 1, "b": 1.1, "c": 3}[run_id[0]], (80, 1)) for run_id in runs["run_id"]}
    tested = runs.drop(columns="test_accuracy").assign(test_rmse=[np.sqrt(np.mean(e**2)) for e in errors.values()])
    found = compare_examples(tested, {run_id: off(own) for run_id, own in errors.items()})
    assert list(found.columns) == list(LOSS_COLUMNS)
    assert found["label"].tolist() == ["b", "c"]
    squares = {run_id: np.square(own[:, 0]) for run_id, own in errors.items()}
    row = found.iloc[1]
    assert row["loss"] == pytest.approx(seeds(squares, "c").mean())
    assert row["difference"] == pytest.approx(row["loss"] - row["reference_loss"])
    assert (row["test"], row["p"]) == ("sign flip", sign_flip_test(seeds(squares, "c"), seeds(squares, "a")))
    assert found["distinguishable"].tolist() == [False, True]
    sizes = compare_examples(
        tested.assign(test_mae=tested["test_rmse"]), {i: off(e) for i, e in errors.items()}, metric="mae"
    )
    assert sizes.iloc[1]["loss"] == pytest.approx(np.mean([abs(errors[f"c{seed}"]).mean() for seed in range(3)]))


def test_quantiles_have_the_loss_that_scikit_learn_gives_them():
    y, predicted = np.random.default_rng(0).normal(size=(2, 50, 2))
    levels = (0.1, 0.9)
    outputs = np.stack([predicted[:, place] + shift for place in (0, 1) for shift in (-1, 1)], axis=1)
    loss = compute_losses(outputs - np.repeat(y, 2, axis=1), "pinball", levels)
    each = [
        mean_pinball_loss(y[:, place], outputs[:, 2 * place + which], alpha=levels[which])
        for place in (0, 1)
        for which in (0, 1)
    ]
    assert loss.mean() == pytest.approx(np.mean(each), rel=1e-12)
