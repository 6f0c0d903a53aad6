"""A pool of processes that may die: each piece of work ends with a result, or with the death of its worker.

The pools of joblib and `concurrent.futures` break when one of their processes dies; here the other workers go on.
They are forked from a server that has imported what they need, use one BLAS thread each, and end with their parent.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

from nnsweep import streams
from nnsweep.jobs import machine
from nnsweep.jobs.interrupt import SIGNALS, postpone_signals
from nnsweep.scratch import keep_workers_files

Result: TypeAlias = tuple[int, Any]
PATIENCE = 5.0
"""Seconds that an idle worker may take to end."""
AT_ONCE = 0.002
"""Seconds within which a worker says that its work is over, after its last value and unless the machine is busy."""
_BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_MAX_LENGTH = 2000  # characters of a message
_is_stopping = False  # whether this process is a worker that is to stop


class WorkerDied(Exception):
    """A worker was killed, ran out of memory or crashed before its work was done."""


class WorkFailed(Exception):
    """Stands for the outcome of a piece of work that cannot itself be sent to another process."""


class _NoRoom:
    """A worker's answer if the system allows it no thread; it has not begun its work then."""


class _Part(NamedTuple):
    """A worker's answer for each value that its piece of work yields."""

    content: Any


class _Over:
    """A worker's answer at the end of a piece of work that has yielded all its values."""


def warm_up(modules: Sequence[str]) -> None:
    """Start the server that workers are forked from; it imports the modules in the background."""
    _choose_context().set_forkserver_preload([*modules])
    _ensure_server()


def _ensure_server() -> None:
    if _choose_context().get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    # if no process can be started, that shows when the workers are started
    with suppress(BlockingIOError), postpone_signals(), _prepare_start():
        forkserver.ensure_running()


def _choose_context() -> BaseContext:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    return multiprocessing.get_context(method)


@contextmanager
def _prepare_start() -> Iterator[None]:
    """Let processes that are started in the block use one BLAS thread, and block Ctrl-C in them from the start."""
    keep_workers_files()
    can_mask = hasattr(signal, "pthread_sigmask")
    if can_mask:
        _ensure_resource_tracker()  # its start unblocks signals, so it must be running before they are blocked
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")  # else a worker would run the user's script again
    before = {name: os.environ.get(name) for name in _BLAS_THREADS}
    os.environ.update(dict.fromkeys(_BLAS_THREADS, "1"))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS) if can_mask else None
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _ensure_resource_tracker() -> None:
    """Start Python's resource tracker so that it ignores SIGHUP, and thus survives when the terminal is closed."""
    from multiprocessing import resource_tracker

    if threading.current_thread() is not threading.main_thread():
        resource_tracker.ensure_running()
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        resource_tracker.ensure_running()
    finally:
        signal.signal(signal.SIGHUP, before)


def is_stopping() -> bool:
    """Check whether this process is a worker that has been asked to stop."""
    return _is_stopping


def run_pieces(
    work: Callable[[Any], Any],
    pieces: Sequence[Any],
    n_workers: int,
    *,
    stop: Callable[[], bool] = lambda: False,
    eager: bool = False,
) -> Iterator[Result]:
    """Do all pieces of work, in order, as many at once as there are workers.

    Parameters
    ----------
    work : callable
        Does one piece; it and all pieces must be picklable, unless there is one worker: then it is called here.
    pieces : sequence
        The pieces of work, each an argument of `work`.
    n_workers : int
        How many processes, at most.
    stop : callable
        Called after each result; True if no further work is to begin, and the work under way is to end.
    eager : bool
        Whether a worker that has yielded its last value may begin its next piece before the caller has dealt with that
        value: `stop` then comes too late for it.

    Yields
    ------
    number, result : int, object
        The number of a piece and what its work returned, each value that it yielded if it is a generator, or the
        exception that it raised, as they come. Signals wait while the caller handles a result.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts; raised after the workers have stopped and all their results were yielded.
    """
    if n_workers == 1:
        for number, piece in enumerate(pieces):
            for part in _do_piece(work, piece):
                yield number, part
                if stop():
                    return
        return
    pool = _Pool(work, n_workers, eager=eager)
    try:
        for result in pool.run(pieces):
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


