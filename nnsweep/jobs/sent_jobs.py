"""Jobs that are sent to other processes, each by itself, and what comes back of them.

They are the jobs of Hydra's Ray and submitit launchers, the jobs of any other program, and jobs of nnsweep that cannot
share a process's state with others: they change the working folder or the environment, call back, or log their own way.
"""

import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from nnsweep.jobs import process_pool
from nnsweep.jobs.process_pool import WorkerDied, WorkFailed


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


LOOKS_EVERY = 0.5
"""Seconds."""
_SHARED = {"timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name"}
_SHARED |= {"stderr_to_stdout"}  # settings that submitit knows without the name of what runs the jobs


class OutOfTime(Exception):
    """A job took longer than submitit was told that it may."""


def is_submitits(launcher: Launcher) -> bool:
    """Tell whether a launcher is one of Hydra's for submitit."""
    return type(launcher).__module__.startswith("hydra_plugins.hydra_submitit_launcher.")


def launch_submitit(
    launcher: Any, grid: Sequence[Sequence[str]], first: int, stopped: Callable[[], bool] = lambda: False
) -> list[JobReturn]:
    """Run jobs as Hydra's launcher would, and wait for all of them.

    Parameters
    ----------
    launcher : Launcher
        Hydra's, set up.
    grid : sequence of sequences of str
        The overrides of each job.
    first : int
        The number of the first job.
    stopped : callable
        Tells whether the user has interrupted: Slurm's jobs are cancelled then, those of this machine see it.
    """
    whole = [
        pack_job(launcher.hydra_context, launcher.task_function, launcher.config, [*overrides], number)
        for number, overrides in enumerate(grid, start=first)
    ]
    jobs, ended = _submit(launcher, whole), dict[int, float]()
    is_cancelled = False
    while len(ended) < len(jobs):
        ended |= {n: time.time() for n, (job, _) in enumerate(jobs) if n not in ended and job.done()}
        if stopped() and not is_cancelled:
            _cancel([job for number, (job, _) in enumerate(jobs) if number not in ended])
            is_cancelled = True
        time.sleep(LOOKS_EVERY)
    answers = [_answer(job, ended[n] - begun, launcher.params) for n, (job, begun) in enumerate(jobs)]
    return [load_outcome(answer, overrides) for answer, overrides in zip(answers, grid, strict=True)]


def _submit(launcher: Any, whole: Sequence[bytes]) -> list[tuple[Any, float]]:
    """Submit jobs; give each with the time at which that was done."""
    executor = _executor(launcher)
    run = functools.partial(run_in_time, launcher.params.get("timeout_min"))
    # Slurm gets all as one array; when this machine has begun each is known one by one
    parts = [[one] for one in whole] if launcher._EXECUTOR == "local" else [whole]
    jobs: list[tuple[Any, float]] = []
    for part in parts:
        jobs += [(job, time.time()) for job in executor.map_array(run, part)]
    return jobs


def _executor(launcher: Any) -> Any:
    """Make submitit's executor, with the settings that Hydra's launcher would give it."""
    import submitit  # type: ignore[import-not-found, unused-ignore]

    cluster, settings = launcher._EXECUTOR, dict(launcher.params)
    folder, sweep = settings.pop("submitit_folder"), launcher.config.hydra.sweep
    Path(str(sweep.dir)).mkdir(parents=True, exist_ok=True)
    if "mode" in sweep:
        os.chmod(str(sweep.dir), int(str(sweep.mode), 8))
    # on this machine, a job that ran out of time would be started again three times
    n_again = settings.pop("max_num_timeout", 0)
    executor = submitit.AutoExecutor(folder=folder, cluster=cluster, **{f"{cluster}_max_num_timeout": n_again})
    executor.update_parameters(
        **{name if name in _SHARED else f"{cluster}_{name}": value for name, value in settings.items()}
    )
    return executor


def _cancel(jobs: Sequence[Any]) -> None:
    """Take jobs that nobody wants any more from Slurm's queue; those of this machine heed the sweep's wish."""
    for job in jobs:
        if not hasattr(job, "_process"):
            with suppress(Exception):  # the user wants to go, whatever Slurm says
                job.cancel(check=False)


def _answer(job: Any, seconds: float, settings: Any) -> bytes | BaseException:
    """Give what a job has sent back, or else what became of it."""
    from submitit.core.utils import FailedJobError, UncompletedJobError  # type: ignore[import-not-found, unused-ignore]

    is_here, minutes = hasattr(job, "_process"), settings.get("timeout_min")
    is_out_of_time = seconds >= 60 * minutes if is_here else job.state.upper() == "TIMEOUT"
    try:
        if is_here and not job.paths.result_pickle.exists():  # submitit would wait for it: here nothing comes late
            raise UncompletedJobError
        answer: bytes = job.results()[0]
        return answer
    except FailedJobError:
        return WorkFailed(f"submitit could not run it; see {job.paths.stderr}")
    except (UncompletedJobError, OSError):
        state = "" if is_here else f", Slurm's state {job.state}"
        said = f"its worker process was killed or ended without a result (submitit{state}; see {job.paths.stderr})"
        return OutOfTime(explain_out_of_time(minutes)) if is_out_of_time else WorkerDied(said)


def explain_out_of_time(minutes: float | None) -> str:
    """Say that a job was ended for its time."""
    return f"submitit ended it for its time (timeout_min={minutes})"


def run_in_time(minutes: float | None, whole: bytes) -> bytes:
    """Run a job in a process of submitit's, which tells it by a signal when its time is over.

    Parameters
    ----------
    minutes : float or None
        How long it may take.
    whole : bytes
        The job, as `nnsweep.jobs.sent_jobs.pack_job` gives it.
    """
    import submitit

    environment = submitit.JobEnvironment()
    number = environment._usr_sig()
    signal.signal(number, functools.partial(_end_in_time, minutes, signal.getsignal(number)))
    return run_packed_job(whole, environment.job_id)


def _end_in_time(minutes: float | None, theirs: Any, number: int, frame: Any) -> None:
    """Fail, unless submitit wants to have the job started again: then nothing is recorded, and a checkpoint goes on."""
    from submitit.core.utils import UncompletedJobError

    try:
        theirs(number, frame)
    except SystemExit as requeued:
        os._exit(requeued.code if isinstance(requeued.code, int) else 1)
    except UncompletedJobError:
        raise OutOfTime(explain_out_of_time(minutes)) from None
