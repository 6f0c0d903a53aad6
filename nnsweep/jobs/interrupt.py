"""An interruption: the user's Ctrl-C or a signal to terminate, and how soon it is obeyed.

After the first one, training goes on to the end of its epoch, so that every run is closed; the second one ends the
program at once.
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
"""A signal that comes so soon after another is the same interruption: some programs send to a process and its group."""
NOTICE = "nnsweep: stopping after the current epoch; interrupt again to stop at once"


class Interrupted(KeyboardInterrupt):
    """A signal asks the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class _State:
    """Whether this process is interrupted, and what the first signal does."""

    number = 0  # of the first signal; 0 if none has come
    since = 0.0  # when it came
    is_awaited = False  # whether a block polls for it, so that no exception is raised
    is_announced = False  # whether a notice is printed when it comes


_state = _State()


def make_exit_code(error: KeyboardInterrupt | None) -> int:
    """Give the exit code of an interrupted program, by the convention of shells: 128 and the signal's number."""
    return 128 + (error.number if isinstance(error, Interrupted) else int(signal.SIGINT))


@contextmanager
def obey_signals() -> Iterator[None]:
    """Let the signals that end a program raise `Interrupted` in the block.

    In another thread than the main one, which alone can receive signals, nothing interrupts the block.
    """
    _state.number, _state.is_awaited = 0, False
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    # a signal that is ignored stays so: that is how nohup works
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, _handle_signal)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle_signal(number: int, _: FrameType | None) -> None:
    first = not _state.number
    if first:
        _state.number, _state.since = number, time.monotonic()
    elif time.monotonic() - _state.since < ECHO_SECONDS:
        return
    if first and _state.is_announced:
        print(NOTICE, file=sys.stderr, flush=True)
    if first and _state.is_awaited:
        return
    raise Interrupted(number)


@contextmanager
def announce_interruption() -> Iterator[None]:
    """Tell the user, at the first interruption during the block, that training stops after the current epoch."""
    _state.is_announced = True
    try:
        yield
    finally:
        _state.is_announced = False


@contextmanager
def await_interruption() -> Iterator[None]:
    """Hold the first interruption back until the block polls for it or ends."""
    if _state.is_awaited:
        yield
        return
    _state.is_awaited = True
    try:
        yield
    except KeyboardInterrupt as raised:  # the block polled for the signal, and does not know its number
        if isinstance(raised, Interrupted) or not _state.number:
            raise
        raise Interrupted(_state.number) from raised
    finally:
        _state.is_awaited = False
    if _state.number:
        raise Interrupted(_state.number)


@contextmanager
def postpone_signals() -> Iterator[None]:
    """Let a signal that comes in the block take effect at its end, so that nothing is left half done.

    Blocking the signals would not be enough: another thread, for example of a BLAS library, may receive one, and Python
    would still run its handler in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers: list[int] = []
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in before.items() if callable(handler)}
    try:
        for number in before:
            signal.signal(number, lambda number, _: numbers.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in numbers:
            signal.raise_signal(number)


@contextmanager
def leave_to_sweep() -> Iterator[None]:
    """Ignore Ctrl-C in a job's process during the block: the sweep's process receives it too, and asks jobs to stop.

    Where this program obeys the signals itself, or the thread is not the main one, nothing changes.
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
    """Check whether an interruption is pending."""
    return bool(_state.number)
