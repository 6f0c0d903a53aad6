"""The record of a run: its settings, its final metrics, what became of it, and how it did on the test examples.

A store keeps settings as text; here they become values again. The examples that a run got right are in a file of their
own, ``correct.npz``, since they pair two runs example by example, even where each has one seed. What its network was
like on them otherwise, such as which classes it took for which, is in ``evaluation.npz``.
"""

import functools
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from nnsweep.errors import DataError
from nnsweep.mlp.arrays import BoolArray, pack_arrays
from nnsweep.mlp.classification_measures import N_BINS
from nnsweep.mlp.evaluation import Evaluation as Evaluation  # the results look no further than a record
from nnsweep.mlp.evaluation import calibration_error as calibration_error
from nnsweep.mlp.measures import SELECTED

CORRECT = "correct.npz"
EVALUATION = "evaluation.npz"
_Value = TypeVar("_Value")
_FIELDS = {"bits", "n_test", "epoch", "test_digest"}


class CorrectExamples(NamedTuple):
    """What a run got right at its best epoch.

    In a file the bits are packed eight to a byte, beside their number, the epoch, and the digest of the test set.

    Attributes
    ----------
    right : ndarray of bool, shape (n_test,)
        Whether each test example was classified rightly; the mean is the run's ``test_accuracy``.
    epoch : int
        The best epoch.
    test_digest : str
        SHA-256 of the test set: runs with the same digest have the same examples in the same order.
    """

    right: BoolArray
    epoch: int
    test_digest: str


def pack_correct(correct: CorrectExamples) -> bytes:
    """Write it as the content of ``correct.npz``; nothing in it needs to be unpickled."""
    return pack_arrays(
        {
            "bits": np.packbits(correct.right),
            "n_test": np.array(len(correct.right)),
            "epoch": np.array(correct.epoch),
            "test_digest": np.array(correct.test_digest),
        }
    )


