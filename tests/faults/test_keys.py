from hydra import compose, initialize_config_dir

from nnsweep.conf_tree import conf_dir
from nnsweep.hydra_job import VERSION_BASE
from nnsweep.sweep import job
from nnsweep.sweep.grid import checked


def test_a_result_of_other_numerics_is_another_result(monkeypatch):
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        made = checked(compose("config", return_hydra_config=True))
    before = made.key("d")
    monkeypatch.setattr(job, "NUMERICS_VERSION", job.NUMERICS_VERSION + 1)
    assert made.key("d") != before
