from dataclasses import replace

import pytest
from hydra.core.utils import JobReturn, JobStatus

from nnsweep.errors import StoreError
from nnsweep.sweep import outcomes as module
from nnsweep.sweep.folder import write_result
from nnsweep.sweep.grid import tasks
from nnsweep.sweep.launcher_executor import LauncherExecutor
from nnsweep.sweep.outcomes import not_run, outcomes
from nnsweep.sweep.result import JobResult, Kept
from nnsweep.tracking.record import RunRecord


@pytest.fixture
def made(compose, tmp_path):
    """Give the tasks of a grid of three."""
    where = f"hydra.sweep.dir={tmp_path}/s1"
    return tasks([["data=iris", f"seed={seed}", where] for seed in range(3)], compose)


def record(number, state="finished", attempt=1):
    return RunRecord(
        run_id=f"id{number}", name=f"32-relu-cosine-s{number}", state=state, sweep="s1", job=number, attempt=attempt
    )


def written(folder, number, state, attempt=1):
    (folder / str(number)).mkdir(parents=True)
    kept = Kept(record=record(number, state, attempt), experiment="study")
    write_result(JobResult(folder=folder / str(number), kept=kept))


def unreturned(number, state, reason):
    named = record(number, state)
    return replace(named, run_id="", name=f"iris-{named.name}", reason=reason)


def told_of(record):
    """Leave out what a job that left nothing is described by."""
    return replace(record, settings={}, metrics={}, key="")


def test_what_jobs_came_to_comes_by_the_jobs_numbers(made, tmp_path):
    told = outcomes([made[2], made[0]], {0: record(2), 1: record(0)}, tmp_path)
    assert told == {2: record(2), 0: record(0)}


def test_what_a_job_handed_over_wins_over_what_it_wrote(made, tmp_path):
    written(tmp_path, 0, "interrupted")
    assert outcomes(made[:1], {0: record(0)}, tmp_path) == {0: record(0)}


def test_a_job_that_raised_has_failed_with_its_reason(made, tmp_path, capfd):
    told = outcomes(made[:1], {0: ValueError("no luck")}, tmp_path)
    assert told_of(told[0]) == unreturned(0, "failed", "ValueError: no luck")
    assert (told[0].settings["seed"], told[0].metrics["n_parameters"], len(told[0].key)) == (0, 259, 64)
    assert capfd.readouterr() == ("", "")


def test_a_reason_that_cannot_be_told_is_still_a_failure(made, tmp_path):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("nothing to say")

    told = outcomes(made[:1], {0: Mute()}, tmp_path)[0]
    assert told.state == "failed"
    assert told.reason.startswith("Mute: ")


def test_a_password_in_a_reason_is_not_told(made, tmp_path):
    told = outcomes(made[:1], {0: OSError("no http://me:hush@host")}, tmp_path)
    assert told[0].reason == "OSError: no http://***@host"


def test_a_job_that_raised_after_its_record_keeps_its_record(made, tmp_path):
    written(tmp_path, 0, "finished")
    assert outcomes(made[:1], {0: StoreError("gone")}, tmp_path) == {0: record(0)}


def test_the_record_of_an_earlier_attempt_is_not_this_ones(made, tmp_path):
    written(tmp_path, 0, "finished", attempt=1)
    again = replace(made[0], place=replace(made[0].place, attempt=2))
    told = outcomes([again], {0: ValueError("no luck")}, tmp_path)[0]
    assert (told.state, told.attempt) == ("failed", 2)


def test_after_an_interruption_the_folders_tell_what_ended(made, tmp_path):
    written(tmp_path, 0, "finished")
    written(tmp_path, 1, "interrupted")
    told = outcomes(made, {}, tmp_path)
    assert (told[0], told[1]) == (record(0), record(1, "interrupted"))
    assert told_of(told[2]) == unreturned(2, "interrupted", "it did not come to its end")
    assert told[2] == not_run(made[2])


