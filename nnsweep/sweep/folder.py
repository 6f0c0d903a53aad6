"""A job's folder: the full record of a run, written here before anything is sent to the store.

Each file is there whole or not at all; `record.json` comes last and knows the others by their hashes, so that a folder
that has it is complete, and shows whether it still is.
"""

import io
import json
import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from nnsweep.errors import DataError
from nnsweep.files import sync_folder, whole_file
from nnsweep.masking import masked
from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.history import Trained
from nnsweep.mlp.network import Layers
from nnsweep.mlp.snapshot import Snapshot
from nnsweep.model.packed import PREPARATION, WEIGHTS
from nnsweep.tracking import correct
from nnsweep.tracking.record import RunRecord

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

RECORD = "record.json"
SENT = "sent.json"
_VALUES = "values"
_HASH_LENGTH = 64
CHECKPOINT = "checkpoint.npz"
HISTORY = "history.parquet"
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Everything that the store is told of a run, as its folder keeps it.

    Attributes
    ----------
    record : RunRecord
        What became of the job.
    experiment : str
        The experiment that it belongs to.
    tags : dict
        What else the run is tagged with.
    data : dict
        ``name``, ``digest`` and ``source`` of the data set.
    axes : dict
        Settings that differ between the jobs of the sweep, which are also recorded as metrics.
    best_epoch : int
        The epoch that must be among the points of every curve.
    max_points : int
        How many points a curve may have in the store.
    n_epochs : int
        Length of the history; 0 if there is none.
    files : dict
        SHA-256 of each file of the folder that belongs to the record, by name.
    """

    record: RunRecord
    experiment: str
    tags: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    axes: dict[str, float] = field(default_factory=dict)
    best_epoch: int = 0
    max_points: int = 4
    n_epochs: int = 0
    files: dict[str, str] = field(default_factory=dict)


def write_config(folder: Path, config: Mapping[str, Any]) -> Path:
    """Write the resolved configuration as ``config.yaml``."""
    return _write(folder / "config.yaml", yaml.dump(dict(config), Dumper=_Dumper, sort_keys=False).encode())


def write_environment(folder: Path, environment: Mapping[str, Any]) -> Path:
    """Write the versions as ``environment.json``."""
    return _write(folder / "environment.json", json.dumps(environment, indent=2).encode())


def write_history(folder: Path, history: Mapping[str, FloatArray]) -> Path:
    """Write the curves of every epoch as ``history.parquet``; NaN where nothing was measured."""
    import pyarrow
    from pyarrow import parquet

    path = folder / HISTORY
    columns = {name: curve.astype(np.int64) if name == "epoch" else curve for name, curve in history.items()}
    with whole_file(path) as file:
        parquet.write_table(pyarrow.table(columns), file)
    return path


def read_history(folder: Path) -> dict[str, FloatArray]:
    """Read what `write_history` wrote."""
    from pyarrow import parquet

    table = parquet.read_table(folder / HISTORY)
    return {name: table[name].to_numpy().astype(float) for name in table.column_names}


def frame(history: Mapping[str, FloatArray]) -> "pd.DataFrame":
    """Lay curves side by side, with the epoch as a whole number."""
    import pandas as pd

    return pd.DataFrame(dict(history)).astype({"epoch": "int64"})


def write_weights(folder: Path, trained: Trained) -> Path:
    """Write the parameters as ``weights.npz``: ``best_W0``, ``best_b0``, ... and ``final_W0``, ``final_b0``, ....

    The weights have shape (fan_in, fan_out), the biases (fan_out,); ``best_epoch`` is beside them.
    """
    path = folder / WEIGHTS
    arrays = {"best_epoch": np.array(trained.best_epoch)}
    arrays |= _named("best", trained.best_layers) | _named("final", trained.layers)
    with whole_file(path) as file:
        np.savez(file, allow_pickle=False, **arrays)  # weights hardly compress
    return path


def write_correct(folder: Path, trained: Trained, test_digest: str) -> Path:
    """Write which test examples the network got right at its best epoch as ``correct.npz``."""
    path = folder / correct.CORRECT
    with whole_file(path) as file:
        correct.write(correct.Correct(trained.best_right, trained.best_epoch, test_digest), file)
    return path


def write_preparation(folder: Path, content: bytes) -> Path:
    """Write what `nnsweep.model.packed.preparation_bytes` gives as ``preparation.npz``."""
    return _write(folder / PREPARATION, content)


def _named(prefix: str, layers: Layers) -> dict[str, FloatArray]:
    named: dict[str, FloatArray] = {}
    for number, (W, b) in enumerate(layers):
        named |= {f"{prefix}_W{number}": W[0], f"{prefix}_b{number}": b[0, 0]}
    return named


def write_traceback(folder: Path) -> Path:
    """Write the exception that is being handled as ``traceback.txt``."""
    return _write(folder / "traceback.txt", masked(traceback.format_exc()).encode(errors="backslashreplace"))


def write_record(folder: Path, kept: Kept, files: Sequence[Path] = ()) -> Kept:
    """Write the record of an ended run, the last file of a folder.

    Parameters
    ----------
    folder : Path
        The job's.
    kept : Kept
        What is to be recorded.
    files : sequence of Path
        The files that belong to it, which are there.

    Returns
    -------
    Kept
        The same, with the hashes of the files.
    """
    hashes = {path.name: _hash(path.read_bytes()) for path in files}
    content = {**asdict(kept), "files": hashes}
    (folder / SENT).unlink(missing_ok=True)  # that was an earlier attempt's
    _write(folder / RECORD, json.dumps({"checksum": _checksum(content), "content": content}, indent=1).encode())
    sync_folder(folder)
    return _kept(content)


def read_kept(folder: Path) -> Kept | None:
    """Read a folder's record; None if its job has not ended.

    Raises
    ------
    DataError
        If the record is damaged: it never comes out with other values than were written.
    """
    try:
        text = (folder / RECORD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / RECORD}: cannot be read ({error}); the job has to be run again") from error
    try:
        read = json.loads(text)
        content = read["content"]
        if read["checksum"] != _checksum(content):
            raise ValueError("its checksum is another")
        return _kept(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"{folder / RECORD}: is damaged ({error}); the job has to be run again") from error


def read_record(folder: Path) -> RunRecord | None:
    """Read what became of a folder's job; None if it has not ended, or its record is damaged."""
    try:
        kept = read_kept(folder)
    except DataError:
        return None
    return kept.record if kept else None


