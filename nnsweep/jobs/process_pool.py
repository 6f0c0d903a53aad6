"""A pool of processes that may die: each piece of work ends with a result, or with the death of its worker.

Deaths of workers: which jobs are run again, and which one a worker has died of.

A job may have cost its worker only if it does so again when it is alone; its neighbours were innocent.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

from nnsweep import streams
from nnsweep.jobs.interrupt import SIGNALS, postpone_signals
from nnsweep.scratch import keep_workers_files
from nnsweep.text import warn


class Deaths:
    """How often each job of a launch was with a worker that died."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def of(self, numbers: Sequence[int]) -> list[list[int]]:
        """Note that a worker has died which had some jobs; give what shall be run again, each part by itself.

        Parameters
        ----------
        numbers : sequence of int
            The jobs, one of which it may have died of.

        Returns
        -------
        list of list of int
            The two halves, or the only job if it was not with a dead worker before; nothing if it was.

        Examples
        --------
        >>> deaths = Deaths()
        >>> deaths.of([1, 2, 3]), deaths.of([1]), deaths.of([2, 3]), deaths.of([4])
        ([[1], [2, 3]], [], [[2], [3]], [[4]])
        """
        self._counts.update(numbers)
        if len(numbers) == 1 and self._counts[numbers[0]] > 1:
            return []
        half = len(numbers) // 2
        return [[*part] for part in (numbers[:half], numbers[half:]) if part]


Result: TypeAlias = tuple[int, Any]
PATIENCE = 5.0
"""Seconds that a worker without work has to end."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_READ = 2000  # characters of a message
_TASKS = 3  # that the system counts for a worker: its process, the thread that heeds its parent, and one of pyarrow's
_BESIDES = 7  # server and resource tracker, three threads of a sweep, a program that is asked, and one to spare
_SMALL_STACK = 64 * 1024  # bytes
_stopped = False  # whether this process is a worker that shall stop


class WorkerDied(Exception):
    """A worker ended before its work did: killed, out of memory, or crashed."""


class _NoRoom:
    """A worker's answer if it cannot have its thread: it has not begun."""


class _Part(NamedTuple):
    """What a piece of work yields in the middle of it."""

    content: Any


class _Over:
    """A worker's answer at the end of work that has yielded all there is."""


class WorkFailed(Exception):
    """Stands for what a worker's piece of work came to where that itself cannot be sent to another process."""


def physical_cores() -> int:
    """Count the cores that this process may use: two threads of one core train no faster than one."""
    from joblib.externals.loky import cpu_count  # joblib's own counts one where there is no /dev/shm

    return int(cpu_count(only_physical_cores=True))


def count_affordable(n_workers: int) -> int:
    """Tell how many of some workers the system lets this user have, but for one that is this process itself.

    If they are fewer than are wanted, the user is warned.
    """
    return max(1, _n_affordable(n_workers, _BESIDES)) if n_workers > 1 else n_workers


def _n_affordable(wanted: int, besides: int) -> int:
    there = max(0, _n_startable(_TASKS * wanted + besides) - besides) // _TASKS
    _tell_if_fewer(there, wanted)
    return there


def _n_startable(wanted: int) -> int:
    """Start so many threads, which the system counts as it counts processes, and let them end; tell how many began."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    before = threading.stack_size(_SMALL_STACK)
    try:
        for _ in range(wanted):
            thread = threading.Thread(target=over.wait, daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError:  # no more can be started
        pass
    finally:
        threading.stack_size(before)
        over.set()
        for thread in threads:
            thread.join()
    return len(threads)


def _tell_if_fewer(there: int, wanted: int) -> None:
    left = max(1, there)  # this process
    if left < wanted:
        limit = "no more processes can be started (ulimit -u, or a container's limit)"
        way_out = f"allow more processes, or set sweep.workers={left}"
        warn(f"{limit}: the work goes on with {left} of {wanted} workers; {way_out}")


def warm_up(modules: Sequence[str]) -> None:
    """Start the server that workers are forked from; it imports the modules while this process goes on."""
    _context().set_forkserver_preload([*modules])
    _ensure_server()


def _ensure_server() -> None:
    if _context().get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    with (
        suppress(BlockingIOError),
        postpone_signals(),
        _as_workers_need_it(),
    ):  # that none can be had shows with the workers
        forkserver.ensure_running()


def _context() -> BaseContext:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    return multiprocessing.get_context(method)


@contextmanager
def _without_hangups() -> Iterator[None]:
    """Let what is started in the block outlive a terminal that closes: Python's resource tracker would not."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def _as_workers_need_it() -> Iterator[None]:
    """Let processes that are started here use one BLAS thread, and leave Ctrl-C to this one from the first."""
    keep_workers_files()
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker

        with _without_hangups():
            resource_tracker.ensure_running()  # when it starts, it lets signals through again
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")  # a worker would run the user's script again to have its names
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if masked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def is_stopping() -> bool:
    """Tell a worker whether it shall stop; elsewhere never."""
    return _stopped


