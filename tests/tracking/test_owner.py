"""Which processes are there, and which are gone: real ones, as the machine counts them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from subprocess import Popen

import pytest

from nnsweep.tracking import earlier, lock, owner, runs
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.lock import hold_lock
from nnsweep.tracking.owner import (
    HEARTBEAT,
    LEASE_SECONDS,
    Owner,
    Signs,
    hold_runs,
    is_gone,
    make_first_beat,
    needs_heartbeat,
    presence,
    read_owner,
    this_process,
)
from nnsweep.tracking.store import Store
from tests.outside import begin_python, kill, own_pids, wait_until

PROGRAM = "from nnsweep.tracking.owner import this_process; print(this_process().tag(), flush=True); input()"


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], Owner]]:
    """Start another process, which names itself and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        named = read_owner(process.stdout.readline())
        assert named is not None
        yield process, named
        process.kill()


def now() -> float:
    return time.time()


def test_this_process_is_not_gone():
    assert not is_gone(this_process(), now())


def test_living_process_is_never_gone_however_old_its_run():
    assert not is_gone(this_process(), now() - 1000 * LEASE_SECONDS)


def test_another_process_names_itself_and_is_there_until_it_ends(other):
    process, named = other
    assert (named.pid, named.host) == (process.pid, this_process().host)
    assert not is_gone(named, now())
    process.kill()
    process.wait()
    assert is_gone(named, now())


def test_a_process_that_is_stopped_is_not_gone(other):
    process, named = other
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.1)
    assert not is_gone(named, now())
    process.send_signal(signal.SIGCONT)


@pytest.mark.skipif(not hasattr(os, "WNOWAIT"), reason="a corpse cannot be awaited without burying it here")
def test_a_process_of_which_only_the_corpse_is_left_is_gone(other):
    process, named = other
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and its parent has not been told
    assert os.path.exists("/proc") is os.path.exists(f"/proc/{process.pid}")
    assert is_gone(named, now())


def test_reused_process_number_does_not_revive_a_dead_process(other):
    process, named = other
    assert is_gone(replace(named, start=named.start + "0"), now())
    assert is_gone(replace(this_process(), pid=process.pid), now())


def test_process_from_before_a_reboot_is_gone():
    assert is_gone(replace(this_process(), boot="00000000-0000-0000-0000-000000000000"), now())


@pytest.mark.parametrize("pid", [0, -1, 2**31])
def test_a_number_that_no_process_has_is_gone(pid):
    assert is_gone(replace(this_process(), pid=pid), now())


def test_process_with_an_unknown_start_has_its_lease_too():
    assert not is_gone(replace(this_process(), start=""), now())
    assert is_gone(replace(this_process(), start=""), now() - LEASE_SECONDS - 60)


def test_process_elsewhere_is_left_alone_until_its_lease_ends():
    elsewhere = Owner(host="elsewhere", boot="b", pid=1, start="1")
    assert not is_gone(elsewhere, now())
    assert not is_gone(elsewhere, now() - LEASE_SECONDS + 60)
    assert is_gone(elsewhere, now() - LEASE_SECONDS - 60)
    assert not is_gone(elsewhere, now() + 3600)  # whose clock goes ahead of ours


def test_a_program_may_have_any_name(tmp_path):
    odd = tmp_path / "a) Z (1 2 3"
    odd.symlink_to(sys.executable)
    path = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # under that name it has no environment
    pipe = subprocess.PIPE
    with subprocess.Popen([odd, "-c", PROGRAM], stdin=pipe, stdout=pipe, text=True, env=path) as process:
        named = read_owner(process.stdout.readline())
        assert named is not None
        assert named.start.isdigit() or not os.path.exists("/proc/self/stat")
        assert not is_gone(named, now())
        process.kill()


def test_a_tag_is_read_as_it_was_written():
    assert read_owner(this_process().tag()) == this_process()
    assert len(this_process().tag().splitlines()) == 1
    assert str(Owner(host="here", boot="b", pid=7, start="1")) == "process 7 on here"


@pytest.mark.parametrize(
    "tag",
    [None, "", "{", "[]", "7", "null", '"a"', "{}", '{"host": "a"}', json.dumps({**vars(this_process()), "more": 1})],
)
def test_a_tag_that_is_something_else_names_nobody(tag):
    assert read_owner(tag) is None


def test_without_a_boot_id_ps_tells_when_a_process_started(monkeypatch, other):
    process, named = other
    monkeypatch.setattr(owner, "_boot", lambda: "")
    seen = replace(named, boot="", start=owner._started(process.pid))
    assert seen.start
    assert not is_gone(seen, now())
    process.kill()
    process.wait()
    assert is_gone(seen, now())
    assert owner._started(process.pid) == ""


def test_what_ps_tells_does_not_depend_on_who_asks(monkeypatch):
    monkeypatch.setattr(owner, "_boot", lambda: "")
    monkeypatch.setenv("TZ", "America/New_York")
    before = this_process()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert not is_gone(before, now())


def test_unidentifiable_living_process_is_not_taken_for_gone(monkeypatch):
    monkeypatch.setattr(owner, "_boot", lambda: "")
    monkeypatch.setenv("PATH", "")
    assert not is_gone(this_process(), now())


# ---- processes of other PID namespaces, and signs of life


