"""The progress of a sweep is told in few lines, and none of them is on standard output."""

import io
import itertools
import re

import pytest
from rich.console import Console

from nnsweep.jobs import progress
from nnsweep.jobs.progress import Progress, _make_line_printer, show_progress
from nnsweep.tracking.record import RunRecord

GRID = ("-m", "seed=range(0,3)", "arch=linear", "data=iris", "trainer.epochs=3", "tracking.pictures=false")


@pytest.fixture
def clock(monkeypatch):
    """Give a clock that only the test moves, in seconds."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def record(name, accuracy):
    return RunRecord(run_id="", name=name, state="finished", metrics={"test_accuracy": accuracy})


def test_the_best_is_the_best_of_all_results_known():
    told = Progress([1, 2, 3])
    told.add(0, record("earlier", 0.9))  # reused: it is not among the jobs that are run
    told.add(1, record("now", 0.8))
    assert str(told).startswith("1 of 3 jobs run, best so far 0.9000 (earlier)")


def test_the_best_is_best_in_the_measure_that_chose_the_epochs():
    told = Progress([1, 2, 3])
    for number, loss in enumerate((0.5, 0.25, 0.75), start=1):
        metrics, settings = {"test_log_loss": loss, "test_accuracy": loss}, {"trainer.select": "val_log_loss"}
        told.add(number, RunRecord(run_id="", name=f"n{number}", state="finished", metrics=metrics, settings=settings))
    told.add(0, record("in another measure", 0.1))
    assert str(told).startswith("3 of 3 jobs run, best so far log loss 0.2500 (n2)")


def test_a_job_that_is_tried_again_counts_once():
    told = Progress([0, 1])
    for outcome in (None, record("second try", 0.5)):
        told.add(0, outcome)
    assert (told.n_done, told.n_jobs) == (1, 2)


def test_the_time_left_is_that_of_the_plan_until_a_job_is_done(clock):
    told = Progress(range(4), seconds=100)
    clock[0] += 30
    assert told.predict_seconds_left() == 70
    clock[0] += 10
    told.add(0, None)
    assert told.predict_seconds_left() == 120  # three more at 40 seconds each
    clock[0] += 15
    assert told.predict_seconds_left() == 105
    clock[0] += 500
    assert told.predict_seconds_left() == 0
    assert "left" not in str(told)


def print_all_lines(clock, pause, *, seconds, n_jobs, capsys):
    """Print the lines of a sweep whose jobs take equally long, looking ten times a second."""
    told = Progress(range(n_jobs), seconds)
    print_line = _make_line_printer(told, pause)
    began = clock[0]
    for number in range(n_jobs):
        clock[0] = began + seconds * (number + 1) / n_jobs
        told.add(number, record(f"job {number}", 0.5))
        print_line(False)
    print_line(True)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


@pytest.mark.slow
def test_a_sweep_of_ten_thousand_jobs_does_not_flood_a_log(clock, capsys):
    lines = print_all_lines(clock, progress.PIPED_SECONDS, seconds=10 * 3600, n_jobs=10_000, capsys=capsys)
    assert 60 < len(lines) < 90
    assert lines[-1] == "10000 of 10000 jobs run, best so far 0.5000 (job 0), after 10.0 h"


def test_lines_come_more_and_more_seldom(clock, capsys):
    lines = print_all_lines(clock, progress.PIPED_SECONDS, seconds=1000, n_jobs=1000, capsys=capsys)
    counts = [int(line.split()[0]) for line in lines]
    gaps = [after - before for before, after in itertools.pairwise(counts[:-1])]
    assert counts[0] == 10
    assert min(gaps) == 10
    assert gaps == sorted(gaps)
    assert counts[-1] == 1000


def test_a_sweep_of_a_few_seconds_is_silent(clock, capsys):
    assert print_all_lines(clock, progress.PIPED_SECONDS, seconds=8, n_jobs=100, capsys=capsys) == []


def test_lines_that_were_asked_for_end_with_the_total(clock, capsys):
    lines = print_all_lines(clock, progress.LINE_SECONDS, seconds=1, n_jobs=2, capsys=capsys)
    assert lines == ["2 of 2 jobs run, best so far 0.5000 (job 0)"]


def test_nothing_is_said_where_no_job_is_run(clock, capsys):
    with show_progress(Progress([]), "lines"):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_bar(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr("rich.console.Console", lambda **_: Console(file=shown, force_terminal=True, width=100))
    told = Progress([0, 1], seconds=50)
    with show_progress(told):
        told.add(0, record("winner", 0.75))
        told.add(1, None)
    assert "2/2 best so far 0.7500 (winner)" in re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown.getvalue())


def print_at_once(monkeypatch):
    monkeypatch.setattr(progress, "PIPED_SECONDS", 0.0)
    monkeypatch.setattr(progress, "BAR_SECONDS", 0.001)


def test_a_piped_sweep_says_how_far_it_is(nnsweep, monkeypatch):
    quiet = nnsweep(*GRID, "tracking.experiment=quiet")
    print_at_once(monkeypatch)
    told = nnsweep(*GRID, "tracking.experiment=told")
    assert quiet.err == ""
    assert told.err.splitlines()[-1].startswith("3 of 3 jobs run, best so far 0.")
    assert len(told.out.splitlines()) == len(quiet.out.splitlines())


def test_results_of_earlier_sweeps_are_not_counted_again(nnsweep, monkeypatch):
    nnsweep(*GRID)
    print_at_once(monkeypatch)
    said = nnsweep("seed=range(0,4)", *(word for word in GRID if "seed" not in word))
    assert said.err.splitlines()[-1].startswith("1 of 1 jobs run, best so far 0.")
    assert nnsweep("seed=range(0,4)", *(word for word in GRID if "seed" not in word)).err == ""


class Shell:
    """What a kernel shows of a sweep: outputs by their id, each as it was last."""

    kernel = object()

    def __init__(self):
        self.display_pub, self.outputs, self.n_updates = self, {}, 0

    def publish(self, data, *, transient, update):
        assert update == (transient["display_id"] in self.outputs)
        self.outputs[transient["display_id"]] = data
        self.n_updates += update


@pytest.mark.parametrize("shown", ["bar", "lines"])
def test_a_notebook_has_one_output_that_is_replaced(shown, monkeypatch, capfd):
    shell, told = Shell(), Progress([0, 1])
    monkeypatch.setattr(progress, "_find_kernel", lambda: shell)
    with show_progress(told, shown):
        told.add(0, record("<b>", 0.5))
        told.add(1, record("next", 0.4))
    (output,) = shell.outputs.values()
    assert output["text/plain"] == "2 of 2 jobs run, best so far 0.5000 (<b>)"
    assert '<progress max="2" value="2"' in output["text/html"]
    assert "(&lt;b&gt;)" in output["text/html"]
    assert shell.n_updates
    assert capfd.readouterr() == ("", "")


def test_a_notebook_that_wants_no_progress_has_no_output(monkeypatch):
    shell = Shell()
    monkeypatch.setattr(progress, "_find_kernel", lambda: shell)
    with show_progress(Progress([0]), None):
        pass
    assert not shell.outputs
