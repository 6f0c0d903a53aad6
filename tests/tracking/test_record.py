import dataclasses

import pytest

from nnsweep.tracking.record import CHOICES, CURVES, RunRecord


def test_a_record_cannot_be_changed():
    record = RunRecord(run_id="1", name="a", state="running")
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.state = "finished"  # type: ignore[misc]


def test_two_records_do_not_share_what_they_hold():
    first, second = (RunRecord(run_id=name, name=name, state="running") for name in "ab")
    first.settings["seed"] = 1
    first.metrics["test_accuracy"] = 0.5
    assert (second.settings, second.metrics) == ({}, {})


def test_records_of_the_same_values_are_equal():
    first, second = (RunRecord(run_id="1", name="a", state="failed", settings={"seed": 1}) for _ in range(2))
    assert first == second


def test_no_name_is_both_a_choice_and_a_curve():
    assert not {*CHOICES} & {*CURVES}
    assert len({*CHOICES}) == len(CHOICES)
