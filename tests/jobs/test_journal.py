"""What a journal has taken comes back as it was, whatever became of its end, and fills folders again."""

import contextlib
import errno
import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from nnsweep.errors import ConfigError
from nnsweep.jobs import job_folder, upload
from nnsweep.jobs import journal as journals
from nnsweep.jobs.journal import JOURNAL, Journal, read_journal
from nnsweep.jobs.result import JobResult, Kept
from nnsweep.tracking.record import Point, RunRecord
from tests.jobs.test_job_folder import mutations


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Give the folder of a sweep."""
    (folder := tmp_path / "multirun" / "s1").mkdir(parents=True)
    return folder


def made(folder: Path, number: int, attempt: int = 1, **contents: bytes) -> JobResult:
    """Give a result with two files, one of which is empty, as the recorder writes it."""
    record = RunRecord(
        run_id="",
        name=f"n{number} \u2713",
        state="finished",
        reason='"quoted" \udcff\n',
        settings={"seed": number, "data.standardize": True, "trainer.patience": None, "arch": "1e3", "rate": 0.1},
        metrics={"test_accuracy": 1 / 3, "tiny": 5e-324, "far": float("inf")},
        sweep="s1",
        job=number,
        attempt=attempt,
    )
    kept = Kept(record=record, experiment="", tags={"a": "b"}, axes={"seed": number, "rate": 0.1}, n_epochs=7)
    files = {"history.parquet": b"nnsw%d-%d" % (number, attempt), "empty.txt": b"", **contents}
    return JobResult(folder=folder, kept=kept, contents=files).of_run(f"r{number}", "study")


@pytest.fixture
def results(sweep: Path) -> list[JobResult]:
    """Give results of jobs in, below and deep below the sweep's folder."""
    places = (sweep / "0", sweep, sweep / "a=1" / "b \u2713")
    return [made(place, number) for number, place in enumerate(places)]


@pytest.fixture
def written(sweep: Path, results: list[JobResult]) -> Path:
    """Give the path of a journal of them."""
    Journal(sweep).append(results)
    return sweep / JOURNAL


def read(sweep: Path) -> list[JobResult]:
    return [*read_journal(sweep)]


def ends(sweep: Path, results: list[JobResult]) -> list[int]:
    """Tell where in a journal each of its results ends."""
    lengths = [0]
    for result in results:
        lengths.append(lengths[-1] + journals._HEAD.size + len(journals._encode(result, sweep)))
    return lengths[1:]


# ---- what comes back


@pytest.mark.usefixtures("written")
def test_results_come_back_equal_and_of_the_same_kinds(sweep, results):
    assert read(sweep) == results
    assert repr(read(sweep)) == repr(results)


def test_what_was_appended_one_by_one_comes_back_alike(sweep, results):
    for result in results:
        Journal(sweep).append([result])
    assert read(sweep) == results


def test_any_bytes_come_back_as_they_were(sweep):
    contents = {"all": bytes(range(256)) * 500, "heads": journals._HEAD.pack(journals._MARK, 3, bytes(32)) * 9}
    Journal(sweep).append([made(sweep / "0", 0, **contents)])
    assert [result.contents.items() >= contents.items() for result in read(sweep)] == [True]


def test_points_are_not_in_a_journal_for_the_history_has_them(sweep):
    result = made(sweep / "0", 0)
    Journal(sweep).append([replace(result, points=(Point("train_cost", 1.0, 2),))])
    assert read(sweep) == [result]


@pytest.mark.usefixtures("written")
def test_jobs_lie_in_a_sweeps_folder_wherever_it_was_moved_to(sweep, results):
    moved = sweep.rename(sweep.parent.with_name("elsewhere"))
    assert read(moved) == [replace(each, folder=moved / each.folder.relative_to(sweep)) for each in results]


