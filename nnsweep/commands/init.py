"""``nnsweep init``: a small project of one's own."""

import os
import shutil
import sys
from pathlib import Path

import click

from nnsweep.commands.options import folders, path, say
from nnsweep.text import quote_argument


@click.command()
@click.argument("folder", type=path, shell_complete=folders)
def init(folder: Path) -> None:
    """Write a small project of your own into FOLDER: it runs at once.

    The project has configurations of its own, a table of data to be replaced by yours, and a README that says what each
    file is. FOLDER must be new or empty.

    For example: nnsweep init flowers
    """
    from nnsweep.project import RUN, files, write

    write(folder)
    say(f"{folder}: {', '.join(files())}")
    inside = os.path.samefile(folder, os.curdir)
    enter = "" if inside else f"cd {quote_argument(_not_an_option(str(folder)))} && "
    print()
    say("Run its first grid:")
    say(f"  {enter}{_program()}{RUN.removeprefix('nnsweep')}")


def _not_an_option(path: str) -> str:
    return f"./{path}" if path.startswith("-") else path


def _program() -> str:
    """Name this program as a shell finds it: by its name, if the one that is found is this one."""
    found = shutil.which("nnsweep")
    if found and Path(found).absolute().parent == Path(sys.executable).absolute().parent:
        return "nnsweep"
    return f"{quote_argument(sys.executable)} -m nnsweep"
