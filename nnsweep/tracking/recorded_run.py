"""A recorded run: its record, and what else a store has of it, read back as it was written.

Settings come back as the values that they were, and curves with every epoch, from the Parquet file and not from the
thinned points of the store.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from nnsweep.errors import DataError
from nnsweep.mlp.arrays import BoolArray
from nnsweep.text import printable
from nnsweep.tracking.artifacts import gather_artifacts, list_sealed_files, open_artifact, raise_missing
from nnsweep.tracking.backend import Run
from nnsweep.tracking.query import find_job_run, find_runs_by_id, make_record
from nnsweep.tracking.record import (
    CORRECT,
    EVALUATION,
    CorrectExamples,
    Evaluation,
    RunRecord,
    read_correct,
    read_evaluation,
)
from nnsweep.tracking.store import Store

if TYPE_CHECKING:
    import pandas as pd

CONFIGURATION = "nnsweep.config"
"""The tag with a run's configuration as JSON."""


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


def read_run(uri: str, title: str, experiment: str | None = None, *, kinds: Collection[str] = ("job",)) -> RecordedRun:
    """Read all that is recorded of a run.

    Parameters
    ----------
    uri : str
        The store.
    title : str
        The run's id, the beginning of its id, or its name.
    experiment : str or None
        Where to look; None for all experiments.
    kinds : collection of str
        Of which kinds the run may be.

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
    return read_found_run(*find_job_run(uri, title, experiment, kinds=kinds))


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
            pass  # opening a file compares it with its digest
    return RecordedRun(
        record=make_record(run),
        experiment=store.experiment,
        numerics=run.data.tags.get("nnsweep.numerics", ""),
        config=read_mapping(store, run_id, "config.yaml"),
        environment=read_mapping(store, run_id, "environment.json"),
        history=read_history(store, run_id),
        correct=read_correct_with_digest(store, run_id),
    )


def read_configurations(store: Store, records: Sequence[RunRecord]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Read with which version of the numerics and which configuration runs were trained, by run id.

    The configuration is a tag; of runs that have no such tag, it is read from the artifacts. It is empty where there is
    none.
    """
    configurations = {}
    for run in find_runs_by_id(store, [record.run_id for record in records]):
        tags, run_id = run.data.tags, run.info.run_id
        try:
            read = json.loads(tags[CONFIGURATION])
        except (KeyError, ValueError, RecursionError):
            read = read_mapping(store, run_id, "config.yaml")
        configurations[run_id] = tags.get("nnsweep.numerics", ""), read if isinstance(read, dict) else {}
    return configurations


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
    correct = read_correct_with_digest(store, run_id)
    return correct and correct.right


def read_correct_with_digest(store: Store, run_id: str) -> CorrectExamples | None:
    """Read the same, with the epoch and the digest of the test set."""
    with open_artifact(store, run_id, CORRECT) as path:
        return None if path is None else read_correct(path)


def read_run_evaluation(store: Store, run_id: str) -> Evaluation | None:
    """Read what a run's network does on the test part at its best epoch; None for a run that has no such file.

    Raises
    ------
    DataError, StoreError
        As for `read_correct_examples`.
    """
    with open_artifact(store, run_id, EVALUATION) as path:
        return None if path is None else read_evaluation(path)


def read_histories(store: Store, records: Sequence[RunRecord]) -> "dict[str, pd.DataFrame]":
    """Read the full curves of several runs, by run id.

    Raises
    ------
    MissingFilesError
        Naming the runs whose curves are gone.
    """
    run_ids = [record.run_id for record in records]
    histories, missing = gather_artifacts(run_ids, lambda run_id: read_history(store, run_id))
    raise_missing(missing)
    return histories
