"""Power cuts: what a disk may hold after one, given all that was written before and what of it was written through.

The disk is a strict one. What was synced lasts: a file's bytes and size by its own fsync, a name by that of the folder
it is in. Of all else any part may have reached the disk, in any order, and a write may be torn at any block. A rename
is there or not, and never a half.
"""

import itertools
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from harness.recording import FOLDER, Named, Operation, Recording, Resized, Synced, Written

BLOCK = 512
"""Bytes that a disk writes as a whole."""
AWAY_SECONDS = 48 * 3600.0
"""How long the power was away: whoever was at work before counts as gone by then, wherever he was."""

Fate: TypeAlias = Callable[[Operation, random.Random], Operation | None]
"""Says what has reached the disk of an operation that was not written through."""


def _nothing(_: Operation, __: random.Random) -> None:
    return None


def _everything(operation: Operation, _: random.Random) -> Operation:
    return operation


def _names_alone(operation: Operation, _: random.Random) -> Operation | None:
    return operation if isinstance(operation, Named) else None


def _bytes_alone(operation: Operation, _: random.Random) -> Operation | None:
    return None if isinstance(operation, Named) else operation


def _some(operation: Operation, chance: random.Random) -> Operation | None:
    return operation if chance.random() < 0.5 else None


def _most_and_torn(operation: Operation, chance: random.Random) -> Operation | None:
    return _torn(operation, chance) if chance.random() < 0.3 else operation


def _some_and_torn(operation: Operation, chance: random.Random) -> Operation | None:
    return chance.choice([None, operation, _torn(operation, chance)])


def _torn(operation: Operation, chance: random.Random) -> Operation:
    """Let some blocks of a write be as they were, or full of zeros."""
    if not isinstance(operation, Written):
        return operation
    first, end = operation.offset // BLOCK, -(-(operation.offset + len(operation.content)) // BLOCK)
    if chance.random() < 0.5:  # it broke off
        cut = chance.randint(first, end - 1)
        kept = {*range(first, cut)}
    else:
        kept = {block for block in range(first, end) if chance.random() < 0.5}
    return Torn(operation, frozenset(range(first, end)) - kept, zeros=chance.random() < 0.5)


@dataclass(frozen=True)
class Torn:
    """A write of which some blocks have not arrived: they hold what was there before, or zeros."""

    written: Written
    lost: frozenset[int]
    zeros: bool


FATES: dict[str, Fate] = {
    "nothing": _nothing,
    "everything": _everything,
    "names alone": _names_alone,
    "bytes alone": _bytes_alone,
    "some": _some,
    "most, some torn": _most_and_torn,
    "some, some torn": _some_and_torn,
}
"""What becomes of that which was not written through, by what it is called."""


@dataclass(frozen=True)
class Cut:
    """A power cut: after how many operations, what becomes of those that were not written through, and a seed."""

    at: int
    fate: str
    seed: int = 0


def cuts(recording: Recording, seed: int) -> list[Cut]:
    """Give power cuts in random order: before and after everything that is written through, and anywhere else."""
    chance = random.Random(seed)
    n_operations = len(recording.operations)
    synced = [at for at, operation in enumerate(recording.operations) if isinstance(operation, Synced)]
    others = [chance.randint(0, n_operations) for _ in synced]
    points = sorted({*synced, *(at + 1 for at in synced), *others})
    found = [Cut(at, fate, chance.randrange(1 << 30)) for at in points for fate in FATES]
    chance.shuffle(found)
    return found


def lasting(operations: Sequence[Operation]) -> set[int]:
    """Say which operations have been written through."""
    done: set[int] = set()
    for synced in operations:
        if isinstance(synced, Synced):
            done |= {at for at in range(synced.begun) if at not in done and _covers(synced, operations[at])}
    return done


def _covers(synced: Synced, operation: Operation) -> bool:
    if isinstance(operation, Synced) or (synced.file is None and not synced.folder):
        return True
    if isinstance(operation, Named):
        return os.path.dirname([*operation.names][-1]) == synced.folder  # a rename lasts with the new name
    return operation.file == synced.file


