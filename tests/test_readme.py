"""What README and docstrings promise is done here: every command, every line of Python, every output shown.

A block that no rule covers fails, so that nothing untested can be added; to add one, extend `ADDED` or `SHOWN`. Shell
lines are run by bash, with programs that note how they are called; what they were called with is then given to the
program itself, in the order of the page and in one working folder. Python is run in an empty one.
"""

import ast
import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

import nnsweep
from nnsweep import errors
from nnsweep.cli.commands import COMMANDS, commands
from nnsweep.cli.main import main
from nnsweep.jobs import conf_tree
from nnsweep.jobs.groups import GROUPS, table_row

ROOT = Path(nnsweep.__file__).parents[1]
PAGE = ROOT / "README.md"

if not PAGE.is_file():
    pytest.skip("this is not a checkout: there is no README.md", allow_module_level=True)

QUICK = ("trainer.epochs=1", "tracking.pictures=false")
PLAN = ("dry_run=true",)
ADDED = {  # how a sweep's words begin: what is added to make it cheap; a key that is there already is replaced
    "-m arch=shallow,wide,deep": QUICK,
    "activation=tanh,relu,gelu": (*QUICK, "data=iris", "seed=0,1"),
    "arch=custom arch.hidden_layer_sizes": (*QUICK, "data=iris"),
    "data=newsgroups": PLAN,
    "loss=cross_entropy": QUICK,
    "arch.depth=range(1,6)": (*PLAN, "data=iris"),
    "activation=rel,tanh": (),
    "data=table": QUICK,
    "plot depth_width": ("--format", "svg"),
    "confirm depth_width": ("--seeds", "2"),
}
NOT_RUN = ("ui",)
"""Commands that do not end: only their options are read."""
SHOWN = {  # a text block without commands, by its first word: the words whose output it shows
    "best_": "-m arch=shallow,wide,deep",
}
PREPARED = [  # folders and studies that the page speaks of as there
    ["init", "mine"],
    ["data=table", "data.path=mine/data/mine.csv", "data.target=kind", "tracking.experiment=mine", *QUICK],
    ["experiment=depth_width", "sweep.grids=[]", "arch.depth=1,2", "arch.width=4,8", "seed=0,1", *QUICK],
    ["arch=uniform", "arch.depth=1,2", "arch.width=4", "seed=0,1", "tracking.experiment=depth_width_2", *QUICK],
    [
        "arch=uniform",
        "arch.depth=1,2",
        "arch.width=4",
        "trainer.sealed_test=true",
        "tracking.experiment=sealed",
        *QUICK,
    ],
]
CORPUS = ("data=newsgroups", "experiment=notebook")
"""Words that need the 20 newsgroups."""


class Block(NamedTuple):
    """A fenced block: its language, and its text with the number of the first line."""

    kind: str
    line: int
    text: str


def blocks() -> list[Block]:
    found, lines = [], PAGE.read_text().splitlines()
    fences = [number for number, line in enumerate(lines) if line.startswith("```")]
    for first, last in zip(fences[::2], fences[1::2], strict=True):
        found.append(Block(lines[first][3:], first + 2, "\n".join(lines[first + 1 : last])))
    return found


BLOCKS = blocks()
LINES = [(f"{block.line + n}: {line[:50]}", line) for block in BLOCKS if block.kind == "sh"
         for n, line in enumerate(block.text.splitlines())]  # fmt: skip


def test_every_block_is_of_a_kind_that_is_tested():
    assert {block.kind for block in BLOCKS} <= {"sh", "python", "text"}
    assert LINES
    for block in BLOCKS:
        if block.kind == "text":
            assert "\n$ " in f"\n{block.text}" or block.text.split()[0] in SHOWN, block


# ---- the working folder, and how commands are run in it


