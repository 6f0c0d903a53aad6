"""Which test examples a run got right: what pairs two runs example by example, even where each has one seed.

In a file it is ``correct.npz``: the bits packed eight to a byte, how many there are, the epoch that they belong to, and
the digest of the test set, since only runs that saw the same examples in the same order can be paired.
"""

import io
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from nnsweep.errors import DataError
from nnsweep.mlp.arrays import BoolArray

CORRECT = "correct.npz"
_FIELDS = {"bits", "n_test", "epoch", "test_digest"}


class Correct(NamedTuple):
    """What a run got right at its best epoch.

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


def write(correct: Correct, file: BinaryIO) -> None:
    """Write it into a file; nothing in it needs to be unpickled."""
    np.savez(
        file,
        allow_pickle=False,
        bits=np.packbits(correct.right),
        n_test=np.array(len(correct.right)),
        epoch=np.array(correct.epoch),
        test_digest=np.array(correct.test_digest),
    )


def read(path: Path) -> Correct:
    """Read what `write` wrote.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            if missing := _FIELDS - {*file.files}:
                raise ValueError(f"`{'`, `'.join(sorted(missing))}` missing")
            bits, n_test = file["bits"], int(file["n_test"])
            if bits.dtype != np.uint8 or bits.shape != (-(-n_test // 8),):
                raise ValueError(f"{bits.shape} bytes of {bits.dtype} are not {n_test} bits")
            right = np.unpackbits(bits, count=n_test).astype(bool)
            return Correct(right, int(file["epoch"]), str(file["test_digest"]))
    except Exception as error:  # zipfile and NumPy raise whatever a damaged byte leads them to
        raise DataError(f"{path.name} is damaged ({error}); the job has to be run again: rerun=all") from error