def _do_piece(work: Callable[[Any], Any], piece: Any) -> Iterator[Any]:
    """Yield what a piece of work returns, yields or raises."""
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
        self._kept: Any = None  # an answer that was received before its time
        self.pipe, self._far_end = context.Pipe()
        # the fork server may have been started by an earlier sweep, with the environment of that time
        environment = {name: value for name, value in os.environ.items() if name not in _BLAS_THREADS}
        self.process = context.Process(target=_serve, args=(self._far_end, work, stop, environment))

    def start(self) -> None:
        """Start the process, again and again if the fork server has died of an import, then without that import."""
        end = time.monotonic() + PATIENCE
        while self.process.pid is None:
            try:
                with postpone_signals(), _prepare_start():
                    self.process.start()
            except (EOFError, ConnectionError):
                if time.monotonic() > end:
                    raise
                self._context.set_forkserver_preload([])
                time.sleep(0.05)  # until the server's death can be seen
        self._far_end.close()

    def give(self, piece: Any) -> None:
        """Send a piece of work; if the worker has died, that shows when its answer is awaited."""
        with suppress(BrokenPipeError):
            self.pipe.send(piece)

    @property
    def has_kept(self) -> bool:
        """Whether an answer is there that was received before its time."""
        return self._kept is not None

    def take_end(self) -> bool:
        """Take the answer that its piece of work is over, if it comes at once; any other answer is kept."""
        if self._kept is None:
            with suppress(EOFError, ConnectionError):
                self._kept = self.pipe.recv() if self.pipe.poll(AT_ONCE) else None
        if is_over := isinstance(self._kept, _Over):
            self._kept = None
        return is_over

    def receive(self) -> Any:
        """Receive the next answer of a piece of work."""
        if self._kept is not None:
            kept, self._kept = self._kept, None
            return kept
        with suppress(EOFError, ConnectionError):
            if self.pipe.poll():
                return self.pipe.recv()
        self.process.join(PATIENCE)
        code = self.process.exitcode
        if code is None or code >= 0:
            return WorkerDied(f"its worker process ended in the middle of it, with exit code {code}")
        name = next((each.name for each in signal.Signals if each == -code), str(-code))
        guess = " (out of memory?)" if name == "SIGKILL" else ""
        return WorkerDied(f"its worker process was killed by {name}{guess}")

    def dismiss(self) -> None:
        """Let the worker end as soon as it has no work."""
        self.pipe.close()
        self._far_end.close()

    def kill(self) -> None:
        """Kill the worker."""
        if self.process.pid is not None:
            self.process.kill()