def test_from_another_working_folder_a_job_lies_where_it_did(sweep, monkeypatch):
    monkeypatch.chdir(sweep.parent)
    Journal(Path("s1")).append([made(Path("s1/0"), 0)])
    monkeypatch.chdir("/")
    assert read(sweep) == [made(sweep / "0", 0)]


def test_where_there_is_no_journal_there_are_no_results(sweep):
    assert read(sweep) == read(sweep / "nowhere") == []


# ---- a journal that is not whole


def test_journal_cut_off_anywhere_gives_what_is_whole_before(written, sweep, results):
    whole_at = ends(sweep, results)
    assert whole_at[-1] == written.stat().st_size
    for length in range(whole_at[-1], -1, -1):
        os.truncate(written, length)
        assert read(sweep) == results[: sum(end <= length for end in whole_at)], length


def test_a_bit_that_is_changed_costs_its_result_and_changes_none(written, sweep, results):
    whole_at, whole = ends(sweep, results), written.read_bytes()
    with written.open("r+b", buffering=0) as file:
        for place in range(len(whole)):
            spoilt = sum(end <= place for end in whole_at)
            expected = results[:spoilt] + results[spoilt + 1 :]
            file.seek(place)
            file.write(bytes([whole[place] ^ 1 << place % 8]))
            assert read(sweep) == expected, place
            file.seek(place)
            file.write(whole[place : place + 1])
    assert read(sweep) == results


def test_no_damage_brings_a_result_that_never_was(written, sweep, results):
    whole, n_found = written.read_bytes(), 0
    with written.open("r+b", buffering=0) as file:
        for number, damaged in mutations(whole, 1000, seed=4):
            file.seek(0)
            file.truncate(file.write(damaged))
            found = read(sweep)
            assert all(result in results for result in found), number
            n_found += len(found)
    assert 0 < n_found < 2900


@pytest.mark.parametrize("torn", [1, 40, 100])
def test_what_is_appended_after_a_torn_end_can_be_read(torn, written, sweep, results):
    os.truncate(written, written.stat().st_size - torn)  # as a crash leaves it
    Journal(sweep).append([made(sweep / "9", 9)])
    assert read(sweep) == [*results[:-1], made(sweep / "9", 9)]


# ---- a disk that refuses


