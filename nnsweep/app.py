"""The command line: Hydra composes a grid of jobs, every job is checked, run and recorded, a table comes out.

This module joins the rooms: it is Hydra's task function (`job`), what the grid sweeper calls for a whole
grid (`sweep`), and the program's entry (`main`), which answers for messages and exit codes.
"""

import contextlib
import logging
import os
import secrets
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nnsweep import interruption, streams
from nnsweep.conf_tree import conf_dir
from nnsweep.errors import ConfigError, StoreError, UserError, machines
from nnsweep.files import settle_home
from nnsweep.messages import nearest, visible, warn
from nnsweep.outcome import Outcome, Telling
from nnsweep.results.plots.job_picture import draw_job
from nnsweep.sweep import fresh
from nnsweep.sweep.arguments import CommandLine, read_command_line
from nnsweep.sweep.refusals import refused

if TYPE_CHECKING:  # imported where they are used: `--help` and completion shall be quick
    from nnsweep.sweep.crew import Crew, Others
    from nnsweep.sweep.job import Tracking
    from nnsweep.sweep.points import Grid
    from nnsweep.tracking.record import RunRecord
    from nnsweep.tracking.store import Store

FAILED_JOBS = 3
TERMINAL = Telling()


def new_sweep_id() -> str:
    """Return a name for a sweep: when it began, and four letters that tell it from others of that second."""
    return time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(2)


def _physical_cores() -> int:
    from nnsweep.sweep.workers import physical_cores

    return physical_cores()


def _commands_told() -> str:
    from nnsweep.commands import summaries

    return "\n".join(f"  {name:<10}  {said}" for name, said in summaries().items())


