"""Queries: which runs of a store are meant, as records of what became of them.

They are found by sweep, id or name. Of several runs with one key, only one counts; a run that cannot be used
is named and left out.
"""

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from random import Random

from nnsweep.errors import ConfigError, StoreError
from nnsweep.mlp.curves import is_curve
from nnsweep.text import mask_secrets, printable, shorten, warn
from nnsweep.tracking.answers import explain_errors
from nnsweep.tracking.artifacts import (
    find_alterations,
    list_sealed_metrics,
    open_artifact,
)
from nnsweep.tracking.backend import Run, RunQuery, find_backend
from nnsweep.tracking.record import (
    TEXTS,
    RunRecord,
    Setting,
    is_setting,
    parse_setting,
)
from nnsweep.tracking.runs import COMMAND, STATUSES
from nnsweep.tracking.store import Store, find_store, require_store

PLAN = "plan.json"
"""The artifact of a sweep's summary run that says what its jobs are and which results it has taken over."""
ENSEMBLE = "ensemble"
"""The kind of a run that is an ensemble of others; see `nnsweep.tracking.ensembles`."""
_warnings: set[tuple[str, str]] = set()  # which the user has had, by run


def find_job_runs(store: Store, sweep: str | None = None) -> list[RunRecord]:
    """Read the runs of an experiment's jobs, oldest first, the one that counts of each key; see `keep_counting_runs`.

    Parameters
    ----------
    store : Store
        Store and experiment.
    sweep : str or None
        Only the jobs of this sweep, with those of earlier ones whose results it has taken over.

    Returns
    -------
    list of RunRecord
        Runs that were deleted in MLflow are left out.
    """
    if sweep is None:
        return keep_counting_runs(
            map(make_record, keep_sound_runs(search_runs(store, RunQuery(tags={"nnsweep.kind": "job"}))))
        )
    runs = [*find_sweep_runs(store.uri, [store.experiment_id], sweep)]
    summaries = [run.info.run_id for run in runs if run.data.tags.get("nnsweep.kind") == "sweep"]
    reused = [run_id for summary in summaries for run_id in _read_reused(store, summary)]
    own = [run for run in runs if run.data.tags.get("nnsweep.kind") == "job" and has_run(run)]
    return keep_counting_runs(map(make_record, keep_sound_runs([*find_runs_by_id(store, reused), *own])))


def find_sweep_runs(uri: str, experiment_ids: Sequence[str], sweep: str) -> Iterator[Run]:
    """Find a sweep's own run and those of its jobs, oldest first, and those that were deleted, too.

    A deleted summary is still what knows which earlier results the sweep has taken over.
    """
    for run in _search(uri, experiment_ids, RunQuery(tags={"nnsweep.sweep": sweep}, deleted=True)):
        if run.data.tags.get("nnsweep.sweep") == sweep:
            yield run


def find_sweep_commands(store: Store, sweeps: Collection[str]) -> list[str]:
    """Find the commands that have asked for some sweeps of an experiment, oldest first, as far as they are recorded."""
    runs = search_runs(store, RunQuery(tags={"nnsweep.kind": "sweep"}))
    commands = [run.data.tags.get(COMMAND, "") for run in runs if run.data.tags.get("nnsweep.sweep") in sweeps]
    return [mask_secrets(command) for command in dict.fromkeys(commands) if command]


def has_run(run: Run) -> bool:
    """Tell whether a run has not been deleted in MLflow."""
    return bool(run.info.lifecycle_stage == "active")


