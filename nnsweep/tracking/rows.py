"""The rows of runs: how whole runs are read, and recorded, many at a time.

What MLflow spreads over several tables is read with one question to each, and written with one statement to each,
however many runs there are. Every function works in the transaction of the connection that it is given.
"""

import random
import shutil
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sql
from sqlalchemy.exc import OperationalError

from nnsweep.tracking.backend import (
    AT_ONCE,
    LONGEST_DIGEST,
    LONGEST_PARAM,
    LONGEST_TAG,
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
from nnsweep.tracking.store import local_folder
from nnsweep.tracking.tables import (
    DATASETS,
    EXPERIMENTS,
    LATER_METRICS,
    LATEST_METRICS,
    METRICS,
    MODELS,
    NEW_DATASETS,
    NEW_EXPERIMENTS,
    NEW_INPUTS,
    NEW_METRICS,
    NEW_MODEL_TAGS,
    NEW_MODELS,
    NEW_PARAMS,
    PARAMS,
    RECORDED_RUNS,
    RUNS,
    SET_EXPERIMENT_TAGS,
    SET_TAGS,
    TAGS,
    insert_rows,
)

RUN_NAME = "mlflow.runName"
_INFO = ("run_uuid", "name", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri", "experiment_id")

Texts: TypeAlias = Mapping[str, Mapping[str, str]]
"""Params, or tags, by run id."""


# ---- reading


def divide_ids(run_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Divide ids into as many as are asked for in one question."""
    return (run_ids[start : start + AT_ONCE] for start in range(0, len(run_ids), AT_ONCE))


def read_run_rows(connection: sql.Connection, condition: sql.ColumnElement[bool]) -> Iterator[Run]:
    """Read the runs that a condition holds for, with all that they have, in four questions."""
    rows = connection.execute(sql.select(*(RUNS.c[name] for name in _INFO)).where(condition)).all()
    ids = [row.run_uuid for row in rows]
    params, tags, metrics = (_by_run(connection, table, ids) for table in (PARAMS, TAGS, LATEST_METRICS))
    for run_id, name, status, start, end, stage, place, experiment_id in rows:
        info = RunInfo(run_id, name, status, start, end, stage, place, str(experiment_id))
        yield Run(info, RunData(params[run_id], tags[run_id], metrics[run_id]))


def _by_run(connection: sql.Connection, table: sql.TableClause, ids: Iterable[str]) -> defaultdict[str, dict[str, Any]]:
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    value = sql.case((table.c.is_nan, None), else_=table.c.value) if "is_nan" in table.c else table.c.value
    asked = sql.select(table.c.run_uuid, table.c.key, value).where(table.c.run_uuid.in_([*ids]))
    for run_id, key, one in connection.execute(asked):
        found[run_id][key] = float("nan") if one is None and table is LATEST_METRICS else one
    return found


def _of_runs(connection: sql.Connection, table: sql.TableClause, names: str, ids: Collection[str]) -> Iterator[Any]:
    """Read some columns of the rows of runs; those of the runs themselves are locked, always in the same order."""
    for piece in divide_ids(sorted(ids)):
        asked = sql.select(*(table.c[name] for name in names.split())).where(table.c.run_uuid.in_(piece))
        if table is RUNS:
            asked = asked.order_by(table.c.run_uuid).with_for_update(key_share=True)
        yield from connection.execute(asked)


def read_experiment_ids(connection: sql.Connection, run_ids: Collection[str]) -> dict[str, int]:
    """Give the experiments that runs belong to, by run id; nobody else writes to the runs in this transaction's time.

    Raises
    ------
    ValueError
        If one of the runs is not there, or was deleted.
    """
    found = _known(connection, run_ids)
    for run_id in run_ids:
        if run_id not in found:
            raise ValueError(f"Run with id={run_id} not found")
    return found


def _known(connection: sql.Connection, run_ids: Collection[str]) -> dict[str, int]:
    """Give the experiments of those of the runs that are there."""
    found = {}
    for run_id, stage, experiment_id in _of_runs(connection, RUNS, "run_uuid lifecycle_stage experiment_id", run_ids):
        if stage != "active":
            raise ValueError(f"The run {run_id} must be in the 'active' state. Current state is {stage}.")
        found[run_id] = int(experiment_id)
    return found


# ---- recording


def write_run_rows(connection: sql.Connection, experiment: Experiment, entries: Sequence[RunEntry]) -> None:
    """Record whole runs of an experiment; see `nnsweep.tracking.backend.Backend.record_runs`.

    A new run that is there already is one whose recording was never confirmed: it is recorded as one that has begun.

    Raises
    ------
    ValueError
        If a run that has begun is not there, or was deleted, or has another value of a param.
    """
    read_experiment_ids(connection, [entry.run_id for entry in entries if not entry.is_new])
    begun = _known(connection, [entry.run_id for entry in entries])
    # first of all: it locks an SQLite file
    insert_rows(connection, RECORDED_RUNS, [_run_row(experiment, entry) for entry in entries])
    now = int(time.time() * 1000)
    write_params(connection, {entry.run_id: entry.params for entry in entries}, begun=begun)
    values = [(entry.run_id, entry.end_time or now, point) for entry in entries for point in entry.finite]
    write_metrics(connection, _lacking(connection, values, begun))
    own = int(experiment.experiment_id)
    seen = [(entry.run_id, begun.get(entry.run_id, own), entry.dataset) for entry in entries if entry.dataset]
    write_datasets(connection, seen)
    names = {entry.run_id: {} if entry.run_id in begun else {RUN_NAME: entry.name} for entry in entries}
    write_tags(connection, {entry.run_id: {**entry.tags, **names[entry.run_id]} for entry in entries})


def _run_row(experiment: Experiment, entry: RunEntry) -> tuple[Any, ...]:
    return (
        entry.run_id,
        entry.name,
        "UNKNOWN",
        "",
        "",
        entry.tags.get("mlflow.user", "unknown"),
        entry.status,
        entry.start_time,
        entry.end_time,
        "",
        "active",
        make_artifact_uri(experiment.artifact_location, entry.run_id),
        int(experiment.experiment_id),
    )


def write_params(connection: sql.Connection, params: Texts, *, begun: Collection[str]) -> None:
    """Record params of runs; those that have begun may have some of them.

    Raises
    ------
    ValueError
        If a run has another value of one.
    """
    texts = {
        run_id: {key: value[:LONGEST_PARAM] for key, value in own.items()} for run_id, own in params.items() if own
    }
    asked = [run_id for run_id in texts if run_id in begun]
    for run_id, key, value in _of_runs(connection, PARAMS, "run_uuid key value", asked):
        if texts[run_id].get(key, value) != value:
            raise ValueError(f"Changing param values is not allowed: {key} of run {run_id} is {value!r} already")
    rows = [(key, value, run_id) for run_id, own in texts.items() for key, value in own.items()]
    insert_rows(connection, NEW_PARAMS, rows)


def write_tags(connection: sql.Connection, tags: Texts) -> None:
    """Give runs tags, or tags other values."""
    rows = [(key, value[:LONGEST_TAG], run_id) for run_id, own in tags.items() for key, value in own.items()]
    insert_rows(connection, SET_TAGS, rows)


def write_metrics(connection: sql.Connection, values: Sequence[tuple[str, int, Point]]) -> None:
    """Record values with their runs and times; the last one of each metric is the latest by step, time and value."""
    rows = []
    latest: dict[tuple[str, str], tuple[int, int, float]] = {}
    for run_id, time_ms, (name, value, step) in values:
        rows.append((name, value, time_ms, run_id, step, False))
        place, order = (name, run_id), (step, time_ms, value)
        if place not in latest or latest[place] < order:
            latest[place] = order
    insert_rows(connection, NEW_METRICS, rows)
    lasting = [(name, value, at, step, False, run_id) for (name, run_id), (step, at, value) in latest.items()]
    insert_rows(connection, LATER_METRICS, lasting)


def _lacking(
    connection: sql.Connection, values: Sequence[tuple[str, int, Point]], begun: Collection[str]
) -> Sequence[tuple[str, int, Point]]:
    """Leave out values that runs have already, whenever these were recorded."""
    asked = {run_id for run_id, _, _ in values if run_id in begun}
    found = {tuple(row) for row in _of_runs(connection, METRICS, "run_uuid key value step", asked)}
    return [one for one in values if (one[0], *one[2]) not in found] if found else values


def write_datasets(connection: sql.Connection, seen: Sequence[tuple[str, int, tuple[str, str, str]]]) -> None:
    """Record which data runs saw: run, experiment, and name, digest and source of each.

    Another process may record the same data at the same time.
    """
    if not seen:
        return
    seen = [
        (run_id, experiment, (name, digest[:LONGEST_DIGEST], source))
        for run_id, experiment, (name, digest, source) in seen
    ]
    known = {(experiment, name, digest): source for _, experiment, (name, digest, source) in seen}
    rows = [(uuid.uuid4().hex, *key, "nnsweep", source) for key, source in known.items()]
    insert_rows(connection, NEW_DATASETS, rows)
    columns = [DATASETS.c[name] for name in ("experiment_id", "name", "digest", "dataset_uuid")]
    experiments, names, digests = (sorted({key[place] for key in known}) for place in range(3))
    held = (DATASETS.c.experiment_id.in_(experiments), DATASETS.c.name.in_(names), DATASETS.c.digest.in_(digests))
    asked = sql.select(*columns).where(*held)
    ids = {(experiment, name, digest): found for experiment, name, digest, found in connection.execute(asked)}
    edges = {
        (run_id, ids[experiment, name, digest]): (uuid.uuid4().hex, "DATASET", ids[experiment, name, digest])
        for run_id, experiment, (name, digest, _) in seen
    }
    insert_rows(connection, NEW_INPUTS, [(*edge, "RUN", run_id, 0) for (run_id, _), edge in edges.items()])


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
        (found,) = self._experiments(EXPERIMENTS.c.experiment_id == int(experiment_id))
        return found

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Find an experiment, also one that was deleted."""
        return next(iter(self._experiments(EXPERIMENTS.c.name == name)), None)

    def search_experiments(self) -> list[Experiment]:
        """Give all experiments that were not deleted, the newest first."""
        return self._experiments(EXPERIMENTS.c.lifecycle_stage == "active")

    def _experiments(self, condition: sql.ColumnElement[bool]) -> list[Experiment]:
        order = EXPERIMENTS.c.creation_time.desc(), EXPERIMENTS.c.experiment_id
        asked = sql.select(*(EXPERIMENTS.c[name] for name in Experiment.__slots__)).where(condition).order_by(*order)
        with self._engine.connect() as connection:
            return [Experiment(str(number), *more) for number, *more in connection.execute(asked)]

    def create_experiment(self, name: str, artifact_location: str | None) -> str:
        """Make an experiment; another process may do so at the same time."""
        now = _now()
        with self._engine.begin() as connection:
            insert_rows(connection, NEW_EXPERIMENTS, [(name, artifact_location, "active", now, now)])
        found = self.get_experiment_by_name(name)
        assert found is not None
        return found.experiment_id

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
            found = [*read_run_rows(connection, RUNS.c.run_uuid == run_id)]
        if not found:
            raise ValueError(f"Run with id={run_id} not found")
        return found[0]

    def find_runs(self, experiment_ids: Sequence[str], query: RunQuery) -> Iterator[Run]:
        """Find runs, oldest first."""
        if query.run_ids is None:
            yield from self._found(experiment_ids, query, oldest_first=True)
            return
        for piece in divide_ids([*query.run_ids]):
            yield from self._found(experiment_ids, query, RUNS.c.run_uuid.in_(piece), oldest_first=True)

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
        held = [RUNS.c.experiment_id.in_([*map(int, experiment_ids)]), *more]
        held += [] if query.deleted else [RUNS.c.lifecycle_stage == "active"]
        held += [RUNS.c.status == query.status] if query.status else []
        held += [RUNS.c.name == query.name] if query.name else []
        held += [RUNS.c.run_uuid.startswith(query.id_start, autoescape=True)] if query.id_start else []
        for key, value in query.tags.items():
            has_tag = sql.select(TAGS.c.run_uuid).where(TAGS.c.key == key, TAGS.c.value == value)
            held.append(RUNS.c.run_uuid.in_(has_tag))
        order = RUNS.c.start_time if oldest_first else RUNS.c.start_time.desc()
        asked = sql.select(RUNS.c.run_uuid).where(*held).order_by(order, RUNS.c.run_uuid).limit(limit)
        with self._engine.connect() as connection:
            ids = [*connection.execute(asked).scalars()]
            conditions = (RUNS.c.run_uuid.in_(piece) for piece in divide_ids(ids))
            found = {run.info.run_id: run for condition in conditions for run in read_run_rows(connection, condition)}
        return [found[run_id] for run_id in ids if run_id in found]

    def metric_steps(self, run_id: str, name: str) -> set[int]:
        """Give the steps that a metric of a run has values of."""
        asked = sql.select(METRICS.c.step).where(METRICS.c.run_uuid == run_id, METRICS.c.key == name)
        with self._engine.connect() as connection:
            return {*connection.execute(asked).scalars()}

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
        held = [
            MODELS.c.experiment_id == int(experiment_id),
            MODELS.c.source_run_id == run_id,
            MODELS.c.name == name,
        ]
        held += [MODELS.c.status == _MODEL_STATUSES["READY"], MODELS.c.lifecycle_stage == "active"]
        with self._engine.connect() as connection:
            found = connection.execute(sql.select(MODELS.c.model_id, MODELS.c.name).where(*held))
            return next((model_id for model_id, its_name in found if its_name == name), None)

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
