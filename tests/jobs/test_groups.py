"""What can be set: the names of a group, their defaults, and settings that take one value or a list."""

import inspect
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nnsweep.errors import ConfigError
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.groups import GROUPS, find_kind, list_names, read_defaults
from nnsweep.jobs.hydra_job import VERSION_BASE
from nnsweep.jobs.overrides import make_overrides
from nnsweep.mlp.choices import interval

FILES = [(group, name) for group in GROUPS for name in list_names(group)]
BESIDES = {"activation": {"layers"}, "init": {"bias_std", "zero_output"}, "optimizer": {"weight_decay"}}
"""Settings, by group, that its functions do not take."""


@pytest.mark.parametrize(("group", "name"), FILES)
def test_file_and_function_have_the_same_settings_and_defaults(group, name):
    written = yaml.safe_load(Path(conf_dir(), group, f"{name}.yaml").read_text())
    own = written.pop("name")
    known = GROUPS[group].settings(own)
    assert set(written) == set(known) | BESIDES.get(group, set())
    for setting, (annotation, default) in known.items():
        value, allowed = written[setting], interval(annotation)
        if isinstance(value, int | float) and allowed:
            assert value in allowed
        if name == own and default is not inspect.Parameter.empty:
            assert (tuple(value) if isinstance(value, list) else value) == default, setting


@pytest.mark.parametrize("group", GROUPS)
def test_every_function_has_a_file(group):
    written = {read_defaults(group, name, {"trainer.epochs": 40})["name"] for name in list_names(group)}
    assert written == {*GROUPS[group]}


FILES = {group: sorted(Path(conf_dir(), group).glob("*.yaml")) for group in ("arch", "trainer", *GROUPS)}
"""The choices of each group: the first of all groups are composed together, then the second, and so on."""


@pytest.mark.parametrize("place", range(max(map(len, FILES.values()))))
def test_defaults_are_what_hydra_composes(place):
    chosen = {group: files[place].stem for group, files in FILES.items() if place < len(files)}
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        config = compose("config", overrides=[f"{group}={name}" for group, name in chosen.items()])
    for group, name in chosen.items():
        if not OmegaConf.missing_keys(config[group]):
            theirs = OmegaConf.to_container(config[group], resolve=True)
            ours = read_defaults(group, name, {"trainer.epochs": config.trainer.epochs})
            assert {"name": name} | theirs == {"name": name} | ours


def test_defaults_are_new_each_time():
    read_defaults("schedule", "multistep")["boundaries"].append(7)
    assert read_defaults("schedule", "multistep")["boundaries"] == [20, 30]


@pytest.mark.parametrize("name", ["none_such", "../config", None, 3, ["cosine"]])
def test_of_a_name_that_no_file_has_the_name_is_left(name):
    assert read_defaults("schedule", name) == {"name": name}


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
