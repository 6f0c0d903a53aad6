"""A job while it is trained: the metrics that it reports, its checkpoints, and the result that it ends with.

What its network measures is reported a few seconds apart, thinned from the start, so that a curve never has more points
in the store than it may have. Where points and result go from here, and when, is up to the recorder.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nnsweep.data.dataset import Dataset
from nnsweep.errors import DataError, UserError
from nnsweep.jobs import names
from nnsweep.jobs.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from nnsweep.jobs.environment import describe_environment, encode_environment
from nnsweep.jobs.job import OPERATIONAL, Job
from nnsweep.jobs.job_folder import make_history_frame
from nnsweep.jobs.result import (
    CONFIG,
    ENVIRONMENT,
    HISTORY,
    TRACEBACK,
    JobResult,
    JobStart,
    Kept,
    encode_config,
    encode_correct,
    encode_history,
    encode_traceback,
    encode_weights,
    explain_job_failure,
)
from nnsweep.jobs.task import Place
from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.batches import LARGE_SCALE
from nnsweep.mlp.curves import choose_stored
from nnsweep.mlp.evaluation import compute_outputs, evaluate, fit_temperature, measure_calibration
from nnsweep.mlp.history import Trained
from nnsweep.mlp.losses import make_loss
from nnsweep.mlp.network import Layers
from nnsweep.mlp.snapshot import Snapshot
from nnsweep.mlp.train import NUMERICS_VERSION
from nnsweep.model.packed import PREPARATION, WEIGHTS, pack_preparation
from nnsweep.results.plots import COLOURS
from nnsweep.text import STANDARDIZE, explain_scale
from nnsweep.tracking import runs
from nnsweep.tracking.record import CORRECT, EVALUATION, Evaluation, Point, RunRecord, pack_evaluation
from nnsweep.tracking.recorded_run import CONFIGURATION
from nnsweep.tracking.runs import LONGEST_TAG, OWNER

if TYPE_CHECKING:
    import pandas as pd


log = logging.getLogger(__name__)

Draw: TypeAlias = Callable[["pd.DataFrame", str, Path], Path]
"""Draws a history under a title into a folder, and returns the picture's path."""
EVERY_SECONDS = 3.0
"""How often what a stack measures is reported."""
RESERVED = 3
"""Points of a curve that are kept for its end: the best epoch, the last, and the value that closes it."""


