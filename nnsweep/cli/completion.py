"""Completion: how the last word of a command line may go on, be it a command, an option or an override.

A script for each shell (`nnsweep/templates/completion`) asks the program at every press of the Tab key. click completes
the commands and their options; the overrides of a sweep, ``key=value``, are completed from the configuration files.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from nnsweep.cli.commands import COMMANDS, SUMMARIES, commands
from nnsweep.cli.help import ALL
from nnsweep.files import expand_home
from nnsweep.jobs import conf_tree

Kind: TypeAlias = Literal["word", "start", "file", "folder"]
"""A ``word`` is whole and ends with a space, a ``start`` goes on; a ``file`` or ``folder`` is the shell's to find."""
LONGEST_REMARK = 50
OPTIONS = {
    "--help": "the commands and groups on one screen",
    "--config-dir": "a folder of your own configurations, which wins",
    "--config-name": "another main configuration",
    "--multirun": "run a grid, as is done anyway",
    "--run": "run one job",
    "--cfg": "show the configuration and stop",
    "--resolve": "with --cfg: work out references to other settings",
    "--package": "with --cfg: show a part of the configuration",
    "--info": "what Hydra has found",
    "--hydra-help": "Hydra's own options",
    "--version": "the program's version",
}
"""The options of a sweep, and what they do."""
_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
_CFG = ("job", "hydra", "all")
OPTION_VALUES: Mapping[str, Sequence[str]] = {"--cfg": _CFG, "-c": _CFG, "--info": _INFO, "-i": _INFO}
"""What options take that take one of a few words."""
_FREE = ("--config-name", "-cn", "--package", "-p")
CONFIG_DIR = ("--config-dir", "-cd")
"""The options that name a folder of one's own configurations."""
VALUES = {
    "rerun": ("all", "failed", "none"),
    "trainer.dtype": ("float32", "float64"),
    "data.missing": ("drop", "mean", "most_frequent"),
    "data.rare": ("refuse", "drop", "other"),
    "data.quote": ("double", "single", "none"),
    "hydra.mode": ("RUN", "MULTIRUN"),
}
"""The values of settings that take one of a few words."""
_AS_GROUP = {"output_activation": "activation"}
_PATHS: Mapping[str, Kind] = {
    "path": "file",
    "test_path": "file",
    "home": "folder",
    "cache": "folder",
    "artifact_root": "folder",
    "dir": "folder",
}
_GRAMMAR = frozenset(" ${}?,'\"")
"""Characters of a value that Hydra or a shell would take for something else."""


class Candidate(NamedTuple):
    """What a word may become.

    Attributes
    ----------
    kind : str
        See `Kind`.
    text : str
        The whole word; for a file or folder, what stands before its name in the word.
    remark : str
        What it means, for shells that show it.
    """

    kind: Kind
    text: str
    remark: str = ""


def complete_command_line(words: Sequence[str]) -> list[Candidate]:
    """Give what the last word may become.

    Parameters
    ----------
    words : sequence of str
        The command line after the program's name, without quotes, up to the cursor; the last one may be empty.

    Returns
    -------
    list of Candidate
        All of which begin with the last word.
    """
    *before, word = words or [""]
    candidates = {one.text: one for one in _list_candidates(before, word)}  # each once
    return [one for one in candidates.values() if one.kind in ("file", "folder") or one.text.startswith(word)]


def _list_candidates(before: Sequence[str], word: str) -> Iterator[Candidate]:
    """Give what a word may become after others; also candidates that do not begin with it."""
    if before and before[0] == "help":
        yield from _complete_topics() if len(before) == 1 else ()
    elif before and before[0] in COMMANDS:
        yield from _complete_with_click(before, word)
    elif before and (before[-1] in OPTION_VALUES or before[-1] in _FREE):
        yield from (Candidate("word", value) for value in OPTION_VALUES.get(before[-1], ()))
    elif before and before[-1] in CONFIG_DIR:
        yield Candidate("folder", "")
    elif word.startswith("--config-dir="):
        yield Candidate("folder", "--config-dir=")
    elif word.startswith("-"):
        yield from (Candidate("word", name, remark) for name, remark in OPTIONS.items())
    else:
        yield from _complete_commands() if not before else ()
        yield from complete_override(before, word)


