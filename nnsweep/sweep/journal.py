"""A journal: the results of a sweep's jobs as one file that only grows, written through before they count as finished.

One write to the disk makes a whole batch last; the job folders, which people read, are written at leisure. What a crash
has left half written in them is restored from here. A sweep that ends with everything in its place removes its journal.
"""

import json
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from nnsweep.files import sync_disk, sync_folder
from nnsweep.sweep.result import JobResult, Kept
from nnsweep.tracking.record import RunRecord

JOURNAL = "results.journal"
_HEAD = struct.Struct("<4sQ32s")  # a mark, how long the entry is, and its SHA-256
_MARK = b"nnsw"


class Journal:
    """A sweep's journal, which its recorder writes.

    Parameters
    ----------
    folder : Path
        The sweep's; job folders are named from there, so that the whole can be moved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / JOURNAL

    def append(self, results: Sequence[JobResult]) -> None:
        """Add results, and return when the disk has them.

        Raises
        ------
        OSError
            If it cannot be written; what was written of it counts for nothing.
        """
        is_new = not self._path.exists()
        with self._path.open("ab") as file:
            length = file.tell()
            try:
                for result in results:
                    entry = _encode(result, self.folder)
                    file.write(_HEAD.pack(_MARK, len(entry), sha256(entry).digest()))
                    file.write(entry)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(self._path, length)
                raise
        if is_new:
            sync_folder(self.folder)

    def close(self, *also: Path) -> None:
        """Remove the journal, when the disk has everything else that was written; `also` may be on other disks.

        Raises
        ------
        OSError
            If it cannot be removed.
        """
        if self._path.exists():
            for place in (self.folder, *also):
                sync_disk(place)
            self._path.unlink()


def read_journal(folder: Path) -> Iterator[JobResult]:
    """Give the results in a sweep's journal, as far as it is whole; nothing, if there is none."""
    try:
        content = (folder / JOURNAL).read_bytes()
    except FileNotFoundError:
        return
    start = 0
    while start + _HEAD.size <= len(content):
        mark, length, digest = _HEAD.unpack_from(content, start)
        entry = content[start + _HEAD.size : start + _HEAD.size + length]
        if mark != _MARK or len(entry) != length or sha256(entry).digest() != digest:
            return  # the program or the machine ended while this was written
        yield _decode(entry, folder)
        start += _HEAD.size + length


def _encode(result: JobResult, folder: Path) -> bytes:
    """Write a result: how long its head is, the head, and its files one after the other."""
    kept = asdict(result.kept)
    place = os.path.relpath(result.folder, folder)
    lengths = {name: len(content) for name, content in result.contents.items()}
    head = json.dumps({"folder": place, "kept": kept, "lengths": lengths}).encode()
    return b"".join([len(head).to_bytes(8, "little"), head, *result.contents.values()])


def _decode(entry: bytes, folder: Path) -> JobResult:
    start = 8 + int.from_bytes(entry[:8], "little")
    head: dict[str, Any] = json.loads(entry[8:start])
    kept = Kept(**{**head["kept"], "record": RunRecord(**head["kept"]["record"])})
    contents = {}
    for name, length in head["lengths"].items():
        contents[name] = entry[start : start + length]
        start += length
    return JobResult(folder=Path(os.path.normpath(folder / head["folder"])), kept=kept, contents=contents)
