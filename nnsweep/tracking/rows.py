"""A store's rows: an SQLite file of MLflow's, read and written directly and not through its object mapper.

A request takes a twentieth of the processor time, and mlflow, whose import takes seconds, is not needed. That is right
for tables that are known (`nnsweep.tracking.backend.REVISIONS`): MLflow's own client reads back the same.
"""

import shutil
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from nnsweep.tracking.backend import AT_ONCE, MODEL_TYPE, Experiment, LoggedModel, Run, RunData, RunInfo, RunQuery
from nnsweep.tracking.client import client, listen, opened
from nnsweep.tracking.places import local_folder
from nnsweep.tracking.record import Point

_LONGEST_PARAM = 6000  # MLflow cuts values there
_RUN_NAME = "mlflow.runName"


def _table(name: str, *columns: str) -> sql.TableClause:
    return sql.table(name, *map(sql.column, columns))


_EXPERIMENTS = _table(
    "experiments",
    "experiment_id",
    "name",
    "artifact_location",
    "lifecycle_stage",
    "creation_time",
    "last_update_time",
)
_EXPERIMENT_TAGS = _table("experiment_tags", "key", "value", "experiment_id")
_RUNS = _table(
    "runs",
    "run_uuid",
    "name",
    "source_type",
    "source_name",
    "entry_point_name",
    "user_id",
    "status",
    "start_time",
    "end_time",
    "source_version",
    "lifecycle_stage",
    "artifact_uri",
    "experiment_id",
)
_PARAMS = _table("params", "key", "value", "run_uuid")
_TAGS = _table("tags", "key", "value", "run_uuid")
_METRICS = _table("metrics", "key", "value", "timestamp", "run_uuid", "step", "is_nan")
_LATEST = _table("latest_metrics", "key", "value", "timestamp", "step", "is_nan", "run_uuid")
_DATASETS = _table(
    "datasets", "dataset_uuid", "experiment_id", "name", "digest", "dataset_source_type", "dataset_source"
)
_INPUTS = _table("inputs", "input_uuid", "source_type", "source_id", "destination_type", "destination_id", "step")
_MODELS = _table(
    "logged_models",
    "model_id",
    "experiment_id",
    "name",
    "artifact_location",
    "creation_timestamp_ms",
    "last_updated_timestamp_ms",
    "status",
    "lifecycle_stage",
    "model_type",
    "source_run_id",
)
_MODEL_TAGS = _table("logged_model_tags", "model_id", "experiment_id", "tag_key", "tag_value")
_MODEL_STATUSES = {"PENDING": 1, "READY": 2, "FAILED": 3}


