"""Data sets on disk: arrays that several processes map into their memory, and the cache of prepared data sets.

Only arrays and JSON are written, and nothing is ever unpickled. An entry of the cache is a folder that is there whole
or not at all, named by what it was made of; it is checked before it is used, and one that is damaged is made anew. It
is safe to delete; where it cannot be written, all that is lost is time.
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
from nnsweep.data.dataset import Dataset, Example, Leak
from nnsweep.data.preparation import Preparation
from nnsweep.errors import ConfigError
from nnsweep.files import expand_home, place_of, remove_leftovers, temporary_folder
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
    parts = {part: _map_examples(folder, part, shape) for part, shape in about["shapes"].items()}
    dataset = Dataset(
        name=about["name"] if name is None else name,
        train=parts["train"],
        val=parts.get("val"),
        test=parts["test"],
        class_names=tuple(about["class_names"]),
        source=about["source"] if source is None else source,
        preparation=_map_preparation(folder, about["preparation"]),
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


def _map_examples(folder: Path, part: str, shape: tuple[int, int]) -> Examples:
    def array(field: str) -> Any:
        return np.load(folder / f"{part}.{field}.npy", mmap_mode="r", allow_pickle=False)

    if (folder / f"{part}.X.npy").exists():
        return Examples(array("X"), array("y"))
    from scipy.sparse import csr_array  # not above: dense features need none of it

    X = csr_array((array("data"), array("indices"), array("indptr")), shape=(shape[0], shape[1]))
    return Examples(X, array("y"))


def _map_preparation(folder: Path, about: Mapping[str, Any] | None) -> Preparation | None:
    if about is None:
        return None
    arrays = {
        name: np.load(folder / f"preparation.{name}.npy", mmap_mode="r", allow_pickle=False) for name in about["arrays"]
    }
    return Preparation(about["values"], arrays)


FORMAT = 3
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
    found = _read(entry, called)
    if found is not None:
        return found
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
        with _opened(entry / SUMS) as file:
            sums = json.load(file)
        if sums == _sums(entry):
            return read_mapped(entry, **called)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        pass
    _remove(entry)
    return None


def _sums(entry: Path) -> dict[str, str]:
    """Give the SHA-256 of every file of an entry but the one that lists them."""
    return {path.name: _sum(path) for path in sorted(entry.iterdir()) if path.name != SUMS}


def _sum(path: Path) -> str:
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: Path) -> BufferedReader:
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
        write_mapped(dataset, workshop / "entry")
        (workshop / "entry" / SUMS).write_text(json.dumps(_sums(workshop / "entry")), encoding="utf-8")
        for path in (workshop / "entry").iterdir():
            path.chmod(0o600)
        (workshop / "entry").chmod(0o700)
        _place(workshop / "entry", entry)


def _place(made: Path, entry: Path) -> None:
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
