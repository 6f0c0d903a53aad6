"""``nnsweep report --watch``: a file that follows a sweep while it runs."""

import os
import signal
import time
from pathlib import Path

import pytest

from nnsweep.api import watch
from nnsweep.api.watch import watch_report
from nnsweep.cli.main import main
from nnsweep.errors import ConfigError, StoreError
from tests.outside import begin, begin_python, ended, wait_until

GRID = ("-m", "data=iris", "trainer.epochs=2000", "sweep.workers=1", "tracking.pictures=false", "seed=range(0,4)")
SHORT = ("-m", "data=iris", "trainer.epochs=3", "sweep.workers=1", "tracking.pictures=false", "seed=0,1")
REFRESH = '<meta http-equiv="refresh"'
WATCH = "import sys; from nnsweep.api import watch; from nnsweep.cli.main import main; watch.LOOK_SECONDS = 0.3; "
WATCH += "watch.WORK_SHARE = 1.0; sys.exit(main(sys.argv[1:]))"


def begin_to_watch(folder: Path, output: str):
    return begin_python(folder, "-c", WATCH, "report", "nnsweep", "--output", output, "--watch")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(watch, "WORK_SHARE", 1.0)


@pytest.fixture
def lines():
    return []


class Made:
    """What a report is, for those who only write it."""


@pytest.fixture
def looks(monkeypatch, quick):
    """Let the store show one state after another, and note what is written."""
    written = []
    monkeypatch.setattr(watch, "write_report", lambda found, output, *, reload=0, **_: written.append(reload))

    def show(*states):
        shown = iter(states)

        def look_at(*_):
            state = next(shown)
            if isinstance(state, BaseException):
                raise state
            return state

        monkeypatch.setattr(watch, "_look_at", look_at)
        return written

    return show


def look(n_ended, *, is_active=True):
    return watch._Look(frozenset((str(number), "finished") for number in range(n_ended)), is_active)


def test_a_file_is_written_only_when_more_runs_have_ended(looks, lines):
    written = looks(look(0), look(1), look(1), look(3), look(3, is_active=False))
    watch_report(Made, "study", "page.html", tell=lines.append)
    assert written == [watch.RELOAD_SECONDS, watch.RELOAD_SECONDS, 0]
    assert lines == [
        "waiting for the first run of study to end",
        "page.html: 1 run ended, more to come",
        "page.html: 3 runs ended, more to come",
        "page.html: 3 runs ended, none is running any more",
    ]


def test_a_study_that_has_ended_is_reported_once(looks, lines):
    assert looks(look(2, is_active=False)) == []
    watch_report(Made, "study", "page.md", tell=lines.append)
    assert lines == ["page.md: 2 runs ended, none is running any more"]


def test_a_store_that_is_away_is_waited_for(looks, lines):
    away = StoreError("the store is away")
    written = looks(look(1), away, away, look(2, is_active=False))
    watch_report(Made, "study", "page.html", tell=lines.append)
    assert lines[1:2] == ["waiting: the store is away"]
    assert len(lines) == 3
    assert written[-1] == 0


def test_what_cannot_be_reported_is_told_and_raised_at_the_end(looks, lines):
    def refuse():
        raise ConfigError("unknown metric")

    looks(look(1), look(2), look(2, is_active=False))
    with pytest.raises(ConfigError, match="unknown metric"):
        watch_report(refuse, "study", "page.html", tell=lines.append)
    assert lines == ["waiting: unknown metric"]


def test_an_interruption_leaves_a_page_that_stays_as_it_is(looks, lines):
    written = looks(look(1), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        watch_report(Made, "study", "page.html", tell=lines.append)
    assert written == [watch.RELOAD_SECONDS, 0]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "name it with --output"),
        (("--output", "page.pdf"), "cannot tell the format"),
        (("--output", "page.html", "--uri", "nonsense"), "tracking.uri=nonsense: must be"),
    ],
)
def test_what_no_waiting_mends_is_refused_at_once(nnsweep, options, problem):
    said = nnsweep("report", "study", "--watch", *options)
    assert said.code == 2
    assert problem in said.err


def test_a_wrong_name_is_told_with_those_that_are_there(study: Path):
    def tell(line):
        raise RuntimeError(line)

    assert main([*SHORT, "arch=linear"]) == 0
    with pytest.raises(RuntimeError, match="it has: Default, nnsweep"):
        watch_report(Made, "nnswep", "page.html", tell=tell)


def test_a_report_follows_a_real_sweep(study: Path):
    page = study / "page.html"
    (study / "mlflow.db").unlink()  # neither store nor experiment is there
    watching = begin_to_watch(study, page.name)
    sweep = begin(study, *GRID, "arch=linear,wide")
    wait_until(page.exists, "the first page")
    while sweep.poll() is None:  # a page is whole whenever it is read
        text = page.read_text(encoding="utf-8")
        assert text.startswith("<!DOCTYPE html>")
        assert text.endswith("</html>\n")
        time.sleep(0.05)
    assert ended(sweep).code == 0
    said = ended(watching)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].startswith("waiting")
    assert lines[-1] == "page.html: 8 runs ended, none is running any more"
    assert any(line.endswith(("more to come", "have begun")) for line in lines)
    assert REFRESH not in page.read_text(encoding="utf-8")
    assert "--watch" not in page.read_text(encoding="utf-8")


def test_ctrl_c_ends_the_watch_and_leaves_the_page(study: Path):
    page = study / "page.md"
    sweep = begin(study, *GRID, "arch=linear,wide")
    watching = begin_to_watch(study, page.name)
    wait_until(page.exists, "the first report")
    assert watching.poll() is None
    os.killpg(watching.pid, signal.SIGINT)
    assert ended(watching).code == 130
    assert page.read_text(encoding="utf-8").startswith("# ")
    assert ended(sweep).code == 0


def test_a_page_reloads_itself_only_while_it_is_watched(study: Path, quick):
    assert main([*SHORT, "arch=linear"]) == 0
    from nnsweep.api.report import report, write_report

    found = report("nnsweep")
    for seconds, is_there in ((10, True), (0, False)):
        write_report(found, "page.html", reload=seconds)
        assert (f'{REFRESH} content="10">' in Path("page.html").read_text(encoding="utf-8")) == is_there
