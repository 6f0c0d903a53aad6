"""The commands beside the sweep itself. Each is a function in a module that is imported when it is called."""

from importlib import import_module

import click

import nnsweep

COMMANDS = {
    "init": "setup",
    "doctor": "setup",
    "completion": "setup",
    "export": "export",
    "report": "results",
    "compare": "results",
    "confirm": "results",
    "unseal": "unsealing",
    "plot": "results",
    "verify": "export",
    "reproduce": "results",
    "diff": "results",
    "predict": "models",
    "save": "models",
    "register": "models",
    "ensemble": "models",
    "sync": "setup",
    "ui": "setup",
}
"""The commands as `nnsweep --help` lists them, each with the module of its function, ``NAME_command``."""


class _Commands(click.Group):
    """Imports a command when it is wanted: none of them shall pay for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"nnsweep.cli.{COMMANDS[cmd_name]}"), f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(nnsweep.__version__, prog_name="nnsweep")
def commands() -> None:
    """Work with the runs that sweeps have recorded."""


def summarize_commands() -> dict[str, str]:
    """Say in a line what each command does.

    Returns
    -------
    dict
        The first sentence of a command's help, by its name.
    """
    found = {name: commands.get_command(click.Context(commands), name) for name in COMMANDS}
    return {name: command.get_short_help_str(limit=90) for name, command in found.items() if command}
