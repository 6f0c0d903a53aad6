"""Files are read once, and jobs are what they were when they were checked, whatever happens to the files afterwards."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf, open_dict, read_write

from nnsweep.jobs.compose import Composer
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.config_loader import FrozenConfigurations, ReadOnce, cache_parsing
from nnsweep.jobs.hydra_folder import make_hydra_files, make_plain_configuration
from nnsweep.jobs.hydra_job import VERSION_BASE
from nnsweep.jobs.job_folder import read_record
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


pytestmark = pytest.mark.slow


@pytest.fixture
def conf(tmp_path):
    """Give a folder of the user's own configurations."""
    folder = tmp_path / "conf"
    shutil.copytree(conf_dir(), folder)
    return folder


def wait_for(path, process):
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end
        assert process.poll() is None, "".join(process.communicate())
        time.sleep(0.02)


def edit(conf):
    text = (conf / "config.yaml").read_text()
    (conf / "config.yaml").write_text(text.replace("seed: 0", "seed: 77").replace("- arch: shallow", "- arch: deep"))
    (conf / "optimizer" / "momentum.yaml").write_text("name: momentum\nlearning_rate: 0.77\nmomentum: 0.5\n")


def delete(conf):
    shutil.rmtree(conf)


CHANGES = {"edited": edit, "deleted": delete}
SLOW = """
import os, time
from pathlib import Path
from nnsweep.jobs import job_run
_begin = job_run.JobRun.checkpoint
def waiting(self):
    folder = Path(os.environ["NNSWEEP_TEST_FOLDER"])
    (folder / "begun").touch()
    end = time.monotonic() + 60
    while not (folder / "changed").exists() and time.monotonic() < end:
        time.sleep(0.02)
    return _begin(self)
job_run.JobRun.checkpoint = waiting
"""


@pytest.mark.parametrize(
    ("launcher", "change"),
    [
        *(("basic", change) for change in CHANGES),
        ("joblib", "deleted"),
        pytest.param("joblib", "edited", marks=pytest.mark.soak),
    ],
)
def test_a_change_of_the_files_after_the_check_changes_no_job(launcher, change, conf, study):
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    slow = study / "slow"
    slow.mkdir()
    (slow / "nnsweep_slow.py").write_text(SLOW)
    (slow / "sitecustomize.py").write_text(
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'nnsweep.jobs.hydra_job' and self in sys.meta_path:\n"
        "            sys.meta_path.remove(self)\n"
        "            import nnsweep_slow\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(slow), *sys.path]),
        "NNSWEEP_TEST_FOLDER": str(study),
    }
    how = ("data=iris", "trainer.epochs=2", "tracking.pictures=false", "hydra.sweep.dir=s1")
    jobs = ("hydra.launcher.n_jobs=2",) if launcher == "joblib" else ()
    given = ["-m", "nnsweep", "--config-dir", str(conf), f"hydra/launcher={launcher}", *jobs, *how]
    with subprocess.Popen(
        [sys.executable, *given, "optimizer.learning_rate=0.1,0.2,0.3"],
        cwd=study, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            wait_for(study / "begun", process)
            CHANGES[change](conf)
            (study / "changed").touch()
            said, wrong = process.communicate(timeout=90)
        finally:
            process.kill()
    assert (process.returncode, wrong) == (0, ""), said
    records = [read_record(study / "s1" / number) for number in "012"]
    assert [record.state for record in records] == ["finished"] * 3
    expected = {"seed": 0, "arch": "shallow", "hidden_layer_sizes": "32", "optimizer.momentum": 0.9}
    for record, rate in zip(records, (0.1, 0.2, 0.3), strict=True):
        assert {name: record.settings[name] for name in expected} == expected
        assert record.settings["optimizer.learning_rate"] == rate


PASSWORDS = {
    "a YAML file": ("postgresql://me:hush-hush@host/db", ()),
    "an override": (None, ("tracking.uri=postgresql://me:hush-hush@host/db",)),
}


@pytest.fixture
def composer(conf):
    """Give a composition of the user's configuration, with a store's address in it."""

    def of(uri, *overrides):
        if uri:
            text = (conf / "config.yaml").read_text()
            (conf / "config.yaml").write_text(text.replace("  uri: null", f"  uri: {uri}"))
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", [f"hydra.sweep.dir='{conf.parent}/s1'"], RunMode.MULTIRUN)
        return loader, config, Composer(loader, config)

    with initialize_config_dir(str(conf), **VERSION_BASE):
        yield of


@pytest.mark.parametrize("where", PASSWORDS)
def test_a_password_is_in_no_file_that_hydra_leaves(where, composer, tmp_path):
    uri, overrides = PASSWORDS[where]
    loader, config, compose = composer(uri)
    frozen = FrozenConfigurations(loader, compose)
    job = frozen.load_sweep_config(config, ["data=iris", *overrides])
    assert job.tracking.uri is None
    with read_write(job.hydra), open_dict(job.hydra):
        job.hydra.job.id, job.hydra.job.num = "0", 0
    setup_globals()
    returned = run_job(
        hydra_context=HydraContext(config_loader=frozen, callbacks=Callbacks()),
        task_function=lambda config: str(config.tracking.uri),
        config=job,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    assert returned.return_value == "None"
    left = [path for path in (tmp_path / "s1").rglob("*") if path.is_file()]
    assert len(left) >= 3
    assert [path.name for path in left if "hush-hush" in path.read_text()] == []
    assert [name for name, text in make_hydra_files(make_plain_configuration(job)).items() if "hush-hush" in text] == []


def test_an_address_without_a_password_stays(composer):
    loader, config, compose = composer("http://host:5000")
    assert (
        FrozenConfigurations(loader, compose).load_sweep_config(config, ["seed=1"]).tracking.uri == "http://host:5000"
    )


def test_all_else_is_left_to_hydras_own_loader(composer):
    loader, _, compose = composer(None)
    frozen = FrozenConfigurations(loader, compose)
    assert frozen.get_group_options("arch") == loader.get_group_options("arch")
    assert frozen.list_groups("") == loader.list_groups("")
    assert frozen.get_search_path() is loader.get_search_path()
    assert [*frozen.get_sources()] == [*loader.get_sources()]
    given = ("config", ["seed=3"], RunMode.RUN)
    assert frozen.load_configuration(*given).seed == 3
    assert frozen.compute_defaults_list(*given) == loader.compute_defaults_list(*given)
