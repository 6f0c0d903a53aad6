"""A store that goes and comes is told in a line each."""

import time

import pytest

from nnsweep.errors import StoreError
from nnsweep.jobs.outage import Outage, report_outages
from nnsweep.tracking.answers import ask_again, explain_errors

URI = "postgresql://me:hush@host/db"
SHOWN = "postgresql://***@host/db"


@pytest.fixture
def lines(capsys):
    """Give what has been told since, by the word that tells."""

    def since():
        said = capsys.readouterr().err.splitlines()
        assert all(line.startswith(f"nnsweep: the store {SHOWN} is ") for line in said)
        return [line.split(" is ")[1].split(";")[0] for line in said]

    return since


def meet_silence(uri):
    with pytest.raises(StoreError), explain_errors(uri):
        raise TimeoutError
    ask_again(uri)


def meet_an_answer(uri):
    with explain_errors(uri):
        pass


def test_a_store_that_goes_and_comes_is_told_once_each(lines):
    with report_outages(URI) as outage:
        for _ in range(2):
            meet_silence(URI)
        assert (lines(), outage.is_away) == (["away"], True)
        for _ in range(2):
            meet_an_answer(URI)
        assert (lines(), outage.is_away) == (["back"], False)
    assert lines() == []


def test_a_store_that_goes_again_and_again_is_told_once_a_minute(lines, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    outage, heard = Outage(URI), []
    for second in range(180):
        clock[0] += 1.0
        outage.hear(URI, "nobody is there" if second % 2 == 0 else "")
        heard += lines()
    assert heard == ["away", "back"] * 3


def test_what_came_last_is_told_at_the_end(lines, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with report_outages(URI) as outage:
        for said in ("gone", "", "gone"):
            outage.hear(URI, said)
        assert lines() == ["away", "back"]
        clock[0] += 61.0
    assert (lines(), outage.is_away) == (["away"], True)


def test_nothing_is_told_of_a_store_that_answers_or_of_another(lines):
    with report_outages(URI):
        meet_an_answer(URI)
        meet_silence("postgresql://other/db")
    assert lines() == []


def test_nothing_is_heard_when_the_sweep_is_over(lines):
    with report_outages(URI):
        pass
    meet_silence(URI)
    assert lines() == []
