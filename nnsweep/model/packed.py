"""Packing: what a run has left, its weights and the preparation of its data, becomes one model.

The preparation is the same for all jobs of a data set. Each job's folder has it as `preparation.npz`, a model file
without a network, so that no large weights are kept twice.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from nnsweep.data.dataset import Dataset
from nnsweep.errors import DataError
from nnsweep.model.predictor import FORMAT, Model, read, write

PREPARATION = "preparation.npz"
WEIGHTS = "weights.npz"

_DAMAGES = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
_written: WeakKeyDictionary[Dataset, bytes] = WeakKeyDictionary()  # a thousand jobs may have the same data


def pack_preparation(examples: Dataset) -> bytes | None:
    """Give the preparation of a data set as the content of a file; None for data whose preparation is not known."""
    preparation = examples.preparation
    if preparation is None:
        return None
    if examples not in _written:
        about = {
            "format": FORMAT,
            "classes": [*examples.class_names],
            "preparation": preparation.values,
            "example": examples.example and {"columns": examples.example.columns, "data": examples.example.rows},
        }
        content = io.BytesIO()
        write(Model(about, [], dict(preparation.arrays)), content)
        _written[examples] = content.getvalue()
    return _written[examples]


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
        layers = _best_layers(weights)
        about = model.about | {
            "activation": dict(config["activation"]),
            "output_activation": {"name": str(config["output_activation"])},
            "run": dict(run),
        }
        if len(layers) == 0 or layers[-1][0].shape[1] != len(model.classes):
            raise ValueError(f"the weights are not those of a network with {len(model.classes)} classes")
    except _DAMAGES as error:
        raise DataError(f"{weights.name} or {preparation.name} is damaged ({error}); train the run again") from error
    return model._replace(about=about, layers=layers)


def _best_layers(path: Path) -> list[tuple[Any, Any]]:
    with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
        numbers = range(sum(name.startswith("best_W") for name in file.files))
        return [(file[f"best_W{number}"], file[f"best_b{number}"]) for number in numbers]
