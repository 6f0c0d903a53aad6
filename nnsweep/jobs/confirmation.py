"""Confirming jobs: those of a study's candidates again, on seeds that nobody has looked at.

They are made of the recorded configurations, not of a command line. Their seeds follow from what is confirmed: the same
command goes on where it was left, and a study that has changed since gets other seeds.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from nnsweep.errors import DataError
from nnsweep.jobs.consistency import make_recorded_job
from nnsweep.jobs.hydra_job import new_sweep_id
from nnsweep.jobs.job import OPERATIONAL, Job, Tracking
from nnsweep.jobs.names import GROUPS, flatten_settings, make_run_name
from nnsweep.jobs.task import Place, Task
from nnsweep.jobs.worker import forget_datasets, load_dataset
from nnsweep.results.factors import SAMPLE, SPLIT
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.recorded_run import read_configurations
from nnsweep.tracking.store import Store

MOST_SEEDS = 1000
"""The most seeds of a confirmation, and how many belong to each."""
N_BLOCKS = 99_000
_IN_NAME = ("arch", "hidden_layer_sizes")  # a run's name has the layers anyway


@dataclass(frozen=True, kw_only=True)
class ConfirmingJobs:
    """The jobs of a confirmation.

    Attributes
    ----------
    seeds : range
        Which nobody has looked at.
    tasks : sequence of Task
        One for each candidate, fold and seed.
    labels : mapping of str to str
        Which candidate a job is of, by the job's key.
    """

    seeds: range
    tasks: Sequence[Task]
    labels: Mapping[str, str]


def name_confirmation(experiment: str) -> str:
    """Name the experiment of a study's confirming runs."""
    return f"{experiment}-confirm"


def make_confirming_jobs(
    store: Store,
    candidates: Mapping[str, Sequence[RunRecord]],
    *,
    used: Iterable[object],
    n_seeds: int,
    varying: Sequence[str],
    uri: str | None,
    dry_run: bool,
) -> ConfirmingJobs:
    """Make the jobs that confirm some candidates.

    Folds stay as they were in the study; splits and samples are drawn anew with each seed, if they varied.

    Parameters
    ----------
    store : Store
        The study's.
    candidates : mapping of str to sequence of RunRecord
        The runs of each, by its label.
    used : iterable of object
        The seeds that the study has used.
    n_seeds : int
        How many new ones there are.
    varying : sequence of str
        What varied in the study: settings and repeats.
    uri : str or None
        The store, as a job's configuration names it.
    dry_run : bool
        Whether only the plan is wanted.

    Raises
    ------
    DataError
        If a candidate's configuration cannot be read, or its data have changed since.
    """
    forget_datasets()  # files may be others by now
    folder = Path("multirun", new_sweep_id()).absolute()
    renewed = [name.partition(".")[2] for name in varying if name in (SPLIT, SAMPLE)]

    def renew(job: Job, seed: int) -> Job:
        data = job.data.model_copy(update=dict.fromkeys(renewed, seed))
        return job.model_copy(update={"seed": seed, "data": data, "dry_run": dry_run})

    sources = {label: _find_sources(store, records, uri) for label, records in candidates.items()}
    seeds = choose_seeds([renew(job, 0) for pairs in sources.values() for job, _ in pairs], used, n_seeds)
    tasks: list[Task] = []
    labels = {}
    for label, pairs in sources.items():
        for job, record in pairs:
            for seed in seeds:
                new = renew(job, seed)
                tasks.append(_make_task(new, record, varying, folder, len(tasks)))
                labels[new.key(load_dataset(new.data).digest)] = label
    return ConfirmingJobs(seeds=seeds, tasks=tasks, labels=labels)


def _find_sources(store: Store, records: Sequence[RunRecord], uri: str | None) -> list[tuple[Job, RunRecord]]:
    """Find a run of a candidate for each fold that it was run on, and make its job."""
    recorded = read_configurations(store, records)
    by_fold: dict[object, tuple[Job, RunRecord]] = {}
    for record in sorted(records, key=lambda record: record.state != "finished"):
        _, configuration = recorded.get(record.run_id, ("", {}))
        if not configuration:
            continue
        where = configuration.get("tracking")
        root = where.get("artifact_root") if isinstance(where, dict) else None
        values = {name: value for name, value in configuration.items() if name not in OPERATIONAL}
        job = make_recorded_job(values, record.title)
        tracking = Tracking(uri=uri, experiment=name_confirmation(store.experiment), artifact_root=root)
        job = job.model_copy(update={"tracking": tracking})
        by_fold.setdefault(job.data.settings().get("fold"), (job, record))
    if not by_fold:
        raise DataError(f"run {records[0].title}: its configuration was not recorded, so it cannot be trained again")
    for job, record in by_fold.values():
        digest = load_dataset(job.data).digest
        if record.data_digest and digest != record.data_digest:
            digests = f"digest {record.data_digest[:12]} then, {digest[:12]} now"
            raise DataError(
                f"run {record.title}: its data have changed since ({digests}), so they would confirm something else; "
                "put the old data back, or sweep again"
            )
    return [*by_fold.values()]


def choose_seeds(jobs: Iterable[Job], used: Iterable[object], n_seeds: int) -> range:
    """Choose seeds that nobody has looked at: the same ones for the same candidates and the same study.

    They are the first of a block of 1000, one of 99,000, that the SHA-256 of what is confirmed names: the candidates'
    jobs and the seeds that the study has used. So another confirmation has others, and a block
    with a used seed is passed over.

    Parameters
    ----------
    jobs : iterable of Job
        Of the candidates, with a seed that is the same for all.
    used : iterable of object
        The seeds of the study.
    n_seeds : int
        How many, at most 1000.
    """
    known = {seed for seed in used if isinstance(seed, int)}
    identities = {json.dumps(job.identity(), sort_keys=True) for job in jobs}
    digest = sha256(json.dumps([sorted(identities), sorted(known)]).encode()).hexdigest()
    block = int(digest, 16) % N_BLOCKS + 1
    while any(seed // MOST_SEEDS == block for seed in known):
        block += 1
    return range(block * MOST_SEEDS, block * MOST_SEEDS + n_seeds)


def _make_task(job: Job, record: RunRecord, varying: Sequence[str], folder: Path, number: int) -> Task:
    chosen = {group: str(record.settings[group]) for group in GROUPS if group in record.settings}
    settings = flatten_settings(job, chosen)
    keys = [name for name in varying if name in settings and name not in _IN_NAME]
    overrides = tuple(f"{name}={settings[name]}" for name in keys)
    name = make_run_name(job, chosen, overrides, keys)
    place = Place(folder=folder / str(number), sweep=folder.name, number=number, name=name, chosen=chosen, varying=keys)
    return Task(job=job, place=place, overrides=overrides, configuration={}, output_subdir=None, log="nnsweep.log")
