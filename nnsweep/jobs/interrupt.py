"""An interruption: the user's Ctrl-C, or a signal to end, and how soon it is obeyed.

The first one lets training come to the end of its epoch, so that every run is closed; the second one ends the program
where it is.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
ECHO_SECONDS = 0.1
"""Some programs send a signal to a process and then to its group, which is one interruption and not two."""
NOTICE = "nnsweep: stopping after the current epoch; interrupt again to stop at once"


class Interrupted(KeyboardInterrupt):
    """The program shall end, because of a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class _Course:
    """How far this process is with being interrupted."""

    asked = 0  # the number of the signal
    since = 0.0  # when it came
    patient = False  # whether somebody looks at `asked`, so that nothing need be broken off
    announced = False  # whether the user is told what the first one does


_course = _Course()


def make_exit_code(error: KeyboardInterrupt | None) -> int:
    """Give the exit code of a program that was interrupted, as shells tell it: 128 and the signal's number."""
    return 128 + (error.number if isinstance(error, Interrupted) else int(signal.SIGINT))


@contextmanager
def obey_signals() -> Iterator[None]:
    """Let the signals that end a program raise `Interrupted` in the block.

    In another thread than the main one, which alone can receive signals, nothing interrupts the block.
    """
    _course.asked, _course.patient = 0, False
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    kept = {number for number, handler in before.items() if handler in (signal.SIG_IGN, None)}  # nohup's wish
    try:
        for number in set(before) - kept:
            signal.signal(number, _handle)
        yield
    finally:
        for number in set(before) - kept:
            signal.signal(number, before[number])


@contextmanager
def announce_interruption() -> Iterator[None]:
    """Let the first interruption during the block tell that training comes to the end of its epoch."""
    _course.announced = True
    try:
        yield
    finally:
        _course.announced = False


@contextmanager
def await_interruption() -> Iterator[None]:
    """Let the first interruption wait until the block asks for it, or ends."""
    if _course.patient:
        yield
        return
    _course.patient = True
    try:
        yield
    except KeyboardInterrupt as raised:  # the block has asked, and ends itself: it does not know by which signal
        if isinstance(raised, Interrupted) or not _course.asked:
            raise
        raise Interrupted(_course.asked) from raised
    finally:
        _course.patient = False
    if _course.asked:
        raise Interrupted(_course.asked)


@contextmanager
def postpone_signals() -> Iterator[None]:
    """Let a signal that comes in the block take effect at its end, so that what is half begun is begun.

    To block signals is not enough: one that another thread receives, of a BLAS library say, is raised in the main
    thread all the same.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in before.items() if callable(handler)}
    try:
        for number in before:
            signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


@contextmanager
def left_to_others() -> Iterator[None]:
    """Let Ctrl-C do nothing in a process during the block: another one hears it too, and tells what is to be done.

    Where the signals are this program's own to obey, or the thread is not the main one, they stay as they are.
    """
    is_ours = signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    if is_ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_interrupted() -> bool:
    """Tell whether an interruption waits."""
    return bool(_course.asked)


def _handle(number: int, _: FrameType | None) -> None:
    first = not _course.asked
    if first:
        _course.asked, _course.since = number, time.monotonic()
    elif time.monotonic() - _course.since < ECHO_SECONDS:
        return
    if first and _course.announced:
        print(NOTICE, file=sys.stderr, flush=True)
    if first and _course.patient:
        return
    raise Interrupted(number)
