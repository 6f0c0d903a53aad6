"""What is recorded of one run: its record, its configuration, its environment, its curves and what it got right.

A run is found by its id, by the beginning of its id, or by its name, as long as only one run can be meant.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.masking import masked
from nnsweep.messages import shortened, visible
from nnsweep.tracking.artifacts import artifact
from nnsweep.tracking.backend import Run, RunQuery, backend
from nnsweep.tracking.client import explained
from nnsweep.tracking.correct import Correct
from nnsweep.tracking.reading import (
    correct_of_test_set,
    counting,
    history,
    is_there,
    mapping,
    of_sweep,
    record_of,
    sound,
)
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.seal import sealed_files
from nnsweep.tracking.store import Store, existing, require_store

LISTED = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorded:
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
        Versions and processor; see `nnsweep.sweep.environment`. Empty where that was not recorded.
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
    history: pd.DataFrame
    correct: Correct | None = None

    @property
    def title(self) -> str:
        """Its name and id."""
        return self.record.title


def recorded(uri: str, wanted: str, experiment: str | None = None) -> Recorded:
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
    return recorded_of(*find(uri, wanted, experiment))


def recorded_of(store: Store, run: Run, *, files: bool = True) -> Recorded:
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
        As for `recorded`.
    """
    run_id = run.info.run_id
    for name in sealed_files(run) if files else ():
        with artifact(store, run_id, name):
            pass  # it was compared
    return Recorded(
        record=record_of(run),
        experiment=store.experiment,
        numerics=run.data.tags.get("nnsweep.numerics", ""),
        config=mapping(store, run_id, "config.yaml"),
        environment=mapping(store, run_id, "environment.json"),
        history=history(store, run_id),
        correct=correct_of_test_set(store, run_id),
    )


def find(uri: str, wanted: str, experiment: str | None = None) -> tuple[Store, Run]:
    """Find the one run of a job that is meant; see `recorded`."""
    stores = _stores(uri, experiment)
    found = _meant(uri, wanted, [*stores])
    if len(found) == 1:
        return stores[found[0].info.experiment_id], found[0]
    where = f"{masked(uri)}" if experiment is None else f"experiment {experiment} of {masked(uri)}"
    said = f"'{shortened(visible(wanted))}'"
    if not found:
        raise ConfigError(
            f"there is no run {said} in {where}; "
            "nnsweep export EXPERIMENT --columns run_id,name lists the runs that there are"
        )
    names = [f"{run.info.run_name} ({run.info.run_id} in {stores[run.info.experiment_id].experiment})" for run in found]
    listed = ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")
    raise ConfigError(f"{said} may be any of {len(found)} runs: {listed}; give more of the id, or --experiment")


def draw(uri: str, number: int) -> tuple[list[tuple[Store, Run]], int]:
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
    with explained(uri):
        runs = backend(uri).latest_runs([*stores], wanted, limit=1000)
    drawn = Random(0).sample(runs, min(number, len(runs)))
    return [(stores[run.info.experiment_id], run) for run in drawn], len(runs)


def store_of_sweep(uri: str, sweep: str, experiment: str | None = None) -> Store:
    """Find the experiment that a sweep is in.

    Raises
    ------
    ConfigError
        If there is no such sweep.
    StoreError
        If the store cannot be used.
    """
    stores = _stores(uri, experiment)
    for run in of_sweep(uri, [*stores], sweep) if sweep else ():
        if is_there(run):
            return stores[run.info.experiment_id]
    where = masked(uri) if experiment is None else f"experiment {experiment} of {masked(uri)}"
    raise ConfigError(
        f"there is no sweep '{shortened(visible(sweep))}' in {where}; a sweep's id is the name of its folder, "
        "and nnsweep export EXPERIMENT --columns sweep,name lists those that there are"
    )


def _stores(uri: str, experiment: str | None) -> dict[str, Store]:
    """Give an experiment by its id, or all that there are."""
    if experiment is not None:
        store = existing(uri, experiment)
        return {store.experiment_id: store}
    require_store(uri)
    with explained(uri):
        found = backend(uri).search_experiments()
    return {one.experiment_id: Store(uri, one.name, one.experiment_id) for one in found}


def _meant(uri: str, wanted: str, experiment_ids: list[str]) -> list[Run]:
    """Give the runs that may be meant; of several with one name and key, the one that counts."""
    jobs = {"nnsweep.kind": "job"}
    asked = [RunQuery(tags=jobs, id_start=wanted)] if wanted.isascii() and wanted.isalnum() else []
    asked += [RunQuery(tags=jobs, name=wanted)] if wanted else []
    found: dict[str, Run] = {}
    for one in asked:
        with explained(uri):
            found |= {run.info.run_id: run for run in backend(uri).find_runs(experiment_ids, one)}
    if wanted in found:
        return [found[wanted]]
    by_id = [run for run in found.values() if run.info.run_id.startswith(wanted)]
    named = [run for run in found.values() if run.info.run_name == wanted and run not in by_id]
    return by_id + [run for one in experiment_ids for run in _counting(named, one)]


def _counting(runs: list[Run], experiment_id: str) -> list[Run]:
    here = {run.info.run_id: run for run in runs if run.info.experiment_id == experiment_id}
    return [here[record.run_id] for record in counting(map(record_of, sound(here.values())))]