class _Pool:
    """Some workers, and the piece of work that each of them is busy with."""

    def __init__(self, work: Callable[[Any], Any], n_workers: int, *, eager: bool) -> None:
        _ensure_server()
        self._work, self._is_eager = work, eager
        self._n_workers = machine.count_startable_workers(n_workers, besides=1)
        self._context: Any = _choose_context()
        self._stop_reader, self._stop = self._context.Pipe(duplex=False)
        self._all: list[_Worker] = []  # an interruption may come anywhere: a worker is listed before it is started
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, int] = {}
        self._ready: deque[Result] = deque()  # what the caller has yet to get

    def run(self, pieces: Sequence[Any]) -> Iterator[Result]:
        """Do all pieces; in this process, if no worker can be started."""
        waiting = deque(enumerate(pieces))
        while waiting or self._busy:
            self._give_out(waiting)
            if not self._busy:
                number, piece = waiting.popleft()
                yield from ((number, part) for part in _do_piece(self._work, piece))
                continue
            for worker in self._wait():
                answer = worker.receive()
                if isinstance(answer, _Part):
                    self._ready.append((self._busy[worker], answer.content))
                    if self._is_eager and self._release(worker):
                        self._give_out(waiting)
                    yield self._ready.popleft()
                    continue
                number = self._busy.pop(worker)
                if isinstance(answer, KeyboardInterrupt):
                    raise answer
                if isinstance(answer, _NoRoom):
                    waiting.appendleft((number, pieces[number]))
                    self._reduce()
                    continue
                if not isinstance(answer, WorkerDied):
                    self._idle.append(worker)
                if not isinstance(answer, _Over):
                    yield number, answer

    def _give_out(self, waiting: deque[tuple[int, Any]]) -> None:
        """Give pieces of work to the workers that have none, in order."""
        while waiting and len(self._busy) < self._n_workers and (idle := self._find_idle()):
            number, piece = waiting.popleft()
            idle.give(piece)
            self._busy[idle] = number

    def _release(self, worker: _Worker) -> bool:
        """Note that a worker has no work any more, if that can be seen already."""
        with postpone_signals():
            if is_over := worker.take_end():
                del self._busy[worker]
                self._idle.append(worker)
            return is_over

    def _find_idle(self) -> _Worker | None:
        """Find or start a worker without work; None if no further one can be started."""
        if self._idle:
            return self._idle.pop()
        worker = _Worker(self._context, self._work, self._stop_reader)
        self._all.append(worker)
        try:
            worker.start()
        except (EOFError, ConnectionError, BlockingIOError):
            self._reduce()
            return None
        return worker

    def _reduce(self) -> None:
        """Go on with only as many workers as have been started."""
        n_workers = len(self._busy) + len(self._idle)
        machine.warn_of_fewer_workers(n_workers, self._n_workers)
        self._n_workers = n_workers

    def _wait(self) -> list[_Worker]:
        """Wait until some workers have an answer, or have died."""
        if kept := [worker for worker in self._busy if worker.has_kept]:
            return kept
        ready = wait([end for worker in self._busy for end in (worker.pipe, worker.process.sentinel)])
        return [worker for worker in self._busy if worker.pipe in ready or worker.process.sentinel in ready]

    def stop(self) -> Iterator[Result]:
        """Ask all workers to stop, and yield their last results; kill them if interrupted again."""
        self._stop.send_bytes(b"stop")
        try:
            while self._ready:
                with postpone_signals():
                    yield self._ready.popleft()
            while self._busy:
                for worker in self._wait():
                    answer = worker.receive()
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
            self._stop_reader.close()

    def _kill(self) -> None:
        for worker in self._all:
            worker.kill()


def _serve(pipe: Connection, work: Callable[[Any], Any], stop: Connection, environment: Mapping[str, str]) -> None:
    """Serve as a worker: do pieces of work until the parent closes the pipe."""
    for name in os.environ.keys() - environment.keys() - {*_BLAS_THREADS}:
        del os.environ[name]
    os.environ.update(environment)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    try:
        threading.Thread(target=_watch_parent, args=(parent, stop), daemon=True).start()
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


def _watch_parent(parent: Any, stop: Connection) -> None:
    """Note when the parent asks to stop, and exit when the parent has gone."""
    global _is_stopping
    wait([parent.sentinel, stop])
    _is_stopping = True
    parent.join()
    os._exit(1)


def _answer(pipe: Connection, work: Callable[[Any], Any], piece: Any) -> None:
    """Do a piece of work, and send what it yields, returns or raises."""
    try:
        result = work(piece)
        if isinstance(result, Generator):
            for part in result:
                pipe.send(_Part(part))
            result = _Over()
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        result = error
    try:
        pickle.loads(pickle.dumps(result))
    except Exception as error:
        result = WorkFailed(describe_error(result if isinstance(result, BaseException) else error))
    pipe.send(result)


def describe_error(error: BaseException) -> str:
    """Give an error's type and its message, cut to a readable length."""
    try:
        message = str(error)
    except Exception:
        message = "it cannot say what is wrong"
    cut = message if len(message) <= _MAX_LENGTH else message[:_MAX_LENGTH] + "..."
    return f"{type(error).__name__}: {cut}"
