"""The grid sweeper: Hydra's entry point to `nnsweep.jobs.sweep`.

It takes its settings as Hydra's own basic sweeper does; everything else is nnsweep's.
"""

from contextlib import closing
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from omegaconf import OmegaConf


class GridSweeper(BasicSweeper):
    """Sweep over a grid: the product of all lists of values, and what `sweep` in the configuration makes of it."""

    def sweep(self, arguments: list[str]) -> Any:
        """Check all jobs, launch them, and report.

        Parameters
        ----------
        arguments : list of str
            Overrides from the command line; they win over those of a preset (``hydra.sweeper.params``).
        """
        from nnsweep.jobs.display import Display
        from nnsweep.jobs.hydra_job import end_command

        return end_command(self.run(arguments, Display()))

    def run(self, arguments: list[str], display: Any) -> Any:
        """Check all jobs and launch them; give what became of them.

        Parameters
        ----------
        arguments : list of str
            As for `sweep`.
        display : nnsweep.jobs.display.Display
            What is told while the sweep goes on.
        """
        # not above: Hydra loads every plugin's module anew, and with it makes another class of the same name
        from hydra_plugins.nnsweep_plugins.stacked_launcher import StackedLauncher
        from nnsweep.jobs.compose import Composer
        from nnsweep.jobs.config_loader import freeze_configurations
        from nnsweep.jobs.executors import ProcessExecutor
        from nnsweep.jobs.grid import check_one_sweep, expand_grid
        from nnsweep.jobs.launchers import LauncherExecutor
        from nnsweep.jobs.overrides import write_command
        from nnsweep.jobs.sweep import run_sweep
        from nnsweep.jobs.tasks import make_tasks
        from nnsweep.results.plots import draw_job

        assert self.hydra_context is not None
        assert self.config is not None
        assert self.launcher is not None
        loader, config, launcher = self.hydra_context.config_loader, self.config, self.launcher
        compose = Composer(loader, config)
        grid = expand_grid(loader, config, preset=self._parse_config(), given=arguments, compose=compose)
        stacked = isinstance(launcher, StackedLauncher) and launcher.can_stack
        if not stacked:
            freeze_configurations(launcher, compose)
        folder = Path(config.hydra.sweep.dir).absolute()  # the sweep's id is made now; the jobs take it over
        checked = make_tasks(grid.points, compose, problems=grid.problems)
        check_one_sweep(config, [task.job for task in checked])
        rest: dict[str, Any] = {"folder": folder, "display": display, "notes": grid.notes}
        rest |= {"configuration": OmegaConf.to_yaml(config), "command": write_command(arguments)}
        if stacked:
            return run_sweep(checked, executor=ProcessExecutor(checked, draw_job), **rest)
        with closing(LauncherExecutor(launcher, folder, self.max_batch_size)) as executor:
            if not checked[0].job.dry_run:
                executor.refuse()
            return run_sweep(checked, executor=executor, **rest)
