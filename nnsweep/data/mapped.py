"""Data sets on disk, as arrays that several processes map into their memory instead of loading them anew.

Only arrays and JSON: nothing is ever unpickled.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnsweep.data.dataset import Dataset, Example
from nnsweep.data.preparation import Preparation
from nnsweep.data.split import Leak
from nnsweep.mlp.arrays import Examples, Features

_ABOUT = "dataset.json"


def write_mapped(dataset: Dataset, folder: Path) -> None:
    """Write a data set into a folder, which is made."""
    folder.mkdir(parents=True)
    for part, examples in dataset.parts.items():
        np.save(folder / f"{part}.y.npy", examples.y, allow_pickle=False)
        for field, array in _fields(examples.X).items():
            np.save(folder / f"{part}.{field}.npy", array, allow_pickle=False)
    preparation = dataset.preparation
    for field, array in (preparation.arrays if preparation else {}).items():
        np.save(folder / f"preparation.{field}.npy", array, allow_pickle=False)
    about = {
        "name": dataset.name,
        "class_names": dataset.class_names,
        "source": dataset.source,
        "digest": dataset.digest,
        "test_digest": dataset.test_digest,
        "shapes": {part: examples.X.shape for part, examples in dataset.parts.items()},
        "preparation": preparation and {"values": preparation.values, "arrays": [*preparation.arrays]},
        "example": dataset.example,
        "told": dataset.told,
        "leaks": dataset.leaks,
    }
    (folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")


def read_mapped(folder: Path, *, name: str | None = None, source: str | None = None) -> Dataset:
    """Map the data set that was written into a folder.

    Parameters
    ----------
    folder : Path
        The folder.
    name, source : str or None
        What it is called and where it comes from now, if not as it was then.
    """
    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    parts = {part: _examples(folder, part, shape) for part, shape in about["shapes"].items()}
    dataset = Dataset(
        name=about["name"] if name is None else name,
        train=parts["train"],
        val=parts.get("val"),
        test=parts["test"],
        class_names=tuple(about["class_names"]),
        source=about["source"] if source is None else source,
        preparation=_preparation(folder, about["preparation"]),
        example=about["example"] and Example(*about["example"]),
        told=tuple(about["told"]),
        leaks={part: Leak(*counts) for part, counts in about["leaks"].items()},
        folder=folder,
    )
    vars(dataset).update({name: about[name] for name in ("digest", "test_digest")})  # to compute them takes all arrays
    return dataset


def _fields(X: Features) -> dict[str, Any]:
    if not isinstance(X, np.ndarray):
        return {"data": X.data, "indices": X.indices, "indptr": X.indptr}
    return {"X": X}


def _examples(folder: Path, part: str, shape: tuple[int, int]) -> Examples:
    def array(field: str) -> Any:
        return np.load(folder / f"{part}.{field}.npy", mmap_mode="r", allow_pickle=False)

    if (folder / f"{part}.X.npy").exists():
        return Examples(array("X"), array("y"))
    from scipy.sparse import csr_array  # not above: dense features need none of it

    X = csr_array((array("data"), array("indices"), array("indptr")), shape=(shape[0], shape[1]))
    return Examples(X, array("y"))


def _preparation(folder: Path, about: Mapping[str, Any] | None) -> Preparation | None:
    if about is None:
        return None
    arrays = {
        name: np.load(folder / f"preparation.{name}.npy", mmap_mode="r", allow_pickle=False) for name in about["arrays"]
    }
    return Preparation(about["values"], arrays)
