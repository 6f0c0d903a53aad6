"""What jobs leave in an outbox is taken whole, in order and once, by the sweep or by who comes after it."""

from dataclasses import replace
from pathlib import Path

import pytest

from nnsweep.errors import ConfigError
from nnsweep.jobs import job_folder, upload
from nnsweep.jobs.journal import Journal
from nnsweep.jobs.result import Ended, Event, JobResult, JobStart, Kept, Measured, Started
from nnsweep.jobs.sweep_folder import OUTBOX, Inbox, Outbox, read_results
from nnsweep.tracking.record import Point, RunRecord

CONTENTS = {"history.parquet": b"\x00PAR1" * 40, "empty.txt": b""}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Give the folder of a sweep."""
    (tmp_path / "s1").mkdir()
    return tmp_path / "s1"


def record_of(number: int, state: str = "finished") -> RunRecord:
    return RunRecord(run_id="", name=f"n{number}", state=state, sweep="s1", job=number, metrics={"test_accuracy": 0.5})


def started(number: int) -> Started:
    return Started([JobStart(record=record_of(number, "interrupted"), tags={"nnsweep.key": "k"})])


def measured(number: int, epoch: int = 3) -> Measured:
    return Measured([((number, 1), [Point("train_cost", 0.1 + 0.2, epoch), Point("train_cost", float("inf"), 4)])])


def result_of(sweep: Path, number: int) -> JobResult:
    kept = Kept(record=record_of(number), experiment="study", tags={"nnsweep.key": "k"}, n_epochs=7)
    points = (Point("test_accuracy", 0.5, 9),)
    bare = JobResult(folder=sweep / str(number), kept=kept, contents=CONTENTS, points=points)
    return bare.of_run("", "study")  # with the hashes of its files


def hand_back(sweep: Path, *numbers: int) -> None:
    for number in numbers:
        outbox = Outbox(sweep)
        for event in (started(number), measured(number), Ended([result_of(sweep, number)])):
            outbox.put(event)


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_events_come_as_they_were_put(sweep):
    inbox = Inbox(sweep)
    hand_back(sweep, 0)
    assert [*inbox.take()] == [started(0), measured(0), Ended([result_of(sweep, 0)])]
    assert [*inbox.take()] == []


def test_events_of_several_jobs_come_together(sweep):
    inbox = Inbox(sweep)
    hand_back(sweep, 0, 1, 2)
    starts, points, ends = inbox.take()
    assert {start.record.job for start in starts.starts} == {0, 1, 2}
    assert {attempt for attempt, _ in points.points} == {(0, 1), (1, 1), (2, 1)}
    assert sorted(result.kept.record.job for result in ends.results) == [0, 1, 2]


def test_what_came_before_the_jobs_start_waits_for_it(sweep):
    inbox = Inbox(sweep)
    hand_back(sweep, 0)
    (late,) = (sweep / OUTBOX).glob("*.started")
    late = late.rename(sweep / late.name)
    assert [*inbox.take()] == []
    late.rename(sweep / OUTBOX / late.name)
    assert kinds([*inbox.take()]) == [Started, Measured, Ended]


@pytest.mark.parametrize(
    ("kind", "at_once", "later"),
    [
        ("started", [], [Started, Measured, Ended]),
        ("measured", [Started, Ended], []),  # nobody needs it after the end
        ("ended", [Started, Measured], [Ended]),
    ],
)
def test_what_cannot_be_read_yet_is_looked_at_again(kind, at_once, later, sweep):
    inbox = Inbox(sweep)
    hand_back(sweep, 0)
    (path,) = (sweep / OUTBOX).glob(f"*.{kind}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert kinds([*inbox.take()]) == at_once
    path.write_bytes(whole)
    assert kinds([*inbox.take()]) == later


def test_an_event_stays_until_the_next_is_asked_for(sweep):
    inbox = Inbox(sweep)
    hand_back(sweep, 0)
    for event in inbox.take():
        if isinstance(event, Ended):
            break  # as if the sweep were killed while it recorded this
    assert read_results(sweep) == [result_of(sweep, 0)]


def test_a_job_whose_worker_died_may_begin_again(sweep):
    inbox = Inbox(sweep)
    Outbox(sweep).put(started(0))
    assert kinds([*inbox.take()]) == [Started]
    hand_back(sweep, 0)
    assert kinds([*inbox.take()]) == [Started, Measured, Ended]


def test_outbox_is_removed_at_the_end_unless_a_result_came(sweep):
    inbox = Inbox(sweep)
    Outbox(sweep).put(started(0))
    inbox.close()
    assert not (sweep / OUTBOX).exists()
    inbox = Inbox(sweep)
    hand_back(sweep, 0)
    inbox.close()
    assert [path.suffix for path in (sweep / OUTBOX).iterdir()] == [".ended"]


# ---- results that a sweep has left untaken


def is_restored(sweep: Path, *numbers: int) -> bool:
    """Tell whether these jobs' results, and no others, lie in their folders and wait for the store."""
    there = [result_of(sweep, number) for number in numbers]
    files = [(each.folder / name).read_bytes() == content for each in there for name, content in each.contents.items()]
    kept = [job_folder.read_kept(each.folder) == each.kept for each in there]
    waiting = sorted(each.folder for each in there)
    return all(files) and all(kept) and upload.find_unsent_in_sweep(sweep) == waiting and not (sweep / OUTBOX).exists()


