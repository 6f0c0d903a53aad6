"""Completion: how the last word of a command line may go on, be it a command, an option or an override.

A candidate: one way in which the last word of a command line may go on.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from nnsweep.cli.commands import COMMANDS, commands, summarize_commands
from nnsweep.files import expand_home
from nnsweep.jobs import conf_tree

Kind: TypeAlias = Literal["word", "start", "file", "folder"]
"""A ``word`` is whole and ends with a space, a ``start`` goes on; a ``file`` or ``folder`` is the shell's to find."""
LONGEST_REMARK = 50


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


def remark(text: str) -> str:
    r"""Make a text fit beside a candidate.

    Examples
    --------
    >>> remark("two\nlines"), len(remark(50 * "long "))
    ('two lines', 50)
    """
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REMARK else f"{line[: LONGEST_REMARK - 3]}..."


OWN = ("--config-dir", "-cd")
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
    folders = [*_own_folders(before), Path(conf_tree.conf_dir())]
    groups = conf_tree.list_groups(folders)
    groups["hydra/launcher"] = sorted({*groups.get("hydra/launcher", ()), "basic"})
    choices = conf_tree.read_chosen(folders, _asked(before, groups))
    settings = conf_tree.list_choice_settings(folders, choices)
    key, equals, values = word.partition("=")
    name = key.lstrip("+~")
    if not equals:
        sign = key[: len(key) - len(name)]
        yield from _groups(groups, sign, name)
        yield from _names(settings, sign, name, conf_tree.read_remarks(folders, choices))
    elif name not in groups and (kind := _PATHS.get(name.rpartition(".")[2])):
        yield Candidate(kind, f"{key}=")
    else:
        given = values.split(",")[:-1]
        start = "".join([key, "=", *(f"{value}," for value in given)])
        known = groups.get(_AS_GROUP.get(name, name)) or VALUES.get(name) or _usual(settings, name)
        yield from (Candidate("word", start + value) for value in known if value not in given)


def _own_folders(before: Sequence[str]) -> Iterator[Path]:
    for option, value in pairwise([*before, ""]):
        name, equals, joined = option.partition("=")
        given = joined if equals else value
        if name in OWN and given and (folder := Path(expand_home(given))).is_dir():
            yield folder


def _asked(before: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Read the choices that a command line makes."""
    parted = (word.lstrip("+~").partition("=") for word in before)
    return {key: values.split(",") for key, _, values in parted if key in groups and values}


def _groups(groups: Mapping[str, Sequence[str]], sign: str, name: str) -> Iterator[Candidate]:
    for group, choices in groups.items():
        above, slash, _ = group.rpartition("/")
        if slash and not name.startswith(f"{above}/"):
            yield Candidate("start", f"{sign}{above}/")
        else:
            yield Candidate("start", f"{sign}{group}=", remark(", ".join(choices)))


def _names(settings: Mapping[str, Any], sign: str, name: str, remarks: Mapping[str, str]) -> Iterator[Candidate]:
    """Complete the name of a setting; a group of settings is completed up to its point."""
    path = name.split(".")[:-1]
    level = _found(settings, path)
    for part, value in (level if isinstance(level, dict) else {}).items():
        key = ".".join([*path, str(part)])
        if isinstance(value, dict):
            yield from [Candidate("start", f"{sign}{key}.")] if value.keys() - {"name"} else []
        elif part != "name":
            yield Candidate("start", f"{sign}{key}=", remark(remarks.get(key, "")))


def _found(settings: Mapping[str, Any], path: Sequence[str]) -> Any:
    level: Any = settings
    for part in path:
        level = level.get(part) if isinstance(level, dict) else None
    return level


def _usual(settings: Mapping[str, Any], name: str) -> list[str]:
    """Give the values of a setting that has only two, or the one that it has anyway, to be changed."""
    value = _found(settings, name.split("."))
    if isinstance(value, bool):
        return ["true", "false"]
    text = str(value) if isinstance(value, int | float | str) else ""
    return [text] if text and text.isprintable() and not _GRAMMAR & {*text} else []


OPTIONS = {
    "--help": "all groups and the whole configuration",
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
    found = {one.text: one for one in _all(before, word)}  # each once
    return [one for one in found.values() if one.kind in ("file", "folder") or one.text.startswith(word)]


def _all(before: Sequence[str], word: str) -> Iterator[Candidate]:
    if before and before[0] == "help":
        yield from _complete_names() if len(before) == 1 else ()
    elif before and before[0] in COMMANDS:
        yield from _of_a_command(before, word)
    elif before and (before[-1] in OPTION_VALUES or before[-1] in _FREE):
        yield from (Candidate("word", value) for value in OPTION_VALUES.get(before[-1], ()))
    elif before and before[-1] in OWN:
        yield Candidate("folder", "")
    elif word.startswith("--config-dir="):
        yield Candidate("folder", "--config-dir=")
    elif word.startswith("-"):
        yield from (Candidate("word", name, said) for name, said in OPTIONS.items())
    else:
        yield from _complete_names() if not before else ()
        yield from complete_override(before, word)


def _complete_names() -> Iterator[Candidate]:
    yield from (Candidate("word", name, remark(said)) for name, said in summarize_commands().items())


def _of_a_command(before: Sequence[str], word: str) -> Iterator[Candidate]:
    """Let click complete a command's options, and what those and the command take."""
    from click.shell_completion import ShellComplete

    kinds: Mapping[str, Kind] = {"plain": "word", "file": "file", "dir": "folder"}
    option, equals, _ = word.partition("=")
    joined = f"{option}=" if equals and option.startswith("--") else ""
    for item in ShellComplete(commands, {}, "nnsweep", "").get_completions([*before], word):
        text = item.value if item.type == "plain" else ""
        yield Candidate(kinds[item.type], joined + text, remark(item.help or ""))
