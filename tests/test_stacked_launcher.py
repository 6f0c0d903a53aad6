"""The stacked launcher keeps Hydra's contract for launchers: with any program and any sweeper.

The suites are Hydra's own, as its plugins use them; their fixtures come from Hydra's plugin for pytest.
"""

from collections.abc import Iterator

import pytest
from hydra import version
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite, IntegrationTestSuite, LauncherTestSuite

pytest_plugins = ["hydra.extra.pytest_plugin"]
# Hydra 1.3 tells programs that name no version, as those of its suites, what will change for them
pytestmark = pytest.mark.filterwarnings("ignore:Future Hydra versions will no longer change working directory")


@pytest.fixture(autouse=True, scope="module")
def plugins() -> Iterator[Plugins]:
    """Let Hydra find its plugins before a suite notes what there is, to go back to that after each of its tests.

    Whatever version other tests have asked it to behave as is forgotten meanwhile.
    """
    base = version.VersionBase.instance()
    before, base.version_base = base.version_base, version._UNSPECIFIED_
    yield Plugins.instance()
    version.VersionBase.instance().version_base = before


def test_hydra_finds_it(plugins):
    assert "StackedLauncher" in [plugin.__name__ for plugin in plugins.discover(Launcher)]


@pytest.mark.parametrize(("launcher_name", "overrides"), [("stacked", [])])
class TestLauncher(LauncherTestSuite):
    """Jobs of one command."""


@pytest.mark.parametrize(("launcher_name", "overrides"), [("stacked", ["hydra.sweeper.max_batch_size=2"])])
class TestBatches(BatchedSweeperTestSuite):
    """Jobs of a sweeper that launches several times."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [({}, ["-m", "hydra/launcher=stacked"])],
)
class TestIntegration(IntegrationTestSuite):
    """Programs of their own."""
