"""Files of a configuration are read once, and nothing that is made of them can change what is read."""

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from nnsweep.jobs.compose import ReadOnce, cache_parsing
from tests.jobs.test_compose import BASE, anatomy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, host in (("conf", "near"), ("other", "far")):
        (tmp_path / place / "db").mkdir(parents=True)
        (tmp_path / place / "db" / f"{host}.yaml").write_text(f"host: {host}\nport: ${{port}}\n")
    (tmp_path / "conf" / "config.yaml").write_text("defaults: [db: near, _self_]\nport: 1\n")
    return tmp_path


def test_changed_file_stays_as_read_and_an_unread_one_is_current(folder):
    with initialize_config_dir(str(folder / "conf"), job_name="job", **BASE):
        loader = GlobalHydra.instance().config_loader()
        loader.repository = ReadOnce(loader.repository)
        before = loader.load_configuration("config", ["port=2"], RunMode.RUN)
        before.db.host = "changed"
        (folder / "conf" / "db" / "near.yaml").write_text("host: nowhere\n")
        (folder / "conf" / "db" / "late.yaml").write_text("host: late\n")
        again = loader.load_configuration("config", ["port=2"], RunMode.RUN)
        assert (again.db.host, again.db.port) == ("near", 2)
        assert loader.load_configuration("config", ["db=late"], RunMode.RUN).db.host == "late"


def test_other_search_path_is_read_without_affecting_the_first(folder):
    with initialize_config_dir(str(folder / "conf"), job_name="job", **BASE):
        loader = GlobalHydra.instance().config_loader()
        plain = anatomy(loader.load_configuration("config", [], RunMode.RUN))
        loader.repository = ReadOnce(loader.repository)
        search = [f"hydra.searchpath=[file://{folder / 'other'}]", "db=far"]
        assert loader.load_configuration("config", search, RunMode.RUN).db.host == "far"
        assert loader.get_group_options("db", None, config_name="config", overrides=[]) == ["near"]
        assert anatomy(loader.load_configuration("config", [], RunMode.RUN)) == plain


def test_interpolations_parsed_once_are_resolved_everywhere():
    with cache_parsing():
        several = [OmegaConf.create({"a": number, "b": "x${a}", "c": {"d": "${..b}"}}) for number in range(3)]
        assert [one.c.d for one in several] == ["x0", "x1", "x2"]
