"""The launcher for Ray: one job a task, on a local cluster or one that is running."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write


class RayLauncher(Launcher):
    """Launch jobs as tasks of Ray's.

    Parameters
    ----------
    ray : DictConfig
        ``init``, the arguments of ``ray.init``; ``remote``, those of ``ray.remote``.
    """

    def __init__(self, ray: DictConfig) -> None:
        self.ray = ray
        self.hydra_context: HydraContext | None = None
        self.task_function: TaskFunction | None = None
        self.config: DictConfig | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what a job is run with; see Hydra."""
        from nnsweep.errors import ConfigError

        if importlib.util.find_spec("ray") is None:
            raise ConfigError("hydra/launcher: Ray is not installed; pip install 'nnsweep[ray]'")
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs; one whose process dies has failed, and costs no other."""
        import ray  # type: ignore[import-not-found, unused-ignore]

        from nnsweep.sweep.one_by_one import loaded

        assert self.config is not None
        assert self.hydra_context is not None
        settings: Any = OmegaConf.to_container(self.ray, resolve=True)
        if not ray.is_initialized():
            ray.init(**settings["init"])
        begin = ray.remote(**settings["remote"])(_run)
        runs = []
        for number, overrides in enumerate(job_overrides, start=initial_job_idx):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, [*overrides])
            with read_write(config.hydra), open_dict(config.hydra):
                config.hydra.job.id, config.hydra.job.num = str(number), number
            whole = (Singleton.get_state(), self.hydra_context, self.task_function, config)
            runs.append(begin.remote(cloudpickle.dumps(whole)))
        answers: list[bytes | BaseException] = []
        for run in runs:
            try:
                answers.append(ray.get(run))
            except ray.exceptions.RayError as error:
                answers.append(error)
        return [loaded(answer, overrides) for answer, overrides in zip(answers, job_overrides, strict=True)]


def _run(whole: bytes) -> bytes:
    """Run one job in a process of Ray's; the answer is pickled here, where its classes are known."""
    from nnsweep.sweep.one_by_one import pickled

    setup_globals()
    singletons, context, task_function, config = cloudpickle.loads(whole)
    Singleton.set_state(singletons)
    HydraConfig.instance().set_config(config)
    returned = run_job(
        hydra_context=context,
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    return pickled(returned)
