"""Who writes to which stores, what is written, and what MLflow's own client reads of it."""

import functools
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from mlflow import MlflowClient

from nnsweep.tracking.backend import Backend, RunEntry
from nnsweep.tracking.mlflow_backend import ClientBackend
from nnsweep.tracking.record import Point
from nnsweep.tracking.row_backend import RowBackend

Make = Callable[[str], Backend]
PLACE, RUN_NAME = "/somewhere/mlartifacts", "mlflow.runName"
TAGS = {"nnsweep.kind": "job", "note": "ü 'quoted' \"twice\"", "empty": "", "mlflow.user": "ada"}
CURVE = [Point("train_cost", 1.0 / (1 + step), step) for step in range(5)]


class Writer(NamedTuple):
    """Who writes, and in which store."""

    make: Make
    uri: str


rows = functools.cache(RowBackend)  # so that its connections are known, and closed after a test
MAKES: dict[str, Make] = {"rows": rows, "client": lambda uri: ClientBackend(MlflowClient(uri))}
DATABASES = ("file", "postgresql", "psycopg", "mariadb")
WRITERS = [*(f"rows/{database}" for database in DATABASES), "client/file", "client/mlflow"]


def unused(name: str) -> str:
    """Give a name that nothing has yet: tests share the stores of servers."""
    return f"{name} {uuid.uuid4().hex}"


def write(asked: Backend, experiment: str, name: str = "first") -> str:
    """Write a run as a job does: begun, sent in pieces of which one comes twice, ended."""
    run_id = asked.create_run(experiment, tags=TAGS, run_name=name).info.run_id
    asked.log_batch(run_id, metrics=CURVE[:3], params={"seed": "0", "long": "x" * 7000}, tags={})
    asked.log_batch(run_id, metrics=CURVE[3:], params={"seed": "0"}, tags={"note": "changed", "later": "1"})
    asked.log_batch(run_id, metrics=[Point("test_accuracy", 0.5)], params={}, tags={})
    asked.log_batch(run_id, metrics=[Point("train_cost", 9.0, 1)], params={}, tags={})  # an earlier step comes late
    for _ in range(2):
        asked.log_inputs(run_id, name="digits", digest="d" * 36, source="wheel")
    asked.set_terminated(run_id, "FINISHED")
    return run_id


def contents(seen: MlflowClient, run_id: str) -> dict[str, Any]:
    """Give all that MLflow's client reads of a run, without its id and the time."""
    run = seen.get_run(run_id)
    info = {name: getattr(run.info, name) for name in ("run_name", "status", "lifecycle_stage", "user_id")}
    return {
        **info,
        "place": run.info.artifact_uri.replace(run_id, "RUN"),
        "ended": run.info.end_time is not None,
        "params": run.data.params,
        "tags": run.data.tags,
        "latest": run.data.metrics,
        "curves": {
            name: sorted((point.step, point.value) for point in seen.get_metric_history(run_id, name))
            for name in run.data.metrics
        },
        "data": [
            {**vars(each.dataset), "tags": [*map(vars, each.tags)]}
            for each in (run.inputs.dataset_inputs if run.inputs else [])
        ],
    }


def entry(name: str = "whole", **given: Any) -> RunEntry:
    """Give a run as it is recorded at its end."""
    fields: dict[str, Any] = {
        "run_id": uuid.uuid4().hex,
        "tags": TAGS | {"nnsweep.state": "finished", "long": "y" * 9000},
        "params": {"seed": "0", "long": "x" * 7000, "ü": "🙂 'quoted' \\"},
        "metrics": [*CURVE, Point("test_accuracy", 0.5), Point("test_accuracy", 0.75, 5), Point("tiny", 1e-300)],
        "dataset": ("digits", "d" * 64, "wheel"),
        "status": "FINISHED",
        "start_time": 1_700_000_000_000,
        "end_time": 1_700_000_060_000,
        "is_new": True,
    }
    return RunEntry(name=name, **fields | given)


def expected(one: RunEntry) -> dict[str, Any]:
    """Say what MLflow's client reads of a run that was recorded whole."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for point in one.metrics:
        curves.setdefault(point.name, []).append((point.step, point.value))
    assert one.dataset is not None
    name, digest, source = one.dataset
    data = {"name": name, "digest": digest[:36], "source": source, "source_type": "nnsweep"}
    return {
        "run_name": one.name,
        "status": one.status,
        "lifecycle_stage": "active",
        "user_id": "ada",
        "place": "/somewhere/mlartifacts/RUN/artifacts",
        "ended": True,
        "params": {key: value[:6000] for key, value in one.params.items()},
        "tags": {key: value[:8000] for key, value in one.tags.items()} | {RUN_NAME: one.name},
        "latest": {name: max(points)[1] for name, points in curves.items()},
        "curves": {name: sorted(points) for name, points in curves.items()},
        "data": [{f"_{key}": value for key, value in data.items()} | {"_schema": None, "_profile": None, "tags": []}],
    }
