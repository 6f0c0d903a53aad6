"""Data sets on disk: arrays that several processes map into their memory, and the cache of prepared data sets.

Only arrays and JSON are written, and nothing is ever unpickled. An entry of the cache is a folder that
appears atomically and is named by what it was made of; it is checked before it is used, and made anew if it is damaged.
The cache is safe to delete, and where it cannot be written, only time is lost.
"""

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from importlib.metadata import version
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from nnsweep import __version__
from nnsweep.data.dataset import Dataset, Example
from nnsweep.data.leaks import Leak
from nnsweep.data.preparation import Preparation
from nnsweep.errors import ConfigError
from nnsweep.files import expand_home, place_of, remove_leftovers, temporary_folder
from nnsweep.mlp.arrays import Examples

_ABOUT = "dataset.json"
_SPARSE = ("data", "indices", "indptr")  # the arrays that a CSR matrix consists of


def write_mapped(dataset: Dataset, folder: Path) -> None:
    """Write a data set into a folder, which is made."""
    folder.mkdir(parents=True)
    preparation = dataset.preparation
    arrays = {f"preparation.{name}": array for name, array in (preparation.arrays if preparation else {}).items()}
    for part, examples in dataset.parts.items():
        X = examples.X
        fields = {"X": X} if isinstance(X, np.ndarray) else {name: getattr(X, name) for name in _SPARSE}
        arrays |= {f"{part}.{name}": array for name, array in fields.items()} | {f"{part}.y": examples.y}
        arrays |= {} if examples.weight is None else {f"{part}.weight": examples.weight}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    about = {
        "name": dataset.name,
        "task": dataset.task,
        "class_names": dataset.class_names,
        "label_names": dataset.label_names,
        "target_names": dataset.target_names,
        "source": dataset.source,
        "digest": dataset.digest,
        "test_digest": dataset.test_digest,
        "shapes": {part: examples.X.shape for part, examples in dataset.parts.items()},
        "preparation": preparation and {"values": preparation.values, "arrays": [*preparation.arrays]},
        "example": dataset.example,
        "notes": dataset.notes,
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

    def map_array(name: str) -> Any:
        return np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    parts = {}
    for part, (n_samples, n_features) in about["shapes"].items():
        if (folder / f"{part}.X.npy").exists():
            X = map_array(f"{part}.X")
        else:
            from scipy.sparse import csr_array  # not above: dense features need none of it

            X = csr_array(tuple(map_array(f"{part}.{name}") for name in _SPARSE), shape=(n_samples, n_features))
        weight = map_array(f"{part}.weight") if (folder / f"{part}.weight.npy").exists() else None
        parts[part] = Examples(X, map_array(f"{part}.y"), weight)
    preparation = about["preparation"]
    if preparation is not None:
        arrays = {name: map_array(f"preparation.{name}") for name in preparation["arrays"]}
        preparation = Preparation(preparation["values"], arrays)
    dataset = Dataset(
        name=about["name"] if name is None else name,
        train=parts["train"],
        val=parts.get("val"),
        test=parts["test"],
        class_names=tuple(about["class_names"]),
        source=about["source"] if source is None else source,
        preparation=preparation,
        example=about["example"] and Example(*about["example"]),
        notes=tuple(about["notes"]),
        leaks={part: Leak(*counts) for part, counts in about["leaks"].items()},
        folder=folder,
        task=about["task"],
        label_names=tuple(about["label_names"]),
        target_names=tuple(about["target_names"]),
    )
    vars(dataset).update({name: about[name] for name in ("digest", "test_digest")})  # to compute them takes all arrays
    return dataset


FORMAT = 5
"""Of the entries, and of the way they are prepared: an entry of another one is not looked at."""
SUMS = "sha256.json"
_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn")


def keep_in_cache(made_of: Mapping[str, Any], make: Callable[[], Dataset], **called: str) -> Dataset:
    """Give a prepared data set: from the cache if it is there, else made, and kept if that can be.

    Parameters
    ----------
    made_of : mapping
        All that the data set depends on, as JSON values: digests of contents, settings. Versions are added.
    make : callable
        Makes it.
    **called : str
        Its ``name`` and ``source`` this time; the same content may have had others.

    Returns
    -------
    Dataset
        Mapped from the cache's folder where it could be kept there.
    """
    folder = cache_folder()
    if folder is None:
        return make()
    entry = folder / _name(made_of)
    cached = _read(entry, called)
    if cached is not None:
        return cached
    dataset = make()
    try:
        _write(dataset, folder, entry)
    except OSError:  # read-only, full, or not ours
        return dataset
    return _read(entry, called) or dataset


def cache_folder() -> Path | None:
    """Find the cache: ``NNSWEEP_CACHE``, else ``nnsweep`` in ``XDG_CACHE_HOME`` or ``~/.cache``.

    Returns
    -------
    Path or None
        The folder, which may not be there yet; None if it is somebody else's, or if there is no place for one.
    """
    own, users = place_of("NNSWEEP_CACHE"), place_of("XDG_CACHE_HOME")
    with contextlib.suppress(OSError, ValueError, ConfigError):
        folder = Path(expand_home(own)) if own else Path(expand_home(users or "~/.cache"), "nnsweep")
        about = folder.stat() if folder.exists() else None
        if about is None or (about.st_uid == os.geteuid() and stat.S_ISDIR(about.st_mode)):
            return folder.absolute()
    return None


def _name(made_of: Mapping[str, Any]) -> str:
    versions = {"nnsweep": __version__} | {library: version(library) for library in _LIBRARIES}
    whole = {"made of": made_of, "versions": versions, "format": FORMAT}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _read(entry: Path, called: Mapping[str, str]) -> Dataset | None:
    """Map an entry; None if there is none, or it is not as it was written."""
    if not os.path.isdir(entry):
        return None
    try:
        with _open_own(entry / SUMS) as file:
            sums = json.load(file)
        if sums == _hash_files(entry):
            return read_mapped(entry, **called)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        pass
    _remove(entry)
    return None


def _hash_files(entry: Path) -> dict[str, str]:
    """Give the SHA-256 of every file of an entry but the one that lists them."""
    sums = {}
    for path in sorted(entry.iterdir()):
        if path.name != SUMS:
            with _open_own(path) as file:
                sums[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return sums


def _open_own(path: Path) -> BufferedReader:
    """Open a file of an entry; a link, which we never write, is not followed."""
    return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _remove(entry: Path) -> None:
    with contextlib.suppress(OSError), temporary_folder(entry.parent) as folder:
        os.rename(entry, folder / "damaged")  # whoever has mapped it goes on with what it has


def _write(dataset: Dataset, folder: Path, entry: Path) -> None:
    """Write an entry whole: in a folder of its own first, which then takes the entry's name."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove_leftovers([folder])
    with temporary_folder(folder) as workshop:
        made = workshop / "entry"
        write_mapped(dataset, made)
        (made / SUMS).write_text(json.dumps(_hash_files(made)), encoding="utf-8")
        for path in made.iterdir():
            path.chmod(0o600)
        made.chmod(0o700)
        try:
            os.rename(made, entry)
        except OSError:
            if not os.path.isdir(entry):  # else another process was faster
                raise


def content_digest(path: Path) -> str:
    """Give the SHA-256 of a file's content, in hexadecimal.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
