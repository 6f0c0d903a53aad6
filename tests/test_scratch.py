"""Temporary folders: gone with their process, or removed by the next start where that was killed."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nnsweep.scratch import LOCK, PREFIX, remove_abandoned, scratch_folder

HOLD = """
import sys
from nnsweep.scratch import scratch_folder
with scratch_folder() as folder:
    print(folder, flush=True)
    sys.stdin.readline()
"""
SWEEP = ["arch=linear,shallow", "seed=0,1", "data=digits", "trainer.epochs=1000000", "sweep.workers=2"]


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give an empty folder of temporary files, whose path is short."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)


@pytest.fixture
def hold() -> Iterator[Callable[[], tuple[Path, subprocess.Popen[str]]]]:
    """Give a function that starts a process with a scratch folder."""
    started = []

    def start() -> tuple[Path, subprocess.Popen[str]]:
        command = [sys.executable, "-c", HOLD]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return Path(started[-1].stdout.readline().strip()), started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_folder_lasts_as_long_as_its_block(temporary: Path):
    with scratch_folder() as folder:
        remove_abandoned()
        assert (folder.parent, sorted(path.name for path in folder.iterdir())) == (temporary, [LOCK])
    assert [*temporary.iterdir()] == []


def test_only_the_folders_of_the_dead_are_removed(temporary: Path, hold):
    (temporary / f"{PREFIX}of-somebody-else").mkdir()
    alive, _ = hold()
    dead, process = hold()
    process.kill()
    process.wait()
    assert dead.is_dir()
    with scratch_folder() as own:
        left = {path.name for path in temporary.iterdir()}
    assert left == {alive.name, own.name, f"{PREFIX}of-somebody-else"}


def test_a_folder_without_locks_is_left_alone(temporary: Path, monkeypatch: pytest.MonkeyPatch):
    def none(lock: int, kind: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", none)
    with scratch_folder() as folder:
        remove_abandoned()
        assert [*folder.iterdir()] == []
    assert not folder.exists()


def started(folder: Path) -> subprocess.Popen[bytes]:
    """Start a sweep with workers, and wait until it trains."""
    earlier = {*folder.glob("multirun/*")}  # whose last workers may still write for a moment
    process = subprocess.Popen([sys.executable, "-m", "nnsweep", *SWEEP], cwd=folder, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while {path.parents[2] for path in folder.glob("multirun/*/*/.hydra/overrides.yaml")} <= earlier:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.2)
    return process


def test_a_killed_sweep_leaves_nothing_to_the_next(study: Path, temporary: Path):
    first = started(study)
    first.send_signal(signal.SIGKILL)
    first.wait()
    left = {path.name for path in temporary.iterdir()}
    assert left
    assert all(name.startswith(PREFIX) for name in left)  # the folders of multiprocessing are in one of them
    second = started(study)
    try:
        assert not left & {path.name for path in temporary.iterdir()}
    finally:
        second.send_signal(signal.SIGINT)
        second.wait(60)
    assert [*temporary.iterdir()] == []
