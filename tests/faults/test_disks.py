"""A disk that is full, read-only or broken is told in a line, and costs nothing once it is well again."""

import random
import shutil
from pathlib import Path

import pytest
from harness import oracle
from harness.campaigns import QUICK, Trial, campaign
from harness.disks import Disk, disk, why_not
from harness.faults import Fault
from harness.programs import Ended, orphans

COMMAND = [*QUICK, "tracking.patience=0"]
CAUSES = {
    "ENOSPC": ("No space left on device", "database or disk is full", "its disk is full"),
    "EIO": ("Input/output error", "disk I/O error", "read-only or broken"),
    "EROFS": ("Read-only file system", "readonly database", "read-only", "can be written to"),
    "EMFILE": ("Too many open files", "unable to open database file"),
    "EFBIG": ("File too large", "disk I/O error", "database or disk is full"),
}
KILOBYTE = 1024


@pytest.fixture
def own_disks(tmp_path: Path) -> None:
    """Skip where no disk of our own can be mounted."""
    if reason := why_not(tmp_path):
        pytest.skip(reason)


def _check(ended: Ended, trial: Trial, error: str, *, may_succeed: bool = True) -> None:
    """Check how a program ended that met a broken disk: in words, with a promised exit code."""
    trial.problems += ended.tracebacks()
    if ended.code not in ((0, 2, 3, 5) if may_succeed else (2, 3, 5)):
        trial.problems.append(f"no promised exit code: {ended.told()}")
    lines = [line for line in ended.err.splitlines() if line.startswith("nnsweep: ")]
    said = [line for line in lines if any(cause in line for cause in CAUSES[error])]
    if ended.code in (2, 5) and not said:
        trial.problems.append(f"no line names the cause: {ended.told()}")
    trial.problems += orphans(ended.pid)


def _refused(studies, point: tuple[str, int, bool]) -> Trial:
    error, at, forever = point
    folder = studies.new()
    ended = studies.programs.run(folder, COMMAND, fault=Fault(act="raise", error=error, at=at, forever=forever))
    trial = Trial(f"{error} {'from' if forever else 'at'} {at} [{ended.label('program', at)}]")
    _check(ended, trial, error)
    return studies.again(folder, COMMAND, trial)


def _limited(studies, n_bytes: int) -> Trial:
    folder, trial = studies.new(), Trial(f"no file larger than {n_bytes} bytes")
    _check(studies.programs.run(folder, COMMAND, largest_file=n_bytes), trial, "EFBIG")
    return studies.again(folder, COMMAND, trial)


def _few_files(studies, n_files: int) -> Trial:
    folder, trial = studies.new(), Trial(f"{n_files} open files")
    _check(studies.programs.run(folder, COMMAND, most_files=n_files), trial, "EMFILE")
    return studies.again(folder, COMMAND, trial)


def _full(studies, n_bytes: int) -> Trial:
    folder, trial = studies.new(ready=False), Trial(f"a disk with {n_bytes} bytes left")
    with disk(folder, -(-(studies.store_bytes + n_bytes) // 4096) * 4096) as own:
        studies.fill(own.real)
        _check(studies.programs.run(folder, COMMAND, namespace=own.process), trial, "ENOSPC")
        own.remount("size=64m")
        return _again(studies, own, trial)


def _again(studies, own: Disk, trial: Trial) -> Trial:
    wanted = studies.undisturbed(COMMAND)[1]
    ended = studies.programs.run(own.folder, COMMAND, namespace=own.process)
    if ended.code:
        trial.problems.append(f"the same command again: {ended.told()}")
    copy = own.folder.with_suffix(".copy")
    shutil.copytree(own.real, copy)  # SQLite does not find a file that its own process cannot see
    trial.problems += oracle.wrong(own.folder, wanted, real=copy)
    trial.temporary = oracle.temporary_files(copy)
    shutil.rmtree(copy)
    return trial


def _points(studies, every: int) -> list[tuple[str, int, bool]]:
    most = studies.undisturbed(COMMAND)[0].counts()["program"]
    kinds = [(error, forever) for error in ("ENOSPC", "EIO", "EROFS", "EMFILE") for forever in (False, True)]
    chance = random.Random(0)
    return [(error, at, forever) for error, forever in kinds for at in range(chance.randint(1, every), most, every)]


def test_refused_write_is_reported_and_the_same_command_resumes(studies, held):
    held(campaign(lambda point: _refused(studies, point), _points(studies, 160)))


def test_file_size_limit_is_reported_and_the_command_resumes(studies, held):
    sizes = [KILOBYTE, 16 * KILOBYTE, studies.store_bytes + 20 * KILOBYTE]
    held(campaign(lambda size: _limited(studies, size), sizes))


@pytest.mark.usefixtures("own_disks")
def test_full_disk_is_reported_and_the_same_command_resumes(studies, held):
    held(campaign(lambda size: _full(studies, size * KILOBYTE), [0, 40, 120, 200]))


@pytest.mark.usefixtures("own_disks")
def test_a_read_only_disk_is_told_before_the_first_job(studies, held):
    def trial(ready: bool) -> Trial:
        folder, trial = studies.new(ready=False), Trial(f"read-only, {'with' if ready else 'without'} a store")
        with disk(folder, 64 * KILOBYTE * KILOBYTE) as own:
            if ready:
                studies.fill(own.real)
            own.remount("ro")
            ended = studies.programs.run(folder, COMMAND, namespace=own.process)
            _check(ended, trial, "EROFS", may_succeed=False)
            own.remount("rw")
            return _again(studies, own, trial)

    held(campaign(trial, [True, False]))


@pytest.mark.soak
def test_every_refused_write_is_reported_and_the_command_resumes(studies, held):
    held(campaign(lambda point: _refused(studies, point), _points(studies, 8)))


@pytest.mark.soak
def test_any_file_size_limit_is_reported_and_the_command_resumes(studies, held):
    sizes = [*range(KILOBYTE, studies.store_bytes + 200 * KILOBYTE, 24 * KILOBYTE)]
    held(campaign(lambda size: _limited(studies, size), sizes))


def test_open_file_limit_is_reported_and_the_command_resumes(studies, held):
    held(campaign(lambda number: _few_files(studies, number), [16, 18]))


@pytest.mark.soak
def test_few_open_files_are_told_and_the_same_command_goes_on(studies, held):
    held(campaign(lambda number: _few_files(studies, number), range(6, 40, 2)))


@pytest.mark.soak
@pytest.mark.usefixtures("own_disks")
def test_disk_full_at_any_size_is_reported_and_the_sweep_resumes(studies, held):
    held(campaign(lambda size: _full(studies, size * KILOBYTE), range(0, 400, 8)))