def keep_counting_runs(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Leave out runs that a later one with the same key stands for.

    Of a key's runs the last that finished counts; if none did, the last of all. Runs without a key all count.
    """
    chosen: dict[str, RunRecord] = {}
    for record in records:
        name = record.key or record.run_id
        if name in chosen and chosen[name].state == "finished" != record.state:
            continue
        chosen.pop(name, None)
        chosen[name] = record
    return [*chosen.values()]


def search_runs(store: Store, query: RunQuery) -> Iterator[Run]:
    """Find the runs of an experiment that a query asks for, oldest first."""
    return _search(store.uri, [store.experiment_id], query)


def _search(uri: str, experiment_ids: Sequence[str], query: RunQuery) -> Iterator[Run]:
    with explain_errors(uri):
        runs = iter(find_backend(uri).find_runs(experiment_ids, query))
    while True:
        with explain_errors(uri):
            run = next(runs, None)
        if run is None:
            return
        yield run


def find_runs_by_id(store: Store, run_ids: Sequence[str]) -> Iterator[Run]:
    """Read runs of an experiment by their ids, oldest first within every few hundred."""
    return search_runs(store, RunQuery(run_ids=run_ids))


def _read_reused(store: Store, run_id: str) -> list[str]:
    """Read from its plan which earlier results a sweep has taken over."""
    with open_artifact(store, run_id, PLAN) as path:
        if path is None:
            return []
        try:
            plan = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            plan = None
        reused = plan.get("reused", []) if isinstance(plan, dict) else None
        if not isinstance(reused, list) or not all(isinstance(one, str) and one.isalnum() for one in reused):
            raise StoreError(
                f"{PLAN} of the sweep's run {run_id} is damaged: it cannot be told which results of earlier sweeps the "
                "sweep has taken over; leave --sweep out, and choose by --filter"
            )
        return reused


def make_record(run: Run) -> RunRecord:
    """Make the record of a run that was read; what `find_foreign_values` names in it is left out."""
    tags, params = run.data.tags, run.data.params
    state = tags.get("nnsweep.state", "running")
    texts = _read_names(tags.get(TEXTS, "[]"))
    settings = {name: text if name in texts else parse_setting(name, text) for name, text in params.items()}
    own = {name: value for name, value in settings.items() if is_setting(name)}
    # the last value of a finished run's `test_accuracy` is a result, the one at its best epoch; others belong to curves
    finals = list_sealed_metrics(run) | ({"test_accuracy"} if state == "finished" else set())
    curves = {name for name in run.data.metrics if is_curve(name)} - finals
    results = run.data.metrics.keys() - curves - own.keys()  # settings that vary are metrics too
    ours = ("nnsweep.", "mlflow.")
    added: dict[str, Setting] = {name: text for name, text in tags.items() if not name.startswith(ours)}
    return RunRecord(
        run_id=run.info.run_id,
        name=run.info.run_name or run.info.run_id,
        state=state,
        reason=tags.get("nnsweep.reason", ""),
        settings=own,
        metrics={name: value for name, value in run.data.metrics.items() if name in results and math.isfinite(value)},
        sweep=tags.get("nnsweep.sweep", ""),
        job=_read_number(tags.get("nnsweep.job"), 0) or 0,
        key=tags.get("nnsweep.key", ""),
        attempt=_read_number(tags.get("nnsweep.attempt"), 1) or 1,
        data_digest=tags.get("nnsweep.data_digest", ""),
        others=added | {name: value for name, value in settings.items() if name not in own},
        altered=find_alterations(run),
    )


def _read_names(tag: str) -> list[str]:
    try:
        names = json.loads(tag)
    except (ValueError, RecursionError):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _read_number(text: str | None, missing: int) -> int | None:
    """Read a whole number; None if it is none."""
    return missing if text is None else int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def find_foreign_values(run: Run) -> list[str]:
    """Say what a run has that nnsweep never writes, and that a table or a plan would need."""
    tags = run.data.tags
    problems = [
        f"its tag {name} is {shorten(printable(tags[name]))!r}, which is no whole number"
        for name in ("nnsweep.job", "nnsweep.attempt")
        if _read_number(tags.get(name), 0) is None
    ]
    state = tags.get("nnsweep.state")
    if state is None and run.info.status not in ("RUNNING", "SCHEDULED"):
        problems.append("its tag nnsweep.state is missing")
    elif state is not None and state not in (*STATUSES, "running"):
        known = ", ".join(STATUSES)
        problems.append(f"its tag nnsweep.state is {shorten(printable(state))!r}, which is none of {known}")
    return problems


def keep_sound_runs(runs: Iterable[Run]) -> Iterator[Run]:
    """Leave out runs that cannot be used as they are, and name each once."""
    for run in runs:
        if problems := find_foreign_values(run):
            _warn_once(run, f"is left out: {' and '.join(problems)}; correct that in the MLflow UI")
            continue
        broken = sorted(name for name, value in run.data.metrics.items() if not math.isfinite(value))
        if broken:
            values = ", ".join(f"{name} {run.data.metrics[name]:g}" for name in broken)
            _warn_once(run, f"has metrics that are no numbers, which are left out: {values}")
        yield run


def _warn_once(run: Run, what: str) -> None:
    if (run.info.run_id, what) not in _warnings:
        _warnings.add((run.info.run_id, what))
        warn(f"run {printable(run.info.run_name or '')} ({run.info.run_id}) {what}")


LISTED = 5


def find_job_run(
    uri: str, title: str, experiment: str | None = None, *, kinds: Collection[str] = ("job",)
) -> tuple[Store, Run]:
    """Find the one run of a job that an id, the beginning of an id or a name means; see `read_run`.

    With other `kinds`, runs that are no jobs' are found too.
    """
    stores = _find_stores(uri, experiment)
    runs = _find_candidates(uri, title, [*stores], kinds)
    if len(runs) == 1:
        return stores[runs[0].info.experiment_id], runs[0]
    where = f"{mask_secrets(uri)}" if experiment is None else f"experiment {experiment} of {mask_secrets(uri)}"
    quoted = f"'{shorten(printable(title))}'"
    if not runs:
        raise ConfigError(
            f"there is no run {quoted} in {where}; "
            "nnsweep export EXPERIMENT --columns run_id,name lists the runs that there are"
        )
    names = [f"{run.info.run_name} ({run.info.run_id} in {stores[run.info.experiment_id].experiment})" for run in runs]
    listed = ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")
    raise ConfigError(f"{quoted} may be any of {len(runs)} runs: {listed}; give more of the id, or --experiment")


def draw_runs(uri: str, number: int) -> tuple[list[tuple[Store, Run]], int]:
    """Draw at random from the latest runs that finished, the same ones as long as the store has the same runs.

    Returns
    -------
    list of (Store, Run), int
        At most `number` of them, and from how many they were drawn.

    Raises
    ------
    StoreError
        If the store cannot be used.
    """
    stores = _find_stores(uri, None)
    query = RunQuery(tags={"nnsweep.kind": "job", "nnsweep.state": "finished"})
    with explain_errors(uri):
        runs = find_backend(uri).latest_runs([*stores], query, limit=1000)
    sample = Random(0).sample(runs, min(number, len(runs)))
    return [(stores[run.info.experiment_id], run) for run in sample], len(runs)


def find_store_of_sweep(uri: str, sweep: str, experiment: str | None = None) -> Store:
    """Find the experiment that a sweep is in.

    Raises
    ------
    ConfigError
        If there is no such sweep.
    StoreError
        If the store cannot be used.
    """
    stores = _find_stores(uri, experiment)
    for run in find_sweep_runs(uri, [*stores], sweep) if sweep else ():
        if has_run(run):
            return stores[run.info.experiment_id]
    where = mask_secrets(uri) if experiment is None else f"experiment {experiment} of {mask_secrets(uri)}"
    raise ConfigError(
        f"there is no sweep '{shorten(printable(sweep))}' in {where}; a sweep's id is the name of its folder, "
        "and nnsweep export EXPERIMENT --columns sweep,name lists those that there are"
    )


def _find_stores(uri: str, experiment: str | None) -> dict[str, Store]:
    """Find an experiment, or all that there are, by their ids."""
    if experiment is not None:
        store = find_store(uri, experiment)
        return {store.experiment_id: store}
    require_store(uri)
    with explain_errors(uri):
        experiments = find_backend(uri).search_experiments()
    return {one.experiment_id: Store(uri, one.name, one.experiment_id) for one in experiments}


def _find_candidates(uri: str, title: str, experiment_ids: list[str], kinds: Collection[str]) -> list[Run]:
    """Find the runs that may be meant; of several with one name and key, the one that counts."""
    tagged = [{"nnsweep.kind": kind} for kind in kinds]
    queries = [RunQuery(tags=tags, id_start=title) for tags in tagged if title.isascii() and title.isalnum()]
    queries += [RunQuery(tags=tags, name=title) for tags in tagged if title]
    runs: dict[str, Run] = {}
    for query in queries:
        with explain_errors(uri):
            runs |= {run.info.run_id: run for run in find_backend(uri).find_runs(experiment_ids, query)}
    if title in runs:
        return [runs[title]]
    candidates = [run for run in runs.values() if run.info.run_id.startswith(title)]
    named = [run for run in runs.values() if run.info.run_name == title and run not in candidates]
    for experiment_id in experiment_ids:
        here = keep_sound_runs(run for run in named if run.info.experiment_id == experiment_id)
        candidates += [runs[record.run_id] for record in keep_counting_runs(map(make_record, here))]
    return candidates
