"""What a sweep does with each of its jobs, as a table over all that may have happened to it before."""

import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from nnsweep.jobs import plan
from nnsweep.jobs.checkpoint import CHECKPOINT
from nnsweep.jobs.plan import Decision, DistinctJob, decide, describe_plan, describe_waits, explain_changes
from nnsweep.tracking.earlier import EarlierRun
from nnsweep.tracking.owner import LEASE_SECONDS, Owner, Presence, this_process
from nnsweep.tracking.record import RunRecord

ENDS = ("finished", "failed", "diverged", "interrupted", "lost")
RERUNS = (None, "failed", "none", "all")
GONE = replace(this_process(), boot="another start of this machine")


def earlier(
    state: str = "finished",
    *,
    owner: Owner | None = None,
    folder: str = "",
    number: int = 1,
    since: float = 0.0,
    **more: object,
) -> EarlierRun:
    record = RunRecord(run_id=f"id{number}", name="n", state=state, key="k", attempt=number, sweep="before")
    return EarlierRun(
        record=replace(record, **more),  # type: ignore[arg-type]
        data_digest="d" * 32,
        numerics="3",
        recorded_folder=folder,
        owner=owner,
        since=since,
        is_sweep=False,
    )


CLAIM = replace(earlier("running", owner=Owner("elsewhere", "b", 7, "t"), sweep="theirs", since=100.0), is_sweep=True)

REUSED = {  # by `rerun`: the ends that are taken over
    None: ("finished", "diverged"),
    "failed": ("finished",),
    "none": ("finished", "failed", "diverged"),
    "all": (),
}


@pytest.mark.parametrize(
    ("state", "rerun", "claimed", "waited"), [*product(ENDS, RERUNS, (False, True), (False, True))], ids=str
)
def test_what_is_done_with_a_job_that_has_been_run_before(state, rerun, claimed, waited):
    claim, since = CLAIM if claimed else None, 0.0 if waited else None
    made = decide([earlier(state)], claim, rerun=rerun, waited_since=since)
    ended = state in ("finished", "failed", "diverged")
    if (ended and waited and not claimed) or state in REUSED[rerun]:
        assert (made.action, made.why, made.record, made.attempt) == ("reuse", state, earlier(state).record, 1)
    elif claimed:
        assert (made.action, made.why, made.holder) == ("wait", "claimed", "process 7 on elsewhere (theirs)")
        assert made.since == CLAIM.since
    else:
        assert (made.action, made.why, made.attempt) == ("run", state, 2)


@pytest.mark.parametrize(("state", "rerun"), [*product(("finished", "failed", "diverged"), RERUNS)], ids=str)
def test_only_new_results_of_an_awaited_sweep_are_taken(state, rerun):
    before, after = (earlier(state, since=CLAIM.since + seconds) for seconds in (-9, 9))
    taken_anyway = state in REUSED[rerun]
    waited = {"rerun": rerun, "waited_since": CLAIM.since}
    assert decide([before], CLAIM, **waited).action == ("reuse" if taken_anyway else "wait")
    assert decide([before, after], CLAIM, **waited).action == "reuse"
    assert decide([before], None, **waited).action == (
        "reuse" if taken_anyway else "run"
    )  # theirs died before its turn
    assert decide([before, after], None, **waited).action == "reuse"
    assert decide([before, after], CLAIM, rerun="all").action == "wait"


@pytest.mark.parametrize(("rerun", "claimed", "waited"), [*product(RERUNS, (False, True), (False, True))], ids=str)
def test_running_job_is_waited_for_whatever_is_requested(rerun, claimed, waited):
    runs = [earlier("finished"), earlier("running", owner=this_process(), number=2, since=7.0)]
    made = decide(runs, CLAIM if claimed else None, rerun=rerun, waited_since=0.0 if waited else None)
    assert (made.action, made.why, made.holder) == ("wait", "running", str(this_process()))
    assert made.since == runs[1].since


