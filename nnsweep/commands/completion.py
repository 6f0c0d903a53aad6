"""``nnsweep completion``: the Tab key."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.argument("words", nargs=-1, metavar="")
def completion(shell: str, *, words: tuple[str, ...]) -> None:
    """Print a script for SHELL that makes the Tab key complete nnsweep.

    Commands, their options, and for sweeps all groups with their choices and all settings are completed; those of your
    own folder, too, if the command line names it with --config-dir.

    \b
    For this shell alone, or in its startup file for all that follow:
      bash    eval "$(nnsweep completion bash)"      in ~/.bashrc
      zsh     eval "$(nnsweep completion zsh)"       in ~/.zshrc
      fish    nnsweep completion fish | source       in ~/.config/fish/config.fish

    A shell completes a program by its name: write nnsweep, because python -m nnsweep cannot be completed.

    For example: nnsweep completion bash
    """  # noqa: D301
    from nnsweep.completion.shells import answer, script

    print(answer(shell, words) if words else script(shell), end="")