@pytest.fixture(scope="module")
def study(tmp_path_factory, ready_store_file: Path) -> Iterator[Path]:
    """Work in a folder with a store that has what the page takes for granted."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copy(ready_store_file, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr("sys.argv", ["nnsweep"])
        for words in PREPARED:
            said = run(words)
            assert said.code == 0, said.err
        yield folder


class Said(NamedTuple):
    code: int
    out: str
    err: str


def run(words: list[str]) -> Said:
    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return Said(code, out.buffer.getvalue().decode(), err.getvalue())


_NOTE = '#!/bin/sh\n{{ printf \'%s\\0\' "{name}" "$@"; printf \'\\n\\0\'; }} >> "$NOTES"\n'


def called(line: str, folder: Path) -> list[list[str]]:
    """Let bash run a line; give the programs that it called, each with its words."""
    bins = folder / "programs"
    wanted = {*re.findall(r"[\w./-]+/bin/\w+", line), *(f"{bins}/{name}" for name in ("python", "python3", "nnsweep"))}
    for path in map(folder.joinpath, wanted):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_NOTE.format(name=path.name))
        path.chmod(0o755)
    notes = folder / "notes"
    notes.write_text("")
    environment = {"PATH": f"{bins}{os.pathsep}{os.environ['PATH']}", "NOTES": str(notes)}
    said = subprocess.run(["bash", "-euc", line], cwd=folder, env=environment, capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, ""), line
    return [words.split("\0")[:-1] for words in notes.read_text().split("\n\0")[:-1]]


def cheap(words: list[str]) -> list[str]:
    """Make a command cheap, by the table."""
    line = " ".join(words)
    fits = [added for begins, added in ADDED.items() if line.startswith(begins)]
    if words[0] not in COMMANDS:
        assert len(fits) == 1, f"ADDED has no rule for: {line}"
    added = [*fits[0]] if fits else []
    if words[0] in COMMANDS:
        return words + added
    keys = {word.partition("=")[0] for word in added}
    return [word for word in words if word.partition("=")[0] not in keys] + added


def filled(words: list[str]) -> list[str]:
    """Put names of runs, or of a sweep, where the page says RUN or SWEEP."""
    column = {"RUN": "run_id", "SWEEP": "sweep"}
    for placeholder in column.keys() & {*words}:
        experiment = "mine" if "mine/data/mine.csv" in words else "depth_width"
        known = iter(run(["export", experiment, "--columns", column[placeholder], "--sort", "run_id"]).out.split()[1:])
        words = [next(known) if word == placeholder else word for word in words]
    return words


def checked(program: str, words: list[str]) -> Said | None:
    """Run what a program was called with, if it is nnsweep; check what can be checked of others."""
    if program in ("python", "python3") and words[:2] == ["-m", "nnsweep"]:
        program, words = "nnsweep", words[2:]
    if program == "nnsweep":
        if words[0] in NOT_RUN:
            command = commands.get_command(click.Context(commands), words[0])
            command.make_context(words[0], words[1:])
            return None
        return run(cheap(filled(words)))
    if program == "pip":
        check_pip(words)
        return None
    assert words[:2] in (["-m", "venv"], ["-m", "pytest"]), f"there is no rule for {program} {' '.join(words)}"
    return None


def check_pip(words: list[str]) -> None:
    """See that what pip is asked for is there: files, and optional parts."""
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert words[0] == "install"
    for word in words[1:]:
        path, _, extra = word.partition("[")
        assert word.startswith("-") or (ROOT / path).exists()
        assert not extra or extra.rstrip("]") in optional


def need_corpus(line: str) -> None:
    home = os.environ.get("SCIKIT_LEARN_DATA")
    if any(word in line for word in CORPUS) and not (home and (Path(home) / "20news-bydate_py3.pkz").exists()):
        pytest.skip("the 20-newsgroups corpus is absent: set SCIKIT_LEARN_DATA")


# ---- the blocks


@pytest.mark.parametrize("line", [line for _, line in LINES], ids=[name for name, _ in LINES])
def test_a_shell_line_does_what_it_says(line, study):
    need_corpus(line)
    programs = called(line, study)
    assert programs
    for program, *words in programs:
        said = checked(program, words)
        assert said is None or (said.code, said.err) == (0, ""), line


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.kind == "python"], ids=lambda block: str(block.line)
)
def test_python_runs_in_an_empty_folder(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    text = block.text
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(text, f"README.md:{block.line}", "exec"), {"__name__": "__readme__"})
    assert out.getvalue() or "print" not in text


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.kind == "text"], ids=lambda block: str(block.line)
)
def test_an_output_is_as_it_is_shown(block, study):
    if block.text.startswith("$ "):
        for line, *shown in (part.splitlines() for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]):
            ((program, *words),) = called(line, study)
            said = checked(program, words)
            assert_shown(shown, (said.out + said.err).splitlines())
        return
    words = SHOWN[block.text.split()[0]].split()
    said = run([*cheap(words), "rerun=all"])
    assert said.code == 0, said.err
    assert_alike(block.text, said.out)


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
        assert any(other.startswith(line.removesuffix("...")) for other in found), line
        del wanted[line]
    assert wanted - found == Counter()


def _shape(line: str) -> str:
    plain = " ".join(re.sub("─+", "─", line).split())
    plain = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "SWEEP", plain)
    return re.sub(r"(?<![\w-])\d+(\.\d+)?(?![\w-])", "NUMBER", plain)


# ---- what the page says in passing


def _page() -> str:
    return PAGE.read_text()


def test_the_rows_of_choices_are_those_of_the_registry():
    rows = re.findall(r"^\| `\w+` \|.*$", _page(), re.MULTILINE)
    assert [row for group in GROUPS if (row := table_row(group)) not in rows] == [], "run python tools/readme_rows.py"


@pytest.mark.parametrize("group", ["arch", "experiment", "trainer"])
def test_the_other_rows_name_every_file(group):
    (row,) = re.findall(rf"^\| `{group}` \| (.*) \|$", _page(), re.MULTILINE)
    names = conf_tree.list_groups([Path(conf_tree.conf_dir())])[group]
    assert {word for word in re.findall(r"`([^`]+)`", row) if "." not in word} == {*names}


def test_the_exit_codes_are_those_of_the_errors():
    (told,) = re.findall(r"^Exit codes: (.*?)\.\n", _page(), re.MULTILINE | re.DOTALL)
    signals = {128 + number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    assert {int(code) for code in re.findall(r"\b\d+\b", told)} == {*errors.ExitCode, *signals}


def test_the_settings_that_are_named_are_there():
    tree = Path(conf_tree.conf_dir())
    groups = conf_tree.list_groups([tree])
    settings = conf_tree.list_choice_settings(
        [tree], {name: choices for name, choices in groups.items() if "/" not in name}
    )
    named = re.findall(r"(?<![\w/.-])([a-z]+(?:\.[a-z_]+)+)(?==|`)", _page())
    known = [name.split(".") for name in named if name.split(".")[0] in settings]
    assert len(known) > 10
    for first, *rest in known:
        level = settings[first]
        for part in rest:
            assert part in level, ".".join([first, *rest])
            if part == "columns":  # names of the user's own stand below it
                break
            level = level[part]


def test_the_commands_that_are_named_are_there():
    named = {*re.findall(r"(?:`|bin/)nnsweep ([a-z]+)", _page())}
    assert {"ui", "sync", "report"} <= named <= {*COMMANDS, "help"}


def test_the_files_that_are_linked_are_there():
    prose = re.sub(r"^```.*?^```$", "", _page(), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", prose) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def _docstrings() -> Iterator[tuple[Path, str]]:
    for file in sorted((ROOT / "nnsweep").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (said := ast.get_docstring(node)):
                yield file, said


def test_a_command_in_a_docstring_is_one():
    found = 0
    for file, said in _docstrings():
        assert "```" not in said, f"{file}: a block in a docstring is not tested; write it as a doctest"
        for name in re.findall(
            r"(?:``|`|^\s*\$ |For example: )(?:python -m )?nnsweep ([a-z]+)\b(?!=)", said, re.MULTILINE
        ):
            assert name in (*COMMANDS, "help"), f"{file}: {name}"
            found += 1
    assert found >= len(COMMANDS)