class MetricStream:
    """The points of one job that are reported live; each is reported once, even if training starts over.

    Parameters
    ----------
    job : Job
        How long it trains, and how many points a curve may have.

    Attributes
    ----------
    reported : set of int
        The epochs that have been reported.
    """

    def __init__(self, job: Job) -> None:
        trainer = job.trainer.settings()
        self._points = job.tracking.max_points
        n_measured = trainer["epochs"] // trainer["evaluate_every"] + 1
        self._stride = trainer["evaluate_every"] * -(-n_measured // max(1, self._points - RESERVED))
        self.reported: set[int] = set()

    def due(self, network: Trained) -> list[Point]:
        """Take the points that are due and have not been reported yet; they count as reported from now on."""
        epochs = [epoch for epoch in range(0, len(network.rows), self._stride) if epoch not in self.reported]
        self.reported.update(epochs)
        return _make_points(network, epochs) if epochs else []

    def rest(self, network: Trained) -> list[Point]:
        """Give the points that a network's curves still lack at its end: always the first, the last and the best."""
        if not self.reported:
            return runs.thin_curves(_take_stored(network), keep=[network.best_epoch], points=self._points - 1)
        epochs = {*range(0, len(network.rows), self._stride), network.best_epoch}
        return _make_points(network, epochs, but=self.reported, last=True)


class Clock:
    """Decides when a stack's points are due."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def is_due(self) -> bool:
        """Check whether enough time has passed since this last returned True."""
        if time.monotonic() - self._last < EVERY_SECONDS:
            return False
        self._last = time.monotonic()
        return True


def _make_points(
    network: Trained, epochs: Iterable[int], *, but: Set[int] = frozenset(), last: bool = False
) -> list[Point]:
    """Give the points of some epochs and, with `last`, each curve's last one."""
    history = _take_stored(network)
    del history["epoch"]
    return [
        Point(name, float(curve[epoch]), epoch)
        for name, curve in history.items()
        for measured in [np.flatnonzero(np.isfinite(curve)).tolist()]
        for epoch in sorted({*epochs, *(measured[-1:] if last else [])}.intersection(measured) - but)
    ]


def _take_stored(network: Trained) -> dict[str, FloatArray]:
    """Take the curves that go to a store, with ``epoch``."""
    history = network.history()
    stored = choose_stored(history, f"val_{network.selection.measure}")
    return {name: history[name] for name in ("epoch", *stored)}


class JobRun:
    """A job that is being trained.

    Parameters
    ----------
    job, place : Job, Place
        What is trained, and its place in the sweep.
    examples : Dataset
        What it is trained on.
    """

    def __init__(self, job: Job, place: Place, examples: Dataset) -> None:
        self.job, self.place, self.examples = job, place, examples
        self.trained, self.seconds = Trained(), 0.0
        self.stream = MetricStream(job)
        self._configuration = job.model_dump(mode="json", exclude=OPERATIONAL)
        self.tags = _make_tags(job, place, examples, self._configuration)
        self.contents: dict[str, bytes] = {}
        self.begun = self.record = RunRecord(
            run_id="",
            name=place.name,
            state="interrupted",
            reason="interrupted by the user",
            settings=names.flatten_settings(job, place.chosen),
            metrics=names.measure_sizes(job, examples),
            sweep=place.sweep,
            job=place.number,
            key=self.tags["nnsweep.key"],
            attempt=place.attempt,
            data_digest=examples.digest,
        )

    @property
    def start(self) -> JobStart:
        """What the recorder must know before the job is trained."""
        owner = {OWNER: self.place.owner} if self.place.owner else {}
        return JobStart(record=self.begun, tags=self.tags | owner)

    def require_data(self) -> None:
        """Refuse to train on other data than the sweep was planned with: the result would have a wrong key.

        Raises
        ------
        DataError
            If the data have changed.
        """
        if self.place.key and self.job.key(self.examples.digest) != self.place.key:
            raise DataError(
                f"the data have changed since the sweep began: {self.examples.source} is another by now (digest "
                f"{self.examples.digest[:8]}); start the sweep again, and leave the data alone until it has ended"
            )

    def checkpoint(self) -> Checkpoint | None:
        """Read the checkpoint of an earlier attempt, in this sweep or else in another; None if there is none."""
        for place in (self.place.folder, self.place.checkpoint):
            if place and (checkpoint := read_checkpoint(place, self.begun.key)):
                return checkpoint
        return None

    def restart(self, checkpoint: Checkpoint | None) -> Trained:
        """Begin training anew or from a checkpoint; what an earlier attempt has reported is not reported again."""
        self.record, self.contents = self.begun, {}
        self.trained, self.seconds = (checkpoint.trained, checkpoint.seconds) if checkpoint else (Trained(), 0.0)
        return self.trained

    def write_checkpoint(self, snapshot: Snapshot, seconds: float) -> None:
        """Write a checkpoint; if the disk is full, the job goes on without one."""
        seconds += self.seconds
        checkpoint = Checkpoint(key=self.begun.key, snapshot=snapshot, trained=self.trained, seconds=seconds)
        try:
            write_checkpoint(self.place.folder, checkpoint)
        except (OSError, UserError) as error:
            log.warning("no checkpoint: %s", error)

    def finish(self, seconds: float) -> None:
        """Record how training ended, if it has."""
        if self.trained.ending is None:
            return
        state, reason = _explain_ending(self.trained, self.examples.feature_scale)
        metrics = self.record.metrics | {"duration_seconds": self.seconds + seconds}
        if state == "finished":
            metrics |= final_metrics(self.trained)
        self.record = replace(self.record, state=state, reason=reason, metrics=metrics)

    def fail(self, error: BaseException) -> None:
        """Record why the job failed; called while the exception is being handled."""
        self.record = replace(self.begun, state="failed", reason=explain_job_failure(error))
        self.contents[TRACEBACK] = encode_traceback()

    def result(self, draw: Draw | None) -> JobResult:
        """Give the result of the job, ready to be recorded.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts; the job counts as interrupted then.
        """
        try:
            if self.record.state != "failed" and self.trained.rows:
                self._encode(draw)
        except (Exception, SystemExit) as error:
            log.exception("the record could not be written")
            self.fail(error)
        return self._make_result()

    def interrupt(self) -> JobResult:
        """Give the result of a job that was interrupted after it had been trained."""
        self.record, self.contents = self.begun, {}
        return self._make_result()

    def _encode(self, draw: Draw | None) -> None:
        """Encode the files that belong to the record into `contents`; those without content are left out."""
        trained, history = self.trained, self.trained.history()
        is_sealed = self.job.trainer.settings()["sealed_test"]
        self.contents |= {
            CONFIG: encode_config(self._configuration),
            ENVIRONMENT: encode_environment(),
            HISTORY: encode_history(history),
        }
        if trained.layers:
            temperature = self._calibrate()
            self.contents[WEIGHTS] = encode_weights(trained, temperature)
            if (preparation := pack_preparation(self.examples, with_example=not is_sealed)) is not None:
                self.contents[PREPARATION] = preparation
        if trained.best_right.size:
            self.contents[CORRECT] = encode_correct(trained, self.examples.test_digest)
        if trained.layers and trained.best_layers and not is_sealed:
            evaluation = evaluate_best(
                self.job, self.examples, trained.best_layers, trained.best_epoch, temperature=temperature or 1.0
            )
            self.contents[EVALUATION] = pack_evaluation(evaluation)
            if temperature is not None and self.record.state == "finished":
                metrics = {"temperature": temperature, **measure_calibration(evaluation), **self.record.metrics}
                self.record = replace(self.record, metrics=metrics)
        if draw is not None:
            picture = draw(make_history_frame(history), self.place.name, self.place.folder)
            self.contents[picture.name] = picture.read_bytes()

    def _calibrate(self) -> float | None:
        """Fit the temperature of the best epoch's network on the validation part; None if that is not asked for."""
        val, layers = self.examples.val, self.trained.best_layers
        if self.job.trainer.settings()["calibrate"] is None or val is None or not layers:
            return None
        return fit_temperature(compute_outputs(self.job.network(), layers, val.X), val.y, val.weight)

    def _make_result(self) -> JobResult:
        """Put the result together, from the state of the job as it is now."""
        has_history = HISTORY in self.contents
        tags = self.tags
        if self.trained.ending:
            outcome = names.describe_outcome(self.trained, "val" in self.examples.parts)
            tags = tags | {"mlflow.note.content": f"{names.describe_job(self.job, self.place.chosen)}\n\n{outcome}"}
        values = {name: self.record.settings.get(name) for name in self.place.varying}
        kept = Kept(
            record=self.record,
            experiment=self.job.tracking.experiment,
            tags=tags,
            data={name: getattr(self.examples, name) for name in ("name", "digest", "source")},
            # numbers that differ between the jobs are recorded as metrics too: params are sorted as text
            axes={name: n for name, n in values.items() if isinstance(n, int | float) and not isinstance(n, bool)},
            best_epoch=self.trained.best_epoch,
            max_points=self.job.tracking.max_points,
            n_epochs=len(self.trained.rows) if has_history and self.record.state != "failed" else 0,
        )
        points = tuple(self.stream.rest(self.trained)) if self.trained.rows else ()
        return JobResult(folder=self.place.folder, kept=kept, contents=self.contents, points=points)


def evaluate_best(job: Job, examples: Dataset, layers: Layers, epoch: int, *, temperature: float = 1.0) -> Evaluation:
    """Evaluate the network of a job's best epoch on the test part."""
    return evaluate(
        job.network(),
        layers,
        examples,
        make_loss(job.training().loss, examples.task),
        epoch=epoch,
        test_digest=examples.test_digest,
        names=examples.output_names,
        temperature=temperature,
    )


def _make_tags(job: Job, place: Place, examples: Dataset, configuration: Mapping[str, Any]) -> dict[str, str]:
    data = {name: value for name, value in configuration["data"].items() if name != "home"}
    text = json.dumps({**configuration, "data": data})
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
        "mlflow.note.content": names.describe_job(job, place.chosen),
        "mlflow.source.name": "nnsweep",
        "mlflow.runColor": COLOURS[place.number % len(COLOURS)],
    }
    if len(text) <= LONGEST_TAG:
        tags |= {CONFIGURATION: text}
    code = describe_environment()
    if "git_commit" in code:
        tags |= {"mlflow.source.git.commit": code["git_commit"], "nnsweep.git_dirty": str(code["git_dirty"]).lower()}
    return tags


