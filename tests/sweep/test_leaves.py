from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nnsweep.conf_tree import conf_dir
from nnsweep.hydra_job import VERSION_BASE
from nnsweep.sweep.leaves import leaf

GROUPS = ("activation", "arch", "data", "init", "optimizer", "schedule", "trainer")


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_a_leaf_is_what_hydra_composes(group):
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        for file in Path(conf_dir(), group).glob("*.yaml"):
            config = compose("config", overrides=[f"{group}={file.stem}"])
            if OmegaConf.missing_keys(config):
                continue
            theirs = OmegaConf.to_container(config[group], resolve=True)
            ours = leaf(group, file.stem, {"trainer.epochs": config.trainer.epochs})
            assert {"name": file.stem} | theirs == {"name": file.stem} | ours


def test_a_leaf_is_new_each_time():
    leaf("schedule", "multistep")["boundaries"].append(7)
    assert leaf("schedule", "multistep")["boundaries"] == [20, 30]


@pytest.mark.parametrize("name", ["none_such", "../config", None, 3, ["cosine"]])
def test_of_a_name_that_no_file_has_the_name_is_left(name):
    assert leaf("schedule", name) == {"name": name}
