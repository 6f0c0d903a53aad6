"""The program for a user without a home folder, as in a container that runs under a number of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

UNKNOWN = """
import os, pwd, sys

def unknown(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")

pwd.getpwuid = unknown
from nnsweep.cli.main import main
codes = [main(arguments.split()) for arguments in sys.argv[1:]]
print(codes, *sorted(name for name in os.listdir() if "mlflow.db-" not in name))
"""
SWEEP = "data=digits arch=linear trainer.epochs=1 seed=0,1 tracking.pictures=true tracking.models=best"


def run(folder: Path, *commands: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "OPENBLAS_NUM_THREADS") if name in os.environ}
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", UNKNOWN, *commands]
    given = {**kept, "PYTHONPATH": path, **environment}
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.parametrize("environment", [{}, {"HOME": "/dev/null"}], ids=["no home", "a home that is none"])
def test_everything_works_without_a_home_and_without_caches(environment, study):
    said = run(study, SWEEP, "report nnsweep --output report.html", "doctor", **environment)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[-1] == "[0, 0, 0] mlartifacts mlflow.db multirun report.html"
    assert "install nnsweep again" not in said.stdout
    assert "warning  data cache: /dev/null/.cache/nnsweep cannot be used" in said.stdout
    assert said.stderr == ""
