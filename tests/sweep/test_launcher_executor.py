"""What is launched again when another launcher of Hydra's gives up, and what is not."""

from dataclasses import replace

import pytest
from hydra.core.utils import JobReturn, JobStatus

from nnsweep.errors import ConfigError
from nnsweep.sweep.folder import write_result
from nnsweep.sweep.grid import tasks
from nnsweep.sweep.launcher_executor import LauncherExecutor, in_words
from nnsweep.sweep.result import JobResult, Kept
from nnsweep.sweep.sent_jobs import LauncherGone
from nnsweep.sweep.workers import WorkerDied
from nnsweep.tracking.record import RunRecord


class TerminatedWorkerError(RuntimeError):
    """As joblib's, which ends all of its workers when one has died."""


TerminatedWorkerError.__module__ = "joblib.externals.loky.process_executor"
SAID = "A worker process was unexpectedly terminated.\n\nThe exit codes of the workers are {SIGKILL(-9)}"


@pytest.fixture
def made(compose, tmp_path):
    """Give the tasks of a grid of eight."""
    where = f"hydra.sweep.dir={tmp_path}/s1"
    grid = [["data=iris", f"seed={seed}", where] for seed in range(8)]
    return tasks(grid, lambda given: compose([*given, "hydra.mode=MULTIRUN"]))


class Pool:
    """A launcher that has two workers, and gives up when one of them dies.

    `killers` tells how often each seed kills its worker.
    """

    def __init__(self, folder, killers):
        self.folder, self.killers, self.launched = folder, killers, []

    def launch(self, job_overrides, initial_job_idx):
        seeds = [int(overrides[1].removeprefix("seed=")) for overrides in job_overrides]
        assert seeds == [*range(initial_job_idx, initial_job_idx + len(seeds))]
        self.launched.append(seeds)
        for place, seed in enumerate(seeds):
            if self.killers.get(seed):
                self.killers[seed] -= 1
                for begun in seeds[place : place + 2]:
                    (self.folder / str(begun)).mkdir(parents=True, exist_ok=True)
                raise TerminatedWorkerError(SAID)
            self.record(seed)
        return [self.returned(seed) for seed in seeds]

    def record(self, seed):
        (self.folder / str(seed)).mkdir(parents=True, exist_ok=True)
        write_result(JobResult(folder=self.folder / str(seed), kept=Kept(record=finished(seed), experiment="study")))

    def returned(self, seed):
        return JobReturn(status=JobStatus.COMPLETED, _return_value=finished(seed))


def finished(seed):
    return RunRecord(run_id=f"id{seed}", name="", state="finished", sweep="s1", job=seed)


def ends(outcomes):
    return {number: "finished" if isinstance(told, RunRecord) else repr(told) for number, told in outcomes.items()}


DEAD = repr(WorkerDied("its worker process was killed by SIGKILL (out of memory?) (joblib: TerminatedWorkerError)"))


def test_the_job_that_kills_its_worker_is_found_and_the_others_finish(made, tmp_path):
    pool = Pool(tmp_path / "s1", {3: 9})
    told = ends(LauncherExecutor(pool).launch(made, recorder=None))
    assert pool.launched == [[0, 1, 2, 3, 4, 5, 6, 7], [3], [4], [5, 6, 7]]
    assert told == {seed: DEAD if seed == 3 else "finished" for seed in range(8)}


def test_a_job_whose_worker_was_killed_once_has_another_chance(made, tmp_path):
    pool = Pool(tmp_path / "s1", {3: 1})
    assert ends(LauncherExecutor(pool).launch(made, recorder=None)) == dict.fromkeys(range(8), "finished")
    assert pool.launched[1:] == [[3], [4], [5, 6, 7]]


def test_batches_stay_batches_when_a_worker_dies(made, tmp_path):
    pool = Pool(tmp_path / "s1", {1: 9})
    told = ends(LauncherExecutor(pool, max_batch_size=4).launch(made, recorder=None))
    assert pool.launched == [[0, 1, 2, 3], [1], [2], [3], [4, 5, 6, 7]]
    assert told == {seed: DEAD if seed == 1 else "finished" for seed in range(8)}


def test_with_fail_fast_nothing_is_begun_after_a_job_that_failed(made, tmp_path):
    eager = [replace(task, job=task.job.model_copy(update={"fail_fast": True})) for task in made]
    pool = Pool(tmp_path / "s1", {3: 9})
    told = ends(LauncherExecutor(pool).launch(eager, recorder=None))
    assert pool.launched == [[0, 1, 2, 3, 4, 5, 6, 7], [3]]
    assert told == {0: "finished", 1: "finished", 2: "finished", 3: DEAD}


class Raising:
    """A launcher that comes to no job."""

    def __init__(self, error):
        self.error, self.launched = error, []

    def launch(self, job_overrides, initial_job_idx):
        self.launched.append(len(job_overrides))
        raise self.error


def test_a_launcher_that_comes_to_no_job_is_asked_twice(made):
    launcher = Raising(ValueError("n_jobs == 0 has no meaning"))
    told = LauncherExecutor(launcher).launch(made, recorder=None)
    assert launcher.launched == [8, 8]
    gone = LauncherGone("its launcher gave up (ValueError: n_jobs == 0 has no meaning)")
    assert ends(told) == dict.fromkeys(range(8), repr(gone))


def test_a_launcher_that_says_it_is_gone_is_asked_once(made):
    launcher = Raising(LauncherGone("the cluster is gone"))
    assert ends(LauncherExecutor(launcher).launch(made, None)) == dict.fromkeys(
        range(8), "LauncherGone('the cluster is gone')"
    )
    assert launcher.launched == [8]


@pytest.mark.parametrize("error", [ConfigError("hydra.launcher.x=1: no"), KeyboardInterrupt()])
def test_what_is_the_users_to_mend_or_wish_ends_the_launch(error, made):
    with pytest.raises(type(error)):
        LauncherExecutor(Raising(error)).launch(made, recorder=None)


class Alone:
    """A launcher each of whose jobs has a worker of its own; `killers` die each time, and all are waited for."""

    def __init__(self, killers):
        self.killers, self.launched = killers, []

    def launch(self, job_overrides, initial_job_idx):
        seeds = [*range(initial_job_idx, initial_job_idx + len(job_overrides))]
        self.launched.append(seeds)
        told = {seed: WorkerDied("killed") if seed in self.killers else finished(seed) for seed in seeds}
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=told[seed]) for seed in seeds]


def test_jobs_with_a_worker_each_are_launched_again_together(made):
    launcher = Alone({1, 4, 5})
    told = ends(LauncherExecutor(launcher).launch(made, recorder=None))
    assert launcher.launched == [[*range(8)], [1], [4, 5]]
    assert told == {seed: "WorkerDied('killed')" if seed in (1, 4, 5) else "finished" for seed in range(8)}


def test_a_pool_that_names_no_signal_says_that_a_worker_ended():
    told = in_words(TerminatedWorkerError("it is broken"))
    assert str(told) == "its worker process ended before its work did (joblib: TerminatedWorkerError)"
