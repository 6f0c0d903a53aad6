"""What README and docstrings promise is done here: every command, every line of Python, every output shown.

A block that no rule covers fails, so that nothing untested can be added; to add one, extend `ADDED`. Shell lines are
run in the order of the page and in one working folder, as `tests/pages.py` says. Python is run in an empty one.
"""

import ast
import contextlib
import html
import io
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnsweep import errors
from nnsweep.cli.commands import COMMANDS
from nnsweep.jobs import conf_tree
from nnsweep.jobs.groups import GROUPS, table_row
from tests.pages import (
    ENDLESS,
    ROOT,
    Said,
    Shell,
    assert_alike,
    check_pip,
    read_blocks,
    read_options,
    replace_settings,
    run,
)

PAGE = ROOT / "README.md"

if not PAGE.is_file():
    pytest.skip("this is not a checkout: there is no README.md", allow_module_level=True)

QUICK = ("trainer.epochs=1", "tracking.pictures=false")
PLAN = ("dry_run=true",)
ADDED = {  # how a sweep's words begin: what is added to make it cheap; a key that is there already is replaced
    "-m arch=shallow,wide,deep": QUICK,
    "-m arch=uniform arch.depth=1,2,3,4": (*QUICK, "arch.depth=1,2", "arch.width=4,8", "seed=0,1"),
    "activation=tanh,relu,gelu": (*QUICK, "data=iris", "seed=0,1"),
    "arch.depth=range(1,6)": (*PLAN, "data=iris"),
    "data=table": (*QUICK, "tracking.experiment=mine"),
    "plot sizes": ("--format", "svg"),
    "confirm sizes": ("--seeds", "2"),
}
TERMINAL = ROOT / "docs" / "pictures" / "terminal.svg"
"""What the first sweep says, as a picture."""
LETTER = 12.2
"""How wide a letter is in it."""


BLOCKS = read_blocks(PAGE)
LINES = [(f"{block.line + n}: {line[:50]}", line) for block in BLOCKS if block.kind == "sh"
         for n, line in enumerate(block.text.splitlines())]  # fmt: skip


def test_every_block_is_of_a_kind_that_is_tested():
    assert {block.kind for block in BLOCKS} <= {"sh", "python"}
    assert LINES


# ---- the working folder, and how commands are run in it


@pytest.fixture(scope="module")
def study(tmp_path_factory, ready_store_file: Path) -> Iterator[Path]:
    """Work in a folder with an empty store."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copy(ready_store_file, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr("sys.argv", ["nnsweep"])
        yield folder


def cheap(words: list[str]) -> list[str]:
    """Make a command cheap, by the table."""
    line = " ".join(words)
    fits = [added for begins, added in ADDED.items() if line.startswith(begins)]
    if words[0] not in COMMANDS:
        assert len(fits) == 1, f"ADDED has no rule for: {line}"
    added = [*fits[0]] if fits else []
    if words[0] in COMMANDS:
        return words + added
    return replace_settings(words, added)


def filled(words: list[str]) -> list[str]:
    """Put names of runs, or of a sweep, where the page says RUN or SWEEP."""
    column = {"RUN": "run_id", "SWEEP": "sweep"}
    for placeholder in column.keys() & {*words}:
        known = iter(run(["export", "mine", "--columns", column[placeholder], "--sort", "run_id"]).out.split()[1:])
        words = [next(known) if word == placeholder else word for word in words]
    return words


def checked(program: str, words: list[str]) -> Said | None:
    """Run what a program was called with, if it is nnsweep; check what can be checked of others."""
    if program in ("python", "python3") and words[:2] == ["-m", "nnsweep"]:
        program, words = "nnsweep", words[2:]
    if program == "nnsweep":
        if words[0] in ENDLESS:
            read_options(words)
            return None
        return run(cheap(filled(words)))
    if program == "pip":
        check_pip(words)
        return None
    assert words[:2] in (["-m", "venv"], ["-m", "pytest"]), f"there is no rule for {program} {' '.join(words)}"
    return None


# ---- the blocks


@pytest.mark.parametrize("line", [line for _, line in LINES], ids=[name for name, _ in LINES])
def test_a_shell_line_does_what_it_says(line, study):
    calls = Shell(study).list_calls(line)
    assert calls
    for _, program, words in calls:
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


def test_the_terminal_is_as_it_is_shown(tmp_path, monkeypatch, ready_store_file):
    shutil.copy(ready_store_file, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "92")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("sys.argv", ["nnsweep"])
    lines: dict[str, str] = {}
    pieces = re.findall(
        r'<text class="terminal-r\d" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<\n]*)', TERMINAL.read_text("utf-8")
    )
    for left, height, text in pieces:
        column = round(float(left) / LETTER)
        lines[height] = lines.get(height, "").ljust(column) + html.unescape(text).replace("\xa0", " ")
    command, *shown = filter(str.strip, lines.values())
    assert command.startswith("$ python -m nnsweep ")
    said = run([*command.split()[4:], "trainer.epochs=1"])
    assert said.code == 0, said.err
    # which one is chosen depends on the epochs
    alike = [re.sub(r"(chosen by .*): .*", r"\1: ...", text) for text in ("\n".join(shown), said.out)]
    assert_alike(*alike)


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
    assert {"doctor", "help"} <= named <= {*COMMANDS, "help"}


def test_the_files_that_are_linked_are_there():
    prose = re.sub(r"^```.*?^```$", "", _page(), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"(?<=\]\()[^)#]+|(?<=src=\")[^\"]+", prose) if "://" not in link]
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