def run_pieces(
    work: Callable[[Any], Any],
    pieces: Sequence[Any],
    n_workers: int,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Result]:
    """Do all pieces of work, in order, as many at once as there are workers.

    Parameters
    ----------
    work : callable
        Of one piece; it and all pieces must be picklable, unless there is one worker: then it is called here.
    pieces : sequence
        What to do.
    n_workers : int
        How many processes, at most.
    stop : callable
        Asked after each result whether no more work shall be begun, and what is under way come to an end.

    Yields
    ------
    number, result : int, object
        The number of a piece and what its work returned, all that it yielded if it is a generator, or the exception
        that it raised, as they come. Signals wait meanwhile.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts: after the workers have stopped, and what they had to give was given.
    """
    if n_workers == 1:
        for number, piece in enumerate(pieces):
            for part in _parts(work, piece):
                yield number, part
                if stop():
                    return
        return
    pool = _Pool(work, n_workers)
    try:
        for result in pool.done(pieces):
            with postpone_signals():
                yield result
            if stop():
                yield from pool.stop()
                return
    except KeyboardInterrupt:
        yield from pool.stop()
        raise
    except GeneratorExit:
        for _ in pool.stop():
            pass
        raise
    finally:
        pool.close()


def _parts(work: Callable[[Any], Any], piece: Any) -> Iterator[Any]:
    """Give what a piece of work returns, yields and raises."""
    try:
        result = work(piece)
        if isinstance(result, Generator):
            yield from result
        else:
            yield result
    except (Exception, SystemExit) as error:
        yield error


class _Worker:
    """A worker process, as its parent sees it."""

    def __init__(self, context: Any, work: Callable[[Any], Any], stop: Any) -> None:
        self._context = context
        self.pipe, self._theirs = context.Pipe()
        # the server that it is forked from may be of an earlier sweep, and have the environment of that
        environment = {name: value for name, value in os.environ.items() if name not in _THREADS}
        self.process = context.Process(target=_serve, args=(self._theirs, work, stop, environment))

    def start(self) -> None:
        """Start the process, though the server that it is forked from may have died of what it was to import."""
        end = time.monotonic() + PATIENCE
        while self.process.pid is None:
            try:
                with postpone_signals(), _as_workers_need_it():
                    self.process.start()
            except (EOFError, ConnectionError):
                if time.monotonic() > end:
                    raise
                self._context.set_forkserver_preload([])
                time.sleep(0.05)  # until it can be seen that it has died
        self._theirs.close()

    def give(self, piece: Any) -> None:
        """Send a piece of work; whether the worker is still there shows when its answer is awaited."""
        with suppress(BrokenPipeError):
            self.pipe.send(piece)

    def answer(self) -> Any:
        """Receive what the piece came to."""
        with suppress(EOFError, ConnectionError):
            if self.pipe.poll():
                return self.pipe.recv()
        self.process.join(PATIENCE)
        return WorkerDied(f"its worker process {_end_in_words(self.process.exitcode)}")

    def dismiss(self) -> None:
        """Let it end when it has no work."""
        self.pipe.close()
        self._theirs.close()

    def kill(self) -> None:
        """End it at once."""
        if self.process.pid is not None:
            self.process.kill()


