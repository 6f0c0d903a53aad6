"""What `nnsweep help` says: the program on one screen, the choices of a group, and what can be set.

Names, defaults and remarks are read off the files of the configuration, the user's own included.
"""

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from nnsweep.cli.commands import COMMANDS, SECTIONS, commands
from nnsweep.errors import ConfigError
from nnsweep.jobs import conf_tree
from nnsweep.text import find_nearest, printable, shorten

if TYPE_CHECKING:  # the first screen must not wait for pydantic
    from nnsweep.jobs.settings import SettingEntry

EXAMPLES = {
    "nnsweep arch=shallow,wide,deep seed='range(0,5)'": "15 networks, a table",
    "nnsweep report nnsweep --output report.html": "what won, as a page",
    "nnsweep data=table data.path=my.csv data.target=kind": "a table of your own",
}
"""Commands to begin with, and what each of them is."""
ALL = "settings"
"""What one asks for to have everything that can be set."""
_COLUMN = 40
"""Where the second of two columns begins."""


def explain_program(folders: Sequence[Path]) -> str:
    """Say on one screen what the program is, and which commands and groups it has.

    Parameters
    ----------
    folders : sequence of Path
        The trees of the configuration, the user's own first.
    """
    width = _measure_width()
    about = "nnsweep trains many multilayer perceptrons, keeps every run, and says what won."
    examples = "\n".join(f"  {command:<54}{what}" if width >= 80 else command for command, what in EXAMPLES.items())
    groups = ", ".join(conf_tree.list_choice_groups(folders))
    grid = f"A list makes a grid, as in trainer.epochs=10,20. Groups of choices: {groups}."
    own = [f"{group}={name}" for group, names in conf_tree.list_groups(folders[:-1]).items() for name in names]
    more = "nnsweep help COMMAND, help GROUP (help schedule), or help settings says more."
    parts = [about, examples, grid, *([f"Of your own: {', '.join(own)}."] if own else []), _list_commands(width), more]
    return "\n\n".join(part if "\n" in part else textwrap.fill(part, width) for part in parts)


def _list_commands(width: int) -> str:
    blocks = [
        [title, *(f"  {name:<11}{summary}" for name, (_, summary) in section.items())]
        for title, section in SECTIONS.items()
    ]
    if width < 80:
        return "\n".join(line for block in blocks for line in block)
    pairs = [pair for both in zip(blocks[::2], blocks[1::2], strict=True) for pair in zip_longest(*both, fillvalue="")]
    return "\n".join(f"{left:<{_COLUMN}}{right}".rstrip() for left, right in pairs)


def explain_topic(topic: str, folders: Sequence[Path]) -> str:
    """Say what a topic is about.

    Parameters
    ----------
    topic : str
        A command, ``settings``, a group, a choice as in ``schedule=step``, or a setting such as ``trainer.patience``.
    folders : sequence of Path
        The trees of the configuration, the user's own first.

    Raises
    ------
    ConfigError
        If there is no such topic.
    """
    from nnsweep.jobs.settings import list_all_settings

    groups = conf_tree.list_choice_groups(folders)
    group, _, name = topic.partition("=")
    found = [_explain_command(topic)] if topic in COMMANDS else []
    found += [_explain_group(topic, groups[topic], folders)] if topic in groups else []
    if found:  # init is both
        return "\n\n".join(found)
    if group in groups and name in groups[group]:
        heading = textwrap.fill(_summarize_choice(group, name, folders), _measure_width())
        return f"{heading}\n{_list_settings(_find_settings(folders, {group: [name]}))}".rstrip()
    if topic == ALL:
        lines = _list_settings(_find_settings(folders, {"": [""], **conf_tree.read_chosen(folders, {})}))
        return f"{lines}\n\nThese are the settings of the usual choices. Those of others: nnsweep help schedule=step"
    if lines := _list_settings(one for one in list_all_settings(folders[:-1]) if one.key == topic):
        return lines
    nearest = find_nearest(topic, [*COMMANDS, ALL, *groups])
    way_out = f"did you mean {nearest!r}?" if nearest else "nnsweep --help lists what there is"
    raise ConfigError(f"help {shorten(printable(topic))}: there is no such command, group or setting; {way_out}")


