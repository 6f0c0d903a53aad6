"""The gallery has every picture that nnsweep draws, made by a command that draws it from the studies of the page.

That each picture is what the block above it writes is seen to by `python tools/pictures.py`, which makes them.
"""

import re
import shlex
import shutil

import pytest

import nnsweep
from nnsweep.results.plots.boundaries import Landscape
from nnsweep.results.plots.pictures import plan_pictures
from tests.pages import ROOT, Block, load_tool, read_options
from tests.test_pages import PageRun

PAGE = ROOT / "docs" / "gallery.md"


@pytest.fixture
def tool(monkeypatch):
    """Import the script that makes the pictures."""
    pytest.importorskip("nbclient", reason="the extra dev is not installed")
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return load_tool("pictures")


def test_every_kind_of_picture_is_drawn_by_a_command(tool, tmp_path, monkeypatch, ready_store_file):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("sys.argv", ["nnsweep"])
    shutil.copy(ready_store_file, tmp_path / "mlflow.db")
    (tmp_path / "pictures").mkdir()
    page, drawn = PageRun(PAGE, tmp_path), set[tuple[str, str]]()
    for kind, text, _ in tool.read_parts(PAGE):
        for line in text.splitlines() if kind == "sh" else [text] if kind else []:
            if line.startswith("nnsweep report"):  # tested elsewhere
                read_options(shlex.split(line)[1:])
            elif line.startswith("nnsweep plot"):  # that pictures are drawn is tested elsewhere, too
                read_options(words := shlex.split(line)[1:])
                drawn.add((words[1], words[words.index("--only") + 1]))
            else:
                page.do(Block(kind, 0, line))
    possible = {(study, name) for study in {study for study, _ in drawn} for name in list_pictures(study)}
    assert drawn <= possible
    names = {name for _, name in possible}
    assert {name for name in names if not re.search(rf"\b{name}\b", PAGE.read_text(encoding="utf-8"))} == set()


def list_pictures(study: str) -> set[str]:
    """Name what could be drawn of a study."""
    runs = nnsweep.load_results(study)
    histories, evaluations = nnsweep.load_histories(runs), nnsweep.load_evaluations(runs)
    landscape = Landscape(*[None] * len(Landscape._fields)) if study == "moons" else None  # nothing is drawn of it
    return {*plan_pictures(runs, histories, evaluations=evaluations, landscape=landscape)}


def test_every_picture_is_there_and_small(tool):
    files = {path.name: path.stat().st_size for path in tool.PICTURES.iterdir()}
    assert {name for _, _, name in tool.read_parts(PAGE) if name} <= files.keys()
    assert sum(files.values()) < 3_000_000
    assert max(size for name, size in files.items() if name.endswith(".svg")) < 100_000
