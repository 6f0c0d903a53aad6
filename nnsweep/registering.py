"""Registering: the best run of a sweep, or another one of its runs, goes into the model registry."""

from pathlib import Path

from nnsweep.errors import ConfigError
from nnsweep.jobs.consistency import require_consistent
from nnsweep.loading import check_name
from nnsweep.results.frame import frame
from nnsweep.results.ranking import rank_runs
from nnsweep.text import mask_secrets, printable
from nnsweep.tracking import models, query
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, follow_store, resolve_uri


def registered(
    sweep: str,
    *,
    name: str | None = None,
    alias: str | None = None,
    run: str | None = None,
    experiment: str | None = None,
    uri: str | None = None,
) -> list[str]:
    """Put the best run of a sweep, or another one of its runs, into the model registry.

    Returns
    -------
    list of str
        What to tell the user.

    Raises
    ------
    ConfigError
        If there is no such sweep or run, or a name is none.
    DataError
        If the run has not left what a model needs.
    DifferenceError
        If what is recorded of the run does not agree with itself.
    StoreError
        If the store cannot be used.
    """
    check_name(experiment or "")
    address = resolve_uri(uri, Path.cwd())
    if name is not None:
        models.check_model_names(name, alias)
    store = query.find_store_of_sweep(address, sweep, experiment)
    follow_store(store)
    name = name or models.make_model_name(store.experiment)
    models.check_model_names(name, alias)
    record = _chosen(store, sweep, run)
    require_consistent(query.read_run(store.uri, record.run_id, store.experiment))
    made = models.register_model(
        store,
        record.run_id,
        models.log_model(store, record.run_id),
        name=name,
        alias=alias,
        description=_described(record, sweep),
        tags=_tags(record, sweep),
    )
    return _told(store, record, made, alias)


def _chosen(store: Store, sweep: str, run: str | None) -> RunRecord:
    records = {record.run_id: record for record in query.find_job_runs(store, sweep)}
    if run is not None:
        meant = query.make_record(query.find_job_run(store.uri, run, store.experiment)[1])
        if meant.run_id not in records:
            raise ConfigError(f"--run={printable(run)}: is none of sweep {printable(sweep)}")
        return meant
    first = rank_runs(frame([*records.values()]))["run_id"].tolist()[:1]
    if not first or records[first[0]].state != "finished":
        raise ConfigError(f"sweep {printable(sweep)} has no run that finished: there is nothing to register")
    return records[first[0]]


def _described(record: RunRecord, sweep: str) -> str:
    settings = ", ".join(f"{key}={record.settings[key]}" for key in ("data", "activation") if key in record.settings)
    return f"{record.name} of sweep {sweep} ({settings}): {_accuracy(record)}"


def _accuracy(record: RunRecord) -> str:
    accuracy = record.metrics.get("test_accuracy")
    return "no test accuracy" if accuracy is None else f"test accuracy {accuracy:.4f}"


def _tags(record: RunRecord, sweep: str) -> dict[str, str]:
    tags = {
        "run_id": record.run_id,
        "sweep": sweep,
        "key": record.key,
        "data_digest": record.data_digest,
        "test_accuracy": repr(record.metrics["test_accuracy"]) if "test_accuracy" in record.metrics else "",
    }
    return {f"nnsweep.{key}": text for key, text in tags.items() if text}


def _told(store: Store, record: RunRecord, made: models.RegisteredVersion, alias: str | None) -> list[str]:
    which = f"models:/{made.name}@{alias}" if alias else f"models:/{made.name}/{made.version}"
    known = "" if made.is_new else ", which was there already"
    pointed = f"; {alias} points at it" if alias else ""
    address = mask_secrets(store.uri)
    return [
        f"{made.name}, version {made.version}{known}: {record.title}, {_accuracy(record)}{pointed}",
        f"Load it:   mlflow.set_tracking_uri('{address}'); mlflow.pyfunc.load_model('{which}').predict(frame)",
        f"Serve it:  MLFLOW_TRACKING_URI='{address}' mlflow models serve --model-uri '{which}' --env-manager local",
    ]
