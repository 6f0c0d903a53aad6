"""Reading runs back: from the store to records, and from artifacts to full curves.

What is read equals what was written: settings come back as the values they were, and curves with every
epoch, from the Parquet file and not from the thinned points of the store.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import yaml

from nnsweep.errors import ConfigError, DataError, StoreError
from nnsweep.mlp.arrays import BoolArray
from nnsweep.mlp.curves import CURVES
from nnsweep.text import mask_secrets, printable, shorten, warn
from nnsweep.tracking.answers import explain_errors
from nnsweep.tracking.artifacts import (
    find_alterations,
    gather_artifacts,
    list_sealed_files,
    open_artifact,
    raise_missing,
)
from nnsweep.tracking.backend import Run, RunQuery, find_backend
from nnsweep.tracking.record import (
    CORRECT,
    TEXTS,
    CorrectExamples,
    RunRecord,
    Setting,
    is_setting,
    parse_setting,
    read_correct,
)
from nnsweep.tracking.runs import STATUSES
from nnsweep.tracking.store import Store, find_store, require_store

if TYPE_CHECKING:
    import pandas as pd


CONFIGURATION = "nnsweep.config"
"""The tag with a run's configuration as JSON."""
PLAN = "plan.json"
"""The artifact of a sweep's summary run that says what its jobs are and which results it has taken over."""
_named: set[tuple[str, str]] = set()  # what the user was told of runs


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
    found = [*find_sweep_runs(store.uri, [store.experiment_id], sweep)]
    summaries = [run.info.run_id for run in found if run.data.tags.get("nnsweep.kind") == "sweep"]
    taken_over = [run_id for summary in summaries for run_id in _reused(store, summary)]
    own = [run for run in found if run.data.tags.get("nnsweep.kind") == "job" and has_run(run)]
    return keep_counting_runs(map(make_record, keep_sound_runs([*find_runs_by_id(store, taken_over), *own])))


def find_sweep_runs(uri: str, experiment_ids: Sequence[str], sweep: str) -> Iterator[Run]:
    """Find a sweep's own run and those of its jobs, oldest first, and those that were deleted, too.

    A deleted summary is still what knows which earlier results the sweep has taken over.
    """
    for run in _found(uri, experiment_ids, RunQuery(tags={"nnsweep.sweep": sweep}, deleted=True)):
        if run.data.tags.get("nnsweep.sweep") == sweep:
            yield run


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


def search_runs(store: Store, wanted: RunQuery) -> Iterator[Run]:
    """Find the runs of an experiment that are wanted, oldest first."""
    return _found(store.uri, [store.experiment_id], wanted)


def _found(uri: str, experiment_ids: Sequence[str], wanted: RunQuery) -> Iterator[Run]:
    with explain_errors(uri):
        found = iter(find_backend(uri).find_runs(experiment_ids, wanted))
    while True:
        with explain_errors(uri):
            run = next(found, None)
        if run is None:
            return
        yield run


def find_runs_by_id(store: Store, run_ids: Sequence[str]) -> Iterator[Run]:
    """Read runs of an experiment by their ids, oldest first within every few hundred."""
    return search_runs(store, RunQuery(run_ids=run_ids))


def _reused(store: Store, run_id: str) -> list[str]:
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


