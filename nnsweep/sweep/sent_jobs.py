"""Jobs that are sent to processes which know nothing of the sweep: Ray's and submitit's.

Each is sent whole, with the configuration that it was checked with, and what it came to is sent back as bytes, so that
nothing which only one side can read ever reaches the other.
"""

import contextlib
import os

import cloudpickle  # type: ignore[import-untyped]
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from nnsweep.sweep.one_by_one import pickled


class LauncherGone(Exception):
    """What should run the jobs is gone, and will run none of them."""


def pack(
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


def run(whole: bytes, job_id: str = "") -> bytes:
    """Run a job that was sent here; the answer is pickled here, where its classes are known.

    Parameters
    ----------
    whole : bytes
        As `pack` gives it.
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
    return pickled(returned)
