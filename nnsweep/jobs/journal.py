"""A journal: the results of a sweep's jobs as one file that only grows, written through before they count as finished.

One write to the disk makes a whole batch last; the job folders, which people read, are written at leisure. What a crash
has left half written in them is restored from here. A sweep that ends with everything in its place removes its journal.
"""

import contextlib
import json
import os
import struct
import weakref
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from nnsweep.files import sync_disk, sync_path
from nnsweep.jobs.result import JobResult, from_plain, make_plain
from nnsweep.tracking.record import Point

JOURNAL = "results.journal"
_HEAD = struct.Struct("<4sQ32s")  # a mark, how long the entry is, and its SHA-256
_MARK = b"nnsw"


class Journal:
    """A sweep's journal, which its recorder writes.

    As long as it is open it is locked, so that everybody who sees the folder knows that the sweep is under way; the
    system gives the lock up with the process.

    Parameters
    ----------
    folder : Path
        The sweep's; job folders are named from there, so that the whole can be moved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / JOURNAL
        self._end = 0  # of the last whole entry
        self._release: weakref.finalize[Any, Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def append(self, results: Sequence[JobResult]) -> None:
        """Add results, and return when the disk has them.

        Raises
        ------
        OSError
            If it cannot be written; what was written of it counts for nothing.
        """
        self.hold()
        content = memoryview(b"".join(_frame(_encode(result, self.folder)) for result in results))
        os.ftruncate(self._descriptor, self._end)  # a crash, or an append that failed, may have left something
        try:
            written = 0
            while written < len(content):
                written += os.pwrite(self._descriptor, content[written:], self._end + written)
            os.fsync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            raise
        if not self._end:
            sync_path(self.folder)
        self._end += written

    def hold(self) -> None:
        """Create and lock the journal, unless that has been done.

        Raises
        ------
        OSError
            If it cannot be made.
        """
        if self._release:
            return
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        self._release = weakref.finalize(self, os.close, self._descriptor)
        lock_file(self._descriptor)
        self._end = max((end for _, end in _find_entries(self._path.read_bytes())), default=0)

    def close(self, *also: Path) -> None:
        """Remove the journal, once the disk has everything else that was written; `also` may be on other disks.

        Raises
        ------
        OSError
            If it cannot be removed.
        """
        if self._path.exists():
            for place in (self.folder, *also):
                sync_disk(place)
            self._path.unlink()
        self.leave()

    def leave(self) -> None:
        """Close and unlock the journal, so that another process can take it over."""
        if self._release:
            self._release()
        self._release = None


@contextlib.contextmanager
def take_over_journal(folder: Path, *, make: bool = False) -> Iterator[bool]:
    """Hold the journal of a sweep that is under way no more, so that nobody else does meanwhile.

    Parameters
    ----------
    folder : Path
        The sweep's.
    make : bool
        Whether a journal is made if there is none.

    Yields
    ------
    bool
        Whether there is one that nobody holds.
    """
    try:
        descriptor = os.open(folder / JOURNAL, os.O_RDWR | (os.O_CREAT if make else 0), 0o666)
    except FileNotFoundError:
        yield False
        return
    try:
        yield lock_file(descriptor)
    finally:
        os.close(descriptor)


def lock_file(descriptor: int) -> bool:
    """Lock an open file; False if another process holds the lock, and True where there are no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # Windows, or a file system without locks
        return True
    return True


def read_journal(folder: Path) -> Iterator[JobResult]:
    """Yield the results in a sweep's journal that are whole; none if there is no journal."""
    try:
        content = (folder / JOURNAL).read_bytes()
    except FileNotFoundError:
        return
    yield from unpack_results(content, folder)


def pack_result(result: JobResult, folder: Path) -> bytes:
    """Write a result and its points as one entry; `unpack_results` reads it, given the same sweep's folder."""
    return _frame(_encode(result, folder, result.points))


def unpack_results(content: bytes, folder: Path) -> Iterator[JobResult]:
    """Yield the results of all whole entries."""
    for start, end in _find_entries(content):
        yield _decode(content[start:end], folder)


def _find_entries(content: bytes) -> Iterator[tuple[int, int]]:
    """Find where each whole entry begins and ends, skipping entries that are cut off or damaged."""
    start = content.find(_MARK)
    while start >= 0 and start + _HEAD.size <= len(content):
        _, length, digest = _HEAD.unpack_from(content, start)
        first, end = start + _HEAD.size, start + _HEAD.size + length
        if end <= len(content) and sha256(content[first:end]).digest() == digest:
            yield first, end
            start = content.find(_MARK, end)
        else:
            start = content.find(_MARK, start + 1)


def _frame(entry: bytes) -> bytes:
    return _HEAD.pack(_MARK, len(entry), sha256(entry).digest()) + entry


def _encode(result: JobResult, folder: Path, points: Sequence[Point] = ()) -> bytes:
    """Write a result: how long its head is, the head, and its files one after the other."""
    place = os.path.relpath(result.folder, folder)
    lengths = {name: len(content) for name, content in result.contents.items()}
    values = {"folder": place, "kept": make_plain(result.kept), "lengths": lengths}
    head = json.dumps(values | ({"points": points} if points else {})).encode()
    return b"".join([len(head).to_bytes(8, "little"), head, *result.contents.values()])


def _decode(entry: bytes, folder: Path) -> JobResult:
    start = 8 + int.from_bytes(entry[:8], "little")
    head: dict[str, Any] = json.loads(entry[8:start])
    kept = from_plain(head["kept"])
    contents = {}
    for name, length in head["lengths"].items():
        contents[name] = entry[start : start + length]
        start += length
    points = tuple(Point(*point) for point in head.get("points", ()))
    place = Path(os.path.normpath(folder / head["folder"]))
    return JobResult(folder=place, kept=kept, contents=contents, points=points)
