"""Packing: what a run has left, its weights and the preparation of its data, becomes one model; its code, one file.

The preparation is the same for all jobs of a data set. Each job's folder has it as `preparation.npz`, a model file
without a network, so that no large weights are kept twice.
"""

import ast
import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.dataset import Dataset
from nnsweep.data.preparation import Preparation
from nnsweep.errors import DataError
from nnsweep.mlp import activations
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.arrays import Features
from nnsweep.mlp.losses import LOSSES, make_loss
from nnsweep.mlp.targets import fit_target_scaling
from nnsweep.mlp.train import leave_out_weightless
from nnsweep.model import predictor
from nnsweep.model.predictor import NAMES, Model, find_arrays, read, write

PREPARATION = "preparation.npz"
WEIGHTS = "weights.npz"

_REGISTRY = '''
class Choices(dict):
    """The activations by name, without nnsweep's checks of their settings."""

    def __init__(self, group):
        super().__init__()

    def register(self, maker):
        self[maker.__name__] = maker
        return maker
'''

DAMAGES = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged archive of arrays raises."""
_packed: WeakKeyDictionary[Dataset, dict[bool, bytes]] = WeakKeyDictionary()  # a thousand jobs may have the same data


def pack_preparation(examples: Dataset, *, with_example: bool = True) -> bytes | None:
    """Give the preparation of a data set as the content of a file; None for data whose preparation is not known.

    Parameters
    ----------
    examples : Dataset
        The data set.
    with_example : bool
        Whether it shows a few rows of the test part, as the input of a model.
    """
    preparation = examples.preparation
    if preparation is None:
        return None
    packed = _packed.setdefault(examples, {})
    if with_example not in packed:
        shown = examples.example if with_example else None
        example = shown and {"columns": shown.columns, "data": shown.rows}
        about = _describe_outputs(examples) | {"preparation": preparation.values, "example": example}
        about |= {"training": _describe_training(examples, preparation)}
        content = io.BytesIO()
        write(Model(about, [], dict(preparation.arrays)), content)
        packed[with_example] = content.getvalue()
    return packed[with_example]


def _describe_outputs(examples: Dataset) -> dict[str, Any]:
    """Say what the outputs of a network for these data are."""
    if examples.task == "classification":
        return {"classes": [*examples.class_names]}
    if examples.task == "multilabel":
        return {"task": examples.task, "labels": [*examples.label_names]}
    scaling = fit_target_scaling(leave_out_weightless(examples.train))
    return {
        "task": examples.task,
        "targets": [*examples.target_names],
        "target_mean": scaling.mean.tolist(),
        "target_scale": scaling.scale.tolist(),
    }


def _describe_training(examples: Dataset, preparation: Preparation) -> dict[str, Any]:
    """Say what the training part held: rows of each class or label, or the range of each target; ranges of numbers."""
    train = leave_out_weightless(examples.train)
    if examples.task == "regression":
        outputs: dict[str, Any] = {"targets": _list_ranges(train.y)}
    else:
        n_outputs = examples.n_outputs
        counts = np.bincount(train.y, minlength=n_outputs) if examples.task == "classification" else train.y.sum(axis=0)
        outputs = {"counts": counts.tolist()}
    return outputs | {"numbers": _list_ranges(_restore_ends(train.X, preparation))}


def _restore_ends(X: Features, preparation: Preparation) -> NDArray[np.float64]:
    """Give the least and the greatest of each number before it was scaled, shape (2, n_numbers)."""
    if not preparation.arrays.get("mean", np.empty(0)).size:
        return np.empty((2, 0))
    mean, scale, clip = preparation.arrays["mean"], preparation.arrays["scale"], preparation.values.get("clip")
    numbers = X[:, : len(mean)]  # which come first among the features
    ends = [end.toarray() if hasattr(end, "toarray") else end for end in (numbers.min(axis=0), numbers.max(axis=0))]
    scaled = np.array(ends, dtype=np.float64).reshape(2, len(mean))
    if clip is not None:
        scaled = scaled / np.sqrt(np.maximum(1 - np.square(scaled / clip), np.finfo(np.float64).tiny))
    return np.asarray(scaled * scale + mean)


def _list_ranges(columns: NDArray[Any]) -> list[list[float]]:
    """Give the least and the greatest number of each column, without the digits that scaling has blurred."""
    ends = zip(columns.min(axis=0).tolist(), columns.max(axis=0).tolist(), strict=True)
    return [[float(f"{end:.6g}") for end in pair] for pair in ends]


def hash_weights(model: Model) -> str:
    """Hash a model's weights, biases and gains: SHA-256, in hexadecimal, of their types, shapes and values in order."""
    sha = hashlib.sha256()
    for array in (array for layer in model.layers for array in layer):
        little_endian = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        sha.update(f"{little_endian.dtype.str} {array.shape}\n".encode())
        sha.update(little_endian.data)
    return sha.hexdigest()


