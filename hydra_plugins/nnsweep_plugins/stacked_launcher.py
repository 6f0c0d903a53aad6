"""The stacked launcher: Hydra's entry point to `nnsweep.jobs.executors`.

It can launch any program's jobs, each by itself; those of nnsweep it trains together where they allow it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class StackedLauncherConf:
    """What other programs get by ``hydra/launcher=stacked``; nnsweep's own has the same name."""

    _target_: str = "hydra_plugins.nnsweep_plugins.stacked_launcher.StackedLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="nnsweep")


class StackedLauncher(Launcher):
    """Train jobs together, in processes of this machine."""

    def __init__(self) -> None:
        self.config: DictConfig | None = None
        self.task_function: TaskFunction | None = None
        self.hydra_context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs, for any sweeper and any program."""
        from nnsweep.jobs import sent_jobs
        from nnsweep.jobs import tasks as grid
        from nnsweep.jobs.compose import Composer
        from nnsweep.jobs.executors import ProcessExecutor
        from nnsweep.jobs.recorder import Recorder
        from nnsweep.results.plots import draw_job
        from nnsweep.tracking.store import prepare_store, resolve_uri

        assert self.hydra_context is not None
        assert self.task_function is not None
        assert self.config is not None
        setup_globals()
        folder = Path(str(self.config.hydra.sweep.dir))
        if not self.can_stack:
            folder.mkdir(parents=True, exist_ok=True)
            return sent_jobs.launch_one_by_one(self, job_overrides, initial_job_idx, self._n_workers)
        compose = Composer(self.hydra_context.config_loader, self.config)
        tasks = grid.make_tasks(job_overrides, compose, first=initial_job_idx)
        grid.refuse_dry_run(tasks[0].job)
        folder.mkdir(parents=True, exist_ok=True)
        tracking, executor = tasks[0].job.tracking, ProcessExecutor(tasks, draw_job)
        uri = resolve_uri(tracking.uri, Path.cwd())
        recorder = Recorder(prepare_store(uri, tracking.experiment, tracking.artifact_root))
        for event in executor.run(tasks):
            recorder.take(event)
        return [sent_jobs.make_job_return(task, recorder.ended[task.attempt]) for task in tasks]

    @property
    def can_stack(self) -> bool:
        """Whether the jobs are nnsweep's, leave the process as it is, and log as ours do."""
        from nnsweep.jobs.hydra_job import run_job

        assert self.config is not None
        hydra = self.config.hydra
        callbacks = {*(hydra.callbacks or ())} - {"fresh"}  # that one is ours, and has nothing to do with jobs
        own = hydra.job.chdir or hydra.job.env_set or callbacks or hydra.verbose
        logs = hydra.runtime.choices.get("hydra/job_logging") != "file"
        return self.task_function is run_job and not (own or logs)

    @property
    def _n_workers(self) -> int:
        from nnsweep.jobs.hydra_job import run_job
        from nnsweep.jobs.machine import count_physical_cores

        assert self.config is not None
        chosen = self.config.sweep.workers if self.task_function is run_job else None
        return chosen or count_physical_cores()