@pytest.mark.parametrize(("rerun", "waited"), [*product(RERUNS, (False, True))], ids=str)
def test_a_run_whose_process_is_gone_is_run_again(rerun, waited):
    made = decide([earlier("running", owner=GONE)], None, rerun=rerun, waited_since=0.0 if waited else None)
    assert (made.action, made.attempt) == ("run", 2)


def test_a_run_that_says_nothing_of_its_owner_is_waited_for():
    assert decide([earlier("running", since=time.time())], None).holder == "an unknown process"
    assert decide([earlier("running", since=time.time() - 2 * LEASE_SECONDS)], None).action == "run"


@pytest.mark.parametrize("rerun", RERUNS)
def test_a_job_that_nobody_knows_is_new(rerun):
    assert decide([], None, rerun=rerun) == Decision(action="run", why="new")
    assert decide([], CLAIM, rerun=rerun).action == "wait"


def test_finished_run_counts_among_several_or_else_the_last():
    one, two, three = (earlier(state, number=n) for n, state in enumerate(("failed", "finished", "failed"), start=1))
    assert decide([one, two, three], None).record == two.record
    assert decide([one, two, three], None, rerun="failed").record == two.record
    assert decide([one, three], None, rerun="none").record == three.record
    assert decide([two, earlier("finished", number=4)], None).record.attempt == 4


def test_an_attempt_has_the_number_after_the_highest():
    runs = [earlier("failed", number=number) for number in (1, 5, 3)]
    made = decide(runs, None)
    assert (made.action, made.attempt, made.record) == ("run", 6, runs[-1].record)
    assert decide([], None).attempt == 1


def test_training_resumes_from_the_newest_checkpoint_present(tmp_path: Path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    for name in ("a", "b"):
        (tmp_path / name / CHECKPOINT).write_bytes(b"")
    (tmp_path / "d" / CHECKPOINT).mkdir(parents=True)
    runs = [earlier("interrupted", folder=str(tmp_path / name), number=n) for n, name in enumerate("abcd", start=1)]
    assert decide(runs, None).checkpoint == tmp_path / "b"
    assert decide(runs[:1], None).checkpoint == tmp_path / "a"
    assert decide(runs[2:], None).checkpoint is None
    assert decide([earlier("interrupted", folder="")], None).checkpoint is None


# ---- why an earlier run of the same name is not the job's result

JOB = DistinctJob(number=0, key="k", name="n", settings={"seed": 0, "rate": 0.1}, data_digest="d" * 32, numerics="3")


def before(**more: object) -> EarlierRun:
    settings = more.pop("settings", {"seed": 0, "rate": 0.1})
    return replace(earlier("finished", settings=settings), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (before(), ()),
        (before(settings={"seed": 0, "rate": 0.2}), ("rate 0.2 -> 0.1",)),
        (before(settings={"seed": 1, "rate": True}), ("seed 1 -> 0", "rate true -> 0.1")),
        (before(settings={"seed": 0}), ("rate null -> 0.1",)),
        (before(settings={"seed": 0, "rate": 0.1, "old": "x"}), ("old x -> null",)),
        (before(data_digest="e" * 32), ("data digest eeeeeeee -> dddddddd",)),
        (before(numerics="2"), ("numerics version 2 -> 3",)),
        (before(numerics=""), ("numerics version unknown -> 3",)),
        (
            before(settings={"seed": 0, "rate": 1}, data_digest="e" * 32, numerics="1"),
            ("rate 1 -> 0.1", "data digest eeeeeeee -> dddddddd", "numerics version 1 -> 3"),
        ),
    ],
)
def test_what_has_changed_is_named(other, expected):
    assert explain_changes(JOB, [other]) == expected


def test_nearest_run_is_named_and_the_last_of_equally_near_ones():
    far, near, last = (before(settings={"seed": seed, "rate": rate}) for seed, rate in ((5, 0.5), (0, 0.3), (0, 0.2)))
    assert explain_changes(JOB, [far, near, last]) == ("rate 0.2 -> 0.1",)
    assert explain_changes(JOB, [near, last, far]) == ("rate 0.2 -> 0.1",)


