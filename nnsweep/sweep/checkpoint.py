"""A checkpoint: a job on its way, as far as it must be known to go on from one of its epochs.

It is a NumPy archive with a hash behind it, so that a damaged one is never gone on from.
"""

import contextlib
import io
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnsweep.files import whole_file
from nnsweep.mlp.checkpoint import Snapshot
from nnsweep.mlp.history import Trained
from nnsweep.sweep.result import hash_of

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.npz"
_VALUES = "values"
_HASH_LENGTH = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A job on its way, as far as it must be known to go on.

    Attributes
    ----------
    key : str
        The job's.
    snapshot : Snapshot
        Its network.
    trained : Trained
        Its curves, and the best parameters so far.
    seconds : float
        How long it has been trained.
    """

    key: str
    snapshot: Snapshot
    trained: Trained
    seconds: float


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint as ``checkpoint.npz``, in the place of an earlier one; the file's last bytes are its hash."""
    path = folder / CHECKPOINT
    (arrays, snapshot), (more, trained) = checkpoint.snapshot.plain(), checkpoint.trained.plain()
    values = {"key": checkpoint.key, "seconds": checkpoint.seconds, "snapshot": snapshot, "trained": trained}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays, **more, **{_VALUES: np.array(json.dumps(values))})
    with whole_file(path) as file:
        file.write(content.getvalue() + hash_of(content.getvalue()).encode())
    return path


def read_checkpoint(folder: Path, key: str) -> Checkpoint | None:
    """Read a job's checkpoint; None if there is none, it is damaged, or another job's."""
    try:
        whole = (folder / CHECKPOINT).read_bytes()
        content, checksum = whole[:-_HASH_LENGTH], whole[-_HASH_LENGTH:]
        if checksum != hash_of(content).encode():  # the zip's own checksums do not cover everything
            raise ValueError("its checksum is another")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name != _VALUES}
            values = json.loads(str(file[_VALUES]))
        if values["key"] != key:
            raise ValueError("it is another job's")
        return Checkpoint(
            key=key,
            snapshot=Snapshot.of_plain(arrays, values["snapshot"]),
            trained=Trained.of_plain(arrays, values["trained"]),
            seconds=float(values["seconds"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s cannot be used (%s); training begins anew", folder / CHECKPOINT, error)
        return None


def remove_checkpoint(folder: Path) -> None:
    """Let go of what is only wanted as long as the job has not ended."""
    with contextlib.suppress(OSError):  # nobody goes on from it: the job's record is there
        (folder / CHECKPOINT).unlink(missing_ok=True)
