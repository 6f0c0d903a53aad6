"""The order in which an undisturbed sweep touches the disk: what makes every kill harmless, seen without a kill."""

import re

import pytest
from harness.campaigns import QUICK


@pytest.fixture
def labels(studies) -> list[str]:
    """Give the boundaries of a sweep, each job's folder and id told by its number."""
    return [text for _, role, _, text in studies.undisturbed(QUICK)[0].boundaries if role == "program"]


def _find(labels: list[str], pattern: str) -> list[int]:
    return [number for number, text in enumerate(labels) if re.match(pattern, text)]


@pytest.fixture
def journaled(labels) -> list[int]:
    """Tell when the disk had a batch of results."""
    return _find(labels, r"fsync multirun\S+/results\.journal")


def test_every_file_is_written_through_before_it_takes_its_name(labels):
    renamed = _find(labels, r"os\.rename multirun\S+\.tmp ")
    assert len(renamed) > 10
    for number in renamed:
        assert labels[number - 1] == f"fsync {labels[number].split()[1]}"


def test_what_is_written_under_its_own_name_was_in_the_journal(labels, journaled):
    opened = [number for number in _find(labels, "open multirun") if not labels[number].endswith(".tmp")]
    counting = [number for number in opened if not re.search(r"/\.hydra/|\.log$|results\.journal$", labels[number])]
    assert len(counting) > 10
    assert min(counting) > journaled[0]


def test_each_stack_is_journaled_then_written_then_sent(labels, journaled):
    written = _find(labels, r"open multirun\S+/\d/record\.json")
    sent = _find(labels, "sql INSERT INTO latest_metrics")
    assert len(journaled) == len(written) == 2
    assert journaled[0] < written[0] < sent[0] < journaled[1] < written[1] < sent[-1]


def test_the_journal_goes_when_all_else_is_in_its_place(labels, journaled):
    (removed,) = _find(labels, r"os\.remove multirun\S+/results\.journal")
    assert not [text for text in labels[removed:] if text.startswith(("open", "sql"))]
    checkpoints = _find(labels, r"os\.remove multirun\S+/checkpoint\.npz")
    assert len(checkpoints) == 2
    assert all(number > synced for number, synced in zip(checkpoints, journaled, strict=True))