def test_runs_of_other_names_explain_nothing():
    assert explain_changes(JOB, [earlier("finished", name="m")]) == explain_changes(JOB, []) == ()


@pytest.mark.parametrize(
    ("mine", "theirs", "is_told"),
    [
        ({"data": "iris"}, {"data": "wine"}, False),
        ({"data": "iris"}, {"data": "iris"}, True),
        ({"data": "table", "data.path": "a/cats.csv"}, {"data": "table", "data.path": "a/dogs.csv"}, False),
        ({"data": "table", "data.path": "a/cats.csv"}, {"data": "table", "data.path": "b/cats.csv.gz"}, True),
        ({"data": "openml", "data.dataset": "a"}, {"data": "openml", "data.dataset": "b"}, False),
    ],
)
def test_runs_on_other_data_are_no_earlier_ones(mine, theirs, is_told):
    job = replace(JOB, settings={**JOB.settings, **mine})
    run = before(settings={"seed": 0, "rate": 0.3, **theirs})
    assert bool(explain_changes(job, [run])) is is_told


# ---- the plan in words

NEW = Decision(action="run", why="new")
DONE = Decision(action="reuse", why="finished")
AGAIN = Decision(action="run", why="failed")
HELD = Decision(action="wait", why="running", holder="process 1 on here")


@pytest.mark.parametrize(
    ("choices", "n_duplicates", "lines"),
    [
        ([NEW], 0, ["1 job: 1 new"]),
        ([NEW, NEW], 3, ["2 jobs (3 more are the same as these): 2 new"]),
        (
            [NEW, DONE, AGAIN, DONE, HELD],
            0,
            [
                "5 jobs: 2 finished before, 1 new, 1 failed, to run again, 1 run by somebody else, to wait for",
                "  1 held by process 1 on here",
            ],
        ),
        (
            [replace(NEW, changed=("a 1 -> 2", "b 3 -> 4"))] * 2 + [NEW],
            0,
            ["3 jobs: 3 new", "  2 not as an earlier run of the name: a 1 -> 2, b 3 -> 4"],
        ),
        (
            [replace(DONE, why="diverged"), DONE, replace(AGAIN, why="lost"), AGAIN],
            0,
            ["4 jobs: 1 diverged before, 1 finished before, 1 lost, to run again, 1 failed, to run again"],
        ),
    ],
)
def test_a_plan_in_words(choices, n_duplicates, lines):
    assert describe_plan(choices, n_duplicates) == lines


def test_every_known_end_is_either_taken_or_run_again():
    assert {*plan._AGAIN} == {*RERUNS}
    assert {state for again in plan._AGAIN.values() for state in again} <= {*ENDS}


def test_wait_is_reported_with_its_holder_and_how_it_ends():
    alive, unseen = Presence("alive", "its lock is held"), Presence("unseen", "its last heartbeat came 40 s ago")
    held = [replace(HELD, presence=alive), replace(HELD, presence=alive), replace(HELD, holder="b", presence=unseen)]
    assert describe_waits([NEW, *held]) == {
        ("process 1 on here", "alive"): (
            "Waiting until it ends for 2 jobs held by process 1 on here: its lock is held. Ctrl-C ends the wait."
        ),
        ("b", "unseen"): (
            "Waiting for 1 job held by b: its last heartbeat came 40 s ago. Ctrl-C ends the wait. "
            "If you know that it is dead, delete its runs in MLflow."
        ),
    }
    (line,) = describe_waits(held[:1], "all").values()
    assert line.endswith("Ctrl-C ends the wait. Its results are taken, with rerun=all too.")
    assert describe_waits([NEW, DONE]) == {}


def test_holder_of_a_job_is_reported_with_the_evidence():
    made = decide([earlier("running", owner=this_process(), since=time.time())], None)
    assert made.presence == ("alive", "it is at work on this machine")
    assert decide([], CLAIM).presence is not None
