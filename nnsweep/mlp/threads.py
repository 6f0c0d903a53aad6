"""Threads that share the pieces of a pass: they compute them side by side, and take what comes of them in order.

NumPy lets other threads run while it multiplies matrices or goes through a large array. Which thread computes which
piece is left to chance; results are taken one after the other, in the order of the pieces: no sum depends on chance.
"""

import contextvars
import math
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, TypeAlias, TypeVar

SMALLEST = 10**7
"""Multiplications of a piece that is worth another thread; with smaller ones, threads mostly wait for one another.

Measured as the time of an epoch with one thread by that with two, on two free cores (median, and least times): 0.7 to
0.9 for tiles of 3e6 to 5e6 (5,000 samples, 20 features, two layers of 20); 1.2 and 1.4 for those of 1.3e7 (digits, two
layers of 100 in float64); 1.35 to 1.6 and 1.55 to 1.75 for those of 3e7 to 5e7 (digits, two layers of 200 or 300).
"""

T = TypeVar("T")
Compute: TypeAlias = Callable[[int, int], T]
"""Is given the number of a thread, from 0, and that of a piece."""
Take: TypeAlias = Callable[[int, int, T], None]
"""Is given the same, and what was computed."""


class Threads:
    """The thread that asks for a pass, and others that help it; they start when they are first wanted.

    As a context manager it ends them. Where no more threads can be started, it goes on with those that there are.

    Parameters
    ----------
    n_threads : int
        How many there may be, the one that asks included.

    Raises
    ------
    ValueError
        If there shall be none.
    """

    def __init__(self, n_threads: int = 1) -> None:
        if n_threads < 1:
            raise ValueError(f"`n_threads` must be at least 1, got {n_threads}")
        self._most = n_threads
        self._helpers: list[tuple[threading.Thread, SimpleQueue[Callable[[], None] | None]]] = []

    def __enter__(self) -> "Threads":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, tasks in self._helpers:
            tasks.put(None)
        for helper, _ in self._helpers:
            helper.join()
        self._helpers.clear()

    def in_order(self, n_pieces: int, compute: Compute[T], take: Take[T], *, n_products: float = math.inf) -> None:
        """Compute pieces, numbered from 0, and take each when all before it have been taken.

        A thread takes its piece before it begins another one, so that it needs room for one.

        Parameters
        ----------
        n_pieces : int
            How many there are.
        compute : callable
            Computes a piece. It runs in several threads at once, each with the context of the one that asks, such as
            NumPy's handling of errors.
        take : callable
            Takes what was computed, in the same thread; it runs in one thread at a time.
        n_products : float
            How many multiplications a piece is; small ones are all done by the thread that asks.

        Raises
        ------
        BaseException
            What either has raised first; by then no thread is at work.
        """
        n_helpers = max(0, min(self._most, n_pieces) - 1) if n_products >= SMALLEST else 0
        self._start(n_helpers)
        helpers = self._helpers[:n_helpers]
        if not helpers:  # there is nobody to wait for
            for piece in range(n_pieces):
                take(0, piece, compute(0, piece))
            return
        work = _Pass(n_pieces, compute, take)
        for number, (_, tasks) in enumerate(helpers, start=1):
            work.n_helping += 1
            tasks.put(partial(contextvars.copy_context().run, work.help, number))
        work.share(0)
        work.end()

    def _start(self, n_helpers: int) -> None:
        while len(self._helpers) < n_helpers:
            tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
            helper = threading.Thread(target=_work_off, args=(tasks,), name="nnsweep-tiles", daemon=True)
            self._helpers.append((helper, tasks))
            try:
                helper.start()
            except RuntimeError:  # no more can be started
                self._helpers.pop()
                self._most = 1 + len(self._helpers)
                return


def _work_off(tasks: "SimpleQueue[Callable[[], None] | None]") -> None:
    while (task := tasks.get()) is not None:
        task()
        del task  # and what it holds, which others may let go before there is more to do


class _Pass(Generic[T]):
    """What threads share: the pieces that are left, and how many have been taken."""

    def __init__(self, n_pieces: int, compute: Compute[T], take: Take[T]) -> None:
        self._n_pieces, self._compute, self._take = n_pieces, compute, take
        self._changed = threading.Condition()
        self._n_begun = self._n_taken = self.n_helping = 0
        self._raised: BaseException | None = None

    def share(self, thread: int) -> None:
        """Do pieces until none is left, or a thread has failed."""
        try:
            while (piece := self._begin()) is not None:
                computed = self._compute(thread, piece)
                with self._changed:  # wait until all pieces before this one have been taken
                    while self._n_taken != piece and self._raised is None:
                        self._changed.wait()
                    if self._raised is not None:
                        return
                self._take(thread, piece, computed)
                with self._changed:
                    self._n_taken += 1
                    self._changed.notify_all()
        except BaseException as error:  # `end` raises it
            with self._changed:
                self._raised = self._raised or error
                self._changed.notify_all()

    def help(self, thread: int) -> None:
        """Do the same in another thread than the one that has asked."""
        self.share(thread)
        with self._changed:
            self.n_helping -= 1
            self._changed.notify_all()

    def end(self) -> None:
        """Wait until no other thread is at work; raise what any of them has raised."""
        with self._changed:
            self._changed.wait_for(lambda: not self.n_helping)
        if self._raised is not None:
            raise self._raised

    def _begin(self) -> int | None:
        with self._changed:
            if self._raised is not None or self._n_begun == self._n_pieces:
                return None
            self._n_begun += 1
            return self._n_begun - 1
