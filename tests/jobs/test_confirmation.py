"""The seeds of a confirmation: nobody has looked at them, and they follow from what is confirmed."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.jobs.checking import make_job
from nnsweep.jobs.confirmation import MOST_SEEDS, choose_seeds
from nnsweep.jobs.job import Job


@pytest.fixture(scope="module")
def job_of() -> Callable[..., Job]:
    def make(**changed: object) -> Job:
        values = {
            "arch": {"name": "custom", "hidden_layer_sizes": [8]},
            "activation": {"name": "relu"},
            "output_activation": "identity",
            "schedule": {"name": "constant"},
            "optimizer": {"name": "momentum", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0},
            "init": {"name": "he_uniform"},
            "data": {"name": "iris"},
            "trainer": {"epochs": 3, "batch_size": 32},
            "seed": 0,
            "tracking": {},
        }
        return make_job(json.loads(json.dumps({**values, **changed})))

    return make


def test_the_same_candidates_have_the_same_seeds(job_of):
    one, other = job_of(), job_of(activation={"name": "tanh"})
    assert choose_seeds([one, other], [0, 1, 2], 10) == choose_seeds([other, one], [2, 1, 0, 0], 10)
    assert len(choose_seeds([one, other], [0, 1, 2], 10)) == 10


def test_more_seeds_begin_with_the_same(job_of):
    few, many = choose_seeds([job_of()], [0], 3), choose_seeds([job_of()], [0], 7)
    assert [*many][:3] == [*few]


def test_what_has_changed_since_has_other_seeds(job_of):
    one, other = job_of(), job_of(activation={"name": "tanh"})
    before = set(choose_seeds([one, other], range(5), MOST_SEEDS))
    assert not before & set(choose_seeds([one, other], range(6), MOST_SEEDS))
    assert not before & set(choose_seeds([one], range(5), MOST_SEEDS))


@given(st.integers(0, 999), st.integers(1, 5))
def test_no_seed_of_the_study_is_used(offset, n_blocks):
    """A study that has used seeds of the very block that would be chosen, and of those after it."""
    used = [None, "text"]
    for _ in range(n_blocks):
        chosen = choose_seeds([], used, MOST_SEEDS)
        used = [*used, chosen[offset]]
        assert not set(choose_seeds([], used, MOST_SEEDS)) & {seed for seed in used if isinstance(seed, int)}
