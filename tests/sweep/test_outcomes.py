import pytest
from hydra.core.utils import JobReturn, JobStatus

from nnsweep.errors import StoreError
from nnsweep.sweep.folder import write_record
from nnsweep.sweep.outcomes import outcomes, store_failed
from nnsweep.tracking.record import RunRecord

GRID = [["seed=0"], ["seed=1"], []]


def record(number, state="finished"):
    return RunRecord(run_id=f"id{number}", name=f"job{number}", state=state, job=number)


def completed(number):
    return JobReturn(status=JobStatus.COMPLETED, _return_value=record(number))


def failed(error):
    return JobReturn(status=JobStatus.FAILED, _return_value=error)


def written(folder, number, state):
    (folder / str(number)).mkdir()
    write_record(folder / str(number), record(number, state))


def test_what_jobs_returned_comes_in_the_order_of_the_grid(tmp_path):
    assert outcomes(GRID, [completed(number) for number in range(3)], tmp_path) == [
        record(number) for number in range(3)
    ]


def test_what_a_job_returned_wins_over_what_it_wrote(tmp_path):
    written(tmp_path, 0, "interrupted")
    assert outcomes(GRID[:1], [completed(0)], tmp_path) == [record(0)]


def test_a_job_that_raised_has_failed_with_its_reason(tmp_path, capfd):
    (told,) = outcomes(GRID[:1], [failed(ValueError("no luck"))], tmp_path)
    assert told == RunRecord(run_id="", name="seed=0", state="failed", reason="ValueError: no luck", job=0)
    assert capfd.readouterr() == ("", "")


def test_a_job_that_raised_after_its_record_keeps_its_record(tmp_path):
    written(tmp_path, 0, "finished")
    assert outcomes(GRID[:1], [failed(StoreError("gone"))], tmp_path) == [record(0)]


def test_after_an_interruption_the_folders_tell_what_ended(tmp_path):
    written(tmp_path, 0, "finished")
    written(tmp_path, 1, "interrupted")
    told = outcomes(GRID, [], tmp_path)
    assert told[:2] == [record(0), record(1, "interrupted")]
    assert told[2] == RunRecord(run_id="", name="job 2", state="interrupted", reason="it did not run", job=2)


def test_fewer_returns_than_jobs_leave_the_rest_not_run(tmp_path):
    states = [told.state for told in outcomes(GRID, [completed(0)], tmp_path)]
    assert states == ["finished", "interrupted", "interrupted"]


def test_a_job_of_unknown_end_did_not_run(tmp_path):
    (told,) = outcomes(GRID[:1], [JobReturn()], tmp_path)
    assert (told.state, told.reason) == ("interrupted", "it did not run")


def test_a_half_record_counts_as_none(tmp_path):
    written(tmp_path, 0, "finished")
    path = tmp_path / "0" / "record.json"
    path.write_bytes(path.read_bytes()[:20])
    assert outcomes(GRID[:1], [], tmp_path)[0].reason == "it did not run"


def test_a_folder_may_lie_deeper(tmp_path):
    (tmp_path / "a").mkdir()
    written(tmp_path / "a", 1, "finished")
    assert outcomes(GRID, [], tmp_path)[1] == record(1)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ([], False),
        ([completed(0)], False),
        ([failed(ValueError("x"))], False),
        ([JobReturn()], False),
        ([completed(0), failed(StoreError("gone"))], True),
    ],
)
def test_a_refusing_store_is_known_by_its_error(returns, expected):
    assert store_failed(returns) is expected
