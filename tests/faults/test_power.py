"""A power cut at any moment costs nothing that had been told as finished: the same command goes on with all of it."""

import shutil
import sqlite3
import tempfile
import threading
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from pathlib import Path

import pytest
from harness import oracle
from harness.campaigns import Campaign, Trial, campaign
from harness.power import BLOCK, FATES, Cut, cuts, image, lasting, written_through
from harness.programs import orphans
from harness.recording import Named, Recording, Synced, Written, record, tree, why_not

from nnsweep.errors import DataError
from nnsweep.jobs.job_folder import check_files, read_kept
from nnsweep.jobs.journal import JOURNAL, read_journal
from nnsweep.tracking.record import RunRecord

COMMAND = [
    *("-m", "data=iris", "arch=linear,shallow", "optimizer=gradient_descent,adam", "trainer.epochs=3"),
    *("checkpoint_every=1", "tracking.pictures=false"),
]
"""A sweep of four jobs, one stack each."""
WORKERS = [*COMMAND, "sweep.workers=2"]
SAME_FOLDER = [*COMMAND, "hydra.sweep.dir=multirun/same"]
FEW, MANY = 20, 240
"""How many power cuts are replayed in CI, and by `-m soak`."""


@dataclass(frozen=True)
class Told:
    """Records of jobs that had been told as finished, by their folders, and after how many operations."""

    at: int
    records: dict[Path, RunRecord]


@dataclass
class Lane:
    """A recorded sweep; every replay takes place in its folder, because a store names places from the root."""

    name: str
    folder: Path
    command: list[str]
    recording: Recording
    told: list[Told]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def told_before(self, cut: Cut) -> dict[Path, RunRecord]:
        return dict(chain.from_iterable(told.records.items() for told in self.told if told.at <= cut.at))


@pytest.fixture(scope="module")
def lanes(studies) -> list[Lane]:
    """Record several sweeps.

    One is in one process, one has a folder that the next one has, too, one has workers and makes its store, and one
    goes on after a power cut.
    """
    if reason := why_not():
        pytest.skip(reason)
    first = [_lane("alone", studies.new(), COMMAND), _lane("in the same folder", studies.new(), SAME_FOLDER)]
    first.append(_lane("with workers", studies.new(ready=False), WORKERS))
    begun = _lane("begun", studies.new(), COMMAND)
    half = Cut(begun.told[2].at, "nothing")
    _restore(begun, half)
    return [*first, _lane("gone on", begun.folder, COMMAND, begun.told_before(half))]


def _lane(name: str, folder: Path, command: list[str], before: dict[Path, RunRecord] | None = None) -> Lane:
    recording = record(folder, command)
    journals = written_through(recording, JOURNAL)
    told = [Told(0, before or {}), *(Told(at, _records(path.parent, content)) for at, path, content in journals)]
    lane = Lane(name, folder, command, recording, told)
    there, end = tree(folder), Cut(len(recording.operations), "everything")
    _restore(lane, end)
    assert tree(folder) == there, "the recording is not whole"
    assert len(lane.told_before(end)) == 4
    return lane


def _records(sweep: Path, journal: bytes) -> dict[Path, RunRecord]:
    """Read the journal of a sweep as the disk had it."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / JOURNAL).write_bytes(journal)
        return {sweep / result.folder.name: result.kept.record for result in read_journal(Path(place))}


def _restore(lane: Lane, cut: Cut) -> None:
    """Let a lane's folder be as the disk is after a power cut."""
    shutil.rmtree(lane.folder, ignore_errors=True)
    lane.folder.mkdir()
    image(lane.recording, cut).restore(lane.folder)


