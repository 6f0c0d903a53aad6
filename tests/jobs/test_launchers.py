"""What another launcher of Hydra's runs comes back through the outbox; what is launched again when it gives up."""

import logging
import os
import signal
import threading
import time
from dataclasses import replace

import pytest
from hydra.core.utils import JobReturn, JobStatus

from nnsweep.errors import ConfigError
from nnsweep.jobs import launchers, sweep_folder
from nnsweep.jobs.launchers import LauncherExecutor, explain_launcher_error
from nnsweep.jobs.outcome import has_failed
from nnsweep.jobs.process_pool import WorkerDied
from nnsweep.jobs.result import Died, Ended, JobResult, JobStart, Kept, Measured, Started
from nnsweep.jobs.sent_jobs import LauncherGone
from nnsweep.jobs.sweep_folder import OUTBOX, Outbox
from nnsweep.jobs.tasks import make_tasks
from nnsweep.tracking.record import Point, RunRecord


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(launchers, "LOOKS_EVERY", 0.01)


class TerminatedWorkerError(RuntimeError):
    """As joblib's, which ends all of its workers when one has died."""


TerminatedWorkerError.__module__ = "joblib.externals.loky.process_executor"
SAID = "A worker process was unexpectedly terminated.\n\nThe exit codes of the workers are {SIGKILL(-9)}"


@pytest.fixture
def made(compose, tmp_path):
    """Give the tasks of a grid of eight, whose sweep has its folder."""
    (tmp_path / "s1").mkdir()
    where = f"hydra.sweep.dir={tmp_path}/s1"
    grid = [["data=iris", f"seed={seed}", where] for seed in range(8)]
    return make_tasks(grid, lambda given: compose([*given, "hydra.mode=MULTIRUN"]))


@pytest.fixture
def ends(made, tmp_path):
    """Give a function that lets a launcher run jobs, and tells what became of each."""

    def run(launcher, some=made, **more):
        told = {}

        def stop():
            return some[0].job.fail_fast and any(map(has_failed, told.values()))

        for event in LauncherExecutor(launcher, tmp_path / "s1", **more).run(some, stop):
            if isinstance(event, Died):
                told |= {number: event.error for number, _ in event.attempts}
            elif isinstance(event, Ended):
                told |= {result.kept.record.job: result.kept.record for result in event.results}
        return {number: one.state if isinstance(one, RunRecord) else repr(one) for number, one in told.items()}

    return run


def started(seed, attempt=1):
    return JobStart(record=replace(record_of(seed, "interrupted"), attempt=attempt), tags={"nnsweep.key": "k"})


def hand_back(folder, seed, attempt=1):
    outbox, record = Outbox(folder), replace(record_of(seed), attempt=attempt)
    outbox.put(Started([started(seed, attempt)]))
    outbox.put(Ended([JobResult(folder=folder / str(seed), kept=Kept(record=record, experiment="study"))]))


def record_of(seed, state="finished"):
    return RunRecord(run_id="", name="", state=state, sweep="s1", job=seed)


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
            (self.folder / str(seed)).mkdir(parents=True, exist_ok=True)
            hand_back(self.folder, seed)
        return [completed(seed) for seed in seeds]


def completed(seed):
    return JobReturn(status=JobStatus.COMPLETED, _return_value=record_of(seed))


DEAD = repr(WorkerDied("its worker process was killed by SIGKILL (out of memory?) (joblib: TerminatedWorkerError)"))


def test_job_that_kills_its_worker_is_found_and_the_rest_finish(ends, tmp_path):
    pool = Pool(tmp_path / "s1", {3: 9})
    told = ends(pool)
    assert pool.launched == [[0, 1, 2, 3, 4, 5, 6, 7], [3], [4], [5, 6, 7]]
    assert told == {seed: DEAD if seed == 3 else "finished" for seed in range(8)}


def test_a_job_whose_worker_was_killed_once_has_another_chance(ends, tmp_path):
    pool = Pool(tmp_path / "s1", {3: 1})
    assert ends(pool) == dict.fromkeys(range(8), "finished")
    assert pool.launched[1:] == [[3], [4], [5, 6, 7]]


def test_batches_stay_batches_when_a_worker_dies(ends, tmp_path):
    pool = Pool(tmp_path / "s1", {1: 9})
    told = ends(pool, max_batch_size=4)
    assert pool.launched == [[0, 1, 2, 3], [1], [2], [3], [4, 5, 6, 7]]
    assert told == {seed: DEAD if seed == 1 else "finished" for seed in range(8)}


