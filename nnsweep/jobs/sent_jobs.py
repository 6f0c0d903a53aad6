"""Jobs that are sent to other processes, each by itself, and what comes back of them.

Among them are the jobs of Hydra's Ray and submitit launchers, those of any other program, and jobs of nnsweep that
cannot share a process with others, because they change the working folder or the environment, have callbacks, or log
their own way.
"""

import contextlib
import functools
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, open_dict, read_write

from nnsweep.errors import ConfigError
from nnsweep.jobs import machine, process_pool
from nnsweep.jobs.outcome import Outcome
from nnsweep.jobs.process_pool import WorkerDied, WorkFailed
from nnsweep.jobs.task import Task


class LauncherGone(Exception):
    """The launcher that should run the jobs is gone, and will run none of them."""


def pack_jobs(launcher: Any, grid: Sequence[Sequence[str]], first: int) -> list[bytes]:
    """Compose jobs and pickle each with all that Hydra needs to run it.

    Parameters
    ----------
    launcher : Launcher
        Hydra's, set up.
    grid : sequence of sequences of str
        The overrides of each job.
    first : int
        Hydra's number of the first job.
    """
    context, jobs = launcher.hydra_context, []
    for number, overrides in enumerate(grid, start=first):
        config = context.config_loader.load_sweep_config(launcher.config, [*overrides])
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        jobs.append(cloudpickle.dumps((Singleton.get_state(), context, launcher.task_function, config)))
    return jobs


def run_packed_job(packed: bytes, job_id: str = "") -> bytes:
    """Run a job that was sent here, and pickle its return in this process, where the classes in it are known.

    Parameters
    ----------
    packed : bytes
        As `pack_jobs` gives it.
    job_id : str
        The launcher's name for the job; the job's number if empty.
    """
    setup_globals()
    singletons, context, task_function, config = cloudpickle.loads(packed)
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
    try:
        answer: bytes = cloudpickle.dumps(returned)
        cloudpickle.loads(answer)
    except Exception as error:  # what the job returned or raised cannot go to another process
        outcome = returned._return_value
        described = process_pool.describe_error(outcome if isinstance(outcome, BaseException) else error)
        returned.status, returned.return_value = JobStatus.FAILED, WorkFailed(described)
        answer = cloudpickle.dumps(returned)
    return answer


def load_answer(answer: bytes | BaseException, overrides: Sequence[str]) -> JobReturn:
    """Read what `run_packed_job` has sent back, or make the return of a job that failed without an answer."""
    if isinstance(answer, bytes):
        returned: JobReturn = cloudpickle.loads(answer)
        return returned
    failed = JobReturn(overrides=[*overrides], status=JobStatus.FAILED)
    failed.return_value = answer
    return failed


def make_job_return(task: Task, outcome: Outcome) -> JobReturn:
    """Make what Hydra's own launchers return for a job, for one that was trained together with others."""
    failed = isinstance(outcome, BaseException)
    folder = None
    with contextlib.suppress(FileNotFoundError):  # somebody has removed it
        folder = os.getcwd()
    returned = JobReturn(working_dir=folder, task_name=task.log.removesuffix(".log"))
    returned.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
    returned.return_value = outcome
    returned.overrides = [*task.configuration["hydra"]["overrides"]["task"]]
    returned.cfg = DictConfig({key: value for key, value in task.configuration.items() if key != "hydra"})
    returned.hydra_cfg = DictConfig({"hydra": task.configuration["hydra"]})
    return returned


def launch_one_by_one(launcher: Any, grid: Sequence[Sequence[str]], first: int, n_workers: int) -> list[JobReturn]:
    """Run every job by itself with Hydra's own `run_job`, in worker processes; one worker is this process.

    Parameters
    ----------
    launcher : Launcher
        Of any program that uses Hydra, set up.
    grid : sequence of sequences of str
        The overrides of each job.
    first : int
        The number of the first job.
    n_workers : int
        How many jobs may run at once.
    """
    n_workers = machine.choose_n_workers(min(n_workers, len(grid)))
    if n_workers <= 1:
        basic = BasicLauncher()
        basic.setup(hydra_context=launcher.hydra_context, task_function=launcher.task_function, config=launcher.config)
        return [*basic.launch(grid, first)]
    process_pool.warm_up([__name__])
    answers = dict(process_pool.run_pieces(run_packed_job, pack_jobs(launcher, grid, first), n_workers))
    return [load_answer(answers[number], overrides) for number, overrides in enumerate(grid)]


LOOKS_EVERY = 0.5
"""Seconds between two looks at submitit's jobs."""
_SHARED = {"timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name"}
_SHARED |= {"stderr_to_stdout"}  # settings that submitit knows without the name of what runs the jobs


