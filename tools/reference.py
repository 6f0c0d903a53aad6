"""Write the pages of the reference that are made of the code: settings, commands, measures, and what Python can import.

`tools/site.py` calls `write_reference` when it puts the pages of the site together; no generated text is in the
repository.
"""

import ast
import math
import re
from collections.abc import Callable, Iterable, Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click
import yaml

from nnsweep.cli.commands import SECTIONS, commands
from nnsweep.cli.completion import OPTIONS
from nnsweep.jobs.conf_tree import PRESETS, conf_dir, list_groups, read_chosen, read_heading, read_remarks
from nnsweep.jobs.groups import GROUPS, list_names
from nnsweep.jobs.settings import SettingEntry, join_alternatives, list_all_settings
from nnsweep.mlp.arrays import Task
from nnsweep.mlp.measures import DEFAULT_MEASURES, MEASURES, OF_MEDIANS, SELECTED, list_measures
from nnsweep.mlp.predictions import Measure

ROOT = Path(__file__).resolve().parents[1]
CONF = Path(conf_dir())
PLAIN = {"": "A sweep's jobs", "tracking": "`tracking`", "sweep": "`sweep`", "hydra": "`hydra`"}
"""The headings of the settings that belong to no choice, by their group."""
SUBJECTS = {
    "Sweeps and their runs": ("api.sweep", "api.load", "api.confirm"),
    "Reports": ("api.report", "results.labels"),
    "Statistics": ("results.statistics.best_set", "results.statistics"),
    "Pictures": ("results.plots", "api.boundaries"),
    "Networks and searches for scikit-learn": ("estimator",),
}
"""The headings of the page on Python, with the modules whose names are below them."""
TASKS: dict[Task, str] = {"classification": "Classes", "multilabel": "Several labels", "regression": "Numbers"}
REFERENCES = {
    "???": "none, it must be given",
    "${nnsweep_cores:}": "the number of physical cores",
    "multirun/${nnsweep_sweep:}": "the time, as in `multirun/20261201-120213-ad0a`",
    "${hydra.job.num}": "the job's number",
}
"""How defaults are told that are computed."""
_CODE = re.compile(
    r"`[^`]*`|pip install '[^']*'|\b[\w./]+=(?:\[+[^\]]*\]+|[\w./:,-]*\w)|\[+[^\]]*\]+|\{[^}]*\}|\bsqlite:/+[\w.]+"
    r"|(?<![\w-])--?[a-z][\w-]*|\b[A-Z]+(?:_[A-Z]+)+\b|(?<!\w)\.?\b[a-z]\w*(?:\.[a-z]\w+)+\b|\b\w+(?:_\w+)+(?:\.\w+)?\b"
)
"""What is set as code in a plain text: settings, names, lists, options."""


def mark_code(text: str) -> str:
    """Set as code what a reader would type."""
    return _CODE.sub(lambda match: match[0] if match[0].startswith("`") else f"`{match[0]}`", text)


def make_sentence(remark: str) -> str:
    """Make a sentence of a remark; it keeps its small letter if it begins with a value that it explains."""
    is_kept = re.match(r"\w+:|[a-z]\w*[.=_]|nnsweep", remark)
    return mark_code(f"{remark if is_kept else remark[:1].upper() + remark[1:]}{'' if remark[-1:] in '.?' else '.'}")


def read_description(function: Callable[..., Any]) -> str:
    """Read what a docstring says before its sections."""
    return re.split(r"\n\n\w+\n-{3,}\n", cleandoc(function.__doc__ or ""))[0]


def make_anchor(key: str) -> str:
    """Make the anchor of a setting, such as ``trainer-patience`` for ``trainer.patience``."""
    return re.sub(r"\W", "-", key)


def write_default(value: Any) -> str:
    """Write a default as it is typed on the command line."""
    if isinstance(value, str) and value in REFERENCES:
        return REFERENCES[value]
    if isinstance(value, str) and (reference := re.fullmatch(r"\$\{(\w+\.\w+)\}", value)):
        return f"the value of [`{reference[1]}`](#{make_anchor(reference[1])})"
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return "`" + re.sub(r"\n(\.\.\.\n)?$", "", text) + "`"


