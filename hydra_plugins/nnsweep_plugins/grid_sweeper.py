"""The grid sweeper: Hydra's door to `nnsweep.app.sweep`.

It splits the command line into jobs as Hydra's own basic sweeper does; everything else is nnsweep's.
"""

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser


class GridSweeper(BasicSweeper):
    """Sweep over the product of all lists of values."""

    def sweep(self, arguments: list[str]) -> Any:
        """Check all jobs, launch them, and report.

        Parameters
        ----------
        arguments : list of str
            Overrides from the command line; they win over those of a preset (``hydra.sweeper.params``).
        """
        from nnsweep.app import sweep

        assert self.hydra_context is not None
        assert self.config is not None
        assert self.launcher is not None
        loader, config, launcher = self.hydra_context.config_loader, self.config, self.launcher
        overrides = OverridesParser.create(config_loader=loader).parse_overrides([*self._parse_config(), *arguments])
        (grid,) = self.split_arguments(overrides, None)
        return sweep(
            config,
            grid,
            compose=lambda job: loader.load_sweep_config(config, job),
            launch=lambda jobs: launcher.launch(jobs, initial_job_idx=0),
        )
