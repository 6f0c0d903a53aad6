"""The model of a run: made of what the run has left, and kept in the store beside it.

MLflow calls it a logged model. It is ready when all of it is there; one that was begun and not finished does not count.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import yaml

from nnsweep.errors import DataError, StoreError
from nnsweep.messages import visible
from nnsweep.model.packed import PREPARATION, WEIGHTS, packed
from nnsweep.model.predictor import Model
from nnsweep.scratch import scratch_folder
from nnsweep.tracking.artifacts import artifact
from nnsweep.tracking.backend import LoggedModel, backend
from nnsweep.tracking.client import explained
from nnsweep.tracking.model_folder import save
from nnsweep.tracking.reading import record_of
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

NAME = "model"
"""What the model of a run is called, so that ``runs:/RUN/model`` finds it."""


def model_of(store: Store, run_id: str) -> Model:
    """Make the model of a run from what the store has of it.

    Raises
    ------
    DataError
        If the run has left no weights or no preparation, or they are damaged.
    StoreError
        If the store refuses.
    """
    with explained(store.uri):
        record = record_of(backend(store.uri).get_run(run_id))
    title = f"run {visible(record.name)} ({run_id})"
    with contextlib.ExitStack() as files:
        names = (WEIGHTS, PREPARATION, "config.yaml")
        weights, preparation, config = (files.enter_context(artifact(store, run_id, name)) for name in names)
        if weights is None or config is None:
            raise DataError(f"{title} has no weights (it is {record.state}); choose a run that has finished")
        if preparation is None:
            raise DataError(f"{title} has no {PREPARATION}, as an earlier version left it; run it again (rerun=all)")
        try:
            return packed(preparation, weights, yaml.safe_load(config.read_text(encoding="utf-8")), _about(record))
        except (DataError, yaml.YAMLError, UnicodeError) as error:
            raise DataError(f"{title}: {visible(str(error))}") from error


def _about(record: RunRecord) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "name": record.name,
        "key": record.key,
        "data": str(record.settings.get("data", "")),
        "data_digest": record.data_digest,
        "test_accuracy": record.metrics.get("test_accuracy"),
        "best_epoch": record.metrics.get("best_epoch"),
    }


def logged(store: Store, run_id: str) -> str | None:
    """Give the id of the model that the store has of a run, if it has a whole one."""
    with explained(store.uri):
        return backend(store.uri).find_logged_model(store.experiment_id, run_id, NAME)


def log(store: Store, run_id: str) -> str:
    """Keep the model of a run in the store, beside the run; once, however often it is asked for.

    Returns
    -------
    str
        The model's id: ``models:/ID`` and ``runs:/RUN_ID/model`` load it.

    Raises
    ------
    DataError
        If the run has not left what a model needs.
    StoreError
        If the store refuses; a model that was begun is no model then, and is made anew the next time.
    """
    model_id = logged(store, run_id)
    if model_id is None:
        model = model_of(store, run_id)
        with _begun(store, run_id, model) as begun, scratch_folder() as temporary:
            model_id, folder = begun.model_id, temporary / NAME
            save(model, folder, run_id=run_id, model_id=model_id)
            with explained(store.uri):
                backend(store.uri).log_model_artifacts(begun, folder)
    _link(store, run_id, model_id)
    return model_id


@contextlib.contextmanager
def _begun(store: Store, run_id: str, model: Model) -> Iterator[LoggedModel]:
    """Begin a model in the store; it is ready when the block ends, or else given up."""
    about = {name: str(value) for name, value in model.about["run"].items() if value not in (None, "")}
    tags = {f"nnsweep.{name}": text for name, text in about.items() if name not in ("run_id", "name")}
    with explained(store.uri):
        asked = backend(store.uri)
        begun = asked.create_logged_model(store.experiment_id, name=NAME, source_run_id=run_id, tags=tags)
    try:
        yield begun
    except BaseException:
        with contextlib.suppress(StoreError), explained(store.uri):
            asked.finalize_logged_model(begun.model_id, "FAILED")
        raise
    with explained(store.uri):
        asked.finalize_logged_model(begun.model_id, "READY")


def _link(store: Store, run_id: str, model_id: str) -> None:
    """Let the run name the model as what came out of it, as MLflow shows it."""
    with explained(store.uri):
        asked = backend(store.uri)
        step = int(record_of(asked.get_run(run_id)).metrics.get("best_epoch", 0))
        asked.log_outputs(run_id, model_id, step)
