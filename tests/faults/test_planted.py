"""The tests themselves tested: a fault that is planted is noticed by the quick tests that are named for it."""

import functools
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness.campaigns import Campaign, Trial
from harness.mutations import PLANTED, Planted

ROOT = Path(__file__).parents[2]
COPIED = ("nnsweep", "hydra_plugins", "conf", "tests")


def _copy(folder: Path) -> Path:
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder)
    return folder


def _passes(copy: Path, tests: str) -> tuple[bool, str]:
    """Run the named tests against a copy of the package."""
    path, _, wanted = tests.partition(":")
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    environment.pop("NNSWEEP_FIGURES", None)  # their figures are not the product's
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", path]
    command += ["-k", wanted] if wanted else []
    ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode == 0, ended.stdout[-1500:]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory):
    """Tell whether tests pass without a fault, once for each of them."""
    copy = _copy(tmp_path_factory.mktemp("sound"))
    return functools.cache(lambda tests: _passes(copy, tests))


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name.replace(" ", "_"))
def test_there_is_a_place_for_each_fault(planted: Planted):
    assert (ROOT / "nnsweep" / planted.file).read_text().count(planted.old) == 1
    assert (ROOT / planted.tests.partition(":")[0]).exists()


@pytest.mark.soak
@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name.replace(" ", "_"))
def test_a_planted_fault_is_noticed(planted: Planted, sound, tmp_path, held):
    started = time.monotonic()
    file = _copy(tmp_path) / "nnsweep" / planted.file
    text = file.read_text()
    passes, said = sound(planted.tests)
    assert passes, f"the tests fail without the fault: {said}"
    file.write_text(text.replace(planted.old, planted.new))
    trial = Trial(planted.name)
    if _passes(tmp_path, planted.tests)[0]:
        trial.problems.append(f"{planted.tests} pass all the same")
    held(Campaign([trial], time.monotonic() - started))