class RowBackend:
    """An SQLite store, by its rows; see `nnsweep.tracking.backend.Backend`.

    Parameters
    ----------
    uri : str
        Of a store for which `has_known_tables`.
    """

    def __init__(self, uri: str) -> None:
        listen()
        self._engine = sql.create_engine(opened(uri), connect_args={"timeout": 20})  # seconds, for a locked store

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Give an experiment."""
        (found,) = self._experiments(_EXPERIMENTS.c.experiment_id == int(experiment_id))
        return found

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Find an experiment, also one that was deleted."""
        return next(iter(self._experiments(_EXPERIMENTS.c.name == name)), None)

    def search_experiments(self) -> list[Experiment]:
        """Give all experiments that were not deleted, the newest first."""
        return self._experiments(_EXPERIMENTS.c.lifecycle_stage == "active")

    def _experiments(self, condition: sql.ColumnElement[bool]) -> list[Experiment]:
        order = _EXPERIMENTS.c.creation_time.desc(), _EXPERIMENTS.c.experiment_id
        asked = sql.select(*(_EXPERIMENTS.c[name] for name in Experiment.__slots__)).where(condition).order_by(*order)
        with self._engine.connect() as connection:
            return [Experiment(str(number), *more) for number, *more in connection.execute(asked)]

    def create_experiment(self, name: str, artifact_location: str | None) -> str:
        """Make an experiment; another process may do so at the same time."""
        now = _now()
        row: dict[str, Any] = {"name": name, "artifact_location": artifact_location, "lifecycle_stage": "active"}
        row |= {"creation_time": now, "last_update_time": now}
        with self._engine.begin() as connection:
            connection.execute(insert(_EXPERIMENTS).values(row).on_conflict_do_nothing())
        found = self.get_experiment_by_name(name)
        assert found is not None
        return found.experiment_id

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Give an experiment a tag, or the tag another value."""
        self._require_active_experiment(experiment_id)
        new_row = insert(_EXPERIMENT_TAGS).values(key=key, value=value, experiment_id=int(experiment_id))
        changed = {"value": new_row.excluded["value"]}
        with self._engine.begin() as connection:
            connection.execute(new_row.on_conflict_do_update(index_elements=["key", "experiment_id"], set_=changed))

    def _require_active_experiment(self, experiment_id: str) -> Experiment:
        experiment = self.get_experiment(experiment_id)
        if experiment.lifecycle_stage != "active":
            raise ValueError(f"The experiment {experiment_id} must be in the 'active' state")
        return experiment

    def create_run(self, experiment_id: str, *, tags: Mapping[str, str], run_name: str) -> Run:
        """Start a run."""
        experiment = self._require_active_experiment(experiment_id)
        run_id = uuid.uuid4().hex
        row = {
            "run_uuid": run_id,
            "name": run_name,
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "user_id": tags.get("mlflow.user", "unknown"),
            "status": "RUNNING",
            "start_time": _now(),
            "end_time": None,
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": f"{experiment.artifact_location.rstrip('/')}/{run_id}/artifacts",
            "experiment_id": int(experiment_id),
        }
        texts = {**tags, _RUN_NAME: run_name}
        with self._engine.begin() as connection:
            connection.execute(sql.insert(_RUNS), row)
            connection.execute(sql.insert(_TAGS), [_of_run(run_id, key, value) for key, value in texts.items()])
        return _run(row, {}, texts, {})

    def get_run(self, run_id: str) -> Run:
        """Give a run."""
        with self._engine.connect() as connection:
            found = [*_read(connection, _RUNS.c.run_uuid == run_id)]
        if not found:
            raise ValueError(f"Run with id={run_id} not found")
        return found[0]

    def find_runs(self, experiment_ids: Sequence[str], query: RunQuery) -> Iterator[Run]:
        """Find runs, oldest first."""
        if query.run_ids is None:
            yield from self._found(experiment_ids, query, oldest_first=True)
            return
        ids = [*query.run_ids]
        for start in range(0, len(ids), AT_ONCE):
            piece = _RUNS.c.run_uuid.in_(ids[start : start + AT_ONCE])
            yield from self._found(experiment_ids, query, piece, oldest_first=True)

    def latest_runs(self, experiment_ids: Sequence[str], query: RunQuery, limit: int) -> list[Run]:
        """Find the latest runs, the newest first."""
        return self._found(experiment_ids, query, oldest_first=False, limit=limit)

    def _found(
        self,
        experiment_ids: Sequence[str],
        query: RunQuery,
        *more: sql.ColumnElement[bool],
        oldest_first: bool,
        limit: int | None = None,
    ) -> list[Run]:
        if not query.is_sayable:
            return []
        held = [_RUNS.c.experiment_id.in_([*map(int, experiment_ids)]), *more]
        held += [] if query.deleted else [_RUNS.c.lifecycle_stage == "active"]
        held += [_RUNS.c.status == query.status] if query.status else []
        held += [_RUNS.c.name == query.name] if query.name else []
        held += [_RUNS.c.run_uuid.startswith(query.id_start, autoescape=True)] if query.id_start else []
        for key, value in query.tags.items():
            has_tag = sql.select(_TAGS.c.run_uuid).where(_TAGS.c.key == key, _TAGS.c.value == value)
            held.append(_RUNS.c.run_uuid.in_(has_tag))
        order = _RUNS.c.start_time if oldest_first else _RUNS.c.start_time.desc()
        asked = sql.select(_RUNS.c.run_uuid).where(*held).order_by(order, _RUNS.c.run_uuid).limit(limit)
        with self._engine.connect() as connection:
            ids = [*connection.execute(asked).scalars()]
            pieces = (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
            read = {run.info.run_id: run for piece in pieces for run in _read(connection, _RUNS.c.run_uuid.in_(piece))}
        return [read[run_id] for run_id in ids if run_id in read]

    def metric_steps(self, run_id: str, name: str) -> set[int]:
        """Give the steps that a metric of a run has values of."""
        asked = sql.select(_METRICS.c.step).where(_METRICS.c.run_uuid == run_id, _METRICS.c.key == name)
        with self._engine.connect() as connection:
            return {*connection.execute(asked).scalars()}

    def log_batch(
        self, run_id: str, *, metrics: Sequence[Point], params: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """Record values, settings and tags in one transaction."""
        with self._engine.begin() as connection:
            _require_active(connection, run_id)
            if params:
                self._log_params(connection, run_id, params)
            if metrics:
                self._log_metrics(connection, run_id, metrics)
            if tags:
                self._set_tags(connection, run_id, tags)

    def _log_params(self, connection: sql.Connection, run_id: str, params: Mapping[str, str]) -> None:
        texts = {key: value[:_LONGEST_PARAM] for key, value in params.items()}
        asked = sql.select(_PARAMS.c.key, _PARAMS.c.value).where(_PARAMS.c.run_uuid == run_id)
        for key, value in connection.execute(asked):
            if texts.get(key, value) != value:
                raise ValueError(f"Changing param values is not allowed: {key} of run {run_id} is {value!r} already")
        rows = [_of_run(run_id, key, value) for key, value in texts.items()]
        connection.execute(insert(_PARAMS).on_conflict_do_nothing(), rows)

    def _log_metrics(self, connection: sql.Connection, run_id: str, metrics: Sequence[Point]) -> None:
        now = _now()
        rows = [
            {"key": name, "value": value, "timestamp": now, "run_uuid": run_id, "step": step, "is_nan": False}
            for name, value, step in dict.fromkeys(metrics)
        ]
        connection.execute(insert(_METRICS).on_conflict_do_nothing(), rows)
        latest = {row["key"]: row for row in sorted(rows, key=lambda row: (row["step"], row["value"]))}
        new_row = insert(_LATEST)
        names = ("step", "timestamp", "value")
        new, old = (sql.tuple_(*(columns[name] for name in names)) for columns in (new_row.excluded, _LATEST.c))
        changed = {name: new_row.excluded[name] for name in (*names, "is_nan")}
        keys = ["key", "run_uuid"]
        connection.execute(
            new_row.on_conflict_do_update(index_elements=keys, set_=changed, where=new > old), [*latest.values()]
        )

    def _set_tags(self, connection: sql.Connection, run_id: str, tags: Mapping[str, str]) -> None:
        new_row = insert(_TAGS)
        changed = {"value": new_row.excluded["value"]}
        rows = [_of_run(run_id, key, value) for key, value in tags.items()]
        connection.execute(new_row.on_conflict_do_update(index_elements=["key", "run_uuid"], set_=changed), rows)

    def log_inputs(self, run_id: str, *, name: str, digest: str, source: str) -> None:
        """Record which data a run saw; another process may record the same data at the same time."""
        with self._engine.begin() as connection:
            experiment_id = _require_active(connection, run_id)
            row = {"dataset_uuid": uuid.uuid4().hex, "experiment_id": experiment_id, "name": name, "digest": digest}
            row |= {"dataset_source_type": "nnsweep", "dataset_source": source}
            connection.execute(insert(_DATASETS).values(row).on_conflict_do_nothing())
            same = [_DATASETS.c[column] == row[column] for column in ("experiment_id", "name", "digest")]
            dataset = connection.execute(sql.select(_DATASETS.c.dataset_uuid).where(*same)).scalar_one()
            edge: dict[str, Any] = {"input_uuid": uuid.uuid4().hex, "source_type": "DATASET", "source_id": dataset}
            edge |= {"destination_type": "RUN", "destination_id": run_id, "step": 0}
            connection.execute(insert(_INPUTS).values(edge).on_conflict_do_nothing())

    def set_terminated(self, run_id: str, status: str) -> None:
        """End a run."""
        with self._engine.begin() as connection:
            _require_active(connection, run_id)
            ended = sql.update(_RUNS).where(_RUNS.c.run_uuid == run_id).values(status=status, end_time=_now())
            connection.execute(ended)

    def find_logged_model(self, experiment_id: str, run_id: str, name: str) -> str | None:
        """Give the id of a whole model of a run, if there is one of that name."""
        held = [
            _MODELS.c.experiment_id == int(experiment_id),
            _MODELS.c.source_run_id == run_id,
            _MODELS.c.name == name,
        ]
        held += [_MODELS.c.status == _MODEL_STATUSES["READY"], _MODELS.c.lifecycle_stage == "active"]
        with self._engine.connect() as connection:
            return connection.execute(sql.select(_MODELS.c.model_id).where(*held).limit(1)).scalar()

    def create_logged_model(
        self, experiment_id: str, *, name: str, source_run_id: str, tags: Mapping[str, str]
    ) -> LoggedModel:
        """Begin a model."""
        model_id, now = f"m-{uuid.uuid4().hex}", _now()
        place = f"{self.get_experiment(experiment_id).artifact_location.rstrip('/')}/models/{model_id}/artifacts"
        own = {"model_id": model_id, "experiment_id": int(experiment_id)}
        row = {
            **own,
            "name": name,
            "artifact_location": place,
            "creation_timestamp_ms": now,
            "last_updated_timestamp_ms": now,
            "status": _MODEL_STATUSES["PENDING"],
            "lifecycle_stage": "active",
            "model_type": MODEL_TYPE,
            "source_run_id": source_run_id,
        }
        with self._engine.begin() as connection:
            connection.execute(sql.insert(_MODELS), row)
            if tags:
                texts = [{**own, "tag_key": key, "tag_value": value} for key, value in tags.items()]
                connection.execute(sql.insert(_MODEL_TAGS), texts)
        return LoggedModel(model_id, place)

    def log_model_artifacts(self, model: LoggedModel, folder: Path) -> None:
        """Keep the files of a model."""
        place = local_folder(model.artifact_location)
        if place is None:
            client(str(self._engine.url)).log_model_artifacts(model.model_id, str(folder))
        else:
            shutil.copytree(folder, place, dirs_exist_ok=True)

    def finalize_logged_model(self, model_id: str, status: str) -> None:
        """End a model, which is ``READY`` or ``FAILED``."""
        ended = sql.update(_MODELS).where(_MODELS.c.model_id == model_id)
        values = {"status": _MODEL_STATUSES[status], "last_updated_timestamp_ms": _now()}
        with self._engine.begin() as connection:
            connection.execute(ended.values(values))

    def log_outputs(self, run_id: str, model_id: str, step: int) -> None:
        """Let a run name a model as what came out of it; naming it twice does no harm."""
        edge = {"input_uuid": uuid.uuid4().hex, "source_type": "RUN_OUTPUT", "source_id": run_id, "step": step}
        edge |= {"destination_type": "MODEL_OUTPUT", "destination_id": model_id}
        with self._engine.begin() as connection:
            _require_active(connection, run_id)
            connection.execute(insert(_INPUTS).values(edge).on_conflict_do_nothing())


def _now() -> int:
    return int(time.time() * 1000)


def _of_run(run_id: str, key: str, value: str) -> dict[str, str]:
    return {"run_uuid": run_id, "key": key, "value": value}


def _require_active(connection: sql.Connection, run_id: str) -> int:
    """Refuse a run that is not there or was deleted; give its experiment's id."""
    asked = sql.select(_RUNS.c.lifecycle_stage, _RUNS.c.experiment_id).where(_RUNS.c.run_uuid == run_id)
    found = connection.execute(asked).one_or_none()
    if found is None:
        raise ValueError(f"Run with id={run_id} not found")
    stage, experiment_id = found
    if stage != "active":
        raise ValueError(f"The run {run_id} must be in the 'active' state. Current state is {stage}.")
    return int(experiment_id)


