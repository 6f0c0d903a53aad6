"""The backend of a store: whoever answers the requests that nnsweep makes of it while a sweep runs.

An SQLite store whose tables are known is read and written as rows (`nnsweep.tracking.rows`); any other store, and every
server, is asked through MLflow's own client. Both answer alike.
"""

import functools
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nnsweep.messages import is_broken
from nnsweep.tracking.client import client, close_connections, equal, opened
from nnsweep.tracking.readonly import are_outdated
from nnsweep.tracking.record import Point

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

REVISIONS = {"3.11": "c3d6457b6d8a", "3.17": "dc11669786a5"}
"""The version of a database's tables by that of the MLflow that makes them, for those that were tried."""
MODEL_TYPE = "nnsweep"
AT_ONCE = 500
"""Runs that are asked for by their ids in one request."""


class Run(Protocol):
    """A run that a store has, with MLflow's names for what it is (`info`) and has (`data`)."""

    @property
    def info(self) -> Any:
        """Give id, name, status and places."""

    @property
    def data(self) -> Any:
        """Give settings (``params``), ``tags``, and the last values of ``metrics``."""


class Experiment(Protocol):
    """An experiment that a store has, with MLflow's names."""

    @property
    def experiment_id(self) -> str:
        """Give its id."""

    @property
    def name(self) -> str:
        """Give its name."""

    @property
    def artifact_location(self) -> str:
        """Give where new runs keep their files."""

    @property
    def lifecycle_stage(self) -> str:
        """Give ``active`` or ``deleted``."""


