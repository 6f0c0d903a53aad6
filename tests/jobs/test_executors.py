"""A crew's plan, and what a sweeper gets back from it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from nnsweep.data import cache
from nnsweep.jobs import executors, machine, process_pool, worker
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.executors import ProcessExecutor, _map_datasets
from nnsweep.jobs.hydra_job import VERSION_BASE
from nnsweep.jobs.journal import Journal
from nnsweep.jobs.launchers import LauncherExecutor
from nnsweep.jobs.outcome import collect_records, has_failed
from nnsweep.jobs.plan import close_lost_runs
from nnsweep.jobs.recorder import Recorder
from nnsweep.jobs.result import Died, Ended, JobResult, Kept
from nnsweep.jobs.sent_jobs import make_job_return
from nnsweep.jobs.task import Task
from nnsweep.jobs.tasks import make_tasks
from nnsweep.tracking.earlier import EarlierRun, find_running, find_runs_by_key
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, prepare_store

pytestmark = pytest.mark.slow


@pytest.fixture
def make(compose, tmp_path: Path) -> Callable[..., list[Task]]:
    """Give a function that makes the tasks of some seeds."""

    def of(*overrides: str, seeds: int = 3) -> list[Task]:
        where = f"hydra.sweep.dir={tmp_path}/sweep"
        grid = [["data=iris", f"seed={seed}", where, *overrides] for seed in range(seeds)]
        return make_tasks(grid, lambda given: compose([*given, "hydra.mode=MULTIRUN"]))

    return of


@pytest.fixture
def crew(monkeypatch) -> type[ProcessExecutor]:
    """Give the executor of a machine with two cores, on which nothing is started."""
    monkeypatch.setattr(machine, "count_physical_cores", lambda: 2)
    monkeypatch.setattr(process_pool, "warm_up", lambda modules: None)

    return ProcessExecutor


@pytest.fixture
def launch(monkeypatch) -> Callable[..., dict[int, Any]]:
    """Give a function that runs tasks, each stack of which another function trains; it tells what became of each.

    With `fail_fast`, nothing more is wanted after the first failure.
    """

    def run(some: Sequence[Task], train: Callable[[Sequence[Task]], list[RunRecord]]) -> dict[int, Any]:
        def trained(data: Any, draw: Any, n_threads: int, tasks: Sequence[Task]) -> Iterator[Ended]:
            yield Ended([result_of(record) for record in train(tasks)])

        monkeypatch.setattr(executors, "train_in_worker", trained)
        return ends_of(ProcessExecutor(some), some)

    return run


def result_of(record: RunRecord) -> JobResult:
    return JobResult(folder=Path(), kept=Kept(record=record, experiment=""))


def ends_of(executor: Any, some: Sequence[Task]) -> dict[int, Any]:
    told: dict[int, Any] = {}

    def stop() -> bool:
        return some[0].job.fail_fast and any(map(has_failed, told.values()))

    for event in executor.run(some, stop):
        if isinstance(event, Died):
            told |= {number: event.error for number, _ in event.attempts}
        elif isinstance(event, Ended):
            told |= {result.kept.record.job: result.kept.record for result in event.results}
    return told


def test_little_work_is_done_in_this_process(make, crew):
    begun = crew(make())
    assert begun.n_workers == 1
    assert [stack.numbers for stack in begun.form_stacks(make())] == [(0, 1, 2)]


def test_much_work_is_shared_by_all_cores(make, crew):
    begun = crew(make("trainer.epochs=100000"))
    assert begun.n_workers == 2
    assert sorted(len(stack.numbers) for stack in begun.form_stacks(make("trainer.epochs=100000"))) == [1, 2]


def test_chosen_workers_are_taken_even_for_little_work(make, crew):
    assert crew(make("sweep.workers=3")).n_workers == 3
    assert crew(make("sweep.workers=8")).n_workers == 3  # no more than there are jobs
    assert crew(make("sweep.workers=1", "trainer.epochs=100000")).n_workers == 1


@pytest.fixture
def n_threads_of(monkeypatch) -> Callable[[Sequence[Task]], list[int]]:
    """Give a function that launches tasks and tells how many threads each could have."""
    monkeypatch.setattr(executors, "train_in_worker", lambda data, draw, n_threads, tasks: [n_threads] * len(tasks))
    monkeypatch.setattr(
        process_pool, "run_pieces", lambda work, pieces, *_, **__: ((0, n) for piece in pieces for n in work(piece))
    )
    return lambda some: [*ProcessExecutor(some).run(some)]


@pytest.mark.parametrize(
    ("overrides", "seeds", "n_cores", "n_threads"),
    [
        ([], 1, 4, 4),
        ([], 3, 4, 4),  # little work: one stack in this process
        (["trainer.epochs=100000"], 1, 4, 4),
        (["sweep.workers=2"], 1, 4, 2),
        (["sweep.workers=1"], 3, 4, 1),
        (["sweep.workers=8"], 1, 4, 4),
    ],
)
def test_cores_without_a_worker_share_a_full_batch(
    overrides, seeds, n_cores, n_threads, make, n_threads_of, monkeypatch
):
    monkeypatch.setattr(machine, "count_physical_cores", lambda: n_cores)
    some = make("trainer.batch_size=null", *overrides, seeds=seeds)
    assert n_threads_of(some) == [n_threads] * seeds


def test_where_few_processes_are_allowed_each_has_one_thread(make, n_threads_of, monkeypatch):
    monkeypatch.setattr(machine, "count_physical_cores", lambda: 4)
    monkeypatch.setattr(machine, "choose_n_workers", lambda n_workers: 1)
    some = make("trainer.batch_size=null", "trainer.epochs=100000")
    assert n_threads_of(some) == [1] * 3


def test_stacks_take_no_more_memory_than_they_may(make, crew):
    some = make("sweep.workers=1", "sweep.max_stack_memory=1KB")
    assert [stack.numbers for stack in crew(some).form_stacks(some)] == [(0,), (1,), (2,)]


def test_what_ends_a_stack_is_told_of_each_of_its_jobs(make, launch):
    def train(_: Sequence[Task]) -> list[Any]:
        raise MemoryError("too many")

    told = launch(make("sweep.workers=1", seeds=4), train)
    assert {number: repr(outcome) for number, outcome in told.items()} == dict.fromkeys(
        range(4), "MemoryError('too many')"
    )


def test_a_data_set_is_left_for_workers_once_and_read_as_it_was(make, tmp_path):
    some = make() + make("data.split_seed=1")
    folders = _map_datasets(some, tmp_path / "data")
    assert len(folders) == 2
    data = some[0].job.data
    read, loaded = cache.read_mapped(folders[data.model_dump_json()]), worker.load_dataset(data)
    assert not read.train.X.flags.owndata
    assert not read.train.X.flags.writeable
    assert read.digest == loaded.digest
    for part, examples in loaded.parts.items():
        np.testing.assert_array_equal(read.parts[part].X, examples.X)
        np.testing.assert_array_equal(read.parts[part].y, examples.y)


def test_a_foreign_sweeper_gets_the_configurations_too(make):
    task = make("optimizer.learning_rate=0.5")[2]
    told = make_job_return(task, RunRecord(run_id="", name="", state="finished"))
    assert told.cfg.seed == 2
    assert told.cfg.optimizer.learning_rate == 0.5
    assert "hydra" not in told.cfg
    assert told.hydra_cfg.hydra.job.num == 2
    assert OmegaConf.is_config(told.hydra_cfg)
    assert (told.status, told.return_value.state) == (JobStatus.COMPLETED, "finished")
    assert (told.task_name, told.working_dir) == ("nnsweep", str(Path.cwd()))
    assert [*told.overrides][1] == "seed=2"


def test_a_foreign_sweeper_gets_the_exception_of_a_failed_job(make):
    told = make_job_return(make()[0], ValueError("seed 0"))
    assert told.status == JobStatus.FAILED
    with pytest.raises(ValueError, match="seed 0"):
        _ = told.return_value


# ---- jobs that take their worker with them, or raise what cannot be told: each costs itself alone

FAULTS = {
    "SIGKILL": "WorkerDied: its worker process was killed by SIGKILL (out of memory?)",
    "os._exit(0)": "WorkerDied: its worker process ended in the middle of it, with exit code 0",
    "segfault": "WorkerDied: its worker process was killed by SIGSEGV",
    "abort": "WorkerDied: its worker process was killed by SIGABRT",
    "sys.exit(0)": "SystemExit: 0",
    "unpicklable": "ValueError: ('has a function in it', <function",
    "unreadable": "Unreadable: one and other",
    "huge": "ValueError: xxxxxxxxx",
    "mute": "Mute: it cannot say what is wrong",
}
GOOD = (0, 1, 2, 3)


class Fallen(NamedTuple):
    store: Store
    seeds: list[int]
    records: dict[int, RunRecord]
    left: bool
    runs: list[EarlierRun]


@pytest.fixture(scope="module")
def fallen(ready_store_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Fallen:
    """Give what a sweep with every fault comes to, as real workers do it."""
    folder = tmp_path_factory.mktemp("fallen")
    shutil.copy(ready_store_file, folder / "mlflow.db")
    store = prepare_store(f"sqlite:///{folder}/mlflow.db", "study")
    with pytest.MonkeyPatch.context() as patch, initialize_config_dir(conf_dir(), **VERSION_BASE):
        patch.syspath_prepend(str(Path(__file__).parent))
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        import pieces

        assert [*pieces.FAULTS] == [*FAULTS]
        order = [GOOD[0], *range(pieces.FIRST_FAULT, pieces.FIRST_FAULT + len(FAULTS)), *GOOD[1:]]
        where = (f"hydra.sweep.dir={folder}/s1", f"tracking.uri={store.uri}", "tracking.experiment=study")
        how = ("data=iris", "trainer.epochs=4", "tracking.pictures=false", "sweep.workers=2", "hydra.mode=MULTIRUN")
        grid = [[f"seed={seed}", *where, *how] for seed in order]
        made = make_tasks(grid, lambda given: hydra_compose("config", [*given], return_hydra_config=True))
        (folder / "s1").mkdir()
        patch.setattr(executors, "train_in_worker", pieces.faulty)
        recorder = Recorder(store, Journal(folder / "s1"))
        for event in ProcessExecutor(made).run(made):
            recorder.take(event)
        records = recorder.give_up(collect_records(made, recorder.ended))
        left = close_lost_runs(store, "s1", {})
    found = [
        run
        for runs in find_runs_by_key(store, {record.key for record in find_job_runs(store)}).values()
        for run in runs
    ]
    return Fallen(store, order, records, left, found)


@pytest.mark.parametrize("fault", FAULTS)
def test_job_death_of_any_kind_fails_that_job_alone(fault, fallen):
    number = 1 + [*FAULTS].index(fault)
    record = fallen.records[number]
    assert (record.state, record.job) == ("failed", number)
    assert record.reason.startswith(FAULTS[fault])
    assert len(record.reason) < 3000
    ended = [run.record for run in fallen.runs if run.record.job == number]
    assert ended
    assert {each.state for each in ended} == {"failed"}
    assert ended[-1].reason == record.reason


@pytest.mark.parametrize("seed", GOOD)
def test_the_neighbours_of_jobs_that_die_finish_once(seed, fallen):
    number = fallen.seeds.index(seed)
    record = fallen.records[number]
    assert (record.state, record.metrics["epochs_trained"]) == ("finished", 4)
    states = [run.record.state for run in fallen.runs if run.record.job == number]
    assert states.count("finished") == 1
    assert {*states} <= {"finished", "lost"}
    assert record in find_job_runs(fallen.store)


def test_no_run_of_a_worker_that_died_stays_open(fallen):
    assert not fallen.left
    assert find_running(fallen.store) == []
    assert len(find_job_runs(fallen.store)) == len(fallen.seeds)


# ---- the same without processes: who is run again, and who is not


def dying(monkeypatch: pytest.MonkeyPatch, killers: set[int]) -> list[list[int]]:
    """Let each stack that has one of some seeds cost its worker; give the stacks that were run."""
    run: list[list[int]] = []

    def done(work: Any, pieces: Sequence[Sequence[Task]], _: int, *, stop: Any, **__: Any) -> Iterator[tuple[int, Any]]:
        for number, piece in enumerate(pieces):
            run.append([task.job.seed for task in piece])
            died = killers.intersection(run[-1])
            yield from (
                (number, told) for told in ([process_pool.WorkerDied("killed by SIGKILL")] if died else work(piece))
            )
            if stop():
                return

    monkeypatch.setattr(process_pool, "run_pieces", done)
    return run


def finished(some: Sequence[Task]) -> list[RunRecord]:
    return [RunRecord(run_id="", name="", state="finished", job=task.place.number) for task in some]


def test_stack_of_a_dead_worker_is_halved_to_find_the_culprit(make, monkeypatch, launch):
    run = dying(monkeypatch, {4})
    told = launch(make("sweep.workers=1", seeds=6), finished)
    assert run == [[0, 1, 2, 3, 4, 5], [0, 1, 2], [3, 4, 5], [3], [4, 5], [4], [5]]
    assert {number for number, outcome in told.items() if isinstance(outcome, Exception)} == {4}
    assert repr(told[4]) == "WorkerDied('killed by SIGKILL')"


def test_a_job_alone_is_tried_a_second_time(make, monkeypatch, launch):
    run = dying(monkeypatch, {0})
    told = launch(make("sweep.workers=1", seeds=1), finished)
    assert run == [[0], [0]]
    assert repr(told[0]) == "WorkerDied('killed by SIGKILL')"


def test_fail_fast_ignores_a_dead_worker_until_its_job_is_known(make, monkeypatch, launch):
    run = dying(monkeypatch, {3})
    told = launch(make("sweep.workers=1", "fail_fast=true", seeds=6), finished)
    assert run == [[0, 1, 2, 3, 4, 5], [0, 1, 2], [3, 4, 5], [3]]
    assert [number for number, outcome in told.items() if isinstance(outcome, RunRecord)] == [0, 1, 2]
    assert isinstance(told[3], process_pool.WorkerDied)


@pytest.mark.parametrize("fail_fast", [False, True])
def test_with_fail_fast_no_stack_begins_early(make, monkeypatch, fail_fast):
    asked = []
    monkeypatch.setattr(process_pool, "run_pieces", lambda *_, eager, **__: iter(asked.append(eager) or ()))
    tasks = make(f"fail_fast={fail_fast}")
    assert [*ProcessExecutor(tasks).run(tasks)] == []
    assert asked == [not fail_fast]


def test_fail_fast_starts_no_stack_after_one_with_a_failed_job(make, launch):
    run = []

    def one(some: Sequence[Task]) -> list[Any]:
        run.append([task.job.seed for task in some])
        return [replace(record, state="failed") for record in finished(some)]

    told = launch(make("sweep.workers=1", "sweep.max_stack_memory=1KB", "fail_fast=true"), one)
    assert run == [[0]]
    assert [*told] == [0]


class Numbers:
    """A launcher that tells, as an exception, which jobs it was given together."""

    def launch(self, job_overrides, initial_job_idx):
        told = JobReturn(status=JobStatus.FAILED)
        told.return_value = ValueError(initial_job_idx, len(job_overrides))
        return [told] * len(job_overrides)


@pytest.mark.parametrize(
    ("max_batch_size", "batches"),
    [(None, [(0, 5)] * 5), (2, [(0, 2)] * 2 + [(2, 2)] * 2 + [(4, 1)]), (9, [(0, 5)] * 5)],
)
def test_other_launchers_get_no_more_jobs_at_once_than_allowed(max_batch_size, batches, make, tmp_path):
    (tmp_path / "sweep").mkdir()
    told = ends_of(LauncherExecutor(Numbers(), tmp_path / "sweep", max_batch_size), make(seeds=5))
    assert {number: outcome.args for number, outcome in told.items()} == dict(enumerate(batches))
