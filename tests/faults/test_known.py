"""Faults of the product that were found here and are not mended yet: each test says what is promised, and fails."""

import pytest
from harness import oracle
from harness.campaigns import QUICK
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


def test_a_record_that_was_sent_in_part_has_no_point_twice(studies):
    folder = _killed_and_given_again(studies, "sql INSERT INTO latest_metrics", "sql COMMIT", "sql BEGIN")
    assert oracle.differences(oracle.table(folder), studies.undisturbed(QUICK)[1]) == []


def test_no_temporary_file_outlives_the_next_command(studies):
    assert oracle.temporary_files(_killed_and_given_again(studies, "fsync multirun")) == []


def test_no_temporary_file_stays_among_artifacts(studies):
    assert oracle.temporary_files(_killed_and_given_again(studies, "os.rename mlartifacts")) == []


@pytest.mark.parametrize("role", ["worker1", "worker4"])
def test_a_worker_that_dies_while_the_store_is_looked_at_is_told_in_a_line(studies, role):
    ended = studies.programs.run(studies.new(), WORKERS, fault=Fault(role=role, at=3))
    assert "Traceback" not in ended.err
    assert ended.code in (0, 3, 5)
