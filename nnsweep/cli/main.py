"""The command line: nnsweep's own commands, or Hydra, which composes the jobs of a sweep and runs it.

It answers for messages and exit codes.
"""

import atexit
import gc
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra

from nnsweep import streams
from nnsweep.errors import ConfigError, StoreError, machines
from nnsweep.files import settle_home
from nnsweep.jobs import folders, interrupt
from nnsweep.jobs.arguments import CommandLine, read_command_line
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.environment import keep_store_address
from nnsweep.jobs.guesses import explain_word
from nnsweep.jobs.hydra_job import VERSION_BASE, run_job
from nnsweep.jobs.problems import report_error
from nnsweep.text import find_nearest, warn


def _run_hydra(arguments: Sequence[str]) -> None:
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # exceptions reach `main`, which puts them into one line
    line = read_command_line(arguments)
    if {"-h", "--help"} & {*line.options}:
        _print_help([], line.own)
        return
    # Hydra lets its main folder win over one that is added: the user's is the main one, and ours is added
    sys.argv = ["nnsweep", *line.options, *line.overrides, *(["--config-dir", conf_dir()] if line.own else [])]
    if line.is_sweep and _run_as_sweep(line):
        return
    try:
        hydra.main(config_path=line.own or conf_dir(), config_name="config", **VERSION_BASE)(run_job)()
    finally:
        folders.remove_if_empty()


def _print_help(topics: Sequence[str], own: str) -> None:
    from nnsweep.cli.help import explain_program, explain_topic

    folders = [*([Path(own)] if own else []), Path(conf_dir())]
    print("\n\n".join(explain_topic(topic, folders) for topic in topics) or explain_program(folders))


def _run_as_sweep(line: CommandLine) -> bool:
    """Run a sweep, unless the configuration is one of a single run; tell whether it was run."""
    from nnsweep.jobs.multirun import HydraRequest, compose_sweep

    overrides = [*line.overrides, *(["hydra.mode=MULTIRUN"] if line.options else [])]
    request = HydraRequest(overrides=overrides, conf=conf_dir(), own=line.own, command_line=True)

    def run(sweeper: Any, arguments: list[str]) -> bool:
        sweeper.sweep(arguments)
        return True

    return compose_sweep(request, run_job, run, **VERSION_BASE) is not None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    arguments : sequence of str or None
        The command line without the program's name; None for this process's own.

    Returns
    -------
    int
        0 when every job finished; 1 an error of nnsweep itself; 2 a wrong configuration, 4 unusable data
        (nothing ran); 3 a job failed or diverged; 5 the store cannot be used; 6 what was recorded is not what
        it was compared with; 128 and the signal's number where one ended the program (130 after Ctrl-C).
    """
    if arguments is None:
        _collect_seldom()
    arguments = [*(sys.argv[1:] if arguments is None else arguments)]
    with streams.keep_printing() as loss:
        code = _run_for_exit_code(arguments)
        if lost := loss.error():  # what a command prints is its work; a sweep's is in the store
            from nnsweep.cli.commands import COMMANDS

            if code == 0 and arguments and arguments[0] in COMMANDS:
                return report_error(machines(lost) or StoreError(f"cannot write to standard output: {lost.strerror}"))
            warn(f"not everything could be written to standard output: {lost.strerror}")
        return code


def _collect_seldom() -> None:
    """Collect garbage seldom, and not at the end: what was imported stays, and looking through it takes a while."""
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
    atexit.register(gc.freeze)  # else Python looks through all of it before the process ends


def _run_for_exit_code(arguments: Sequence[str]) -> int:
    try:
        with keep_store_address(), interrupt.obey_signals():
            _run(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt as interrupted:
        return interrupt.make_exit_code(interrupted)
    except Exception as error:
        return report_error(machines(error) or error)
    return 0


def _run(arguments: Sequence[str]) -> None:
    from nnsweep.cli.commands import COMMANDS, commands

    settle_home()
    logging.raiseExceptions = False  # a log that cannot be written is no reason for tracebacks on the terminal
    if arguments and arguments[0] == "help":
        line = read_command_line(arguments[1:])
        _print_help(line.overrides, line.own)
    elif arguments and arguments[0] in ("--version", *COMMANDS):
        import click

        try:
            commands.main([*arguments], prog_name="nnsweep", standalone_mode=False)
        except click.MissingParameter as error:
            from nnsweep.cli.help import explain_missing

            raise ConfigError(explain_missing(error)) from None
        except click.Abort as aborted:  # which click makes of an interruption
            raise aborted.__cause__ or KeyboardInterrupt from None
    elif arguments and arguments[0].isidentifier():
        nearest = find_nearest(arguments[0], COMMANDS)
        way_out = f"did you mean {nearest!r}? " if nearest else ""
        mistake = explain_word(arguments[0]) or f"there is no such command; {way_out}nnsweep --help lists them all"
        raise ConfigError(f"{arguments[0]}: {mistake}")
    else:
        _run_hydra(arguments)
