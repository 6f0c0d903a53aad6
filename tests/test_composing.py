"""What the tests compose once is what Hydra composes each time."""

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal import config_loader_impl
from hydra._internal.defaults_list import create_defaults_list
from omegaconf import OmegaConf

from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.hydra_job import VERSION_BASE

CHOICES = (["arch=deep"], ["arch=deep", "trainer.epochs=3"], ["schedule=step", "+note=new"], ["arch=deep"])


def compose_all() -> list:
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        composed = [compose("config", overrides=one, return_hydra_config=True) for one in CHOICES]
    return [OmegaConf.to_container(one, resolve=False) for one in composed]


def test_a_choice_that_comes_again_is_composed_as_by_hydra(monkeypatch):
    once, again = compose_all(), compose_all()
    monkeypatch.setattr(config_loader_impl, "create_defaults_list", create_defaults_list)
    monkeypatch.setattr("tests.composing._name_sources", lambda _: ())
    assert once == again == compose_all()


def test_own_files_are_composed_as_they_are_now(tmp_path):
    for width in (3, 4):
        (tmp_path / "own.yaml").write_text(f"defaults: [_self_]\nwidth: {width}\n")
        with initialize_config_dir(str(tmp_path), **VERSION_BASE):
            assert compose("own").width == width


@pytest.mark.parametrize("choice", ["arch=none_such", "activation=relu,tanh"])
def test_what_hydra_refuses_is_refused_each_time(choice):
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        for _ in range(2):
            with pytest.raises(Exception, match=r"none_such|relu"):
                compose("config", overrides=[choice])
