"""One part of a data set, in the one form that every part has, and the hash of all parts.

Features are float32 or float64, C-contiguous or CSR with sorted 32-bit indices; labels are int64 class
numbers. None of the arrays can be written to, so that a job cannot spoil the data of the next.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples, Features


def settled(part: str, examples: Examples, *, n_classes: int) -> Examples:
    """Bring examples into the common form; arrays that have it already are shared, not copied.

    Parameters
    ----------
    part : str
        What to call them in a message: ``train``, ``val`` or ``test``.
    examples : Examples
        Features of shape (n_samples, n_features), labels of shape (n_samples,).
    n_classes : int
        Labels must be smaller than this.

    Returns
    -------
    settled : Examples
        Read-only arrays of the same shapes.

    Raises
    ------
    DataError
        If the shapes do not fit, a feature is not finite or a label is no class number.
    """
    X, y = _features(examples.X), np.asarray(examples.y)
    for problem in _problems(X, y, n_classes):
        raise DataError(f"the {part} part cannot be used: {problem}")
    return Examples(X, _read_only(y, np.int64))


def _problems(X: Features, y: NDArray[Any], n_classes: int) -> list[str]:
    stored = X if isinstance(X, np.ndarray) else X.data
    rules = {
        f"features of shape {X.shape} do not fit labels of shape {y.shape}": X.ndim != 2 or y.shape != X.shape[:1],
        "it has no features": X.ndim == 2 and X.shape[1] == 0,
        "a feature is infinite or not a number": not np.isfinite(stored).all(),
        f"labels must be integers, got {y.dtype}": y.dtype.kind not in "iu",
    }
    broken = [problem for problem, is_broken in rules.items() if is_broken]
    if not broken and y.size and not 0 <= y.min() <= y.max() < n_classes:
        broken.append(f"labels from {y.min()} to {y.max()}, expected 0 to {n_classes - 1}")
    return broken


def _features(X: Features) -> Features:
    dtype = np.float32 if X.dtype == np.float32 else np.float64
    if not hasattr(X, "tocsr"):
        return _read_only(np.asarray(X), dtype)
    from scipy.sparse import csr_array  # not above: dense features need none of it

    rows = csr_array(X)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    arrays = (_read_only(rows.data, dtype), _read_only(rows.indices, np.int32), _read_only(rows.indptr, np.int32))
    return csr_array(arrays, shape=rows.shape)


def _read_only(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    # A view, so that the flag is not set on an array that somebody else owns.
    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.setflags(write=False)
    return view


def hash_parts(parts: Mapping[str, Examples]) -> str:
    """Hash examples: SHA-256, in hexadecimal, of every part's name, shapes, types and values.

    Parameters
    ----------
    parts : mapping of str to Examples
        Contiguous features (n_samples, n_features), dense or CSR, and labels (n_samples,), by part. Bytes are hashed in
        little-endian order, so that the hash is the same on every machine.
    """
    sha = hashlib.sha256()
    for part, examples in parts.items():
        for field, array in _arrays(examples):
            little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
            sha.update(f"{part}.{field} {array.shape} {little_endian.dtype.str}\n".encode())
            sha.update(little_endian.data)
    return sha.hexdigest()


def _arrays(examples: Examples) -> Iterator[tuple[str, NDArray[Any]]]:
    X = examples.X
    if isinstance(X, np.ndarray):
        yield "X", X
    else:
        yield "X.shape", np.array(X.shape, dtype=np.int64)
        yield from (("X.data", X.data), ("X.indices", X.indices), ("X.indptr", X.indptr))
    yield "y", examples.y
