"""A heart beats as long as a block lasts, and is watched by one's own clock."""

import threading
import time

import pytest

from nnsweep.tracking import heartbeat
from nnsweep.tracking.heartbeat import beating, recall, unchanged, watched


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(heartbeat, "_watched", {})


def test_it_beats_as_long_as_the_block_lasts():
    beats = []
    with beating(lambda: beats.append(1)) as is_beating:
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

    with beating(beat):
        time.sleep(0.5)
    assert len(beats) > 2


def test_a_beat_that_hangs_keeps_nobody_from_ending():
    released = threading.Event()
    began = time.monotonic()
    with beating(lambda: released.wait(10)):
        time.sleep(0.2)
    assert time.monotonic() - began < 5
    released.set()


def test_without_a_thread_there_is_no_heartbeat(monkeypatch: pytest.MonkeyPatch):
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with beating(lambda: None) as is_beating:
        assert not is_beating


def test_how_long_nothing_has_changed_is_watched_for_each_by_itself(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now[0])
    assert unchanged("a", "1") == 0
    now[0] += 7
    assert (unchanged("a", "1"), unchanged("b", "1")) == (7, 0)
    now[0] += 2
    assert (unchanged("a", "2"), unchanged("b", "1")) == (0, 2)
    now[0] += 3
    assert unchanged("a", "2") == 3


def test_another_process_goes_on_watching(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now[0])
    unchanged("a", "1")
    known = watched()
    monkeypatch.setattr(heartbeat, "_watched", {})
    now[0] += 5
    recall(known)
    assert unchanged("a", "1") == 5
