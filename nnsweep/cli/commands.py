"""The commands beside the sweep itself. Each is a function in a module that is imported when it is called."""

from importlib import import_module

import click

import nnsweep

SECTIONS = {
    "Look at results": {
        "report": ("results", "say what won, how surely"),
        "compare": ("results", "compare two studies"),
        "plot": ("results", "draw all pictures"),
        "export": ("export", "write a table to a file"),
        "diff": ("results", "compare two runs"),
        "ui": ("setup", "browse runs and curves"),
    },
    "Make sure": {
        "confirm": ("results", "train the best on new seeds"),
        "unseal": ("unsealing", "open a sealed test set"),
        "verify": ("export", "check a table or a model"),
        "reproduce": ("results", "train a run once more"),
    },
    "Set up": {
        "init": ("setup", "start your own project"),
        "doctor": ("setup", "check that all is well"),
        "completion": ("setup", "let the Tab key complete"),
        "sync": ("setup", "send what the store lacks"),
    },
    "Use networks": {
        "predict": ("models", "predict the rows of a file"),
        "save": ("models", "write a network to a file"),
        "register": ("models", "put the best into MLflow"),
        "ensemble": ("models", "join several into one"),
    },
}
"""The commands as `nnsweep --help` shows them: by name the module of their function ``NAME_command``, and a summary."""

COMMANDS = {name: module for commands in SECTIONS.values() for name, (module, _) in commands.items()}
SUMMARIES = {name: summary for commands in SECTIONS.values() for name, (_, summary) in commands.items()}


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
