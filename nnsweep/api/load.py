"""A finished study from its store: the frame of its runs, their curves, and how they did on the test examples."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.frame import frame, narrow_runs, plain
from nnsweep.results.inputs import check_inputs
from nnsweep.results.runs import Runs
from nnsweep.results.selection import rank_runs
from nnsweep.results.wording import join_words
from nnsweep.text import HIDDEN, is_broken, mask_secrets, printable, warn
from nnsweep.tracking import artifacts, query, recorded_run
from nnsweep.tracking.artifacts import require_unaltered
from nnsweep.tracking.query import find_store_of_sweep
from nnsweep.tracking.record import CorrectExamples, Evaluation, RunRecord
from nnsweep.tracking.recorded_run import RecordedRun
from nnsweep.tracking.store import Store, find_store, require_store, resolve_uri

T = TypeVar("T")


def load_results(
    experiment: str, *, sweep: str | Sequence[str] | None = None, filter: str = "", uri: str | None = None
) -> Runs:
    """Load the runs of an experiment, the best first: what all statistics and pictures start from.

    Parameters
    ----------
    experiment : str
        Its name.
    sweep : str or sequence of str, optional
        Only the runs of these sweeps, with those of earlier ones whose results they have taken over.
    filter : str
        A rule over the columns, such as ``depth > 2 and activation == 'tanh'``.
    uri : str, optional
        The store; ``MLFLOW_TRACKING_URI`` or ``sqlite:///mlflow.db`` if not given.

    Returns
    -------
    Runs
        A pandas frame, one row a run: see `nnsweep.results.frame.frame` for its columns. A notebook shows it as a short
        table with its map. Its ``attrs`` have ``experiment`` and ``store`` (without passwords).

    Raises
    ------
    ConfigError
        If there is no such experiment, or the rule is none.
    DifferenceError
        If the store says something of these runs otherwise than when they were recorded.
    StoreError
        If the store cannot be used.
    """
    check_inputs(experiment=experiment, uri=uri)
    store, _, runs = find_runs(experiment, sweep, filter, uri)
    runs.attrs |= {"experiment": experiment, "store": mask_secrets(store.uri)}
    return Runs.of(runs)


def find_runs(
    experiment: str, sweep: str | Sequence[str] | None, filter: str, uri: str | None
) -> tuple[Store, list[RunRecord], pd.DataFrame]:
    """Find the runs of an experiment: its store, all records, and the frame of those that are asked for.

    Parameters and errors are those of `load_results`.
    """
    store = find_experiment(experiment, uri)
    records = read_records(store, sweep)
    runs = narrow_runs(rank_runs(frame(records)), filter=filter)
    require_unaltered(pick_records(records, runs))
    return store, records, runs


def pick_records(records: Iterable[RunRecord], runs: pd.DataFrame) -> list[RunRecord]:
    """Pick the records of a frame's runs, in the frame's order; what never became a run has none."""
    by_id = {record.run_id: record for record in records}
    return [by_id[str(run_id)] for run_id in plain(runs["run_id"]) if run_id]


def load_histories(runs: pd.DataFrame, *, uri: str | None = None) -> dict[str, pd.DataFrame]:
    """Load the full curves of the runs of a frame.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs with their ``run_id``.
    uri : str, optional
        The store; if not given, the one that the frame names, or else as for `load_results`.

    Returns
    -------
    dict
        ``{run_id: history}``, a history being a frame with ``epoch`` and a column for each curve, every epoch a row.

    Raises
    ------
    ConfigError
        If the frame has no run ids.
    StoreError
        If the store cannot be used, or the curves of some runs are gone.
    """
    check_inputs(["run_id"], runs=runs, uri=uri)
    found, missing = gather_histories(runs, uri)
    artifacts.raise_missing(missing)
    return found


def gather_histories(
    runs: pd.DataFrame, uri: str | None = None
) -> tuple[dict[str, pd.DataFrame], list[artifacts.MissingFilesError]]:
    """Load what there is of the curves of the runs of a frame, and tell what is gone; see `load_histories`."""
    return _gather(runs, uri, recorded_run.read_history)


def _gather(
    runs: pd.DataFrame, uri: str | None, read: Callable[[Store, str], T | None]
) -> tuple[dict[str, T], list[artifacts.MissingFilesError]]:
    """Read something of each run of a frame that has it, and tell what is gone."""
    store, run_ids = _find_run_ids(runs, uri)
    found, missing = artifacts.gather_artifacts(run_ids, lambda run_id: read(store, run_id))
    return {run_id: one for run_id, one in found.items() if one is not None}, missing


def load_correct(runs: pd.DataFrame, *, uri: str | None = None) -> dict[str, CorrectExamples]:
    """Load which test examples the runs of a frame got right at their best epochs.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs with their ``run_id``.
    uri : str, optional
        The store; if not given, the one that the frame names, or else as for `load_results`.

    Returns
    -------
    dict
        ``{run_id: CorrectExamples}``, without the runs that have none.

    Raises
    ------
    ConfigError
        If the frame has no run ids.
    DataError
        If a file is damaged.
    StoreError
        If the store cannot be used, or the files of some runs are gone.
    """
    check_inputs(["run_id"], runs=runs, uri=uri)
    found, missing = gather_correct(runs, uri)
    artifacts.raise_missing(missing)
    return found


def gather_correct(
    runs: pd.DataFrame, uri: str | None = None
) -> tuple[dict[str, CorrectExamples], list[artifacts.MissingFilesError]]:
    """Load what there is of what runs got right, and tell what is gone; see `load_correct`."""
    return _gather(runs, uri, recorded_run.read_correct_with_digest)


def load_evaluations(runs: pd.DataFrame, *, uri: str | None = None) -> dict[str, Evaluation]:
    """Load what the networks of the runs of a frame do on the test part at their best epochs.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs with their ``run_id``.
    uri : str, optional
        The store; if not given, the one that the frame names, or else as for `load_results`.

    Returns
    -------
    dict
        ``{run_id: Evaluation}``, without the runs that have none: see `nnsweep.mlp.evaluation.Evaluation`.

    Raises
    ------
    ConfigError
        If the frame has no run ids.
    DataError
        If a file is damaged.
    StoreError
        If the store cannot be used, or the files of some runs are gone.
    """
    check_inputs(["run_id"], runs=runs, uri=uri)
    found, missing = gather_evaluations(runs, uri)
    artifacts.raise_missing(missing)
    return found


def gather_evaluations(
    runs: pd.DataFrame, uri: str | None = None
) -> tuple[dict[str, Evaluation], list[artifacts.MissingFilesError]]:
    """Load what there is of the evaluations of runs, and tell what is gone; see `load_evaluations`."""
    return _gather(runs, uri, recorded_run.read_run_evaluation)


def load_environment(run_id: str, *, uri: str | None = None) -> dict[str, Any]:
    """Load the versions that a run was made with; empty if it has none."""
    return recorded_run.read_mapping(Store(resolve_uri(uri, Path.cwd()), "", ""), run_id, "environment.json")


def load_run(run: str, experiment: str | None = None, uri: str | None = None) -> RecordedRun:
    """Load all that is recorded of a run, found by its id, the beginning of its id, or its name.

    Raises
    ------
    ConfigError
        If there is no such run, or several.
    StoreError
        If the store cannot be used.
    """
    check_name(experiment or "")
    return recorded_run.read_run(resolve_uri(uri, Path.cwd()), run, experiment)


def find_experiment(experiment: str, uri: str | None) -> Store:
    """Find an experiment in its store.

    Raises
    ------
    ConfigError
        If there is no such experiment.
    StoreError
        If the store cannot be used.
    """
    check_name(experiment)
    return find_store(resolve_uri(uri, Path.cwd()), experiment)


def check_name(experiment: str) -> None:
    """Refuse a name that no experiment can have.

    Raises
    ------
    ConfigError
        If it holds half a character.
    """
    if is_broken(experiment):
        raise ConfigError(f"there is no experiment '{experiment}': no text can have half a character (a surrogate)")


def read_records(store: Store, sweep: str | Sequence[str] | None = None) -> list[RunRecord]:
    """Read the records of an experiment's jobs, or of those of some sweeps.

    Raises
    ------
    ConfigError
        If there is no such sweep.
    StoreError
        If the store cannot be used.
    """
    if sweep is None:
        return query.find_job_runs(store)
    if isinstance(sweep, str):
        find_store_of_sweep(store.uri, sweep, store.experiment)  # or tell that there is none
        return query.find_job_runs(store, sweep)
    unknown = []
    for one in sweep:
        try:
            find_store_of_sweep(store.uri, one, store.experiment)
        except ConfigError as error:
            unknown.append(error)
    if unknown and len(unknown) == len(sweep):
        raise ConfigError(*map(str, unknown))
    for problem in unknown:
        warn(str(problem))
    found = {record.run_id: record for one in sweep for record in query.find_job_runs(store, one)}
    return query.keep_counting_runs(found.values())


def find_recorded(runs: pd.DataFrame, uri: str | None = None) -> tuple[Store, list[RunRecord]]:
    """Find the experiment that the runs of a frame are recorded in, and their records, in the frame's order.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs with their ``run_id``; what never became a run has none.
    uri : str, optional
        The store; by default the one that the frame names, or else as for `load_results`.

    Raises
    ------
    ConfigError
        If the frame has no run ids, or its runs are not all in one experiment of the store.
    StoreError
        If the store cannot be used.
    """
    store, run_ids = _find_run_ids(runs, uri)
    if not run_ids:
        raise ConfigError("runs has no recorded run: there is nothing to report")
    store, _ = query.find_job_run(store.uri, run_ids[0])
    found = map(query.make_record, query.keep_sound_runs(query.find_runs_by_id(store, run_ids)))
    by_id = {record.run_id: record for record in found}
    if missing := [run_id for run_id in run_ids if run_id not in by_id]:
        raise ConfigError(
            f"{len(missing)} of the {len(run_ids)} runs ({join_words(missing, 3)}) are not in the experiment "
            f"{printable(store.experiment)} of {mask_secrets(store.uri)}; pass runs of one experiment and its uri"
        )
    return store, [by_id[run_id] for run_id in run_ids]


def choose_address(runs: pd.DataFrame, uri: str | None = None) -> str | None:
    """Choose the store of a frame's runs: the one that is named, or that which the frame names unless in secret."""
    named = runs.attrs.get("store")
    return named if uri is None and isinstance(named, str) and HIDDEN not in named else uri


def _find_run_ids(runs: pd.DataFrame, uri: str | None) -> tuple[Store, list[str]]:
    """Give the store, where a run is found by its id alone, and the ids of a frame's runs."""
    if "run_id" not in runs.columns:
        raise ConfigError("the table has no column run_id, by which runs are found; use one with all its columns")
    address = resolve_uri(choose_address(runs, uri), Path.cwd())
    require_store(address)
    return Store(address, "", ""), [str(run_id) for run_id in plain(runs["run_id"]) if run_id]
