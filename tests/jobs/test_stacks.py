"""Which jobs are trained together, and in which order."""

import math
from functools import cache
from itertools import pairwise, product

import hydra
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.hydra_job import VERSION_BASE
from nnsweep.jobs.job import Job
from nnsweep.jobs.stacks import JobStack, choose_threads, find_common_part, make_stacks
from nnsweep.jobs.worker import load_dataset
from nnsweep.mlp.profile import footprint

PLENTY = 2**40


@cache
def job(*overrides: str) -> Job:
    with hydra.initialize_config_dir(conf_dir(), **VERSION_BASE):
        return check_configuration(hydra.compose("config", overrides=["data=iris", "trainer.epochs=20", *overrides]))


def formed(jobs: list[Job], n_workers: int = 1, max_bytes: int = PLENTY) -> list[JobStack]:
    return make_stacks(jobs, load_dataset, n_workers=n_workers, max_bytes=max_bytes)


def n_bytes(one: Job, n_networks: int) -> int:
    return footprint(load_dataset(one.data), one.network(), one.training()).n_bytes(n_networks)


TOGETHER = [
    ("seed=1",),
    ("schedule=step",),
    ("schedule=reduce_on_plateau",),
    ("schedule=exp", "schedule.gamma=0.5"),
    ("init=lecun_normal",),
    ("optimizer.learning_rate=0.5",),
    ("optimizer.momentum=0.5",),
    ("optimizer.weight_decay=0.01",),
    ("arch=uniform", "arch.depth=1", "arch.width=32"),  # the sizes of `shallow`
    ("arch.residual=true",),  # no layer is as wide as the one before
    ("init.bias_std=1",),
    ("init.zero_output=true",),
    ("schedule=coslog",),
    ("sweep.max_jobs=5",),
    ("dry_run=true",),
    ("rerun=all",),
    ("retries=2",),
    ("fail_fast=true",),
    ("checkpoint_every=3",),
]
APART = [
    ("arch=wide",),
    ("activation=tanh",),
    ("output_activation=tanh",),
    ("loss=cross_entropy", "loss.label_smoothing=0.1"),
    ("optimizer=adam",),
    ("data=wine",),
    ("data.val_fraction=0.3",),
    ("data=blobs",),
    ("trainer.epochs=21",),
    ("trainer.batch_size=7",),
    ("trainer.dtype=float64",),
    ("trainer.evaluate_every=2",),
    ("trainer.patience=3",),
    ("trainer.min_delta=0.1",),
    ("trainer.clip_norm=1",),
    ("trainer.class_weight=balanced",),
    ("trainer.dropout=0.1",),
    ("trainer.sealed_test=true",),
    ("trainer.measures=[log_loss]",),
    ("trainer.select=val_log_loss",),
    ("trainer.calibrate=temperature",),
    ("trainer.ema=0.9",),
    ("trainer.bias_rate_factor=0.1",),
    ("trainer.scale_rate_factor=6",),
    ("activation.layers=[tanh]",),
    ("arch.normalization=layer",),
    ("arch.scaling_layer=true",),
    ("arch.parametrization=ntk",),
    ("arch=deep", "arch.residual=true"),
    ("tracking.max_points=9",),
]


