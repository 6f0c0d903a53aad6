"""What `nnsweep help` says: the program on one screen, the choices of a group, and what can be set.

Names, defaults and remarks are read off the files of the configuration, the user's own included.
"""

import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
import yaml

from nnsweep.cli.commands import COMMANDS, SECTIONS, commands
from nnsweep.errors import ConfigError
from nnsweep.jobs import conf_tree
from nnsweep.text import find_nearest, printable, shorten

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
    groups = ", ".join(_list_groups(folders))
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
    groups = _list_groups(folders)
    group, _, name = topic.partition("=")
    found = [_explain_command(topic)] if topic in COMMANDS else []
    found += [_explain_group(topic, groups[topic], folders)] if topic in groups else []
    if found:  # init is both
        return "\n\n".join(found)
    if group in groups and name in groups[group]:
        return _list_settings(folders, {group: [name]}, f"{group}.")
    everything = {group: names for group, names in groups.items() if group != conf_tree.PRESETS}
    if topic == ALL:
        lines = _list_settings(folders, conf_tree.read_chosen(folders, {}), "")
        return f"{lines}\n\nThese are the settings of the usual choices. Those of others: nnsweep help schedule=step"
    if "." in topic and (lines := _list_settings(folders, everything, topic)):
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


def _list_groups(folders: Sequence[Path]) -> dict[str, list[str]]:
    return {group: names for group, names in conf_tree.list_groups(folders).items() if "/" not in group}


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
    if usual and (settings := _list_settings(folders, {group: usual}, f"{group}.")):
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


def _list_settings(folders: Sequence[Path], choices: Mapping[str, Sequence[str]], beginning: str) -> str:
    """Write each setting whose name begins so as ``key=default``, with its remark."""
    width, remarks = _measure_width(), conf_tree.read_remarks(folders, choices)
    lines = []
    for key, value in _walk(conf_tree.list_choice_settings(folders, choices)):
        if key.startswith(beginning) and not key.startswith("hydra.") and not key.endswith(".name"):
            entry = f"{key}={_show(value)}"
            remark = textwrap.wrap(remarks.get(key, ""), width - 6)
            lines += [f"  {entry}", *(f"      {line}" for line in remark)]
    return "\n".join(lines)


def _walk(settings: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _walk(value, f"{start}{name}.")
        else:
            yield f"{start}{name}", value


def _show(value: Any) -> str:
    """Write a default as YAML has it, in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return re.sub(r"\n(\.\.\.\n)?$", "", text)


def _measure_width() -> int:
    """Give the number of columns that lines may take: those of the terminal, and never more than 100."""
    return min(shutil.get_terminal_size().columns, 100)
