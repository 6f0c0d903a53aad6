"""A process shows that it lives by a lock, or by a heartbeat in the store where there are no locks."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import pytest

from nnsweep.tracking import earlier, lock, owner, runs
from nnsweep.tracking.client import open_client
from nnsweep.tracking.holding import hold_runs, make_first_beat, needs_heartbeat
from nnsweep.tracking.owner import this_process
from nnsweep.tracking.runs import HEARTBEAT
from nnsweep.tracking.store import Store
from tests.outside import begin_python, kill, own_pids, wait_until

HOLD = """
import sys, time
from nnsweep.tracking import lock, runs
from nnsweep.tracking.holding import hold_runs, make_first_beat, needs_heartbeat
from nnsweep.tracking.store import prepare_store
lock.EVERY_SECONDS = 0.1
if sys.argv[2:]:
    import fcntl
    def refuse(*_):
        raise OSError("no locks")
    fcntl.flock = refuse
with hold_runs(sys.argv[1], beats=True) as held:
    store = prepare_store(sys.argv[1], "study")
    beat = make_first_beat() if needs_heartbeat(held.owner) else {}
    texts = {"nnsweep.kind": "sweep", "nnsweep.sweep": "s1"} | beat
    held.beat_in(store, runs.start_run(store, "sweep", texts))
    runs.start_run(store, "job", {"nnsweep.kind": "job", "nnsweep.key": "k"})
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "EVERY_SECONDS", 0.1)
    monkeypatch.setattr(lock, "_watched", {})


@pytest.fixture
def hold(store: Store, tmp_path: Path) -> Iterator[Callable[..., Popen[str]]]:
    """Give a function that lets a process with process numbers of its own hold the runs of a sweep and of a job."""
    started = []

    def start(*more: str) -> Popen[str]:
        started.append(begin_python(tmp_path, "-c", HOLD, store.uri, *more, within=own_pids()))
        assert started[-1].stdout.readline() == "begun\n"
        return started[-1]

    yield start
    for process in started:
        kill(process)


def are_gone(store: Store) -> list[bool]:
    """Tell of the runs of a sweep and of a job whether their owner is gone; of the job by its key, too."""
    return [run.owner_is_gone for run in (*earlier.find_running(store), *earlier.find_runs_by_key(store, ["k"])["k"])]


def test_namespaced_process_is_present_while_its_lock_is_held(store: Store, hold):
    process = hold()
    assert are_gone(store) == [False] * 3
    assert {run.presence for run in earlier.find_running(store)} == {("alive", "its lock is held")}
    kill(process)
    wait_until(lambda: are_gone(store) == [True] * 3, "the end of the lock", 10)


def test_namespaced_process_is_present_while_its_heart_beats(store: Store, hold):
    process = hold("without locks")
    for _ in range(20):
        assert are_gone(store) == [False] * 3
        time.sleep(0.1)
    kill(process)
    assert are_gone(store) == [False] * 3
    began = time.monotonic()
    wait_until(lambda: are_gone(store) == [True] * 3, "the end of the heartbeat", 10)
    assert time.monotonic() - began > lock.MISSED * 0.1 / 2


def test_runs_name_the_lock_of_the_process_that_starts_them(store: Store, tmp_path: Path):
    with hold_runs(store.uri) as held:
        runs.start_run(store, "job", {"nnsweep.kind": "job", "nnsweep.key": "k"})
        (found,) = earlier.find_running(store)
        assert found.owner == held.owner == replace(this_process(), lock=held.owner.lock, every=0.1)
        assert found.presence == ("alive", "its lock is held")
        assert not needs_heartbeat(held.owner)
    assert found.owner_is_gone
    assert owner.current_owner() == this_process()
    assert [*tmp_path.glob(".nnsweep-*")] == []


def test_the_file_of_a_lock_is_touched(store: Store, tmp_path: Path):
    with hold_runs(store.uri) as held:
        path = tmp_path / held.owner.lock
        before = path.stat().st_mtime_ns
        time.sleep(0.5)
        assert path.stat().st_mtime_ns > before


def test_without_locks_a_heartbeat_is_in_the_run_of_the_sweep(store: Store, no_locks):
    with hold_runs(store.uri, beats=True) as held:
        assert needs_heartbeat(held.owner)
        run_id = runs.start_run(store, "sweep", {"nnsweep.kind": "sweep", **make_first_beat()})
        held.beat_in(store, run_id)
        tags = [open_client(store.uri).get_run(run_id).data.tags[HEARTBEAT]]
        time.sleep(0.6)
        tags.append(open_client(store.uri).get_run(run_id).data.tags[HEARTBEAT])
        assert float(tags[0]) < float(tags[1]) <= time.time()


def test_who_has_no_run_for_a_heartbeat_promises_none(store: Store, no_locks):
    with hold_runs(store.uri) as held:
        assert held.owner == this_process()
    with hold_runs("http://127.0.0.1:9") as held:
        assert held.owner == this_process()


def test_a_store_that_is_away_ends_nothing(monkeypatch: pytest.MonkeyPatch):
    store = Store("http://127.0.0.1:9", "study", "1")
    with hold_runs(store.uri, beats=True) as held:
        held.beat_in(store, "r")
        time.sleep(0.5)


def test_without_a_thread_no_heartbeat_is_promised(store: Store, monkeypatch: pytest.MonkeyPatch):
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with hold_runs(store.uri, beats=True) as held:
            assert held.owner.every == 0
            assert held.owner.lock
        with hold_runs("http://127.0.0.1:9", beats=True) as held:
            assert held.owner == this_process()
