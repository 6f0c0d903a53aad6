"""A store that goes and comes is told in a line each, from whatever process of a sweep has met it."""

import subprocess
import sys
import time
from dataclasses import replace

import pytest

from nnsweep.errors import StoreError
from nnsweep.sweep import absence
from nnsweep.sweep.absence import MARK, Told, note, noted, told
from nnsweep.sweep.place import Place
from nnsweep.tracking.client import ask_again, explained

URI = "postgresql://me:hush@host/db"
SHOWN = "postgresql://***@host/db"
_JOB = """
import sys
from pathlib import Path
from nnsweep.sweep.absence import noted
from nnsweep.sweep.place import Place
from nnsweep.tracking.client import ask_again, explained
sweep, uri = Path(sys.argv[1]), sys.argv[2]
with noted(Place(folder=sweep / "0", sweep=sweep.name, number=0, name="n", chosen={}), uri):
    print("begun", flush=True)
    for line in sys.stdin:
        try:
            ask_again(uri)
            with explained(uri):
                if line == "away\\n":
                    raise TimeoutError
        except Exception:
            pass
"""


@pytest.fixture
def job():
    """Start the process of a job of a sweep, which meets what it is told to."""
    started = []

    def of(sweep):
        process = subprocess.Popen(
            [sys.executable, "-c", _JOB, str(sweep), URI], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "begun\n"

        def meet(what):
            process.stdin.write(f"{what}\n")
            process.stdin.flush()

        return meet

    yield of
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def lines(capsys):
    """Give what has been told since, by the word that tells."""

    def since():
        said = capsys.readouterr().err.splitlines()
        assert all(line.startswith(f"nnsweep: the store {SHOWN} is ") for line in said)
        return [line.split(" is ")[1].split(";")[0] for line in said]

    return since


def wait_for(lines, *words):
    found, end = [], time.monotonic() + 20
    while len(found) < len(words):
        assert time.monotonic() < end, found
        time.sleep(0.05)
        found += lines()
    assert found == [*words]


def test_what_jobs_in_other_processes_meet_is_told_once(job, lines, tmp_path):
    first, second = job(tmp_path), job(tmp_path)
    with told(tmp_path, URI) as telling:
        first("away")
        wait_for(lines, "away")
        assert telling.is_away
        for meet in (first, second):
            meet("away")
        time.sleep(3 * absence.LOOKS_EVERY)
        assert lines() == []
        second("there")
        wait_for(lines, "back")
        first("there")
        time.sleep(3 * absence.LOOKS_EVERY)
        assert not telling.is_away
    assert lines() == []
    assert [*tmp_path.iterdir()] == []


def test_a_store_that_goes_again_and_again_is_told_once_a_minute(lines, tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    telling, heard = Told(tmp_path, URI), []
    for second in range(180):
        clock[0] += 1.0
        note(tmp_path, is_away=second % 2 == 0)
        telling.look()
        heard += lines()
    assert heard == ["away", "back"] * 3


def test_what_came_last_is_told_at_the_end_and_the_mark_is_gone(lines, tmp_path, monkeypatch):
    monkeypatch.setattr(absence, "LOOKS_EVERY", 100.0)
    with told(tmp_path, URI) as telling:
        note(tmp_path, is_away=True)
    assert (lines(), telling.is_away) == (["away"], True)
    assert [*tmp_path.iterdir()] == []


def test_nothing_is_told_of_a_store_that_answers(lines, tmp_path):
    with told(tmp_path, URI), noted(_place(tmp_path), URI):
        for _ in range(3):
            with explained(URI):
                pass
    assert lines() == []


def test_the_absence_of_another_store_leaves_no_mark(tmp_path):
    with noted(_place(tmp_path), URI):
        _meet_silence("postgresql://other/db")
        assert not (tmp_path / MARK).exists()
        _meet_silence(URI)
        assert (tmp_path / MARK).exists()


def test_a_single_job_leaves_its_mark_in_its_own_folder(tmp_path):
    with noted(replace(_place(tmp_path), folder=tmp_path), URI):
        _meet_silence(URI)
    assert (tmp_path / MARK).exists()


def test_a_job_without_a_sweep_leaves_no_mark(tmp_path):
    with noted(_place(tmp_path, sweep="another"), URI):
        _meet_silence(URI)
    assert [*tmp_path.rglob("*")] == []


def test_a_folder_that_cannot_be_written_costs_no_more_than_the_line(tmp_path):
    note(tmp_path / "nowhere", is_away=True)
    note(tmp_path / "nowhere", is_away=False)


def _place(folder, sweep=None):
    return Place(folder=folder / "a" / "0", sweep=sweep or folder.name, number=0, name="n", chosen={})


def _meet_silence(uri):
    with pytest.raises(StoreError), explained(uri):
        raise TimeoutError
    ask_again(uri)