def explain_missing(error: click.MissingParameter) -> str:
    """Say which argument of a command is missing, and what it can be; the store of the working folder is asked."""
    assert error.ctx is not None
    assert error.param is not None
    items = error.param.shell_complete(error.ctx, "")
    names = [shorten(printable(item.value)) for item in items if item.type == "plain"][:3]
    known = f", such as {', '.join(names)}" if names else ""
    message = error.format_message().partition(". ")[0].rstrip(".")
    return f"{message}{known}; nnsweep help {error.ctx.info_name} shows an example"


def _explain_command(name: str) -> str:
    program = click.Context(commands, info_name="nnsweep", **commands.context_settings)
    command = commands.get_command(program, name)
    assert command is not None
    return command.get_help(click.Context(command, info_name=name, parent=program))


def _explain_group(group: str, names: Sequence[str], folders: Sequence[Path]) -> str:
    width, start = _measure_width(), max(map(len, names)) + 4
    lines = [
        textwrap.fill(
            f"  {name:<{start - 2}}{_summarize_choice(group, name, folders)}", width, subsequent_indent=start * " "
        )
        for name in names
    ]
    usual = conf_tree.read_chosen(folders, {}).get(group)
    if usual and (settings := _list_settings(_find_settings(folders, {group: usual}))):
        lines += ["", f"Settings of {group}={usual[0]}:", settings]
    other = next((name for name in names if [name] != usual), names[0])
    return "\n".join([*lines, "", f"nnsweep help {group}={other} lists the settings of another."])


def _summarize_choice(group: str, name: str, folders: Sequence[Path]) -> str:
    """Say in a sentence what a choice is: by the comment that its file begins with, else as its function says."""
    from nnsweep.jobs.groups import GROUPS

    if remark := conf_tree.read_heading(folders, group, name):
        return remark
    settings = conf_tree.read_choice_file(folders, group, name)
    maker = GROUPS[group].signatures.get(settings.get("name", name)) if group in GROUPS else None
    if maker is None or not maker.__doc__:
        return ", ".join(f"{key}={_show(value)}" for key, value in settings.items() if key != "name")
    return maker.__doc__.partition("\n")[0].replace("`", "")


def _find_settings(folders: Sequence[Path], choices: Mapping[str, Sequence[str]]) -> "Iterator[SettingEntry]":
    """Find the settings of some choices; ``""`` stands for those of the main file, but for Hydra's own."""
    from nnsweep.jobs.settings import list_all_settings

    for entry in list_all_settings(folders[:-1]):
        if entry.choice in choices.get(entry.group if entry.choice else "", ()) and entry.group != "hydra":
            yield entry


def _list_settings(entries: "Iterable[SettingEntry]") -> str:
    """Write each setting as ``key=default`` with what it takes, and its meaning below; one of several choices once."""
    width, lines = _measure_width(), []
    for entry in {entry.key: entry for entry in entries}.values():
        takes = f"  ({entry.allowed})" if entry.allowed else ""
        lines += textwrap.wrap(
            f"{entry.key}={_show(entry.default)}{takes}", width, initial_indent="  ", subsequent_indent=6 * " "
        )
        lines += textwrap.wrap(entry.meaning, width, initial_indent=6 * " ", subsequent_indent=6 * " ")
    return "\n".join(lines)


def _show(value: Any) -> str:
    """Write a default as YAML has it, in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return re.sub(r"\n(\.\.\.\n)?$", "", text)


def _measure_width() -> int:
    """Give the number of columns that lines may take: those of the terminal, and never more than 100."""
    return min(shutil.get_terminal_size().columns, 100)
