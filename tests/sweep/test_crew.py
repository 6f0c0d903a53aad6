"""A crew's plan, and what a sweeper gets back from it."""

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from nnsweep.data import mapped
from nnsweep.errors import StoreError
from nnsweep.sweep import work, workers
from nnsweep.sweep.crew import Crew, Others, _mapped, with_configurations
from nnsweep.sweep.grid import tasks
from nnsweep.sweep.task import Task


@pytest.fixture
def make(compose, tmp_path: Path) -> Callable[..., list[Task]]:
    """Give a function that makes the tasks of some seeds."""

    def of(*overrides: str, seeds: int = 3) -> list[Task]:
        where = f"hydra.sweep.dir={tmp_path}/sweep"
        grid = [["data=iris", f"seed={seed}", where, *overrides] for seed in range(seeds)]
        return tasks(grid, lambda given: compose([*given, "hydra.mode=MULTIRUN"]))

    return of


def seeds(some: Sequence[Task]) -> list[Any]:
    """Run a stack: fail at seed 1, if it is there, and tell all seeds otherwise."""
    if len(some) > 3:
        raise MemoryError("too many")
    return [ValueError("seed 1") if task.job.seed == 1 else task.job.seed for task in some]


@pytest.fixture
def crew(monkeypatch) -> Callable[[Sequence[Task]], Crew]:
    """Begin a sweep on a machine with two cores, without starting anything."""
    monkeypatch.setattr(workers, "physical_cores", lambda: 2)
    monkeypatch.setattr(workers, "warm_up", lambda modules: None)

    def begun(some: Sequence[Task]) -> Crew:
        crew = Crew(seeds)
        crew.begin(some)
        return crew

    return begun


def test_little_work_is_done_in_this_process(make, crew):
    begun = crew(make())
    assert begun.n_workers == 1
    assert [stack.numbers for stack in begun.plan(make())] == [(0, 1, 2)]
    assert begun.call(os.getpid) == os.getpid()


def test_much_work_is_shared_by_all_cores(make, crew):
    begun = crew(make("trainer.epochs=100000"))
    assert begun.n_workers == 2
    assert sorted(len(stack.numbers) for stack in begun.plan(make("trainer.epochs=100000"))) == [1, 2]
    assert begun.call(os.getpid) != os.getpid()


def test_chosen_workers_are_taken_even_for_little_work(make, crew):
    assert crew(make("sweep.workers=3")).n_workers == 3
    assert crew(make("sweep.workers=8")).n_workers == 3  # no more than there are jobs
    assert crew(make("sweep.workers=1", "trainer.epochs=100000")).n_workers == 1


def test_stacks_take_no_more_memory_than_they_may(make, crew):
    some = make("sweep.workers=1", "sweep.max_stack_memory=1KB")
    assert [stack.numbers for stack in crew(some).plan(some)] == [(0,), (1,), (2,)]


def test_what_a_worker_raises_when_it_is_called_is_raised_here(make, crew):
    begun = crew(make("sweep.workers=2"))
    with pytest.raises(StoreError, match="no such store") as refused:
        begun.call(functools.partial(refuse, "no such store", "look elsewhere"))
    assert refused.value.problems == ("no such store", "look elsewhere")


def refuse(*problems: str) -> None:
    raise StoreError(*problems)


def test_every_job_returns_in_the_order_of_the_grid_and_a_failed_one_its_exception(make):
    returned = Crew(seeds).launch(make("sweep.workers=1"))
    assert [each.status for each in returned] == [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.COMPLETED]
    assert [each.return_value for each in returned[::2]] == [0, 2]
    with pytest.raises(ValueError, match="seed 1"):
        _ = returned[1].return_value
    assert [list(each.overrides)[1] for each in returned] == ["seed=0", "seed=1", "seed=2"]
    assert {(each.task_name, each.working_dir) for each in returned} == {("nnsweep", str(Path.cwd()))}


def test_what_ends_a_stack_is_told_of_each_of_its_jobs(make):
    returned = Crew(seeds).launch(make("sweep.workers=1", seeds=4))
    assert [repr(each._return_value) for each in returned] == ["MemoryError('too many')"] * 4


def test_a_data_set_is_left_for_workers_once_and_read_as_it_was(make, tmp_path):
    some = make() + make("data.split_seed=1")
    folders = _mapped(some, tmp_path / "data")
    assert len(folders) == 2
    data = some[0].job.data
    read, loaded = mapped.read(folders[data.model_dump_json()]), work.dataset(data)
    assert not read.train.X.flags.owndata
    assert not read.train.X.flags.writeable
    assert read.digest == loaded.digest
    for part, examples in loaded.parts.items():
        np.testing.assert_array_equal(read.parts[part].X, examples.X)
        np.testing.assert_array_equal(read.parts[part].y, examples.y)


def _with_configuration(task: Task) -> JobReturn:
    return with_configurations(JobReturn(), task)


def test_a_foreign_sweeper_gets_the_configurations_too(make):
    returned = _with_configuration(make("optimizer.learning_rate=0.5")[2])
    assert returned.cfg.seed == 2
    assert returned.cfg.optimizer.learning_rate == 0.5
    assert "hydra" not in returned.cfg
    assert returned.hydra_cfg.hydra.job.num == 2
    assert OmegaConf.is_config(returned.hydra_cfg)


class Numbers:
    """A launcher that tells which jobs it was given together."""

    def launch(self, job_overrides, initial_job_idx):
        return [(initial_job_idx, len(job_overrides))] * len(job_overrides)


@pytest.mark.parametrize(
    ("max_batch_size", "batches"),
    [(None, [(0, 5)] * 5), (2, [(0, 2)] * 2 + [(2, 2)] * 2 + [(4, 1)]), (9, [(0, 5)] * 5)],
)
def test_another_launcher_is_given_no_more_jobs_at_a_time_than_it_may(max_batch_size, batches, make):
    assert Others(Numbers(), max_batch_size).launch(make(seeds=5)) == batches
