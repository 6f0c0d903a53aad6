"""The honest number beside the optimistic one, and no number where it cannot be known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.results.frame import frame
from nnsweep.results.statistics.optimism import UNKNOWN, average_optimism, describe_optimism, optimism
from nnsweep.tracking.record import RunRecord


def run(job, state="finished", arch="wide", **metrics):
    settings = {"arch": arch, "seed": job}
    return RunRecord(run_id=f"id{job}", name=str(job), state=state, settings=settings, metrics=metrics, job=job)


VALIDATED = {"best_val_accuracy": 0.95, "test_accuracy": 0.9, "final_test_accuracy": 0.88, "max_test_accuracy": 0.92}
UNVALIDATED = {"test_accuracy": 0.92, "final_test_accuracy": 0.88, "max_test_accuracy": 0.92}


def test_optimism_is_the_maximum_minus_the_selected_epoch():
    (row,) = optimism(frame([run(0, **VALIDATED)])).to_dict("records")
    assert row == {
        "name": "0",
        "run_id": "id0",
        "selected_on": "validation",
        "test_accuracy": 0.9,
        "final_test_accuracy": 0.88,
        "max_test_accuracy": 0.92,
        "optimism": pytest.approx(0.02),
        "val_test_gap": pytest.approx(0.05),
    }


def test_without_validation_it_cannot_be_known():
    runs = frame([run(0, **UNVALIDATED)])
    (row,) = optimism(runs).to_dict("records")
    assert (row["selected_on"], row["test_accuracy"]) == ("test", 0.92)
    assert math.isnan(row["optimism"])
    assert math.isnan(row["val_test_gap"])
    assert describe_optimism(runs) == UNKNOWN


def test_what_did_not_finish_has_none():
    (row,) = optimism(frame([run(0, "failed", **VALIDATED)])).to_dict("records")
    assert row["selected_on"] is None
    assert math.isnan(row["test_accuracy"])
    assert describe_optimism(frame([run(0, "failed", **VALIDATED)])) == describe_optimism(frame([])) == ""


def test_configurations_have_the_means():
    better = {name: value + 0.02 for name, value in VALIDATED.items()} | {"max_test_accuracy": 0.98}
    runs = frame([run(0, **VALIDATED), run(1, **better), run(2, "diverged"), run(3, arch="deep", **UNVALIDATED)])
    wide, deep = average_optimism(runs).to_dict("records")
    assert (wide["label"], wide["n"], deep["label"], deep["n"]) == ("arch=wide", 2, "arch=deep", 1)
    assert wide["test_accuracy"] == pytest.approx(0.91)
    assert wide["optimism"] == pytest.approx((0.02 + 0.06) / 2)
    assert wide["optimism_std"] == pytest.approx(0.04 / math.sqrt(2))
    assert math.isnan(deep["optimism"])
    assert average_optimism(frame([])).columns[-1] == "optimism_std"


def test_the_sentence_has_the_mean_the_most_and_the_unknown():
    better = VALIDATED | {"max_test_accuracy": 0.96}
    assert describe_optimism(frame([run(0, **VALIDATED)])) == (
        "the highest test accuracy of all epochs is 0.0200 higher than at the best validation epoch (1 run)"
    )
    assert describe_optimism(frame([run(0, **VALIDATED), run(1, **better), run(2, **UNVALIDATED)])) == (
        "the highest test accuracy of all epochs is 0.0400 higher than at the best validation epoch "
        "(mean of 2 runs, maximum 0.0600); unknown for 1 run without a validation set"
    )


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5))
def test_optimism_is_never_negative_where_the_maximum_is_one(pairs):
    metrics = [{**VALIDATED, "test_accuracy": min(pair), "max_test_accuracy": max(pair)} for pair in pairs]
    table = optimism(frame([run(job, **each) for job, each in enumerate(metrics)]))
    assert (table["optimism"] >= 0).all()
    assert list(table["optimism"]) == [max(pair) - min(pair) for pair in pairs]
