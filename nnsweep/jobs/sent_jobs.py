"""Jobs that are sent to another process one by one, and what comes back of them.

Jobs that are run one by one, by Hydra's own hand, in worker processes.

Those are the jobs of any other program, and jobs of nnsweep that cannot share a process's state with others: they
change the working folder or the environment, call back, or log their own way.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import cloudpickle  # type: ignore[import-untyped]
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from nnsweep.jobs import process_pool


@dataclass(frozen=True)
class Application:
    """What Hydra gives a launcher: its own state, the program's task function, and the sweep's configuration."""

    hydra_context: HydraContext
    task_function: TaskFunction
    config: DictConfig


def launch_one_by_one(
    application: Application, grid: Sequence[Sequence[str]], first: int, n_workers: int
) -> list[JobReturn]:
    """Run every job by itself with Hydra's own `run_job`, in worker processes; one worker is this process.

    Parameters
    ----------
    application : Application
        Of any program that uses Hydra.
    grid : sequence of sequences of str
        The overrides of each job.
    first : int
        The number of the first job.
    n_workers : int
        How many jobs may run at once.
    """
    n_workers = process_pool.count_affordable(min(n_workers, len(grid)))
    if n_workers <= 1:
        basic = BasicLauncher()
        basic.setup(**vars(application))
        return [*basic.launch(grid, first)]
    process_pool.warm_up([__name__])
    state = cloudpickle.dumps((Singleton.get_state(), application))
    pieces = [(state, first + number, [*overrides]) for number, overrides in enumerate(grid)]
    returns = dict(process_pool.run_pieces(_run_one, pieces, n_workers))
    return [load_outcome(returns[number], overrides) for number, overrides in enumerate(grid)]


def _run_one(piece: tuple[bytes, int, list[str]]) -> bytes:
    """Run one job of any program; the answer is pickled here, where its classes are known."""
    state, number, overrides = piece
    setup_globals()
    singletons, application = cloudpickle.loads(state)
    Singleton.set_state(singletons)
    config = application.hydra_context.config_loader.load_sweep_config(application.config, overrides)
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.job.id, config.hydra.job.num = str(number), number
    returned = run_job(
        hydra_context=application.hydra_context,
        task_function=application.task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    return pickle_outcome(returned)


def pickle_outcome(returned: JobReturn) -> bytes:
    """Pickle what a job returned, or else why it cannot go to another process."""
    try:
        answer: bytes = cloudpickle.dumps(returned)
        cloudpickle.loads(answer)
    except Exception as error:  # what the job returned or raised cannot go to another process
        outcome = returned._return_value
        told = process_pool.describe_error(outcome if isinstance(outcome, BaseException) else error)
        returned.status, returned.return_value = JobStatus.FAILED, process_pool.WorkFailed(told)
        answer = cloudpickle.dumps(returned)
    return answer


def load_outcome(answer: bytes | BaseException, overrides: Sequence[str]) -> JobReturn:
    """Read what a job returned, or tell that it failed."""
    if isinstance(answer, bytes):
        returned: JobReturn = cloudpickle.loads(answer)
        return returned
    failed = JobReturn(overrides=[*overrides], status=JobStatus.FAILED)
    failed.return_value = answer
    return failed


class LauncherGone(Exception):
    """What should run the jobs is gone, and will run none of them."""


def pack_job(
    context: HydraContext, task_function: TaskFunction, config: DictConfig, overrides: list[str], number: int
) -> bytes:
    """Compose a job and pickle it with all that Hydra needs to run it.

    Parameters
    ----------
    context, task_function, config : HydraContext, callable, DictConfig
        What a launcher is set up with.
    overrides : list of str
        The job's.
    number : int
        Hydra's number of the job.
    """
    composed = context.config_loader.load_sweep_config(config, overrides)
    with read_write(composed.hydra), open_dict(composed.hydra):
        composed.hydra.job.id, composed.hydra.job.num = str(number), number
    whole: bytes = cloudpickle.dumps((Singleton.get_state(), context, task_function, composed))
    return whole


def run_packed_job(whole: bytes, job_id: str = "") -> bytes:
    """Run a job that was sent here; the answer is pickled here, where its classes are known.

    Parameters
    ----------
    whole : bytes
        As `pack_job` gives it.
    job_id : str
        How whoever runs it calls it; its number if nothing is given.
    """
    setup_globals()
    singletons, context, task_function, config = cloudpickle.loads(whole)
    Singleton.set_state(singletons)
    with contextlib.suppress(OSError):  # on another machine, it may not be there
        os.chdir(config.hydra.runtime.cwd)
    if job_id:
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.job.id = job_id
    HydraConfig.instance().set_config(config)
    returned = run_job(
        hydra_context=context,
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    return pickle_outcome(returned)
