"""Pages that are run: the blocks of a Markdown file, and what their commands do.

Shell lines are run by bash, with programs that note how they are called; what nnsweep was called with is then given to
the program itself, in this process and in the working folder.
"""

import contextlib
import importlib.util
import io
import os
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import click
import pytest

import nnsweep
from nnsweep.cli.commands import COMMANDS, commands
from nnsweep.cli.main import main

ROOT = Path(nnsweep.__file__).parents[1]
ENDLESS = ("ui",)
"""Commands that do not end: only their options are read."""
CORPUS = ("data=newsgroups", "experiment=notebook")
"""Words that need the 20 newsgroups."""


def load_tool(name: str) -> ModuleType:
    """Import one of the programs of the folder tools, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


class Block(NamedTuple):
    """A fenced block: its language, the number of its first line, and its text."""

    kind: str
    line: int
    text: str


def read_blocks(page: Path) -> list[Block]:
    """Read the blocks of a page, those within a list or a tab, too."""
    found, first, margin = [], None, ""
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if not line.strip().startswith("```"):
            continue
        if first is None:
            first, margin = number, line[: len(line) - len(line.lstrip())]
            continue
        text = "\n".join(line.removeprefix(margin) for line in lines[first + 1 : number])
        found.append(Block(lines[first].strip().strip("`").split(" ")[0], first + 2, text))
        first = None
    assert first is None, f"{page}: a block does not end"
    return found


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


def run(words: list[str], folder: str | Path = ".") -> Said:
    """Give words to the program, in a folder."""
    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return Said(code, out.buffer.getvalue().decode(), err.getvalue())


_NOTE = '#!/bin/sh\n{{ printf \'%s\\0\' "$PWD" "{name}" "$@"; printf \'\\n\\0\'; }} >> "$NOTES"\n'
PROGRAMS = ("python", "python3", "nnsweep", "pip")


class Call(NamedTuple):
    """A program that a line of shell has called: in which folder, its name, and its words."""

    folder: str
    program: str
    words: list[str]


class Shell:
    """Lets bash run lines, one after the other, as somebody who types them; a folder holds what it needs."""

    def __init__(self, folder: Path, others: tuple[str, ...] = ()) -> None:
        self.folder = self.place = folder
        self.others = others

    def list_calls(self, line: str) -> list[Call]:
        """Run a line; give the programs that it has called."""
        bins, notes, end = (self.folder / name for name in (".programs", ".notes", ".end"))
        names = (*PROGRAMS, *self.others)
        wanted = {*re.findall(r"[\w./-]+/bin/\w+", line), *(f"{bins}/{name}" for name in names)}
        for path in map(self.place.joinpath, wanted):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_NOTE.format(name=path.name))
            path.chmod(0o755)
        notes.write_text("")
        environment = {"PATH": f"{bins}{os.pathsep}{os.environ['PATH']}", "NOTES": str(notes), "HOME": str(self.folder)}
        command = ["bash", "-euc", f"{line}\npwd > {end}"]
        said = subprocess.run(command, cwd=self.place, env=environment, capture_output=True, text=True, check=False)
        assert (said.returncode, said.stderr) == (0, ""), line
        self.place = Path(end.read_text().strip())
        noted = [words.split("\0")[:-1] for words in notes.read_text().split("\n\0")[:-1]]
        return [Call(folder, program, words) for folder, program, *words in noted]


def replace_settings(words: list[str], added: list[str]) -> list[str]:
    """Add settings to a sweep's words; those that have the same keys go."""
    keys = {word.partition("=")[0] for word in added}
    return [word for word in words if word.partition("=")[0] not in keys] + added


def is_sweep(words: list[str]) -> bool:
    """Tell whether words are those of a sweep, not of a command, nor a question about the program."""
    return bool(words) and words[0] not in (*COMMANDS, "help") and not {"--help", "--version", "--cfg"} & {*words}


def read_options(words: list[str]) -> None:
    """See that a command would be understood, without running it."""
    command = commands.get_command(click.Context(commands), words[0])
    assert command is not None, words[0]
    command.make_context(words[0], words[1:])


def check_pip(words: list[str]) -> None:
    """See that what pip is asked for is there: files, and optional parts."""
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert words[0] == "install"
    for word in words[1:]:
        path, _, extra = word.partition("[")
        if word.startswith("-") or path not in (".", "constraints.txt"):
            continue
        assert (ROOT / path).exists()
        assert not extra or {*extra.rstrip("]").split(",")} <= optional.keys()


def need_corpus(line: str) -> None:
    """Skip where a line needs a corpus that is absent."""
    home = os.environ.get("SCIKIT_LEARN_DATA")
    if any(word in line for word in CORPUS) and not (home and (Path(home) / "20news-bydate_py3.pkz").exists()):
        pytest.skip("the 20-newsgroups corpus is absent: set SCIKIT_LEARN_DATA")


def assert_shown(shown: list[str], told: list[str]) -> None:
    """Compare line by line; `...` stands for anything."""
    patterns = [".*".join(map(re.escape, line.split("..."))) for line in shown]
    assert len(told) == len(patterns), told
    for pattern, line in zip(patterns, told, strict=True):
        assert re.fullmatch(pattern, line), line


def assert_alike(shown: str, told: str) -> None:
    """Compare without numbers, spaces and order: the best is first, and which one that is depends on the epochs."""
    wanted, found = Counter(map(_shape, shown.splitlines())), Counter(map(_shape, told.splitlines()))
    cut_off = [line for line in wanted if line.endswith("...")]
    for line in cut_off:
        assert any(other.startswith(line.removesuffix("...")) for other in found), f"{line!r} is not in\n{told}"
        del wanted[line]
    assert wanted - found == Counter(), f"{wanted - found} is not in\n{told}"


def _shape(line: str) -> str:
    plain = " ".join(re.sub("─+", "─", line).split())
    plain = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "SWEEP", plain)
    plain = re.sub(r"\b[0-9a-f]{12}(?:[0-9a-f]{20})?\b", "RUN", plain)
    return re.sub(r"(?<![\w-])-?\d+(\.\d+)?(?![\w-])", "NUMBER", plain)
