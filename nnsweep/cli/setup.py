"""The commands around sweeps: a new project, the doctor, the Tab key, what waits for the store, and the MLflow UI."""

import json
import os
import shutil
import sys
from pathlib import Path

import click

from nnsweep.cli.options import complete_folders, read_path, say, store_option
from nnsweep.errors import ConfigError, DataError, DifferenceError, StoreError
from nnsweep.text import mask_secrets, quote_argument


@click.command("init")
@click.argument("folder", type=read_path, shell_complete=complete_folders)
def init_command(folder: Path) -> None:
    """Write a small project of your own into FOLDER: it runs at once.

    The project has configurations of its own, a table of data to be replaced by yours, and a README that says what each
    file is. FOLDER must be new or empty.

    For example: nnsweep init flowers
    """
    from nnsweep.cli.project import RUN, list_project_files, write_project

    write_project(folder)
    say(f"{folder}: {', '.join(list_project_files())}")
    path = f"./{folder}" if str(folder).startswith("-") else str(folder)  # or cd would take it for an option
    enter = "" if os.path.samefile(folder, os.curdir) else f"cd {quote_argument(path)} && "
    program, found = f"{quote_argument(sys.executable)} -m nnsweep", shutil.which("nnsweep")
    if found and Path(found).absolute().parent == Path(sys.executable).absolute().parent:
        program = "nnsweep"  # the one that a shell finds is this one
    print()
    say("Run its first grid:")
    say(f"  {enter}{program}{RUN.removeprefix('nnsweep')}")


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
@store_option
def doctor_command(*, as_json: bool, uri: str | None) -> None:
    """Check installation, machine, store and data, and say what to do.

    Each line is ok, a warning (sweeps run, if slower or less safely) or a problem. Nothing is made or changed. The exit
    code is 0 if there is no problem, 5 if there is one with the store or its disk, 6 if a run's record does not agree
    with itself, and 2 if there are only others.

    For example: nnsweep doctor --uri sqlite:///mlflow.db
    """
    from nnsweep import __version__
    from nnsweep.cli.doctor import examine
    from nnsweep.results.wording import count

    findings = []
    for finding in examine(uri, Path.cwd()):
        findings.append(finding)
        if not as_json:
            say(finding.in_words())
    problems = [finding for finding in findings if finding.state == "problem"]
    if as_json:
        rows = [{name: value for name, value in one._asdict().items() if name != "error"} for one in findings]
        answer = {"nnsweep": __version__, "n_problems": len(problems), "findings": rows}
        print(mask_secrets(json.dumps(answer, indent=1)))
    if problems:
        kinds = {finding.error for finding in problems}
        kind = next((one for one in (StoreError, DifferenceError) if one in kinds), ConfigError)
        names = ", ".join(dict.fromkeys(finding.what for finding in problems))
        raise kind(f"{count(len(problems), 'problem')}: {names}; see above")


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.argument("words", nargs=-1, metavar="")
def completion_command(shell: str, *, words: tuple[str, ...]) -> None:
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
    from nnsweep.cli.completion import answer_shell, read_script

    print(answer_shell(shell, words) if words else read_script(shell), end="")


@click.command("sync", short_help="Send to the store what waits in job folders.")
@click.argument("folder", default="multirun", type=read_path, shell_complete=complete_folders)
@click.option("--deleted", is_flag=True, help="Send also runs that were deleted in the store.")
@store_option
def sync_command(folder: Path, *, deleted: bool, uri: str | None) -> None:
    """Send to the store what it does not have yet of the jobs in FOLDER: of one sweep's folder, or of many.

    Runs that were deleted in the store stay deleted, unless --deleted is given.

    For example: nnsweep sync multirun --uri sqlite:///other.db
    """
    from nnsweep.jobs.sync import sync_folders
    from nnsweep.tracking.store import check_store, resolve_uri

    store = resolve_uri(uri, Path.cwd())
    check_store(store)
    synced = sync_folders(folder, store, deleted=deleted)
    print(synced.in_words())
    if synced.damaged:
        raise DataError(*synced.damaged)


@click.command("ui")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 means all of them.")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port on that address.")
@store_option
def ui_command(*, host: str, port: int, uri: str | None) -> None:
    """Browse the runs in the MLflow UI, on this machine alone.

    With --host, other machines can open it, too. It asks for no password: whoever reaches it can read, change and
    delete runs. MLflow answers only to names that it knows; for http://server:5000 set
    MLFLOW_SERVER_ALLOWED_HOSTS=server:5000 and MLFLOW_SERVER_CORS_ALLOWED_ORIGINS=http://server:5000.

    For example: nnsweep ui --port 5001
    """
    from nnsweep.tracking.store import resolve_uri
    from nnsweep.tracking.ui import serve_ui

    serve_ui(resolve_uri(uri, Path.cwd()), port, host)