def test_fewer_ends_than_jobs_leave_the_rest_not_run(made, tmp_path):
    told = outcomes(made, {1: record(1)}, tmp_path)
    assert [told[number].state for number in range(3)] == ["interrupted", "finished", "interrupted"]


def test_where_all_jobs_ended_no_folder_is_looked_through(made, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "read_record", lambda folder: pytest.fail(f"{folder} was read"))
    written(tmp_path, 0, "interrupted")
    assert outcomes(made[:1], {0: record(0)}, tmp_path) == {0: record(0)}


def test_a_half_record_counts_as_none(made, tmp_path):
    written(tmp_path, 0, "finished")
    path = tmp_path / "0" / "record.json"
    path.write_bytes(path.read_bytes()[:20])
    assert outcomes(made[:1], {}, tmp_path)[0].reason == "it did not come to its end"


def test_a_folder_may_lie_deeper(made, tmp_path):
    written(tmp_path / "a", 1, "finished")
    assert outcomes(made, {}, tmp_path)[1] == record(1)


# ---- what Hydra's other launchers return, whose jobs record themselves


class Returning:
    """A launcher whose jobs return what they are told to."""

    def __init__(self, *returns):
        self.returns = returns

    def launch(self, job_overrides, initial_job_idx):
        return self.returns[initial_job_idx : initial_job_idx + len(job_overrides)]


def launched(made, folder, *returns):
    """Give what became of jobs that another launcher ran."""
    some = made[: len(returns)]
    return outcomes(some, LauncherExecutor(Returning(*returns)).launch(some, recorder=None), folder)


def completed(value):
    return JobReturn(status=JobStatus.COMPLETED, _return_value=value)


def failed(error):
    return JobReturn(status=JobStatus.FAILED, _return_value=error)


def test_a_record_that_a_job_returned_is_what_became_of_it(made, tmp_path):
    written(tmp_path, 1, "interrupted")
    assert launched(made, tmp_path, completed(record(0)), completed(record(1))) == {0: record(0), 1: record(1)}


def test_a_job_that_returned_an_exception_has_failed_with_it(made, tmp_path):
    told = launched(made, tmp_path, failed(ValueError("no luck")), completed(record(1)))
    assert told_of(told[0]) == unreturned(0, "failed", "ValueError: no luck")
    assert told[1] == record(1)


def test_a_job_that_returned_an_exception_keeps_its_record(made, tmp_path):
    written(tmp_path, 0, "finished")
    assert launched(made, tmp_path, failed(StoreError("gone"))) == {0: record(0)}


def test_a_job_of_unknown_end_did_not_run(made, tmp_path):
    told = launched(made, tmp_path, JobReturn(), completed(record(1)))
    assert (told[0].state, told[0].reason) == ("interrupted", "it did not come to its end")
    assert told[1] == record(1)


def test_a_job_of_unknown_end_may_have_left_its_record(made, tmp_path):
    written(tmp_path, 0, "finished")
    assert launched(made, tmp_path, JobReturn()) == {0: record(0)}


@pytest.mark.parametrize("value", [None, 0, "finished", {"state": "finished"}])
def test_what_is_no_record_is_no_success(value, made, tmp_path):
    told = launched(made, tmp_path, completed(value))[0]
    assert (told.state, told.job) == ("failed", 0)
    assert told.reason == f"TypeError: it returned {type(value).__name__}"


def test_what_is_no_record_stops_a_sweep_that_fails_fast(made):
    eager = [replace(task, job=task.job.model_copy(update={"fail_fast": True})) for task in made]
    returns = Returning(completed(0), completed(record(1)), completed(record(2)))
    assert [*LauncherExecutor(returns, max_batch_size=1).launch(eager, recorder=None)] == [0]


def test_a_job_of_unknown_end_is_no_failure_of_the_others(made):
    eager = [replace(task, job=task.job.model_copy(update={"fail_fast": True})) for task in made]
    returns = Returning(JobReturn(), completed(record(1)), completed(record(2)))
    assert [*LauncherExecutor(returns, max_batch_size=1).launch(eager, recorder=None)] == [1, 2]
