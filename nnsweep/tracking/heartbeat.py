"""The heartbeat of a process: a sign of life that it renews every few seconds, for those who can see no lock of it.

Clocks of two machines differ. So a process counts as gone when somebody has watched its heartbeat for a while by his
own clock and it has not changed; the time that it tells is believed only if it is very long ago.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

EVERY_SECONDS = 5.0
"""Between two beats."""
MISSED = 12
"""How many beats somebody must watch in vain: a store may be away for some of them."""
LONG_SECONDS = 3600.0
"""A heartbeat that tells a time so long ago has ended, whatever the clocks are."""

Watched: TypeAlias = Mapping[str, tuple[str, float]]
"""By whose heartbeat it is: what it was, and since when (`time.monotonic`) it has been that."""
_watched: dict[str, tuple[str, float]] = {}


@contextlib.contextmanager
def beating(beat: Callable[[], None]) -> Iterator[bool]:
    """Let a thread beat as long as the block lasts; what goes wrong in a beat is the next one's affair.

    Parameters
    ----------
    beat : callable
        Leaves the sign of life.

    Yields
    ------
    bool
        False if the system lets this user have no more threads.
    """
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(beat, over), daemon=True)
    try:
        thread.start()
    except RuntimeError:
        yield False
        return
    try:
        yield True
    finally:
        over.set()
        thread.join(EVERY_SECONDS)  # a server that hangs keeps nobody from ending


def _beat(beat: Callable[[], None], over: threading.Event) -> None:
    while not over.wait(EVERY_SECONDS):
        with contextlib.suppress(Exception):
            beat()


def unchanged(whose: str, mark: str) -> float:
    """Watch a heartbeat; give the seconds for which it has been seen not to change.

    Parameters
    ----------
    whose : str
        Names the process.
    mark : str
        What its heartbeat is now.
    """
    now = time.monotonic()
    last, since = _watched.get(whose, ("", now))
    _watched[whose] = (mark, since if last == mark else now)
    return now - _watched[whose][1]


def watched() -> Watched:
    """Give what this process has watched, for another one of this machine that will go on with it."""
    return dict(_watched)


def recall(watched: Watched) -> None:
    """Go on with what another process of this machine has watched."""
    _watched.update(watched)
