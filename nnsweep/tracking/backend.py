"""The backend of a store: whoever answers the requests that nnsweep makes of it while a sweep runs.

A database whose tables are known is read and written as rows (`nnsweep.tracking.row_backend`); any other one, and every
server, is asked through MLflow's own client (`nnsweep.tracking.mlflow_backend`). Both answer alike, with the same
entities.
"""

import functools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nnsweep.text import is_broken
from nnsweep.tracking.connection import are_copies_outdated, close_connections, open_client
from nnsweep.tracking.record import Point
from nnsweep.tracking.revisions import has_known_tables

MODEL_TYPE = "nnsweep"
TOLD_LAST = ("nnsweep.state", "nnsweep.reason", "nnsweep.seal")
"""The tags that tell others that a run has ended: never seen before all that it has."""
LONGEST_PARAM, LONGEST_TAG, LONGEST_DIGEST = 6000, 8000, 36
"""How many characters MLflow keeps of a param, a tag and the digest of data."""
AT_ONCE = 500
"""Runs that are asked for by their ids in one request."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment, with MLflow's names for what it has; `lifecycle_stage` is ``active`` or ``deleted``."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run is, with MLflow's names."""

    run_id: str
    run_name: str
    status: str
    start_time: int
    end_time: int | None
    lifecycle_stage: str
    artifact_uri: str
    experiment_id: str


@dataclass(frozen=True, slots=True)
class RunData:
    """What a run has: settings, tags, and the last value of each metric."""

    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class Run:
    """A run, as far as nnsweep reads it."""

    info: RunInfo
    data: RunData


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model, with MLflow's names for what it is."""

    model_id: str
    artifact_location: str


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Which runs are looked for: those of which everything holds that is given.

    Attributes
    ----------
    tags : mapping of str to str
        Tags that they have.
    status : str
        MLflow's status; any, if it is empty.
    name : str
        Their name; any, if it is empty.
    id_start : str
        How their ids begin.
    run_ids : collection of str or None
        Their ids; None for any.
    deleted : bool
        Whether also those are looked for that were deleted in MLflow.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    status: str = ""
    name: str = ""
    id_start: str = ""
    run_ids: Collection[str] | None = None
    deleted: bool = False

    @property
    def is_sayable(self) -> bool:
        """Whether any store can hold the texts: none can hold half a character."""
        return not any(map(is_broken, (self.name, *self.tags.values())))


@dataclass(frozen=True, kw_only=True, eq=False)
class RunEntry:
    """A run as it is recorded whole; see `Backend.record_runs`.

    Attributes
    ----------
    run_id : str
        Its id; for a new run, which the caller names, ``uuid.uuid4().hex``.
    name : str
        Readable name; a run that is there keeps its own.
    tags : mapping of str to str
        Tags; the user is ``mlflow.user``.
    params : mapping of str to str
        Settings.
    metrics : sequence of Point
        Values; what is not finite is left out.
    dataset : tuple of str or None
        Name, digest and source of the data that it saw.
    status : str
        MLflow's status, ``RUNNING`` or one of those that end a run.
    start_time, end_time : int
        In milliseconds since the epoch; a run that has not ended has no `end_time`.
    is_new : bool
        Whether it has to be made.
    """

    run_id: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[Point] = ()
    dataset: tuple[str, str, str] | None = None
    status: str = "RUNNING"
    start_time: int
    end_time: int | None = None
    is_new: bool

    @property
    def finite(self) -> list[Point]:
        """The values that a store may have, each once."""
        return [point for point in dict.fromkeys(self.metrics) if math.isfinite(point.value)]


def make_artifact_uri(location: str, run_id: str) -> str:
    """Give where a run of an experiment with this location keeps its files, as MLflow has it."""
    return f"{location.rstrip('/')}/{run_id}/artifacts"


class Backend(Protocol):
    """What is asked of a store; `nnsweep.tracking.answers.explain_errors` makes one line of what a method raises."""

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Give an experiment."""

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Find an experiment, also one that was deleted."""

    def search_experiments(self) -> Sequence[Experiment]:
        """Give all experiments that were not deleted, the newest first."""

    def create_experiment(self, name: str, artifact_location: str | None) -> str:
        """Make an experiment, which may be there already; give its id."""

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Give an experiment a tag, or the tag another value."""

    def create_run(self, experiment_id: str, *, tags: Mapping[str, str], run_name: str) -> Run:
        """Start a run."""

    def get_run(self, run_id: str) -> Run:
        """Give a run."""

    def find_runs(self, experiment_ids: Sequence[str], query: RunQuery) -> Iterator[Run]:
        """Find runs, oldest first; some databases compare text without regard to case."""

    def latest_runs(self, experiment_ids: Sequence[str], query: RunQuery, limit: int) -> Sequence[Run]:
        """Find the latest runs, the newest first."""

    def metric_steps(self, run_id: str, name: str) -> set[int]:
        """Give the steps that a metric of a run has values of."""

    def log_batch(
        self, run_id: str, *, metrics: Sequence[Point], params: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """Record values, settings and tags; what is there already does no harm."""

    def log_inputs(self, run_id: str, *, name: str, digest: str, source: str) -> None:
        """Record which data a run saw."""

    def set_terminated(self, run_id: str, status: str) -> None:
        """End a run."""

    def record_runs(self, experiment_id: str, entries: Sequence[RunEntry]) -> list[str]:
        """Record whole runs, new ones and others that have begun; what is there already does no harm.

        Rows are written in one transaction, MLflow's client makes a few requests for each run: there, some may be
        recorded when one is refused, and a new run whose answer was lost is there without its id being known.

        Parameters
        ----------
        experiment_id : str
            Of which experiment they are.
        entries : sequence of RunEntry
            The runs, each once. What ends a run is recorded last. A tag takes its new value; a param with another value
            than before is refused; of values at the same step, the one that is there stays beside the new one.

        Returns
        -------
        list of str
            The ids of the runs: those given, but for new runs that MLflow's client has made.
        """

    def find_logged_model(self, experiment_id: str, run_id: str, name: str) -> str | None:
        """Give the id of a whole model of a run, if there is one of that name."""

    def create_logged_model(
        self, experiment_id: str, *, name: str, source_run_id: str, tags: Mapping[str, str]
    ) -> LoggedModel:
        """Begin a model."""

    def log_model_artifacts(self, model: LoggedModel, folder: Path) -> None:
        """Keep the files of a model."""

    def finalize_logged_model(self, model_id: str, status: str) -> None:
        """End a model, which is ``READY`` or ``FAILED``."""

    def log_outputs(self, run_id: str, model_id: str, step: int) -> None:
        """Let a run name a model as what came out of it; naming it twice does no harm."""


@functools.cache
def find_backend(uri: str) -> Backend:
    """Choose who answers for the store at `uri`, which is there; the same one is returned for the same URI.

    Raises
    ------
    StoreError
        If it is a database that MLflow must not open; see `nnsweep.tracking.revisions`.
    """
    if not has_known_tables(uri):
        from nnsweep.tracking.mlflow_backend import ClientBackend

        return ClientBackend(open_client(uri))
    from nnsweep.tracking.row_backend import RowBackend

    return RowBackend(uri)


def forget_backends() -> None:
    """Forget what is known of stores since the last call: their files may have been replaced by others."""
    close_connections()
    if are_copies_outdated():
        open_client.cache_clear()
        find_backend.cache_clear()
