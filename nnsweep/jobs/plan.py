"""The plan of a sweep: what will be done with each of its distinct jobs, and why.

A job whose key has a finished run is reused, one that another sweep is running is waited for, and all others are run.
So the same command resumes a sweep, a wider grid extends it, and whatever changes a key has the job run again.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from nnsweep.errors import UserError
from nnsweep.files import remove_leftovers
from nnsweep.jobs import checking, names, upload
from nnsweep.jobs.checkpoint import CHECKPOINT
from nnsweep.jobs.task import Task
from nnsweep.jobs.worker import load_dataset
from nnsweep.mlp.train import NUMERICS_VERSION
from nnsweep.tracking import claims, earlier, lock, owner, runs, sqlite
from nnsweep.tracking.earlier import EarlierRun
from nnsweep.tracking.exposure import make_exposure_tags
from nnsweep.tracking.owner import Owner, Presence, make_first_beat, needs_heartbeat
from nnsweep.tracking.query import keep_counting_runs
from nnsweep.tracking.record import RunRecord, Setting
from nnsweep.tracking.store import Store, find_store_if_any, prepare_store

Rerun: TypeAlias = Literal["all", "failed", "none"] | None
_ENDED = ("finished", "failed", "diverged")
_AGAIN: dict[Rerun, tuple[str, ...]] = {None: ("failed",), "failed": _ENDED[1:], "none": (), "all": _ENDED}


@dataclass(frozen=True, kw_only=True)
class DistinctJob:
    """What a plan needs to know of a job.

    Attributes
    ----------
    number : int
        Its place in the grid.
    key, name : str
        What identifies its result, and its readable name.
    settings : mapping
        As a run's record has them.
    data_digest, numerics : str
        The data and the version of the numerics, on which its result depends too.
    test_digest : str
        The test set that it is measured on; empty if that is sealed.
    """

    number: int
    key: str
    name: str
    settings: Mapping[str, Setting]
    data_digest: str
    numerics: str
    test_digest: str = ""


def find_distinct_jobs(tasks: Sequence[Task]) -> list[DistinctJob]:
    """Drop duplicate jobs; every data set is loaded, so that errors in the data are reported now.

    Parameters
    ----------
    tasks : sequence of Task
        All jobs of a sweep.

    Returns
    -------
    list of DistinctJob
        One for each key, with the number of the first job that has it.

    Raises
    ------
    ConfigError
        If jobs do not fit this machine or their data; with all problems.
    DataError
        If data cannot be used.
    """
    checking.require_fit([task.job for task in tasks])
    jobs: dict[str, DistinctJob] = {}
    for number, task in enumerate(tasks):
        data = load_dataset(task.job.data)
        key = task.job.key(data.digest)
        if key not in jobs:
            jobs[key] = DistinctJob(
                number=number,
                key=key,
                name=task.place.name,
                settings=names.flatten_settings(task.job, task.place.chosen),
                data_digest=data.digest,
                numerics=str(NUMERICS_VERSION),
                test_digest="" if task.job.trainer.settings()["sealed_test"] else data.test_digest,
            )
    return [*jobs.values()]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a sweep will do with a job.

    Attributes
    ----------
    action : {"run", "reuse", "wait"}
        Run it, take the result of an earlier run, or wait for the run of another sweep.
    why : str
        ``new``, or the state of the earlier run.
    record : RunRecord or None
        Of the earlier run.
    attempt : int
        The number of this run among those with its key, from 1.
    checkpoint : Path or None
        The folder of an earlier attempt that left a checkpoint.
    holder : str
        Which process and sweep run it.
    presence : Presence or None
        Whether the holder is alive, and on what evidence.
    since : float
        When the holder began, in seconds since the epoch.
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
    earlier : sequence of EarlierRun
        The runs with its key, oldest first.
    claim : EarlierRun or None
        The run of another sweep that has claimed the job.
    rerun : {"all", "failed", "none"} or None
        Which ended jobs are run again; None for failed ones, ``failed`` for those that diverged, too.
    waited_since : float or None
        When the run began that this sweep has waited for, in seconds since the epoch; None if it has not waited. The
        result of a run that is no older than that, or than the claim if there is one, is taken whatever its state.
    """
    for run in earlier:
        if run.record.state == "running" and (presence := run.presence).state != "gone":
            return Decision(action="wait", why="running", holder=_name_owner(run), presence=presence, since=run.since)
    begun = claim.since if claim else waited_since
    theirs = [run for run in earlier if waited_since is not None and begun is not None and run.since >= begun]
    record = _find_result(earlier, _AGAIN[rerun]) or _find_result(theirs, ())
    if record is not None:
        return Decision(action="reuse", why=record.state, record=record, attempt=record.attempt)
    if claim is not None:
        holder = f"{_name_owner(claim)} ({claim.record.sweep})"
        return Decision(action="wait", why="claimed", holder=holder, presence=claim.presence, since=claim.since)
    last = earlier[-1].record if earlier else None
    folders = [Path(run.folder) for run in reversed(earlier) if run.folder]
    return Decision(
        action="run",
        why=last.state if last else "new",
        record=last,
        attempt=1 + max((run.record.attempt for run in earlier), default=0),
        checkpoint=next((folder for folder in folders if (folder / CHECKPOINT).is_file()), None),
    )


