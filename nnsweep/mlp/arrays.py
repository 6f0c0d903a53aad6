"""The arrays that go in and out of the trainer.

`X` has shape (n_samples, n_features), dense or CSR; `y` holds what is to be learned: class numbers, labels or numbers.
Every parameter array has a leading axis of K networks.
"""

import functools
import io
import struct
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # its import takes as long as NumPy's, and dense features need none of it
    from scipy.sparse import csr_array

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
BoolArray: TypeAlias = NDArray[np.bool_]
Features: TypeAlias = "FloatArray | csr_array"
Targets: TypeAlias = NDArray[Any]
"""What is to be learned: integers of shape (n_samples,), integers or floats of shape (n_samples, n_outputs)."""

Task: TypeAlias = Literal["classification", "multilabel", "regression"]
"""What is learned: one class a sample, several labels that each hold or do not, or numbers."""


class Examples(NamedTuple):
    """Features and targets of the same samples.

    Attributes
    ----------
    X : ndarray or csr_array of shape (n_samples, n_features)
        The features.
    y : ndarray
        The targets: class numbers from 0 to n_classes - 1, of shape (n_samples,); for several labels 0 or 1, of shape
        (n_samples, n_labels); for regression float64 of shape (n_samples, n_targets).
    weight : ndarray of shape (n_samples,) or None
        How much each sample counts, at least 0; None if all count the same.
    """

    X: Features
    y: Targets
    weight: FloatArray | None = None

    @property
    def n_samples(self) -> int:
        """How many samples there are."""
        return int(self.y.shape[0])


_LARGEST = 2**31
"""Bytes of an archive that needs no 64-bit sizes, with room to spare."""


def pack_arrays(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Write arrays as an archive that `numpy.load` reads, as `numpy.savez` does, in a sixth of the time.

    Small archives are written by the thousand, and the general `zipfile` takes longer than their content is worth.

    Raises
    ------
    ValueError
        If an array holds Python objects: they would have to be pickled.

    Examples
    --------
    >>> np.load(io.BytesIO(pack_arrays({"a": np.arange(3)})))["a"]
    array([0, 1, 2])
    """
    if any(array.dtype.hasobject for array in arrays.values()):
        raise ValueError("Object arrays cannot be saved: they would have to be pickled")
    if any(array.nbytes > _LARGEST // len(arrays) for array in arrays.values()):
        file = io.BytesIO()
        keywords: dict[str, Any] = {**arrays}  # not typed: one could be `allow_pickle` for all that mypy knows
        np.savez(file, **keywords)
        return file.getvalue()
    files, entries, position = [], [], 0
    for name, array in arrays.items():
        content = _npy_header(array.dtype, array.shape) + array.tobytes()
        file_name = f"{name}.npy".encode()
        # version 2.0, no flags, stored, midnight of 1 January 1980 (ZIP specification, APPNOTE 4.3.7 and 4.3.12)
        sizes = (zlib.crc32(content), len(content), len(content), len(file_name))
        common = struct.pack("<5H3L2H", 20, 0, 0, 0, 33, *sizes, 0)
        files += [b"PK\3\4", common, file_name, content]
        entries += [b"PK\1\2", struct.pack("<H", 20), common, struct.pack("<3H2L", 0, 0, 0, 0, position), file_name]
        position += 4 + len(common) + len(file_name) + len(content)
    directory = b"".join(entries)
    end = struct.pack("<4H2LH", 0, 0, len(arrays), len(arrays), len(directory), position, 0)
    return b"".join([*files, directory, b"PK\5\6", end])


@functools.lru_cache(maxsize=1000)
def _npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Write what stands before an array's values in a ``.npy`` file; layers of a grid have few different shapes."""
    file = io.BytesIO()
    about = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue()
