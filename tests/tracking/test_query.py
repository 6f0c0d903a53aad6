import contextlib
import json
import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from nnsweep.errors import DataError, StoreError
from nnsweep.tracking import rows, runs
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.query import PLAN, find_job_runs, keep_counting_runs
from nnsweep.tracking.record import (
    CHOICES,
    CORRECT,
    CorrectExamples,
    RunRecord,
    pack_correct,
    parse_setting,
    read_correct,
)
from nnsweep.tracking.recorded_run import read_correct_examples, read_correct_with_digest, read_histories, read_history
from nnsweep.tracking.store import Store, find_store

SETTINGS = {
    "arch": "8",
    "hidden_layer_sizes": "20-20",
    "activation": "None",
    "data": "1e5",
    "init": "True",
    "schedule": "é ü 🙂",
    "trainer.batch_size": None,
    "schedule.compound": True,
    "data.standardize": False,
    "seed": 4294967295,
    "trainer.epochs": -3,
    "optimizer.epsilon": 1e-05,
    "optimizer.learning_rate": 0.1,
    "schedule.end_value": 0.0,
    "schedule.gamma": 5e-324,
    "optimizer.weight_decay": 1.7976931348623157e308,
    "trainer.dtype": "float64",
    "data.categories": "['alt.atheism', 'sci.space']",
    "schedule.pieces": "[{'name': 'cosine'}]",
    "schedule.boundaries": "[5]",
}
METRICS = {"test_accuracy": 1 / 3, "best_epoch": 3.0, "n_parameters": 1234.0, "duration_seconds": 0.1}


def written(store: Store, run_id: str, *, state: str = "finished", reason: str = "") -> RunRecord:
    """Write all of a run, and return its record."""
    metrics = METRICS if state == "finished" else {"depth": 2.0}
    record = RunRecord(
        run_id=run_id,
        name="20-20-tanh-inv-s0",
        state=state,
        reason=reason,
        settings=SETTINGS,
        metrics=metrics,
        sweep="s1",
        job=7,
    )
    curve = np.arange(6.0) / 7
    runs.log_dataset(store, run_id, name="iris", digest="0" * 64, source="test")
    curves = runs.thin_curves({"epoch": np.arange(6.0), "test_accuracy": curve, "train_cost": curve}, keep=(), points=4)
    runs.end_run(store, record, points=[*curves, *runs.make_final_points(metrics, after=6)], settings=SETTINGS)
    return record


@pytest.mark.parametrize(
    ("state", "reason"),
    [("finished", ""), ("finished", "stopped early at epoch 5"), ("diverged", "at epoch 3"),
     ("failed", "ValueError: 'é' < \U0001f642"), ("interrupted", "interrupted by the user")],
)  # fmt: skip
def test_what_is_read_is_what_was_written(state: str, reason: str, store: Store, job):
    record = written(store, job(number=7), state=state, reason=reason)
    assert find_job_runs(store) == [record]
    (read,) = find_job_runs(store)
    assert {name: type(value) for name, value in read.settings.items()} == {
        name: type(value) for name, value in SETTINGS.items()
    }


def test_unfinished_run_leaves_its_accuracies_to_its_curve(store: Store, job):
    written(store, job(), state="diverged")
    assert find_job_runs(store)[0].metrics == {"depth": 2.0}


def test_a_running_run_is_read_as_running(store: Store, job):
    job(number=3)
    (record,) = find_job_runs(store)
    assert (record.state, record.reason, record.job, record.settings) == ("running", "", 3, {})


def test_only_the_jobs_that_are_asked_for_are_read(store: Store, job):
    mine, other = job(sweep="s1"), job(sweep="s2")
    runs.start_run(store, "sweep s1", {"nnsweep.kind": "sweep", "nnsweep.sweep": "s1"})
    runs.start_run(store, "by hand", {})
    open_client(store.uri).delete_run(job(sweep="s1"))
    assert {record.run_id for record in find_job_runs(store)} == {mine, other}
    assert [record.run_id for record in find_job_runs(store, "s1")] == [mine]
    assert find_job_runs(store, "s3") == []


@pytest.mark.parametrize("sweep", ["it's", 'a"b', "'", "x' or tags.`nnsweep.kind` = 'job"])
def test_a_sweeps_id_is_never_read_as_part_of_the_question(job, store, sweep):
    mine = job(sweep=sweep)
    job(sweep="s2")
    assert [record.run_id for record in find_job_runs(store, sweep)] == [mine]


def test_another_experiment_is_another_study(store: Store, job):
    job()
    assert find_job_runs(find_store(store.uri, "Default")) == []