def _end_in_words(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"ended in the middle of it, with exit code {exit_code}"
    name = next((known.name for known in signal.Signals if known == -exit_code), str(-exit_code))
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


class _Pool:
    """Some workers, and which piece of work each of them is at."""

    def __init__(self, work: Callable[[Any], Any], n_workers: int) -> None:
        _ensure_server()
        self._work, self._n_workers = work, _n_affordable(n_workers, besides=1)
        self._context: Any = _context()
        self._heeded, self._stop = self._context.Pipe(duplex=False)
        self._all: list[_Worker] = []  # an interruption may come anywhere: they are noted before they are started
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, int] = {}

    def done(self, pieces: Sequence[Any]) -> Iterator[Result]:
        """Do all pieces; here, if there can be no worker."""
        waiting = deque(enumerate(pieces))
        while waiting or self._busy:
            while waiting and len(self._busy) < self._n_workers and (free := self._free()):
                number, piece = waiting.popleft()
                free.give(piece)
                self._busy[free] = number
            if not self._busy:
                number, piece = waiting.popleft()
                yield from ((number, part) for part in _parts(self._work, piece))
                continue
            for worker in self._ready():
                answer = worker.answer()
                if isinstance(answer, _Part):
                    yield self._busy[worker], answer.content
                    continue
                number = self._busy.pop(worker)
                if isinstance(answer, KeyboardInterrupt):
                    raise answer
                if isinstance(answer, _NoRoom):
                    waiting.appendleft((number, pieces[number]))
                    self._be_fewer()
                    continue
                if not isinstance(answer, WorkerDied):
                    self._idle.append(worker)
                if not isinstance(answer, _Over):
                    yield number, answer

    def _free(self) -> _Worker | None:
        """Give a worker without work; None if there can be no more than there are."""
        if self._idle:
            return self._idle.pop()
        worker = _Worker(self._context, self._work, self._heeded)
        self._all.append(worker)
        try:
            worker.start()
        except (EOFError, ConnectionError, BlockingIOError):
            self._be_fewer()
            return None
        return worker

    def _be_fewer(self) -> None:
        there = len(self._busy) + len(self._idle)
        _tell_if_fewer(there, self._n_workers)
        self._n_workers = there

    def _ready(self) -> list[_Worker]:
        """Wait until some workers have an answer, or have died."""
        ready = wait([end for worker in self._busy for end in (worker.pipe, worker.process.sentinel)])
        return [worker for worker in self._busy if worker.pipe in ready or worker.process.sentinel in ready]

    def stop(self) -> Iterator[Result]:
        """Let all workers come to an end of their own, and give what they still have; interrupted again, end them."""
        self._stop.send_bytes(b"stop")
        try:
            while self._busy:
                for worker in self._ready():
                    answer = worker.answer()
                    number = self._busy[worker] if isinstance(answer, _Part) else self._busy.pop(worker)
                    if not isinstance(answer, _Over | _NoRoom | KeyboardInterrupt):
                        with postpone_signals():
                            yield number, answer.content if isinstance(answer, _Part) else answer
        except KeyboardInterrupt:
            self._kill()

    def close(self) -> None:
        """Dismiss all workers, and wait until they have ended."""
        try:
            for worker in self._all:
                worker.dismiss()
            end = time.monotonic() + PATIENCE
            for worker in self._all:
                if worker.process.pid is not None:
                    worker.process.join(max(0.0, end - time.monotonic()))
        finally:
            self._kill()
            self._stop.close()
            self._heeded.close()

    def _kill(self) -> None:
        for worker in self._all:
            worker.kill()


def _serve(pipe: Connection, work: Callable[[Any], Any], stop: Connection, environment: Mapping[str, str]) -> None:
    """Be a worker."""
    _take_over(environment)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    try:
        threading.Thread(target=_heed, args=(parent, stop), daemon=True).start()
    except RuntimeError:  # the system lets this user have no more
        with suppress(ConnectionError):
            pipe.send(_NoRoom())
        return
    try:
        with streams.keep_printing():
            while True:
                _answer(pipe, work, pipe.recv())
    except (EOFError, ConnectionError):
        return  # the parent has no more work, or is gone


def _take_over(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys() - {*_THREADS}:
        del os.environ[name]
    os.environ.update(environment)


def _heed(parent: Any, stop: Connection) -> None:
    """Stop when there is something in a pipe, and end with the parent."""
    global _stopped
    wait([parent.sentinel, stop])
    _stopped = True
    parent.join()
    os._exit(1)


def _answer(pipe: Connection, work: Callable[[Any], Any], piece: Any) -> None:
    """Do a piece of work, and send what comes of it."""
    try:
        result = work(piece)
        if isinstance(result, Generator):
            for part in result:
                pipe.send(_Part(part))
            result = _Over()
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        result = error
    pipe.send(_sendable(result))


def _sendable(result: Any) -> Any:
    try:
        pickle.loads(pickle.dumps(result))
    except Exception as error:
        return WorkFailed(describe_error(result if isinstance(result, BaseException) else error))
    return result


def describe_error(error: BaseException) -> str:
    """Say what kind of error it is, and what it says, as far as it can and a person reads on."""
    try:
        said = str(error)
    except Exception:
        said = "it cannot say what is wrong"
    return f"{type(error).__name__}: {said if len(said) <= _READ else said[:_READ] + '...'}"
