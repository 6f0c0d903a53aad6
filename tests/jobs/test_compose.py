"""Composing quickly gives what Hydra gives, for whatever overrides."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hydra
import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, ListConfig, open_dict, read_write

from nnsweep.jobs.compose import Composer
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.config_loader import NotingLoader, cache_parsing
from nnsweep.jobs.problems import explain_hydra_error

pytestmark = pytest.mark.slow

BASE = {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}

OURS = [
    *("arch=wide", "arch=custom", "arch=shalow", "schedule=inv", "schedule=cosine", "experiment=notebook", "data=iris"),
    *("seed=3", "seed='4'", "seed=???", "seed=null", "seed=1e3", "seed=${trainer.epochs}", "seed=[1,2]", "++seed=5"),
    *(
        "trainer.epochs=7",
        "trainer.epochs=8",
        "trainer.epohcs=7",
        "trainer={epochs: 9}",
        "trainer=5",
        "trainer=minibatch",
    ),
    *("arch.hidden_layer_sizes=[20,20]", "arch.hidden_layer_sizes=[]", "+arch.more={a: {b: 1}}", "++arch.more.a.b=2"),
    *("schedule.gamma=0.5", "+schedule.gamma=0.5", "+schedule.gama=1", "schedule={gamma: 1, power: ${seed}}"),
    *("~trainer.patience", "~seed=3", "~seed", "~experiment", "~nothing", "+a.b=1", "+a.b=2", "++a.b=3", "a.b=4"),
    *("tracking.experiment='a=b c'", 'tracking.uri="sqlite:///x.db"', "tracking.experiment=${hydra.job.name}"),
    *(
        "hydra.sweep.subdir=${seed}",
        "hydra.job.name=other",
        "+hydra.job.env_set.A=b",
        "hydra.nothing=1",
        "activation=null",
    ),
    *("seed=1,2", "seed=range(0,3)", "seed=range(0", "=", "", "seed", "arch@other=wide", "+arch@other=wide", "a/b=c"),
    *("data.name=${arch.name}", "sweep.exclude='depth > 3'", "sweep.exclude=[a,b]", "optimizer.learning_rate=1e-3"),
]

TREE = {
    "config.yaml": """
