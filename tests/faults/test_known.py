"""Faults of the product that were found here and have been mended: each test says what was promised."""

import re

import pytest
from harness import oracle
from harness.campaigns import QUICK
from harness.disks import disk, why_not
from harness.faults import Fault
from harness.programs import Ended

WORKERS = [*QUICK, "sweep.workers=2"]


def _boundary(ended: Ended, role: str, *labels: str) -> int:
    """Find the boundary after which another one comes, by the starts of their labels."""
    texts = [text for _, whose, _, text in ended.boundaries if whose == role]
    starts = range(len(texts) - len(labels) + 1)
    return next(
        start + len(labels)
        for start in starts
        if all(texts[start + number].startswith(label) for number, label in enumerate(labels))
    )


def _killed_and_given_again(studies, *labels: str):
    folder = studies.new()
    at = _boundary(studies.undisturbed(QUICK)[0], "program", *labels)
    assert studies.programs.run(folder, QUICK, fault=Fault(at=at)).code == -9
    assert studies.programs.run(folder, QUICK).code == 0
    return folder


def test_partly_sent_record_has_no_duplicate_points(studies):
    folder = _killed_and_given_again(studies, "sql INSERT INTO inputs", "sql INSERT INTO tags", "sql COMMIT")
    assert oracle.differences(oracle.table(folder), studies.undisturbed(QUICK)[1]) == []


def test_no_temporary_file_outlives_the_next_command(studies):
    assert oracle.temporary_files(_killed_and_given_again(studies, "fsync multirun")) == []


def test_no_temporary_file_stays_among_artifacts(studies):
    assert oracle.temporary_files(_killed_and_given_again(studies, "os.link multirun")) == []


@pytest.mark.parametrize("role", ["worker1", "worker4"])
def test_worker_death_during_a_store_check_leaves_no_traceback(studies, role):
    ended = studies.programs.run(studies.new(), WORKERS, fault=Fault(role=role, at=3))
    assert "Traceback" not in ended.err
    assert ended.code in (0, 3, 5)


def test_sweep_killed_just_before_its_end_is_closed_by_the_next(studies):
    labels = [text for _, _, _, text in studies.undisturbed(QUICK)[0].boundaries]
    at = 1 + max(number for number, text in enumerate(labels) if text.startswith("sql UPDATE runs"))
    folder = studies.new()
    assert studies.programs.run(folder, QUICK, fault=Fault(at=at)).code == -9
    assert studies.programs.run(folder, QUICK).code == 0
    assert oracle.left_running(folder) == []


def _full_from_the_first_checkpoint(studies) -> str:
    """Run a sweep whose disk is full from its first checkpoint on; give what it says."""
    labels = [text for _, _, _, text in studies.undisturbed(QUICK)[0].boundaries]
    at = 1 + next(number for number, text in enumerate(labels) if re.search("rename.*checkpoint", text))
    fault = Fault(act="raise", error="ENOSPC", at=at, forever=True)
    ended = studies.programs.run(studies.new(), [*QUICK, "tracking.patience=0"], fault=fault)
    assert ended.code == 5
    return ended.err


def test_a_log_that_cannot_be_written_is_no_traceback(studies):
    assert "Traceback" not in _full_from_the_first_checkpoint(studies)


def test_a_disk_that_fills_up_is_named_in_the_last_line(studies):
    lines = [
        line for line in _full_from_the_first_checkpoint(studies).splitlines() if line.startswith("nnsweep: error")
    ]
    assert any("disk is full" in line or "No space left" in line for line in lines)


def test_completely_full_disk_is_not_called_a_damaged_store(studies, tmp_path):
    if reason := why_not(tmp_path):
        pytest.skip(reason)
    folder = studies.new(ready=False)
    with disk(folder, studies.store_bytes) as own:
        studies.fill(own.real)
        ended = studies.programs.run(folder, QUICK, namespace=own.process)
    assert ended.code == 5
    assert "Restore a backup" not in ended.err
