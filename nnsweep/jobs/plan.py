"""The plan of a sweep: what will be done with each of its distinct jobs, and why.

A job whose key has a finished run is reused; one that somebody else is at work on is waited for; all others are run. So
the same command resumes a sweep, a wider grid extends it, and whatever changes a key is seen.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from nnsweep.errors import ConfigError, UserError
from nnsweep.files import remove_leftovers
from nnsweep.jobs import checking, names, upload
from nnsweep.jobs.job import Job
from nnsweep.jobs.job_folder import CHECKPOINT
from nnsweep.jobs.machine import measure_memory
from nnsweep.jobs.names import make_data_name
from nnsweep.jobs.stacks import predict_memory
from nnsweep.jobs.task import Task
from nnsweep.jobs.worker import load_dataset
from nnsweep.mlp.train import NUMERICS_VERSION
from nnsweep.text import warn
from nnsweep.tracking import earlier, lock, owner, runs, sqlite
from nnsweep.tracking.earlier import EarlierRun
from nnsweep.tracking.holding import make_first_beat, needs_heartbeat
from nnsweep.tracking.lock import WatchedHeartbeat
from nnsweep.tracking.owner import Owner, Presence
from nnsweep.tracking.query import keep_counting_runs
from nnsweep.tracking.record import RunRecord, Setting
from nnsweep.tracking.store import Store, find_store_if_any, prepare_store

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


def find_distinct_jobs(checked: Sequence[Task]) -> list[DistinctJob]:
    """Fold jobs that are the same; every data set is loaded, so that what is wrong with one is told now.

    Parameters
    ----------
    checked : sequence of Task
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
    _require_fit([task.job for task in checked])
    wanted: dict[str, DistinctJob] = {}
    for number, task in enumerate(checked):
        digest = load_dataset(task.job.data).digest
        key = task.job.key(digest)
        if key not in wanted:
            wanted[key] = DistinctJob(
                number=number,
                key=key,
                name=task.place.name,
                settings=names.flatten_settings(task.job, task.place.chosen),
                data_digest=digest,
                numerics=str(NUMERICS_VERSION),
            )
    return [*wanted.values()]


def _require_fit(jobs: Sequence[Job]) -> None:
    """Refuse jobs that do not fit this machine or their data, with all problems; warn of what is odd."""
    wrong: dict[str, None] = {}
    odd: dict[str, None] = {}
    for job in jobs:
        wrong |= {
            _too_large(job): None,
            checking.find_class_weight_problem(job, load_dataset(job.data)): None,
            _impatient(job): None,
        }
        odd[checking.find_class_weight_warning(job, load_dataset(job.data))] = None
    if problems := [told for told in wrong if told]:
        raise ConfigError(*problems)
    for told in filter(None, odd):
        warn(told)


def _impatient(job: Job) -> str:
    """Say if early stopping has nothing to look at: the table itself names the parts, and none for validation."""
    patience = job.trainer.settings()["patience"]
    if patience is None or load_dataset(job.data).val is not None:
        return ""
    return (
        f"trainer.patience={patience} needs a validation part, and data.split names none: set data.val_fraction above 0"
    )


def _too_large(job: Job) -> str:
    """Tell of a network that this machine could not even hold."""
    needed, there = predict_memory(job, load_dataset), measure_memory()
    if needed <= there:
        return ""
    sizes = names.name_sizes(job.arch.sizes)
    told = f"{needed / 2**30:.0f} GiB to train, and there are {there / 2**30:.0f}"
    return f"arch.hidden_layer_sizes={sizes[:60]}: needs {told}; make it smaller"


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """What a plan is wanted for.

    Attributes
    ----------
    uri, experiment : str
        The store, and the experiment in it.
    artifact_root : str or None
        Where a new experiment keeps its artifacts.
    jobs : sequence of DistinctJob
        The distinct jobs of which it is not known yet.
    rerun : {"all", "failed", "none"} or None
        See `nnsweep.jobs.plan.decide`.
    owner : Owner
        The process that runs the sweep.
    folder : Path
        The sweep's folder; its name is the sweep's id.
    run_id : str
        The sweep's own run; empty before it is there.
    waited : mapping of str to float
        By the keys of jobs that others were waited for, when these had begun, in seconds since the epoch.
    look_only : bool
        Whether nothing may be changed, or made.
    watched : mapping
        What has been watched of the heartbeats of others; see `nnsweep.tracking.lock.export_watched`.
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
    watched: WatchedHeartbeat = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was decided.

    Attributes
    ----------
    store : Store or None
        None where there is none yet.
    choices : dict
        By the jobs' numbers.
    run_id : str
        The sweep's own run.
    notes : list of str
        What the user should know of earlier sweeps.
    watched : mapping
        What was seen of the heartbeats of others: for whoever settles next, maybe in another process.
    """

    store: Store | None
    choices: dict[int, Decision]
    run_id: str = ""
    notes: list[str] = field(default_factory=list)
    watched: WatchedHeartbeat = field(default_factory=dict)


def make_plan(asked: PlanRequest) -> Plan:
    """Decide what a sweep will do, and let other sweeps know.

    Raises
    ------
    StoreError
        If the store cannot be used.
    ConfigError
        If the experiment has been deleted.
    """
    if asked.look_only:
        return _looked(asked)
    lock.import_watched(asked.watched)
    store = prepare_store(asked.uri, asked.experiment, asked.artifact_root)
    with earlier.look_alone(store), owner.own_runs(asked.owner):
        running = earlier.find_running(store)
        notes = _tidied(store, asked, running)
        there = [run for run in running if not run.owner_is_gone]
        choices = _choices(store, asked, there)
        mine = [job.key for job in asked.jobs if choices[job.number].action == "run"]
        run_id = _claimed(store, asked, mine, there)
        return Plan(store=store, choices=choices, run_id=run_id, notes=notes, watched=lock.export_watched())


