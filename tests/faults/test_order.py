"""The order in which an undisturbed sweep touches the disk: what makes every kill harmless, seen without a kill."""

import re

import pytest
from harness.campaigns import QUICK


@pytest.fixture
def labels(studies) -> list[str]:
    """Give the boundaries of a sweep, each job's folder and id told by its number."""
    return [text for _, role, _, text in studies.undisturbed(QUICK)[0].boundaries if role == "program"]


def test_every_file_is_written_through_before_it_takes_its_name(labels):
    renamed = [number for number, text in enumerate(labels) if re.match(r"os\.rename multirun\S+\.tmp ", text)]
    assert len(renamed) > 20
    for number in renamed:
        assert labels[number - 1] == f"fsync {labels[number].split()[1]}"
    for number in _renamed(labels, r"/record\.json"):  # with it, the names of all others outlive a power failure
        assert any(text.startswith("fsync multirun") for text in labels[number + 1 : number + 3])


def test_nothing_that_counts_is_written_under_its_own_name(labels):
    opened = [text for text in labels if text.startswith("open multirun") and not text.endswith(".tmp")]
    assert all("/.hydra/" in text or text.endswith((".log", "/sent.json")) for text in opened)


@pytest.mark.parametrize("job", [0, 1])
def test_a_record_is_there_before_anything_is_sent_and_marked_when_all_is(job, labels):
    (written,) = _renamed(labels, rf"/{job}/record\.json")
    (marked,) = [number for number, text in enumerate(labels) if re.match(rf"open multirun\S+/{job}/sent\.json", text)]
    sending = [number for number, text in enumerate(labels) if re.match(r"sql (UPDATE|INSERT INTO (m|p|data))", text)]
    within = [number for number in sending if written < number < marked]
    between = labels[written + 1 : marked]
    assert within
    assert sum(text.startswith("sql UPDATE runs") for text in between) == 1
    assert labels[marked - 1] == "sql COMMIT"
    assert any(text.startswith("os.remove") and text.endswith("checkpoint.npz") for text in between)


def _renamed(labels: list[str], name: str) -> list[int]:
    return [number for number, text in enumerate(labels) if re.search(rf"os\.rename .*{name}$", text)]
