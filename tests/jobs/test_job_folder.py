"""A folder has a record and the files that belong to it whole, or shows that it has not."""

import dataclasses
import json
import os
import random

import numpy as np
import pytest

from nnsweep.errors import ConfigError, DataError
from nnsweep.jobs import job_folder
from nnsweep.jobs.result import JobResult, Kept, encode_history
from nnsweep.tracking.record import RunRecord

HISTORY = {"epoch": np.arange(7.0), "train_cost": np.array([3.0, 1 / 3, np.nan, 1e-300, 2.0, np.inf, 0.1])}
CONTENTS = {"history.parquet": random.Random(0).randbytes(3000), "weights.npz": random.Random(1).randbytes(2000)}


@pytest.fixture
def record():
    return RunRecord(
        run_id="0123",
        name="20-20-tanh-inv-s0 \u2713",
        state="finished",
        reason='"quoted"\n',
        settings={"seed": 0, "data.standardize": True, "trainer.patience": None, "arch": "1e3", "rate": 0.1},
        metrics={"test_accuracy": 1 / 3, "n_parameters": 2524.0, "tiny": 5e-324},
        sweep="20260101-000000-abcd",
        job=4,
    )


@pytest.fixture
def kept(record):
    """Give a record with all that the store is told of its run."""
    return Kept(
        record=record,
        experiment="study",
        tags={"nnsweep.key": "ab", "mlflow.note.content": "A network.\n\nIt \u2713"},
        data={"name": "iris", "digest": "cd" * 16, "source": "scikit-learn"},
        axes={"seed": 0, "rate": 0.1},
        best_epoch=3,
        max_points=9,
        n_epochs=7,
    )


@pytest.fixture
def result(kept, tmp_path):
    """Give a result whose record has no files yet."""
    return JobResult(folder=tmp_path, kept=kept)


@pytest.fixture
def whole(result):
    """Give one with files, which its record knows."""
    return dataclasses.replace(result, contents=CONTENTS).of_run("0123", "study")


@pytest.fixture(params=[True, False], ids=["through", "at leisure"])
def through(request):
    return request.param


def test_a_record_comes_back_equal(through, result, kept, record, tmp_path):
    job_folder.write_result(result, through=through)
    assert job_folder.read_kept(tmp_path) == kept
    read = job_folder.read_record(tmp_path)
    assert read == record
    assert {name: type(value) for name, value in read.settings.items()} == {
        name: type(value) for name, value in record.settings.items()
    }


def test_an_absent_record_is_none(tmp_path):
    assert job_folder.read_kept(tmp_path) is None
    assert job_folder.read_record(tmp_path) is None
    assert job_folder.read_record(tmp_path / "nowhere") is None


def test_a_record_that_is_cut_off_anywhere_is_damaged(result, tmp_path):
    job_folder.write_result(result)
    path = tmp_path / job_folder.RECORD
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert job_folder.read_record(tmp_path) is None, length
        with pytest.raises(DataError, match=r"record\.json: (is damaged|cannot be read) .*has to be run again$"):
            job_folder.read_kept(tmp_path)


def mutations(whole: bytes, n: int, seed: int):
    """Damage a file in many ways: bits, zeros, and pieces that are doubled, changed about or left out."""
    source = random.Random(seed)
    for number in range(n):
        damaged = bytearray(whole)
        for _ in range(source.choice((1, 1, 1, 2, 5))):
            start = source.randrange(len(damaged))
            size = min(source.choice((1, 1, 2, 4, 16, 300)), len(damaged) - start)
            other = source.randrange(len(damaged) - size + 1)
            piece = bytes(damaged[start : start + size])
            match source.choice(("flip", "byte", "zero", "duplicate", "swap", "delete")):
                case "flip":
                    damaged[start] ^= 1 << source.randrange(8)
                case "byte":
                    damaged[start] = source.randrange(256)
                case "zero":
                    damaged[start : start + size] = bytes(size)
                case "duplicate":
                    damaged[other:other] = piece
                case "swap":
                    damaged[start : start + size], damaged[other : other + size] = damaged[other : other + size], piece
                case "delete" if len(damaged) > size:
                    del damaged[start : start + size]
        yield number, bytes(damaged)


def test_a_damaged_record_never_comes_out_with_other_values(result, kept, tmp_path):
    job_folder.write_result(result)
    path = tmp_path / job_folder.RECORD
    refused = 0
    for number, damaged in mutations(path.read_bytes(), 1000, seed=1):
        path.write_bytes(damaged)
        try:
            read = job_folder.read_kept(tmp_path)
        except DataError:
            refused += 1
        else:
            assert (read, repr(read)) == (kept, repr(kept)), number
    assert refused > 900


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{}", "null", "3", '"content"', "[" * 100_000, '{"a":' * 100_000, '{"checksum": 1, "content": {}}',
        '{"checksum": "x", "content": [1]}', "NaN", "1" * 10_000, "\x00", "\xff",
        '{"checksum": "\ud800", "content": 0}',
    ],
    ids=lambda text: ascii(text)[:30],
)  # fmt: skip
def test_a_record_that_is_something_else_is_damaged(text, tmp_path):
    (tmp_path / job_folder.RECORD).write_bytes(text.encode("latin-1", errors="replace"))
    with pytest.raises(DataError):
        job_folder.read_kept(tmp_path)
    assert job_folder.read_record(tmp_path) is None