def read_correct(path: Path) -> CorrectExamples:
    """Read what `pack_correct` wrote.

    Raises
    ------
    DataError
        If the file is damaged.
    """

    def make(file: Mapping[str, Any]) -> CorrectExamples:
        bits, n_test = file["bits"], int(file["n_test"])
        if bits.dtype != np.uint8 or bits.shape != (-(-n_test // 8),):
            raise ValueError(f"{bits.shape} bytes of {bits.dtype} are not {n_test} bits")
        right = np.unpackbits(bits, count=n_test).astype(bool)
        return CorrectExamples(right, int(file["epoch"]), str(file["test_digest"]))

    return _read_archive(path, _FIELDS, make)


def _read_archive(path: Path, fields: set[str], make: Callable[[Mapping[str, Any]], _Value]) -> _Value:
    """Make a value of the arrays in a file, which must have some fields; raises `DataError` if it is damaged."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            if missing := fields - {*file.files}:
                raise ValueError(f"`{'`, `'.join(sorted(missing))}` missing")
            return make(file)
    except Exception as error:  # zipfile and NumPy raise whatever a damaged byte leads them to
        raise DataError(f"{path.name} is damaged ({error}); the job has to be run again: rerun=all") from error


def pack_evaluation(evaluation: Evaluation) -> bytes:
    """Write it as the content of ``evaluation.npz``, an array for each attribute; counts take few bytes."""
    confusion = evaluation.confusion
    arrays = vars(evaluation) | {"confusion": confusion.astype(np.min_scalar_type(int(confusion.max(initial=0))))}
    return pack_arrays({name: np.array(value) for name, value in arrays.items()})


def read_evaluation(path: Path) -> Evaluation:
    """Read what `pack_evaluation` wrote.

    Raises
    ------
    DataError
        If the file is damaged.
    """

    def make(file: Mapping[str, Any]) -> Evaluation:
        values = {name: file[name] for name in Evaluation.__dataclass_fields__}
        lists = {name: tuple(values[name].tolist()) for name in ("names", "quantiles")}
        numbers = {name: values[name].item() for name in ("task", "epoch", "test_digest", "temperature")}
        read = Evaluation(**values | lists | numbers | {"confusion": values["confusion"].astype(np.int64)})
        n, n_test = len(read.names), len(read.targets)
        shapes: dict[str, tuple[tuple[int, ...], ...]] = {
            "classification": ((n, n), (2, N_BINS, 3), (0, 0), (0, 0)),
            "multilabel": ((n, 2, 2), (2, 0, 3), (0, 0), (0, 0)),
            "regression": ((0, 0), (2, 0, 3), (n_test, n), (n_test, n * max(1, len(read.quantiles)))),
        }
        found = tuple(array.shape for array in (read.confusion, read.reliability, read.targets, read.errors))
        if found != shapes[read.task]:
            raise ValueError(f"{n} names do not fit arrays of shape {', '.join(map(str, found))}")
        return read

    return _read_archive(path, {*Evaluation.__dataclass_fields__}, make)


Setting: TypeAlias = bool | int | float | str | None

CHOICES = (
    "arch",
    "hidden_layer_sizes",
    "activation",
    "output_activation",
    "schedule",
    "optimizer",
    "init",
    "loss",
    "data",
)
"""Settings that are names, even where one reads like a number."""

GROUPS = ("trainer", "arch", "activation", "output_activation", "schedule", "optimizer", "init", "loss", "data")
"""What the dotted names of settings begin with; whatever else a run has was added by others."""
TEXTS = "nnsweep.texts"
"""The tag that names the settings that are text although they read like something else."""


class Point(NamedTuple):
    """One value of a curve, or a final metric.

    Attributes
    ----------
    name : str
        Of the metric.
    value : float
        What was measured; a value that is not finite is never sent.
    step : int
        The epoch; 0 for a value that has none.
    """

    name: str
    value: float
    step: int = 0


@functools.lru_cache(maxsize=1000)
def is_setting(name: str) -> bool:
    """Tell by its name whether a param is a setting, or was added by others.

    Examples
    --------
    >>> is_setting("schedule.gamma"), is_setting("seed"), is_setting("reviewed_by")
    (True, True, False)
    """
    return name in (*CHOICES, "seed") or name.partition(".")[0] in GROUPS


@functools.lru_cache(maxsize=10_000)
def parse_setting(name: str, text: str) -> Setting:
    """Return the value that a param was written from.

    Examples
    --------
    >>> parse_setting("schedule.gamma", "0.05"), parse_setting("trainer.batch_size", "None")
    (0.05, None)
    >>> parse_setting("hidden_layer_sizes", "8")
    '8'
    """
    if name in CHOICES:
        return text
    for constant in (None, True, False):
        if text == str(constant):
            return constant
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if str(value) == text:  # not "007" or "1_000", which are texts
            return value
    return text


def find_misleading_texts(settings: Mapping[str, Setting]) -> list[str]:
    """Name the settings that are text although `parse_setting` would read them as something else.

    Examples
    --------
    >>> find_misleading_texts({"data.target": "2024", "data.path": "cats.csv", "seed": 2024})
    ['data.target']
    """
    return [name for name, value in settings.items() if isinstance(value, str) and parse_setting(name, value) != value]


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What is known of one job when it has ended.

    Attributes
    ----------
    run_id : str
        The run's id in the store.
    name : str
        Readable name, such as ``20-20-tanh-inv-s0``.
    state : str
        ``finished``, ``failed``, ``diverged``, ``interrupted``, ``lost`` (its process went without a word) or
        ``running``.
    reason : str
        Why a run that did not finish ended; empty for a finished one.
    settings : dict
        Every scalar of the job's configuration by dotted name (``schedule.decay_rate``), and the name
        of each choice (``arch``, ``activation``, ``data``, ...). Layer sizes are a string: ``20-20``.
    metrics : dict
        Final metrics (``test_accuracy``, ``best_epoch``, ``n_parameters``, ``duration_seconds``, ...).
    sweep : str
        Id of the sweep it belongs to.
    job : int
        Its number within the sweep, from 0.
    key : str
        Hash of all that can change its result; equal keys, equal results.
    attempt : int
        How many runs with this key there have been, this one counted.
    data_digest : str
        Hash of the data that it was trained on.
    others : dict
        Params and tags that others have added to the run, in the UI or by a script.
    altered : dict
        What the store says otherwise than when the run was recorded, by name; see `nnsweep.tracking.artifacts`.
    """

    run_id: str
    name: str
    state: str
    reason: str = ""
    settings: dict[str, Setting] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    sweep: str = ""
    job: int = 0
    key: str = ""
    attempt: int = 1
    data_digest: str = ""
    others: dict[str, Setting] = field(default_factory=dict)
    altered: dict[str, str] = field(default_factory=dict)

    @property
    def measure(self) -> str:
        """The measure that its best epoch was chosen by; where it has no result that would tell, accuracy."""
        if select := self.settings.get("trainer.select"):
            return str(select).removeprefix("val_")
        results = {name.removeprefix("best_val_").removeprefix("test_") for name in self.metrics}
        return next((name for name in SELECTED.values() if name in results), "accuracy")

    @property
    def title(self) -> str:
        """Its name and id."""
        return f"{self.name} ({self.run_id})"
