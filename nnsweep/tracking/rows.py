"""The rows of runs: how whole runs are read, and recorded, many at a time.

What MLflow spreads over several tables is read with one query to each, and written with one statement to each, however
many runs there are. Every function works in the transaction of the connection that it is given.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sql

from nnsweep.tracking.backend import (
    AT_ONCE,
    LONGEST_DIGEST,
    LONGEST_PARAM,
    LONGEST_TAG,
    Experiment,
    Run,
    RunData,
    RunEntry,
    RunInfo,
    make_artifact_uri,
)
from nnsweep.tracking.record import Point
from nnsweep.tracking.tables import (
    DATASETS,
    LATER_METRICS,
    LATEST_METRICS,
    METRICS,
    NEW_DATASETS,
    NEW_INPUTS,
    NEW_METRICS,
    NEW_PARAMS,
    PARAMS,
    RECORDED_RUNS,
    RUNS,
    SET_TAGS,
    TAGS,
    insert_rows,
)

RUN_NAME = "mlflow.runName"
_INFO = ("run_uuid", "name", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri", "experiment_id")

Texts: TypeAlias = Mapping[str, Mapping[str, str]]
"""Params, or tags, by run id."""


def divide_ids(run_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Divide ids into as many as one query may name."""
    return (run_ids[start : start + AT_ONCE] for start in range(0, len(run_ids), AT_ONCE))


def read_run_rows(connection: sql.Connection, condition: sql.ColumnElement[bool]) -> Iterator[Run]:
    """Read the runs that a condition holds for, with all that they have, in four queries."""
    rows = connection.execute(sql.select(*(RUNS.c[name] for name in _INFO)).where(condition)).all()
    ids = [row.run_uuid for row in rows]
    params, tags, metrics = (_read_pairs(connection, table, ids) for table in (PARAMS, TAGS, LATEST_METRICS))
    for run_id, name, status, start, end, stage, place, experiment_id in rows:
        info = RunInfo(run_id, name, status, start, end, stage, place, str(experiment_id))
        yield Run(info, RunData(params[run_id], tags[run_id], metrics[run_id]))


def _read_pairs(
    connection: sql.Connection, table: sql.TableClause, ids: Iterable[str]
) -> defaultdict[str, dict[str, Any]]:
    values: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    value = sql.case((table.c.is_nan, None), else_=table.c.value) if "is_nan" in table.c else table.c.value
    query = sql.select(table.c.run_uuid, table.c.key, value).where(table.c.run_uuid.in_(ids))
    for run_id, key, one in connection.execute(query):
        values[run_id][key] = float("nan") if one is None and table is LATEST_METRICS else one
    return values


def _read_rows(connection: sql.Connection, table: sql.TableClause, names: str, ids: Collection[str]) -> Iterator[Any]:
    """Read some columns of the rows of runs; those of the runs themselves are locked, always in the same order."""
    for piece in divide_ids(sorted(ids)):
        query = sql.select(*(table.c[name] for name in names.split())).where(table.c.run_uuid.in_(piece))
        if table is RUNS:
            query = query.order_by(table.c.run_uuid).with_for_update(key_share=True)
        yield from connection.execute(query)


def read_experiment_ids(connection: sql.Connection, run_ids: Collection[str]) -> dict[str, int]:
    """Give the experiments that runs belong to, by run id; nobody else writes to the runs in this transaction's time.

    Raises
    ------
    ValueError
        If one of the runs is not there, or was deleted.
    """
    experiments = _find_experiments(connection, run_ids)
    for run_id in run_ids:
        if run_id not in experiments:
            raise ValueError(f"Run with id={run_id} not found")
    return experiments


def _find_experiments(connection: sql.Connection, run_ids: Collection[str]) -> dict[str, int]:
    """Give the experiments of those of the runs that are there."""
    experiments = {}
    for run_id, stage, experiment_id in _read_rows(connection, RUNS, "run_uuid lifecycle_stage experiment_id", run_ids):
        if stage != "active":
            raise ValueError(f"The run {run_id} must be in the 'active' state. Current state is {stage}.")
        experiments[run_id] = int(experiment_id)
    return experiments


def write_run_rows(connection: sql.Connection, experiment: Experiment, entries: Sequence[RunEntry]) -> None:
    """Record whole runs of an experiment; see `nnsweep.tracking.backend.Backend.record_runs`.

    A new run that is there already is one whose recording was never confirmed: it is recorded as one that has begun.

    Raises
    ------
    ValueError
        If a run that has begun is not there, or was deleted, or has another value of a param.
    """
    read_experiment_ids(connection, [entry.run_id for entry in entries if not entry.is_new])
    begun = _find_experiments(connection, [entry.run_id for entry in entries])
    # first of all: it locks an SQLite file
    insert_rows(connection, RECORDED_RUNS, [_run_row(experiment, entry) for entry in entries])
    now = int(time.time() * 1000)
    write_params(connection, {entry.run_id: entry.params for entry in entries}, begun=begun)
    values = [(entry.run_id, entry.end_time or now, point) for entry in entries for point in entry.finite]
    write_metrics(connection, _drop_recorded(connection, values, begun))
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
    earlier = [run_id for run_id in texts if run_id in begun]
    for run_id, key, value in _read_rows(connection, PARAMS, "run_uuid key value", earlier):
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
    for run_id, time_ms, (name, number, step) in values:
        value = float(number)  # psycopg takes no arrays of whole numbers and others
        rows.append((name, value, time_ms, run_id, step, False))
        place, order = (name, run_id), (step, time_ms, value)
        if place not in latest or latest[place] < order:
            latest[place] = order
    insert_rows(connection, NEW_METRICS, rows)
    lasting = [(name, value, at, step, False, run_id) for (name, run_id), (step, at, value) in latest.items()]
    insert_rows(connection, LATER_METRICS, lasting)


def _drop_recorded(
    connection: sql.Connection, values: Sequence[tuple[str, int, Point]], begun: Collection[str]
) -> Sequence[tuple[str, int, Point]]:
    """Leave out values that runs have already, whenever these were recorded."""
    earlier = {run_id for run_id, _, _ in values if run_id in begun}
    there = {tuple(row) for row in _read_rows(connection, METRICS, "run_uuid key value step", earlier)}
    return [value for value in values if (value[0], *value[2]) not in there] if there else values


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
    query = sql.select(*columns).where(*held)
    ids = {(experiment, name, digest): dataset for experiment, name, digest, dataset in connection.execute(query)}
    edges = {
        (run_id, ids[experiment, name, digest]): (uuid.uuid4().hex, "DATASET", ids[experiment, name, digest])
        for run_id, experiment, (name, digest, _) in seen
    }
    insert_rows(connection, NEW_INPUTS, [(*edge, "RUN", run_id, 0) for (run_id, _), edge in edges.items()])