def test_what_nobody_has_taken_is_found_and_restored(sweep):
    Inbox(sweep)
    hand_back(sweep, 0, 1)
    assert upload.find_journaled(sweep.parent) == upload.find_journaled(sweep) == [sweep]
    upload.restore_folders(sweep)
    assert is_restored(sweep, 0, 1)
    assert upload.find_journaled(sweep.parent) == []


def test_what_the_journal_has_is_restored_with_it(sweep):
    Inbox(sweep)
    hand_back(sweep, 0)
    with Journal(sweep) as journal:
        journal.append([result_of(sweep, 1)])
    upload.restore_folders(sweep)
    assert is_restored(sweep, 0, 1)


def test_the_run_that_the_journal_names_is_kept(sweep):
    Inbox(sweep)
    hand_back(sweep, 0)
    with Journal(sweep) as journal:
        journal.append([recorded := result_of(sweep, 0).of_run("r1", "study")])
    upload.restore_folders(sweep)
    assert job_folder.read_kept(sweep / "0") == recorded.kept


def test_a_later_attempt_than_the_journals_is_restored(sweep):
    Inbox(sweep)
    hand_back(sweep, 0)
    first = result_of(sweep, 0)
    earlier = replace(first, kept=replace(first.kept, record=replace(first.kept.record, attempt=0, state="failed")))
    with Journal(sweep) as journal:
        journal.append([earlier])
    upload.restore_folders(sweep)
    assert is_restored(sweep, 0)


def test_a_sweep_that_is_under_way_is_left_alone(sweep):
    Inbox(sweep)
    hand_back(sweep, 0)
    with Journal(sweep) as journal:
        journal.hold()
        upload.restore_folders(sweep)
        assert read_results(sweep) == [result_of(sweep, 0)]
    upload.restore_folders(sweep)
    assert is_restored(sweep, 0)


def test_a_sweep_that_was_moved_is_restored_where_it_is(sweep):
    Inbox(sweep)
    hand_back(sweep, 0)
    moved = sweep.rename(sweep.with_name("s2"))
    upload.restore_folders(moved)
    assert is_restored(moved, 0)


def test_where_a_folder_cannot_be_written_the_outbox_stays(sweep):
    Inbox(sweep)
    hand_back(sweep, 0)
    (sweep / "0" / "record.json").mkdir(parents=True)
    with pytest.raises((OSError, ConfigError)):
        upload.restore_folders(sweep)
    assert read_results(sweep) == [result_of(sweep, 0)]
    (sweep / "0" / "record.json").rmdir()
    upload.restore_folders(sweep)
    assert is_restored(sweep, 0)


def test_an_outbox_that_cannot_be_written_is_refused(sweep):
    with pytest.raises(ConfigError, match="there is no folder"):
        Outbox(sweep).put(started(0))


def test_a_result_that_is_damaged_costs_no_other(sweep):
    Inbox(sweep)
    hand_back(sweep, 0)
    (path,) = (sweep / OUTBOX).glob("*.ended")
    path.write_bytes(path.read_bytes()[:-3])
    hand_back(sweep, 1)
    upload.restore_folders(sweep)
    assert is_restored(sweep, 1)