@contextlib.contextmanager
def room_for(size: int):
    """Let no file grow beyond a size: Python ignores the signal, and to write fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def refuse(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.usefixtures("written")
def test_what_cannot_be_written_through_leaves_what_was_there(sweep, results, monkeypatch):
    journal = Journal(sweep)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="No space left"):
            journal.append([made(sweep / "8", 8)])
    assert read(sweep) == results
    journal.append([made(sweep / "9", 9)])
    assert read(sweep) == [*results, made(sweep / "9", 9)]


FULL = [(room, size) for room in (1, 500, 2_500) for size in (0, 3_000, 9_000, 100_000)]


def fill(sweep: Path, room: int, size: int) -> Journal:
    """Append more results to a journal than the disk has room for; give it."""
    journal = Journal(sweep)
    batch = [made(sweep / str(number), number, much=bytes(size)) for number in (5, 6, 7, 8)]
    with room_for((sweep / JOURNAL).stat().st_size + room), pytest.raises(OSError, match="too large"):
        journal.append(batch)
    return journal


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(("room", "size"), FULL)
def test_what_does_not_fit_on_the_disk_leaves_what_was_there(room, size, sweep, results):
    fill(sweep, room, size)
    assert read(sweep) == results


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(("room", "size"), FULL)
def test_after_a_full_disk_what_is_appended_can_be_read(room, size, sweep, results):
    fill(sweep, room, size).append([made(sweep / "9", 9)])
    assert read(sweep) == [*results, made(sweep / "9", 9)]


def test_a_new_journal_has_its_name_on_the_disk_when_it_counts(sweep, results, monkeypatch):
    synced = []
    monkeypatch.setattr(journals, "sync_path", synced.append)
    journal = Journal(sweep)
    for result in results:
        journal.append([result])
    assert synced == [sweep]


def test_its_name_is_on_the_disk_even_if_the_first_write_failed(sweep, results, monkeypatch):
    synced, journal = [], Journal(sweep)
    monkeypatch.setattr(journals, "sync_path", synced.append)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="No space left"):
            journal.append(results)
    journal.append(results)
    assert sweep in synced
    assert read(sweep) == results


def test_results_are_written_through_when_an_append_returns(sweep, results, monkeypatch):
    through = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (fsync(file), through.append(read(sweep))))
    Journal(sweep).append(results)
    assert results in through


# ---- its end


@pytest.mark.usefixtures("written")
def test_it_is_removed_after_all_else_has_been_written_through(sweep, tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(journals, "sync_disk", lambda place: synced.append((place, (sweep / JOURNAL).exists())))
    Journal(sweep).close(tmp_path)
    assert synced == [(sweep, True), (tmp_path, True)]
    assert not (sweep / JOURNAL).exists()


def test_it_stays_where_the_disk_takes_nothing(written, sweep, results, monkeypatch):
    monkeypatch.setattr(journals, "sync_disk", refuse)
    with pytest.raises(OSError, match="No space left"):
        Journal(sweep).close()
    assert read(sweep) == results


def test_where_there_is_none_nothing_is_done_at_its_end(sweep, monkeypatch):
    monkeypatch.setattr(journals, "sync_disk", lambda place: pytest.fail("the disk was asked"))
    Journal(sweep).close(sweep)
    assert [*sweep.iterdir()] == []


def test_a_real_disk_takes_what_was_written(written, sweep, tmp_path):
    Journal(sweep).close(tmp_path)
    assert not written.exists()


# ---- folders that are written anew from it


def is_as_in(result: JobResult) -> bool:
    """Tell whether a folder has a result, byte for byte."""
    files = {name: (result.folder / name).read_bytes() for name in result.contents}
    return files == result.contents and job_folder.read_kept(result.folder) == result.kept


def write_folders(results: list[JobResult], through: bool = False) -> None:
    for result in results:
        result.folder.mkdir(parents=True, exist_ok=True)
        job_folder.write_result(result, through=through)


def restored(sweep: Path, results: list[JobResult]) -> bool:
    """Restore, and tell whether all is there then, waits, and needs no journal any more."""
    upload.restore_folders(sweep)
    waiting = sorted(result.folder for result in results)
    return (
        all(map(is_as_in, results)) and upload.find_unsent_in_sweep(sweep) == waiting and not (sweep / JOURNAL).exists()
    )


@pytest.mark.usefixtures("written")
def test_folders_that_are_not_there_are_made(sweep, results):
    assert restored(sweep, results)


DAMAGES = {
    "a record that is missing": ("record.json", Path.unlink),
    "a record that is empty": ("record.json", lambda path: path.write_bytes(b"")),
    "a record that is cut off": ("record.json", lambda path: path.write_bytes(path.read_bytes()[:-3])),
    "a file that is missing": ("history.parquet", Path.unlink),
    "an empty file that is missing": ("empty.txt", Path.unlink),
    "a file that is empty": ("history.parquet", lambda path: path.write_bytes(b"")),
    "a file with other bytes": ("history.parquet", lambda path: path.write_bytes(path.read_bytes()[::-1])),
}


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_folder_that_is_not_whole_is_written_anew(which, damage, sweep, results):
    write_folders(results)
    name, spoil = DAMAGES[damage]
    spoil(results[which].folder / name)
    assert restored(sweep, results)


@pytest.mark.usefixtures("written")
def test_a_folder_with_another_record_is_written_anew(sweep, results):
    write_folders([replace(made(results[0].folder, 0), kept=replace(results[0].kept, n_epochs=3))])
    assert restored(sweep, results)


def anatomy(results: list[JobResult]) -> dict[Path, tuple[int, int]]:
    """Tell which files are there, and when each was written."""
    paths = [result.folder / name for result in results for name in (*result.contents, "record.json")]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


@pytest.mark.usefixtures("written")
def test_folders_that_are_whole_are_left_alone_but_for_a_mark(sweep, results):
    write_folders(results)
    before = anatomy(results)
    assert restored(sweep, results)
    assert anatomy(results) == before


@pytest.mark.usefixtures("written")
def test_a_result_that_was_sent_already_is_asked_for_again(sweep, results):
    write_folders(results, through=True)
    for result in results:
        job_folder.remove_waiting_mark(result.folder)
    assert upload.find_unsent_in_sweep(sweep) == []
    assert restored(sweep, results)


def test_the_last_result_of_a_folder_counts(sweep):
    first, last = made(sweep / "0", 0), made(sweep / "0", 0, attempt=2)
    Journal(sweep).append([first, made(sweep / "1", 1), last])
    assert restored(sweep, [made(sweep / "1", 1), last])


def test_a_later_attempt_that_no_journal_took_is_not_undone(sweep):
    Journal(sweep).append([made(sweep / "0", 0)])
    write_folders([later := made(sweep / "0", 0, attempt=2)], through=True)  # as where the journal cannot be written
    assert restored(sweep, [later])


@pytest.mark.usefixtures("written")
def test_a_sweep_that_was_moved_is_restored_where_it_is(sweep, results):
    moved = sweep.rename(sweep.with_name("s2"))
    assert restored(moved, [replace(each, folder=moved / each.folder.relative_to(sweep)) for each in results])
    assert not sweep.exists()


def test_of_a_torn_journal_what_is_whole_is_restored(written, sweep, results):
    os.truncate(written, written.stat().st_size - 1)
    assert restored(sweep, results[:-1])
    assert not results[-1].folder.exists()


def test_without_a_journal_nothing_is_restored(sweep):
    upload.restore_folders(sweep)
    assert [*sweep.iterdir()] == []


class Cut(BaseException):
    """The program ends."""


@pytest.mark.parametrize("call", ["os.replace", "os.fsync", "pathlib.Path.touch", "pathlib.Path.mkdir"])
def test_interrupted_anywhere_it_comes_to_the_same_the_next_time(call, sweep, results, monkeypatch):
    n_cut = 0
    for turn in range(100):
        Journal(sweep).append(results)
        with monkeypatch.context() as patch, contextlib.suppress(Cut):
            patch.setattr(call, cut_at(turn, call))
            upload.restore_folders(sweep)
            break
        n_cut += 1
        assert (sweep / JOURNAL).exists()
        assert restored(sweep, results), turn
        for path in (path for path in sweep.rglob("*") if path.is_file()):
            path.unlink()
    assert n_cut >= len(results)


def cut_at(turn: int, call: str):
    """Let a function end the program when it is called for the so manieth time."""
    owner, _, name = call.rpartition(".")
    whole = getattr(Path if owner.startswith("pathlib") else os, name)
    turns = iter(range(turn, -1, -1))

    def cut(*given, **named):
        if next(turns, 1) == 0:
            raise Cut
        return whole(*given, **named)

    return cut


def test_where_a_folder_cannot_be_written_the_journal_stays(written, sweep, results):
    (results[0].folder / "record.json").mkdir(parents=True)
    with pytest.raises((OSError, ConfigError)):
        upload.restore_folders(sweep)
    assert read(sweep) == results
    (results[0].folder / "record.json").rmdir()
    assert restored(sweep, results)


def test_sweeps_that_came_to_no_end_are_found_by_their_journal(sweep):
    for place in (sweep, sweep.with_name("s0")):
        Journal(place).append([]) if place.exists() else place.mkdir()
    assert upload.find_journaled(sweep.parent) == upload.find_journaled(sweep) == [sweep]
    assert upload.find_journaled(sweep.parent / "nowhere") == []