defaults: [_self_, db: mysql, server@src: near, server@dst: far, db/engine: fast, extra: null]
port: 1
none: null
missing: ???
deep: {a: {b: '${..c}', c: 1, d: '${port}'}, c: '${db.engine.level}'}
alias: '${deep}'
task: '${hydra.job}'
listed: [1, '${port}', {x: '${deep.a.b}'}]
url: 'http://${db.host}:${port}/${src.host}'
hydra: {job: {name: small, config: {override_dirname: {exclude_keys: [port], kv_sep: ':', item_sep: ';'}}}}
""",
    "db/mysql.yaml": "host: local\nurl: ${.host}/${port}\nengine: {kind: none}\n",
    "db/lite.yaml": "# @package _global_\ndb: {host: file, url: '${port}'}\nport: 7\n",
    "db/engine/fast.yaml": "level: 9\nup: ${..host}\n",
    "db/engine/slow.yaml": "level: 1\nup: ${...port}\n",
    "server/near.yaml": "host: near\nnext: ${dst.host}\n",
    "server/far.yaml": "host: far\nnext: null\n",
    "extra/both.yaml": "# @package _global_\ndefaults: [{override /db: lite}, {override /db/engine: slow}]\nport: 5\n",
}
SMALL = [
    *("db=mysql", "db=lite", "db/engine=slow", "server@src=far", "server@dst=near", "extra=both", "server=far"),
    *("+server@third=near", "~server@dst", "~db", "db.host=x", "db.engine.level=3", "db={host: y}", "db=[mysql]"),
    *("port=2", "port=3", "port=${none}", "port=[1,{a: b}]", "port={a: 1}", "none=4", "none={a: 1}", "none.a=1"),
    *("missing=5", "missing={a: {b: 1}}", "missing.a=5", "deep.a.c=6", "deep.a.b=7", "deep.a={c: ${port}}", "deep=1"),
    *("alias=8", "alias.c=9", "alias={c: 9}", "alias.a.c=9", "++alias.new=1", "task.name=x", "task={name: x}"),
    *("++task.config_name=y", "listed=[]", "listed=[2,3]", "listed.0=4", "listed[1]=5", "listed.9=1", "url=null"),
    *("+new=1", "+new.a=2", "++new.a.b=3", "+new={a: 4}", "~new", "~port", "~port=2", "~deep.a", "+deep.a.z=${port}"),
    *("src.host=a", "dst.next=${src.host}", "third.host=b", "+src.more=[1]", "url='a,b'", 'url="it\'s"', "url=a\\,b"),
    *(
        "hydra.job.name=${url}",
        "hydra.job.name=${missing}",
        "hydra.job.env_copy=[PATH]",
        "hydra.job.env_copy=${listed}",
    ),
    *("hydra.job.config.override_dirname.kv_sep=${none}", "hydra.searchpath=[]", "hydra={verbose: true}"),
]


class Hydras(NamedTuple):
    loader: Any
    config: DictConfig


def opened(folder: str, *overrides: str) -> Hydras:
    with initialize_config_dir(folder, job_name="job", **BASE):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", [*overrides], RunMode.MULTIRUN)
        str(config.hydra.sweep.dir)  # fills the cache of its resolvers, as the sweep does
        return Hydras(loader, config)


@pytest.fixture(scope="module")
def ours() -> Hydras:
    return opened(conf_dir(), "hydra.sweep.dir=here/${nnsweep_sweep:}")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    for name, text in TREE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def small(tree: Path) -> Hydras:
    return opened(str(tree))


def anatomy(node: Any) -> Any:
    """Take a configuration apart: values as they are written, order of keys, types and flags of every node."""
    own = node._metadata
    kind = (type(node), own.key, own.ref_type, own.object_type, own.optional, dict(own.flags or {}))
    content = node._content if isinstance(node, DictConfig | ListConfig) else node._value()
    if isinstance(content, dict):
        return kind, [(key, anatomy(child)) for key, child in content.items()]
    return kind, [anatomy(child) for child in content] if isinstance(content, list) else content


def outcome(compose: Any, overrides: list[str]) -> Any:
    try:
        config = compose(overrides)
    except Exception as error:
        return type(error), str(error), explain_hydra_error(error)
    return anatomy(config), config._metadata.resolver_cache


def hydras(given: Hydras) -> Any:
    return lambda overrides: given.loader.load_sweep_config(given.config, overrides)


def reading_once(given: Hydras) -> Hydras:
    """Let Hydra's loader read once, as a sweep does."""
    return Hydras(NotingLoader(given.loader.get_search_path()), given.config)


@pytest.fixture(scope="module")
def our_composer(ours: Hydras) -> Composer:
    return Composer(*reading_once(ours))


@pytest.fixture(scope="module")
def small_composer(small: Hydras) -> Composer:
    return Composer(*reading_once(small))


@pytest.fixture(scope="module", autouse=True)
def _parsed_once() -> Iterator[None]:
    with cache_parsing():
        yield