def _looked(asked: PlanRequest) -> Plan:
    store = find_store_if_any(asked.uri, asked.experiment)
    if store is None:
        return Plan(store=None, choices={job.number: Decision(action="run", why="new") for job in asked.jobs})
    there = [run for run in earlier.find_running(store) if not run.owner_is_gone]
    return Plan(store=store, choices=_choices(store, asked, there))


def _tidied(store: Store, asked: PlanRequest, running: Sequence[EarlierRun]) -> list[str]:
    """Close what was abandoned, send what waits; give what to say of it."""
    root = asked.folder.parent
    alive = {run.record.sweep for run in running if run.is_sweep and not run.owner_is_gone}  # they send themselves
    if not asked.run_id:
        remove_leftovers([root, *root.glob("*"), *root.glob("*/*")])
        if database := sqlite.find_database_file(store.uri):
            lock.remove_stale_locks(database)
    unrestored = [] if asked.run_id else _restored(root)
    closed = upload.close_abandoned_runs(store, running)
    waiting = [] if asked.run_id else [place for place in upload.find_unsent(root) if not _is_of(place, alive)]
    jobs = [record for record in closed if record.key]
    lost = sum(record.state == "lost" for record in jobs)
    sent, damaged = upload.send_records(store, waiting)
    notes = [f"{lost} runs were left by a process that is gone; they are closed as lost"] if lost else []
    if n_sent := len(sent) + len(jobs) - lost:
        notes.append(f"{n_sent} records that waited in their folders were sent to the store")
    return notes + unrestored + damaged


def _restored(root: Path) -> list[str]:
    """Restore what crashes have left half written; say what cannot be."""
    wrong = []
    for sweep in upload.find_journaled(root):
        try:
            upload.restore_folders(sweep)
        except (OSError, UserError) as error:
            wrong.append(f"{sweep}: what is half written there cannot be restored ({error})")
    return wrong


def _is_of(place: Path, sweeps: Collection[str]) -> bool:
    """Tell whether a job's folder is that of one of some sweeps: it is in the sweep's, or is that of a single run."""
    return place.name in sweeps or place.parent.name in sweeps


def _choices(store: Store, asked: PlanRequest, there: Sequence[EarlierRun]) -> dict[int, Decision]:
    """Choose what becomes of each job, given the runs that others are at."""
    keys = {job.key for job in asked.jobs}
    known = earlier.find_runs_by_key(store, keys)
    held = earlier.find_claims([run for run in there if run.is_sweep and not _is_own(run, asked)], keys)
    choices = {
        job.number: decide(
            known.get(job.key, []), held.get(job.key), rerun=asked.rerun, waited_since=asked.waited.get(job.key)
        )
        for job in asked.jobs
    }
    return choices | _explained(store, asked.jobs, choices)


def _explained(store: Store, jobs: Sequence[DistinctJob], choices: Mapping[int, Decision]) -> dict[int, Decision]:
    """Add to new jobs why an earlier run of their name is not theirs."""
    new = [job for job in jobs if choices[job.number].why == "new"]
    others: dict[str, list[EarlierRun]] = {}
    for run in earlier.find_runs_by_name(store, [job.name for job in new]):
        others.setdefault(run.record.name, []).append(run)
    return {
        job.number: replace(choices[job.number], changed=explain_changes(job, others[job.name]))
        for job in new
        if job.name in others
    }


def _claimed(store: Store, asked: PlanRequest, keys: Sequence[str], there: Sequence[EarlierRun]) -> str:
    """Let the sweep's own run say which jobs it will do; the run is started if it is not there yet."""
    texts = earlier.make_claim_tags(keys)
    sweep = asked.folder.name
    if own := next((run for run in there if _is_own(run, asked)), None):
        runs.log_values(store, own.record.run_id, tags=texts)
        return own.record.run_id
    texts |= {
        "nnsweep.kind": "sweep",
        "nnsweep.sweep": sweep,
        "nnsweep.state": "running",
        "nnsweep.folder": str(asked.folder),
        "mlflow.source.name": "nnsweep",
        runs.OWNER: asked.owner.tag(),
    }
    texts |= make_first_beat() if needs_heartbeat(asked.owner) else {}
    return runs.start_run(store, f"sweep {sweep}", texts)


def _is_own(run: EarlierRun, asked: PlanRequest) -> bool:
    """Tell whether a run is the sweep's own, which a worker may have started before it died."""
    return run.is_sweep and run.record.sweep == asked.folder.name and run.owner == asked.owner


def close_lost_runs(store: Store, sweep: str, ends: Mapping[int, RunRecord], over: Owner | None = None) -> bool:
    """Close the runs of a sweep's jobs that nobody is at work on any more; tell if some are left open.

    Parameters
    ----------
    store, sweep : Store, str
        The sweep, and where it is.
    ends, over
        See `nnsweep.jobs.upload.close_abandoned_runs`.
    """
    own = [run for run in earlier.find_running(store) if run.record.sweep == sweep and not run.is_sweep]
    return len(upload.close_abandoned_runs(store, own, ends, over)) < len(own)
