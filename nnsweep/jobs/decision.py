"""A decision: what a sweep will do with a job, from what the store knows of earlier runs.

A job whose key has a finished run is done already; one that somebody else is at work on is waited for; all others are
run. So the same command resumes a sweep, a wider grid extends it, and whatever changes a key is seen.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from nnsweep.jobs.job_folder import CHECKPOINT
from nnsweep.jobs.names import make_data_name
from nnsweep.tracking.earlier import EarlierRun
from nnsweep.tracking.owner import Presence
from nnsweep.tracking.query import keep_counting_runs
from nnsweep.tracking.record import RunRecord, Setting

Rerun: TypeAlias = Literal["all", "failed", "none"] | None
_ENDED = ("finished", "failed", "diverged")
_AGAIN: dict[Rerun, tuple[str, ...]] = {None: ("failed",), "failed": _ENDED[1:], "none": (), "all": _ENDED}


@dataclass(frozen=True, kw_only=True)
class DistinctJob:
    """A job, as far as a plan must know it.

    Attributes
    ----------
    number : int
        Its place in the grid.
    key, name : str
        What identifies its result, and what people call it.
    settings : mapping
        As a run's record has them.
    data_digest, numerics : str
        What its result depends on besides.
    """

    number: int
    key: str
    name: str
    settings: Mapping[str, Setting]
    data_digest: str
    numerics: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a sweep will do with a job.

    Attributes
    ----------
    action : {"run", "reuse", "wait"}
        Run it, take the result of an earlier run, or wait for the run of somebody else.
    why : str
        ``new``, or the state of the earlier run.
    record : RunRecord or None
        Of the earlier run.
    attempt : int
        How many runs with this key there are when it has been run.
    checkpoint : Path or None
        The folder of an earlier attempt that left a checkpoint.
    holder : str
        Who is at work on it.
    presence : Presence or None
        Whether that one is there, and how that can be seen.
    since : float
        When that one began, in seconds since the epoch.
    changed : tuple of str
        Why an earlier run of the same name is not its result.
    """

    action: Literal["run", "reuse", "wait"]
    why: str
    record: RunRecord | None = None
    attempt: int = 1
    checkpoint: Path | None = None
    holder: str = ""
    presence: Presence | None = None
    since: float = 0.0
    changed: tuple[str, ...] = ()


def decide(
    earlier: Sequence[EarlierRun], claim: EarlierRun | None, *, rerun: Rerun = None, waited_since: float | None = None
) -> Decision:
    """Decide what to do with a job.

    Parameters
    ----------
    earlier : sequence of Earlier
        The runs with its key, oldest first.
    claim : Earlier or None
        Another sweep that will do it.
    rerun : {"all", "failed", "none"} or None
        Which ended jobs are run again; None for failed ones, ``failed`` for those that diverged, too.
    waited_since : float or None
        When that began which this sweep has waited for, in seconds since the epoch; None if it has not waited. Runs
        that are not older than that, or than the claim if there is one, are taken, whatever they came to.
    """
    for run in earlier:
        if run.record.state == "running" and (presence := run.presence).state != "gone":
            holder = _named(run)
            return Decision(action="wait", why="running", holder=holder, presence=presence, since=run.since)
    begun = claim.since if claim else waited_since
    theirs = [run for run in earlier if waited_since is not None and begun is not None and run.since >= begun]
    taken = _taken(earlier, _AGAIN[rerun]) or _taken(theirs, ())
    if taken is not None:
        return Decision(action="reuse", why=taken.state, record=taken, attempt=taken.attempt)
    if claim is not None:
        holder = f"{_named(claim)} ({claim.record.sweep})"
        return Decision(action="wait", why="claimed", holder=holder, presence=claim.presence, since=claim.since)
    last = earlier[-1].record if earlier else None
    return Decision(
        action="run",
        why=last.state if last else "new",
        record=last,
        attempt=1 + max((run.record.attempt for run in earlier), default=0),
        checkpoint=next((path for run in reversed(earlier) if (path := _checkpoint(run))), None),
    )


def _named(run: EarlierRun) -> str:
    return str(run.owner or "an unknown process")


def _taken(earlier: Sequence[EarlierRun], again: Collection[str]) -> RunRecord | None:
    counts = keep_counting_runs([run.record for run in earlier])
    return next((record for record in counts if record.state in _ENDED and record.state not in again), None)