quick = settings(
    max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@quick
@given(st.lists(st.sampled_from(OURS), max_size=6))
@example(["seed=3", "trainer.epochs=7"])
@example(["trainer.epochs=${seed}", "seed=5", "arch=custom", "arch.hidden_layer_sizes=[2,3]", "seed=6"])
@example(["seed=${trainer.epochs}", "~seed=7", "trainer.epochs=7"])
@example(["trainer.epohcs=7", "trainer=5"])
@example(["trainer=5", "trainer.epochs=7"])
def test_a_job_of_ours_is_composed_as_hydra_composes_it(ours, our_composer, overrides):
    assert outcome(our_composer, overrides) == outcome(hydras(ours), overrides)


@quick
@given(st.lists(st.sampled_from(SMALL), max_size=6))
@example(["port=2", "~port=2"])
@example(["none=${port}", "port=3", "alias.c=9"])
@example(["task.name=x", "port=2"])
@example(["missing=5", "hydra.job.name=${missing}"])
@example(["hydra.job.name=${missing}", "missing=5"])
@example(["none=${deep}", "none.c=1"])
@example(["db=lite", "port=2", "db.host=x", "extra=both", "url=null"])
def test_nested_groups_and_interpolations_compose_as_in_hydra(small, small_composer, overrides):
    assert outcome(small_composer, overrides) == outcome(hydras(small), overrides)


def test_job_composed_twice_is_equal_and_shares_nothing(ours, our_composer):
    overrides = ["arch=wide", "seed=3", "trainer.epochs=7"]
    first, second = our_composer(overrides), our_composer(overrides)
    with read_write(first), open_dict(first):
        first.hydra.job.num = 4
        first.hydra.overrides.task.append("x=y")
        first.trainer.epochs = 1
        first.arch.hidden_layer_sizes.append(2)
    expected = anatomy(hydras(ours)(overrides))
    assert anatomy(second) == anatomy(our_composer(overrides)) == expected


class Counting:
    """Hydra's loader, which counts how often it composes."""

    def __init__(self, loader: Any) -> None:
        self.loader, self.n = loader, 0

    def load_sweep_config(self, config: DictConfig, overrides: list[str]) -> DictConfig:
        self.n += 1
        return self.loader.load_sweep_config(config, overrides)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)


def test_hydra_composes_once_for_each_choice_of_groups(ours):
    loader = Counting(ours.loader)
    compose = Composer(loader, ours.config)
    for arch in ("wide", "deep"):
        for seed in range(20):
            compose([f"arch={arch}", f"seed={seed}", f"++trainer.epochs={seed}", f"+more.less={seed}"])
    assert loader.n == 2


def test_each_choice_of_a_group_is_composed_as_in_hydra(ours):
    loader = Counting(reading_once(ours).loader)
    compose = Composer(loader, ours.config)
    for arch, activation in (("wide", "relu"), ("deep", "tanh"), ("custom", "leaky_relu"), ("wide", "elu")):
        overrides = [f"arch={arch}", f"activation={activation}", "seed=3", "schedule=step", "data=table"]
        assert outcome(compose, overrides) == outcome(hydras(ours), overrides)
    assert loader.n == 1


def test_a_choice_with_more_than_its_node_is_left_to_hydra(small):
    loader = Counting(reading_once(small).loader)
    compose = Composer(loader, small.config)
    for db in ("mysql", "lite"):  # another group's node lies in this one's
        assert outcome(compose, [f"db={db}", "port=2"]) == outcome(hydras(small), [f"db={db}", "port=2"])
    assert loader.n == 2


@pytest.mark.parametrize("wrong", ["trainer.epohcs=1", "arch=shalow"])
def test_entirely_wrong_grid_asks_hydra_for_its_error_once(ours, wrong):
    loader = Counting(ours.loader)
    compose = Composer(loader, ours.config)
    said = set()
    for seed in range(20):
        with pytest.raises(HydraException) as refused:
            compose([f"seed={seed}", wrong])
        said.add(explain_hydra_error(refused.value))
    assert loader.n <= 2
    assert said == {outcome(hydras(ours), [wrong])[2]}


def test_a_class_that_cannot_be_pickled_is_copied_all_the_same(ours, monkeypatch):
    monkeypatch.setattr("pickle.dumps", lambda *_: 1 / 0)
    assert anatomy(Composer(*ours)(["seed=3"])) == anatomy(hydras(ours)(["seed=3"]))


def test_a_thousand_jobs_are_composed_in_the_time_of_a_few(ours, our_composer):
    our_composer(["seed=0"])
    started = time.process_time()
    hydras(ours)(["seed=0"])
    once = time.process_time() - started
    started = time.process_time()
    for seed in range(100):
        our_composer([f"seed={seed}"])
    assert (time.process_time() - started) / 100 < once / 5