def test_a_record_of_another_shape_is_damaged_with_its_checksum(kept, tmp_path):
    for content in ({}, [], {"record": {}}, {**dataclasses.asdict(kept), "more": 1}, {"record": 3}, 7):
        text = json.dumps({"checksum": job_folder._checksum(content), "content": content})
        (tmp_path / job_folder.RECORD).write_text(text)
        with pytest.raises(DataError):
            job_folder.read_kept(tmp_path)


def test_a_folder_in_the_place_of_the_record_is_damage(tmp_path):
    (tmp_path / job_folder.RECORD).mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        job_folder.read_kept(tmp_path)


def test_the_files_of_a_record_are_known_by_their_hashes(through, whole, tmp_path):
    job_folder.write_result(whole, through=through)
    read = job_folder.read_kept(tmp_path)
    assert read == whole.kept
    assert read.files.keys() == {"history.parquet", "weights.npz"}
    assert job_folder.check_files(tmp_path, read) == [tmp_path / "history.parquet", tmp_path / "weights.npz"]


def test_files_have_the_contents_of_the_result_in_both_ways(through, whole, tmp_path):
    job_folder.write_result(whole, through=through)
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name not in ("record.json", "waiting")}
    assert found == CONTENTS


def test_both_ways_of_writing_leave_the_same_record(whole, tmp_path):
    records = []
    for through in (True, False):
        (place := tmp_path / str(through)).mkdir()
        job_folder.write_result(dataclasses.replace(whole, folder=place), through=through)
        records.append((place / job_folder.RECORD).read_bytes())
    assert records[0] == records[1]


def test_a_history_is_read_as_it_was_written(through, result, tmp_path):
    contents = {"history.parquet": encode_history(HISTORY)}
    job_folder.write_result(dataclasses.replace(result, contents=contents), through=through)
    read = job_folder.read_history_file(tmp_path)
    assert {name: curve.tobytes() for name, curve in read.items()} == {
        name: curve.tobytes() for name, curve in HISTORY.items()
    }


def test_curves_side_by_side_have_whole_epochs():
    side_by_side = job_folder.make_history_frame(HISTORY)
    assert side_by_side["epoch"].dtype == np.int64
    assert side_by_side["train_cost"].to_numpy().tobytes() == HISTORY["train_cost"].tobytes()


def test_nothing_else_is_left_in_the_folder(through, whole, tmp_path):
    job_folder.write_result(whole, through=through)
    named = {"record.json", "weights.npz", "history.parquet"} | ({"waiting"} if through else set())
    assert {path.name for path in tmp_path.iterdir()} == named


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_that_is_damaged_or_gone_is_told(name, whole, tmp_path):
    job_folder.write_result(whole)
    path = tmp_path / name
    for _, damaged in mutations(CONTENTS[name], 50, seed=2):
        if damaged != CONTENTS[name]:
            path.write_bytes(damaged)
            with pytest.raises(DataError, match=f"{name}: is damaged"):
                job_folder.check_files(tmp_path, whole.kept)
    path.unlink()
    with pytest.raises(DataError, match=f"{name}: cannot be read"):
        job_folder.check_files(tmp_path, whole.kept)


def test_a_name_in_a_record_leads_nowhere_but_into_its_folder(kept, tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "job").mkdir()
    outside = dataclasses.replace(kept, files={"../secret": "0" * 64})
    with pytest.raises(DataError, match="job/secret: cannot be read"):
        job_folder.check_files(tmp_path / "job", outside)


@pytest.fixture
def earlier(result):
    """Give the result of an attempt before it, with other contents."""
    contents = {name: b"earlier " + content for name, content in CONTENTS.items()}
    return dataclasses.replace(result, contents=contents).of_run("0000", "study")


@pytest.mark.parametrize("first", [True, False])
def test_a_later_result_takes_the_place_of_an_earlier_one(first, through, earlier, whole, tmp_path):
    job_folder.write_result(earlier, through=first)
    job_folder.write_result(whole, through=through)
    assert job_folder.read_kept(tmp_path) == whole.kept
    assert {name: (tmp_path / name).read_bytes() for name in CONTENTS} == CONTENTS


def test_a_file_that_the_store_has_a_link_to_stays_what_it_was(through, earlier, whole, tmp_path):
    job_folder.write_result(earlier)
    (store := tmp_path / "store").mkdir()
    for name in (*CONTENTS, job_folder.RECORD):
        os.link(tmp_path / name, store / name)
    before = {path.name: path.read_bytes() for path in store.iterdir()}
    job_folder.write_result(whole, through=through)
    assert {path.name: path.read_bytes() for path in store.iterdir()} == before
    assert before.items() > earlier.contents.items()


def jobs(whole, tmp_path, *contents):
    """Give results of several jobs with their own folders."""
    results = []
    for number, each in enumerate(contents):
        (folder := tmp_path / str(number)).mkdir()
        results.append(dataclasses.replace(whole, folder=folder, contents=each).of_run(str(number), "study"))
    return results


