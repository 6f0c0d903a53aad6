"""The backend of a database whose tables are known: it reads and writes them as rows, without MLflow's client.

It does what `nnsweep.tracking.backend.Backend` promises; what it leaves is what MLflow's own client would have written.
"""

import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import sqlalchemy as sql
from sqlalchemy.exc import OperationalError

from nnsweep.tracking.backend import (
    MODEL_TYPE,
    Experiment,
    LoggedModel,
    Run,
    RunData,
    RunEntry,
    RunInfo,
    RunQuery,
    make_artifact_uri,
)
from nnsweep.tracking.connection import is_deadlock, make_engine, open_client
from nnsweep.tracking.record import Point
from nnsweep.tracking.rows import (
    RUN_NAME,
    divide_ids,
    read_experiment_ids,
    read_run_rows,
    write_datasets,
    write_metrics,
    write_params,
    write_run_rows,
    write_tags,
)
from nnsweep.tracking.store import local_folder
from nnsweep.tracking.tables import (
    EXPERIMENTS,
    METRICS,
    MODELS,
    NEW_EXPERIMENTS,
    NEW_INPUTS,
    NEW_MODEL_TAGS,
    NEW_MODELS,
    RUNS,
    SET_EXPERIMENT_TAGS,
    TAGS,
    insert_rows,
)

_ATTEMPTS = 5
_MODEL_STATUSES = {"PENDING": 1, "READY": 2, "FAILED": 3}


