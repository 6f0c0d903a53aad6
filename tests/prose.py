"""What people read: the words of pages, docstrings, comments of configuration files and help, without code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

from nnsweep.cli.commands import COMMANDS, commands
from tests.pages import ROOT

PAGES = ("*.md", "docs/**/*.md", "experiments/**/README.md")
MODULES = ("nnsweep/**/*.py", "hydra_plugins/**/*.py", "tools/*.py")
_FRONT = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$\n?", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_HIDDEN = re.compile(r"<!--.*?-->|<(style|script|svg).*?</\1>", re.DOTALL)
_EXAMPLE = re.compile(r"^ *(?:>>>|\.\.\. ).*\n(?: *\S.*\n)*", re.MULTILINE)
_TYPE = r"[\w.]+(?: of .*|, optional| or None)?"
_PARAMETER = re.compile(rf"^ *[\w*, ]+ : .*$|^ *-+$|^( *){_TYPE}\n(?=\1    \S)", re.MULTILINE)
_ADDRESS = re.compile(r"(?<=\])\([^)]*\)|https?:\S+|</?\w[^<>]*>|^\[[^\]]*\]:", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*(?:/[A-Za-z-]+)?")


def list_texts() -> Iterator[tuple[str, str]]:
    """Give what there is to read, each with where it stands."""
    for path in (path for pattern in PAGES for path in sorted(ROOT.glob(pattern))):
        yield str(path.relative_to(ROOT)), read_prose(path.read_text(encoding="utf-8"))
    for path in sorted(ROOT.glob("conf/**/*.yaml")):
        comments = re.findall(r"# (.*)", path.read_text(encoding="utf-8"))
        yield str(path.relative_to(ROOT)), read_prose("\n\n".join(comments))
    for path in (path for pattern in MODULES for path in sorted(ROOT.glob(pattern))):
        yield str(path.relative_to(ROOT)), "\n\n".join(list_docstrings(path))
    for name in COMMANDS:
        command = commands.get_command(click.Context(commands), name)
        helps = [command.help, *(getattr(parameter, "help", None) for parameter in command.params)]
        yield f"nnsweep {name} --help", read_prose("\n\n".join(filter(None, helps)))


def list_docstrings(module: Path) -> Iterator[str]:
    """Give the docstrings of a module without their examples and the types of parameters."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (text := ast.get_docstring(node)):
            yield read_prose(_PARAMETER.sub("", _EXAMPLE.sub("\n", text + "\n")))


def read_prose(text: str) -> str:
    """Leave out of a page in Markdown its front matter, blocks of code, code in lines and what is hidden."""
    for pattern in (_FRONT, _FENCE, _HIDDEN):
        text = pattern.sub("", text)
    return _CODE.sub("`", text)


def list_words(text: str) -> Iterator[str]:
    """List the words of prose, without names in mid-sentence and whatever looks like code."""
    is_beginning = True
    for token in _ADDRESS.sub(" ", text).split():
        core = re.sub(r"^[\W_]+|[\W_]+$", "", token).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        if _WORD.fullmatch(core):
            for part in re.split(r"[-/]", core):
                word = re.sub(r"'s?$", "", part)
                if word and (is_beginning or word == word.lower()):
                    yield word.lower() if word.istitle() else word
        is_beginning = token.endswith((".", "!", "?", "|", "*", "#")) or not core
