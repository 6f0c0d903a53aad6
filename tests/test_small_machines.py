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
PIECES = """
import sys
from pieces import answer
from nnsweep.jobs import process_pool

if __name__ == "__main__":
    if sys.argv[1] == "warm":
        process_pool.warm_up(["pieces"])
    for number, result in process_pool.run_pieces(answer, [("sleep", 0.3)] * 12, 8):
        print(number, result, flush=True)
"""
CALL = """
import operator, os, resource
from multiprocessing import forkserver
from nnsweep.jobs import process_pool

if __name__ == "__main__":
    process_pool.warm_up(["pieces"])
    server = forkserver._forkserver._forkserver_pid
    resource.prlimit(server, resource.RLIMIT_NPROC, (4, 4))  # this process, the tracker, the server and one more
    ((_, pid),) = process_pool.run_pieces(operator.call, [os.getpid], 2)
    print(pid == os.getpid())
"""
SHM = {
    "read-only": "mount -t tmpfs -o ro tmpfs /dev/shm",
    "absent": "mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9",
    "full": "mount -t tmpfs -o size=4k tmpfs /dev/shm && head -c 4096 /dev/zero > /dev/shm/full",
}
USERS = itertools.count(30_000 + os.getpid() % 300 * 100)
"""Each has no other processes, not even those of an earlier test that have not ended yet, or of one beside this."""
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
        own["OPENBLAS_NUM_THREADS"] = "1"  # with more, NumPy cannot even be imported where there may be no thread
        path = os.pathsep.join([str(Path(__file__).parent / "jobs"), *filter(None, sys.path)])
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


def limited(most: int, study: Path) -> list[str]:
    """Let the user whose a study is have so many processes: root may always have more."""
    user = study.stat().st_uid
    who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    read = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]  # Python itself may be root's own
    return [*who, *read, "prlimit", f"--nproc={most}"]


def soaked(*values: object) -> list:
    return [pytest.param(value, marks=pytest.mark.soak) for value in values]


@pytest.mark.parametrize("shm", SHM)
def test_a_sweep_needs_no_shared_memory(shm, run, study):
    said = run(mounted(SHM[shm]), *SWEEP, "sweep.workers=2")
    assert (said.returncode, said.stderr) == (0, "")
    assert statuses(study / "mlflow.db") == ["FINISHED"] * 16


@pytest.mark.parametrize("shm", ["absent", *soaked("read-only", "full")])
def test_cores_are_counted_without_shared_memory(shm, run):
    code = "from nnsweep.cli import main; from nnsweep.jobs import machine; print(machine.count_physical_cores())"
    counted = [run(command, "-c", code) for command in (["env"], mounted(SHM[shm]))]
    assert [said.stderr for said in counted] == ["", ""]
    assert counted[0].stdout == counted[1].stdout


@pytest.mark.parametrize("most", [14, *soaked(22, 30)])
def test_a_sweep_goes_on_with_the_workers_that_there_are(most, run, study):
    said = run(limited(most, study), *SWEEP, "sweep.workers=16")
    assert said.returncode == 0, said.stderr
    assert said.stderr.count("\n") == 1, said.stderr
    (line,) = said.stderr.splitlines()
    n_workers = int(line.partition("goes on with ")[2].partition(" ")[0])
    assert (most - 10) // 3 <= n_workers < 16
    assert line.startswith("nnsweep: warning: no more processes can be started (ulimit -u, or a container's limit)")
    assert f": the work goes on with {n_workers} of 16 workers; " in line
    assert line.endswith(f"allow more processes, or set sweep.workers={n_workers}")
    assert statuses(study / "mlflow.db") == ["FINISHED"] * 16


@pytest.mark.parametrize("most", [1, 4, *soaked(2, 9)])
def test_a_sweep_goes_on_without_any_worker(most, run, study):
    said = run(limited(most, study), *SWEEP, "sweep.workers=2")
    assert said.returncode == 0, said.stderr
    line, *more = sorted(said.stderr.splitlines(), key=lambda line: not line.startswith("nnsweep:"))
    assert not any(other.startswith("nnsweep:") for other in more)
    assert not (most > 2 and more)  # with fewer, libraries complain that they cannot have threads of their own
    assert ": the work goes on with 1 of 2 workers; " in line
    assert statuses(study / "mlflow.db") == ["FINISHED"] * 16


@pytest.mark.parametrize("start", ["warm", "cold"])
@pytest.mark.parametrize("most", [3, *soaked(1, 8, 12)])
def test_work_goes_on_whoever_has_it_done(most, start, run, study):
    (study / "script.py").write_text(PIECES)
    said = run(limited(most, study), "script.py", start)
    assert said.returncode == 0, said.stderr
    assert sorted(map(int, (line.split()[0] for line in said.stdout.splitlines()))) == [*range(12)]
    assert "nnsweep: warning: no more processes can be started" in said.stderr
    assert "Traceback" not in said.stderr


def test_worker_denied_its_thread_leaves_its_work_to_others(run, study):
    (study / "script.py").write_text(CALL)
    said = run(limited(20, study), "script.py")
    assert (said.returncode, said.stdout) == (0, "True\n")
    (line,) = said.stderr.splitlines()
    assert "the work goes on with 1 of 2 workers" in line