def write_settings() -> Iterator[str]:
    """Write the page of all settings."""
    entries, chosen, remarks = list_all_settings(), read_chosen([CONF], {}), read_remarks([CONF], {})
    yield "# Settings\n"
    yield (
        "Everything that you can set, on the command line, in a file of your own, or as a keyword of `nnsweep.sweep`: "
        "what it takes, its default, and what it means. A list of values, as in `seed=0,1,2`, makes a grid. In "
        "Python, write `trainer__patience=5`. `nnsweep help trainer.patience` says the same of one setting.\n"
    )
    titles = [f"[`{group}`](#{group})" for group in (*chosen, PRESETS, "tracking", "sweep", "hydra")]
    yield f"{', '.join(titles)}, [a sweep's jobs](#jobs), [launchers](#launchers)\n"
    for group, (usual,) in chosen.items():
        yield f"## `{group}` {{#{group}}}\n"
        yield f"{make_sentence(remarks[f'defaults.{group}'])} The default is `{group}={usual}`.\n"
        yield from write_choices(group, [one for one in entries if one.group == group])
    yield f"## `{PRESETS}` {{#{PRESETS}}}\n"
    yield f"{make_sentence(remarks[f'defaults.{PRESETS}'])} What you set besides it wins.\n"
    for name in list_groups([CONF])[PRESETS]:
        yield from write_heading(PRESETS, name)
        yield f"```yaml\n{(CONF / PRESETS / f'{name}.yaml').read_text(encoding='utf-8')}```\n"
    for group, title in PLAIN.items():
        yield f"## {title} {{#{group or 'jobs'}}}\n"
        yield from (write_entry([one]) for one in entries if one.group == group)
    yield "## Launchers {#launchers}\n"
    yield "How jobs are started, and how many of them at once. The default is `hydra/launcher=stacked`.\n"
    for group in ("hydra/launcher", "hydra/sweeper"):
        yield from write_choices(group, [one for one in entries if one.group == group])


def write_choices(group: str, entries: Iterable[SettingEntry]) -> Iterator[str]:
    """Write a group: the settings that several of its choices have, then each choice with those that it has alone."""
    names, start = list_names(group) if group in GROUPS else list_groups([CONF])[group], f"{group.replace('/', '.')}."
    alike: dict[tuple[str, str, str], list[SettingEntry]] = {}
    for one in sorted(entries, key=lambda one: names.index(one.choice)):
        alike.setdefault((one.key, one.meaning, one.allowed), []).append(one)
    shared = [same for same in alike.values() if len(same) > 1]
    anchored: set[str] = set()
    if shared:
        yield f"### Settings of several choices {{#{make_anchor(group)}-settings}}\n"
    for same in shared:
        yield write_entry(same, len(names), is_first=same[0].key not in anchored)
        anchored.add(same[0].key)
    for name in names:
        yield from write_heading(group, name)
        for one, *others in alike.values():
            if one.choice == name and not others:
                yield write_entry([one], is_first=one.key not in anchored)
                anchored.add(one.key)
        of_some = [same for same in shared if len(same) < len(names)]
        if keys := [same[0].key for same in of_some if name in {one.choice for one in same}]:
            links = [f"[`{key.removeprefix(start)}`](#{make_anchor(key)})" for key in keys]
            yield f"Shared settings: {', '.join(links)}.\n"


def write_heading(group: str, name: str) -> Iterator[str]:
    """Write the heading of a choice, and what its function or its file says of it."""
    function = GROUPS[group].signatures.get(name) if group in GROUPS else None
    heading = read_heading([CONF], group, name)
    yield f"### `{group}={name}` {{#choice-{make_anchor(group)}-{name}}}\n"
    yield f"{read_description(function) if function else make_sentence(heading)}\n"


def write_entry(same: list[SettingEntry], n_choices: int = 0, *, is_first: bool = True) -> str:
    """Write a setting that some choices have in the same way; the first of a key has its anchor."""
    one, defaults = same[0], dict.fromkeys(write_default(one.default) for one in same)
    whose = {text: [f"`{one.choice}`" for one in same if write_default(one.default) == text] for text in defaults}
    most = max(whose, key=lambda text: len(whose[text]))
    usual = most if 2 * len(whose[most]) > len(same) else ""
    told = [usual] if usual else []
    told += [f"{text} ({', '.join(names)})" for text, names in whose.items() if text != usual]
    choices = ", ".join(f"`{one.choice}`" for one in same)
    lines = [
        f"{make_sentence(one.meaning)}<br>",
        *([f"Takes: {one.allowed}.<br>"] if one.allowed else []),
        f"Default: {', '.join(told)}.",
        *([f"<br>Of: {choices}."] if len(same) > 1 and len(same) < n_choices else []),
    ]
    anchors = [make_anchor(one.key)] if is_first else []
    if one.choice and len(same) == 1:
        anchors.append(make_anchor(f"{one.group}.{one.choice}{one.key[len(one.group) :]}"))
    marks = "".join(f'<a id="{anchor}"></a>' for anchor in anchors)
    return f"{marks}`{one.key}`\n:   " + "\n    ".join(lines) + "\n"


def write_commands() -> Iterator[str]:
    """Write the page of all commands, from their help."""
    yield "# Commands\n"
    yield (
        "Without a command, nnsweep runs a sweep: `nnsweep arch=shallow,wide`, or `python -m nnsweep arch=wide,deep`. "
        "What you can set there is on [a page of its own](settings.md). The commands below work with what sweeps have "
        "recorded. `nnsweep help COMMAND` prints the same in a terminal.\n"
    )
    yield "## A sweep {#sweep}\n"
    yield "`nnsweep [OPTIONS] [SETTING=VALUE[,VALUE...]]...`\n"
    yield from (f"`{option}`\n:   {make_sentence(what)}\n" for option, what in OPTIONS.items())
    for section, names in SECTIONS.items():
        yield f"## {section}\n"
        for name in names:
            yield from write_command(name)


