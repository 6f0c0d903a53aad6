"""A heart beats as long as a block lasts, and is watched by one's own clock."""

import threading
import time

import pytest

from nnsweep.tracking import lock
from nnsweep.tracking.lock import export_watched, import_watched, keep_beating, watch_heartbeat


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


def test_another_process_goes_on_watching(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(lock.time, "monotonic", lambda: now[0])
    watch_heartbeat("a", "1")
    known = export_watched()
    monkeypatch.setattr(lock, "_watched", {})
    now[0] += 5
    import_watched(known)
    assert watch_heartbeat("a", "1") == 5
