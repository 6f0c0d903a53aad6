"""Jobs that are run one by one, by Hydra's own hand, in worker processes.

Those are the jobs of any other program, and jobs of nnsweep that cannot share a process's state with others: they
change the working folder or the environment, call back, or log their own way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cloudpickle  # type: ignore[import-untyped]
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from nnsweep.sweep import workers


@dataclass(frozen=True)
class Application:
    """What Hydra gives a launcher: its own state, the program's task function, and the sweep's configuration."""

    hydra_context: HydraContext
    task_function: TaskFunction
    config: DictConfig


def launch(application: Application, grid: Sequence[Sequence[str]], first: int, n_workers: int) -> list[JobReturn]:
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
    n_workers = workers.affordable(min(n_workers, len(grid)))
    if n_workers <= 1:
        basic = BasicLauncher()
        basic.setup(**vars(application))
        return [*basic.launch(grid, first)]
    workers.warm_up([__name__])
    state = cloudpickle.dumps((Singleton.get_state(), application))
    pieces = [(state, first + number, [*overrides]) for number, overrides in enumerate(grid)]
    returns = dict(workers.done(_run_one, pieces, n_workers))
    return [loaded(returns[number], overrides) for number, overrides in enumerate(grid)]


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
    return pickled(returned)


def pickled(returned: JobReturn) -> bytes:
    """Pickle what a job returned, or else why it cannot go to another process."""
    try:
        answer: bytes = cloudpickle.dumps(returned)
        cloudpickle.loads(answer)
    except Exception as error:  # what the job returned or raised cannot go to another process
        outcome = returned._return_value
        told = workers.in_words(outcome if isinstance(outcome, BaseException) else error)
        returned.status, returned.return_value = JobStatus.FAILED, workers.WorkFailed(told)
        answer = cloudpickle.dumps(returned)
    return answer


def loaded(answer: bytes | BaseException, overrides: Sequence[str]) -> JobReturn:
    """Read what a job returned, or tell that it failed."""
    if isinstance(answer, bytes):
        returned: JobReturn = cloudpickle.loads(answer)
        return returned
    failed = JobReturn(overrides=[*overrides], status=JobStatus.FAILED)
    failed.return_value = answer
    return failed