def final_metrics(trained: Trained) -> dict[str, float]:
    """Sum up a finished training.

    Returns
    -------
    dict
        ``best_epoch``; at it, each measure and the cost of the test part, as ``test_accuracy``, and of the validation
        part, as ``best_val_accuracy``; ``final_test_`` and ``max_test_`` (over all epochs, an optimistic number;
        ``min_test_`` where lower is better) of the measure that the best epoch is chosen by; ``final_train_cost`` and
        ``epochs_trained``. What is not finite is left out.
    """
    history, best, selection = trained.history(), trained.best_epoch, trained.selection
    metrics = {"best_epoch": float(best)}
    for name in trained.curves:
        part, _, measure = name.partition("_")
        if name in history and not measure.startswith("weighted_"):
            metrics[f"best_{name}" if part == "val" else name] = float(history[name][best])
    if (curve := history.get(f"test_{selection.measure}")) is not None:
        metrics[f"final_test_{selection.measure}"] = float(curve[-1])
        extreme = np.nanmax(curve) if selection.greater_is_better else np.nanmin(curve)
        metrics[f"{'max' if selection.greater_is_better else 'min'}_test_{selection.measure}"] = float(extreme)
    metrics["final_train_cost"] = float(history["train_cost"][-1])
    metrics["epochs_trained"] = float(len(trained.rows) - 1)
    return {name: value for name, value in metrics.items() if np.isfinite(value)}


def _explain_ending(trained: Trained, scale: float) -> tuple[str, str]:
    last = len(trained.rows) - 1
    if trained.ending == "stopped":
        return "finished", f"stopped early at epoch {last}"
    if trained.ending == "diverged":
        finite = [row.train_cost for row in trained.rows if np.isfinite(row.train_cost)]
        cost = f"the last finite cost was {finite[-1]:.4g}" if finite else "no cost was finite"
        cause = f"; {explain_scale(scale, STANDARDIZE)}" if scale > LARGE_SCALE else ""
        return "diverged", f"cost or weights were not finite at epoch {last}; {cost}{cause}"
    return "finished", ""