class OutOfTime(Exception):
    """A job took longer than submitit allows."""


def is_submitit(launcher: Launcher) -> bool:
    """Check whether a launcher is one of Hydra's for submitit."""
    return type(launcher).__module__.startswith("hydra_plugins.hydra_submitit_launcher.")


def refuse_slurm_elsewhere(launcher: Any) -> None:
    """Refuse a launcher for Slurm on a machine that belongs to no cluster; submitit would fail every job."""
    if is_submitit(launcher) and launcher._EXECUTOR == "slurm" and shutil.which("srun") is None:
        way_out = "start the sweep on a machine of the cluster, or try it out with hydra/launcher=submitit_local"
        raise ConfigError(f"hydra/launcher: there is no srun here, so Slurm cannot be reached; {way_out}")


def launch_submitit(
    launcher: Any, grid: Sequence[Sequence[str]], first: int, stopped: Callable[[], bool] = lambda: False
) -> list[JobReturn]:
    """Run jobs as Hydra's submitit launcher would, on this machine or on Slurm, and wait for all of them.

    Hydra's launcher gives up at the first job that fails, while the others go on. With the same settings, every job
    ends here in one of three ways: by itself, because its process dies, or because its time is over.

    Parameters
    ----------
    launcher : Launcher
        Hydra's, set up.
    grid : sequence of sequences of str
        The overrides of each job.
    first : int
        The number of the first job.
    stopped : callable
        Tells whether the user has interrupted: Slurm's jobs are cancelled then; those on this machine notice alone.
    """
    executor = _make_submitit_executor(launcher)
    run = functools.partial(run_in_time, launcher.params.get("timeout_min"))
    packed = pack_jobs(launcher, grid, first)
    # Slurm gets all as one array; on this machine each is submitted by itself, so that its time is counted alone
    parts = [[one] for one in packed] if launcher._EXECUTOR == "local" else [packed]
    jobs: list[tuple[Any, float]] = []  # each with the time at which it was submitted
    for part in parts:
        jobs += [(job, time.time()) for job in executor.map_array(run, part)]
    ended: dict[int, float] = {}
    is_cancelled = False
    while len(ended) < len(jobs):
        ended |= {n: time.time() for n, (job, _) in enumerate(jobs) if n not in ended and job.done()}
        if stopped() and not is_cancelled:
            for n, (job, _) in enumerate(jobs):
                if n not in ended and not hasattr(job, "_process"):  # those on this machine see the sweep's stop file
                    with contextlib.suppress(Exception):  # the user wants to go, whatever Slurm says
                        job.cancel(check=False)
            is_cancelled = True
        time.sleep(LOOKS_EVERY)
    answers = [_receive(job, ended[n] - begun, launcher.params) for n, (job, begun) in enumerate(jobs)]
    return [load_answer(answer, overrides) for answer, overrides in zip(answers, grid, strict=True)]


def _make_submitit_executor(launcher: Any) -> Any:
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


def _receive(job: Any, seconds: float, settings: Any) -> bytes | BaseException:
    """Get what submitit's job has sent back, or an exception that says how it ended."""
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
        if is_out_of_time:
            return OutOfTime(explain_out_of_time(minutes))
        state = "" if is_here else f", Slurm's state {job.state}"
        cause = "its worker process was killed or ended without a result"
        return WorkerDied(f"{cause} (submitit{state}; see {job.paths.stderr})")


def explain_out_of_time(minutes: float | None) -> str:
    """Say that a job was ended because its time limit was reached."""
    return f"submitit ended it for its time (timeout_min={minutes})"


def run_in_time(minutes: float | None, packed: bytes) -> bytes:
    """Run a job in submitit's process, which gets a signal when the job's time is over.

    The job fails then, unless submitit requeues it: in that case nothing is recorded, and the next process resumes
    from the checkpoint.

    Parameters
    ----------
    minutes : float or None
        How long it may take.
    packed : bytes
        The job, as `nnsweep.jobs.sent_jobs.pack_jobs` gives it.
    """
    import submitit
    from submitit.core.utils import UncompletedJobError

    environment = submitit.JobEnvironment()
    number = environment._usr_sig()
    handler: Any = signal.getsignal(number)  # submitit's own

    def end(number: int, frame: Any) -> None:
        try:
            handler(number, frame)
        except SystemExit as requeued:
            os._exit(requeued.code if isinstance(requeued.code, int) else 1)
        except UncompletedJobError:
            raise OutOfTime(explain_out_of_time(minutes)) from None

    signal.signal(number, end)
    return run_packed_job(packed, environment.job_id)