@given(some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False))
@example(1e-05)
@example(0.1)
@example(-0.0)
@example(1e22)
def test_a_value_comes_back_from_its_text(value):
    read = parse_setting("schedule.gamma", str(value))
    assert type(read) is type(value)
    assert read == value
    assert not isinstance(value, float) or math.copysign(1, read) == math.copysign(1, value)


@given(some.text())
@example("-" * 10_000)
@example("(" * 10_000)
@example("1" * 10_000)
@example("007")
@example("1_000")
@example("[1, 2]")
def test_a_text_is_read_as_text_or_as_the_value_that_it_writes(text):
    assert str(parse_setting("data.remove", text)) == text


@given(some.sampled_from(CHOICES), some.sampled_from(["8", "None", "True", "1e-05", "20-20", ""]))
def test_the_name_of_a_choice_is_text_whatever_it_looks_like(name, text):
    assert parse_setting(name, text) == text


def test_full_curves_come_back_to_the_last_bit(store: Store, job, tmp_path):
    random = np.random.default_rng(0)
    curves = pd.DataFrame({"epoch": np.arange(3001), "train_cost": random.normal(size=3001) ** 9})
    curves.loc[[1, 2, 3], "train_cost"] = [np.nan, np.inf, 5e-324]
    curves.to_parquet(tmp_path / "history.parquet", index=False)
    runs.log_artifacts(store, run_id := job(), [tmp_path / "history.parquet"])
    pd.testing.assert_frame_equal(read_history(store, run_id), curves, check_exact=True)


def test_a_run_without_curves_has_an_empty_history(store: Store, job):
    record = RunRecord(run_id=job(), name="", state="failed", reason="no data")
    runs.end_run(store, record)
    assert len(read_history(store, record.run_id)) == 0
    assert [len(curves) for curves in read_histories(store, [record]).values()] == [0]


# ---- which run of a key counts


def one(run_id: str, key: str = "k", state: str = "finished") -> RunRecord:
    return RunRecord(run_id=run_id, name="", state=state, key=key)


def counted(*records: RunRecord) -> list[str]:
    return [record.run_id for record in keep_counting_runs(records)]


STATES = ("finished", "failed", "diverged", "interrupted", "lost", "running")


def test_of_a_keys_runs_the_last_that_finished_counts():
    assert counted(one("1", state="failed"), one("2"), one("3"), one("4", state="interrupted")) == ["3"]


def test_where_none_finished_the_last_of_all_counts():
    assert counted(one("1", state="failed"), one("2", state="diverged"), one("3", state="lost")) == ["3"]


def test_runs_without_a_key_or_with_distinct_keys_all_count():
    assert counted(one("1", ""), one("2", ""), one("3", "a"), one("4", "b")) == ["1", "2", "3", "4"]


@given(some.lists(some.tuples(some.sampled_from("abc"), some.sampled_from(STATES))))
def test_each_key_counts_once_and_as_finished_if_it_finished(runs):
    records = [one(str(number), key, state) for number, (key, state) in enumerate(runs)]
    chosen = keep_counting_runs(records)
    assert sorted(record.key for record in chosen) == sorted({key for key, _ in runs})
    assert [int(record.run_id) for record in chosen] == sorted(int(record.run_id) for record in chosen)
    for record in chosen:
        finished = [other for other in records if other.key == record.key and other.state == "finished"]
        same = finished or [other for other in records if other.key == record.key]
        assert record == same[-1]
    assert keep_counting_runs(chosen) == chosen


@pytest.fixture
def keyed(store: Store, finished):
    """Give a function that makes a job's run with a key, which ends unless its state is ``running``."""

    def made(key: str, state: str = "finished", sweep: str = "s1") -> str:
        time.sleep(0.002)  # MLflow counts milliseconds
        tags = {"nnsweep.kind": "job", "nnsweep.sweep": sweep, "nnsweep.key": key}
        run_id = runs.start_run(store, key, tags)
        if state != "running":
            finished(run_id, state)
        return run_id

    return made


@pytest.fixture
def planned(store: Store, tmp_path, finished):
    """Give a function that makes the summary run of a sweep, with a plan."""

    def made(sweep: str, plan: str) -> str:
        run_id = runs.start_run(store, sweep, {"nnsweep.kind": "sweep", "nnsweep.sweep": sweep})
        (tmp_path / PLAN).write_text(plan)
        runs.log_artifacts(store, run_id, [tmp_path / PLAN])
        finished(run_id)
        return run_id

    return made


def test_one_run_is_read_of_each_key(store: Store, keyed):
    keyed("a", "failed")
    keyed("b")
    after = keyed("a", sweep="s2")
    keyed("a", "running", sweep="s3")
    assert [(record.key, record.run_id) for record in find_job_runs(store)][1] == ("a", after)
    assert [record.key for record in find_job_runs(store)] == ["b", "a"]


