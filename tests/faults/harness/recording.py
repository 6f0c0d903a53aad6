"""Recordings: every operation by which a program, or any process that it starts, changes a folder, with its data.

SQLite writes from C, where Python hears nothing of it: strace hears all system calls. What a program writes through
mapped memory is not seen; of a study only SQLite's ``-shm`` files are written so, and these are left out, because
SQLite makes them anew after every power cut.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from harness.programs import surroundings

_CALLS = (
    "open,openat,creat,lseek,write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range,ftruncate,truncate,"
    "fallocate,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,mkdir,mkdirat,rmdir,"
    "fsync,fdatasync,sync,syncfs"
)
_STRACE = ["strace", "-f", "--seccomp-bpf", "-y", "-xx", "-s", str(1 << 24), "-e", f"trace={_CALLS}"]
_CALL = re.compile(r"(?P<name>\w+)\((?P<given>.*)\) += (?P<result>-?\d+)(?:<(?P<opened>[^>]*)>)?")
_ARGUMENT = re.compile(r'(?P<number>\w+)<(?P<path>[^>]*)>(?P<gone>\(deleted\))?|"(?P<text>[^"]*)"')
_HEX = re.compile(r"\\x([0-9a-f]{2})")
FOLDER = -1
"""Stands for a folder where others have the number of a file."""


@dataclass(frozen=True)
class Written:
    """Bytes that were written into a file, which is told by its number."""

    file: int
    offset: int
    content: bytes


@dataclass(frozen=True)
class Resized:
    """A file that was cut off or extended."""

    file: int
    size: int


@dataclass(frozen=True)
class Named:
    """Names that were given or taken away at once: the number of a file, or `FOLDER`, or None, by path."""

    names: dict[str, int | None]


@dataclass(frozen=True)
class Synced:
    """What was written through to the disk: a file, a folder's names, or everything.

    Attributes
    ----------
    file : int or None
        The number of a file; None if it is something else.
    folder : str
        A folder; empty for everything, if it is no file either.
    begun : int
        How many operations there had been when it began: these have reached the disk when it has ended.
    """

    file: int | None
    folder: str
    begun: int


Operation: TypeAlias = Written | Resized | Named | Synced


@dataclass
class Recording:
    """What a program has done to a folder.

    Attributes
    ----------
    names, contents : dict
        What was there before: the numbers of files by path, and their bytes by number.
    operations : list of Operation
        In the order in which they ended.
    processes : list of str
        Whose they were: the number of a process, or of a thread, for each operation.
    """

    names: dict[str, int] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    processes: list[str] = field(default_factory=list)


def why_not() -> str:
    """Say why nothing can be recorded here; empty if it can."""
    if shutil.which("strace") is None:
        return "recording system calls needs strace (apt-get install strace, dnf install strace)"
    tried = subprocess.run([*_STRACE, "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    said = " ".join(tried.stderr.split())[:200]
    return f"strace may not trace here ({said}); a container needs --cap-add=SYS_PTRACE" if tried.returncode else ""


def record(folder: Path, arguments: Sequence[str]) -> Recording:
    """Run nnsweep in a folder, and give what it has done to it."""
    recording = _found(folder)
    with tempfile.TemporaryDirectory() as place:
        trace = Path(place) / "trace"
        command = [*_STRACE, "-o", str(trace), sys.executable, "-m", "nnsweep", *arguments]
        ended = subprocess.run(command, cwd=folder, env=surroundings(), capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr[-2000:]
        reader = _Reader(recording, folder)
        with trace.open() as lines:
            for line in lines:
                reader.read(line)
    return recording


def tree(folder: Path) -> dict[str, bytes | None]:
    """Read a folder, without what is left out of recordings: the bytes of files, and None for folders, by path."""
    paths = [path for path in folder.rglob("*") if not _is_left_out(str(path))]
    return {str(path): path.read_bytes() if path.is_file() else None for path in paths}


def _found(folder: Path) -> Recording:
    """Read what is in a folder before anything happens to it."""
    found, numbers = Recording(), dict[int, int]()
    for path in sorted(folder.rglob("*")):
        assert not path.is_symlink(), path
        if path.is_dir():
            found.names[str(path)] = FOLDER
        elif not _is_left_out(str(path)):
            number = numbers.setdefault(path.stat().st_ino, len(numbers))
            found.names[str(path)], found.contents[number] = number, path.read_bytes()
    return found


def _is_left_out(path: str) -> bool:
    return path.endswith("-shm")


def _bytes(text: str) -> bytes:
    assert not _HEX.sub("", text), text[:100]
    return bytes.fromhex(text.replace("\\x", ""))


def _path(text: str) -> str:
    return os.fsdecode(_bytes(text))


@dataclass(frozen=True)
class _Call:
    """A system call that has succeeded: what it was given in short, and the paths and texts that were among it."""

    given: str
    result: int
    opened: str
    open_files: list[tuple[str, str]]
    texts: list[str]
    begun: int

    @property
    def last(self) -> int:
        """The last argument, if that is a number."""
        return int(self.given.rpartition(",")[2])

    def paths(self) -> list[str]:
        """Give the paths that it names, each from the folder that stands before it, if there is one."""
        folders = [path for _, path in self.open_files]
        names = [_path(text) for text in self.texts]
        return [os.path.normpath(os.path.join(*place)) for place in zip(folders or names, names, strict=True)]


class _Reader:
    """Reads strace's lines, and knows meanwhile what every path stands for."""

    def __init__(self, recording: Recording, folder: Path) -> None:
        self._recording, self._folder, self._operations = recording, str(folder), recording.operations
        self._hex = "".join(f"\\x{byte:02x}" for byte in os.fsencode(folder))
        self._names: dict[str, int] = dict(recording.names)
        self._sizes = {number: len(content) for number, content in recording.contents.items()}
        self._n_files = len(self._sizes)
        self._places: dict[tuple[str, str], int | None] = {}  # where an open file is written next; None for its end
        self._unfinished: dict[str, tuple[str, int]] = {}

    def read(self, line: str) -> None:
        process, _, text = line.rstrip("\n").partition(" ")
        text, begun = text.strip(), len(self._operations)
        if text.endswith("<unfinished ...>"):
            self._unfinished[process] = text.removesuffix("<unfinished ...>").rstrip(), begun
            return
        if text.startswith("<... "):
            first, begun = self._unfinished.pop(process)
            text = first + text.partition(" resumed>")[2]
        found = _CALL.match(text) if self._hex in text or text.startswith("sync()") else None
        if found and int(found["result"]) >= 0:
            self._take(found["name"], self._call(found, begun))
            n_new = len(self._operations) - len(self._recording.processes)
            self._recording.processes += n_new * [process]

    def _call(self, found: re.Match[str], begun: int) -> _Call:
        arguments = [*_ARGUMENT.finditer(found["given"])]
        given = _ARGUMENT.sub("", found["given"])
        files = [(one["number"], "" if one["gone"] else _path(one["path"])) for one in arguments if one["number"]]
        texts = [one["text"] for one in arguments if one["text"] is not None]
        return _Call(given, int(found["result"]), _path(found["opened"] or ""), files, texts, begun)

    def _take(self, name: str, call: _Call) -> None:
        way: Callable[[_Call], Any] = getattr(self, f"_{_ALIKE.get(name, name)}")
        way(call)

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self._folder + os.sep) and not _is_left_out(path)

    def _do(self, operation: Operation) -> None:
        self._operations.append(operation)

    def _name(self, names: dict[str, int | None]) -> None:
        if ours := {path: number for path, number in names.items() if self._is_ours(path)}:
            self._do(Named(ours))
            for path, number in ours.items():
                if number is None:
                    self._names.pop(path)
                else:
                    self._names[path] = number

    def _resize(self, path: str, size: int) -> None:
        if self._is_ours(path):
            number = self._names[path]
            self._do(Resized(number, size))
            self._sizes[number] = size

    def _put(self, path: str, offset: int, content: bytes) -> None:
        if content:
            number = self._names[path]
            self._do(Written(number, offset, content))
            self._sizes[number] = max(self._sizes[number], offset + len(content))

    # ---- system calls

    def _open(self, call: _Call) -> None:
        path = call.opened
        if not self._is_ours(path):
            return
        if path not in self._names and "O_CREAT" in call.given:
            self._sizes[self._n_files] = 0
            self._name({path: self._n_files})
            self._n_files += 1
        elif "O_TRUNC" in call.given and self._sizes[self._names[path]]:
            self._resize(path, 0)
        self._places[path, str(call.result)] = None if "O_APPEND" in call.given else 0

    def _lseek(self, call: _Call) -> None:
        ((descriptor, path),) = call.open_files
        if self._places.get((path, descriptor)) is not None:
            self._places[path, descriptor] = call.result

    def _write(self, call: _Call) -> None:
        self._add(call, b"".join(map(_bytes, call.texts))[: call.result])

    def _sendfile(self, call: _Call) -> None:
        """Take what was copied from the file itself, or from the copy: strace tells how much it was, and not what."""
        (descriptor, path), (_, source) = call.open_files
        if self._is_ours(path):
            start = self._places[path, descriptor] or 0
            there = Path(source) if os.path.exists(source) else Path(path)
            self._add(call, there.read_bytes()[start : start + call.result])

    def _add(self, call: _Call, content: bytes) -> None:
        """Write where the last write to the open file ended."""
        descriptor, path = call.open_files[0]
        if self._is_ours(path):
            place = self._places[path, descriptor]
            offset = self._sizes[self._names[path]] if place is None else place
            self._put(path, offset, content)
            self._places[path, descriptor] = None if place is None else place + len(content)

    def _pwrite(self, call: _Call) -> None:
        ((_, path),) = call.open_files
        if self._is_ours(path):
            self._put(path, call.last, b"".join(map(_bytes, call.texts))[: call.result])

    def _ftruncate(self, call: _Call) -> None:
        self._resize(call.open_files[0][1], call.last)

    def _truncate(self, call: _Call) -> None:
        self._resize(call.paths()[0], call.last)

    def _rename(self, call: _Call) -> None:
        before, after = call.paths()
        if self._is_ours(before) or self._is_ours(after):
            assert self._names[before] != FOLDER, f"a folder was renamed: {before}"
            self._name({before: None, after: self._names[before]})

    def _link(self, call: _Call) -> None:
        there, new = call.paths()
        self._name({new: self._names[there]} if self._is_ours(new) else {})

    def _unlink(self, call: _Call) -> None:
        self._name(dict.fromkeys(call.paths()))

    def _mkdir(self, call: _Call) -> None:
        self._name(dict.fromkeys(call.paths(), FOLDER))

    def _fsync(self, call: _Call) -> None:
        path = call.open_files[0][1]
        if path == self._folder or self._names.get(path) == FOLDER:
            self._do(Synced(None, path, call.begun))
        elif self._is_ours(path):
            self._do(Synced(self._names[path], "", call.begun))

    def _sync(self, call: _Call) -> None:
        self._do(Synced(None, "", call.begun))


_ALIKE = {
    "openat": "open",
    "creat": "open",
    "writev": "write",
    "pwrite64": "pwrite",
    "renameat": "rename",
    "renameat2": "rename",
    "linkat": "link",
    "unlinkat": "unlink",
    "rmdir": "unlink",
    "mkdirat": "mkdir",
    "fdatasync": "fsync",
    "syncfs": "sync",
}
"""Calls that are read as others are; one that is not known here is an error."""
