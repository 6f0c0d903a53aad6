from dataclasses import replace

import pytest

from nnsweep.jobs.outcome import collect_records, make_unrun_record
from nnsweep.jobs.tasks import make_tasks
from nnsweep.tracking.record import RunRecord


@pytest.fixture
def made(compose, tmp_path):
    """Give the tasks of a grid of three."""
    where = f"hydra.sweep.dir={tmp_path}/s1"
    return make_tasks([["data=iris", f"seed={seed}", where] for seed in range(3)], compose)


def record(number, state="finished", attempt=1):
    return RunRecord(
        run_id=f"id{number}", name=f"32-relu-cosine-s{number}", state=state, sweep="s1", job=number, attempt=attempt
    )


def unreturned(number, state, reason):
    named = record(number, state)
    return replace(named, run_id="", name=f"iris-{named.name}", reason=reason)


def told_of(record):
    """Leave out what a job that left nothing is described by."""
    return replace(record, settings={}, metrics={}, key="")


def test_what_jobs_came_to_comes_by_the_jobs_numbers(made):
    told = collect_records([made[2], made[0]], {(2, 1): record(2), (0, 1): record(0)})
    assert told == {2: record(2), 0: record(0)}


def test_a_job_that_raised_has_failed_with_its_reason(made, capfd):
    told = collect_records(made[:1], {(0, 1): ValueError("no luck")})
    assert told_of(told[0]) == unreturned(0, "failed", "ValueError: no luck")
    assert (told[0].settings["seed"], told[0].metrics["n_parameters"], len(told[0].key)) == (0, 259, 64)
    assert capfd.readouterr() == ("", "")


def test_a_reason_that_cannot_be_told_is_still_a_failure(made):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("nothing to say")

    told = collect_records(made[:1], {(0, 1): Mute()})[0]
    assert told.state == "failed"
    assert told.reason.startswith("Mute: ")


def test_a_password_in_a_reason_is_not_told(made):
    told = collect_records(made[:1], {(0, 1): OSError("no http://me:hush@host")})
    assert told[0].reason == "OSError: no http://***@host"


def test_what_became_of_an_earlier_attempt_is_not_this_ones(made):
    again = replace(made[0], place=replace(made[0].place, attempt=2))
    told = collect_records([again], {(0, 1): record(0), (0, 2): ValueError("no luck")})[0]
    assert (told.state, told.attempt) == ("failed", 2)


def test_fewer_ends_than_jobs_leave_the_rest_not_run(made):
    told = collect_records(made, {(1, 1): record(1)})
    assert [told[number].state for number in range(3)] == ["interrupted", "finished", "interrupted"]
    assert told_of(told[2]) == unreturned(2, "interrupted", "it did not come to its end")
    assert told[2] == make_unrun_record(made[2])