def write_command(name: str) -> Iterator[str]:
    """Write what the help of one command says."""
    program = click.Context(commands, info_name="nnsweep", **commands.context_settings)
    command = commands.get_command(program, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=program)
    yield f"### `nnsweep {name}` {{#{name}}}\n"
    yield f"`{' '.join(command.get_usage(context).removeprefix('Usage: ').split())}`\n"
    for paragraph in cleandoc(command.help or "").split("\n\n"):
        example = re.fullmatch(r"(?:For example: )?(nnsweep .*)", paragraph.strip())
        if example:
            yield f"```sh\n{example[1]}\n```\n"
        elif paragraph.startswith("\b"):
            yield f"```text\n{paragraph.removeprefix(chr(8)).strip(chr(10))}\n```\n"
        else:
            yield f"{mark_code(paragraph)}\n"
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            shown, _ = option.get_help_record(context) or ("", "")
            extra = option.get_help_extra(context)
            told = [f"{what.capitalize()}: `{extra[what]}`." for what in ("default", "range") if what in extra]
            yield f"`{shown}`\n:   {' '.join([mark_code(option.help or ''), *told])}\n"


def write_measures() -> Iterator[str]:
    """Write the page of all measures, from their functions."""
    yield "# Measures\n"
    yield (
        f"The {len(MEASURES)} measures that `trainer.measures` takes, by what is learned. Each has the value that the "
        "function in parentheses has in `sklearn.metrics`. Examples count by their weights. `trainer.select=val_NAME` "
        "chooses the best epoch by one of them; `val_cost` is what training lowers.\n"
    )
    yield (
        "A sweep prints the baseline below its table: what the same prediction for every example achieves. It is made "
        "of the training part: the shares of the classes or labels as probabilities, or the mean of the numbers. For "
        f"{join_alternatives(f'`{name}`' for name in OF_MEDIANS)}, it is their median.\n"
    )
    for task, title in TASKS.items():
        usual = ", ".join(f"`{name}`" for name in DEFAULT_MEASURES[task])
        yield f"## {title} {{#{task}}}\n"
        yield f"Measured if you say nothing: {usual}. The best epoch is chosen by `val_{SELECTED[task]}`.\n"
        measures = [MEASURES[name] for name in list_measures(task)]
        yield from (write_measure(measure) for measure in measures if measure.tasks[0] == task)
        if others := [measure.name for measure in measures if measure.tasks[0] != task]:
            yield f"From above: {', '.join(f'[`{name}`](#{name})' for name in others)}.\n"


def write_measure(measure: Measure) -> str:
    """Write one measure: what it is, which values are better, and between what they lie."""
    low, high = (f"{'-' * (bound < 0)}∞" if math.isinf(bound) else f"{bound:g}" for bound in measure.bounds)
    better = "Higher is better" if measure.greater_is_better else "Lower is better"
    about = read_description(measure.evaluate).replace("\n", "\n    ")
    return f'<a id="{measure.name}"></a>`{measure.name}`\n:   {about}\n\n    {better}, from {low} to {high}.\n'


def write_python() -> Iterator[str]:
    """Write the page of all that `import nnsweep` offers; mkdocstrings puts the docstrings in."""
    yield "# Python\n"
    yield (
        "All that `import nnsweep` offers. Each name is imported when you first use it, so that the import itself "
        "takes no time. [The tutorial](../tutorial/index.md) shows the most important ones at work.\n"
    )
    stub = ast.parse((ROOT / "nnsweep" / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    names = [(node.module or "", alias.name) for node in imports for alias in node.names]
    subjects = {
        title: dict.fromkeys(name for begin in begins for name in names if name[0].startswith(begin))
        for title, begins in SUBJECTS.items()
    }
    assert sorted(name for found in subjects.values() for name in found) == sorted(names), "a name without a subject"
    for title, found in subjects.items():
        yield f"## {title}\n"
        for _, name in found:
            options = f"{{heading: nnsweep.{name}, heading_level: 3, inherited_members: true}}"
            yield f"::: nnsweep.{name}\n    options: {options}\n"


WRITERS: dict[str, Callable[[], Iterator[str]]] = {
    "reference/settings.md": write_settings,
    "reference/commands.md": write_commands,
    "reference/measures.md": write_measures,
    "reference/python.md": write_python,
}
"""The pages that are made of the code, by where they lie in the site."""


def write_reference(folder: Path) -> None:
    """Write these pages into the folder that has the site's pages."""
    for path, write in WRITERS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("\n".join(write()), encoding="utf-8")
