"""Guesses at what was meant: by a word that stands alone, a key without its group, or a file in place of a choice."""

from pathlib import Path, PurePath

from nnsweep.jobs import conf_tree
from nnsweep.text import quote_argument


def explain_word(word: str) -> str | None:
    """Say how a group, a choice, a setting or a table is written; None if a word is none of them.

    Examples
    --------
    >>> explain_word("shallow"), explain_word("epochs")
    ('is a choice; write arch=shallow', 'is a setting; write trainer.epochs=VALUE')
    >>> explain_word("arch"), explain_word("spline")
    ('is a group of choices; write arch=custom, or another of those in nnsweep help arch', None)
    """
    if table := explain_table(word):
        return table
    groups = conf_tree.list_choice_groups([Path(conf_tree.conf_dir())])
    if word in groups:
        return f"is a group of choices; write {word}={groups[word][0]}, or another of those in nnsweep help {word}"
    if choices := [f"{group}={word}" for group, names in groups.items() if word in names]:
        return f"is a choice; write {' or '.join(choices)}"
    keys = [f"{key}=VALUE" for key in find_keys(word)]
    return f"is a setting; write {' or '.join(keys)}" if keys else None


def explain_table(word: str) -> str | None:
    """Say how the table of a file is read; None if a word is not the name of one.

    Examples
    --------
    >>> explain_table("cats.csv"), explain_table("cats")
    ('is a file; a table is read with data=table data.path=cats.csv data.target=COLUMN', None)
    """
    suffixes = {*PurePath(word.lower()).suffixes}
    if not suffixes:
        return None
    from nnsweep.data.reading.read import LAID_OUT, READERS

    if not suffixes & {*READERS, *LAID_OUT}:
        return None
    return f"is a file; a table is read with data=table {quote_argument(f'data.path={word}')} data.target=COLUMN"


def find_keys(name: str) -> list[str]:
    """Find the settings that have a name after their last point.

    Examples
    --------
    >>> find_keys("epochs"), find_keys("trainer.epochs")
    (['trainer.epochs'], ['trainer.epochs'])
    """
    trees = [Path(conf_tree.conf_dir())]
    settings = conf_tree.list_choice_settings(trees, conf_tree.list_choice_groups(trees))
    for group in ("hydra", conf_tree.PRESETS):
        settings.pop(group, None)
    keys = (key for key, _ in conf_tree.walk_settings(settings) if not key.endswith(".name"))
    return [key for key in keys if key == name or key.endswith(f".{name}")]
