"""Workers: real processes, really interrupted, killed and orphaned."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nnsweep.jobs import process_pool
from nnsweep.jobs.process_pool import WorkerDied, WorkFailed

pytestmark = pytest.mark.slow

SOON = 2.0
"""Seconds within which nothing may be left of workers that must end."""
IMPORTS = 20.0
"""Seconds after which the server that workers are forked from has begun, at the latest: only then can it end."""


@pytest.fixture(autouse=True)
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """Give the workers' work, from a module that they find."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    from pieces import answer

    return answer


@pytest.mark.parametrize("n_workers", [1, 2])
def test_every_piece_comes_back_with_its_number(answer, n_workers):
    pieces = [("sleep", seconds) for seconds in (1.5, 0, 0.1, 0, 0)]  # the second worker may be late
    results = list(process_pool.run_pieces(answer, pieces, n_workers))
    assert sorted(results) == [*enumerate(pieces)]
    assert results[0][0] == (0 if n_workers == 1 else 1)  # as they come


@pytest.mark.parametrize("n_workers", [1, 2])
def test_what_a_piece_raises_comes_back_as_a_value(answer, n_workers):
    pieces = [("raise", ValueError("wrong")), ("raise", SystemExit(3)), "well"]
    results = dict(process_pool.run_pieces(answer, pieces, n_workers))
    assert [repr(results[number]) for number in range(3)] == ["ValueError('wrong')", "SystemExit(3)", "'well'"]


def test_what_cannot_be_sent_comes_back_in_words(answer):
    results = dict(
        process_pool.run_pieces(answer, [("unreadable",), ("unpicklable",), ("return unpicklable",), "well"], 2)
    )
    assert results[3] == "well"
    assert all(isinstance(results[number], WorkFailed) for number in range(3))
    assert str(results[0]) == "Unreadable: one and other"
    assert str(results[1]).startswith("ValueError: ('has a function in it', <function")
    assert "pickle" in str(results[2])


def test_a_killed_worker_costs_the_piece_it_was_at_and_no_other(answer, tmp_path):
    pieces = [("slow", str(tmp_path)), ("die", str(tmp_path)), *"abc"]
    results = dict(process_pool.run_pieces(answer, pieces, 2))
    died = results.pop(1)
    assert isinstance(died, WorkerDied)
    assert str(died) == "its worker process was killed by SIGKILL (out of memory?)"
    assert results == {0: pieces[0], 2: "a", 3: "b", 4: "c"}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("os._exit(0)", "WorkerDied('its worker process ended in the middle of it, with exit code 0')"),
        ("segfault", "WorkerDied('its worker process was killed by SIGSEGV')"),
        ("sys.exit(0)", "SystemExit(0)"),
        ("huge", "ValueError('xxxx"),
        ("mute", "Mute()"),
    ],
)
def test_whatever_a_piece_dies_of_costs_it_alone(fault, expected, answer):
    results = dict(process_pool.run_pieces(answer, ["a", ("fault", fault), "b"], 2))
    assert repr(results.pop(1)).startswith(expected)
    assert results == {0: "a", 2: "b"}


def test_what_an_error_says_is_cut_and_never_fails():
    from pieces import Mute

    assert len(process_pool.describe_error(ValueError("x" * 10**7))) < 3000
    assert process_pool.describe_error(Mute()) == "Mute: it cannot say what is wrong"
    assert process_pool.describe_error(KeyError()) == "KeyError: "


def test_workers_that_all_die_still_come_to_an_end(answer, tmp_path):
    (tmp_path / "slow").touch()
    results = dict(process_pool.run_pieces(answer, [("die", str(tmp_path))] * 3, 2))
    assert [type(results[number]) for number in range(3)] == [WorkerDied] * 3


