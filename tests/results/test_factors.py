"""Columns that say the same are one factor."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from nnsweep.errors import ConfigError
from nnsweep.results.factors import choose_factors, find_repeats
from nnsweep.results.grouping import group_runs
from nnsweep.results.statistics.anova import effects
from nnsweep.results.statistics.comparison import compare
from nnsweep.results.statistics.summary import configurations
from nnsweep.results.statistics.tests import paired_t_test


def grid(*sizes, **columns):
    rows = [
        {
            "hidden_layer_sizes": "-".join(map(str, layers)),
            "depth": len(layers),
            "width": max(layers),
            "seed": seed,
            "test_accuracy": 0.5,
        }
        for layers in sizes
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_depth_and_width_are_factors_where_they_are_crossed():
    found = choose_factors(grid([8], [16], [8, 8], [16, 16]), "test_accuracy")
    assert found.names == ["depth", "width"]
    assert found.notes == ["left out as determined by depth and width: hidden_layer_sizes"]


def test_depth_and_width_may_lack_combinations():
    assert choose_factors(grid([8], [16], [8, 8]), "test_accuracy").names == ["depth", "width"]


def test_layers_that_depth_and_width_do_not_tell_stay_one_factor():
    assert choose_factors(grid([8], [16], [8, 8], [16, 16], [16, 8]), "test_accuracy").names == ["hidden_layer_sizes"]


def test_named_architectures_that_are_no_grid_are_one_factor():
    arch = ["shallow"] * 2 + ["wide"] * 2 + ["deep"] * 2
    found = choose_factors(grid([32], [256], [64, 64, 64], arch=arch), "test_accuracy")
    assert found.names == ["arch"]
    assert found.notes == [
        "left out as determined by arch: depth",
        "left out as equivalent to arch: width, hidden_layer_sizes",
    ]


def test_a_schedules_numbers_belong_to_it():
    runs = grid(
        [8], [8], [8], schedule=["inv"] * 2 + ["exp"] * 2 + ["step"] * 2, **{"schedule.gamma": [1, 1, 2, 2, 2, 2]}
    )
    assert choose_factors(runs, "test_accuracy").names == ["schedule"]


def test_wanted_columns_are_taken_in_their_order_and_checked():
    runs = grid([8], [16], [8, 8], [16, 16], activation="tanh")
    assert choose_factors(runs, "test_accuracy", ["width", "depth"]).names == ["width", "depth"]
    found = choose_factors(runs, "test_accuracy", ["hidden_layer_sizes", "depth", "activation"])
    assert found.names == ["hidden_layer_sizes"]
    assert "left out as constant: activation" in found.notes
    with pytest.raises(ConfigError, match="did you mean 'depth'"):
        choose_factors(runs, "test_accuracy", ["deph"])
    with pytest.raises(ConfigError, match="names a column twice"):
        choose_factors(runs, "test_accuracy", ["depth", "depth"])


def crossed(mean_of=lambda fold, seed: 0.8, *, arch="a", folds=5, seeds=1, name="data.fold", **columns):
    rows = [
        {"arch": arch, name: fold, "seed": seed, "test_accuracy": mean_of(fold, seed)} | columns
        for fold in range(folds)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def folds_of_two(seeds=1, **columns):
    first = crossed(lambda fold, seed: 0.80 + 0.02 * fold + 0.001 * seed, arch="a", seeds=seeds, **columns)
    second = crossed(lambda fold, seed: 0.85 + 0.02 * fold + 0.003 * (-1) ** fold, arch="b", seeds=seeds, **columns)
    return pd.concat([first, second], ignore_index=True)


@pytest.mark.parametrize(
    ("columns", "overlap"),
    [
        ({}, 1 / 4),  # five folds seen
        ({"data.n_folds": 10}, 1 / 9),
        ({"name": "data.split_seed"}, 0.2 / 0.8),  # as usual
        ({"name": "data.split_seed", "data.test_fraction": 0.5}, 1.0),
        ({"name": "data.split_seed", "data.split": "part"}, 0.0),  # the test rows are named
        ({"name": "data.split_seed", "data.val_fraction": 0.1}, 0.0),  # nothing is drawn for the test part
        ({"name": "data.sample_seed"}, 0.0),  # examples of their own
        ({"folds": 1, "seeds": 5}, 0.0),
    ],
)
def test_overlap_is_what_test_and_training_part_have(columns, overlap):
    assert find_repeats(crossed(**columns)).overlap == pytest.approx(overlap)


@pytest.mark.parametrize(
    ("runs", "kind", "words"),
    [
        (crossed(folds=1, seeds=3), "seed", "3 seeds"),
        (crossed(), "fold", "5 folds"),
        (crossed(seeds=2), "fold", "5 folds with 2 seeds each"),
        (crossed(name="data.split_seed").assign(seed=range(5)), "split", "5 splits, each with a seed of its own"),
        (crossed(seeds=2).iloc[:7], "fold", "7 repeats"),
        (crossed(name="data.sample_seed", seeds=2), "sample", "5 samples with 2 seeds each"),
    ],
)
def test_repeats_are_counted_by_kind(runs, kind, words):
    (found,) = group_runs(runs, "test_accuracy")
    assert (found.repeats.kind, found.repeats.describe([*found.values])) == (kind, words)


def test_five_folds_of_one_seed_have_a_corrected_interval():
    found = configurations(folds_of_two()).set_index("label")
    values = 0.80 + 0.02 * np.arange(5)
    half = stats.t.ppf(0.975, 4) * values.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    low, high = special.expit(special.logit(0.84) + half / (0.84 * 0.16) * np.array([-1, 1]))
    assert found.loc["a", ["mean", "low", "high", "n"]].tolist() == pytest.approx([0.84, low, high, 5])
    assert found.index.tolist() == ["b", "a"]


def test_folds_are_paired_and_their_variance_is_corrected():
    (row,) = compare(folds_of_two(seeds=3)).to_dict("records")
    apart = np.array([-0.05 + 0.001 - 0.003 * (-1) ** fold for fold in range(5)])  # seeds are averaged first
    t = apart.mean() / (apart.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4))
    assert (row["test"], row["n_pairs"]) == ("paired t", 5)
    assert row["p"] == pytest.approx(2 * stats.t.sf(abs(t), 4), rel=1e-9)
    assert np.isnan(row["more_seeds"])  # more folds of the same table are not more examples


def test_folds_explain_nothing_and_f_is_corrected():
    found = effects(folds_of_two(seeds=2))
    assert found["term"].tolist() == ["arch", "residual", "total"]
    assert found.attrs["residual"] == "folds"
    plain = effects(folds_of_two().drop(columns="data.fold").assign(seed=[*range(5)] * 2))
    single = effects(folds_of_two())
    assert single["f"][0] == pytest.approx(plain["f"][0] / (1 + 5 / 4))
    assert single["eta_squared"][0] == pytest.approx(plain["eta_squared"][0])


@pytest.mark.parametrize("name", ["seed", "data.fold"])
def test_what_makes_repeats_is_no_factor(name):
    with pytest.raises(ConfigError, match=rf"{name}: runs that differ in their (seed|fold) are repeats"):
        effects(folds_of_two(seeds=2), factors=["arch", name])


def test_equal_classifiers_on_splits_are_rarely_told_apart():
    """Two equal learners on ten splits of 150 examples: the plain t test errs in 20 % and more of the data sets."""
    generator, wrong, plain = np.random.default_rng(0), 0, 0
    n, n_test, n_splits, n_data_sets = 150, 30, 10, 200
    for _ in range(n_data_sets):
        x, effect = generator.normal(size=(n, 2)), generator.normal(size=(n,))
        accuracies = np.empty((2, n_splits))
        for split in range(n_splits):
            order = generator.permutation(n)
            test, train = order[:n_test], order[n_test:]
            slopes = (x[train] * effect[train, None]).mean(axis=0)
            accuracies[:, split] = ((slopes * x[test] + effect[test, None]) > 0).mean(axis=0)
        wrong += paired_t_test(*accuracies.tolist(), overlap=n_test / (n - n_test)).p < 0.05
        plain += paired_t_test(*accuracies.tolist()).p < 0.05
    assert plain / n_data_sets > 0.12
    assert wrong / n_data_sets < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_data_sets)


def test_the_interval_of_a_best_that_was_picked_holds():
    """Of 135 equal configurations with ten seeds the best's own 95 % interval covers 26 %, a simultaneous one 95 %."""
    generator, n_sweeps, k, n = np.random.default_rng(0), 400, 135, 10
    values = generator.normal(0.8, 0.02, size=(n_sweeps, k, n))
    own = simultaneous = 0
    for sweep in values:
        best = sweep[sweep.mean(axis=1).argmax()]
        error = best.std(ddof=1) / np.sqrt(n)
        own += abs(best.mean() - 0.8) < stats.t.ppf(0.975, n - 1) * error
        simultaneous += abs(best.mean() - 0.8) < stats.t.ppf(1 - 0.025 / k, n - 1) * error
    assert own / n_sweeps < 0.35
    assert simultaneous / n_sweeps >= 0.95
    frame = pd.DataFrame(
        {"arch": np.repeat(np.arange(k), n), "seed": np.tile(np.arange(n), k), "test_accuracy": values[0].ravel()}
    )
    row = configurations(frame).iloc[0]
    half = stats.t.ppf(1 - 0.025 / k, n - 1) * row["std"] / np.sqrt(n)
    logit = special.logit(row["mean"]) + half / (row["mean"] * (1 - row["mean"]))
    assert row["high_simultaneous"] == pytest.approx(special.expit(logit))


def test_what_differs_between_data_sets_alone_makes_no_repeats():
    data, seeds = ["digits"] * 3 + ["moons"] * 3, [0, 1, 2] * 2
    drawn = pd.DataFrame({"data": data, "data.sample_seed": [None] * 3 + [0] * 3, "seed": seeds})
    assert (find_repeats(drawn).axes, find_repeats(drawn).units) == (("seed",), ("seed",))
    samples = drawn.assign(**{"data.sample_seed": [None, None, None, 0, 1, 2], "seed": 0})
    assert find_repeats(samples).axes == ("data.sample_seed",)
