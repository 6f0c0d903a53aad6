"""Every page of the site that somebody has written does what it says, from its first line to its last.

A page is worked through in a folder of its own with an empty store, block by block:

* ``sh``: each line is run. What is given to nnsweep is really done, and must end with exit code 0; of other programs
  only those that `OTHERS` names may be called, and they are not run.
* ``text`` after ``sh``: what the last of these lines has said, compared without numbers, spaces and order; ``...`` at
  the end of a line stands for anything. A block with lines that begin with ``$ `` is a conversation: these are run,
  whatever they end with, and what follows each is compared letter for letter (``...`` stands for anything, within a
  line, too).
* ``python``: run with what earlier blocks have defined.
* A block whose first line is ``# PATH`` or ``<!-- PATH -->`` is written to that file first, whatever its kind.
* Other kinds are left alone: they show what somebody else's program reads.

The front matter of a page says how it is run (all of it may be left out):

    ---
    test:
      prepare: [init mine, data=iris seed=0,1 tracking.experiment=flowers]  # what the page takes for granted
      cheap: trainer.epochs=1  # put into every sweep, in the place of what is there; the default is one epoch
      unrun: [hydra/launcher=ray]  # a line that has any of these words is only read by bash
    ---

RUN and SWEEP in a command stand for the best run of the experiment recorded last and its sweep.
"""

import contextlib
import io
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pages import (
    ENDLESS,
    ROOT,
    Block,
    Said,
    Shell,
    assert_alike,
    assert_shown,
    check_pip,
    is_sweep,
    load_tool,
    need_corpus,
    read_blocks,
    read_options,
    replace_settings,
    run,
)

OTHERS = ("mlflow", "docker", "curl", "ray", "sbatch", "psql", "createdb", "pg_dump", "pg_restore", "createuser", "tar")
OTHERS += ("pdflatex", "openssl", "model_signing")
"""Programs that pages may call besides Python's."""
CHEAP = "trainer.epochs=1 tracking.pictures=false"
ELSEWHERE = {
    "gallery.md": "tests/test_gallery.py",
    "how-to/article.md": "tests/api/test_paper.py",
    "how-to/extend.md": "tests/test_recipes.py",
}
"""Pages that other tests follow."""
PAGES = {str(path.relative_to(ROOT / "docs")): path for path in sorted((ROOT / "docs").rglob("*.md"))}

if not PAGES:
    pytest.skip("this is not a checkout: there are no pages", allow_module_level=True)


class PageRun:
    """A page that is being worked through, with what its blocks have left."""

    def __init__(self, page: Path, folder: Path) -> None:
        told = re.match(r"---\n(.*?)^---$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        wishes = (yaml.safe_load(told[1]) or {}).get("test", {}) if told else {}
        assert wishes.keys() <= {"prepare", "cheap", "unrun"}, page
        self.unrun = wishes.get("unrun", [])
        self.shell = Shell(folder, OTHERS)
        self.cheap = shlex.split(wishes.get("cheap", CHEAP))
        self.names: dict[str, Any] = {"__name__": "__page__"}
        self.said: Said | None = None
        self.experiment = "nnsweep"
        for line in wishes.get("prepare", []):
            self.give(shlex.split(line), code=0)

    def do(self, block: Block) -> None:
        """Do what a block says."""
        if path := re.match(r"(?:# |<!-- )([\w./-]+\.\w+)(?: -->)?\n", block.text):
            target = self.shell.place / path[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text[path.end() :] + "\n", encoding="utf-8")
        elif block.kind == "sh":
            for line in block.text.replace("\\\n", "").splitlines():
                self.said = self.follow(line, code=0)
        elif block.kind == "text" and re.search(r"^\$ ", block.text, re.MULTILINE):
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                line, *shown = part.splitlines()
                if said := self.follow(line, code=None):
                    assert_shown(shown, (said.out + said.err).splitlines())
        elif block.kind == "text":
            if self.said:
                assert_alike(block.text, self.said.out + self.said.err)
        elif block.kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(block.text, "page", "exec"), self.names)
            self.said = Said(0, out.getvalue(), "")

    def follow(self, line: str, code: int | None) -> Said | None:
        """Do what a line of shell says; tell what nnsweep has said if it was called."""
        need_corpus(line)
        said = None
        for folder, program, words in self.shell.list_calls(line):
            if program in ("python", "python3") and words[:2] == ["-m", "nnsweep"]:
                program, words = "nnsweep", words[2:]
            if program == "pip":
                check_pip(words)
            elif program == "nnsweep" and words and words[0] in ENDLESS:
                read_options(words)
            elif program == "nnsweep" and not any(unrun in line for unrun in self.unrun):
                said = self.give(words, code, folder)
        return said

    def give(self, words: list[str], code: int | None, folder: str = ".") -> Said:
        """Give words to nnsweep, a cheaper form of them if they are a sweep's that trains."""
        if is_sweep(words):
            words = words if "dry_run=true" in words else replace_settings(words, self.cheap)
            named = re.findall(r"(?:^| )(?:tracking\.)?experiment=(\S+)", " ".join(words))
            self.experiment = named[-1] if named else "nnsweep"
        for placeholder in {"RUN", "SWEEP"} & {*words}:
            column = {"RUN": "run_id", "SWEEP": "sweep"}[placeholder]
            known = run(["export", self.experiment, "--columns", column], folder).out.split()[1:]
            words = [known[0] if word == placeholder else word for word in words]
        said = run(words, folder)
        assert code is None or said.code == code, f"{shlex.join(words)}: {said}"
        return said


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ELSEWHERE])
def test_a_page_does_what_it_says(name, tmp_path, monkeypatch, ready_store_file):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("sys.argv", ["nnsweep"])
    shutil.copy(ready_store_file, tmp_path / "mlflow.db")
    page = PageRun(PAGES[name], tmp_path)
    for block in read_blocks(PAGES[name]):
        try:
            page.do(block)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"docs/{name}:{block.line}: {error}") from error


def test_every_page_is_in_the_navigation():
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    own = {"contributing.md", "changelog.md"}  # CONTRIBUTING.md and CHANGELOG.md
    assert {*PAGES} | own | load_tool("reference").WRITERS.keys() == {
        name for name in listed if not name.startswith("experiments/")
    }
    assert [name for name in listed if name.startswith("experiments/") and not (ROOT / name).is_file()] == []
