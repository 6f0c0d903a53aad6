import contextlib
import errno
import gc
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import matplotlib as mpl
import pytest
from xdist.scheduler import LoadFileScheduling

from nnsweep.cli.main import main
from nnsweep.data.downloads import CACHE_FILE
from nnsweep.jobs import progress, summary
from tests.outside import Server, serving

mpl.use("Agg")
# the programs that tests start import hundreds of modules of ours: each is compiled once
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# how long an example takes says more of what else the machine does than of the code
hypothesis.settings.register_profile("nnsweep", deadline=None, max_examples=30)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=20)
hypothesis.settings.load_profile("nnsweep")


DRAW = summary.draw_pictures
"""What `study` and `new_study` leave out, and `drawing` brings back."""
ROOMS = ("mlp", "model", "results", "data", "jobs")
DEAR = {"ready_store_file", "kept_server", "compose"}
"""Fixtures that are slow to have."""
LONGEST = [
    *("test_servers.py", "test_power.py", "test_report_page.py", "test_pages.py", "test_resume.py", "test_report.py"),
    *("test_report_exploring.py", "test_ui.py", "test_site.py", "test_sweep.py", "test_own_data.py", "test_confirm.py"),
]
"""Modules that take longest, those that wait beside those that compute: they come first, the rooms' own last."""
SERVED = {
    *("tests/test_servers.py", "tests/test_containers.py", "tests/test_secrets.py", "tests/test_together.py"),
    *("tests/tracking/test_backend.py", "tests/tracking/test_whole_runs.py", "tests/tracking/test_sqlite.py"),
    "tests/tracking/test_revisions.py",
}
"""Modules that share servers or the zygote: one process does them all, so that these are started once."""
FAULTS = "tests/faults/"
"""So do these modules, which have a zygote of their own, and compare with the same undisturbed sweeps."""


class _Scheduling(LoadFileScheduling):
    """Gives each module to one process, all of `SERVED` to one, and all of `FAULTS`."""

    def _split_scope(self, nodeid: str) -> str:
        module = super()._split_scope(nodeid)
        if module in SERVED:
            return "served"
        return FAULTS if module.startswith(FAULTS) else module


def pytest_configure(config: pytest.Config) -> None:
    """Let hypothesis try fewer examples where quick tests are asked for, and garbage be looked for less often."""
    gc.set_threshold(20_000, 20, 50)
    if _is_quick_wanted(config):
        hypothesis.settings.load_profile("quick")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave modules unread that have no quick test, where only those are asked for."""
    parts = collection_path.relative_to(config.rootpath).parts
    return True if _is_quick_wanted(config) and len(parts) > 1 and parts[1] not in ROOMS else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduling:
    """Share the tests among processes by modules."""
    return _Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say which tests are quick; where several processes share the tests, give out the longest modules first."""
    for item in items:
        module = item.path.relative_to(config.rootpath)
        if _is_quick(item, module):
            item.add_marker(pytest.mark.quick)
    if hasattr(config, "workerinput"):
        n_tests = Counter(item.path for item in items)
        ranks = {name: rank for rank, name in enumerate(LONGEST)}

        def place(item: pytest.Item) -> tuple[int, bool, int, str]:
            is_of_room = item.path.relative_to(config.rootpath).parts[1] in ROOMS
            return ranks.get(item.path.name, len(ranks)), is_of_room, -n_tests[item.path], str(item.path)

        items.sort(key=place)


def pytest_collection_finish() -> None:
    """Leave out of the search for garbage what stays until the end: seven thousand tests, and what they import."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a test has printed fit for UTF-8, in which `-n` sends it: some print half a character."""
    report = yield
    report.sections = [(name, _escape_halves(text)) for name, text in report.sections]
    if report.failed and _escape_halves(report.longreprtext) != report.longreprtext:
        report.longrepr = _escape_halves(report.longreprtext)
    return report


def _escape_halves(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _is_quick_wanted(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "quick")


def _is_quick(item: pytest.Item, module: Path) -> bool:
    """Tell whether a test is of a function of a room, or an example there, and needs nothing dear."""
    if item.get_closest_marker("slow") or item.get_closest_marker("soak"):
        return False
    is_of_room = module.parts[1] in ROOMS and module.parts[2:3] != ("plots",) and module.name != "__init__.py"
    return is_of_room and not DEAR & {*getattr(item, "fixturenames", ())}


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep prepared data away from the user's own cache, and the other way round."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNSWEEP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _parsed_once() -> Iterator[None]:
    """Parse equal texts of configuration files once: each program in this process reads all of `conf/`."""
    from omegaconf import OmegaConf

    parse: Callable[[Any], Any] = OmegaConf.load
    known: dict[str, Any] = {}

    def load(file: Any) -> Any:
        if not hasattr(file, "read"):
            return parse(file)
        begin = file.tell()
        text = file.read()
        if text not in known:
            file.seek(begin)
            known[text] = OmegaConf.to_container(parse(file))
        return OmegaConf.create(known[text])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", staticmethod(load))
        yield


@pytest.fixture(scope="session", autouse=True)
def _composed_once() -> Iterator[None]:
    """Compose equal choices once: each sweep in this process does it twice."""
    from tests.composing import composing_once

    with composing_once():
        yield


@pytest.fixture(scope="session")
def ready_store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an MLflow store without any experiment of ours: to be copied, because making one takes seconds."""
    from nnsweep.tracking import sqlite

    database = tmp_path_factory.mktemp("ready") / "mlflow.db"
    sqlite.prepare_database(database)
    return database


@pytest.fixture(scope="session")
def kept_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Have one MLflow server for all tests that need a real one; each has an experiment of its own."""
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def server(kept_server: Server) -> Server:
    """Give that server, running though an earlier test has killed it."""
    if kept_server.process is None:
        kept_server.start()
    return kept_server


@pytest.fixture(scope="session")
def new_study(
    ready_store_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], contextlib.AbstractContextManager[Path]]:
    """Give a function that works in a new folder with a ready store as long as its block lasts; for wider scopes."""

    @contextlib.contextmanager
    def enter(name: str) -> Iterator[Path]:
        folder = tmp_path_factory.mktemp(name)
        shutil.copy(ready_store_file, folder / "mlflow.db")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            patch.setattr(sys, "argv", ["nnsweep"])
            patch.setattr(summary, "draw_pictures", _draw_none)
            yield folder

    return enter


@pytest.fixture(scope="session")
def corpus_home() -> str:
    """Give the folder of the real corpus."""
    home = os.environ.get("SCIKIT_LEARN_DATA")
    if not home or not (Path(home) / CACHE_FILE).exists():
        pytest.skip("the 20-newsgroups corpus is absent: set SCIKIT_LEARN_DATA")
    return home


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def study(tmp_path: Path, ready_store_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty working folder with a ready store."""
    shutil.copy(ready_store_file, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(summary, "draw_pictures", _draw_none)
    monkeypatch.setattr(progress, "PIPED_SECONDS", 3600.0)  # what is on standard error does not depend on the clock
    return tmp_path


def _draw_none(*_: object) -> list[Path]:
    """Stand for the drawing of a sweep's pictures, which takes three times as long as a small sweep."""
    return []


@pytest.fixture
def drawing(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sweeps in `study` draw their pictures, as they do outside of tests."""
    monkeypatch.setattr(summary, "draw_pictures", DRAW)


@pytest.fixture
def nnsweep(study: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Run the program in `study`."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["nnsweep"])
        code = main(arguments)
        return Said(code, *capfd.readouterr())

    return run


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no locks, as on some file systems."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
