"""Reading runs back: from the store to records, and from artifacts to full curves.

What is read equals what was written: settings come back as the values they were, and curves with every
epoch, from the Parquet file and not from the thinned points of the store.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from nnsweep.errors import DataError, StoreError
from nnsweep.messages import shortened, visible, warn
from nnsweep.mlp.arrays import BoolArray
from nnsweep.mlp.curves import CURVES
from nnsweep.tracking.artifacts import artifact, gather, refuse
from nnsweep.tracking.backend import Run, RunQuery, backend
from nnsweep.tracking.client import explained
from nnsweep.tracking.correct import CORRECT, Correct, read
from nnsweep.tracking.record import TEXTS, RunRecord, Setting, is_setting, setting
from nnsweep.tracking.run import STATUSES
from nnsweep.tracking.seal import altered
from nnsweep.tracking.store import Store

if TYPE_CHECKING:
    import pandas as pd

CONFIGURATION = "nnsweep.config"
"""The tag with a run's configuration as JSON."""
PLAN = "plan.json"
"""The artifact of a sweep's summary run that says what its jobs are and which results it has taken over."""
_named: set[tuple[str, str]] = set()  # what the user was told of runs


def job_runs(store: Store, sweep: str | None = None) -> list[RunRecord]:
    """Read the runs of an experiment's jobs, oldest first, the one that counts of each key; see `counting`.

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
        return counting(map(record_of, sound(search(store, RunQuery(tags={"nnsweep.kind": "job"})))))
    found = [*of_sweep(store.uri, [store.experiment_id], sweep)]
    summaries = [run.info.run_id for run in found if run.data.tags.get("nnsweep.kind") == "sweep"]
    taken_over = [run_id for summary in summaries for run_id in _reused(store, summary)]
    own = [run for run in found if run.data.tags.get("nnsweep.kind") == "job" and is_there(run)]
    return counting(map(record_of, sound([*with_ids(store, taken_over), *own])))


def of_sweep(uri: str, experiment_ids: Sequence[str], sweep: str) -> Iterator[Run]:
    """Find a sweep's own run and those of its jobs, oldest first, and those that were deleted, too.

    A deleted summary is still what knows which earlier results the sweep has taken over.
    """
    for run in _found(uri, experiment_ids, RunQuery(tags={"nnsweep.sweep": sweep}, deleted=True)):
        if run.data.tags.get("nnsweep.sweep") == sweep:
            yield run


def is_there(run: Run) -> bool:
    """Tell whether a run has not been deleted in MLflow."""
    return bool(run.info.lifecycle_stage == "active")


def counting(records: Iterable[RunRecord]) -> list[RunRecord]:
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


def search(store: Store, wanted: RunQuery) -> Iterator[Run]:
    """Find the runs of an experiment that are wanted, oldest first."""
    return _found(store.uri, [store.experiment_id], wanted)


def _found(uri: str, experiment_ids: Sequence[str], wanted: RunQuery) -> Iterator[Run]:
    with explained(uri):
        found = iter(backend(uri).find_runs(experiment_ids, wanted))
    while True:
        with explained(uri):
            run = next(found, None)
        if run is None:
            return
        yield run


def with_ids(store: Store, run_ids: Sequence[str]) -> Iterator[Run]:
    """Read runs of an experiment by their ids, oldest first within every few hundred."""
    return search(store, RunQuery(run_ids=run_ids))


def _reused(store: Store, run_id: str) -> list[str]:
    with artifact(store, run_id, PLAN) as path:
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


def configurations(store: Store, records: Sequence[RunRecord]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Read with which version of the numerics and which configuration runs were trained, by run id.

    The configuration is a tag; of runs that have no such tag, it is read from the artifacts. It is empty where there is
    none.
    """
    found = {}
    for run in with_ids(store, [record.run_id for record in records]):
        tags, run_id = run.data.tags, run.info.run_id
        try:
            read = json.loads(tags[CONFIGURATION])
        except (KeyError, ValueError, RecursionError):
            read = mapping(store, run_id, "config.yaml")
        found[run_id] = tags.get("nnsweep.numerics", ""), read if isinstance(read, dict) else {}
    return found


def mapping(store: Store, run_id: str, name: str) -> dict[str, Any]:
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
    with artifact(store, run_id, name) as path:
        if path is None:
            return {}
        try:
            text = path.read_text(encoding="utf-8")
            read = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise DataError(f"{name} of run {run_id} is damaged ({visible(str(error))})") from error
    if not isinstance(read, dict):
        raise DataError(f"{name} of run {run_id} is damaged (it holds no names)")
    return read


def history(store: Store, run_id: str, *, checked: bool = True) -> "pd.DataFrame":
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

    with artifact(store, run_id, "history.parquet", checked=checked) as path:
        return pd.DataFrame({"epoch": []}) if path is None else pd.read_parquet(path)


def correct(store: Store, run_id: str) -> BoolArray | None:
    """Read which test examples a run got right at its best epoch.

    Returns
    -------
    ndarray of bool, shape (n_test,), or None
        Its mean is the run's ``test_accuracy``. None for a run that has none: it failed, or an earlier version has
        recorded it. Two runs' are of the same examples if `correct_of_test_set` tells the same digest.

    Raises
    ------
    DataError
        If it is damaged.
    StoreError
        If the store refuses.
    """
    found = correct_of_test_set(store, run_id)
    return found and found.right


def correct_of_test_set(store: Store, run_id: str) -> Correct | None:
    """Read the same, with the epoch and the digest of the test set."""
    with artifact(store, run_id, CORRECT) as path:
        return None if path is None else read(path)


def histories(store: Store, records: Sequence[RunRecord]) -> "dict[str, pd.DataFrame]":
    """Read the full curves of several runs, by run id.

    Raises
    ------
    MissingFilesError
        Naming the runs whose curves are gone.
    """
    found, missing = gather([record.run_id for record in records], lambda run_id: history(store, run_id))
    refuse(missing)
    return found


def record_of(run: Run) -> RunRecord:
    """Make the record of a run that was read; what `problems` names in it is left out."""
    tags, params = run.data.tags, run.data.params
    state = tags.get("nnsweep.state", "running")
    texts = _texts(tags.get(TEXTS, "[]"))
    settings = {name: text if name in texts else setting(name, text) for name, text in params.items()}
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
        altered=altered(run),
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


def problems(run: Run) -> list[str]:
    """Say what a run has that nnsweep never writes, and that a table or a plan would need."""
    tags = run.data.tags
    found = [
        f"its tag {name} is {shortened(visible(tags[name]))!r}, which is no whole number"
        for name in ("nnsweep.job", "nnsweep.attempt")
        if _whole(tags.get(name), 0) is None
    ]
    state = tags.get("nnsweep.state")
    if state is None and run.info.status not in ("RUNNING", "SCHEDULED"):
        found.append("its tag nnsweep.state is missing")
    elif state is not None and state not in (*STATUSES, "running"):
        found.append(f"its tag nnsweep.state is {shortened(visible(state))!r}, which is none of {', '.join(STATUSES)}")
    return found


def sound(runs: Iterable[Run]) -> Iterator[Run]:
    """Leave out runs that cannot be used as they are, and name each once."""
    for run in runs:
        found = problems(run)
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
        warn(f"run {visible(run.info.run_name or '')} ({run.info.run_id}) {what}")