def _read(connection: sql.Connection, condition: sql.ColumnElement[bool]) -> Iterator[Run]:
    """Read the runs that a condition holds for, with all that they have, in four questions."""
    columns = [_RUNS.c[name] for name in _INFO]
    rows = [row._asdict() for row in connection.execute(sql.select(*columns).where(condition))]
    ids = [row["run_uuid"] for row in rows]
    params, tags, metrics = (_by_run(connection, table, ids) for table in (_PARAMS, _TAGS, _LATEST))
    for row in rows:
        run_id = row["run_uuid"]
        yield _run(row, params[run_id], tags[run_id], metrics[run_id])


def _by_run(connection: sql.Connection, table: sql.TableClause, ids: Iterable[str]) -> defaultdict[str, dict[str, Any]]:
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    value = sql.case((table.c.is_nan, None), else_=table.c.value) if "is_nan" in table.c else table.c.value
    asked = sql.select(table.c.run_uuid, table.c.key, value).where(table.c.run_uuid.in_([*ids]))
    for run_id, key, one in connection.execute(asked):
        found[run_id][key] = float("nan") if one is None and table is _LATEST else one
    return found


_INFO = ("run_uuid", "name", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri", "experiment_id")


def _run(row: Mapping[str, Any], params: dict[str, str], tags: dict[str, str], metrics: dict[str, float]) -> Run:
    run_id, name, status, start, end, stage, artifact_uri, experiment_id = (row[column] for column in _INFO)
    info = RunInfo(run_id, name, status, start, end, stage, artifact_uri, str(experiment_id))
    return Run(info, RunData(params, tags, metrics))
