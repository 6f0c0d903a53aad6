from hydra import compose, initialize_config_dir

from nnsweep.jobs import job
from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.hydra_job import VERSION_BASE


def test_a_result_of_other_numerics_is_another_result(monkeypatch):
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        made = check_configuration(compose("config", return_hydra_config=True))
    before = made.key("d")
    monkeypatch.setattr(job, "NUMERICS_VERSION", job.NUMERICS_VERSION + 1)
    assert made.key("d") != before