def pack_model(preparation: Path, weights: Path, config: Mapping[str, Any], run: Mapping[str, Any]) -> Model:
    """Make a model of what a run has left.

    Parameters
    ----------
    preparation, weights : Path
        The run's files.
    config : mapping
        Its configuration, which names the activations.
    run : mapping of str to JSON values
        Where it comes from.

    Raises
    ------
    DataError
        If a file is damaged, or the parts are not of one network.
    """
    try:
        model = read(preparation)
        with open(weights, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            numbers = range(sum(name.startswith("best_W") for name in file.files))
            layers = [find_arrays("best_", number, file) for number in numbers]
            calibration = {"temperature": float(file["temperature"])} if "temperature" in file.files else {}
        values = {"name": "auto", **dict(config).get("loss", {})}  # earlier versions had no choice of it
        loss = make_loss(LOSSES[values.pop("name")](**values), model.task)
        about = model.about | {
            "loss": loss.name,
            "activation": _describe_activation(config["activation"]),
            "output_activation": {"name": str(config["output_activation"])},
            "run": dict(run),
        }
        about |= {"residual": True} if config.get("arch", {}).get("residual") else {}
        about |= calibration | ({"quantiles": [*loss.quantiles]} if loss.quantiles else {})
        if len(layers) == 0 or layers[-1][0].shape[1] != loss.count_outputs(len(model.names)):
            raise ValueError(f"the weights are not those of a network with {len(model.names)} {NAMES[model.task]}")
    except DAMAGES as error:
        raise DataError(f"{weights.name} or {preparation.name} is damaged ({error}); train the run again") from error
    return model._replace(about=about, layers=layers)


def _describe_activation(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give each hidden layer's activation its settings, if the layers have their own; those not given are defaults."""
    activation = dict(settings)
    names = activation.pop("layers", None)
    if not names:
        return activation
    defaults = {name: {key: default for key, (_, default) in ACTIVATIONS.settings(name).items()} for name in names}
    layers = [activation if name == activation["name"] else {"name": name, **defaults[name]} for name in names]
    return {"name": activation["name"], "layers": layers}


def bundle_predictor() -> str:
    """Give the code that goes with a model: `nnsweep.model.predictor` and the activations as one file.

    It needs NumPy, and SciPy for some of the activations, and nothing of nnsweep. The annotations, which name nnsweep's
    ranges, are never evaluated there.
    """
    parts = [
        "from __future__ import annotations\n",
        _REGISTRY,
        _without_nnsweep(activations),
        _without_nnsweep(predictor),
    ]
    return f'"""{predictor.__doc__}"""\n\n' + "\n".join(parts)


def _without_nnsweep(module: ModuleType) -> str:
    """Give a module's code without its docstring and its imports of nnsweep."""
    lines = Path(str(module.__file__)).read_text(encoding="utf-8").splitlines(keepends=True)
    head, *statements = ast.parse("".join(lines)).body
    for node in reversed(statements):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("nnsweep."):
            del lines[node.lineno - 1 : node.end_lineno]
    return "".join(lines[head.end_lineno :])
