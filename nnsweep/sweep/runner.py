"""One job's run, from its start to its end: what is recorded of it, first in its folder and then in the store.

A run always ends in a known state, whatever happens to the job; a store that refuses costs the run's place in the
store and not its record.
"""

import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from nnsweep.data.dataset import Dataset
from nnsweep.errors import DataError, StoreError, UserError
from nnsweep.masking import masked
from nnsweep.messages import STANDARDIZE, explain_scale, visible
from nnsweep.mlp.history import Trained
from nnsweep.mlp.inputs import LARGE_SCALE
from nnsweep.mlp.snapshot import Snapshot
from nnsweep.mlp.train import NUMERICS_VERSION
from nnsweep.model.packed import preparation_bytes
from nnsweep.palette import COLOURS
from nnsweep.sweep import describe, folder, sending
from nnsweep.sweep.environment import environment
from nnsweep.sweep.folder import Checkpoint, Kept
from nnsweep.sweep.job import OPERATIONAL, Job
from nnsweep.sweep.live import Live
from nnsweep.sweep.place import Place
from nnsweep.sweep.workers import in_words
from nnsweep.tracking import run as runs
from nnsweep.tracking.reading import CONFIGURATION
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

Draw: TypeAlias = Callable[["pd.DataFrame", str, Path], Path]
"""Draws a history under a title into a folder, and returns the picture's path."""


class Runner:
    """A job that is on its way; its run has been started, unless the store is away.

    Parameters
    ----------
    job, place : Job, Place
        What is trained, and where it stands.
    store : Store
        Where it is recorded.
    examples : Dataset
        What it is trained on.
    """

    def __init__(self, job: Job, place: Place, store: Store, examples: Dataset) -> None:
        self.job, self.place, self.store, self.examples = job, place, store, examples
        self.trained = Trained()
        self.live: Live | None = None
        self.number, self.seconds = 0, 0.0
        self.files: list[Path] = []
        self.tags = _tags(job, place, examples)
        self.begun = self.record = RunRecord(
            run_id=_started(store, place.name, self.tags),
            name=place.name,
            state="interrupted",
            reason="interrupted by the user",
            settings=describe.settings(job, place.chosen),
            metrics=describe.sizes(job, examples),
            sweep=place.sweep,
            job=place.number,
            key=self.tags["nnsweep.key"],
            attempt=place.attempt,
            data_digest=examples.digest,
        )

    def require_data(self) -> None:
        """Refuse to train on other data than the sweep was planned with: the result would stand under a wrong key.

        Raises
        ------
        DataError
            If the data are others by now.
        """
        if self.place.key and self.job.key(self.examples.digest) != self.place.key:
            raise DataError(
                f"the data have changed since the sweep began: {self.examples.source} is another by now (digest "
                f"{self.examples.digest[:8]}); start the sweep again, and leave the data alone until it has ended"
            )

    def checkpoint(self) -> Checkpoint | None:
        """Give what an earlier attempt has left to go on from, this sweep's before another's."""
        for place in (self.place.folder, self.place.checkpoint):
            if place and (found := folder.read_checkpoint(place, self.begun.key)):
                return found
        return None

    def restart(self, live: Live, number: int, checkpoint: Checkpoint | None) -> Trained:
        """Begin training, as that network of a stack; what an earlier attempt has sent is not sent again."""
        if self.live is not None:
            live.resume(number, self.live, self.number)
        self.live, self.number, self.record = live, number, self.begun
        self.trained, self.seconds = (checkpoint.trained, checkpoint.seconds) if checkpoint else (Trained(), 0.0)
        return self.trained

    def keep(self, snapshot: Snapshot, seconds: float) -> None:
        """Leave a checkpoint; a disk that is full costs no more than that."""
        kept = Checkpoint(key=self.begun.key, snapshot=snapshot, trained=self.trained, seconds=self.seconds + seconds)
        try:
            folder.write_checkpoint(self.place.folder, kept)
        except (OSError, UserError) as error:
            log.warning("no checkpoint: %s", error)

    def tell(self, seconds: float) -> None:
        """Say how training ended, if it has."""
        if self.trained.ending is None:
            return
        state, reason = _end_of(self.trained, self.examples.feature_scale)
        metrics = self.record.metrics | {"duration_seconds": self.seconds + seconds}
        if state == "finished":
            metrics |= final_metrics(self.trained)
        self.record = replace(self.record, state=state, reason=reason, metrics=metrics)

    def fail(self, error: BaseException) -> None:
        """Say why it failed; the exception is being handled."""
        reason = masked(visible(in_words(error)))
        self.record = replace(self.begun, state="failed", reason=reason)
        self.files = []
        with contextlib.suppress(OSError, UserError):  # the folder itself may be what is wrong
            self.files.append(folder.write_traceback(self.place.folder))

    def finish(self, draw: Draw | None) -> RunRecord:
        """Write the job's folder, then send what is in it; if the store is away, the folder has it all."""
        try:
            if self.record.state != "failed" and self.trained.rows:
                self.files = self._written(draw)
        except (Exception, SystemExit) as error:
            log.exception("the record could not be written")
            self.fail(error)
        except KeyboardInterrupt:
            self.record = self.begun
            self._close()
            raise
        return self._close()

    def _written(self, draw: Draw | None) -> list[Path]:
        place, trained, history = self.place.folder, self.trained, self.trained.history()
        files = [
            folder.write_config(place, self.job.model_dump(mode="json", exclude=OPERATIONAL)),
            folder.write_environment(place, environment()),
            folder.write_history(place, history),
        ]
        if trained.layers:
            files.append(folder.write_weights(place, trained))
            if (preparation := preparation_bytes(self.examples)) is not None:
                files.append(folder.write_preparation(place, preparation))
        if trained.best_right.size:
            files.append(folder.write_correct(place, trained, self.examples.test_digest))
        if draw is not None:
            files.append(draw(folder.frame(history), self.place.name, place))
        return files

    def _close(self) -> RunRecord:
        try:
            kept = folder.write_record(self.place.folder, self._kept(), self.files)
            if self.record.state != "interrupted":
                folder.remove_checkpoint(self.place.folder)
        except (OSError, UserError) as error:
            log.exception("the record could not be written")
            self.fail(error)
            kept = self._kept()
        try:
            return self._sent(kept)
        except (StoreError, UserError, OSError) as refused:
            log.warning("the record waits in its folder: %s", refused)
            return self.record

    def _sent(self, kept: Kept) -> RunRecord:
        unsure = self.live is not None and self.number in self.live.unsure
        if not self.record.run_id or unsure:
            return sending.resend(self.store, self.place.folder, kept)
        points = self.live.rest(self.number, self.trained) if self.trained.rows and self.live is not None else []
        return sending.send(self.store, self.place.folder, kept, points)

    def _kept(self) -> Kept:
        history = self.files and self.trained.rows
        return Kept(
            record=self.record,
            experiment=self.store.experiment,
            tags=self.tags | (self._told() if self.trained.ending else {}),
            data={name: getattr(self.examples, name) for name in ("name", "digest", "source")},
            axes=_axes(self.record, self.place),
            best_epoch=self.trained.best_epoch,
            max_points=self.job.tracking.max_points,
            n_epochs=len(self.trained.rows) if history and self.record.state != "failed" else 0,
        )

    def _told(self) -> dict[str, str]:
        """Tell what came out, below what the run is."""
        told = describe.outcome(self.trained, "val_accuracy" in self.trained.history())
        return {"mlflow.note.content": f"{describe.description(self.job, self.place.chosen)}\n\n{told}"}


