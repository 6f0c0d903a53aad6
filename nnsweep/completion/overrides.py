"""Overrides as they are being typed: groups, their choices and single settings, as the configuration tree has them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from nnsweep.completion.candidate import Candidate, Kind, remark
from nnsweep.files import expand_home
from nnsweep.jobs import conf_tree

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


def candidates(before: Sequence[str], word: str) -> Iterator[Candidate]:
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
