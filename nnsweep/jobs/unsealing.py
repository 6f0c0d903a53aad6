"""Unsealing, as far as it computes: what a recorded network achieves on the test part that its training has not seen.

The network is that of the best epoch, as the run has left it. The data are loaded anew by the run's configuration, and
must be those that it was trained on.
"""

import io
import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from nnsweep.data.dataset import Dataset
from nnsweep.errors import DataError
from nnsweep.jobs.consistency import load_recorded_data
from nnsweep.jobs.job import Job
from nnsweep.jobs.job_run import evaluate_best
from nnsweep.jobs.worker import load_dataset
from nnsweep.mlp.evaluation import measure_calibration
from nnsweep.mlp.losses import make_loss
from nnsweep.mlp.network import Layers
from nnsweep.mlp.parametrization import fold_network
from nnsweep.mlp.snapshot import find_layers
from nnsweep.mlp.train import train
from nnsweep.model.packed import WEIGHTS
from nnsweep.tracking.artifacts import open_artifact
from nnsweep.tracking.record import CORRECT, EVALUATION, CorrectExamples, RunRecord, pack_correct, pack_evaluation
from nnsweep.tracking.store import Store


class SealedRun(NamedTuple):
    """A run whose test part may be measured.

    Attributes
    ----------
    record : RunRecord
        What is known of it.
    job : Job
        Made of its recorded configuration.
    test_digest : str
        Its test set.
    """

    record: RunRecord
    job: Job
    test_digest: str


class Unsealed(NamedTuple):
    """What a network achieves on the test part: final metrics, and the contents of files by their names."""

    metrics: dict[str, float]
    files: dict[str, bytes]


def find_sealed_run(store: Store, record: RunRecord) -> SealedRun:
    """Make the job of a recorded run, and load its data.

    Raises
    ------
    DataError
        If its configuration cannot be read, or its data have changed since.
    """
    job, examples = load_recorded_data(store, record.run_id, record.title, record.data_digest)
    return SealedRun(record, job, examples.test_digest)


def measure_test(store: Store, run: SealedRun) -> Unsealed:
    """Measure what the network of a run's best epoch achieves on the test part, as its training would have.

    Raises
    ------
    DataError
        If its weights are gone or damaged.
    """
    examples, job = load_dataset(run.job.data), run.job
    layers, epoch, temperature = _read_best_layers(store, run, examples)
    training = replace(job.training(), sealed_test=False, ema=None)
    with threadpool_limits(1):  # as in training
        # what a training begins with is measured before its first step
        first = next(train(examples, fold_network(job.network()), [replace(job.member(), layers=layers)], training))
    values = {name: float(curve[0]) for name, curve in first.values.items() if name.startswith("test_")}
    metrics = {name: value for name, value in values.items() if math.isfinite(value) and "_weighted_" not in name}
    found = evaluate_best(job, examples, layers, epoch, temperature=temperature)
    files = {EVALUATION: pack_evaluation(found)}
    if first.test_right is not None:
        files[CORRECT] = pack_correct(CorrectExamples(first.test_right[0], epoch, run.test_digest))
    if job.trainer.settings()["calibrate"] is not None:
        metrics |= measure_calibration(found)
    return Unsealed(metrics, files)


def _read_best_layers(store: Store, run: SealedRun, examples: Dataset) -> tuple[Layers, int, float]:
    """Read the layers of the best epoch, which epoch that is, and the temperature of the network."""
    loss = make_loss(run.job.training().loss, examples.task)
    sizes = examples.n_features, *run.job.arch.sizes, loss.count_outputs(examples.n_outputs)
    with open_artifact(store, run.record.run_id, WEIGHTS) as path:
        if path is None:
            raise DataError(f"run {run.record.title} has no weights; choose a run that has finished")
        content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            temperature = float(file["temperature"]) if "temperature" in file.files else 1.0
            return find_layers("best", sizes, file), int(file["best_epoch"]), temperature
    except Exception as error:  # zipfile and NumPy raise whatever a damaged byte leads them to
        raise DataError(f"run {run.record.title}: {WEIGHTS} is damaged ({error}); run the job again") from error
