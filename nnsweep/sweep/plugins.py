"""Plugins: what Hydra finds below `hydra_plugins`, where a sweeper or launcher must lie to be found."""

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper


def plugin_names() -> list[str]:
    """Name the classes of all sweepers and launchers that Hydra finds."""
    found = Plugins.instance()
    return sorted(plugin.__name__ for kind in (Sweeper, Launcher) for plugin in found.discover(kind))
