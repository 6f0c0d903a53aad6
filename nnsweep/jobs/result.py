"""A job's result, and the events by which an executor reports what happens to jobs.

A result is what became of a job: a record, and the contents of the files that belong to it. A worker makes it and hands
it over whole; nothing of it is on disk before the recorder writes it there.
"""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from nnsweep.jobs.hydra_folder import write_yaml
from nnsweep.jobs.process_pool import describe_error
from nnsweep.mlp.arrays import FloatArray, pack_arrays
from nnsweep.mlp.history import Trained
from nnsweep.mlp.snapshot import name_arrays
from nnsweep.text import mask_secrets, printable
from nnsweep.tracking import record
from nnsweep.tracking.record import Point, RunRecord

CONFIG = "config.yaml"
ENVIRONMENT = "environment.json"
HISTORY = "history.parquet"
TRACEBACK = "traceback.txt"
Attempt: TypeAlias = tuple[int, int]
"""Identifies a run of a sweep: a job's number, and which of its runs it is."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Everything that goes to the store of a run, as its folder has it.

    Attributes
    ----------
    record : RunRecord
        What became of the job.
    experiment : str
        The experiment that it belongs to.
    tags : dict
        What else the run is tagged with.
    data : dict
        ``name``, ``digest`` and ``source`` of the data set.
    axes : dict
        Settings that differ between the jobs of the sweep, which are also recorded as metrics.
    best_epoch : int
        The epoch that must be among the points of every curve.
    max_points : int
        How many points a curve may have in the store.
    n_epochs : int
        Length of the history; 0 if there is none.
    files : dict
        SHA-256 of each file of the folder that belongs to the record, by name.
    """

    record: RunRecord
    experiment: str
    tags: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    axes: dict[str, float] = field(default_factory=dict)
    best_epoch: int = 0
    max_points: int = 4
    n_epochs: int = 0
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobStart:
    """A job that is about to be trained.

    Attributes
    ----------
    record : RunRecord
        Its record so far; the state is the one that it keeps if there is no result.
    tags : mapping of str to str
        What its run is tagged with.
    """

    record: RunRecord
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What became of a job.

    Attributes
    ----------
    folder : Path
        The job's.
    kept : Kept
        Its record; the recorder adds the run's id.
    contents : mapping of str to bytes
        The files that belong to the record, by name.
    points : tuple of Point
        The points of its curves that were not reported while it was trained.
    """

    folder: Path
    kept: Kept
    contents: Mapping[str, bytes] = field(default_factory=dict)
    points: tuple[Point, ...] = ()

    def of_run(self, run_id: str, experiment: str) -> "JobResult":
        """Give the same result with its run, its experiment and the hashes of its files."""
        record = replace(self.kept.record, run_id=run_id)
        hashes = {name: make_hash(content) for name, content in self.contents.items()}
        return replace(self, kept=replace(self.kept, record=record, experiment=experiment, files=hashes))

    def failed(self, start: JobStart, error: BaseException) -> "JobResult":
        """Give the result of the same job after the exception, being handled, that kept it from being recorded."""
        record = replace(
            start.record, run_id=self.kept.record.run_id, state="failed", reason=explain_job_failure(error)
        )
        kept = replace(self.kept, record=record, best_epoch=0, n_epochs=0, files={})
        return replace(self, kept=kept, contents={TRACEBACK: encode_traceback()})


def identify_attempt(record: RunRecord) -> Attempt:
    """Identify the run of its sweep that a record belongs to."""
    return record.job, record.attempt


def identify_run(record: RunRecord) -> tuple[str, str, int, int]:
    """Identify the run of its experiment that a record belongs to."""
    return record.key, record.sweep, *identify_attempt(record)


def make_plain(kept: Kept) -> dict[str, Any]:
    """Make plain values of a record, for JSON; `from_plain` reads them."""
    return vars(kept) | {"record": vars(kept.record)}


def from_plain(values: Mapping[str, Any]) -> Kept:
    """Make a record of the values that `make_plain` gives."""
    return Kept(**{**values, "record": RunRecord(**values["record"])})


def explain_job_failure(error: BaseException) -> str:
    """Say why a job failed, in one line without secrets."""
    return mask_secrets(printable(describe_error(error)))


def make_hash(content: bytes) -> str:
    """Give the SHA-256 of a file's content, in hexadecimal."""
    return sha256(content).hexdigest()


def encode_config(config: Mapping[str, Any]) -> bytes:
    """Write the resolved configuration as YAML."""
    return write_yaml(config).encode()


def encode_history(history: Mapping[str, FloatArray]) -> bytes:
    """Write the curves of every epoch as a Parquet file; NaN where nothing was measured."""
    import pyarrow
    from pyarrow import parquet

    def column(name: str, curve: FloatArray) -> pyarrow.Array:
        values = np.ascontiguousarray(curve, dtype=np.int64 if name == "epoch" else np.float64)
        kind, memory = pyarrow.from_numpy_dtype(values.dtype), pyarrow.py_buffer(values)
        return pyarrow.Array.from_buffers(kind, len(values), [None, memory])  # `pyarrow.array` would import pandas

    table = pyarrow.Table.from_arrays([column(name, curve) for name, curve in history.items()], names=[*history])
    content = pyarrow.BufferOutputStream()  # quicker than a Python file, which is called for every piece
    # few values of a curve are the same, nobody searches in it, and its two kinds of numbers need no further schema
    parquet.write_table(table, content, use_dictionary=False, write_statistics=False, store_schema=False)
    return bytes(content.getvalue())


def encode_weights(trained: Trained, temperature: float | None = None) -> bytes:
    """Write the parameters as a NumPy archive: ``best_W0``, ``best_b0``, ... and ``final_W0``, ``final_b0``, ....

    The weights have shape (fan_in, fan_out), the biases (fan_out,); ``best_epoch`` is beside them, and of a calibrated
    network the ``temperature`` that its logits are divided by.
    """
    arrays = {"best_epoch": np.array(trained.best_epoch)}
    if temperature is not None:
        arrays["temperature"] = np.array(temperature)
    for prefix, layers in (("best", trained.best_layers), ("final", trained.layers)):
        arrays |= name_arrays(prefix, layers)
    return pack_arrays(arrays)  # weights hardly compress


def encode_correct(trained: Trained, test_digest: str) -> bytes:
    """Write which test examples the network got right at its best epoch; see `nnsweep.tracking.record`."""
    return record.pack_correct(record.CorrectExamples(trained.best_right, trained.best_epoch, test_digest))


def encode_traceback() -> bytes:
    """Write the exception that is being handled as text."""
    return mask_secrets(traceback.format_exc()).encode(errors="backslashreplace")


class Started(NamedTuple):
    """Jobs are about to be trained."""

    starts: Sequence[JobStart]


class Measured(NamedTuple):
    """Networks have been measured while they train."""

    points: Sequence[tuple[Attempt, Sequence[Point]]]


class Ended(NamedTuple):
    """Jobs have come to an end, as one stack or one by one."""

    results: Sequence[JobResult]


class Died(NamedTuple):
    """There will be no result of some jobs, because of an error."""

    attempts: Sequence[Attempt]
    error: BaseException


Event: TypeAlias = Started | Measured | Ended | Died
