"""A checkpoint: the file in a job's folder from which an interrupted training goes on after its last whole epoch.

It holds the network's snapshot (`nnsweep.mlp.snapshot`), the curves so far, and the key of the job, without which it is
not used.
"""

import contextlib
import io
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnsweep.files import whole_file
from nnsweep.jobs.result import make_hash
from nnsweep.mlp.arrays import pack_arrays
from nnsweep.mlp.history import Trained
from nnsweep.mlp.snapshot import Snapshot

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.npz"
_VALUES = "values"
_HASH_LENGTH = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """All that is needed to resume the training of a job.

    Attributes
    ----------
    key : str
        The job's.
    snapshot : Snapshot
        Its network.
    trained : Trained
        Its curves, and the best parameters so far.
    seconds : float
        How long it has been trained so far.
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
    content = pack_arrays({**arrays, **more, _VALUES: np.array(json.dumps(values))})
    with whole_file(path) as file:
        file.write(content + make_hash(content).encode())
    return path


def read_checkpoint(folder: Path, key: str) -> Checkpoint | None:
    """Read a job's checkpoint; None if there is none, or it is damaged or another job's."""
    try:
        whole = (folder / CHECKPOINT).read_bytes()
        content, checksum = whole[:-_HASH_LENGTH], whole[-_HASH_LENGTH:]
        if checksum != make_hash(content).encode():  # the zip's own checksums do not cover everything
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
    """Remove the checkpoint of a job that has ended."""
    with contextlib.suppress(OSError):  # it would do no harm: with a record, no job resumes from it
        (folder / CHECKPOINT).unlink(missing_ok=True)
