"""Configurations are compared over data sets, each at its own scale, and never data sets with each other."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from nnsweep.results.frame import frame, narrow_runs
from nnsweep.results.statistics.data_sets import (
    compare_data_sets,
    merge_data_settings,
    name_data_sets,
    write_filters,
)
from nnsweep.tracking.record import RunRecord


def runs_on(
    scores: Mapping[str, Mapping[str, Sequence[float | None]]],
    settings: Mapping[str, Mapping[str, object]] | None = None,
) -> pd.DataFrame:
    """Make runs of architectures on data sets, a value for each seed; None is a run that diverged."""
    return frame(
        [
            RunRecord(
                run_id=f"{data}/{arch}/{seed}",
                name=f"{data}-{arch}-s{seed}",
                state="diverged" if value is None else "finished",
                reason="",
                settings={"arch": arch, "data": data, "seed": seed} | dict((settings or {}).get(data, {})),
                metrics={"chance_accuracy": 0.1} | ({} if value is None else {"test_accuracy": value}),
            )
            for data, of_data in scores.items()
            for arch, values in of_data.items()
            for seed, value in enumerate(values)
        ]
    )


HARD = {"easy": {"a": [0.99, 0.97], "b": [0.96, 0.96]}, "hard": {"a": [0.4, 0.4], "b": [0.5, 0.5]}}


def test_each_data_set_has_its_own_scale():
    found = compare_data_sets(runs_on(HARD | {"mid": {"a": [0.7, 0.7], "b": [0.6, 0.6]}}))
    assert found.data_sets == ["easy", "hard", "mid"]
    assert found.ranking["label"].tolist() == ["a", "b"]
    assert found.ranking["mean_rank"].tolist() == pytest.approx([4 / 3, 5 / 3])
    assert found.ranking["n_best"].tolist() == [2, 1]
    (pair,) = found.pairs.to_dict("records")
    assert (pair["label"], pair["n_better"], pair["n_equal"], pair["n_worse"]) == ("a", 2, 0, 1)
    assert pair["difference"] == pytest.approx((0.02 - 0.1 + 0.1) / 3)
    assert pair["p"] == 1.0  # ranks 1 and 2.5 against 2.5


def test_failed_runs_count_as_guessing_in_their_own_data_set():
    scores = compare_data_sets(runs_on(HARD | {"hard": {"a": [0.4, None], "b": [0.5, 0.5]}})).scores
    assert scores.loc["a"].tolist() == pytest.approx([0.98, (0.4 + 0.1) / 2])
    lost = runs_on(HARD | {"easy": {"a": [None, None], "b": [0.9, 0.9]}})
    assert compare_data_sets(lost).scores.loc["a", "easy"] == pytest.approx(0.1)
    ignored = compare_data_sets(lost, failures="ignore").scores
    assert math.isnan(ignored.loc["a", "easy"])


def test_what_was_not_run_on_a_data_set_is_left_out_and_told():
    found = compare_data_sets(runs_on(HARD | {"easy": {**HARD["easy"], "c": [1.0, 1.0]}}))
    assert found.labels == ["b", "a"]
    assert found.notes == ("c is left out: it has no result on hard",)
    nothing = compare_data_sets(runs_on({"easy": {"a": [0.9]}, "hard": {"b": [0.9]}, "mid": {"a": [0.9], "b": [0.8]}}))
    assert nothing.labels == []
    assert math.isnan(nothing.critical_difference)
    assert nothing.groups == []


def test_equal_scores_share_their_ranks():
    found = compare_data_sets(runs_on({"x": {"a": [0.9, 0.7], "b": [0.7, 0.9]}, "y": {"a": [0.3], "b": [0.1 + 0.2]}}))
    assert found.ranking["mean_rank"].tolist() == [1.5, 1.5]
    assert found.pairs["n_equal"].tolist() == [2]
    assert found.pairs["p"].tolist() == [1.0]


def test_less_is_better_of_a_cost():
    runs = runs_on(HARD).assign(final_train_cost=lambda table: 1 - table["test_accuracy"].astype(float))
    assert compare_data_sets(runs, "final_train_cost").scores.loc["a", "hard"] == pytest.approx(0.6)
    more, less = compare_data_sets(runs), compare_data_sets(runs, "final_train_cost")
    assert more.ranking["mean_rank"].tolist() == less.ranking["mean_rank"].tolist()
    assert more.pairs["n_better"].tolist() == less.pairs["n_better"].tolist()
    assert less.has_ratios
    assert less.profiles.index.tolist()[-1] == pytest.approx(0.04 / 0.02 - 1)


def test_the_order_of_runs_changes_nothing():
    runs = runs_on({str(i): {arch: list(np.random.default_rng(i).random(3)) for arch in "abcd"} for i in range(8)})
    one, other = compare_data_sets(runs), compare_data_sets(runs.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(one.ranking, other.ranking)
    pd.testing.assert_frame_equal(one.pairs, other.pairs)
    assert one.friedman == other.friedman


def test_a_clear_order_is_told_with_enough_data_sets():
    scores = {f"d{i:02}": {arch: [0.5 + 0.03 * i - 0.02 * k] for k, arch in enumerate("abc")} for i in range(9)}
    found = compare_data_sets(runs_on(scores))
    assert found.pairs["distinguishable"].all()
    assert found.groups == []
    assert found.n_needed == 7  # 3 / 2**6 < 0.05
    few = compare_data_sets(runs_on({name: scores[name] for name in list(scores)[:6]}))
    assert not few.pairs["distinguishable"].any()
    assert few.groups == [["a", "b", "c"]]


def test_what_follows_from_the_data_makes_no_configuration():
    decay = {"easy": {"optimizer.weight_decay": 0.01}, "hard": {"optimizer.weight_decay": 0.0}}
    assert compare_data_sets(runs_on(HARD, decay)).labels == ["b", "a"]


def test_named_columns_make_the_configurations():
    runs = runs_on(HARD).assign(**{"arch.width": 8})
    assert compare_data_sets(runs, by=["arch", "arch.width"]).labels == ["b width=8", "a width=8"]


def test_data_sets_are_named_as_short_as_tells_them_apart():
    tables = {"p": {"data": "table", "data.path": "x/cats.csv"}, "q": {"data": "table", "data.path": "x/dogs.csv.gz"}}
    runs = runs_on({"p": {"a": [0.9]}, "q": {"a": [0.9]}, "iris": {"a": [0.9]}}, tables)
    assert name_data_sets(runs) == ["cats", "dogs.csv", "iris"]
    assert write_filters(runs)["cats"] == 'data == "table" and data.path == "x/cats.csv"'
    assert [len(narrow_runs(runs, filter=rule)) for rule in write_filters(runs).values()] == [1, 1, 1]
    same = {"p": {"data": "table", "data.path": "x/cats.csv"}, "q": {"data": "table", "data.path": "y/cats.csv"}}
    assert name_data_sets(runs_on({"p": {"a": [0.9]}, "q": {"a": [0.9]}}, same)) == [
        *("table path=x/cats.csv", "table path=y/cats.csv")
    ]
    noisy = {"p": {"data": "moons", "data.noise": 0.1}, "q": {"data": "moons", "data.noise": 0.3}}
    assert name_data_sets(runs_on({"p": {"a": [0.9]}, "q": {"a": [0.9]}}, noisy)) == [
        "moons noise=0.1",
        "moons noise=0.3",
    ]


def test_runs_without_a_data_set_are_on_one():
    assert len({*name_data_sets(runs_on(HARD).drop(columns="data"))}) == 1


def test_a_merged_frame_has_one_column_of_the_data():
    tables = {"p": {"data": "table", "data.path": "x/cats.csv", "optimizer.weight_decay": 0.01}}
    runs = runs_on({"p": {"a": [0.9, 0.8], "b": [0.9, 0.8]}, "iris": {"a": [0.9], "b": [0.8]}}, tables)
    merged = merge_data_settings(runs)
    assert merged["data"].tolist() == ["cats"] * 4 + ["iris"] * 2
    assert [name for name in runs.columns if name not in merged.columns] == ["data.path", "optimizer.weight_decay"]
    assert compare_data_sets(merged).scores.equals(compare_data_sets(runs).scores)
