"""Every extra can be installed with the versions that the tests have passed with."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nnsweep

CHECKOUT = Path(nnsweep.__file__).parents[1]
EXTRAS = ["joblib,submitit,onnx,excel,mysql,postgresql,ray,docs,dev", "bench"]
"""What can be installed together is resolved at once."""


def pip(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Let pip resolve, and install nothing.

    A package that is installed with the version it is held to is not looked up again: what it requires stands in the
    environment. Of the others pip reads no more than what they require.
    """
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--use-feature=fast-deps"]
    command += ["--quiet", "--disable-pip-version-check", *map(str, arguments)]
    return subprocess.run(command, cwd=CHECKOUT, env=os.environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def registry() -> None:
    """Skip where there is nothing to install from."""
    if not (CHECKOUT / "constraints.txt").is_file():
        pytest.skip("this is not a checkout")
    if pip("--no-deps", "packaging").returncode:
        pytest.skip("no package registry can be reached")


def test_no_extra_is_forgotten_here():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert sorted(project["optional-dependencies"]) == sorted(",".join(EXTRAS).split(","))


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("extras", EXTRAS)
def test_extras_resolve_with_the_constraints(extras):
    said = pip("-c", CHECKOUT / "constraints.txt", f"{CHECKOUT}[{extras}]")
    assert said.returncode == 0, said.stderr


@pytest.mark.usefixtures("registry")
def test_what_cannot_be_resolved_is_noticed(tmp_path):
    (tmp_path / "constraints.txt").write_text("packaging==26.3\n")
    assert "ResolutionImpossible" in pip("-c", tmp_path / "constraints.txt", "packaging<26").stderr