def test_worker_uses_one_blas_thread_without_limiting_its_parent(answer, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert dict(process_pool.run_pieces(answer, [("threads",)] * 2, 2)) == {0: {1}, 1: {1}}
    assert os.environ["OPENBLAS_NUM_THREADS"] == "2"


def test_only_a_worker_is_ever_stopped():
    assert not process_pool.is_stopping()


def test_a_consumer_that_wants_no_more_leaves_no_workers(answer):
    others = _children(os.getpid())
    pieces = ["a", ("sleep", 0.2), "b"]
    results = process_pool.run_pieces(answer, pieces, 2)
    number, piece = next(results)
    assert piece == pieces[number]
    results.close()
    assert [child for child in _children(os.getpid(), "resource_tracker", "forkserver") if child not in others] == []


@pytest.mark.parametrize("eager", [False, True])
def test_an_eager_pool_begins_work_while_a_value_is_dealt_with(answer, tmp_path, eager):
    from pieces import touch

    pieces = [(str(tmp_path), number) for number in range(12)]
    results = process_pool.run_pieces(touch, pieces, 2, eager=eager)
    n_begun = []
    for n_values in range(8):
        next(results)
        time.sleep(0.1)  # a worker says at once that it is idle, unless the machine is busy: once in eight is enough
        n_begun.append(len([*tmp_path.glob("piece-*")]) - n_values)
    assert (max(n_begun) > 2) == eager
    assert len([*results]) == 4


def test_an_interruption_loses_no_value_that_a_worker_has_sent(answer, tmp_path, monkeypatch):
    from pieces import touch

    give_out = process_pool._Pool._give_out

    def interrupt(pool, waiting):
        if pool._ready:
            raise KeyboardInterrupt
        give_out(pool, waiting)

    monkeypatch.setattr(process_pool._Pool, "_give_out", interrupt)
    pieces, numbers = [(str(tmp_path), number) for number in range(20)], []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 (the values come until it is raised)
        for number, _ in process_pool.run_pieces(touch, pieces, 2, eager=True):
            numbers.append(number)
    assert sorted(numbers) == sorted(int(path.name.removeprefix("piece-")) for path in tmp_path.glob("piece-*"))


# ---- a process of its own that is interrupted, killed, or imports what cannot be imported

_SCRIPT = """
import sys
from pieces import answer
from nnsweep.jobs import process_pool

if __name__ == "__main__":
    process_pool.warm_up(sys.argv[2:])
    kind, folder = sys.argv[1].split(":")
    for number, result in process_pool.run_pieces(answer, [(kind, folder)] * 4, 2):
        print(number, result, flush=True)
"""


class Study:
    """A process with two workers, in a session of its own."""

    def __init__(self, folder: Path, kind: str, preload: str = "pieces") -> None:
        self.folder = folder
        script = folder / "script.py"
        script.write_text(_SCRIPT)
        self.process = subprocess.Popen(
            [sys.executable, str(script), f"{kind}:{folder}", preload],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, pattern: str, number: int = 2) -> None:
        """Wait until there are so many files."""
        end = time.monotonic() + 30
        while len([*self.folder.glob(pattern)]) < number:
            assert time.monotonic() < end
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)

    def left(self) -> list[str]:
        """Say what there is of it, and of all that it has started."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            if _session(path) == self.process.pid:
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # it ends while we look
                    found.append(path.joinpath("cmdline").read_text().replace("\0", " "))
        return found

    def is_gone(self, within: float = SOON) -> bool:
        """Wait until nothing is left."""
        end = time.monotonic() + within
        while self.left() and time.monotonic() < end:
            self.process.poll()
            time.sleep(0.05)
        return not self.left()


def _fields(process: Path) -> list[str]:
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _session(process: Path) -> int:
    fields = _fields(process)
    return int(fields[3]) if fields and fields[0] != "Z" else 0


def _children(parent: int, *without: str) -> list[str]:
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        fields = _fields(process)
        if fields and fields[0] != "Z" and int(fields[1]) == parent:
            commands.append(process.joinpath("cmdline").read_text())
    return [command for command in commands if not any(name in command for name in without)]


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Callable[..., Study]]:
    """Start a process with workers."""
    started = []

    def start(*arguments: str) -> Study:
        started.append(Study(tmp_path, *arguments))
        return started[-1]

    yield start
    for each in started:
        for pid in [path.name for path in Path("/proc").glob("[0-9]*") if _session(path) == each.process.pid]:
            os.kill(int(pid), signal.SIGKILL)
        each.process.communicate()


@pytest.mark.parametrize("whom", ["the parent", "everyone"])  # Ctrl-C in a terminal goes to everyone
def test_an_interruption_lets_workers_stop_within_their_piece(study, whom):
    one = study("obey")
    one.wait_for("begun-*")
    (os.kill if whom == "the parent" else os.killpg)(one.process.pid, signal.SIGINT)
    assert one.is_gone(), one.left()
    assert len([*one.folder.glob("stopped-*")]) == len([*one.folder.glob("begun-*")]) == 2
    out, err = one.process.communicate()
    assert one.process.returncode == -signal.SIGINT
    assert sorted(line.split()[0] for line in out.splitlines()) == ["0", "1"]  # what they had to give is given
    assert err.count("Traceback") == 1  # the parent's
    assert err.strip().endswith("KeyboardInterrupt")


def test_a_second_interruption_ends_workers_that_do_not_listen(study):
    one = study("deaf")
    one.wait_for("begun-*")
    os.kill(one.process.pid, signal.SIGINT)
    time.sleep(0.3)
    assert one.process.poll() is None
    os.kill(one.process.pid, signal.SIGINT)
    assert one.is_gone(), one.left()


def test_interruption_while_workers_start_leaves_nothing_behind(study):
    one = study("obey")
    end = time.monotonic() + 30
    while not _children(one.process.pid) and time.monotonic() < end:
        time.sleep(0.001)
    os.killpg(one.process.pid, signal.SIGINT)
    assert one.is_gone(SOON + IMPORTS), one.left()
    assert one.process.wait(1) == -signal.SIGINT
    err = one.process.communicate()[1]
    assert err.count("Traceback") <= 1, err


_MIDWAY = """
import os, signal, threading, time
from multiprocessing import forkserver
from pieces import answer
from nnsweep.jobs import process_pool

