"""Standard output and standard error as they are: a reader goes away, a disk is full, a character cannot be shown.

None of this is a reason to break off what the program is at. What cannot be written is dropped, and what cannot be
shown stands there as a backslash escape.
"""

import codecs
import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, TextIO

SHOWN_INSTEAD = "backslashreplace"
"""How characters that cannot be shown are replaced: two of them never become the same."""
NOWHERE = -1
"""The descriptor of a stream that was closed when Python started."""
_PYTHONS_OWN = ("strict", "surrogateescape")  # what Python chooses itself; anything else is the user's wish


class _Outlet(io.RawIOBase):
    """Writes to a file descriptor as long as that is possible, and drops what comes later."""

    def __init__(self, descriptor: int, error: OSError | None = None) -> None:
        self._descriptor = descriptor
        self.error = error  # why nothing can be written any more

    def fileno(self) -> int:
        if self._descriptor == NOWHERE:  # multiprocessing would hand it on to its servers
            raise io.UnsupportedOperation("a stream that was closed has no file")
        return self._descriptor

    def isatty(self) -> bool:
        return self._descriptor != NOWHERE and os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: "memoryview | bytes") -> int:  # type: ignore[override]
        left = memoryview(data).cast("B")
        size = len(left)
        while left and self.error is None:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # a pipe whose other end was made non-blocking: it is full, and will be read
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.error = error
        return size


class LostOutput:
    """What became of standard output in a `keep_printing` block."""

    def __init__(self) -> None:
        self.outlets: list[_Outlet] = []

    def error(self) -> OSError | None:
        """Give what kept standard output from being written; None if it was, or if only its reader has gone."""
        sys.stdout.flush()
        error = next((outlet.error for outlet in self.outlets if outlet.error), None)
        if error is None or isinstance(error, BrokenPipeError):
            return None
        return OSError(error.errno, error.strerror, "standard output")


@contextlib.contextmanager
def keep_printing() -> Iterator[LostOutput]:
    """Let printing raise nothing during the block, whatever becomes of standard output and standard error.

    Streams that are no files, such as those of a notebook, are left alone.

    Yields
    ------
    LostOutput
        Tells, at the end, whether standard output has been written.
    """
    _occupy_standard_descriptors()
    before, loss = (sys.stdout, sys.stderr), LostOutput()
    sys.stdout = _wrap(sys.stdout, loss.outlets)
    sys.stderr = _wrap(sys.stderr, [])
    try:
        yield loss
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def binary_output() -> BinaryIO:
    """Give what a file is written to that goes to standard output: UTF-8, unless a terminal shows something else."""
    is_utf8 = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    return sys.stdout.buffer if is_utf8 or not sys.stdout.isatty() else _Shown()


class _Shown(io.BytesIO):
    """Shows UTF-8 on a terminal that has another encoding."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder = codecs.getincrementaldecoder("utf-8")(SHOWN_INSTEAD)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        sys.stdout.write(self._decoder.decode(data))
        return len(data)


def _occupy_standard_descriptors() -> None:
    """Let no file that is opened later be taken for standard input, output or error where those are closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _wrap(stream: TextIO | None, outlets: list[_Outlet]) -> TextIO:
    """Give a stream that writes as long as the other end takes it; note its outlet."""
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if stream is None:  # it was closed when Python started
        return _open_text(_Outlet(NOWHERE, BrokenPipeError()), encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.FileIO):
        return stream
    outlets.append(_Outlet(raw.fileno()))
    try:
        stream.flush()
    except OSError as error:
        outlets[-1].error = error
    return _open_text(
        outlets[-1],
        encoding=stream.encoding,
        errors=SHOWN_INSTEAD if stream.errors in (None, *_PYTHONS_OWN) else stream.errors,
        line_buffering=stream.line_buffering,
        buffered=buffer is not raw,
    )


def _open_text(
    outlet: Any, *, encoding: str, errors: str = SHOWN_INSTEAD, line_buffering: bool = False, buffered: bool = True
) -> TextIO:
    buffer = io.BufferedWriter(outlet) if buffered else outlet
    return io.TextIOWrapper(buffer, encoding, errors, line_buffering=line_buffering, write_through=not buffered)
