"""``~`` is the home folder wherever a path is given; no folder is ever called so."""

import shutil

import pytest

from nnsweep.api.load import load_results
from nnsweep.api.sweep import sweep
from nnsweep.data.cache import cache_folder
from nnsweep.errors import ConfigError
from nnsweep.files import expand_home


@pytest.fixture
def home(study, ready_store_file, monkeypatch):
    """Give a home folder with a store, a table and a folder of configurations."""
    folder = study / "home"
    (folder / "conf" / "arch").mkdir(parents=True)
    (folder / "conf" / "arch" / "tiny.yaml").write_text("name: tiny\nhidden_layer_sizes: [3]\n")
    (folder / "conf" / "experiment").mkdir()
    (folder / "conf" / "experiment" / "there.yaml").write_text(
        "# @package _global_\nhydra: {sweep: {dir: '~/preset/${nnsweep_sweep:}'}}\n"
    )
    rows = [f"{number % 7},{number % 5},{'ab'[number % 2]}" for number in range(40)]
    (folder / "cats.csv").write_text("\n".join(["age,weight,kind", *rows]) + "\n")
    shutil.copy(ready_store_file, folder / "x.db")
    monkeypatch.setenv("HOME", str(folder))
    yield folder
    assert not [path for path in study.rglob("*") if path.name.startswith("~")]


TABLE = ("data=table", "data.path=~/cats.csv", "data.target=kind", "trainer.epochs=1", "tracking.pictures=false")


def test_tilde_in_settings_options_and_environment_means_home(nnsweep, study, home, monkeypatch):
    monkeypatch.setenv("NNSWEEP_CACHE", "~/cache")
    places = ("tracking.uri=sqlite:///~/x.db", "tracking.artifact_root=~/files", "hydra.sweep.dir=~/sweeps/one")
    said = nnsweep("--config-dir=~/conf", "arch=tiny", *places, *TABLE)
    assert said.code == 0
    assert "error" not in said.err
    assert (home / "sweeps" / "one" / "0" / "record.json").is_file()
    assert {"cache", "files", "sweeps"} <= {path.name for path in home.iterdir()}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///~/x.db")
    assert nnsweep("export", "nnsweep", "--output=~/table.csv").code == 0
    assert nnsweep("verify", "~/table.csv").code == 0
    assert (home / "table.csv").is_file()
    assert not (study / "multirun").exists()


def test_a_presets_folder_may_be_in_the_home_folder(nnsweep, home):
    assert nnsweep("--config-dir=~/conf", "experiment=there", *TABLE).code == 0
    assert len([*home.glob("preset/*/0/record.json")]) == 1


def test_python_means_the_home_folder(home):
    given = {"data": "iris", "trainer__epochs": 1, "tracking__pictures": False}
    sweep(arch="tiny", uri="sqlite:///~/x.db", config_dir="~/conf", folder="~/runs", **given)
    assert len(load_results("nnsweep", uri="sqlite:///~/x.db")) == 1
    assert (home / "runs" / "multirun").is_dir()


def test_no_home_folder_is_told_and_no_cache_is_made(monkeypatch):
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    for name in ("NNSWEEP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="the home folder is not known; set HOME"):
        expand_home("sqlite:///~/x.db")
    assert cache_folder() is None
    assert expand_home("~backup.csv") == "~backup.csv"
