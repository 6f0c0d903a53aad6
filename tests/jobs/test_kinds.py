"""Settings that take one value, and settings that take a list."""

import pytest

from nnsweep.errors import ConfigError
from nnsweep.jobs.kinds import find_kind
from nnsweep.jobs.overrides import make_overrides

ONE = ["seed", "arch", "data", "output_activation", "trainer.epochs", "data.path", "tracking.experiment", "arch.depth"]
LISTS = ["arch.hidden_layer_sizes", "data.categories", "data.stop_words", "schedule.boundaries", "trainer.class_weight"]


@pytest.mark.parametrize(("key", "depth"), [*((key, 0) for key in ONE), *((key, 1) for key in LISTS)])
def test_a_setting_takes_one_value_or_a_list(key, depth):
    assert find_kind(key).depth == depth


def test_there_is_no_kind_of_what_is_no_setting():
    assert find_kind("nosuch") is find_kind("trainer.epohcs") is find_kind("data.columns.zip") is None


GRIDS = [  # what is given from Python, the override
    ({"arch": ["shallow", "wide"]}, "arch=shallow,wide"),
    ({"seed": range(2)}, "seed=0,1"),
    ({"seed": [0, 1]}, "seed=0,1"),
    ({"trainer__epochs": (5, 10)}, "trainer.epochs=5,10"),
    ({"arch__hidden_layer_sizes": [20, 20]}, "arch.hidden_layer_sizes=[20,20]"),
    ({"arch__hidden_layer_sizes": [[20], [20, 20]]}, "arch.hidden_layer_sizes=[20],[20,20]"),
    ({"arch__hidden_layer_sizes": [(20,), ()]}, "arch.hidden_layer_sizes=[20],[]"),
    ({"trainer__class_weight": [None, [1, 2]]}, "trainer.class_weight=null,[1,2]"),
    ({"data__categories": ["sci.med", "sci.space"]}, "data.categories=['sci.med','sci.space']"),
    ({"sweep__zip": [["seed", "arch"]]}, "sweep.zip=[[seed,arch]]"),
    ({"data__stop_words": ["a"]}, "data.stop_words=[a]"),
    ({"data": ["iris"]}, "data=iris"),
]


@pytest.mark.parametrize(("settings", "line"), GRIDS)
def test_python_list_is_a_grid_unless_its_setting_takes_lists(settings, line):
    assert make_overrides(settings) == [line]


def test_an_empty_list_has_no_values_to_sweep_over():
    with pytest.raises(ConfigError, match=r"seed=.*: has no values"):
        make_overrides({"seed": []})
    assert make_overrides({"arch__hidden_layer_sizes": []}) == ["arch.hidden_layer_sizes=[]"]
