import contextlib
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pytest

from nnsweep import streams
from nnsweep.cli.main import main
from tests.outside import rows

LOSING = ["optimizer.learning_rate=0.1,1e300", "activation=identity", "trainer.dtype=float64"]  # one of two diverges
TABLE = ["data=table", "data.path=table.csv", "data.target=label", "trainer.epochs=1", "tracking.pictures=false"]
QUICK = ["data=iris", "arch=shallow", "trainer.epochs=3", "tracking.pictures=false"]


class Ended(NamedTuple):
    code: int
    read: str  # by the pipe's reader
    err: str


def ended(folder: Path, arguments: list[str], way: str, **environment: str) -> Ended:
    """Run the program with its output going some way, and give its own exit code, not the reader's."""
    program = shlex.join([sys.executable, "-m", "nnsweep", *arguments])
    script = f"{program} {way}; code=${{PIPESTATUS[0]}}; exit $code"
    path = os.pathsep.join(filter(None, sys.path))
    said = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        timeout=240,
        check=False,
    )
    return Ended(said.returncode, said.stdout.decode(errors="replace"), said.stderr.decode(errors="replace"))


WAYS = [("| true", 2), ("2>&1 | head -n 1", 1), (">&- 2>&- <&-", 2), (">/dev/full", 1)]


@pytest.mark.parametrize(("way", "n_workers"), WAYS)
def test_a_sweep_ends_as_it_would_with_a_reader(way, n_workers, study):
    said = ended(study, [*QUICK, *LOSING, f"sweep.workers={n_workers}"], way)
    assert said.code == 3
    assert rows(study / "mlflow.db", "SELECT status, count(*) FROM runs GROUP BY status ORDER BY status") == [
        ("FAILED", 2),  # the job that diverged, and the sweep's own run
        ("FINISHED", 1),
    ]
    assert "Traceback" not in said.err
    assert ("No space left" in said.err) == ("full" in way)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with two finished runs of a table whose labels few encodings have."""
    folder = tmp_path_factory.mktemp("swept")
    table = ["a,b,label", *(f"{row % 7},{row * 3 % 11},{'Größe ±' if row % 2 else '日本'}" for row in range(60))]
    (folder / "table.csv").write_text("\n".join(table), encoding="utf-8")
    with contextlib.chdir(folder):
        assert main([*TABLE, "arch=linear", "seed=0,1", "tracking.experiment='Süß'"]) == 0
    return folder


COMMANDS = [
    ("export Süß | true", 0, ""),
    ("export Süß >&-", 0, ""),
    ("export Süß >/dev/full", 5, "standard output: No space left on device"),
]


@pytest.mark.parametrize(("command", "code", "told"), COMMANDS)
def test_a_command_fails_only_if_a_disk_has_no_room(command, code, told, swept):
    *arguments, way = command.split(maxsplit=2)
    said = ended(swept, arguments, way)
    assert said.code == code
    assert told in said.err
    assert said.err.count("\n") == (code != 0)


ASCII = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
SHOWN = [
    (["report", "Süß"], 0, r"S\xfc\xdf"),
    (["predict", "table-linear-relu-cosine-s0", "table.csv"], 0, "日本"),  # what is no terminal may be a file
    (["data=table", "data.path='Größe.csv'"], 4, r"Gr\xf6\xdfe.csv"),
    ([*TABLE, "arch=linear,shallow", "tracking.experiment='日本'"], 0, r"\u65e5\u672c 30"),
]


@pytest.mark.parametrize(("arguments", "code", "shown"), SHOWN)
def test_what_cannot_be_shown_is_escaped(arguments, code, shown, swept):
    said = ended(swept, arguments, "2>&1", **ASCII)
    assert said.code == code
    assert shown in said.read
    assert "Traceback" not in said.read


@contextlib.contextmanager
def printing_to_a_pipe() -> Iterator[tuple[BinaryIO, io.TextIOWrapper]]:
    """Give the reading end of a pipe, and the writing end as Python makes standard output of it."""
    reading, writing = os.pipe()
    with (
        open(reading, "rb", buffering=0) as reader,
        open(writing, "w", encoding="latin-1", newline="\n") as stream,
        contextlib.redirect_stdout(stream),
    ):
        yield reader, stream


def test_printing_goes_on_after_the_reader_has_gone():
    with printing_to_a_pipe() as (reader, stream):
        with streams.keep_printing() as loss:
            print("read", flush=True)
            assert reader.read(100) == b"read\n"
            reader.close()
            for _ in range(3):
                print("unread", flush=True)
            assert loss.error() is None
        assert sys.stdout is stream


def test_a_pipe_that_must_not_wait_is_waited_for():
    size = 1_024_000  # a pipe holds 65,536
    with printing_to_a_pipe() as (reader, stream), ThreadPoolExecutor() as pool:
        os.set_blocking(stream.fileno(), False)
        with streams.keep_printing() as loss:
            read = pool.submit(lambda: sum(len(reader.read(1024)) for _ in range(size // 1024)))
            sys.stdout.write("x" * size)
            assert loss.error() is None
        assert read.result(30) == size


@pytest.mark.parametrize(
    ("errors", "shown"),
    [
        ("strict", "Größe \\u65e5 ±\\udcff\n"),
        ("surrogateescape", "Größe \\u65e5 ±\\udcff\n"),
        ("replace", "Größe ? ±?\n"),
    ],
)
def test_what_an_encoding_lacks_is_escaped_unless_wished(errors, shown):
    with printing_to_a_pipe() as (reader, stream):
        stream.reconfigure(errors=errors)
        with streams.keep_printing():
            print("Größe 日 ±\udcff")
        assert reader.read(100).decode("latin-1") == shown


def test_a_notebooks_stream_is_left_alone():
    with contextlib.redirect_stdout(io.StringIO()) as stream, streams.keep_printing() as loss:
        print("日本")
        assert loss.error() is None
    assert stream.getvalue() == "日本\n"


PYTHONS = """
import sys, nnsweep
runs = nnsweep.sweep(data="iris", arch="linear", trainer__epochs=1, tracking__pictures=False, progress=True)
sys.exit(0 if list(runs["state"]) == ["finished"] else 1)
"""


def test_a_sweep_from_python_needs_no_reader(study):
    script = f"{shlex.join([sys.executable, '-c', PYTHONS])} 2>&1 | true; exit ${{PIPESTATUS[0]}}"
    path = os.pathsep.join(filter(None, sys.path))
    said = subprocess.run(["bash", "-c", script], cwd=study, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert said.returncode == 0