def _name_owner(run: EarlierRun) -> str:
    return str(run.owner or "an unknown process")


def _find_result(earlier: Sequence[EarlierRun], again: Collection[str]) -> RunRecord | None:
    """Find the first run that has ended, passing over the states that are run again."""
    counting = keep_counting_runs([run.record for run in earlier])
    return next((record for record in counting if record.state in _ENDED and record.state not in again), None)


def explain_changes(job: DistinctJob, others: Sequence[EarlierRun]) -> tuple[str, ...]:
    """Say why no finished run of a job's name is its result: how the job differs from the most similar of them.

    Runs on other data do not count as earlier runs of the job, even under the same name.

    Parameters
    ----------
    job : DistinctJob
        A job that has no run of its own.
    others : sequence of EarlierRun
        Finished runs of that name.
    """
    data = _name_data(job.settings)
    same = [run for run in others if run.record.name == job.name and _name_data(run.record.settings) == data]
    return min((_list_differences(job, run) for run in reversed(same)), key=len, default=())


def _name_data(settings: Mapping[str, Setting]) -> str:
    own = {name.removeprefix("data."): value for name, value in settings.items() if name.startswith("data.")}
    return names.make_data_name(str(settings.get("data")), own)


def _list_differences(job: DistinctJob, run: EarlierRun) -> tuple[str, ...]:
    before, now = run.record.settings, job.settings
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    lines = [f"{name} {_format_setting(before.get(name))} -> {_format_setting(now.get(name))}" for name in changed]
    if run.data_digest != job.data_digest:
        lines.append(f"data digest {run.data_digest[:8]} -> {job.data_digest[:8]}")
    if run.numerics != job.numerics:
        lines.append(f"numerics version {run.numerics or 'unknown'} -> {job.numerics}")
    return tuple(lines)


