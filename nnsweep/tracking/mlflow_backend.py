"""MLflow's own client as a backend, for servers and for databases whose tables are not known.

It alone talks to `MlflowClient`, and returns the entities of `nnsweep.tracking.backend`.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from nnsweep.text import is_broken
from nnsweep.tracking.answers import is_server
from nnsweep.tracking.backend import (
    AT_ONCE,
    LONGEST_DIGEST,
    LONGEST_PARAM,
    LONGEST_TAG,
    MODEL_TYPE,
    TOLD_LAST,
    Experiment,
    LoggedModel,
    Run,
    RunData,
    RunEntry,
    RunInfo,
    RunQuery,
)
from nnsweep.tracking.record import Point

if TYPE_CHECKING:
    from mlflow import entities
    from mlflow.tracking import MlflowClient

T = TypeVar("T")
MOST_TOGETHER, MOST_TEXTS = 1000, 100
"""What one request to MLflow may hold: of metrics, params and tags together, and of params, or of tags, alone."""
REQUESTS_AT_ONCE = 4
"""How many threads ask a server when whole runs are recorded."""


class ClientBackend:
    """MLflow's own client, as a backend.

    Parameters
    ----------
    client : MlflowClient
        Who is asked.
    """

    def __init__(self, client: "MlflowClient") -> None:
        self._client = client

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Give an experiment."""
        return _experiment(self._client.get_experiment(experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Find an experiment, also one that was deleted."""
        experiment = self._client.get_experiment_by_name(name)
        return _experiment(experiment) if experiment else None

    def search_experiments(self) -> Sequence[Experiment]:
        """Give all experiments that were not deleted."""
        experiments: list[Experiment] = []
        token = None
        while True:
            page = self._client.search_experiments(page_token=token)
            experiments += map(_experiment, page)
            token = page.token
            if not token:
                return experiments

    def create_experiment(self, name: str, artifact_location: str | None) -> str:
        """Make an experiment; another process may do so at the same time."""
        from mlflow.exceptions import MlflowException

        try:
            return self._client.create_experiment(name, artifact_location=artifact_location)
        except MlflowException:
            experiment = self._client.get_experiment_by_name(name)
            if experiment is None:
                raise
            return str(experiment.experiment_id)

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Give an experiment a tag, or the tag another value."""
        self._client.set_experiment_tag(experiment_id, key, value)

    def create_run(self, experiment_id: str, *, tags: Mapping[str, str], run_name: str) -> Run:
        """Start a run."""
        return _run(self._client.create_run(experiment_id, tags=dict(tags), run_name=run_name))

    def get_run(self, run_id: str) -> Run:
        """Give a run."""
        return _run(self._client.get_run(run_id))

    def find_runs(self, experiment_ids: Sequence[str], query: RunQuery) -> Iterator[Run]:
        """Find runs, oldest first, page by page."""
        for condition in _conditions(query):
            token = None
            while True:
                page = self._client.search_runs(
                    [*experiment_ids],
                    filter_string=condition,
                    run_view_type=_view(query),
                    order_by=["attributes.start_time ASC"],
                    page_token=token,
                )
                yield from map(_run, page)
                token = page.token
                if not token:
                    break

    def latest_runs(self, experiment_ids: Sequence[str], query: RunQuery, limit: int) -> Sequence[Run]:
        """Find the latest runs, the newest first."""
        (condition,) = _conditions(query)
        runs = self._client.search_runs(
            [*experiment_ids], filter_string=condition, run_view_type=_view(query), max_results=limit
        )
        return [_run(run) for run in runs]

    def metric_steps(self, run_id: str, name: str) -> set[int]:
        """Give the steps that a metric of a run has values of."""
        return {point.step for point in self._client.get_metric_history(run_id, name)}

    def log_batch(
        self, run_id: str, *, metrics: Sequence[Point], params: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """Record values, settings and tags, in as few requests as MLflow allows; the tags last.

        A tag may tell others that a run has ended, who then read its values. MLflow records what one request holds in
        this order, too, but it would send the tags with the first part of what takes several.
        """
        self._log_batch(run_id, metrics, params, tags)

    def _log_batch(
        self,
        run_id: str,
        metrics: Sequence[Point],
        params: Mapping[str, str],
        tags: Mapping[str, str],
        time_ms: int | None = None,
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag

        time_ms = time_ms or int(time.time() * 1000)
        values = deque(Metric(point.name, point.value, time_ms, point.step) for point in metrics)
        settings = deque(Param(key, value[:LONGEST_PARAM]) for key, value in params.items())
        texts = deque(RunTag(key, value[:LONGEST_TAG]) for key, value in tags.items())
        while values or settings or texts:
            some_settings = _take(settings, MOST_TEXTS)
            some_values = _take(values, MOST_TOGETHER - len(some_settings))
            room = 0 if values or settings else MOST_TOGETHER - len(some_settings) - len(some_values)
            some_texts = _take(texts, min(MOST_TEXTS, room))
            self._client.log_batch(run_id, metrics=some_values, params=some_settings, tags=some_texts)

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

    def record_runs(self, experiment_id: str, entries: Sequence[RunEntry]) -> list[str]:
        """Record whole runs, each with a few requests; a server is asked by several threads at once."""
        if not is_server(self._client.tracking_uri):
            return [self._record(experiment_id, entry) for entry in entries]
        refused = Event()

        def record(entry: RunEntry) -> str:
            if refused.is_set():  # a server that is away is not waited for again and again
                return ""
            try:
                return self._record(experiment_id, entry)
            except BaseException:
                refused.set()
                raise

        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
            runs = [threads.submit(record, entry) for entry in entries]
        return [run.result() for run in runs]

    def _record(self, experiment_id: str, entry: RunEntry) -> str:
        run_id, values, tags = entry.run_id, entry.finite, entry.tags
        if entry.is_new:
            ends = entry.status != "RUNNING"
            first = {key: text[:LONGEST_TAG] for key, text in tags.items() if not (ends and key in TOLD_LAST)}
            run = self._client.create_run(experiment_id, start_time=entry.start_time, tags=first, run_name=entry.name)
            run_id, tags = str(run.info.run_id), {key: text for key, text in tags.items() if key not in first}
        else:
            values = self._select_new(entry)
        if entry.dataset:
            name, digest, source = entry.dataset
            self.log_inputs(run_id, name=name, digest=digest[:LONGEST_DIGEST], source=source)
        self._log_batch(run_id, values, entry.params, tags, entry.end_time)
        if entry.status != "RUNNING":
            self._client.set_terminated(run_id, entry.status, entry.end_time)
        elif not entry.is_new:
            self._client.update_run(run_id, entry.status)
        return run_id

    def _select_new(self, entry: RunEntry) -> list[Point]:
        """Select the values that a run does not have yet, whenever the others were recorded."""
        metrics = self._client.get_run(entry.run_id).data.metrics
        recorded = {
            Point(name, one.value, one.step)
            for name in metrics.keys() & {point.name for point in entry.metrics}
            for one in self._client.get_metric_history(entry.run_id, name)
        }
        return [point for point in entry.finite if point not in recorded]

    def find_logged_model(self, experiment_id: str, run_id: str, name: str) -> str | None:
        """Give the id of a whole model of a run, if there is one of that name."""
        models = self._client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'")
        return next((str(one.model_id) for one in models if one.name == name and one.status == "READY"), None)

    def create_logged_model(
        self, experiment_id: str, *, name: str, source_run_id: str, tags: Mapping[str, str]
    ) -> LoggedModel:
        """Begin a model."""
        model = self._client.create_logged_model(
            experiment_id, name=name, source_run_id=source_run_id, tags=dict(tags), model_type=MODEL_TYPE
        )
        return LoggedModel(model.model_id, model.artifact_location)

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


def _take(queue: "deque[T]", most: int) -> list[T]:
    """Take the first few out of a queue."""
    return [queue.popleft() for _ in range(min(most, len(queue)))]


def _experiment(entity: "entities.Experiment") -> Experiment:
    return Experiment(str(entity.experiment_id), entity.name, entity.artifact_location, entity.lifecycle_stage)


def _run(entity: "entities.Run") -> Run:
    info = RunInfo(*(getattr(entity.info, name) for name in RunInfo.__slots__))
    return Run(info, RunData(entity.data.params, entity.data.tags, entity.data.metrics))


def _conditions(query: RunQuery) -> list[str]:
    """Write a query in the language of MLflow's filters, in several pieces if it names many runs."""
    if not query.is_sayable:
        return []
    conditions = [one for name, text in query.tags.items() for one in make_equality(f"tags.`{name}`", text)]
    conditions += [f"attributes.status = '{query.status}'"] if query.status else []
    conditions += make_equality("attributes.run_name", query.name) if query.name else []
    conditions += [f"attributes.run_id LIKE '{query.id_start}%'"] if query.id_start else []
    if query.run_ids is None:
        return [" and ".join(conditions)]
    ids = [f"'{run_id}'" for run_id in query.run_ids]
    pieces = (", ".join(ids[start : start + AT_ONCE]) for start in range(0, len(ids), AT_ONCE))
    return [" and ".join([*conditions, f"attributes.run_id IN ({piece})"]) for piece in pieces]


def make_equality(name: str, text: str) -> list[str]:
    """Write in the language of MLflow's filters that something equals a text; nothing where it cannot be written.

    The caller must compare what it gets: some databases compare text without regard to case.

    Examples
    --------
    >>> make_equality("tags.a", "b c"), make_equality("tags.a", f"{chr(39)}{chr(34)}")
    (["tags.a = 'b c'"], [])
    """
    quote = next((quote for quote in "'\"" if quote not in text), "")
    is_sayable = bool(quote) and f"\\{quote}" not in f"{text}{quote}" and not is_broken(text)
    return [f"{name} = {quote}{text}{quote}"] if is_sayable else []


def _view(query: RunQuery) -> Any:
    from mlflow.entities import ViewType

    return ViewType.ALL if query.deleted else ViewType.ACTIVE_ONLY
