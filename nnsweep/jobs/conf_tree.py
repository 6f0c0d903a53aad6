"""The configuration tree as files: its groups, their choices, and what can be set in each; read as YAML, without Hydra.

Composing a configuration takes too long for a shell that waits for completions. This module reads what a person would
see in the folders, which is enough to complete a command line or to look for broken files.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

MAIN = "config"
PRESETS = "experiment"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT = re.compile(r"\s*(?:- )?[\w.]+:[^#]*\s#\s*(.+)$")


def conf_dir() -> str:
    """Return the folder of the configuration tree: inside an installed wheel, or beside the package."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / f"{MAIN}.yaml").is_file():
            return str(folder)
    raise FileNotFoundError(f"there is no conf/{MAIN}.yaml in or beside {package}; install nnsweep again")


def list_groups(folders: Iterable[Path]) -> dict[str, list[str]]:
    """List the choices of every group, such as ``arch`` and ``hydra/launcher``.

    Parameters
    ----------
    folders : iterable of Path
        The trees.

    Returns
    -------
    dict
        The names of the choices, sorted, by group.
    """
    choices: dict[str, set[str]] = {}
    for folder in folders:
        for path in folder.rglob("*.yaml"):
            group = path.parent.relative_to(folder).as_posix()
            if group != ".":
                choices.setdefault(group, set()).add(path.stem)
    return {group: sorted(choices[group]) for group in sorted(choices)}


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one file of a tree.

    Raises
    ------
    OSError, ValueError, yaml.YAMLError
        If it cannot be read, or holds something other than settings.
    """
    values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError("it holds no settings")
    return values


def read_choice_file(folders: Sequence[Path], group: str, name: str) -> dict[str, Any]:
    """Read what a choice of a group sets, including what it inherits from other choices of the group.

    Parameters
    ----------
    folders : sequence of Path
        The trees; where several have a file, the first one's is read.
    group, name : str
        The choice.

    Returns
    -------
    dict
        Its settings; empty if there is no such choice.
    """
    return _read_with_inherited(folders, group, name, frozenset())


def _read_with_inherited(folders: Sequence[Path], group: str, name: str, heirs: frozenset[str]) -> dict[str, Any]:
    path = _find_file(folders, f"{group}/{name}")
    if path is None or name in heirs:
        return {}
    own = read_yaml(path)
    inherited: dict[str, Any] = {}
    for default in _pop_defaults(own):
        if isinstance(default, str) and default != "_self_":
            inherited |= _read_with_inherited(folders, group, default, heirs | {name})
    return inherited | own


def list_choice_groups(folders: Iterable[Path]) -> dict[str, list[str]]:
    """List the choices of every group but Hydra's own, such as ``arch``; see `list_groups`."""
    return {group: names for group, names in list_groups(folders).items() if "/" not in group}


def walk_settings(settings: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """Give every setting at any depth, with its full name and its value.

    Examples
    --------
    >>> [*walk_settings({"ray": {"init": {"num_cpus": 2}}, "n_jobs": 1}, "hydra.launcher.")]
    [('hydra.launcher.ray.init.num_cpus', 2), ('hydra.launcher.n_jobs', 1)]
    """
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from walk_settings(value, f"{start}{name}.")
        else:
            yield f"{start}{name}", value


def read_heading(folders: Sequence[Path], group: str, name: str) -> str:
    """Read the comment that the file of a choice begins with; empty if it has none."""
    path = _find_file(folders, f"{group}/{name}")
    lines = path.read_text(encoding="utf-8").splitlines() if path else []
    heading = itertools.takewhile(lambda line: line.startswith("#"), lines)
    return " ".join(line.removeprefix("#").strip() for line in heading if "@package" not in line)


def _find_file(folders: Iterable[Path], name: str) -> Path | None:
    return next((path for folder in folders if (path := folder / f"{name}.yaml").is_file()), None)


def _pop_defaults(values: dict[str, Any]) -> list[Any]:
    """Take the list of defaults out of a file's settings; empty if the file has none."""
    defaults = values.pop("defaults", [])
    return defaults if isinstance(defaults, list) else []


def read_chosen(folders: Sequence[Path], overrides: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Find the choice that is made of each group: by the main file, a preset, or the user.

    Parameters
    ----------
    folders : sequence of Path
        The trees; where several have a file, the first one's is read.
    overrides : mapping of str to sequence of str
        The choices that the user makes, by group; one group may have several.

    Returns
    -------
    dict
        Names by group, without Hydra's own groups and without presets.
    """
    presets = [path for name in overrides.get(PRESETS, ()) if (path := _find_file(folders, f"{PRESETS}/{name}"))]
    main = _find_file(folders, MAIN)
    choices: dict[str, list[str]] = {}
    for file in [*([main] if main else []), *presets]:
        for entry in _pop_defaults(read_yaml(file)):
            for group, name in entry.items() if isinstance(entry, dict) else ():
                if isinstance(name, str):
                    choices[str(group).removeprefix("override ").strip("/ ")] = [name]
    choices |= {group: [*names] for group, names in overrides.items()}
    return {group: names for group, names in choices.items() if group != PRESETS and not group.startswith("hydra/")}


def list_choice_settings(folders: Sequence[Path], choices: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """List all that can be set: the main file's own settings and, by group, those of some choices.

    Returns
    -------
    dict
        Nested settings with their values.
    """
    main = _find_file(folders, MAIN)
    merged = read_yaml(main) if main else {}
    _pop_defaults(merged)
    for group, names in choices.items():
        merged[group] = {key: value for name in names for key, value in read_choice_file(folders, group, name).items()}
    return merged


def read_remarks(folders: Sequence[Path], choices: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Collect the remarks on settings: the comments at the ends of their lines in the main file and some choices.

    Returns
    -------
    dict
        Texts by the settings' full names, such as ``trainer.patience``; those on groups by ``defaults.trainer``.
    """
    named = [(MAIN, ""), *((f"{group}/{name}", f"{group}.") for group, names in choices.items() for name in names)]
    remarks: dict[str, str] = {}
    for name, start in named:
        path = _find_file(folders, name)
        parents: list[tuple[int, str]] = []  # indents and keys of the nodes that a line is in, and of its own
        for line in path.read_text(encoding="utf-8").splitlines() if path else ():
            if key := re.match(r"(\s*(?:- )?)([\w.]+):", line):
                indent = len(key[1])
                parents = [(depth, parent) for depth, parent in parents if depth < indent] + [(indent, key[2])]
                if comment := _COMMENT.match(line):
                    remarks[start + ".".join(parent for _, parent in parents)] = comment[1]
    return remarks
