import pickle

import numpy as np
import pytest
from pydantic import ValidationError

from nnsweep.data.load import load
from nnsweep.jobs.groups import read_defaults
from nnsweep.jobs.job import Recipe
from nnsweep.mlp.history import collect
from nnsweep.mlp.train import train


@pytest.fixture
def values():
    """Give the command line's defaults, without data."""
    names = {"arch": "shallow", "activation": "relu", "schedule": "cosine", "optimizer": "momentum"}
    names |= {"init": "he_uniform", "trainer": "minibatch"}
    parts = {group: read_defaults(group, name, {"trainer.epochs": 40}) for group, name in names.items()}
    parts["optimizer"]["weight_decay"] = 0.0  # what null stands for where no table of one's own is learned
    return parts | {"output_activation": "identity", "seed": 0}


def made(values) -> Recipe:
    values["arch"] = values["arch"] | {"hidden_layer_sizes": tuple(values["arch"]["hidden_layer_sizes"])}
    return Recipe.model_validate(values)


def test_a_recipe_is_that_of_a_job_without_its_data(values, job):
    recipe, whole = made(values), job()
    assert recipe.model_dump() == whole.model_dump(include=set(Recipe.model_fields))
    assert recipe.kind() == whole.kind()
    data = load("iris", val_fraction=0.2)
    ours, theirs = (collect(train(data, one.network(), [one.member()], one.training()))[0] for one in (recipe, whole))
    assert ours.rows == theirs.rows
    np.testing.assert_array_equal(ours.layers[0].W, theirs.layers[0].W)


def test_member_level_differences_leave_networks_of_one_kind(values):
    other = values | {"seed": 3, "schedule": {"name": "constant"}, "init": {"name": "he_normal"}}
    other["optimizer"] = values["optimizer"] | {"learning_rate": 0.3, "momentum": 0.5, "weight_decay": 0.1}
    assert made({**other}).kind() == made({**values}).kind()
    for group, change in {"trainer": {"dropout": 0.1}, "optimizer": {"name": "nesterov"}}.items():
        assert made(values | {group: values[group] | change}).kind() != made({**values}).kind()


def test_a_recipe_goes_to_other_processes_as_json(values):
    recipe = made(values)
    assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_a_warm_up_longer_than_the_training_is_refused(values):
    schedule = {"name": "linear_warmup", "warmup_epochs": 41}
    with pytest.raises(ValidationError, match=r"schedule.warmup_epochs=41 must not exceed trainer.epochs=40"):
        made(values | {"schedule": schedule})
