"""What a report says of other seeds, of other test examples, and of what split and seed make."""

import numpy as np
import pytest

from nnsweep.results.frame import frame, rows
from nnsweep.results.report import section_variance
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.examples import estimate_accuracies
from nnsweep.tracking.record import RunRecord


def record(layers, accuracy, **settings):
    name = "/".join(map(str, (layers, *settings.values())))
    return RunRecord(
        **{"run_id": name, "name": name, "state": "finished", "reason": "", "sweep": "s", "job": 0},
        settings={"hidden_layer_sizes": layers, "data": "digits", **settings},
        metrics={"test_accuracy": accuracy, "n_parameters": 10.0},
    )


@pytest.fixture
def tested():
    """Four seeds of two networks on 100 test examples, of which half are sure and half are a toss-up with bias."""
    generator = np.random.default_rng(4)
    chance = np.where(np.arange(100) < 50, 1.0, 0.8)
    correct = {f"{layers}/{seed}": generator.random(100) < chance for layers in ("8", "20") for seed in range(4)}
    records = [record(name.partition("/")[0], right.mean(), seed=int(name[-1])) for name, right in correct.items()]
    return Study(runs=frame(records), correct=correct)


def test_the_table_says_how_sure_each_is_for_others(tested):
    (shown,) = section_variance.Variance().build(tested).tables
    best = estimate_accuracies(tested.runs, tested.correct).iloc[0]
    label, seeds, both = (column.text(dict(shown.frame.iloc[0])) for column in shown.columns)
    assert (label, shown.columns[1].heading) == (best["label"], "other seeds")
    assert seeds == f"{best['accuracy']:.3f} ({best['low_seeds']:.3f} to {best['high_seeds']:.3f})"
    assert both == f"{best['accuracy']:.3f} ({best['low']:.3f} to {best['high']:.3f})"
    assert best["low"] < best["low_seeds"] < best["accuracy"] < best["high_seeds"] < best["high"]
    assert section_variance.describe_reach(tested) == []


def test_one_network_is_sure_for_its_test_examples_only(tested):
    one = Study(runs=tested.runs[tested.runs["seed"] == 0], correct=tested.correct)
    (said,) = section_variance.describe_reach(one)
    assert said.startswith("On other test examples, the accuracy of this network would be between 0.8")
    (shown,) = section_variance.Variance().build(one).tables
    assert [column.heading for column in shown.columns] == ["configuration", "other test examples"]


def test_seeds_without_examples_leave_nothing_to_say(study_of):
    study = study_of({"20-20": [0.9, 0.92], "8": [0.8, 0.83]})
    assert section_variance.describe_reach(study) == []
    assert section_variance.Variance().build(study) is None


def test_folds_and_seeds_have_shares_of_the_variance():
    # within a fold seeds differ by +-0.01, and folds by +-0.05: all else is the same
    records = [
        record(layers, mean + 0.05 * (fold - 1) + 0.01 * (seed - 0.5), **{"data.fold": fold, "seed": seed})
        for layers, mean in (("8", 0.8), ("20", 0.9))
        for fold in range(3)
        for seed in range(2)
    ]
    study = Study(runs=frame(records))
    # of folds 0.05 squared, and of seeds 0.01 squared / 2
    (shown,) = section_variance.Variance().build(study).tables
    assert [shown.columns[-1].text(row) for row in rows(shown.frame)] == ["98 %", "2 %", "0 %"]
    assert shown.frame["std"].tolist() == pytest.approx([0.05, 0.01 / np.sqrt(2), 0], abs=1e-9)
    alike = Study(runs=study.runs.assign(test_accuracy=0.9))
    assert section_variance.Variance().build(alike) is None


def test_examples_that_all_get_right_have_the_binomial_interval():
    runs = frame([record("8", 1.0, seed=seed) for seed in range(2)])
    found = estimate_accuracies(runs, {f"8/{seed}": np.ones(20, bool) for seed in range(2)}).iloc[0]
    assert (found["low"], found["high"]) == pytest.approx((0.025 ** (1 / 20), 1.0))
