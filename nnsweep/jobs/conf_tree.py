"""The configuration tree as files: its groups, their choices, and what can be set in each; read as YAML, without Hydra.

Composing a configuration takes longer than a shell may wait for an answer. What is read here is what a person sees who
looks into the folders, and suffices to complete a command line or to look for files that are broken.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

MAIN = "config"
PRESETS = "experiment"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT = re.compile(r"\s*[\w.]+:[^#]*\s#\s*(.+)$")


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
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in folder.rglob("*.yaml"):
            group = path.parent.relative_to(folder).as_posix()
            if group != ".":
                found.setdefault(group, set()).add(path.stem)
    return {group: sorted(found[group]) for group in sorted(found)}


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
    """Read what a choice of a group sets, with what it takes over from other choices of the group.

    Parameters
    ----------
    folders : sequence of Path
        The trees; what the first one has wins.
    group, name : str
        The choice.

    Returns
    -------
    dict
        Its settings; empty if there is no such choice.
    """
    return _with_inherited(folders, group, name, frozenset())


def _with_inherited(folders: Sequence[Path], group: str, name: str, heirs: frozenset[str]) -> dict[str, Any]:
    path = _file(folders, f"{group}/{name}")
    if path is None or name in heirs:
        return {}
    own = read_yaml(path)
    inherited: dict[str, Any] = {}
    for default in _defaults(own):
        if isinstance(default, str) and default != "_self_":
            inherited |= _with_inherited(folders, group, default, heirs | {name})
    return inherited | own


def _file(folders: Iterable[Path], name: str) -> Path | None:
    return next((path for folder in folders if (path := folder / f"{name}.yaml").is_file()), None)


def _defaults(values: dict[str, Any]) -> list[Any]:
    """Take the list of defaults out of a file's settings."""
    defaults = values.pop("defaults", [])
    return defaults if isinstance(defaults, list) else []


def read_chosen(folders: Sequence[Path], asked: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Tell which choice is made of each group: by the main file, a preset, or somebody who asks.

    Parameters
    ----------
    folders : sequence of Path
        The trees; what the first one has wins.
    asked : mapping of str to sequence of str
        The choices that are asked for of some groups, possibly several.

    Returns
    -------
    dict
        Names by group; without Hydra's own groups, and presets.
    """
    presets = [path for name in asked.get(PRESETS, ()) if (path := _file(folders, f"{PRESETS}/{name}"))]
    main = _file(folders, MAIN)
    choices: dict[str, list[str]] = {}
    for file in [*([main] if main else []), *presets]:
        choices |= {group: [name] for group, name in _entries(_defaults(read_yaml(file)))}
    choices |= {group: [*names] for group, names in asked.items()}
    return {group: names for group, names in choices.items() if group != PRESETS and not group.startswith("hydra/")}


def _entries(defaults: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Give group and choice of each entry of a list of defaults that has both."""
    for entry in defaults:
        for group, name in entry.items() if isinstance(entry, dict) else ():
            if isinstance(name, str):
                yield str(group).removeprefix("override ").strip("/ "), name


def list_choice_settings(folders: Sequence[Path], choices: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Give all that can be set: the main file's own settings and, group by group, those of some choices.

    Returns
    -------
    dict
        Nested settings with their values.
    """
    main = _file(folders, MAIN)
    merged = read_yaml(main) if main else {}
    _defaults(merged)
    for group, names in choices.items():
        merged[group] = {key: value for name in names for key, value in read_choice_file(folders, group, name).items()}
    return merged


def read_remarks(folders: Sequence[Path], choices: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Collect what the main file and some choices say of single settings, in the comments behind them.

    Returns
    -------
    dict
        Texts by the settings' full names, such as ``trainer.patience``.
    """
    named = [(MAIN, ""), *((f"{group}/{name}", f"{group}.") for group, names in choices.items() for name in names)]
    found: dict[str, str] = {}
    for name, start in named:
        if path := _file(folders, name):
            found |= {f"{start}{key}": said for key, said in _remarks(path.read_text(encoding="utf-8"))}
    return found


def _remarks(text: str) -> Iterator[tuple[str, str]]:
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        key = re.match(r"(\s*)([\w.]+):", line)
        if key is None:
            continue
        indent = len(key[1])
        above = [(depth, name) for depth, name in above if depth < indent] + [(indent, key[2])]
        if said := _COMMENT.match(line):
            yield ".".join(name for _, name in above), said[1]
