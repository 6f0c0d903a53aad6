"""Which processes are there, and which are gone: real ones, as the machine counts them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from nnsweep.tracking import owner
from nnsweep.tracking.owner import LEASE_SECONDS, Owner, is_gone, read, this_process

PROGRAM = "from nnsweep.tracking.owner import this_process; print(this_process().tag(), flush=True); input()"


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], Owner]]:
    """Start another process, which names itself and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        named = read(process.stdout.readline())
        assert named is not None
        yield process, named
        process.kill()


def now() -> float:
    return time.time()


def test_this_process_is_not_gone():
    assert not is_gone(this_process(), now())


def test_however_long_it_has_had_a_run_a_living_process_is_not_gone():
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


def test_the_number_of_a_dead_process_may_be_that_of_a_living_one(other):
    process, named = other
    assert is_gone(replace(named, start=named.start + "0"), now())
    assert is_gone(replace(this_process(), pid=process.pid), now())


def test_a_process_of_another_start_of_the_machine_is_gone():
    assert is_gone(replace(this_process(), boot="00000000-0000-0000-0000-000000000000"), now())


@pytest.mark.parametrize("pid", [0, -1, 2**31])
def test_a_number_that_no_process_has_is_gone(pid):
    assert is_gone(replace(this_process(), pid=pid), now())


def test_a_process_whose_start_could_not_be_seen_has_its_lease_too():
    assert not is_gone(replace(this_process(), start=""), now())
    assert is_gone(replace(this_process(), start=""), now() - LEASE_SECONDS - 60)


def test_a_process_of_another_machine_is_left_alone_until_its_lease_ends():
    elsewhere = Owner(host="elsewhere", boot="b", pid=1, start="1")
    assert not is_gone(elsewhere, now())
    assert not is_gone(elsewhere, now() - LEASE_SECONDS + 60)
    assert is_gone(elsewhere, now() - LEASE_SECONDS - 60)
    assert not is_gone(elsewhere, now() + 3600)  # whose clock goes ahead of ours


def test_a_program_may_have_any_name(tmp_path):
    odd = tmp_path / "a) Z (1 2 3"
    odd.symlink_to(sys.executable)
    with subprocess.Popen([odd, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        named = read(process.stdout.readline())
        assert named is not None
        assert named.start.isdigit() or not os.path.exists("/proc/self/stat")
        assert not is_gone(named, now())
        process.kill()


def test_a_tag_is_read_as_it_was_written():
    assert read(this_process().tag()) == this_process()
    assert len(this_process().tag().splitlines()) == 1
    assert str(Owner(host="here", boot="b", pid=7, start="1")) == "process 7 on here"


@pytest.mark.parametrize(
    "tag",
    [None, "", "{", "[]", "7", "null", '"a"', "{}", '{"host": "a"}', json.dumps({**vars(this_process()), "more": 1})],
)
def test_a_tag_that_is_something_else_names_nobody(tag):
    assert read(tag) is None


def test_without_the_machines_own_count_ps_tells_when_a_process_started(monkeypatch, other):
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


def test_where_nothing_tells_a_living_process_apart_it_is_not_taken_for_gone(monkeypatch):
    monkeypatch.setattr(owner, "_boot", lambda: "")
    monkeypatch.setenv("PATH", "")
    assert not is_gone(this_process(), now())