def test_with_fail_fast_nothing_is_begun_after_a_job_that_failed(made, ends, tmp_path):
    eager = [replace(task, job=task.job.model_copy(update={"fail_fast": True})) for task in made]
    pool = Pool(tmp_path / "s1", {3: 9})
    told = ends(pool, eager)
    assert pool.launched == [[0, 1, 2, 3, 4, 5, 6, 7], [3]]
    assert told == {0: "finished", 1: "finished", 2: "finished", 3: DEAD}


class Raising:
    """A launcher that comes to no job."""

    def __init__(self, error):
        self.error, self.launched = error, []

    def launch(self, job_overrides, initial_job_idx):
        self.launched.append(len(job_overrides))
        raise self.error


def test_launcher_that_reaches_no_job_is_asked_twice(ends):
    launcher = Raising(ValueError("n_jobs == 0 has no meaning"))
    told = ends(launcher)
    assert launcher.launched == [8, 8]
    gone = LauncherGone("its launcher gave up (ValueError: n_jobs == 0 has no meaning)")
    assert told == dict.fromkeys(range(8), repr(gone))


def test_a_launcher_that_says_it_is_gone_is_asked_once(ends):
    launcher = Raising(LauncherGone("the cluster is gone"))
    assert ends(launcher) == dict.fromkeys(range(8), "LauncherGone('the cluster is gone')")
    assert launcher.launched == [8]


def test_slurm_is_refused_where_there_is_none(tmp_path, monkeypatch):
    module = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"
    launcher = type("SlurmLauncher", (), {"__module__": module, "_EXECUTOR": "slurm"})()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no srun here"):
        LauncherExecutor(launcher, tmp_path).refuse()


@pytest.mark.parametrize("error", [ConfigError("hydra.launcher.x=1: no"), KeyboardInterrupt()])
def test_user_errors_and_interruptions_end_the_launch(error, ends):
    with pytest.raises(type(error)):
        ends(Raising(error))


class Alone:
    """A launcher each of whose jobs has a worker of its own; `killers` die each time, and all are waited for."""

    def __init__(self, folder, killers):
        self.folder, self.killers, self.launched = folder, killers, []

    def launch(self, job_overrides, initial_job_idx):
        seeds = [*range(initial_job_idx, initial_job_idx + len(job_overrides))]
        self.launched.append(seeds)
        for seed in set(seeds) - self.killers:
            hand_back(self.folder, seed)
        died = JobReturn(status=JobStatus.FAILED, _return_value=WorkerDied("killed"))
        return [died if seed in self.killers else completed(seed) for seed in seeds]


def test_jobs_with_a_worker_each_are_launched_again_together(ends, tmp_path):
    launcher = Alone(tmp_path / "s1", {1, 4, 5})
    told = ends(launcher)
    assert launcher.launched == [[*range(8)], [1], [4, 5]]
    assert told == {seed: "WorkerDied('killed')" if seed in (1, 4, 5) else "finished" for seed in range(8)}


def test_a_pool_that_names_no_signal_says_that_a_worker_ended():
    told = explain_launcher_error(TerminatedWorkerError("it is broken"))
    assert str(told) == "its worker process ended before its work did (joblib: TerminatedWorkerError)"


# ---- what jobs return through their launcher, besides what they hand back


class Returning:
    """A launcher whose jobs do something, and return what they are told to."""

    def __init__(self, *returns, work=lambda seed: None):
        self.returns, self.work = returns, work

    def launch(self, job_overrides, initial_job_idx):
        seeds = range(initial_job_idx, initial_job_idx + len(job_overrides))
        for seed in seeds:
            self.work(seed)
        return [self.returns[seed] for seed in seeds]


def failed(error):
    return JobReturn(status=JobStatus.FAILED, _return_value=error)


def test_a_job_that_raised_has_died_of_it(made, ends):
    assert ends(Returning(failed(ValueError("no luck"))), made[:1]) == {0: "ValueError('no luck')"}


def test_job_that_raised_after_handing_back_its_result_ended(made, ends, tmp_path):
    launcher = Returning(failed(ValueError("no luck")), work=lambda seed: hand_back(tmp_path / "s1", seed))
    assert ends(launcher, made[:1]) == {0: "finished"}