def _format_setting(value: Setting) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """What a plan is made for.

    Attributes
    ----------
    uri, experiment : str
        The store, and the experiment in it.
    artifact_root : str or None
        Where a new experiment keeps its artifacts.
    jobs : sequence of DistinctJob
        The distinct jobs that are still to be decided on.
    rerun : {"all", "failed", "none"} or None
        See `nnsweep.jobs.plan.decide`.
    owner : Owner
        The process that runs the sweep.
    folder : Path
        The sweep's folder; its name is the sweep's id.
    run_id : str
        The sweep's own run; empty before it is there.
    waited : mapping of str to float
        For jobs that other sweeps held, by key: when the claim was made, in seconds since the epoch.
    look_only : bool
        Whether the plan is only looked at: nothing is changed or created then.
    command : str
        The command that has asked for the sweep.
    """

    uri: str
    experiment: str
    artifact_root: str | None
    jobs: Sequence[DistinctJob]
    rerun: Rerun
    owner: Owner
    folder: Path
    run_id: str = ""
    waited: Mapping[str, float] = field(default_factory=dict)
    look_only: bool = False
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was decided.

    Attributes
    ----------
    store : Store or None
        None where there is none yet.
    decisions : dict
        By the jobs' numbers.
    run_id : str
        The sweep's own run.
    notes : list of str
        What the user should know of earlier sweeps.
    """

    store: Store | None
    decisions: dict[int, Decision]
    run_id: str = ""
    notes: list[str] = field(default_factory=list)


def make_plan(request: PlanRequest) -> Plan:
    """Decide what a sweep will do, and claim its jobs so that other sweeps wait for them.

    Raises
    ------
    StoreError
        If the store cannot be used.
    ConfigError
        If the experiment has been deleted.
    """
    if request.look_only:
        existing = find_store_if_any(request.uri, request.experiment)
        if existing is None:
            return Plan(store=None, decisions={job.number: Decision(action="run", why="new") for job in request.jobs})
        alive = [run for run in earlier.find_running(existing) if not run.owner_is_gone]
        return Plan(store=existing, decisions=_decide_all(existing, request, alive))
    store = prepare_store(request.uri, request.experiment, request.artifact_root)
    with claims.look_alone(store), owner.own_runs(request.owner):
        running = earlier.find_running(store)
        notes = _tidy_up(store, request, running)
        alive = [run for run in running if not run.owner_is_gone]
        decisions = _decide_all(store, request, alive)
        run_id = _claim_jobs(store, request, decisions, alive)
        return Plan(store=store, decisions=decisions, run_id=run_id, notes=notes)


def _tidy_up(store: Store, request: PlanRequest, running: Sequence[EarlierRun]) -> list[str]:
    """Close the runs of processes that are gone, send the records that wait, and return notes on what was done."""
    problems, unsent = [], []
    if not request.run_id:  # once a sweep
        root = request.folder.parent
        remove_leftovers([root, *root.glob("*"), *root.glob("*/*")])
        if database := sqlite.find_database_file(store.uri):
            lock.remove_stale_locks(database)
        for sweep in upload.find_journaled(root):
            try:
                upload.restore_folders(sweep)
            except (OSError, UserError) as error:
                problems.append(f"{sweep}: what is half written there cannot be restored ({error})")
    closed = upload.close_abandoned_runs(store, running)
    if not request.run_id:
        # a sweep that is alive sends by itself; a job's folder is in its sweep's, or is that of a single run
        alive = {run.record.sweep for run in running if run.is_sweep and not run.owner_is_gone}
        unsent = [folder for folder in upload.find_unsent(root) if not {folder.name, folder.parent.name} & alive]
    sent, damaged = upload.send_records(store, unsent)
    jobs = [record for record in closed if record.key]
    n_lost = sum(record.state == "lost" for record in jobs)
    notes = [f"{n_lost} runs were left by a process that is gone; they are closed as lost"] if n_lost else []
    if n_sent := len(sent) + len(jobs) - n_lost:
        notes.append(f"{n_sent} records that waited in their folders were sent to the store")
    return notes + problems + damaged


def _decide_all(store: Store, request: PlanRequest, alive: Sequence[EarlierRun]) -> dict[int, Decision]:
    """Decide on each job, given the runs whose processes are alive."""
    keys = {job.key for job in request.jobs}
    known = earlier.find_runs_by_key(store, keys)
    held = claims.find_claims([run for run in alive if run.is_sweep and not _is_own(run, request)], keys)
    decisions = {
        job.number: decide(
            known.get(job.key, []), held.get(job.key), rerun=request.rerun, waited_since=request.waited.get(job.key)
        )
        for job in request.jobs
    }
    new = [job for job in request.jobs if decisions[job.number].why == "new"]
    others: dict[str, list[EarlierRun]] = {}
    for run in earlier.find_runs_by_name(store, [job.name for job in new]):
        others.setdefault(run.record.name, []).append(run)
    for job in new:
        if job.name in others:
            changed = explain_changes(job, others[job.name])
            decisions[job.number] = replace(decisions[job.number], changed=changed)
    return decisions


def _claim_jobs(
    store: Store, request: PlanRequest, decisions: Mapping[int, Decision], alive: Sequence[EarlierRun]
) -> str:
    """Claim jobs by tags of the sweep's own run, which is started if it is not there yet.

    Its tags name the test sets, too, that the sweep measures on: itself, or another one whose jobs it waits for.
    """
    tags = claims.make_claim_tags([job.key for job in request.jobs if decisions[job.number].action == "run"])
    sweep = request.folder.name
    if own := next((run for run in alive if _is_own(run, request)), None):
        runs.log_values(store, own.record.run_id, tags=tags)
        return own.record.run_id
    tags |= {
        "nnsweep.kind": "sweep",
        "nnsweep.sweep": sweep,
        "nnsweep.state": "running",
        "nnsweep.folder": str(request.folder),
        "mlflow.source.name": "nnsweep",
        runs.OWNER: request.owner.tag(),
    }
    tags |= {runs.COMMAND: request.command} if request.command else {}
    shown = [job for job in request.jobs if decisions[job.number].action != "reuse"]
    tags |= make_exposure_tags(job.test_digest for job in shown if job.test_digest)
    tags |= make_first_beat() if needs_heartbeat(request.owner) else {}
    return runs.start_run(store, f"sweep {sweep}", tags)


def _is_own(run: EarlierRun, request: PlanRequest) -> bool:
    """Tell whether a run is the sweep's own."""
    return run.is_sweep and run.record.sweep == request.folder.name and run.owner == request.owner