def _tags(job: Job, place: Place, examples: Dataset) -> dict[str, str]:
    tags = {
        "nnsweep.kind": "job",
        "nnsweep.sweep": place.sweep,
        "nnsweep.job": str(place.number),
        "nnsweep.attempt": str(place.attempt),
        "nnsweep.key": place.key or job.key(examples.digest),
        "nnsweep.state": "running",
        "nnsweep.data_digest": examples.digest,
        "nnsweep.numerics": str(NUMERICS_VERSION),
        "nnsweep.folder": str(place.folder),
        "mlflow.note.content": describe.description(job, place.chosen),
        "mlflow.source.name": "nnsweep",
        "mlflow.runColor": COLOURS[place.number % len(COLOURS)],
    }
    configuration = json.dumps(job.model_dump(mode="json", exclude=OPERATIONAL | {"data": {"home": True}}))
    if len(configuration) <= runs.LONGEST_TAG:
        tags |= {CONFIGURATION: configuration}
    code = environment()
    if "git_commit" in code:
        tags |= {"mlflow.source.git.commit": code["git_commit"], "nnsweep.git_dirty": str(code["git_dirty"]).lower()}
    return tags


def _started(store: Store, name: str, tags: Mapping[str, str]) -> str:
    try:
        return runs.start(store, name, tags)
    except StoreError as refused:
        log.warning("the run is recorded in its folder alone, for now: %s", refused)
        return ""


def _axes(record: RunRecord, place: Place) -> dict[str, float]:
    """Give the numbers that differ between the jobs: as metrics too they sort as numbers, which params do not."""
    values = {name: value for name in place.varying if not isinstance(value := record.settings.get(name), bool)}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def final_metrics(trained: Trained) -> dict[str, float]:
    """Sum up a finished training.

    Returns
    -------
    dict
        ``test_accuracy`` at the best epoch, ``best_epoch``, ``best_val_accuracy`` (where there is a validation
        part), ``final_test_accuracy``, ``max_test_accuracy`` (over all epochs, an optimistic number),
        ``final_train_cost`` and ``epochs_trained``.
    """
    history, best = trained.history(), trained.best_epoch
    test = history["test_accuracy"]
    metrics = {
        "best_epoch": float(best),
        "test_accuracy": float(test[best]),
        "final_test_accuracy": float(test[-1]),
        "max_test_accuracy": float(np.nanmax(test)),
        "final_train_cost": float(history["train_cost"][-1]),
        "epochs_trained": float(len(trained.rows) - 1),
    }
    if "val_accuracy" in history:
        metrics["best_val_accuracy"] = float(history["val_accuracy"][best])
    return metrics


def _end_of(trained: Trained, scale: float) -> tuple[str, str]:
    last = len(trained.rows) - 1
    if trained.ending == "stopped":
        return "finished", f"stopped early at epoch {last}"
    if trained.ending == "diverged":
        finite = [row[2] for row in trained.rows if np.isfinite(row[2])]
        known = f"the last finite cost was {finite[-1]:.4g}" if finite else "no cost was finite"
        cause = f"; {explain_scale(scale, STANDARDIZE)}" if scale > LARGE_SCALE else ""
        return "diverged", f"cost or weights were not finite at epoch {last}; {known}{cause}"
    return "finished", ""
