"""The folder of a job: the full record of its run, written here before anything is sent to the store.

`record.json` comes last and knows the other files by their hashes, so that a folder that has it is complete, and shows
whether it still is. What the store does not have yet is marked as waiting. A job that has not ended has a checkpoint.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnsweep.errors import DataError
from nnsweep.files import sync_path, whole_file, write_anew
from nnsweep.jobs.result import HISTORY, JobResult, Kept, from_plain, make_hash, make_plain
from nnsweep.mlp.arrays import FloatArray
from nnsweep.tracking.record import RunRecord

if TYPE_CHECKING:
    import pandas as pd


RECORD = "record.json"
WAITING = "waiting"
"""The name of an empty file: the store does not have everything of the record that lies beside it."""


def read_history_file(folder: Path) -> dict[str, FloatArray]:
    """Read the curves of a job: an array of shape (n_epochs + 1,) for each."""
    from pyarrow import parquet

    table = parquet.read_table(folder / HISTORY)
    return {name: table[name].to_numpy().astype(float) for name in table.column_names}


def make_history_frame(history: Mapping[str, FloatArray]) -> "pd.DataFrame":
    """Lay curves side by side, with the epoch as a whole number."""
    import pandas as pd

    return pd.DataFrame(dict(history)).astype({"epoch": "int64"})


def write_result(result: JobResult, *, through: bool = True, latest: dict[str, tuple[str, Path]] | None = None) -> None:
    """Write what a job came to into its folder, the record last.

    Parameters
    ----------
    result : JobResult
        Its record knows the hashes of its files; see `JobResult.of_run`.
    through : bool
        Whether every file is written through to the disk and takes its name at once; not needed where a journal has
        the same result and restores what a crash has left half written.
    latest : dict or None
        SHA-256 and path of the latest file of each name that was written for a sweep; updated here. A file with the
        same content, as the environment and the preparation of the data mostly have, becomes a hard link to it.

    Raises
    ------
    OSError, ConfigError
        If something cannot be written.
    """
    latest = {} if latest is None else latest
    write = _write_through if through else write_anew
    if not through:
        (result.folder / RECORD).unlink(missing_ok=True)
    for name, content in result.contents.items():
        path, checksum = result.folder / name, result.kept.files.get(name, "")
        latest_checksum, twin = latest.get(name, ("", path))
        if through or latest_checksum != checksum or not _link(twin, path):
            write(path, content)
            latest[name] = checksum, path
    if through:
        mark_waiting(result.folder)
    values = make_plain(result.kept)
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in values.items())
    text = f'{{"checksum": "{_checksum(values)}", "content": {{\n{lines}\n}}}}'
    write(result.folder / RECORD, text.encode())
    if through:
        sync_path(result.folder)


def _write_through(path: Path, content: bytes) -> None:
    with whole_file(path) as file:
        file.write(content)


def _link(file: Path, path: Path) -> bool:
    """Hard-link a file under another name; return whether that worked."""
    try:
        os.link(file, path)
    except OSError:
        return False
    return True


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
        return from_plain(content)
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
    """Check the files that belong to a record, and return their paths.

    Raises
    ------
    DataError
        If one is missing, or is not what was written.
    """
    for name, wanted in kept.files.items():
        path = folder / Path(name).name
        try:
            found = make_hash(path.read_bytes())
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); the job has to be run again") from error
        if found != wanted:
            raise DataError(f"{path}: is damaged (its checksum is another); the job has to be run again")
    return [folder / Path(name).name for name in kept.files]


def mark_waiting(folder: Path) -> None:
    """Mark a folder's record as not yet in the store, or not completely."""
    (folder / WAITING).touch()


def remove_waiting_mark(folder: Path) -> None:
    """Remove the mark of a folder whose record is in the store completely."""
    with contextlib.suppress(OSError):  # the mark is a hint: the store is asked before anything is sent
        (folder / WAITING).unlink(missing_ok=True)


def is_sent(folder: Path) -> bool:
    """Check whether a folder has a record that is in the store completely."""
    return (folder / RECORD).exists() and not (folder / WAITING).exists()


def _checksum(content: Any) -> str:
    return make_hash(json.dumps(content, sort_keys=True).encode())