def check_files(folder: Path, kept: Kept) -> list[Path]:
    """Give the files that belong to a record.

    Raises
    ------
    DataError
        If one is not there, or is not what was written.
    """
    for name, wanted in kept.files.items():
        path = folder / Path(name).name
        try:
            found = _hash(path.read_bytes())
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); the job has to be run again") from error
        if found != wanted:
            raise DataError(f"{path}: is damaged (its checksum is another); the job has to be run again")
    return [folder / Path(name).name for name in kept.files]


def mark_sent(folder: Path, run_id: str) -> None:
    """Note that the store has everything of the record."""
    (folder / SENT).write_text(json.dumps({"run_id": run_id}), encoding="utf-8")  # a hint: the store knows better


def is_sent(folder: Path) -> bool:
    """Tell whether the store has everything of the record."""
    return (folder / SENT).exists()


def _kept(content: Mapping[str, Any]) -> Kept:
    return Kept(**{**content, "record": RunRecord(**content["record"])})


def _checksum(content: Any) -> str:
    return _hash(json.dumps(content, sort_keys=True).encode())


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> Path:
    with whole_file(path) as file:
        file.write(content)
    return path


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
    return _write(path, content.getvalue() + _hash(content.getvalue()).encode())


def read_checkpoint(folder: Path, key: str) -> Checkpoint | None:
    """Read a job's checkpoint; None if there is none, it is damaged, or another job's."""
    try:
        whole = (folder / CHECKPOINT).read_bytes()
        content, checksum = whole[:-_HASH_LENGTH], whole[-_HASH_LENGTH:]
        if checksum != _hash(content).encode():  # the zip's own checksums do not cover everything
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
    (folder / CHECKPOINT).unlink(missing_ok=True)