def _replay(studies, point: tuple[Lane, Cut]) -> Trial:
    """Give the same command again after a power cut; the study is kept apart if something is wrong then."""
    lane, cut = point
    before = lane.recording.operations[cut.at - 1] if cut.at else "nothing"
    trial = Trial(f"{lane.name}: {cut} after {str(before)[:200]}")
    wanted = studies.undisturbed(COMMAND)[1]
    with lane.lock:
        _restore(lane, cut)
        ended = studies.programs.run(lane.folder, lane.command, boot="the next one")
        trial.problems += [] if ended.code == 0 else [ended.told()]
        trial.problems += ended.tracebacks() + orphans(ended.pid)
        try:
            trial.problems += oracle.wrong(lane.folder, wanted)
            trial.problems += _not_taken_over(lane.folder, lane.told_before(cut))
        except (OSError, ValueError, EOFError, sqlite3.Error) as error:
            trial.problems.append(f"what is there cannot be read: {error!r}")
        trial.problems += [f"left: {name}" for name in oracle.temporary_files(lane.folder)]
        if trial.problems:
            lane.folder.rename(f"{lane.folder}-{cut.at}-{cut.seed}")
    return trial


def _not_taken_over(study: Path, told: dict[Path, RunRecord]) -> list[str]:
    """Name the results that had been told as finished, and were trained again or are not whole."""
    finished = {run.key: run for run in oracle.runs(study) if run.tags.get("nnsweep.state") == "finished"}
    problems = []
    for folder, result in told.items():
        run = finished.get(result.key)
        is_same = run and oracle.seconds(study, run) == [result.metrics["duration_seconds"]]
        problems += [] if is_same else [f"{result.name} was told as finished, and trained again"]
        problems += [f"{result.name} in its folder: {what}" for what in _damage(folder)]
    return problems


def _damage(folder: Path) -> list[str]:
    """Say what a job's folder lacks of its record."""
    try:
        kept = read_kept(folder)
        if kept is None:
            return ["there is no record"]
        check_files(folder, kept)
    except DataError as error:
        return error.problems
    return []


def _points(lanes: list[Lane], number: int) -> list[tuple[Lane, Cut]]:
    """Choose power cuts, as many of each lane, and one after the other of them."""
    chosen = zip_longest(*([(lane, cut) for cut in cuts(lane.recording, seed)] for seed, lane in enumerate(lanes)))
    return [*islice((point for points in chosen for point in points if point), number)]


def _demand(result: Campaign, held) -> None:
    """Demand that every replay held what is promised, without any excuse."""
    held(result)
    assert not result.known()


def test_nothing_told_as_finished_is_lost_by_a_power_cut(studies, lanes, held):
    _demand(campaign(lambda point: _replay(studies, point), _points(lanes, FEW)), held)


@pytest.mark.soak
def test_nothing_told_is_lost_by_a_power_cut_at_any_moment(studies, lanes, held):
    _demand(campaign(lambda point: _replay(studies, point), _points(lanes, MANY)), held)


# ---- the disk


OLD, NEW = 4 * BLOCK * b"\1", 4 * BLOCK * b"\2"
"""Four blocks each."""


@pytest.fixture
def written() -> Recording:
    """Give a recording: a file is written to and synced, given another name, and written to again."""
    first, rename, again = Written(0, 0, OLD), Named({"/s/a": None, "/s/b": 0}), Written(0, 0, NEW)
    return Recording({"/s/a": 0}, {0: b""}, [first, Synced(0, "", 1), rename, again])


@pytest.mark.parametrize("fate", FATES)
def test_what_was_synced_is_on_every_disk(written, fate):
    assert lasting(written.operations) == {0}
    for seed in range(50):
        found = image(written, Cut(2, fate, seed))
        assert (found.names, found.contents) == ({"/s/a": 0}, {0: OLD})


def test_a_name_lasts_with_the_folder_it_is_in(written):
    written.operations.append(Synced(None, "/s", 4))
    found = image(written, Cut(5, "nothing"))
    assert (found.names, found.contents) == ({"/s/b": 0}, {0: OLD})


@pytest.mark.parametrize("fate", FATES)
def test_a_rename_is_there_or_not(written, fate):
    found = [image(written, Cut(4, fate, seed)).names for seed in range(50)]
    assert all(names in ({"/s/a": 0}, {"/s/b": 0}) for names in found)


def test_a_write_is_torn_at_any_block_and_nowhere_else(written):
    found = {bytes(image(written, Cut(4, "some, some torn", seed)).contents[0]) for seed in range(300)}
    blocks = [{content[at : at + BLOCK] for content in found} for at in range(0, 4 * BLOCK, BLOCK)]
    assert blocks == 4 * [{bytes([value]) * BLOCK for value in (0, 1, 2)}]
