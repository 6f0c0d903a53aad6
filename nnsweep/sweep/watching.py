"""Watchers: threads that look at something from time to time as long as a block runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watching(watch: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let a thread watch during the block, unless the system lets this user have no more: the block needs none.

    Parameters
    ----------
    watch : callable
        Returns soon after the event that it is given has been set.
    """
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(over,), daemon=True)
    try:
        watcher.start()
    except RuntimeError:
        yield
        return
    try:
        yield
    finally:
        over.set()
        watcher.join()
