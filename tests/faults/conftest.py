import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from harness.campaigns import Campaign, Studies
    from harness.programs import Programs

FIGURES = "NNSWEEP_FIGURES"
"""Names the file that keeps what came out, for `experiments/reliability/report.py`."""


@pytest.fixture(scope="session")
def programs() -> "Iterator[Programs]":
    """Start nnsweep in processes of their own."""
    from harness.programs import programs

    with programs() as started:
        yield started


@pytest.fixture(scope="session")
def studies(programs: "Programs", ready_store_file: Path, tmp_path_factory: pytest.TempPathFactory) -> "Studies":
    """Make working folders."""
    from harness.campaigns import Studies

    return Studies(programs, ready_store_file, tmp_path_factory.mktemp("studies"))


@pytest.fixture
def held(request: pytest.FixtureRequest) -> "Callable[[Campaign], None]":
    """Demand that every trial held what is promised; its figures are kept if somebody wants them."""

    def demand(campaign: "Campaign") -> None:
        _keep(request.node, campaign)
        assert not campaign.wrong, campaign.told()

    return demand


def _keep(test: pytest.Item, campaign: "Campaign") -> None:
    if FIGURES not in os.environ:
        return
    from harness.machine import MACHINE, description

    path = Path(os.environ[FIGURES])
    known = json.loads(path.read_text()) if path.exists() else {}
    known[test.name] = {
        "extent": "soak" if test.get_closest_marker("soak") else "ci",
        "trials": len(campaign.trials),
        "wrong": len(campaign.wrong),
        "known": campaign.known(),
        "seconds": round(campaign.seconds, 1),
    }
    known[MACHINE] = description()
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