class LoggedModel(Protocol):
    """A model that a store has, with MLflow's names."""

    @property
    def model_id(self) -> str:
        """Give its id."""

    @property
    def artifact_location(self) -> str:
        """Give where its files are."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
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


class Backend(Protocol):
    """What is asked of a store; every method raises what `nnsweep.tracking.client.explained` turns into one line."""

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

    def find_runs(self, experiment_ids: Sequence[str], wanted: Wanted) -> Iterator[Run]:
        """Find runs, oldest first; some databases compare text without regard to case."""

    def latest_runs(self, experiment_ids: Sequence[str], wanted: Wanted, limit: int) -> Sequence[Run]:
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
def backend(uri: str) -> Backend:
    """Choose who answers for the store at `uri`, which is there; the same one is returned for the same URI."""
    if not has_known_tables(uri):
        return ClientBackend(client(uri))
    from nnsweep.tracking.rows import RowBackend

    return RowBackend(uri)


def has_known_tables(uri: str) -> bool:
    """Tell whether a store is an SQLite file whose tables are those that the installed MLflow makes, and were tried."""
    known = REVISIONS.get(".".join(version("mlflow").split(".")[:2]))
    scheme, _, path = opened(uri).partition(":///")
    return known is not None and scheme == "sqlite" and known == _revision(Path(path))


def _revision(database: Path) -> str | None:
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=20)) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else None


def reconnect() -> None:
    """Forget what is known of stores since the last call: their files may have been replaced by others."""
    close_connections()
    if are_outdated():
        client.cache_clear()
        backend.cache_clear()


class ClientBackend:
    """MLflow's own client, as a backend.

    Parameters
    ----------
    asked : MlflowClient
        Who is asked.
    """

    def __init__(self, asked: "MlflowClient") -> None:
        self._client = asked

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Give an experiment."""
        return self._client.get_experiment(experiment_id)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Find an experiment, also one that was deleted."""
        return self._client.get_experiment_by_name(name)

    def search_experiments(self) -> Sequence[Experiment]:
        """Give all experiments that were not deleted."""
        found: list[Experiment] = []
        token = None
        while True:
            page = self._client.search_experiments(page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def create_experiment(self, name: str, artifact_location: str | None) -> str:
        """Make an experiment; another process may do so at the same time."""
        from mlflow.exceptions import MlflowException

        try:
            return self._client.create_experiment(name, artifact_location=artifact_location)
        except MlflowException:
            found = self._client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Give an experiment a tag, or the tag another value."""
        self._client.set_experiment_tag(experiment_id, key, value)

    def create_run(self, experiment_id: str, *, tags: Mapping[str, str], run_name: str) -> Run:
        """Start a run."""
        return self._client.create_run(experiment_id, tags=dict(tags), run_name=run_name)

    def get_run(self, run_id: str) -> Run:
        """Give a run."""
        return self._client.get_run(run_id)

    def find_runs(self, experiment_ids: Sequence[str], wanted: Wanted) -> Iterator[Run]:
        """Find runs, oldest first, page by page."""
        for condition in _conditions(wanted):
            token = None
            while True:
                page = self._client.search_runs(
                    [*experiment_ids],
                    filter_string=condition,
                    run_view_type=_view(wanted),
                    order_by=["attributes.start_time ASC"],
                    page_token=token,
                )
                yield from page
                token = page.token
                if not token:
                    break

    def latest_runs(self, experiment_ids: Sequence[str], wanted: Wanted, limit: int) -> Sequence[Run]:
        """Find the latest runs, the newest first."""
        (condition,) = _conditions(wanted)
        return self._client.search_runs(
            [*experiment_ids], filter_string=condition, run_view_type=_view(wanted), max_results=limit
        )

    def metric_steps(self, run_id: str, name: str) -> set[int]:
        """Give the steps that a metric of a run has values of."""
        return {point.step for point in self._client.get_metric_history(run_id, name)}

    def log_batch(
        self, run_id: str, *, metrics: Sequence[Point], params: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """Record values, settings and tags together: every request has its price."""
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        self._client.log_batch(
            run_id,
            metrics=[Metric(point.name, point.value, now, point.step) for point in metrics],
            params=[Param(key, value) for key, value in params.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )

    def log_inputs(self, run_id: str, *, name: str, digest: str, source: str) -> None:
        """Record which data a run saw; MLflow does not expect that another run records the same at the same time."""
        from mlflow.entities import Dataset, DatasetInput
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        dataset = Dataset(name=name, digest=digest, source_type="nnsweep", source=source)
        try:
            self._client.log_inputs(run_id, [DatasetInput(dataset, [])])
        except (MlflowException, SQLAlchemyError):  # now the data are there
            self._client.log_inputs(run_id, [DatasetInput(dataset, [])])

    def set_terminated(self, run_id: str, status: str) -> None:
        """End a run."""
        self._client.set_terminated(run_id, status)

    def find_logged_model(self, experiment_id: str, run_id: str, name: str) -> str | None:
        """Give the id of a whole model of a run, if there is one of that name."""
        found = self._client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'")
        return next((str(one.model_id) for one in found if one.name == name and one.status == "READY"), None)

    def create_logged_model(
        self, experiment_id: str, *, name: str, source_run_id: str, tags: Mapping[str, str]
    ) -> LoggedModel:
        """Begin a model."""
        return self._client.create_logged_model(
            experiment_id, name=name, source_run_id=source_run_id, tags=dict(tags), model_type=MODEL_TYPE
        )

    def log_model_artifacts(self, model: LoggedModel, folder: Path) -> None:
        """Keep the files of a model."""
        self._client.log_model_artifacts(model.model_id, str(folder))

    def finalize_logged_model(self, model_id: str, status: str) -> None:
        """End a model."""
        self._client.finalize_logged_model(model_id, status)  # type: ignore[arg-type]

    def log_outputs(self, run_id: str, model_id: str, step: int) -> None:
        """Let a run name a model as what came out of it."""
        from mlflow.entities import LoggedModelOutput

        outputs = self._client.get_run(run_id).outputs
        if model_id not in {output.model_id for output in (outputs.model_outputs if outputs else [])}:
            self._client.log_outputs(run_id, [LoggedModelOutput(model_id, step=step)])


def _conditions(wanted: Wanted) -> list[str]:
    """Say in the language of MLflow's filters what is wanted, in several pieces if it names many runs."""
    if not wanted.is_sayable:
        return []
    held = [condition for name, text in wanted.tags.items() for condition in equal(f"tags.`{name}`", text)]
    held += [f"attributes.status = '{wanted.status}'"] if wanted.status else []
    held += equal("attributes.run_name", wanted.name) if wanted.name else []
    held += [f"attributes.run_id LIKE '{wanted.id_start}%'"] if wanted.id_start else []
    if wanted.run_ids is None:
        return [" and ".join(held)]
    ids = [*wanted.run_ids]
    pieces = (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
    named = (", ".join(f"'{run_id}'" for run_id in piece) for piece in pieces)
    return [" and ".join([*held, f"attributes.run_id IN ({listed})"]) for listed in named]


def _view(wanted: Wanted) -> Any:
    from mlflow.entities import ViewType

    return ViewType.ALL if wanted.deleted else ViewType.ACTIVE_ONLY
