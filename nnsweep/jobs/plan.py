"""The plan of a sweep: its distinct jobs, and for each whether it is reused, run or waited for, and why.

The distinct jobs of a sweep: each has a key, and fits its data and this machine.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nnsweep.errors import ConfigError, UserError
from nnsweep.files import remove_leftovers
from nnsweep.jobs import checking, decision, names, upload
from nnsweep.jobs.decision import Decision, DistinctJob, Rerun
from nnsweep.jobs.job import Job
from nnsweep.jobs.memory import measure_memory
from nnsweep.jobs.stacks import predict_memory
from nnsweep.jobs.task import Task
from nnsweep.jobs.worker import load_dataset
from nnsweep.mlp.train import NUMERICS_VERSION
from nnsweep.text import warn
from nnsweep.tracking import earlier, lock, owner, runs, sqlite
from nnsweep.tracking.earlier import EarlierRun
from nnsweep.tracking.holding import make_first_beat, needs_heartbeat
from nnsweep.tracking.lock import WatchedHeartbeat
from nnsweep.tracking.owner import Owner
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, find_store_if_any, prepare_store


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
        See `nnsweep.jobs.decision.decide`.
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
        job.number: decision.decide(
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
        job.number: replace(choices[job.number], changed=decision.explain_changes(job, others[job.name]))
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
