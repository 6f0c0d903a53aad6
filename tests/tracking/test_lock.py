"""The lock of a process beside a store: held as long as it lives, free in a copy, removed by whoever finds it free."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nnsweep import flock
from nnsweep.tracking import lock
from nnsweep.tracking.lock import (
    LEFT_SECONDS,
    LockState,
    hold_lock,
    keep_beating,
    look_at_lock,
    remove_stale_locks,
    watch_heartbeat,
)

ABOUT = json.dumps({"boot": flock.boot()})
HOLD = """
import sys, time
from pathlib import Path
from nnsweep.tracking.lock import hold_lock
with hold_lock(Path(sys.argv[1]), sys.argv[2]) as held:
    print(held.name, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (tmp_path / "mlflow.db").touch()
    return tmp_path / "mlflow.db"


@pytest.fixture
def dead(program, database: Path) -> Callable[..., str]:
    """Give a function that leaves the lock file of a process which was killed; it gives the name."""

    def leave(about: str = ABOUT) -> str:
        process = program(HOLD, database, about)
        name = process.stdout.readline().strip()
        process.kill()
        process.wait()
        return name

    return leave


def test_a_lock_is_held_as_long_as_its_block_lasts(database: Path):
    with hold_lock(database, ABOUT) as held:
        assert held is not None
        state, touched = look_at_lock(database, held.name)
        assert state == "held"
        assert abs(touched - time.time()) < 60
        assert (database.parent / held.name).read_text() == ABOUT
    assert look_at_lock(database, held.name) == LockState("absent")
    assert [*database.parent.iterdir()] == [database]


def test_a_lock_is_free_as_soon_as_its_holder_is_killed(database: Path, dead):
    assert look_at_lock(database, dead()).state == "free"


def test_a_folder_that_is_not_there_yet_is_made(tmp_path: Path):
    with hold_lock(tmp_path / "new" / "mlflow.db", ABOUT) as held:
        assert held is not None
        assert look_at_lock(tmp_path / "new" / "mlflow.db", held.name).state == "held"


def test_a_store_and_its_lock_are_moved_together(database: Path, tmp_path: Path):
    with hold_lock(database, ABOUT) as held:
        (tmp_path / "new").mkdir()
        for path in (database, database.parent / held.name):
            path.rename(tmp_path / "new" / path.name)
        held.touch()
        assert look_at_lock(tmp_path / "new" / "mlflow.db", held.name).state == "held"


def test_in_a_copy_nobody_holds_the_lock(database: Path, tmp_path: Path):
    with hold_lock(database, ABOUT) as held:
        shutil.copytree(tmp_path, tmp_path / "copy")
        assert look_at_lock(tmp_path / "copy" / "mlflow.db", held.name).state == "free"
        (tmp_path / "copy" / held.name).unlink()
        assert look_at_lock(tmp_path / "copy" / "mlflow.db", held.name).state == "absent"


def test_a_store_that_is_a_link_has_its_locks_beside_its_file(database: Path, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.db").symlink_to(database)
    with hold_lock(tmp_path / "elsewhere" / "link.db", ABOUT) as held:
        assert (
            look_at_lock(database, held.name).state
            == look_at_lock(tmp_path / "elsewhere" / "link.db", held.name).state
            == "held"
        )


def test_where_there_is_no_store_nothing_is_known_of_a_lock(tmp_path: Path):
    assert look_at_lock(tmp_path / "no" / "mlflow.db", f".nnsweep-{16 * 'a'}.lock") == LockState("unknown")


@pytest.mark.parametrize("name", ["mlflow.db", "../mlflow.db", "/dev/null", "", ".nnsweep-x.lock"])
def test_no_other_file_is_looked_at(name: str, database: Path):
    assert look_at_lock(database, name) == LockState("unknown")


def test_to_touch_a_lock_renews_its_time(database: Path):
    with hold_lock(database, ABOUT) as held:
        os.utime(database.parent / held.name, (0, 0))
        assert look_at_lock(database, held.name).touched == 0
        held.touch()
        assert abs(look_at_lock(database, held.name).touched - time.time()) < 60


def test_without_locks_there_is_none_and_no_file_is_left(database: Path, no_locks):
    with hold_lock(database, ABOUT) as held:
        assert held is None
        assert [*database.parent.iterdir()] == [database]
    assert look_at_lock(database, f".nnsweep-{16 * 'a'}.lock").state == "absent"


def test_where_no_file_can_be_made_there_is_none(database: Path):
    with hold_lock(database / "no" / "mlflow.db", ABOUT) as held:
        assert held is None


def test_the_lock_files_of_the_dead_are_removed_and_no_others(database: Path, dead, program):
    living = program(HOLD, database, ABOUT).stdout.readline().strip()
    elsewhere = [dead(text) for text in (json.dumps({"boot": "of another machine"}), "", "[]")]
    assert dead() in locks(database)
    remove_stale_locks(database)
    assert {*locks(database)} == {living, *elsewhere}


def locks(database: Path) -> list[str]:
    return [path.name for path in database.parent.glob(lock._PATTERN)]


def test_lock_files_of_another_machine_are_removed_after_a_day(database: Path, dead):
    path = database.parent / dead(json.dumps({"boot": "of another machine"}))
    os.utime(path, (time.time() - LEFT_SECONDS + 60,) * 2)
    remove_stale_locks(database)
    assert path.exists()
    os.utime(path, (time.time() - LEFT_SECONDS - 60,) * 2)
    remove_stale_locks(database)
    assert not path.exists()


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(lock, "_watched", {})


def test_it_beats_as_long_as_the_block_lasts():
    beats = []
    with keep_beating(lambda: beats.append(1)) as is_beating:
        assert is_beating
        time.sleep(0.5)
    n_beats = len(beats)
    assert n_beats > 2
    time.sleep(0.2)
    assert len(beats) == n_beats


def test_a_beat_that_fails_is_followed_by_others():
    beats = []

    def beat() -> None:
        beats.append(1)
        raise OSError("the store is away")

    with keep_beating(beat):
        time.sleep(0.5)
    assert len(beats) > 2


def test_a_beat_that_hangs_keeps_nobody_from_ending():
    released = threading.Event()
    began = time.monotonic()
    with keep_beating(lambda: released.wait(10)):
        time.sleep(0.2)
    assert time.monotonic() - began < 5
    released.set()


def test_without_a_thread_there_is_no_heartbeat(monkeypatch: pytest.MonkeyPatch):
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with keep_beating(lambda: None) as is_beating:
        assert not is_beating


def test_time_without_change_is_tracked_for_each_separately(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(lock.time, "monotonic", lambda: now[0])
    assert watch_heartbeat("a", "1") == 0
    now[0] += 7
    assert (watch_heartbeat("a", "1"), watch_heartbeat("b", "1")) == (7, 0)
    now[0] += 2
    assert (watch_heartbeat("a", "2"), watch_heartbeat("b", "1")) == (0, 2)
    now[0] += 3
    assert watch_heartbeat("a", "2") == 3