def _complete_commands() -> Iterator[Candidate]:
    yield from (Candidate("word", name, summary) for name, summary in SUMMARIES.items())


def _complete_topics() -> Iterator[Candidate]:
    """Complete what help can be asked for."""
    yield from _complete_commands()
    yield Candidate("word", ALL, "all settings of the usual choices")
    for group, choices in conf_tree.list_choice_groups([Path(conf_tree.conf_dir())]).items():
        yield Candidate("word", group, shorten_remark(", ".join(choices)))


def _complete_with_click(before: Sequence[str], word: str) -> Iterator[Candidate]:
    """Let click complete a command's options, and what those and the command take."""
    from click.shell_completion import ShellComplete

    kinds: Mapping[str, Kind] = {"plain": "word", "file": "file", "dir": "folder"}
    option, equals, _ = word.partition("=")
    joined = f"{option}=" if equals and option.startswith("--") else ""
    for item in ShellComplete(commands, {}, "nnsweep", "").get_completions([*before], word):
        text = item.value if item.type == "plain" else ""
        yield Candidate(kinds[item.type], joined + text, shorten_remark(item.help or ""))


def complete_override(before: Sequence[str], word: str) -> Iterator[Candidate]:
    """Give what an override may become.

    Parameters
    ----------
    before : sequence of str
        The words before it, which may choose among a group, or name a folder of one's own.
    word : str
        What there is of it.

    Yields
    ------
    Candidate
        Of a setting its name, one part at a time, and then its values; also those that do not begin with the word.
    """
    folders = [*_list_own_folders(before), Path(conf_tree.conf_dir())]
    groups = conf_tree.list_groups(folders)
    groups["hydra/launcher"] = sorted({*groups.get("hydra/launcher", ()), "basic"})
    overrides = (other.lstrip("+~").partition("=") for other in before)
    chosen = {group: names.split(",") for group, _, names in overrides if group in groups and names}
    choices = conf_tree.read_chosen(folders, chosen)
    settings = conf_tree.list_choice_settings(folders, choices)
    key, equals, values = word.partition("=")
    name = key.lstrip("+~")
    if not equals:
        sign = key[: len(key) - len(name)]
        yield from _complete_group(groups, sign, name)
        yield from _complete_setting(settings, sign, name, conf_tree.read_remarks(folders, choices))
    elif name not in groups and (kind := _PATHS.get(name.rpartition(".")[2])):
        yield Candidate(kind, f"{key}=")
    else:
        *others, _ = values.split(",")
        start = "".join([key, "=", *(f"{value}," for value in others)])
        candidates = groups.get(_AS_GROUP.get(name, name)) or VALUES.get(name) or _list_values(settings, name)
        yield from (Candidate("word", start + value) for value in candidates if value not in others)


def _list_own_folders(before: Sequence[str]) -> Iterator[Path]:
    """Give the folders of one's own configurations that a command line names."""
    for option, following in pairwise([*before, ""]):
        name, equals, value = option.partition("=")
        path = value if equals else following
        if name in CONFIG_DIR and path and (folder := Path(expand_home(path))).is_dir():
            yield folder


def _complete_group(groups: Mapping[str, Sequence[str]], sign: str, name: str) -> Iterator[Candidate]:
    """Complete the name of a group of choices; a group in a folder is completed up to its slash first."""
    for group, choices in groups.items():
        above, slash, _ = group.rpartition("/")
        if slash and not name.startswith(f"{above}/"):
            yield Candidate("start", f"{sign}{above}/")
        else:
            yield Candidate("start", f"{sign}{group}=", shorten_remark(", ".join(choices)))