@pytest.fixture
def contained() -> Iterator[Owner]:
    """Start a process that counts processes for itself, and names itself."""
    with subprocess.Popen(
        [*own_pids(), sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        named = read_owner(process.stdout.readline())
        assert named is not None
        yield named
        process.kill()


def test_process_number_in_another_pid_namespace_says_nothing(contained):
    assert contained.boot == this_process().boot
    assert contained.pids != this_process().pids
    seen = presence(contained, now())
    assert seen.state == "unseen"
    assert seen.says.startswith("nothing can be seen of it from here; it counts as gone at 2")
    assert is_gone(contained, now() - LEASE_SECONDS - 60)


def test_owner_from_an_earlier_version_is_judged_as_before():
    known = {name: getattr(this_process(), name) for name in ("host", "boot", "pid", "start")}
    before = Owner(**known)
    assert read_owner(json.dumps(known)) == before
    assert not is_gone(before, now())
    assert is_gone(replace(before, start="0"), now())
    assert is_gone(replace(before, boot="another"), now())


@pytest.mark.parametrize(
    "wrong", [{"every": "5"}, {"every": -1}, {"every": 1e9}, {"every": None}, {"lock": 1}, {"pids": None}], ids=str
)
def test_a_tag_with_something_else_among_its_signs_names_nobody(wrong):
    assert read_owner(json.dumps(asdict(this_process()) | wrong)) is None


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (tmp_path / "mlflow.db").touch()
    return tmp_path / "mlflow.db"


@pytest.mark.parametrize("pids", ["another", this_process().pids], ids=["elsewhere", "here"])
def test_a_process_is_there_exactly_as_long_as_its_lock_is(pids, database):
    with hold_lock(database, "{}") as held:
        named = replace(this_process(), pids=pids, start="0", lock=held.name)
        assert presence(named, 0.0, Signs(database)) == ("alive", "its lock is held")
        assert is_gone(replace(named, lock=f".nnsweep-{16 * 'a'}.lock"), now(), Signs(database))
    assert is_gone(replace(this_process(), lock=held.name), now(), Signs(database))
    free = database.parent / held.name
    free.touch()
    assert is_gone(named, now(), Signs(database))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the time of one's own clock, which can be set."""
    passed = [100.0]
    monkeypatch.setattr(lock, "_watched", {})
    monkeypatch.setattr(lock.time, "monotonic", lambda: passed[0])
    return passed


def test_of_another_machine_the_time_of_the_lock_file_is_watched(database, clock):
    """Its locks may be its own affair."""
    with hold_lock(database, "{}") as held:
        name = held.name
    (database.parent / name).touch()
    elsewhere = Owner("elsewhere", "b", 7, "t", "p", lock=name, every=5.0)
    for seconds in (0, 59):
        clock[0] += seconds
        assert presence(elsewhere, 0.0, Signs(database)).says.startswith("its ")
        assert not is_gone(elsewhere, 0.0, Signs(database))
    os.utime(database.parent / name)
    clock[0] += 59
    assert not is_gone(elsewhere, 0.0, Signs(database))
    clock[0] += 61
    assert is_gone(elsewhere, 0.0, Signs(database))


def test_lockless_heartbeat_is_watched_whatever_its_clock_says(clock):
    elsewhere = Owner("elsewhere", "b", 7, "t", "p", every=5.0)
    for skew in (-600, 0, 600, 7200):
        told = Signs(heartbeat=str(now() + skew))
        assert not is_gone(elsewhere, 0.0, told)
        clock[0] += 59
        assert not is_gone(elsewhere, 0.0, told)
        clock[0] += 2
        assert is_gone(elsewhere, 0.0, told)
    assert is_gone(elsewhere, 0.0, Signs(heartbeat=str(now() - lock.LONG_SECONDS - 60)))


def test_heartbeat_is_reported_with_its_age_and_waiting_time(clock):
    elsewhere = Owner("elsewhere", "b", 7, "t", "p", every=5.0)
    assert presence(elsewhere, 0.0, Signs(heartbeat=str(now() - 3))) == ("alive", "its heartbeat came 3 s ago")
    seen = presence(elsewhere, 0.0, Signs(heartbeat=str(now() - 600)))
    assert seen == ("unseen", "its last heartbeat came 600 s ago; it counts as gone if none comes within 60 s")


def test_a_heartbeat_that_is_not_there_is_watched_for(clock):
    elsewhere = Owner("elsewhere", "b", 7, "t", "p", every=5.0)
    assert not is_gone(elsewhere, now(), Signs())
    clock[0] += 61
    assert is_gone(elsewhere, now(), Signs())


def test_a_process_that_can_be_seen_needs_no_heartbeat(clock):
    mine = replace(this_process(), every=5.0)
    assert not is_gone(mine, 0.0, Signs(heartbeat="0"))
    assert is_gone(replace(mine, start="0"), now(), Signs(heartbeat=str(now())))


def test_a_run_has_the_owner_on_whose_behalf_it_is_started():
    other = Owner("elsewhere", "b", 7, "t")
    with owner.own_runs(other):
        assert owner.current_owner() == other
        with owner.own_runs(this_process()):
            assert owner.current_owner() == this_process()
        if (child := os.fork()) == 0:
            os._exit(0 if owner.current_owner() == this_process() else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert owner.current_owner() == this_process()


HOLD = """
import sys, time
from nnsweep.tracking import lock, runs
from nnsweep.tracking.owner import hold_runs, make_first_beat, needs_heartbeat
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
