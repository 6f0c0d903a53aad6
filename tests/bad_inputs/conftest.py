"""What every bad input is held to: the promised exit code, lines that name the culprit, and nothing left behind.

A test module lists its bad inputs in `BAD`; a test that asks for `bad` is run once for each. What today's program
does not hold yet stands in the module's `NOT_YET`, by name and with the reason.
"""

import gc
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

Prepare = Callable[[Path], object]
LONGEST = 10.0
"""Seconds after which no refusal of a single bad input may come, whoever is to blame."""
NOT_INHERITED = ("MLFLOW_TRACKING_URI", "SCIKIT_LEARN_DATA")


class Bad(NamedTuple):
    """A bad input: a command line, what the refusal must say, its exit code, and what lies in the working folder."""

    name: str
    arguments: str | list[str]
    told: str | list[str]
    code: int = 2
    files: Mapping[str, str | bytes | Prepare] | None = None
    seconds: float = 3.0

    @property
    def command_line(self) -> list[str]:
        return [self.arguments] if isinstance(self.arguments, str) else self.arguments

    @property
    def fragments(self) -> list[str]:
        return [self.told] if isinstance(self.told, str) else self.told


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bad" in metafunc.fixturenames:
        inputs = [Bad(*row) for row in metafunc.module.BAD]
        assert len({one.name for one in inputs}) == len(inputs)
        marks = {
            name: pytest.mark.xfail(strict=True, reason=reason)
            for name, reason in getattr(metafunc.module, "NOT_YET", {}).items()
        }
        assert marks.keys() <= {one.name for one in inputs}
        parameters = [pytest.param(one, id=one.name, marks=marks.get(one.name, ())) for one in inputs]
        metafunc.parametrize("bad", parameters)


@pytest.fixture(scope="session", autouse=True)
def _imported() -> Iterator[None]:
    """Import what a refusal may need, so that its time is its own, and do not look through that for garbage again."""
    import sklearn.datasets
    import sklearn.model_selection  # noqa: F401

    from nnsweep.tracking.connection import preload_client

    preload_client()
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def working_folder(outer: Path, store: Path) -> Path:
    """Make a working folder with a ready store, inside a folder that nothing may be written to."""
    folder = outer / "sentinel" / "study"
    folder.mkdir(parents=True)
    (outer / "sentinel" / "not-ours.txt").write_text("to be left alone")
    (folder / "mlflow.db").write_bytes(store.read_bytes())
    return folder


@pytest.fixture
def study(tmp_path: Path, ready_store_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a working folder with a ready store."""
    folder = working_folder(tmp_path, ready_store_file)
    monkeypatch.chdir(folder)
    for name in NOT_INHERITED:
        monkeypatch.delenv(name, raising=False)
    return folder


def snapshot(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """Read everything below a folder: kind and content; without what SQLite keeps beside a store that is open."""
    return {path: _content(path) for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))}


def _content(path: Path) -> tuple[int, bytes]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return mode, os.fsencode(os.readlink(path))
    return mode, path.read_bytes() if stat.S_ISREG(mode) else b""


def prepare(study: Path, bad: Bad) -> None:
    """Put a bad input's files into the working folder."""
    for name, content in (bad.files or {}).items():
        path = study / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def refused(nnsweep, study: Path, tmp_path: Path) -> Callable[[Bad], list[str]]:
    """Give a function that runs the program on a bad input, checks all promises, and returns the lines told."""

    def run(bad: Bad) -> list[str]:
        prepare(study, bad)
        before = snapshot(tmp_path)
        began, work = time.perf_counter(), time.process_time()
        said = nnsweep(*bad.command_line)
        seconds, work = time.perf_counter() - began, time.process_time() - work
        check(bad, said.code, said.out, said.err)
        assert snapshot(tmp_path) == before
        assert work < bad.seconds  # of this process's own, whatever else the machine does
        assert seconds < max(LONGEST, 3 * bad.seconds)
        return said.err.splitlines()

    return run


def check(bad: Bad, code: int, out: str, err: str) -> None:
    """Check what a refused command says."""
    assert (code, out) == (bad.code, ""), err
    assert err
    assert [line for line in err.splitlines() if not line.startswith("nnsweep: error: ")] == []
    for fragment in bad.fragments:
        assert fragment in err


@pytest.fixture
def bad_input() -> type[Bad]:
    """Give the record of a bad input, for tests that make their own."""
    return Bad


@pytest.fixture(scope="module")
def processes(request, tmp_path_factory, ready_store_file: Path) -> dict[str, Callable[[], None]]:
    """Run each of the module's `REAL` in a process of its own, several at once; give by name what checks its end."""
    folders = {Bad(*row).name: tmp_path_factory.mktemp("process") for row in request.module.REAL}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ended = {
            bad.name: pool.submit(_process, bad, folders[bad.name], ready_store_file)
            for bad in (Bad(*row) for row in request.module.REAL)
        }
    return {name: end.result() for name, end in ended.items()}


def _process(bad: Bad, outer: Path, store: Path) -> Callable[[], None]:
    folder = working_folder(outer, store)
    prepare(folder, bad)
    before = snapshot(outer)
    clean = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    command = [sys.executable, "-m", "nnsweep", *bad.command_line]
    said = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=clean, timeout=120)
    after = snapshot(outer)

    def check_end() -> None:
        check(bad, said.returncode, said.stdout, said.stderr)
        assert after == before

    return check_end
