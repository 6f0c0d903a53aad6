"""A stacked job's folder has the files that Hydra would have left there, byte for byte."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext, RunMode
from hypothesis import example, given, settings
from hypothesis import strategies as some
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from nnsweep.jobs import tasks
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.hydra_folder import make_hydra_files, make_plain_configuration
from nnsweep.jobs.hydra_job import VERSION_BASE

pytestmark = pytest.mark.slow

JOBS = [
    [],
    ["seed=3", "arch=deep", "optimizer=adam"],
    ["schedule=multistep", "schedule.boundaries=[2,3]", "arch=custom", "arch.hidden_layer_sizes=[]", "data=iris"],
    ["data=newsgroups", "data.home='yes'", "trainer.patience=null"],
    ["tracking.experiment='Größe 🙂'", "tracking.uri=sqlite:///a.db"],
    [f"tracking.artifact_root='{'long/' * 60}a: b'", f"tracking.experiment='{'many words ' * 30}'"],
    ["tracking.uri=null", "sweep.grids=[{arch: deep, seed: '0,1'}, ['seed=1e3']]", "sweep.zip=[[seed,arch]]"],
    ["+hydra.job.env_set.OFF='off'", "hydra.sweep.subdir=${hydra.job.num}-${seed}"],
]

TEXTS = [
    "yes", "Yes", "yEs", "y", "N", "no", "on", "off", "OFF", "oFF", "true", "tRuE", "null", "~", "", " ", "nan", "-inf",
    "1e3", "1_000", "0o7", "0x1f", "07", "1:30", "1.", ".5", "+1", "2026-01-01", "=", "<<", "- a", "? a", "a: b",
    "#a", "*a", "&a", "!a", "%a", "@a", "`a`", "|", ">", "'", '"', "it's", "{a}", "[a]", "a #b", "${seed}", "\\n", "\n",
    "a\nb", "a\n\nb\n", "\ta", "é", "Größe", "日本", "🙂", "\u2028", "\x7f", "\x00", "\ufeff", "a" * 300, "words " * 60,
    f"{'long ' * 20}\nand: more", f"{'x' * 130}:", "---", "...", "key: 'v'",
]  # fmt: skip


@pytest.fixture(scope="module")
def loader() -> Any:
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        return GlobalHydra.instance().config_loader()


@pytest.fixture
def composed(loader, tmp_path) -> Callable[[list[str]], DictConfig]:
    """Compose a job as Hydra's launchers do."""

    def compose(overrides: list[str]) -> DictConfig:
        sweep = tmp_path / "sweep"
        sweep.mkdir(exist_ok=True)
        given = [*overrides, f"hydra.sweep.dir='{sweep}'"]
        config: DictConfig = loader.load_configuration("config", given, RunMode.MULTIRUN)
        return config

    return compose


@pytest.fixture
def hydras_own(loader) -> Callable[[DictConfig, int], dict[str, bytes]]:
    """Let Hydra run a job that does nothing, and give the files that it left."""

    def files(config: DictConfig, number: int) -> dict[str, bytes]:
        setup_globals()
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        run_job(
            hydra_context=HydraContext(config_loader=loader, callbacks=Callbacks()),
            task_function=lambda _: None,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            configure_logging=False,
        )
        return folder_of(Path(config.hydra.runtime.output_dir) / config.hydra.output_subdir)

    return files


def folder_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("overrides", JOBS, ids=str)
def test_the_files_of_a_job_are_hydras_own(overrides, composed, hydras_own):
    (task,) = tasks.make_tasks([overrides], lambda given: composed([*given]), first=3)
    task.make_folder()
    written = folder_of(task.place.folder / ".hydra")
    assert written.keys() == {"config.yaml", "hydra.yaml", "overrides.yaml"}
    assert written == hydras_own(composed(overrides), 3)


def test_no_files_are_left_where_none_are_wanted(composed):
    (task,) = tasks.make_tasks([["hydra.output_subdir=null"]], lambda given: composed([*given]))
    task.make_folder()
    assert [*task.place.folder.iterdir()] == []


def as_written(values: Any) -> tuple[str, str, str]:
    """Give what OmegaConf writes of a configuration with these values."""
    hydra = {"overrides": {"task": [str(key) for key in values]}, "values": values}
    return (
        OmegaConf.to_yaml(OmegaConf.create(values)),
        OmegaConf.to_yaml(OmegaConf.create({"hydra": hydra})),
        OmegaConf.to_yaml(OmegaConf.create(hydra["overrides"]["task"])),
    )


def as_ours(values: Any) -> tuple[str, str, str]:
    hydra = {"overrides": {"task": [str(key) for key in values]}, "values": values}
    files = make_hydra_files(make_plain_configuration(OmegaConf.create({**values, "hydra": hydra})))
    return files["config.yaml"], files["hydra.yaml"], files["overrides.yaml"]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_text_is_written_as_omegaconf_writes_it(text):
    for values in ({"a": text}, {"a": [text, [text, None]]}, {"a": {text: text}}, {"a": {text: [{text: {}}]}}):
        assert as_ours(values) == as_written(values)


@pytest.mark.parametrize(
    "value", [None, True, 0, -1, 1e-5, 1e300, float("inf"), float("nan"), [], {}, [[], [[1]]], b"a"]
)
def test_a_value_is_written_as_omegaconf_writes_it(value):
    values = {"a": value, "b": [value, {"c": value}]}
    assert as_ours(values) == as_written(values)


WORDS = some.text(" ab1_:#'\"\n-?,[]{}$é🙂\\", max_size=150).filter(lambda text: "$" not in text)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=9) | WORDS,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(some.dictionaries(some.sampled_from(["seed", "on", "1e3", "a b"]), VALUES, max_size=3))
@example({})
def test_any_configuration_is_written_as_omegaconf_writes_it(values):
    if "${" not in str(values):
        assert as_ours(values) == as_written(values)


@settings(max_examples=300, deadline=None)
@given(some.text("aAeEfLnNuyY019_./=,[]{}$+-~", max_size=6))
@example("++seed=3")
@example("arch.hidden_layer_sizes=[20,20]")
@example("nUll")
@example("x" * 150)
def test_a_word_is_written_as_omegaconf_writes_it(word):
    if "${" not in word:
        values = {"a": {"b": [word, 1, word], "c": {word: word}}, word: {"a": word}}
        assert as_ours(values) == as_written(values)


def test_what_is_written_reads_back_as_the_configuration(composed):
    (task,) = tasks.make_tasks([["seed=4"]], lambda given: composed([*given]), first=2)
    config = OmegaConf.create(make_hydra_files(task.configuration)["config.yaml"])
    assert (config.seed, config.data.name) == (4, "digits")
    hydra = OmegaConf.create(make_hydra_files(task.configuration)["hydra.yaml"]).hydra
    assert (hydra.job.num, hydra.runtime.output_dir) == (2, str(task.place.folder))
    assert "seed=4" in OmegaConf.create(make_hydra_files(task.configuration)["overrides.yaml"])