def _checkpoint(run: EarlierRun) -> Path | None:
    folder = Path(run.folder)
    return folder if run.folder and (folder / CHECKPOINT).is_file() else None


def explain_changes(job: DistinctJob, others: Sequence[EarlierRun]) -> tuple[str, ...]:
    """Say why none of the finished runs of a job's name is its result: what differs from the nearest of them.

    Runs on other data are no earlier ones of the job, whatever they are called.

    Parameters
    ----------
    job : DistinctJob
        A job that has no run of its own.
    others : sequence of Earlier
        Finished runs of that name.
    """
    data = _data(job.settings)
    same = [other for other in others if other.record.name == job.name and _data(other.record.settings) == data]
    differences = [_differences(job, other) for other in same]
    return min(reversed(differences), key=len, default=())


def _data(settings: Mapping[str, Setting]) -> str:
    given = {name.removeprefix("data."): value for name, value in settings.items() if name.startswith("data.")}
    return make_data_name(str(settings.get("data")), given)


def _differences(job: DistinctJob, other: EarlierRun) -> tuple[str, ...]:
    before, now = other.record.settings, job.settings
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    told = [f"{name} {_shown(before.get(name))} -> {_shown(now.get(name))}" for name in names]
    if other.data_digest != job.data_digest:
        told.append(f"data digest {other.data_digest[:8]} -> {job.data_digest[:8]}")
    if other.numerics != job.numerics:
        told.append(f"numerics version {other.numerics or 'unknown'} -> {job.numerics}")
    return tuple(told)


def _shown(value: Setting) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def describe_plan(choices: Sequence[Decision], n_duplicates: int = 0) -> list[str]:
    """Say in lines what a plan comes to.

    Parameters
    ----------
    choices : sequence of Decision
        One for each distinct job.
    n_duplicates : int
        How many jobs of the grid are the same as another.
    """
    counts = Counter((choice.action, choice.why) for choice in choices)
    done = [f"{number} {why} before" for (action, why), number in counts.items() if action == "reuse"]
    new = [f"{number} new" for (action, why), number in counts.items() if (action, why) == ("run", "new")]
    again = [
        f"{number} {why}, to run again" for (action, why), number in counts.items() if action == "run" and why != "new"
    ]
    waits = sum(choice.action == "wait" for choice in choices)
    held = [f"{waits} run by somebody else, to wait for"] if waits else []
    jobs = "1 job" if len(choices) == 1 else f"{len(choices)} jobs"
    folded = f" ({n_duplicates} more are the same as these)" if n_duplicates else ""
    lines = [f"{jobs}{folded}: {', '.join(done + new + again + held)}"]
    return lines + _reasons(choices)


def _reasons(choices: Sequence[Decision]) -> list[str]:
    holders = Counter(choice.holder for choice in choices if choice.action == "wait")
    changed = Counter(choice.changed for choice in choices if choice.changed)
    lines = [f"  {number} held by {holder}" for holder, number in holders.items()]
    return lines + [
        f"  {number} not as an earlier run of the name: {', '.join(what)}" for what, number in changed.items()
    ]


def describe_waits(choices: Iterable[Decision], rerun: Rerun = None) -> dict[tuple[str, str], str]:
    """Say for whom a sweep waits, how that can be seen, how long that may take at most, and how to end it.

    Parameters
    ----------
    choices : iterable of Decision
        What the sweep does now with those of its jobs that are left.
    rerun : {"all", "failed", "none"} or None
        See `choice`.

    Returns
    -------
    dict
        A line for each holder and state of it, which are its key: a line that was told need not be told again.
    """
    waiting = [choice for choice in choices if choice.action == "wait" and choice.presence]
    counts = Counter((choice.holder, choice.presence.state) for choice in waiting if choice.presence)
    says = {(choice.holder, choice.presence.state): choice.presence.says for choice in waiting if choice.presence}
    return {key: _wait(*key, number, says[key], rerun) for key, number in counts.items()}


def _wait(holder: str, state: str, number: int, says: str, rerun: Rerun) -> str:
    jobs = "1 job" if number == 1 else f"{number} jobs"
    until = " until it ends" if state == "alive" else ""
    taken = " Its results are taken, with rerun=all too." if rerun == "all" else ""
    dead = "" if state == "alive" else " If you know that it is dead, delete its runs in MLflow."
    return f"Waiting{until} for {jobs} held by {holder}: {says}. Ctrl-C ends the wait.{taken}{dead}"
