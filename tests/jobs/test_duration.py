"""What a sweep is said to take is about what it takes."""

import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from nnsweep.jobs import duration
from nnsweep.jobs.duration import measure_contention, measure_pace, predict_duration
from tests.outside import begin, ended

FACTOR = 4.0
"""Other programs may begin or end while a sweep runs; the prediction of before missed by a factor of 8."""


def tasks(n, uri="sqlite:///mlflow.db", pictures=None):
    tracking = SimpleNamespace(uri=uri, pictures=pictures)
    return [SimpleNamespace(job=SimpleNamespace(tracking=tracking))] * n


@pytest.fixture
def idle(monkeypatch):
    """Have a machine that is idle and as fast as that of the figures."""
    monkeypatch.setattr(duration, "measure_contention", lambda: 1.0)
    monkeypatch.setattr(duration, "measure_pace", lambda: 1.0)


TRAINED_IN_5 = SimpleNamespace(predict=lambda tasks: 5.0)


@pytest.mark.usefixtures("idle")
def test_recording_table_and_pictures_are_counted():
    def predict(*arguments, **settings):
        return predict_duration(TRAINED_IN_5, tasks(*arguments, **settings))

    assert predict(1) == pytest.approx(5.0 + 0.0021 + 1.4)
    assert predict(1001) == pytest.approx(predict(1) + 2.1)
    assert predict(1, pictures=False) == pytest.approx(predict(1) - 1.0)
    assert predict(100, "http://host:5000") > predict(100) + 3


def test_all_of_it_takes_longer_on_a_slow_and_busy_machine(monkeypatch):
    monkeypatch.setattr(duration, "measure_contention", lambda: 3.0)
    monkeypatch.setattr(duration, "measure_pace", lambda: 2.0)
    assert predict_duration(TRAINED_IN_5, tasks(10)) == pytest.approx(6 * (5.0 + 0.021 + 1.4))


@pytest.mark.parametrize(("told", "contention"), [("100 300 7", 4.0), ("100 0 1", 1.0), ("0 0 0", 1.0), ("", 1.0)])
def test_contention_is_what_linux_tells(tmp_path, monkeypatch, told, contention):
    monkeypatch.setattr(duration, "SCHEDSTAT", tmp_path / "schedstat")
    assert measure_contention() == 1.0
    (tmp_path / "schedstat").write_text(told)
    assert measure_contention() == contention


def test_a_pace_is_measured_in_a_moment():
    began = time.thread_time()
    assert 0.1 < measure_pace() < 50
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize(
    "grid",
    [
        ("arch=shallow", "data=iris", "seed=0,1,2", "trainer.epochs=5"),  # start and end are nearly all of it
        ("arch=shallow,deep", "activation=relu,tanh", "data=digits", "seed=range(0,5)", "trainer.epochs=20"),
    ],
)
def test_a_sweep_takes_about_what_it_said(study: Path, grid: tuple[str, ...]):
    process = begin(study, "-m", *grid)
    assert process.stdout is not None
    while not (told := re.search(r"about (\d+) s$", process.stdout.readline().rstrip())):
        assert process.poll() is None
    began = time.monotonic()
    assert ended(process).code == 0
    assert 1 / FACTOR < float(told[1]) / (time.monotonic() - began) < FACTOR