def read_configurations(store: Store, records: Sequence[RunRecord]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Read with which version of the numerics and which configuration runs were trained, by run id.

    The configuration is a tag; of runs that have no such tag, it is read from the artifacts. It is empty where there is
    none.
    """
    found = {}
    for run in find_runs_by_id(store, [record.run_id for record in records]):
        tags, run_id = run.data.tags, run.info.run_id
        try:
            read = json.loads(tags[CONFIGURATION])
        except (KeyError, ValueError, RecursionError):
            read = read_mapping(store, run_id, "config.yaml")
        found[run_id] = tags.get("nnsweep.numerics", ""), read if isinstance(read, dict) else {}
    return found


def read_mapping(store: Store, run_id: str, name: str) -> dict[str, Any]:
    """Read a YAML or JSON file of a run's artifacts; it is empty if the run has none.

    Raises
    ------
    DataError
        If it is damaged.
    DifferenceError
        If it is not what was recorded.
    StoreError
        If the store refuses, or the file is gone.
    """
    with open_artifact(store, run_id, name) as path:
        if path is None:
            return {}
        try:
            text = path.read_text(encoding="utf-8")
            read = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise DataError(f"{name} of run {run_id} is damaged ({printable(str(error))})") from error
    if not isinstance(read, dict):
        raise DataError(f"{name} of run {run_id} is damaged (it holds no names)")
    return read


def read_history(store: Store, run_id: str, *, checked: bool = True) -> "pd.DataFrame":
    """Read a run's full curves from its artifacts.

    Parameters
    ----------
    store, run_id : Store, str
        Where.
    checked : bool
        Whether a file that is not what was recorded is refused.

    Returns
    -------
    DataFrame
        ``epoch`` and a column for each curve; empty if the run has none.
    """
    import pandas as pd

    with open_artifact(store, run_id, "history.parquet", checked=checked) as path:
        return pd.DataFrame({"epoch": []}) if path is None else pd.read_parquet(path)


def read_correct_examples(store: Store, run_id: str) -> BoolArray | None:
    """Read which test examples a run got right at its best epoch.

    Returns
    -------
    ndarray of bool, shape (n_test,), or None
        Its mean is the run's ``test_accuracy``. None for a run that has none: it failed, or an earlier version has
        recorded it. Two runs' are of the same examples if `read_correct_with_digest` tells the same digest.

    Raises
    ------
    DataError
        If it is damaged.
    StoreError
        If the store refuses.
    """
    found = read_correct_with_digest(store, run_id)
    return found and found.right


def read_correct_with_digest(store: Store, run_id: str) -> CorrectExamples | None:
    """Read the same, with the epoch and the digest of the test set."""
    with open_artifact(store, run_id, CORRECT) as path:
        return None if path is None else read_correct(path)


def read_histories(store: Store, records: Sequence[RunRecord]) -> "dict[str, pd.DataFrame]":
    """Read the full curves of several runs, by run id.

    Raises
    ------
    MissingFilesError
        Naming the runs whose curves are gone.
    """
    found, missing = gather_artifacts([record.run_id for record in records], lambda run_id: read_history(store, run_id))
    raise_missing(missing)
    return found


def make_record(run: Run) -> RunRecord:
    """Make the record of a run that was read; what `find_foreign_values` names in it is left out."""
    tags, params = run.data.tags, run.data.params
    state = tags.get("nnsweep.state", "running")
    texts = _texts(tags.get(TEXTS, "[]"))
    settings = {name: text if name in texts else parse_setting(name, text) for name, text in params.items()}
    own = {name: value for name, value in settings.items() if is_setting(name)}
    # a finished run's last `test_accuracy` is the one at its best epoch; other last values belong to curves
    curves = set(CURVES) - ({"test_accuracy"} if state == "finished" else set())
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
        job=_whole(tags.get("nnsweep.job"), 0) or 0,
        key=tags.get("nnsweep.key", ""),
        attempt=_whole(tags.get("nnsweep.attempt"), 1) or 1,
        data_digest=tags.get("nnsweep.data_digest", ""),
        others=added | {name: value for name, value in settings.items() if name not in own},
        altered=find_alterations(run),
    )


def _texts(tag: str) -> list[str]:
    try:
        names = json.loads(tag)
    except (ValueError, RecursionError):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _whole(text: str | None, missing: int) -> int | None:
    """Read a whole number; None if it is none."""
    return missing if text is None else int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def find_foreign_values(run: Run) -> list[str]:
    """Say what a run has that nnsweep never writes, and that a table or a plan would need."""
    tags = run.data.tags
    found = [
        f"its tag {name} is {shorten(printable(tags[name]))!r}, which is no whole number"
        for name in ("nnsweep.job", "nnsweep.attempt")
        if _whole(tags.get(name), 0) is None
    ]
    state = tags.get("nnsweep.state")
    if state is None and run.info.status not in ("RUNNING", "SCHEDULED"):
        found.append("its tag nnsweep.state is missing")
    elif state is not None and state not in (*STATUSES, "running"):
        found.append(f"its tag nnsweep.state is {shorten(printable(state))!r}, which is none of {', '.join(STATUSES)}")
    return found


def keep_sound_runs(runs: Iterable[Run]) -> Iterator[Run]:
    """Leave out runs that cannot be used as they are, and name each once."""
    for run in runs:
        found = find_foreign_values(run)
        if found:
            _name(run, f"is left out: {' and '.join(found)}; correct that in the MLflow UI")
            continue
        broken = sorted(name for name, value in run.data.metrics.items() if not math.isfinite(value))
        if broken:
            values = ", ".join(f"{name} {run.data.metrics[name]:g}" for name in broken)
            _name(run, f"has metrics that are no numbers, which are left out: {values}")
        yield run


def _name(run: Run, what: str) -> None:
    if (run.info.run_id, what) not in _named:
        _named.add((run.info.run_id, what))
        warn(f"run {printable(run.info.run_name or '')} ({run.info.run_id}) {what}")


LISTED = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedRun:
    """One run, as far as the store has it.

    Attributes
    ----------
    record : RunRecord
        What became of it.
    experiment : str
        The experiment that it belongs to.
    numerics : str
        The version of the numerics; empty where that was not recorded.
    config : dict
        The job's configuration; empty for a run that failed before it had one.
    environment : dict
        Versions and processor; see `nnsweep.jobs.environment`. Empty where that was not recorded.
    history : DataFrame
        ``epoch`` and the curves; empty if the run has none.
    correct : Correct or None
        Which test examples it got right.
    """

    record: RunRecord
    experiment: str
    numerics: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    history: "pd.DataFrame"
    correct: CorrectExamples | None = None

    @property
    def title(self) -> str:
        """Its name and id."""
        return self.record.title


def read_run(uri: str, wanted: str, experiment: str | None = None) -> RecordedRun:
    """Read all that is recorded of a run.

    Parameters
    ----------
    uri : str
        The store.
    wanted : str
        The run's id, the beginning of its id, or its name.
    experiment : str or None
        Where to look; None for all experiments.

    Raises
    ------
    ConfigError
        If there is no such run, or several could be meant.
    DataError
        If one of its files is damaged.
    DifferenceError
        If one of its files is not what was recorded.
    StoreError
        If the store cannot be used.
    """
    return read_found_run(*find_job_run(uri, wanted, experiment))


def read_found_run(store: Store, run: Run, *, files: bool = True) -> RecordedRun:
    """Read all that is recorded of a run that was found.

    Parameters
    ----------
    store, run : Store, Run
        Where it is.
    files : bool
        Whether its other files, such as its weights, are compared with their recorded digests too.

    Raises
    ------
    DifferenceError
        If a file is not what was recorded.
    DataError, StoreError
        As for `read_run`.
    """
    run_id = run.info.run_id
    for name in list_sealed_files(run) if files else ():
        with open_artifact(store, run_id, name):
            pass  # it was compared
    return RecordedRun(
        record=make_record(run),
        experiment=store.experiment,
        numerics=run.data.tags.get("nnsweep.numerics", ""),
        config=read_mapping(store, run_id, "config.yaml"),
        environment=read_mapping(store, run_id, "environment.json"),
        history=read_history(store, run_id),
        correct=read_correct_with_digest(store, run_id),
    )


def find_job_run(uri: str, wanted: str, experiment: str | None = None) -> tuple[Store, Run]:
    """Find the one run of a job that is meant; see `read_run`."""
    stores = _stores(uri, experiment)
    found = _meant(uri, wanted, [*stores])
    if len(found) == 1:
        return stores[found[0].info.experiment_id], found[0]
    where = f"{mask_secrets(uri)}" if experiment is None else f"experiment {experiment} of {mask_secrets(uri)}"
    said = f"'{shorten(printable(wanted))}'"
    if not found:
        raise ConfigError(
            f"there is no run {said} in {where}; "
            "nnsweep export EXPERIMENT --columns run_id,name lists the runs that there are"
        )
    names = [f"{run.info.run_name} ({run.info.run_id} in {stores[run.info.experiment_id].experiment})" for run in found]
    listed = ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")
    raise ConfigError(f"{said} may be any of {len(found)} runs: {listed}; give more of the id, or --experiment")


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
    stores = _stores(uri, None)
    wanted = RunQuery(tags={"nnsweep.kind": "job", "nnsweep.state": "finished"})
    with explain_errors(uri):
        runs = find_backend(uri).latest_runs([*stores], wanted, limit=1000)
    drawn = Random(0).sample(runs, min(number, len(runs)))
    return [(stores[run.info.experiment_id], run) for run in drawn], len(runs)


def find_store_of_sweep(uri: str, sweep: str, experiment: str | None = None) -> Store:
    """Find the experiment that a sweep is in.

    Raises
    ------
    ConfigError
        If there is no such sweep.
    StoreError
        If the store cannot be used.
    """
    stores = _stores(uri, experiment)
    for run in find_sweep_runs(uri, [*stores], sweep) if sweep else ():
        if has_run(run):
            return stores[run.info.experiment_id]
    where = mask_secrets(uri) if experiment is None else f"experiment {experiment} of {mask_secrets(uri)}"
    raise ConfigError(
        f"there is no sweep '{shorten(printable(sweep))}' in {where}; a sweep's id is the name of its folder, "
        "and nnsweep export EXPERIMENT --columns sweep,name lists those that there are"
    )


def _stores(uri: str, experiment: str | None) -> dict[str, Store]:
    """Give an experiment by its id, or all that there are."""
    if experiment is not None:
        store = find_store(uri, experiment)
        return {store.experiment_id: store}
    require_store(uri)
    with explain_errors(uri):
        found = find_backend(uri).search_experiments()
    return {one.experiment_id: Store(uri, one.name, one.experiment_id) for one in found}


def _meant(uri: str, wanted: str, experiment_ids: list[str]) -> list[Run]:
    """Give the runs that may be meant; of several with one name and key, the one that counts."""
    jobs = {"nnsweep.kind": "job"}
    asked = [RunQuery(tags=jobs, id_start=wanted)] if wanted.isascii() and wanted.isalnum() else []
    asked += [RunQuery(tags=jobs, name=wanted)] if wanted else []
    found: dict[str, Run] = {}
    for one in asked:
        with explain_errors(uri):
            found |= {run.info.run_id: run for run in find_backend(uri).find_runs(experiment_ids, one)}
    if wanted in found:
        return [found[wanted]]
    by_id = [run for run in found.values() if run.info.run_id.startswith(wanted)]
    named = [run for run in found.values() if run.info.run_name == wanted and run not in by_id]
    return by_id + [run for one in experiment_ids for run in _counting(named, one)]


def _counting(runs: list[Run], experiment_id: str) -> list[Run]:
    here = {run.info.run_id: run for run in runs if run.info.experiment_id == experiment_id}
    return [here[record.run_id] for record in keep_counting_runs(map(make_record, keep_sound_runs(here.values())))]