def test_a_sweep_has_the_runs_that_it_took_over_and_its_own(store: Store, keyed, planned):
    taken, other, own = keyed("a"), keyed("b"), keyed("c", sweep="s2")
    planned("s2", json.dumps({"reused": [taken], "jobs": []}))
    assert [record.run_id for record in find_job_runs(store, "s2")] == [taken, own]
    assert [record.run_id for record in find_job_runs(store, "s1")] == [taken, other]
    assert find_job_runs(store, "s2")[0].sweep == "s1"


def test_more_runs_may_be_taken_over_than_are_asked_for_at_once(store: Store, keyed, planned, monkeypatch):
    monkeypatch.setattr(rows, "AT_ONCE", 3)
    taken = [keyed(str(number)) for number in range(8)]
    planned("s2", json.dumps({"reused": taken}))
    assert [record.run_id for record in find_job_runs(store, "s2")] == taken


def test_a_run_that_was_taken_over_and_then_deleted_is_left_out(store: Store, keyed, planned):
    taken, gone = keyed("a"), keyed("b")
    planned("s2", json.dumps({"reused": [taken, gone]}))
    open_client(store.uri).delete_run(gone)
    assert [record.run_id for record in find_job_runs(store, "s2")] == [taken]


def test_a_sweep_that_ran_a_job_again_has_its_own_run_of_it(store: Store, keyed, planned):
    taken, own = keyed("a"), keyed("a", sweep="s2")
    planned("s2", json.dumps({"reused": [taken]}))
    assert [record.run_id for record in find_job_runs(store, "s2")] == [own]


@pytest.mark.parametrize("plan", ["{}", '{"reused": []}'])
def test_a_plan_may_take_nothing_over(plan: str, store: Store, keyed, planned):
    own = keyed("a", sweep="s2")
    planned("s2", plan)
    assert [record.run_id for record in find_job_runs(store, "s2")] == [own]


@pytest.mark.parametrize(
    "plan", ["", "{", "[1]", "null", "7", '{"reused": 7}', '{"reused": {"a": 1}}', '{"reused": ["it\'s"]}']
)
def test_a_damaged_plan_is_told_and_never_a_traceback(plan: str, store: Store, keyed, planned):
    keyed("a", sweep="s2")
    planned("s2", plan)
    with pytest.raises(StoreError) as error:
        find_job_runs(store, "s2")
    assert len(str(error.value).splitlines()) == 1


DIGEST = "0123456789abcdef" * 4
SEVEN = CorrectExamples(np.array([True, False, True, True, False, False, True, True, True]), 7, DIGEST)


@given(some.lists(some.booleans(), min_size=1, max_size=70), some.integers(0, 2**40))
def test_every_bit_comes_back_and_their_mean_is_the_accuracy(tmp_path_factory, answers, epoch):
    path = tmp_path_factory.getbasetemp() / "bits.npz"
    path.write_bytes(pack_correct(CorrectExamples(np.array(answers), epoch, DIGEST)))
    again = read_correct(path)
    assert again.right.dtype == bool
    assert (again.right.tolist(), again.epoch, again.test_digest) == (answers, epoch, DIGEST)
    assert again.right.mean() == sum(answers) / len(answers)


def test_a_damaged_file_is_told_or_gives_the_same_bits(tmp_path):
    whole, path = pack_correct(SEVEN), tmp_path / CORRECT
    given = []
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with contextlib.suppress(DataError):
            given.append(read_correct(path).right.tolist())
    assert len(given) < len(whole) / 2
    assert all(right == SEVEN.right.tolist() for right in given)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_correct(path)


def test_bits_that_are_not_as_many_as_the_file_says_are_refused(tmp_path):
    np.savez(tmp_path / CORRECT, bits=np.packbits(SEVEN.right), n_test=17, epoch=7, test_digest=DIGEST)
    with pytest.raises(DataError, match="are not 17 bits"):
        read_correct(tmp_path / CORRECT)


def test_a_store_gives_them_back_and_none_for_a_run_without(store, job, tmp_path: Path):
    with_bits, without = job(), job()
    (tmp_path / CORRECT).write_bytes(pack_correct(SEVEN))
    runs.log_artifacts(store, with_bits, [tmp_path / CORRECT])
    assert read_correct_examples(store, with_bits).tolist() == SEVEN.right.tolist()
    assert read_correct_with_digest(store, with_bits)[1:] == (7, DIGEST)
    assert read_correct_examples(store, without) is None