@pytest.mark.parametrize("returned", [JobReturn(), JobReturn(status=JobStatus.COMPLETED)], ids=["unknown", "late"])
def test_of_a_job_that_was_not_begun_nothing_is_told(returned, made, ends):
    assert ends(Returning(returned), made[:1]) == {}


@pytest.mark.parametrize("value", [0, "finished", {"state": "finished"}])
def test_what_is_no_record_is_no_success(value, made, ends):
    told = ends(Returning(JobReturn(status=JobStatus.COMPLETED, _return_value=value)), made[:1])
    assert told == {0: repr(TypeError(f"it returned {type(value).__name__}"))}


def test_a_result_that_a_network_shows_late_is_waited_for(made, ends, tmp_path):
    def late(seed):
        threading.Timer(0.3, hand_back, [tmp_path / "s1", seed]).start()

    assert ends(Returning(completed(0), work=late), made[:1]) == {0: "finished"}


def test_a_result_that_never_comes_is_a_death(made, ends, monkeypatch):
    monkeypatch.setattr(launchers, "SEEN_SECONDS", 0.1)
    lost = WorkerDied("its result was handed back, and cannot be found in the sweep's folder")
    assert ends(Returning(completed(0)), made[:1]) == {0: repr(lost)}


def test_what_jobs_hand_back_is_told_while_the_launcher_runs(made, tmp_path):
    seen, may_end = [], threading.Event()

    def work(seed):
        outbox = Outbox(tmp_path / "s1")
        outbox.put(Started([started(seed)]))
        outbox.put(Measured([((seed, 1), [Point("train_cost", 0.5, 3)])]))
        assert may_end.wait(10)

    for event in LauncherExecutor(Returning(JobReturn(), work=work), tmp_path / "s1").run(made[:1]):
        seen.append(event)
        if len(seen) == 2:
            may_end.set()
    assert seen == [Started([started(0)]), Measured([((0, 1), [Point("train_cost", 0.5, 3)])])]
    assert not (tmp_path / "s1" / OUTBOX).exists()


def test_first_interruption_lets_jobs_stop_and_hand_back(made, tmp_path):
    folder, told = tmp_path / "s1", []

    def work(seed):
        while not (folder / sweep_folder.STOP).exists():
            time.sleep(0.01)
        time.sleep(0.1)
        hand_back(folder, seed)

    threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        told.extend(LauncherExecutor(Returning(completed(0), work=work), folder).run(made[:1]))
    assert [type(event) for event in told] == [Started, Ended]
    assert (folder / sweep_folder.STOP).exists()


def test_a_job_that_was_interrupted_interrupts_the_sweep(made, tmp_path):
    folder, told = tmp_path / "s1", []
    stopped = Kept(record=record_of(0, "interrupted"), experiment="study")

    def work(seed):
        Outbox(folder).put(Started([started(seed)]))
        Outbox(folder).put(Ended([JobResult(folder=folder / str(seed), kept=stopped)]))

    with pytest.raises(KeyboardInterrupt):
        told.extend(LauncherExecutor(Returning(JobReturn(), work=work), folder).run(made[:1]))
    assert [type(event) for event in told] == [Started, Ended]


def test_a_second_interruption_waits_for_nobody(made, tmp_path):
    folder, is_over = tmp_path / "s1", threading.Event()
    for after in (0.2, 0.5):
        threading.Timer(after, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        [*LauncherExecutor(Returning(JobReturn(), work=lambda seed: is_over.wait(30)), folder).run(made[:1])]
    assert (folder / sweep_folder.END).exists()
    is_over.set()


def test_job_log_that_hydra_leaves_open_here_is_closed(made, ends, tmp_path):
    handlers = []

    def work(seed):
        handlers.append(logging.FileHandler(tmp_path / f"{seed}.log"))
        logging.getLogger().addHandler(handlers[-1])
        hand_back(tmp_path / "s1", seed)

    assert ends(Returning(completed(0), work=work), made[:1]) == {0: "finished"}
    assert handlers[0] not in logging.getLogger().handlers
    assert handlers[0].stream is None


def test_jobs_run_even_where_no_thread_can_be_started(made, ends, tmp_path, monkeypatch):
    def refused(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    launcher = Returning(completed(0), work=lambda seed: hand_back(tmp_path / "s1", seed))
    assert ends(launcher, made[:1]) == {0: "finished"}
