"""Hydra's side of a job and of a sweep: the function that Hydra runs for a job, and the resolvers it needs before.

Every process that runs jobs for Hydra imports this module. A job of a sweep hands its results back, and
`nnsweep.jobs.sweep` records them; a job of a sweeper other than ours records itself.
"""

import contextlib
import functools
import secrets
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nnsweep.errors import ExitCode, UserError, machines
from nnsweep.jobs import interrupt
from nnsweep.jobs.problems import report_error
from nnsweep.results.plots import draw_job

if TYPE_CHECKING:
    from nnsweep.jobs.job import Job
    from nnsweep.jobs.outcome import SweepResult
    from nnsweep.jobs.result import Event
    from nnsweep.tracking.record import RunRecord


def new_sweep_id() -> str:
    """Return a name for a sweep: its start, and four random hexadecimal digits in case two start in one second."""
    return time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(2)


def _count_physical_cores() -> int:
    from nnsweep.jobs.machine import count_physical_cores

    return count_physical_cores()


# Hydra 1.4 deprecates what 1.3 needs; OmegaConf 2.4, which comes with it, renames the function
_NEXT_HYDRA = not hydra.__version__.startswith("1.3.")
VERSION_BASE: dict[str, Any] = {} if _NEXT_HYDRA else {"version_base": "1.3"}
"""Which version's behaviour Hydra is asked for, as keyword arguments."""
register_resolver = getattr(OmegaConf, "register_resolver" if _NEXT_HYDRA else "register_new_resolver")
register_resolver("nnsweep_sweep", new_sweep_id, use_cache=True, replace=True)
register_resolver("nnsweep_cores", _count_physical_cores, replace=True)
# conf/hydra/launcher/ray.yaml stands before the plugin's configuration of that name: Hydra 1.3 checks ours against it
# and announces in every process, here and in the workers, that 1.4 will not
warnings.filterwarnings("error", "provider=hydra.searchpath")  # a folder that does not exist: it becomes our error
warnings.filterwarnings("ignore", r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema")
warnings.filterwarnings("ignore", r"\s*hydra\.utils\.instantiate\(\) resolved _target_='nnsweep\.")  # of Hydra 1.4
warnings.filterwarnings("ignore", ".*joblib will operate in serial mode")  # without /dev/shm, which nothing here needs


def run_job(config: DictConfig) -> "RunRecord | Sequence[RunRecord] | None":
    """Run one job: Hydra's task function, called once for each point of the grid, or for the only job.

    Parameters
    ----------
    config : DictConfig
        The composed configuration, without Hydra's own part.

    Returns
    -------
    RunRecord or sequence of RunRecord or None
        The job's record; a sequence in Hydra's single-run mode. None if the job did not start because the user had
        interrupted the sweep.
    """
    from nnsweep.jobs import checking, tasks, worker

    settings = HydraConfig.get()
    if settings.mode == RunMode.RUN:
        return _run_single(config)
    job = tasks.locate_data(checking.check_configuration(config), Path(settings.runtime.cwd))
    tasks.refuse_dry_run(job)
    place = tasks.read_place(job, settings)
    train = functools.partial(worker.train_stack, [(job, place)], draw_job if job.tracking.pictures else None)
    if place.owner:
        record = _train_for_sweep(train, tasks.find_sweep_folder(settings))
    else:
        record = _train_and_record(train, job, Path(settings.runtime.cwd))
    with contextlib.suppress(OSError):
        log = place.folder / f"{settings.job.name}.log"
        if not log.stat().st_size:  # Hydra has made it; jobs of our own processes have none unless there is a message
            log.unlink()
    return record


def _train_for_sweep(train: "Callable[..., Iterator[Event]]", sweep: Path) -> "RunRecord | None":
    """Train a job of a sweep, and put its events into the outbox for the sweep's process."""
    from nnsweep.jobs import sweep_folder
    from nnsweep.jobs.result import Ended
    from nnsweep.jobs.sweep_folder import Outbox

    record, outbox, is_stopped = None, Outbox(sweep), sweep_folder.watch_stop_file(sweep)
    with contextlib.suppress(KeyboardInterrupt), interrupt.leave_to_sweep():
        for event in () if is_stopped() else train(stopped=lambda: interrupt.is_interrupted() or is_stopped()):
            outbox.put(event)
            if isinstance(event, Ended):
                record = event.results[0].kept.record
    return record


def _train_and_record(train: "Callable[..., Iterator[Event]]", job: "Job", folder: Path) -> "RunRecord":
    """Train a job of a sweeper that is not ours, and record it, for nobody else does."""
    from nnsweep.jobs.recorder import Recorder
    from nnsweep.tracking.owner import hold_runs
    from nnsweep.tracking.store import prepare_store, resolve_uri

    store = prepare_store(resolve_uri(job.tracking.uri, folder), job.tracking.experiment, job.tracking.artifact_root)
    recorder = Recorder(store)
    with interrupt.await_interruption(), hold_runs(store.uri):
        for event in train(stopped=interrupt.is_interrupted):
            recorder.take(event)
    ((_, record),) = recorder.ended.items()
    assert not isinstance(record, BaseException)
    return record


def _run_single(config: DictConfig) -> "Sequence[RunRecord]":
    """Run the job of Hydra's single-run mode as a sweep of one; Hydra has already made its folder and its log."""
    from nnsweep.jobs import tasks
    from nnsweep.jobs.display import Display
    from nnsweep.jobs.executors import ProcessExecutor
    from nnsweep.jobs.sweep import run_sweep

    try:
        task = tasks.make_single_task(config, HydraConfig.get())
        executor = ProcessExecutor([task], draw_job)
        return end_command(run_sweep([task], executor=executor, folder=task.place.folder, display=Display()))
    except (UserError, OSError) as error:  # Hydra would add a line of its own to an exception
        refusal = error if isinstance(error, UserError) else machines(error)
        if refusal is None:
            raise
        raise SystemExit(report_error(refusal)) from error


def end_command(result: "SweepResult") -> "Sequence[RunRecord]":
    """Report on the terminal how a sweep ended, and return its records.

    Raises
    ------
    SystemExit
        With 3 if a job did not finish, 5 if the store does not have everything, 128 and the signal's number if the
        sweep was interrupted.
    """
    from nnsweep.jobs.display import show_end

    n_unfinished, n_jobs = result.n_unfinished, len(result.records)
    show_end(result.problem, interrupted=bool(result.interruption), n_unfinished=n_unfinished, n_jobs=n_jobs)
    if result.interruption:
        raise SystemExit(interrupt.make_exit_code(result.interruption))
    if result.problem:
        raise SystemExit(ExitCode.STORE)
    if n_unfinished:
        raise SystemExit(ExitCode.FAILED_JOBS)
    return result.records
