import contextlib
import dataclasses

import numpy as np
import pytest

from nnsweep.errors import DataError
from nnsweep.mlp.curves import is_curve
from nnsweep.mlp.evaluation import Evaluation, evaluate_classes
from nnsweep.tracking.record import CHOICES, EVALUATION, RunRecord, pack_evaluation, read_evaluation


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
    assert not any(map(is_curve, CHOICES))
    assert len({*CHOICES}) == len(CHOICES)


FACTS = {"epoch": 7, "test_digest": "ab" * 32, "names": ("no", "yes", "ά…")}


@pytest.fixture
def evaluation() -> Evaluation:
    random = np.random.default_rng(0)
    confusion, reliability = evaluate_classes(random.normal(size=(400, 3)), random.integers(0, 3, 400), 1.5)
    return Evaluation(task="classification", confusion=confusion, reliability=reliability, temperature=1.5, **FACTS)


def plain(evaluation: Evaluation) -> dict[str, object]:
    return {
        name: (value.dtype, value.tolist()) if isinstance(value, np.ndarray) else value
        for name, value in vars(evaluation).items()
    }


def test_an_evaluation_comes_back_as_it_was(evaluation, tmp_path):
    (tmp_path / EVALUATION).write_bytes(pack_evaluation(evaluation))
    assert plain(read_evaluation(tmp_path / EVALUATION)) == plain(evaluation)


@pytest.mark.parametrize(
    "arrays",
    [
        {"task": "multilabel", "confusion": np.full((3, 2, 2), 300)},
        {"task": "regression", "targets": np.ones((4, 3)), "errors": np.full((4, 3), 0.5)},
        {"task": "regression", "targets": np.ones((4, 3)), "errors": np.ones((4, 6)), "quantiles": (0.1, 0.9)},
    ],
    ids=["labels", "numbers", "quantiles"],
)
def test_an_evaluation_of_any_task_comes_back_as_it_was(arrays, tmp_path):
    written = Evaluation(**FACTS, **arrays)
    (tmp_path / EVALUATION).write_bytes(pack_evaluation(written))
    assert plain(read_evaluation(tmp_path / EVALUATION)) == plain(written)


def test_a_damaged_evaluation_is_told_or_the_same(evaluation, tmp_path):
    whole, path, read = pack_evaluation(evaluation), tmp_path / EVALUATION, []
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with contextlib.suppress(DataError):
            read.append(plain(read_evaluation(path)))
    assert len(read) < len(whole) / 14
    assert all(one == plain(evaluation) for one in read)


def test_an_evaluation_whose_parts_do_not_fit_is_refused(evaluation, tmp_path):
    other = dataclasses.replace(evaluation, names=("no", "yes"))
    (tmp_path / EVALUATION).write_bytes(pack_evaluation(other))
    with pytest.raises(DataError, match=r"evaluation\.npz is damaged \(2 names do not fit arrays of shape"):
        read_evaluation(tmp_path / EVALUATION)