class RowBackend:
    """A database, by its rows; see `nnsweep.tracking.backend.Backend`.

    Parameters
    ----------
    uri : str
        Of a store for which `has_known_tables`.
    """

    def __init__(self, uri: str) -> None:
        self._uri, self._engine = uri, make_engine(uri)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Give an experiment."""
        (experiment,) = self._experiments(EXPERIMENTS.c.experiment_id == int(experiment_id))
        return experiment

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Find an experiment, also one that was deleted."""
        return next(iter(self._experiments(EXPERIMENTS.c.name == name)), None)

    def search_experiments(self) -> list[Experiment]:
        """Give all experiments that were not deleted, the newest first."""
        return self._experiments(EXPERIMENTS.c.lifecycle_stage == "active")

    def _experiments(self, condition: sql.ColumnElement[bool]) -> list[Experiment]:
        order = EXPERIMENTS.c.creation_time.desc(), EXPERIMENTS.c.experiment_id
        query = sql.select(*(EXPERIMENTS.c[name] for name in Experiment.__slots__)).where(condition).order_by(*order)
        with self._engine.connect() as connection:
            return [Experiment(str(number), *more) for number, *more in connection.execute(query)]

    def create_experiment(self, name: str, artifact_location: str | None) -> str:
        """Make an experiment; another process may do so at the same time."""
        now = _now()
        with self._engine.begin() as connection:
            insert_rows(connection, NEW_EXPERIMENTS, [(name, artifact_location, "active", now, now)])
        experiment = self.get_experiment_by_name(name)
        assert experiment is not None
        return experiment.experiment_id

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Give an experiment a tag, or the tag another value."""
        self._require_active_experiment(experiment_id)
        with self._engine.begin() as connection:
            insert_rows(connection, SET_EXPERIMENT_TAGS, [(key, value, int(experiment_id))])

    def _require_active_experiment(self, experiment_id: str) -> Experiment:
        experiment = self.get_experiment(experiment_id)
        if experiment.lifecycle_stage != "active":
            raise ValueError(f"The experiment {experiment_id} must be in the 'active' state")
        return experiment

    def create_run(self, experiment_id: str, *, tags: Mapping[str, str], run_name: str) -> Run:
        """Start a run."""
        experiment = self._require_active_experiment(experiment_id)
        entry = RunEntry(run_id=uuid.uuid4().hex, name=run_name, tags=tags, start_time=_now(), is_new=True)
        with self._engine.begin() as connection:
            write_run_rows(connection, experiment, [entry])
        place = make_artifact_uri(experiment.artifact_location, entry.run_id)
        info = RunInfo(entry.run_id, run_name, entry.status, entry.start_time, None, "active", place, experiment_id)
        return Run(info, RunData({}, {**tags, RUN_NAME: run_name}, {}))

    def get_run(self, run_id: str) -> Run:
        """Give a run."""
        with self._engine.connect() as connection:
            runs = [*read_run_rows(connection, RUNS.c.run_uuid == run_id)]
        if not runs:
            raise ValueError(f"Run with id={run_id} not found")
        return runs[0]

    def find_runs(self, experiment_ids: Sequence[str], query: RunQuery) -> Iterator[Run]:
        """Find runs, oldest first."""
        if query.run_ids is None:
            yield from self._select(experiment_ids, query, oldest_first=True)
            return
        for piece in divide_ids([*query.run_ids]):
            yield from self._select(experiment_ids, query, RUNS.c.run_uuid.in_(piece), oldest_first=True)

    def latest_runs(self, experiment_ids: Sequence[str], query: RunQuery, limit: int) -> list[Run]:
        """Find the latest runs, the newest first."""
        return self._select(experiment_ids, query, oldest_first=False, limit=limit)

    def _select(
        self,
        experiment_ids: Sequence[str],
        wanted: RunQuery,
        *more: sql.ColumnElement[bool],
        oldest_first: bool,
        limit: int | None = None,
    ) -> list[Run]:
        if not wanted.is_sayable:
            return []
        conditions = [RUNS.c.experiment_id.in_([*map(int, experiment_ids)]), *more]
        conditions += [] if wanted.deleted else [RUNS.c.lifecycle_stage == "active"]
        conditions += [RUNS.c.status == wanted.status] if wanted.status else []
        conditions += [RUNS.c.name == wanted.name] if wanted.name else []
        conditions += [RUNS.c.run_uuid.startswith(wanted.id_start, autoescape=True)] if wanted.id_start else []
        for key, value in wanted.tags.items():
            has_tag = sql.select(TAGS.c.run_uuid).where(TAGS.c.key == key, TAGS.c.value == value)
            conditions.append(RUNS.c.run_uuid.in_(has_tag))
        order = RUNS.c.start_time if oldest_first else RUNS.c.start_time.desc()
        query = sql.select(RUNS.c.run_uuid).where(*conditions).order_by(order, RUNS.c.run_uuid).limit(limit)
        with self._engine.connect() as connection:
            ids = [*connection.execute(query).scalars()]
            named = (RUNS.c.run_uuid.in_(piece) for piece in divide_ids(ids))
            runs = {run.info.run_id: run for condition in named for run in read_run_rows(connection, condition)}
        return [runs[run_id] for run_id in ids if run_id in runs]

    def metric_steps(self, run_id: str, name: str) -> set[int]:
        """Give the steps that a metric of a run has values of."""
        query = sql.select(METRICS.c.step).where(METRICS.c.run_uuid == run_id, METRICS.c.key == name)
        with self._engine.connect() as connection:
            return {*connection.execute(query).scalars()}

    def log_batch(
        self, run_id: str, *, metrics: Sequence[Point], params: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """Record values, settings and tags in one transaction."""
        now = _now()

        def log(connection: sql.Connection) -> None:
            read_experiment_ids(connection, [run_id])
            write_params(connection, {run_id: params}, begun=[run_id])
            write_metrics(connection, [(run_id, now, point) for point in dict.fromkeys(metrics)])
            write_tags(connection, {run_id: tags})

        self._write(log)

    def log_inputs(self, run_id: str, *, name: str, digest: str, source: str) -> None:
        """Record which data a run saw; another process may record the same data at the same time."""

        def log(connection: sql.Connection) -> None:
            experiments = read_experiment_ids(connection, [run_id])
            write_datasets(connection, [(run_id, experiments[run_id], (name, digest, source))])

        self._write(log)

    def record_runs(self, experiment_id: str, entries: Sequence[RunEntry]) -> list[str]:
        """Record whole runs in one transaction, new ones and others that have begun."""
        experiment = self._require_active_experiment(experiment_id)
        self._write(lambda connection: write_run_rows(connection, experiment, entries))
        return [entry.run_id for entry in entries]

    def _write(self, write: Callable[[sql.Connection], None]) -> None:
        """Write in a transaction, and once more where the database has ended it in favour of another one."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._engine.begin() as connection:
                    return write(connection)
            except OperationalError as error:
                if attempt == _ATTEMPTS or not is_deadlock(error):
                    raise
                time.sleep(random.uniform(0, 0.1 * attempt))

    def set_terminated(self, run_id: str, status: str) -> None:
        """End a run."""
        with self._engine.begin() as connection:
            read_experiment_ids(connection, [run_id])
            ended = sql.update(RUNS).where(RUNS.c.run_uuid == run_id).values(status=status, end_time=_now())
            connection.execute(ended)

    def find_logged_model(self, experiment_id: str, run_id: str, name: str) -> str | None:
        """Give the id of a whole model of a run, if there is one of that name."""
        conditions = [
            MODELS.c.experiment_id == int(experiment_id),
            MODELS.c.source_run_id == run_id,
            MODELS.c.name == name,
        ]
        conditions += [MODELS.c.status == _MODEL_STATUSES["READY"], MODELS.c.lifecycle_stage == "active"]
        with self._engine.connect() as connection:
            models = connection.execute(sql.select(MODELS.c.model_id, MODELS.c.name).where(*conditions))
            return next((model_id for model_id, own_name in models if own_name == name), None)

    def create_logged_model(
        self, experiment_id: str, *, name: str, source_run_id: str, tags: Mapping[str, str]
    ) -> LoggedModel:
        """Begin a model."""
        model_id, now = f"m-{uuid.uuid4().hex}", _now()
        place = f"{self.get_experiment(experiment_id).artifact_location.rstrip('/')}/models/{model_id}/artifacts"
        own, pending = (model_id, int(experiment_id)), _MODEL_STATUSES["PENDING"]
        row = (*own, name, place, now, now, pending, "active", MODEL_TYPE, source_run_id)
        with self._engine.begin() as connection:
            insert_rows(connection, NEW_MODELS, [row])
            insert_rows(connection, NEW_MODEL_TAGS, [(*own, key, value) for key, value in tags.items()])
        return LoggedModel(model_id, place)

    def log_model_artifacts(self, model: LoggedModel, folder: Path) -> None:
        """Keep the files of a model."""
        place = local_folder(model.artifact_location)
        if place is None:
            open_client(self._uri).log_model_artifacts(model.model_id, str(folder))
        else:
            shutil.copytree(folder, place, dirs_exist_ok=True)

    def finalize_logged_model(self, model_id: str, status: str) -> None:
        """End a model, which is ``READY`` or ``FAILED``."""
        ended = sql.update(MODELS).where(MODELS.c.model_id == model_id)
        values = {"status": _MODEL_STATUSES[status], "last_updated_timestamp_ms": _now()}
        with self._engine.begin() as connection:
            connection.execute(ended.values(values))

    def log_outputs(self, run_id: str, model_id: str, step: int) -> None:
        """Let a run name a model as what came out of it; naming it twice does no harm."""
        edge = (uuid.uuid4().hex, "RUN_OUTPUT", run_id, "MODEL_OUTPUT", model_id, step)
        with self._engine.begin() as connection:
            read_experiment_ids(connection, [run_id])
            insert_rows(connection, NEW_INPUTS, [edge])


def _now() -> int:
    return int(time.time() * 1000)