# Hydra 1.4 deprecates what 1.3 needs; OmegaConf 2.4, which comes with it, renames the function
_NEXT_HYDRA = not hydra.__version__.startswith("1.3.")
VERSION_BASE: dict[str, Any] = {} if _NEXT_HYDRA else {"version_base": "1.3"}
"""How Hydra is asked to behave."""
_register = getattr(OmegaConf, "register_resolver" if _NEXT_HYDRA else "register_new_resolver")
_register("nnsweep_sweep", new_sweep_id, use_cache=True, replace=True)
_register("nnsweep_cores", _physical_cores, replace=True)
_register("nnsweep_commands", _commands_told, replace=True)
# conf/hydra/launcher/ray.yaml stands before the plugin's configuration of that name: Hydra 1.3 checks ours against it
# and announces in every process, here and in the workers, that 1.4 will not
warnings.filterwarnings("error", "provider=hydra.searchpath")  # a folder that is not there: `_problems` tells it
warnings.filterwarnings("ignore", r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema")
warnings.filterwarnings("ignore", ".*joblib will operate in serial mode")  # without /dev/shm, which nothing here needs


def job(config: DictConfig) -> "RunRecord | Sequence[RunRecord]":
    """Run one job: Hydra's task function, called once for each point of the grid, or for the only job.

    Parameters
    ----------
    config : DictConfig
        The composed configuration, without Hydra's own part.

    Returns
    -------
    RunRecord or sequence of RunRecord
        What became of it; a sequence, in Hydra's single-run mode.
    """
    from nnsweep.sweep import grid, wish
    from nnsweep.sweep.recorder import train_and_record

    settings = HydraConfig.get()
    if settings.mode == RunMode.RUN:
        return _alone(config)
    checked = grid.located(grid.checked(config), Path(settings.runtime.cwd))
    grid.refuse_plan(checked)
    place = grid.place(checked, settings)
    store = store_of(Path(settings.runtime.cwd), checked.tracking, place.experiment_id)
    unwanted = wish.watch(grid.sweep_folder(settings))
    with interruption.awaited():
        drawing = draw_job if checked.tracking.pictures else None
        (record,) = train_and_record(
            [(checked, place)], store, drawing, stopped=lambda: interruption.asked() or unwanted()
        )
    return record


def _alone(config: DictConfig) -> "Sequence[RunRecord]":
    """Run the only job of Hydra's single-run mode, which has made its folder and its log, as a sweep of one job."""
    from nnsweep import course
    from nnsweep.sweep import grid
    from nnsweep.sweep.crew import Crew

    try:
        task = grid.alone(config, HydraConfig.get())
        return ended(course.run([task], Crew(draw_job), task.place.folder, telling=TERMINAL))
    except (UserError, OSError) as error:  # Hydra would print a line of its own
        refusal = error if isinstance(error, UserError) else machines(error)
        if refusal is None:
            raise
        raise SystemExit(refused(refusal)) from error


def store_of(folder: Path, tracking: "Tracking", experiment_id: str = "") -> "Store":
    """Name the store that the sweep has made ready; a job that is run without a sweep makes it ready itself."""
    from nnsweep.tracking.store import Store, ready, resolved_uri

    uri = resolved_uri(tracking.uri, folder)
    if experiment_id:
        return Store(uri, tracking.experiment, experiment_id)
    return ready(uri, tracking.experiment, tracking.artifact_root)


def sweep(
    config: DictConfig,
    grid: "Grid",
    *,
    compose: Callable[[Sequence[str]], DictConfig],
    crew: "Crew | Others",
    telling: Telling = TERMINAL,
) -> Outcome:
    """Run a grid: what the grid sweeper calls; see `nnsweep.course.run`.

    Parameters
    ----------
    config : DictConfig
        Hydra's configuration of the sweep.
    grid : Grid
        Its jobs.
    compose : callable
        Composes one job from its overrides.
    crew : Crew or Others
        Who does the work.
    telling : Telling
        What is told while it goes on.
    """
    from nnsweep import course
    from nnsweep.sweep.grid import tasks
    from nnsweep.sweep.points import check_one_sweep

    folder = Path(config.hydra.sweep.dir).absolute()  # the sweep's id is made now; the jobs take it over
    checked = tasks(grid.points, compose, known=grid.problems)
    check_one_sweep(config, [task.job for task in checked])
    return course.run(checked, crew, folder, OmegaConf.to_yaml(config), telling=telling, notes=grid.notes)


def ended(outcome: Outcome) -> "Sequence[RunRecord]":
    """Tell on the terminal how a sweep ended, and give its records.

    Raises
    ------
    SystemExit
        With 3 if a job did not finish, 5 if the store does not have everything, 128 and the signal's number if the
        sweep was interrupted.
    """
    if outcome.problem:
        print(f"nnsweep: error: {visible(outcome.problem)}", file=sys.stderr)
    if outcome.interruption:
        left = f"{outcome.n_unfinished} of {len(outcome.records)} jobs are left"
        print(f"Interrupted. The same command goes on: {left}.", flush=True)
        raise SystemExit(interruption.exit_code(outcome.interruption))
    if outcome.problem:
        raise SystemExit(StoreError.exit_code)
    if outcome.n_unfinished:
        raise SystemExit(FAILED_JOBS)
    return outcome.records


def _hydra(arguments: Sequence[str]) -> None:
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # exceptions reach `main`, which tells them in one line
    line = read_command_line(arguments)
    own = line.own
    # Hydra lets its main folder win over one that is added: the user's is the main one, and ours is added
    sys.argv = ["nnsweep", *line.options, *line.overrides, *(["--config-dir", conf_dir()] if own else [])]
    if line.is_sweep and _swept(line):
        return
    try:
        hydra.main(config_path=own or conf_dir(), config_name="config", **VERSION_BASE)(job)()
    finally:
        fresh.remove()


def _swept(line: CommandLine) -> bool:
    """Run a sweep, unless the configuration is one of a single run."""
    from nnsweep.sweep.multirun import Wanted, multirun

    overrides = [*line.overrides, *(["hydra.mode=MULTIRUN"] if line.options else [])]
    wanted = Wanted(overrides=overrides, conf=conf_dir(), own=line.own, command_line=True)

    def run(sweeper: Any, arguments: list[str]) -> bool:
        sweeper.sweep(arguments)
        return True

    return multirun(wanted, job, run, **VERSION_BASE) is not None


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
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    with streams.lasting() as loss:
        code = _exit_code(given)
        if lost := loss.error():  # what a command prints is its work; a sweep's is in the store
            if code == 0 and _is_command(given):
                return refused(machines(lost) or StoreError(f"cannot write to standard output: {lost.strerror}"))
            warn(f"not everything could be written to standard output: {lost.strerror}")
        return code


def _exit_code(given: Sequence[str]) -> int:
    try:
        with address_kept(), interruption.obeyed():
            _run(given)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt as interrupted:
        return interruption.exit_code(interrupted)
    except Exception as error:
        return refused(machines(error) or error)
    return 0


def _is_command(given: Sequence[str]) -> bool:
    from nnsweep.commands import NAMES

    return bool(given) and given[0] in NAMES


@contextlib.contextmanager
def address_kept() -> Iterator[None]:
    """Leave the environment's store as it was: addresses with passwords are there only as long as the program runs."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    try:
        yield
    finally:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


def _run(given: Sequence[str]) -> None:
    from nnsweep.commands import NAMES, commands

    settle_home()
    logging.raiseExceptions = False  # a log that cannot be written is no reason for tracebacks on the terminal
    if given and given[0] == "help":
        given = ["--help"] if len(given) == 1 else [*given[1:2], "--help"]
    if given and given[0] in ("--version", *NAMES):
        commands.main([*given], prog_name="nnsweep", standalone_mode=False)
    elif given and given[0].isidentifier():
        raise ConfigError(f"{given[0]}: there is no such command; {nearest(given[0], NAMES)}")
    else:
        _hydra(given)