@pytest.mark.slow
@pytest.mark.parametrize("overrides", TOGETHER, ids=" ".join)
def test_settings_of_a_single_network_split_no_stack(overrides):
    assert job(*overrides) != job()
    assert [stack.numbers for stack in formed([job(), job(*overrides)])] == [(0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("overrides", APART, ids=" ".join)
def test_what_a_stack_has_in_common_parts_stacks(overrides):
    assert sorted(stack.numbers for stack in formed([job(), job(*overrides), job("seed=1")])) == [(0, 2), (1,)]


def test_the_settings_of_one_activation_part_stacks():
    slopes = [job("activation=leaky_relu", f"activation.negative_slope={slope}") for slope in (0.1, 0.2, 0.1)]
    assert sorted(stack.numbers for stack in formed(slopes)) == [(0, 2), (1,)]


def test_every_setting_of_a_job_has_been_thought_of():
    told = {override.split("=")[0].split(".")[0] for overrides in TOGETHER + APART for override in overrides}
    assert told == set(Job.model_fields)
    trainer = {override for overrides in APART for override in overrides if override.startswith("trainer.")}
    assert {name.split(".")[1].split("=")[0] for name in trainer} == set(type(job().trainer).model_fields)


GRIDS = st.lists(
    st.sampled_from(
        [
            *product(
                ("arch=linear", "arch=shallow", "arch=deep"),
                ("activation=tanh", "activation=relu"),
                ("seed=0", "seed=1"),
            )
        ]
    ),
    min_size=1,
    max_size=20,
)


@pytest.mark.slow
@settings(deadline=None, derandomize=True, database=None)
@given(grid=GRIDS, n_workers=st.integers(1, 8), megabytes=st.floats(0.001, 30))
def test_every_job_is_in_one_stack_of_its_kind_that_fits(grid, n_workers, megabytes):
    jobs, max_bytes = [job(*overrides) for overrides in grid], int(megabytes * 1e6)
    found = formed(jobs, n_workers, max_bytes)
    assert sorted(number for stack in found for number in stack.numbers) == [*range(len(jobs))]
    for stack in found:
        assert len({find_common_part(jobs[number]) for number in stack.numbers}) == 1
        assert [*stack.numbers] == sorted(stack.numbers)
        assert len(stack.numbers) == 1 or n_bytes(jobs[stack.numbers[0]], len(stack.numbers)) <= max_bytes
    assert all(one.seconds >= other.seconds > 0 for one, other in pairwise([*found, found[-1]]))
    assert found == formed(jobs, n_workers, max_bytes)


@settings(deadline=None, derandomize=True, database=None)
@given(grid=GRIDS, n_workers=st.integers(1, 8))
def test_workers_have_work_while_there_is_any(grid, n_workers):
    jobs = [job(*overrides) for overrides in grid]
    found = formed(jobs, n_workers)
    assert len(found) >= min(n_workers, len(jobs))
    assert len(found) <= n_workers + len({find_common_part(one) for one in jobs})


def test_longest_stack_comes_first_and_ties_keep_grid_order():
    jobs = [job("trainer.epochs=5"), job("seed=1", "trainer.epochs=500"), job("seed=2", "trainer.epochs=50")]
    assert [stack.numbers for stack in formed(jobs)] == [(1,), (2,), (0,)]
    assert [stack.numbers for stack in formed([job(f"seed={seed}") for seed in range(4)], 4)] == [
        (0,),
        (1,),
        (2,),
        (3,),
    ]


@pytest.mark.slow
def test_stacks_are_split_so_that_workers_end_together():
    jobs = [job(f"seed={seed}", "trainer.epochs=2000") for seed in range(12)] + [job("arch=linear")]
    found = formed(jobs, 3)
    assert sorted(len(stack.numbers) for stack in found) == [1, 4, 4, 4]
    assert math.isclose(found[0].seconds, found[2].seconds)


def test_network_too_large_for_any_stack_is_trained_alone():
    jobs = [job(f"seed={seed}") for seed in range(3)]
    assert [stack.numbers for stack in formed(jobs, max_bytes=1)] == [(0,), (1,), (2,)]


def test_stacks_are_as_large_as_memory_allows():
    jobs = [job(f"seed={seed}") for seed in range(6)]
    assert [stack.numbers for stack in formed(jobs, max_bytes=n_bytes(jobs[0], 3))] == [(0, 1, 2), (3, 4, 5)]
    assert [len(stack.numbers) for stack in formed(jobs, max_bytes=n_bytes(jobs[0], 3) - 1)] == [2, 2, 2]


def sharing(jobs: list[Job], n_workers: int, n_cores: int, max_bytes: int = PLENTY) -> int:
    found = formed(jobs, n_workers, max_bytes)
    return choose_threads(found, jobs, load_dataset, n_workers=n_workers, n_cores=n_cores, max_bytes=max_bytes)


@pytest.mark.parametrize(
    ("n_jobs", "n_workers", "n_cores", "n_sharing"),
    [(1, 1, 1, 1), (1, 1, 4, 4), (6, 1, 4, 4), (2, 2, 4, 2), (3, 3, 8, 2), (4, 4, 4, 1), (9, 8, 4, 1)],
)
def test_spare_cores_are_shared_among_the_existing_stacks(n_jobs, n_workers, n_cores, n_sharing):
    jobs = [job(f"seed={seed}", "trainer.batch_size=null") for seed in range(n_jobs)]
    assert sharing(jobs, n_workers, n_cores) == n_sharing


def test_threads_take_no_more_memory_than_a_stack_may():
    jobs = [job("data=digits", "trainer.batch_size=null", "arch.hidden_layer_sizes=[300,300]")]
    parts, how = load_dataset(jobs[0].data), (jobs[0].network(), jobs[0].training())
    for most in (1, 2, 3):
        assert sharing(jobs, 1, 4, footprint(parts, *how, most).n_bytes(1)) == most
    assert sharing(jobs, 1, 4, 1) == 1
