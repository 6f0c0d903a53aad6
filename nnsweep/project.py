"""A project of one's own to begin with: configurations, a small table, and a page that says what they are.

It is the same, byte for byte, wherever it is written, and names no place of the machine: its folder can be moved,
copied and put under version control. It appears whole or not at all.
"""

import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

from nnsweep.errors import ConfigError
from nnsweep.files import LONGEST_NAME, is_nameable, remove_left, temporary_folder
from nnsweep.messages import visible

RUN = "nnsweep --config-dir conf -m experiment=first"
"""What runs the project's first grid, inside its folder."""

_ARCH = """\
# arch=mine: a network of your own, to be chosen beside those of nnsweep
name: mine
hidden_layer_sizes: [24, 12]
"""
_DATA = """\
# data=mine: the table that all experiments of this project are on
defaults:
  - table # what else can be set, with its defaults: nnsweep --config-dir conf data=mine --cfg job --package data
  - _self_

path: data/mine.csv # relative to the folder in which nnsweep is called
target: kind # the column with the classes; all other columns are features
"""
_EXPERIMENT = """\
# @package _global_
# experiment=first: which of three architectures? Each is trained with five seeds.
defaults:
  - override /data: mine

trainer:
  epochs: 40

tracking:
  experiment: first # the study's name: nnsweep report first

hydra:
  sweeper:
    params:
      arch: linear,shallow,mine
      seed: range(0,5)
"""
_README = f"""\
# A project with nnsweep

| file | what it is |
| --- | --- |
| `data/mine.csv` | the data: one line an example, with a header; an invented table, to be replaced by yours |
| `conf/data/mine.yaml` | says where the table is and which column has the classes: `data=mine` |
| `conf/arch/mine.yaml` | a network of this project: `arch=mine` |
| `conf/experiment/first.yaml` | a grid with a name: `experiment=first` is three architectures with five seeds each |
| `.gitignore` | keeps what sweeps write out of version control |

Run the grid, see what it has found, and look at the curves:

```sh
{RUN}
nnsweep report first --output report.html
nnsweep ui
```

The same first command again runs nothing twice: finished jobs are known. Add `dry_run=true` to see what a command would
do, and any setting to change it: `{RUN} activation=tanh,relu`.

To go on with data of your own, put your table in the place of `data/mine.csv` and write the name of its column of
classes into `conf/data/mine.yaml`. A new file in `conf/arch/` or `conf/experiment/` is a new choice. Commands are meant
to be given in this folder: runs are kept in its `mlflow.db`, the files of jobs in `multirun/`.
"""
_GITIGNORE = """\
# what sweeps write: the store, the runs' files, the jobs' folders
mlflow.db*
mlartifacts/
multirun/
"""
_KINDS = {  # length and width in mm: means; how often each colour
    "anemone": (21.0, 9.0, {"white": 7, "violet": 3}),
    "bellflower": (27.0, 12.0, {"white": 1, "violet": 9}),
    "crocus": (32.0, 11.0, {"white": 3, "violet": 4, "yellow": 3}),
}
_ROWS_A_KIND = 50


def files() -> dict[str, str]:
    """Give the project's files.

    Returns
    -------
    dict
        Texts by the files' paths, which are relative to the project's folder.
    """
    return {
        "README.md": _README,
        ".gitignore": _GITIGNORE,
        "conf/arch/mine.yaml": _ARCH,
        "conf/data/mine.yaml": _DATA,
        "conf/experiment/first.yaml": _EXPERIMENT,
        "data/mine.csv": "".join(f"{line}\n" for line in _table()),
    }


def _table() -> Iterator[str]:
    """Draw the rows, with nothing but `random.Random.random`, which gives the same numbers for ever."""
    drawn = random.Random(0)
    rows: dict[str, None] = {}  # in order, and each once: an example in two parts would be one that is known already
    for number, kind in enumerate(_KINDS, start=1):
        while len(rows) < number * _ROWS_A_KIND:
            rows[_row(drawn, kind)] = None
    yield "length,width,colour,kind"
    yield from sorted(rows, key=lambda _: drawn.random())


def _row(drawn: random.Random, kind: str) -> str:
    length, width, colours = _KINDS[kind]
    size = _normal(drawn)
    long, wide = length + 3.0 * size, width + 0.8 * size + 1.2 * _normal(drawn)
    ways = [colour for colour, share in colours.items() for _ in range(share)]
    return f"{long:.1f},{wide:.1f},{ways[int(drawn.random() * len(ways))]},{kind}"


def _normal(drawn: random.Random) -> float:
    """Draw a number that is nearly normal, with mean 0 and variance 1: a sum of twelve uniform ones."""
    return sum(drawn.random() for _ in range(12)) - 6.0


def write(folder: Path) -> Path:
    """Write the project.

    Parameters
    ----------
    folder : Path
        Where it shall be: a folder that is not there yet, in one that is, or an empty folder.

    Returns
    -------
    Path
        The folder, absolute.

    Raises
    ------
    ConfigError
        If it cannot be there: the folder has something in it, no store or file can have its name, or nothing may be
        written there. Nothing has been changed then.
    """
    target = folder.absolute()
    _check_name(folder)
    try:
        if os.path.lexists(target):
            _fill(folder, target)
        else:
            _make(folder, target)
    except OSError as error:
        raise _refusal(folder, f"{error.strerror or type(error).__name__}; choose another folder") from error
    return target


def _check_name(folder: Path) -> None:
    """Refuse names that could be made, and be of no use: in a command to be pasted, or in the address of a store."""
    from nnsweep.tracking import sqlite

    name = str(folder.absolute())
    if not is_nameable(folder) or visible(name) != name:
        raise _refusal(folder, "no project can have this name; choose another")
    try:
        sqlite.uri_of(folder.absolute() / "mlflow.db")
    except ConfigError as error:
        raise _refusal(folder, "its path holds `?` or `%` with two digits, which the store's address cannot") from error


def _make(folder: Path, target: Path) -> None:
    """Make a folder: beside its place, under another name, and then put into place."""
    if not target.parent.is_dir():
        raise _refusal(folder, f"there is no folder {folder.parent}; create it first")
    remove_left([target.parent])
    with temporary_folder(target.parent) as workshop:
        draft = workshop / "project"
        _write_files(draft)
        os.rename(draft, target)


def _fill(folder: Path, target: Path) -> None:
    """Fill an empty folder, which stays the one it is: somebody's shell may be in it."""
    if not target.is_dir():
        raise _refusal(folder, "it is there, and no folder; choose another name")
    remove_left([target])
    if inside := sorted(os.listdir(target)):
        raise _refusal(folder, f"it is not empty ({inside[0]} is in it); name a new folder, or an empty one")
    with temporary_folder(target) as workshop:
        draft = workshop / "project"
        _write_files(draft)
        _move(draft, target)


def _move(draft: Path, target: Path) -> None:
    """Move what is in a folder to another one; all of it, or nothing."""
    moved = []
    try:
        for name in sorted(os.listdir(draft)):
            os.rename(draft / name, target / name)
            moved.append(name)
    except BaseException:
        with contextlib.suppress(OSError):
            for name in moved:
                os.rename(target / name, draft / name)
        raise


def _write_files(draft: Path) -> None:
    for name, text in files().items():
        path = draft / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def _refusal(folder: Path, cause: str) -> ConfigError:
    name = visible(str(folder))
    return ConfigError(f"cannot make a project in {name if len(name) <= LONGEST_NAME else name[:200] + '...'}: {cause}")
