"""What the networks of the best configuration do, summed over its runs."""

from dataclasses import replace

import numpy as np

from nnsweep.results.statistics.evaluations import find_confused_pairs, pool_best


def test_the_runs_of_the_best_configuration_are_summed(evaluated):
    runs, evaluations = evaluated()
    pooled = pool_best(runs, evaluations)
    assert (pooled.label, pooled.repeat, len(pooled.members), pooled.names) == ("20", "seed", 3, ("no", "yes"))
    assert (pooled.confusion == sum(evaluations[f"20/{seed}"].confusion for seed in range(3))).all()
    assert pool_best(runs, evaluations, label="8").label == "8"


def test_runs_without_evaluations_are_left_out(evaluated):
    runs, evaluations = evaluated()
    some = {name: one for name, one in evaluations.items() if name != "20/1"}
    assert len(pool_best(runs, some).members) == 2
    assert pool_best(runs, {name: one for name, one in evaluations.items() if name.startswith("8")}) is None
    assert pool_best(runs.assign(state="failed", test_accuracy=np.nan), evaluations) is None


def test_runs_on_other_classes_are_not_summed(evaluated):
    runs, evaluations = evaluated()
    evaluations["20/2"] = replace(evaluations["20/2"], names=("yes", "no"))
    assert len(pool_best(runs, evaluations).members) == 2


def test_pairs_come_by_their_number_and_then_by_their_share():
    confusion = np.array([[5, 3, 0], [3, 9, 1], [0, 0, 4]])
    pairs = find_confused_pairs(confusion, ["a", "b", "c"])
    assert [tuple(pair) for pair in pairs] == [("a", "b", 3, 8), ("b", "a", 3, 13), ("b", "c", 1, 13)]
    assert find_confused_pairs(np.eye(3, dtype=int), ["a", "b", "c"]) == []