@dataclass
class Image:
    """What is on a disk: the numbers of files by path, and their bytes by number."""

    names: dict[str, int]
    contents: dict[int, bytearray]

    def do(self, operation: Operation | Torn) -> None:
        """Let an operation reach the disk."""
        if isinstance(operation, Named):
            for path, number in operation.names.items():
                if number is None:
                    self.names.pop(path, None)
                else:
                    self.names[path] = number
        elif isinstance(operation, Resized):
            content = self.contents.setdefault(operation.file, bytearray())
            content[operation.size :] = bytes(max(0, operation.size - len(content)))
        elif isinstance(operation, Written):
            self._write(operation.file, operation.offset, operation.content)
        elif isinstance(operation, Torn):
            self._tear(operation)

    def _write(self, file: int, offset: int, content: bytes) -> None:
        there = self.contents.setdefault(file, bytearray())
        there.extend(bytes(max(0, offset - len(there))))
        there[offset : offset + len(content)] = content

    def _tear(self, torn: Torn) -> None:
        written = torn.written
        for block in range(written.offset // BLOCK, -(-(written.offset + len(written.content)) // BLOCK)):
            start = max(block * BLOCK, written.offset)
            content = written.content[start - written.offset : (block + 1) * BLOCK - written.offset]
            if block not in torn.lost:
                self._write(written.file, start, content)
            elif torn.zeros:
                self._write(written.file, start, bytes(len(content)))

    def is_there(self, path: str, root: str) -> bool:
        """Tell whether a path can be reached from the root: all folders above it must be there."""
        above = itertools.takewhile(lambda folder: folder != root, map(str, Path(path).parents))
        return all(self.names.get(folder) == FOLDER for folder in above)

    def restore(self, folder: Path) -> None:
        """Write everything that can be reached into a folder, where two names of one file are that again."""
        first: dict[int, str] = {}
        before = time.time() - AWAY_SECONDS
        for path, number in sorted(self.names.items()):
            if not self.is_there(path, str(folder)):
                continue
            if number == FOLDER:
                os.mkdir(path)
            elif number in first:
                os.link(first[number], path)
            else:
                Path(path).write_bytes(self.contents.get(number, b""))
                first[number] = path
        for path in folder.rglob("*"):
            os.utime(path, (before, before))


def image(recording: Recording, cut: Cut) -> Image:
    """Give what a disk may hold after a power cut."""
    found = Image({**recording.names}, {file: bytearray(content) for file, content in recording.contents.items()})
    done, chance = recording.operations[: cut.at], random.Random(cut.seed)
    through = lasting(done)
    for at, operation in enumerate(done):
        reached = operation if at in through else FATES[cut.fate](operation, chance)
        if reached is not None:
            found.do(reached)
    return found


def written_through(recording: Recording, name: str) -> Iterator[tuple[int, Path, bytes]]:
    """Give what the disk had for certain of files of some name, each time that one was synced, and since when.

    Whoever syncs a file, and then at once the folders it is in, has said no word in between.
    """
    for at, synced in enumerate(recording.operations, start=1):
        if isinstance(synced, Synced) and synced.file is not None:
            paths = [path for path in _names_of(synced.file, recording, at) if os.path.basename(path) == name]
            sure = image(recording, Cut(at, "nothing")).contents if paths else {}
            yield from ((_syncs_until(recording, at), Path(path), bytes(sure[synced.file])) for path in paths)


def _syncs_until(recording: Recording, at: int) -> int:
    """Say after how many operations a process that has just synced something does something else."""
    own = [number for number, process in enumerate(recording.processes) if process == recording.processes[at - 1]]
    later = [number for number in own if number >= at]
    syncs = itertools.takewhile(lambda number: isinstance(recording.operations[number], Synced), later)
    return max((number + 1 for number in syncs), default=at)


def _names_of(file: int, recording: Recording, at: int) -> list[str]:
    """Give the names that a file had after so many operations."""
    names: dict[str, int | None] = {**recording.names}
    for operation in recording.operations[:at]:
        names |= operation.names if isinstance(operation, Named) else {}
    return [path for path, number in names.items() if number == file]