def _complete_setting(
    settings: Mapping[str, Any], sign: str, name: str, remarks: Mapping[str, str]
) -> Iterator[Candidate]:
    """Complete the name of a setting; a group of settings is completed up to its point."""
    path = name.split(".")[:-1]
    level = _look_up(settings, path)
    for part, value in (level if isinstance(level, dict) else {}).items():
        key = ".".join([*path, str(part)])
        if isinstance(value, dict):
            yield from [Candidate("start", f"{sign}{key}.")] if value.keys() - {"name"} else []
        elif part != "name":
            yield Candidate("start", f"{sign}{key}=", shorten_remark(remarks.get(key, "")))


def _list_values(settings: Mapping[str, Any], name: str) -> list[str]:
    """Give the values of a setting that has only two, or its default, to be changed."""
    value = _look_up(settings, name.split("."))
    if isinstance(value, bool):
        return ["true", "false"]
    text = str(value) if isinstance(value, int | float | str) else ""
    return [text] if text and text.isprintable() and not _GRAMMAR & {*text} else []


def _look_up(settings: Mapping[str, Any], path: Sequence[str]) -> Any:
    level: Any = settings
    for part in path:
        level = level.get(part) if isinstance(level, dict) else None
    return level


def shorten_remark(text: str) -> str:
    r"""Make a text fit beside a candidate.

    Examples
    --------
    >>> shorten_remark("two\nlines"), len(shorten_remark(50 * "long "))
    ('two lines', 50)
    """
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REMARK else f"{line[: LONGEST_REMARK - 3]}..."


def read_script(shell: str) -> str:
    """Read the script that makes a shell complete nnsweep."""
    script = resources.files("nnsweep") / "templates" / "completion" / f"nnsweep.{shell}"
    return script.read_text(encoding="utf-8")


def answer_shell(shell: str, words: Sequence[str]) -> str:
    """Answer a shell that asks for candidates.

    Parameters
    ----------
    shell : str
        Which one.
    words : sequence of str
        The words after the program's name, up to the cursor; of bash the whole line up to there, and the characters
        that separate words for it.

    Returns
    -------
    str
        A line for each candidate, its kind, itself and its remark, with tabs between them; empty if there is nothing
        to say, or anything is wrong.
    """
    try:
        if shell != "bash":
            candidates = complete_command_line(words)
        else:
            line, breaks = (*words, "")[:2]
            (_, *typed), quote = read_words(line)
            candidates = _fit_bash(complete_command_line(typed), typed[-1] if typed else "", "" if quote else breaks)
    except Exception:  # a message would be in the middle of what the user types
        return ""
    plain = [one for one in candidates if "".join(one).isprintable()]
    return "".join(f"{kind}\t{text}\t{remark}\n" for kind, text, remark in plain)


def _fit_bash(candidates: Sequence[Candidate], word: str, breaks: str) -> list[Candidate]:
    """Cut from candidates what bash takes for other words: it splits a word at ``=`` and ``:``, but not in quotes.

    A file's or folder's text becomes the beginning of its name.
    """
    cut = max((word.rfind(mark) for mark in breaks if not mark.isspace()), default=-1) + 1
    return [
        one._replace(text=word[len(one.text) :] if one.kind in ("file", "folder") else one.text[cut:])
        for one in candidates
    ]


def read_words(line: str) -> tuple[list[str], str]:
    """Split the beginning of a command line into words, as bash does.

    Parameters
    ----------
    line : str
        As typed, up to the cursor.

    Returns
    -------
    words : list of str
        Without their quotes; the last one is empty if a new one begins.
    quote : str
        The quotation mark that is still open; empty if none is.

    Examples
    --------
    >>> read_words("nnsweep 'arch.depth=range(1,6)' act")
    (['nnsweep', 'arch.depth=range(1,6)', 'act'], '')
    >>> read_words('nnsweep "arch=')
    (['nnsweep', 'arch='], '"')
    >>> read_words("nnsweep ")
    (['nnsweep', ''], '')
    """
    for quote in ("", "'", '"'):
        try:
            words = shlex.split(line + quote)
        except ValueError:
            continue
        begins_anew = not quote and line[-1:].isspace() and not line.endswith("\\ ")
        return ([*words, ""] if begins_anew else words), quote
    return ["", ""], ""
