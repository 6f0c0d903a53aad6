"""The jobs of Hydra's submitit launcher, on this machine or on Slurm: each is waited for, whatever others come to.

Hydra's launcher gives up at the first job that fails, while the others go on. Here its settings stay what they are, and
of every job it is known how it ended: by itself, with its process, or for its time.
"""

import functools
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher

from nnsweep.jobs.process_pool import WorkerDied, WorkFailed
from nnsweep.jobs.sent_jobs import load_outcome, pack_job, run_packed_job

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