def close_lost_runs(store: Store, sweep: str, ends: Mapping[int, RunRecord], over: Owner | None = None) -> bool:
    """Close the runs of a sweep's jobs that no process works on any more; return whether some stay open.

    Parameters
    ----------
    store, sweep : Store, str
        The sweep, and where it is.
    ends, over
        See `nnsweep.jobs.upload.close_abandoned_runs`.
    """
    own = [run for run in earlier.find_running(store) if run.record.sweep == sweep and not run.is_sweep]
    return len(upload.close_abandoned_runs(store, own, ends, over)) < len(own)


def describe_plan(decisions: Sequence[Decision], n_duplicates: int = 0) -> list[str]:
    """Summarize a plan in lines.

    Parameters
    ----------
    decisions : sequence of Decision
        One for each distinct job.
    n_duplicates : int
        How many jobs of the grid are the same as another.
    """
    counts = Counter((decision.action, decision.why) for decision in decisions)
    reused = [f"{number} {why} before" for (action, why), number in counts.items() if action == "reuse"]
    new = [f"{number} new" for (action, why), number in counts.items() if (action, why) == ("run", "new")]
    again = [
        f"{number} {why}, to run again" for (action, why), number in counts.items() if action == "run" and why != "new"
    ]
    holders = Counter(decision.holder for decision in decisions if decision.action == "wait")
    waits = [f"{holders.total()} run by somebody else, to wait for"] if holders else []
    same = f" ({n_duplicates} more are the same as these)" if n_duplicates else ""
    changed = Counter(decision.changed for decision in decisions if decision.changed)
    return [
        f"{_count_jobs(len(decisions))}{same}: {', '.join(reused + new + again + waits)}",
        *(f"  {number} held by {holder}" for holder, number in holders.items()),
        *(f"  {number} not as an earlier run of the name: {', '.join(what)}" for what, number in changed.items()),
    ]


def describe_waits(decisions: Iterable[Decision], rerun: Rerun = None) -> dict[tuple[str, str], str]:
    """Say for whom a sweep waits, on what evidence, for how long at most, and how to end the wait.

    Parameters
    ----------
    decisions : iterable of Decision
        What the sweep does now with those of its jobs that are left.
    rerun : {"all", "failed", "none"} or None
        See `decide`.

    Returns
    -------
    dict
        A line by its holder and the holder's state, so that the caller need not print a line twice.
    """
    presences = [(one.holder, *one.presence) for one in decisions if one.action == "wait" and one.presence]
    evidence = {(holder, state): how for holder, state, how in presences}
    lines: dict[tuple[str, str], str] = {}
    for (holder, state), number in Counter((holder, state) for holder, state, _ in presences).items():
        until = " until it ends" if state == "alive" else ""
        taken = " Its results are taken, with rerun=all too." if rerun == "all" else ""
        dead = "" if state == "alive" else " If you know that it is dead, delete its runs in MLflow."
        lines[holder, state] = (
            f"Waiting{until} for {_count_jobs(number)} held by {holder}: {evidence[holder, state]}. "
            f"Ctrl-C ends the wait.{taken}{dead}"
        )
    return lines


def _count_jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"
