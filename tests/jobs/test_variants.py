"""Jobs that follow from another one are what they would be if each were composed by itself."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from omegaconf import DictConfig, OmegaConf

from nnsweep.errors import ConfigError
from nnsweep.jobs import tasks as grid
from nnsweep.jobs.compose import Composer
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.config_loader import cache_parsing
from nnsweep.jobs.hydra_folder import make_hydra_files
from nnsweep.jobs.hydra_job import _NEXT_HYDRA, register_resolver
from nnsweep.jobs.task import Task
from tests.jobs.test_compose import Hydras, opened, quick, reading_once

SHARED = [
    *("arch=wide", "arch=custom", "schedule=step", "schedule=inv", "experiment=notebook", "experiment=depth_width"),
    *("data=iris", "data=table", "data.path=a.csv", "optimizer=adam", "trainer={epochs: 9}", "schedule={gamma: 0.5}"),
    *("~trainer.patience", "~experiment", "trainer.epochs=${seed}", "schedule.decay_epochs=${trainer.epochs}"),
    *(
        "hydra.sweep.subdir=${hydra.job.num}-${seed}",
        "hydra.sweep.subdir=${seed}",
        "hydra.sweep.subdir=${hydra:job.id}",
    ),
    *("hydra.sweep.subdir=x/${hydra.job.override_dirname}", "hydra.job.name=other", "hydra.output_subdir=null"),
    *("hydra.job.name=${seed}", "+hydra.job.env_set.A=b", "+hydra.job.env_set.A=${seed}", "hydra.runtime.output_dir=x"),
    *("hydra.job.config.override_dirname.exclude_keys=[seed]", "hydra.job.config.override_dirname.kv_sep=_"),
    *("hydra.output_subdir=/tmp/x", "tracking.experiment=e-${hydra.job.num}", "tracking.experiment=${hydra:job.num}"),
]
VALUES = {
    "seed": ("0", "3", "'4'", "null", "1e3", "???", "${trainer.epochs}", "[1,2]", "-1", "true"),
    "++seed": ("0", "7"),
    "trainer.epochs": ("7", "8", "30", "0", "abc", "'9'"),
    "trainer.patience": ("null", "3"),
    "trainer.class_weight": ("null", "balanced", "[1,2]", "[1.5,2]", "{a: 1}"),
    "optimizer.learning_rate": ("0.1", "1e-3", "-0.0", "1", "nan", "0.25"),
    "optimizer.weight_decay": ("null", "0.5"),
    "arch.hidden_layer_sizes": ("[20,20]", "[]", "[3]", "null", "5", "[a]", "[20,${seed}]", "[[1],2]"),
    "schedule.gamma": ("0.5", "0.75"),
    "+schedule.gamma": ("0.5", "0.75"),
    "++schedule.gamma": ("0.5", "${optimizer.learning_rate}"),
    "schedule.decay_epochs": ("5", "${trainer.epochs}", "6"),
    "schedule.warmup_epochs": ("5", "9"),
    "tracking.experiment": ("a", "'a=b c'", '"it\'s"', "2024", "${hydra.job.name}", "''", "'x: #y'", "a\\,b", "Größe"),
    "tracking.uri": ("null", "sqlite:///a.db", "'http://me:hush@host'"),
    "data.name": ("iris", "table", "digits"),
    "data.home": ("null", "'yes'", "here"),
    "++data.columns.a": ("number", "text"),
    "++data.columns.$$a$20$b": ("number", "text"),
    "data.val_fraction": ("0", "0.25"),
    "sweep": ("{max_jobs: 5}", "{max_jobs: 6}"),
    "+nothing": ("1", "2"),
    "+a.b": ("1", "2"),
    "a.b": ("3", "4"),
    "trainer": ("5", "{epochs: 3}"),
}  # fmt: skip
PLAIN = {key: values[:2] for key, values in VALUES.items() if not key.startswith(("+", "a.", "trainer.p"))}


@some.composite
def grids(draw: Any) -> list[list[str]]:
    """Make jobs that share overrides, and give the same keys values of their own."""
    shared = draw(some.lists(some.sampled_from(SHARED), max_size=3, unique=True))
    pool = draw(some.sampled_from([VALUES, PLAIN]))
    keys = draw(some.lists(some.sampled_from([*pool]), min_size=1, max_size=4, unique=True))
    lines = [*shared, *keys] if draw(some.booleans()) else draw(some.permutations([*shared, *keys]))
    return [
        [f"{line}={draw(some.sampled_from(pool[line]))}" if line in keys else line for line in lines] for _ in range(4)
    ]


class Counting(Composer):
    """Counts how often a job is composed."""

    n = 0

    def __call__(self, overrides: Sequence[str]) -> DictConfig:
        self.n += 1
        return super().__call__(overrides)


@pytest.fixture(scope="module")
def hydra() -> Iterator[Hydras]:
    with cache_parsing():
        yield reading_once(opened(conf_dir(), "hydra.sweep.dir=here/${nnsweep_sweep:}"))


@pytest.fixture(scope="module")
def composer(hydra: Hydras) -> Composer:
    return Composer(*hydra)


def anatomy(task: Task) -> Any:
    """Give all that a task is, with the order of what it holds."""
    order = json.dumps(task.configuration, default=repr)
    return task.job.model_dump_json(), task.job.key("d"), order, make_hydra_files(task.configuration), repr(task)


def outcome(jobs: Sequence[Sequence[str]], compose: Any) -> Any:
    try:
        return [anatomy(task) for task in grid.make_tasks(jobs, compose, first=5)]
    except ConfigError as error:
        return error.problems
    except ValueError as error:  # Hydra's, of a choice that is no text
        return str(error)


def is_refused(outcome: Any) -> bool:
    return isinstance(outcome, str) or any(isinstance(problem, str) for problem in outcome)


@pytest.mark.slow
@quick
@given(grids())
@example([["seed=3", "trainer.epochs=7"], ["seed=4", "trainer.epochs=8"]])
@example([["+schedule.decay_epochs=5", "seed=1"], ["+schedule.decay_epochs=6", "seed=2"]])
@example([["data=iris", "data.name=iris"], ["data=iris", "data.name=digits"]])
@example([["hydra.output_subdir=/tmp/x", "seed=1"], ["hydra.output_subdir=/tmp/x", "seed=2"]])
@example([["hydra.sweep.subdir=${seed}", f"seed={seed}"] for seed in (1, 2, 2)])
@example([["schedule.decay_epochs=${trainer.epochs}", f"trainer.epochs={epochs}"] for epochs in (5, 6)])
@example([["seed=1", "seed=2"], ["seed=3", "seed=2"], ["seed=3", "seed=3"]])
@example([["arch=custom", f"arch.hidden_layer_sizes={sizes}"] for sizes in ("[1]", "[]", "[2,3]", "[2.0]", "[a]")])
@example([[f"tracking.experiment={name}"] for name in ("a", "2024", "'2024'", "'x: y'", "''")])
def test_jobs_that_follow_from_another_are_as_if_composed(hydra, composer, jobs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "OPERATIONAL", {})
        apart = Composer(*hydra)
        expected = outcome(jobs, lambda job: apart(job))
        assert outcome(jobs, composer) == expected
        if is_refused(expected):
            fine = [job for job in jobs if not is_refused(outcome([job], lambda job: apart(job)))]
            assert outcome(fine, composer) == outcome(fine, lambda job: apart(job))


@pytest.mark.parametrize(
    "job",
    [
        "seed=N",
        "seed=N optimizer.learning_rate=0.N trainer.epochs=1N",
        "arch=custom arch.hidden_layer_sizes=[N,20] seed=N",
        *["experiment=notebook arch.hidden_layer_sizes=[4] seed=N"][_NEXT_HYDRA:],  # 1.4 lets no job change the sweeper
        "schedule.decay_epochs=${trainer.epochs} trainer.epochs=1N",
        "data=table data.path=a.csv ++data.columns.a=number seed=N",
        "hydra.sweep.subdir=${seed}-x seed=N",
    ],
)
def test_of_jobs_alike_the_first_alone_is_composed(hydra, job):
    compose = Counting(*hydra)
    jobs = [job.replace("N", str(number)).split() for number in range(1, 10)]
    assert len(grid.make_tasks(jobs, compose)) == len(jobs)
    assert compose.n == 2


def test_jobs_in_turn_follow_from_the_first_of_their_choice(hydra):
    compose = Counting(*hydra)
    jobs = [[f"arch={arch}", f"seed={seed}"] for seed in range(5) for arch in ("wide", "deep", "shallow")]
    assert len(grid.make_tasks(jobs, compose)) == 15
    assert compose.n == 6


@pytest.mark.slow
def test_what_is_wrong_with_a_job_is_said_as_ever(hydra):
    jobs = [["seed=1"], ["seed=-1"], ["seed=2"], ["seed=-1"], ["trainer.epohcs=1", "seed=3"]]
    assert outcome(jobs, Composer(*hydra)) == outcome(jobs, lambda job: Composer(*hydra)(job))
    assert len(outcome(jobs, Composer(*hydra))) == 2


def test_no_job_is_changed_by_those_that_follow_from_it(hydra):
    tasks = grid.make_tasks(
        [[f"seed={seed}", f"arch.hidden_layer_sizes=[{seed}]"] for seed in (1, 2, 3)], Composer(*hydra)
    )
    assert [task.configuration["seed"] for task in tasks] == [1, 2, 3]
    assert [task.configuration["arch"]["hidden_layer_sizes"] for task in tasks] == [[1], [2], [3]]
    assert [task.configuration["hydra"]["job"]["num"] for task in tasks] == [0, 1, 2]
    assert [task.job.arch.sizes for task in tasks] == [(1,), (2,), (3,)]


def test_a_value_that_is_made_anew_for_each_job_is_made_anew(hydra):
    made = iter(range(100))
    register_resolver("nnsweep_test_made", lambda: next(made), use_cache=True)
    try:
        jobs = [["trainer.epochs=${nnsweep_test_made:}", f"seed={seed}"] for seed in range(1, 4)]
        next(made)
        epochs = [task.job.trainer.epochs for task in grid.make_tasks(jobs, Composer(*hydra))]
    finally:
        OmegaConf.clear_resolver("nnsweep_test_made")
    assert len({*epochs}) == 3


def test_a_thousand_jobs_alike_take_the_time_of_a_few(hydra):
    compose = Composer(*hydra)
    jobs = [[f"seed={seed}"] for seed in range(200)]
    grid.make_tasks(jobs, compose)  # overrides are read once
    started = time.process_time()
    grid.make_tasks(jobs[:20], lambda job: compose(job))
    apart = (time.process_time() - started) / 20
    started = time.process_time()
    grid.make_tasks(jobs, compose)
    assert (time.process_time() - started) / len(jobs) < apart / 4