def test_what_two_jobs_in_a_row_have_is_one_file_with_two_names(whole, tmp_path):
    names, latest = ["history.parquet", "weights.npz"], {}
    results = jobs(whole, tmp_path, CONTENTS, CONTENTS | {"weights.npz": b"others"}, CONTENTS)
    for result in results:
        job_folder.write_result(result, through=False, latest=latest)
    nodes = [[(result.folder / name).stat().st_ino for result in results] for name in names]
    assert [len({*same}) for same in nodes] == [1, 3]
    for result in results:
        assert {name: (result.folder / name).read_bytes() for name in names} == result.contents
        job_folder.check_files(result.folder, job_folder.read_kept(result.folder))


@pytest.mark.parametrize("obstacle", ["no links", "the first is gone", "an earlier attempt", "an earlier link"])
def test_where_no_link_can_be_the_file_is_written(obstacle, through, whole, earlier, tmp_path, monkeypatch):
    first, second = jobs(whole, tmp_path, CONTENTS, CONTENTS)
    latest = {}
    job_folder.write_result(first, through=False, latest=latest)
    match obstacle:
        case "no links":
            monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError()))
        case "the first is gone":
            for name in CONTENTS:
                (first.folder / name).unlink()
        case "an earlier attempt":
            job_folder.write_result(dataclasses.replace(earlier, folder=second.folder), through=through)
        case "an earlier link":
            second = first
    job_folder.write_result(second, through=through, latest=latest)
    assert {name: (second.folder / name).read_bytes() for name in CONTENTS} == CONTENTS


def test_rewriting_a_job_leaves_jobs_with_links_as_they_are(through, whole, earlier, tmp_path):
    (first, second), latest = jobs(whole, tmp_path, CONTENTS, CONTENTS), {}
    for result in (first, second):
        job_folder.write_result(result, through=False, latest=latest)
    job_folder.write_result(dataclasses.replace(earlier, folder=first.folder), through=through, latest=latest)
    job_folder.check_files(second.folder, job_folder.read_kept(second.folder))


@pytest.mark.parametrize("name", CONTENTS)
def test_there_is_no_record_before_all_of_its_files(name, through, whole, tmp_path):
    (tmp_path / name).mkdir()  # no file can be written there
    with pytest.raises((OSError, ConfigError)):
        job_folder.write_result(whole, through=through)
    assert not (tmp_path / job_folder.RECORD).exists()
    assert job_folder.read_kept(tmp_path) is None


@pytest.mark.parametrize("name", CONTENTS)
def test_an_earlier_attempts_record_never_vouches_for_a_half(name, through, earlier, whole, tmp_path):
    job_folder.write_result(earlier)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises((OSError, ConfigError)):
        job_folder.write_result(whole, through=through)
    left = job_folder.read_kept(tmp_path)
    assert left in (None, earlier.kept)
    if left is not None:
        with pytest.raises(DataError):
            job_folder.check_files(tmp_path, left)


def test_what_is_written_through_waits_before_it_has_its_record(whole, tmp_path, monkeypatch):
    there = []
    replace = os.replace
    monkeypatch.setattr(
        os, "replace", lambda *paths: (there.append(job_folder.RECORD in str(paths[1])), replace(*paths))
    )
    monkeypatch.setattr(job_folder, "mark_waiting", lambda place: there.append("marked"))
    job_folder.write_result(whole)
    assert there == [False, False, "marked", True]


def test_only_what_is_written_through_is_marked_as_waiting(through, whole, tmp_path):
    job_folder.write_result(whole, through=through)
    assert (tmp_path / job_folder.WAITING).exists() is through
    assert job_folder.is_sent(tmp_path) is not through


def test_a_new_record_waits_whatever_became_of_the_one_before_it(result, tmp_path):
    job_folder.write_result(result)
    assert not job_folder.is_sent(tmp_path)
    job_folder.remove_waiting_mark(tmp_path)
    assert job_folder.is_sent(tmp_path)
    job_folder.write_result(result)
    assert not job_folder.is_sent(tmp_path)


def test_a_mark_can_be_set_and_taken_away_twice(result, tmp_path):
    job_folder.write_result(result, through=False)
    for mark, is_sent in ((job_folder.mark_waiting, False), (job_folder.remove_waiting_mark, True)):
        for _ in range(2):
            mark(tmp_path)
            assert job_folder.is_sent(tmp_path) is is_sent


def test_where_there_is_no_record_nothing_has_been_sent(tmp_path):
    assert not job_folder.is_sent(tmp_path)
    job_folder.remove_waiting_mark(tmp_path / "nowhere")
    assert not job_folder.is_sent(tmp_path / "nowhere")


def test_a_record_that_cannot_be_marked_as_sent_goes_on_waiting(result, tmp_path):
    job_folder.write_result(result, through=False)
    (tmp_path / job_folder.WAITING).mkdir()  # that is no file which can be removed
    job_folder.remove_waiting_mark(tmp_path)
    assert not job_folder.is_sent(tmp_path)
