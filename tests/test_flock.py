"""Locks that the kernel drops with their holder, seen from other processes, some of them in namespaces of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nnsweep import flock
from tests.outside import own_pids, wait_until

HOLD = """
import os, sys
from nnsweep import flock
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
print(flock.take_lock(descriptor), flush=True)
input()
"""


@pytest.fixture
def hold() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Give a function that starts a process which locks a file, and holds it until it is killed."""
    started = []

    def start(path: Path, *prefix: str, took: bool = True) -> subprocess.Popen[str]:
        command = [*prefix, sys.executable, "-c", HOLD, str(path)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == f"{took}\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def state(path: Path) -> str:
    with flock.look_at(path) as found:
        return found


def test_a_lock_lasts_as_long_as_its_holder(hold, tmp_path: Path):
    process = hold(tmp_path / "a")
    assert state(tmp_path / "a") == "held"
    hold(tmp_path / "a", took=False)
    process.kill()
    process.wait()
    assert state(tmp_path / "a") == "free"


def test_the_lock_of_a_process_in_another_pid_namespace_is_seen(hold, tmp_path: Path):
    process = hold(tmp_path / "a", *own_pids())
    assert state(tmp_path / "a") == "held"
    process.kill()  # the other end of the namespace dies a moment later
    wait_until(lambda: state(tmp_path / "a") == "free", "the end of the lock", 10)


def test_several_may_look_at_once_and_nobody_takes_it_meanwhile(tmp_path: Path):
    (tmp_path / "a").touch()
    with flock.look_at(tmp_path / "a") as one, flock.look_at(tmp_path / "a") as other:
        descriptor = os.open(tmp_path / "a", os.O_RDWR)
        assert (one, other, flock.take_lock(descriptor)) == ("free", "free", False)
        os.close(descriptor)


def test_missing_file_is_absent_and_a_link_is_unknown(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert (state(tmp_path / "a"), state(tmp_path / "link")) == ("absent", "unknown")


def test_without_locks_nothing_is_known(tmp_path: Path, no_locks):
    (tmp_path / "a").touch()
    assert state(tmp_path / "a") == "unknown"
    with pytest.raises(OSError, match="not supported"):
        flock.take_lock(0)


def make(path: Path) -> tuple[Path, int]:
    return path, os.open(path, os.O_RDWR | os.O_CREAT)


def test_what_is_made_is_locked(tmp_path: Path):
    made = flock.make_locked(lambda: make(tmp_path / "a"))
    assert (made.path, made.is_locked, state(tmp_path / "a")) == (tmp_path / "a", True, "held")
    os.close(made.descriptor)
    assert state(tmp_path / "a") == "free"


def test_file_taken_as_abandoned_before_locking_is_made_anew(tmp_path: Path):
    names = iter("abc")

    def removed_twice() -> tuple[Path, int]:
        path, descriptor = make(tmp_path / next(names))
        if path.name == "a":
            path.unlink()
        elif path.name == "b":
            flock.take_lock(os.open(path, os.O_RDWR))  # whoever is about to remove it holds it
        return path, descriptor

    made = flock.make_locked(removed_twice)
    assert (made.path, made.is_locked) == (tmp_path / "c", True)
    assert [*tmp_path.iterdir()] == [tmp_path / "c"]
    os.close(made.descriptor)


def test_without_locks_things_are_made_all_the_same(tmp_path: Path, no_locks):
    made = flock.make_locked(lambda: make(tmp_path / "a"))
    assert (made.path, made.is_locked) == (tmp_path / "a", False)
    os.close(made.descriptor)
    assert flock.make_locked(lambda: (tmp_path, None)) == (tmp_path, None, False)