ask = forkserver.connect_to_new_process

def interrupted(fds):
    begun = ask(fds)  # the worker is there, and waits for what it shall be
    os.kill(os.getpid(), signal.SIGINT)  # this thread blocks it: the other one receives it
    time.sleep(0.1)
    return begun

if __name__ == "__main__":
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    forkserver.connect_to_new_process = interrupted
    [*process_pool.run_pieces(answer, ["a", "b"], 2)]
"""


def test_interruption_from_another_thread_waits_for_worker_start(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(_MIDWAY)
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr.count("Traceback") == 1, ended.stderr  # the parent's: no worker begun and forsaken


def test_worker_has_the_current_environment_not_the_servers(answer, monkeypatch):
    process_pool.warm_up(["json"])
    for name in ("FIRST", "SECOND"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "there")
            found = [own for _, own in process_pool.run_pieces(answer, [("environment",)] * 2, 2)]
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        assert found == [dict(os.environ) | {name: "there"} | threads] * 2


@pytest.mark.parametrize("kind", ["obey", "deaf"])
def test_no_worker_outlives_a_killed_parent(study, kind):
    one = study(kind)
    one.wait_for("begun-*")
    one.process.kill()
    assert one.is_gone(), one.left()


@pytest.mark.parametrize(
    "text", ["import nothing_of_this_name", "raise RuntimeError('broken')", "import os; os._exit(1)"]
)
def test_a_module_that_cannot_be_imported_ahead_costs_nothing(study, tmp_path, monkeypatch, text):
    (tmp_path / "broken.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    one = study("sleepless", "broken")
    out, err = one.process.communicate(timeout=30)
    assert one.process.returncode == 0, err
    assert len(out.splitlines()) == 4
