"""Hydra's side of a job and of a sweep: the function that Hydra runs for a job, and what it must know of us first.

Any process that runs jobs for Hydra imports this module. A job of a sweep whose launcher is Hydra's own records
itself; everything else goes through `nnsweep.run_sweep`.
"""

import contextlib
import secrets
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nnsweep import interruption
from nnsweep.errors import StoreError, UserError, machines
from nnsweep.results.plots.job_picture import draw_job
from nnsweep.sweep.refusals import refused

if TYPE_CHECKING:  # imported where they are used: `--help` and completion shall be quick
    from nnsweep.sweep.job import Tracking
    from nnsweep.sweep_result import SweepResult
    from nnsweep.tracking.record import RunRecord
    from nnsweep.tracking.store import Store

FAILED_JOBS = 3


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


def run_job(config: DictConfig) -> "RunRecord | Sequence[RunRecord]":
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
    from nnsweep.sweep import checking, grid, wish
    from nnsweep.sweep.recorder import train_and_record
    from nnsweep.tracking import sqlite
    from nnsweep.tracking.holding import holding

    settings = HydraConfig.get()
    if settings.mode == RunMode.RUN:
        return _alone(config)
    checked = grid.located(checking.checked(config), Path(settings.runtime.cwd))
    grid.refuse_plan(checked)
    place = grid.place(checked, settings)
    store = store_of(Path(settings.runtime.cwd), checked.tracking, place.experiment_id)
    unwanted = wish.watch(grid.sweep_folder(settings), sqlite.file_of(store.uri))
    if unwanted():  # it was on its way when the user interrupted
        raise KeyboardInterrupt
    with interruption.awaited(), contextlib.nullcontext() if place.owner else holding(store.uri):
        drawing = draw_job if checked.tracking.pictures else None
        (record,) = train_and_record(
            [(checked, place)], store, drawing, stopped=lambda: interruption.asked() or unwanted()
        )
    return record


def _alone(config: DictConfig) -> "Sequence[RunRecord]":
    """Run the only job of Hydra's single-run mode, which has made its folder and its log, as a sweep of one job."""
    from nnsweep.display import Display
    from nnsweep.run_sweep import run_sweep
    from nnsweep.sweep import grid
    from nnsweep.sweep.process_executor import ProcessExecutor

    try:
        task = grid.alone(config, HydraConfig.get())
        return end_command(
            run_sweep([task], executor=ProcessExecutor(draw_job), folder=task.place.folder, display=Display())
        )
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


def end_command(result: "SweepResult") -> "Sequence[RunRecord]":
    """Tell on the terminal how a sweep ended, and give its records.

    Raises
    ------
    SystemExit
        With 3 if a job did not finish, 5 if the store does not have everything, 128 and the signal's number if the
        sweep was interrupted.
    """
    from nnsweep.display import show_end

    n_unfinished, n_jobs = result.n_unfinished, len(result.records)
    show_end(result.problem, interrupted=bool(result.interruption), n_unfinished=n_unfinished, n_jobs=n_jobs)
    if result.interruption:
        raise SystemExit(interruption.exit_code(result.interruption))
    if result.problem:
        raise SystemExit(StoreError.exit_code)
    if n_unfinished:
        raise SystemExit(FAILED_JOBS)
    return result.records
