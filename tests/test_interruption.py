"""Interruptions as they come: real signals to real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from nnsweep.jobs import interrupt
from nnsweep.jobs.interrupt import Interrupted

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="these signals are not known here")

FRAME = """
import contextlib, os, signal, sys, time
from nnsweep.jobs import interrupt


def sleep(seconds):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.01))


def main():
    print("ready", flush=True)
    {body}


try:
    with interrupt.obey_signals():
        {before}main()
except KeyboardInterrupt as error:
    print("interrupted", type(error).__name__, flush=True)
    sys.exit(interrupt.make_exit_code(error))
"""


class Program:
    """A process that has said that it is ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.expect("ready")

    def expect(self, line: str) -> None:
        assert self.process.stdout.readline() == f"{line}\n"

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends(self) -> tuple[int, list[str], list[str]]:
        """Give the exit code and the rest of what it said."""
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out.splitlines(), err.splitlines()


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    """Give a function that starts a program; `ignored` signals are ignored when it starts, as by nohup."""
    started = []

    def start(*body: str, before: str = "", ignored: signal.Signals | None = None) -> Program:
        source = FRAME.format(body="\n    ".join(body), before=before)
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", source],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=ignored and (lambda: signal.signal(ignored, signal.SIG_IGN)),
            )
        )
        return Program(started[-1])

    yield start
    for process in started:
        process.kill()
        process.communicate()


AWAITED = (
    "with interrupt.await_interruption():",
    "    print('in block', flush=True)",
    "    while not interrupt.is_interrupted(): sleep(0.01)",
    "    print('asked', flush=True)",
    "    sleep(0.5)",
    "    print('end of block', flush=True)",
    "print('never', flush=True)",
)
PATIENT = ("with interrupt.await_interruption():", "    print('in block', flush=True)", "    sleep(60)")
CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "code"), CODES)
def test_first_signal_waits_for_the_block_and_sets_the_exit_code(program, number, code):
    one = program(*AWAITED)
    one.expect("in block")
    one.send(number)
    assert one.ends() == (code, ["asked", "end of block", "interrupted Interrupted"], [])


@pytest.mark.parametrize(("number", "code"), CODES)
def test_the_second_one_ends_the_block_at_once(program, number, code):
    one = program(*AWAITED)
    one.expect("in block")
    one.send(signal.SIGINT)
    one.expect("asked")
    time.sleep(2 * interrupt.ECHO_SECONDS)
    one.send(number)
    assert one.ends() == (code, ["interrupted Interrupted"], [])


def test_simultaneous_signals_to_process_and_group_count_as_one(program):
    one = program(*PATIENT)
    one.expect("in block")
    one.send(signal.SIGTERM)
    one.send(signal.SIGTERM)
    time.sleep(5 * interrupt.ECHO_SECONDS)
    one.send(signal.SIGINT)
    code, out, _ = one.ends()
    assert (code, out) == (130, ["interrupted Interrupted"])


@pytest.mark.parametrize(("number", "code"), CODES)
def test_outside_a_block_the_first_signal_ends_the_program(program, number, code):
    one = program("sleep(60)")
    one.send(number)
    assert one.ends() == (code, ["interrupted Interrupted"], [])


@pytest.mark.parametrize(("number", "code"), CODES)
def test_interrupt_raised_by_the_block_keeps_the_signal_number(program, number, code):
    one = program(
        "with interrupt.await_interruption():",
        "    print('in block', flush=True)",
        "    while not interrupt.is_interrupted(): sleep(0.01)",
        "    raise KeyboardInterrupt",
    )
    one.expect("in block")
    one.send(number)
    assert one.ends()[0] == code


def test_a_block_within_a_block_does_not_end_the_outer_one(program):
    one = program(
        "with interrupt.await_interruption():",
        "    with interrupt.await_interruption():",
        "        print('in block', flush=True)",
        "        while not interrupt.is_interrupted(): sleep(0.01)",
        "    print('still here', flush=True)",
        "print('never', flush=True)",
    )
    one.expect("in block")
    one.send(signal.SIGINT)
    assert one.ends() == (130, ["still here", "interrupted Interrupted"], [])


def test_after_an_undisturbed_block_a_signal_acts_at_once(program):
    one = program("with interrupt.await_interruption(): pass", "print('after', flush=True)", "sleep(60)")
    one.expect("after")
    one.send(signal.SIGTERM)
    assert one.ends() == (143, ["interrupted Interrupted"], [])


def test_an_error_of_the_block_is_not_hidden(program):
    one = program("with interrupt.await_interruption(): raise ValueError('mine')")
    code, out, err = one.ends()
    assert (code, out) == (1, [])
    assert err[-1] == "ValueError: mine"


def test_the_first_one_is_announced_and_the_second_is_not(program):
    one = program("with interrupt.announce_interruption():", *(f"    {line}" for line in AWAITED))
    one.expect("in block")
    one.send(signal.SIGINT)
    one.expect("asked")
    time.sleep(2 * interrupt.ECHO_SECONDS)
    one.send(signal.SIGINT)
    assert one.ends() == (130, ["interrupted Interrupted"], [interrupt.NOTICE])


def test_a_signal_that_is_ignored_stays_ignored(program):
    one = program(
        "os.kill(os.getpid(), signal.SIGHUP)",
        "print('still here', flush=True)",
        "with interrupt.await_interruption():",
        "    os.kill(os.getpid(), signal.SIGHUP)",
        "    sleep(0.05)",
        "print('and here', interrupt.is_interrupted(), flush=True)",
        "sleep(60)",
        ignored=signal.SIGHUP,
    )
    one.expect("still here")
    one.expect("and here False")
    one.send(signal.SIGTERM)
    assert one.ends() == (143, ["interrupted Interrupted"], [])


def test_handlers_are_as_before_when_the_program_has_ended():
    before = [signal.getsignal(number) for number in interrupt.SIGNALS]
    with interrupt.obey_signals():
        within = [signal.getsignal(number) for number in interrupt.SIGNALS]
    with pytest.raises(KeyError), interrupt.obey_signals():
        raise KeyError
    assert [signal.getsignal(number) for number in interrupt.SIGNALS] == before
    assert within != before


def test_a_program_that_was_interrupted_before_begins_anew():
    def interrupted() -> None:
        with interrupt.obey_signals():
            assert not interrupt.is_interrupted()
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)

    for _ in range(2):
        with pytest.raises(Interrupted) as raised:
            interrupted()
        assert interrupt.make_exit_code(raised.value) == 143


def test_an_interruption_that_no_signal_made_counts_as_ctrl_c():
    with interrupt.obey_signals():
        assert interrupt.make_exit_code(KeyboardInterrupt()) == 130
        assert interrupt.make_exit_code(None) == 130


def test_other_threads_handle_no_signals_and_forget_earlier_ones():
    handlers = [signal.getsignal(number) for number in interrupt.SIGNALS]
    with pytest.raises(Interrupted), interrupt.obey_signals():
        signal.raise_signal(signal.SIGTERM)
    seen = []

    def sweep():
        with interrupt.obey_signals(), interrupt.await_interruption():
            seen.append((interrupt.is_interrupted(), [signal.getsignal(number) for number in interrupt.SIGNALS]))

    thread = threading.Thread(target=sweep)
    thread.start()
    thread.join()
    assert seen == [(False, handlers)]
