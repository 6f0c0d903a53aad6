"""Sweeps in containers and on small machines: /dev/shm that cannot be written, and few processes."""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.outside import statuses

SWEEP = ("-m", "nnsweep", "-m", "data=iris", "seed=range(0,16)", "trainer.epochs=4", "tracking.pictures=false")
SHM = {
    "read-only": "mount -t tmpfs -o ro tmpfs /dev/shm",
    "absent": "mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9",
    "full": "mount -t tmpfs -o size=4k tmpfs /dev/shm && head -c 4096 /dev/zero > /dev/shm/full",
}
USERS = itertools.count(30_000 + os.getpid() % 20_000)
"""Each has no other processes, not even those of an earlier test that have not ended yet."""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def study(ready_store_file: Path) -> Iterator[Path]:
    """Give a folder with a ready store that is somebody's: those of pytest nobody else may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ready_store_file, folder / "mlflow.db")
        if os.geteuid() == 0:
            user = next(USERS)
            for path in (folder, folder / "mlflow.db"):
                os.chown(path, user, user)
        yield folder


@pytest.fixture
def run(study: Path) -> Run:
    """Give a function that has a command run Python in the study's folder."""

    def run(command: Sequence[str], *arguments: str) -> subprocess.CompletedProcess[str]:
        if os.geteuid():
            pytest.skip("only root can mount, and be somebody else")
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
            pytest.skip(f"{command[0]} may not be used here as this test does")
        own = {"HOME": str(study), "NNSWEEP_CACHE": str(study / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
        path = os.pathsep.join([str(Path(__file__).parent / "sweep"), *filter(None, sys.path)])
        return subprocess.run(
            [*command, sys.executable, *arguments],
            cwd=study,
            env={**os.environ, "PYTHONPATH": path, **own},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def mounted(what: str) -> list[str]:
    return ["unshare", "-m", "sh", "-c", f'{what} && exec "$@"', "sh"]


@pytest.mark.parametrize("shm", SHM)
def test_a_sweep_needs_no_shared_memory(shm, run, study):
    said = run(mounted(SHM[shm]), *SWEEP, "sweep.workers=2")
    assert (said.returncode, said.stderr) == (0, "")
    assert statuses(study / "mlflow.db") == ["FINISHED"] * 16


@pytest.mark.parametrize("shm", SHM)
def test_cores_are_counted_without_shared_memory(shm, run):
    code = "from nnsweep import app; from nnsweep.sweep import workers; print(workers.physical_cores())"
    counted = [run(command, "-c", code) for command in (["env"], mounted(SHM[shm]))]
    assert [said.stderr for said in counted] == ["", ""]
    assert counted[0].stdout == counted[1].stdout
