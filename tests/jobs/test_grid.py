"""Which jobs a grid has, and in which order."""

import itertools
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import hydra
import pytest
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from nnsweep.errors import ConfigError
from nnsweep.jobs.compose import Composer
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.grid import expand_grid

BASE = {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}


@pytest.fixture(scope="module")
def loader() -> Any:
    with initialize_config_dir(conf_dir(), job_name="job", **BASE):
        return GlobalHydra.instance().config_loader()


@pytest.fixture
def grid(loader) -> Callable[..., list[list[str]]]:
    """Make the points of a command line, whose settings of the sweep are given apart."""

    def made(*given: str, sweep: tuple[str, ...] = (), preset: tuple[str, ...] = ()) -> list[list[str]]:
        config = loader.load_configuration("config", [*sweep], RunMode.MULTIRUN)
        return expand_grid(loader, config, preset=preset, given=given, compose=Composer(loader, config)).points

    return made


def refused(grid, *given: str, **settings: Any) -> str:
    with pytest.raises(ConfigError) as error:
        grid(*given, **settings)
    (problem,) = error.value.problems
    return problem


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        [],
        ["seed=3"],
        ["seed=1,2", "arch=deep,wide", "schedule=inv"],
        ["seed=range(0,5,2)", "optimizer.learning_rate=range(0.1,0.5,0.1)"],
        ["seed=choice(1,2)", "arch=glob(*,exclude=[c*,u*])", "activation=glob(t*)"],
        ["seed=sort(3,1,2)", "seed=sort(range(0,3),reverse=true)", "trainer.epochs=tag(a,choice(1,2))"],
        ["arch.hidden_layer_sizes=[20, 20],[8],[]", "tracking.experiment='a b','c,d'", "data.home=null,x"],
        ["+a.b=1,2", "++seed=4", "arch@other=deep,wide", "seed=1", "~experiment=null"],
        ["seed=1,2", "arch=deep,wide", "seed=7"],
        ["data={name: x},{name: y}", "seed=${trainer.epochs},1e-3"],
    ],
)
def test_product_has_the_jobs_of_hydras_own_sweeper_in_order(grid, loader, given):
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(given)
    assert [grid(*given)] == BasicSweeper.split_arguments(overrides, None)


def test_a_deletion_has_no_value_that_is_not_given(grid):
    assert grid("~trainer.patience", "seed=1,2") == [["~trainer.patience", f"seed={seed}"] for seed in (1, 2)]


def test_a_shuffled_list_has_all_its_values_once(grid):
    seeds = [point[0] for point in grid("seed=shuffle(range(0,50))")]
    assert seeds != sorted(seeds, key=lambda line: int(line[5:]))
    assert len({*seeds}) == len(seeds) == 50


def test_command_line_overrides_grids_and_grids_override_presets(grid):
    grids = ("sweep.grids=[{arch: wide, seed: '1,2'}]",)
    preset = ("arch=deep", "data=iris,wine")
    made = grid("seed=9", preset=preset, sweep=grids)
    assert made == [["arch=wide", f"data={data}", "seed=9"] for data in ("iris", "wine")]


def test_grids_run_in_turn_each_crossed_with_the_command_line(grid):
    grids = "sweep.grids=[{arch: deep, trainer.epochs: '1,2'},['arch=wide','trainer.epochs=3','++seed=4']]"
    assert grid("data=iris,wine", sweep=(grids,)) == [
        *(["arch=deep", f"trainer.epochs={n}", f"data={d}"] for n, d in itertools.product((1, 2), ("iris", "wine"))),
        *(["arch=wide", "trainer.epochs=3", "++seed=4", f"data={d}"] for d in ("iris", "wine")),
    ]


def test_a_grid_takes_values_that_yaml_has_already_read(grid):
    grids = "sweep.grids=[{seed: 3, data.home: null, trainer.epochs: 1e3, data.standardize: true}]"
    assert grid(sweep=(grids,)) == [["seed=3", "data.home=null", "trainer.epochs=1000.0", "data.standardize=True"]]


@pytest.mark.slow
def test_zipped_lists_go_in_step_at_the_place_of_the_first(grid):
    zipped = ("sweep.zip=[[seed,trainer.epochs]]",)
    assert grid("seed=1,2", "arch=deep,wide", "++trainer.epochs=range(3,5)", sweep=zipped) == [
        [f"seed={seed}", f"arch={arch}", f"++trainer.epochs={seed + 2}"]
        for seed, arch in itertools.product((1, 2), ("deep", "wide"))
    ]
    assert grid("seed=1,2", "trainer.epochs=3,4", sweep=("sweep.zip=[seed,trainer.epochs]",)) == grid(
        "seed=1,2", "trainer.epochs=3,4", sweep=zipped
    )


WRONG_ZIPS = [  # sweep.zip, the command line, what is told
    ("[[seed,arch]]", ["seed=1,2", "arch=a,b,c"], "seed has 2 values and arch has 3; lists that go in step must be"),
    ("[[seed,arch]]", ["seed=1,2", "arch=a"], "seed has 2 values and arch has 1"),
    ("[[seed,arch]]", ["seed=range(0,100000000)", "arch=a,b"], "seed has 100,000,000 values and arch has 2"),
    ("[[seed,arch]]", ["seed=1,2"], "arch has no list of values; give it one, as in arch=a,b"),
    ("[[seed,arch],[seed,data]]", ["seed=1,2", "arch=a,b", "data=c,d"], "seed is there 2 times"),
    ("[[seed]]", ["seed=1,2"], "at least two keys can go in step, as in [[seed,trainer.epochs]]"),
]


@pytest.mark.parametrize(("keys", "given", "told"), WRONG_ZIPS)
def test_lists_that_cannot_go_in_step_are_told(grid, keys, given, told):
    assert told in refused(grid, *given, sweep=(f"sweep.zip={keys}",))


def test_zipped_key_is_needed_in_every_grid_with_its_partner(grid):
    grids = "sweep.grids=[{seed: '1,2', trainer.epochs: '3,4'},{arch: deep},{seed: '1,2'}]"
    told = refused(grid, sweep=(grids, "sweep.zip=[[seed,trainer.epochs]]"))
    assert told.startswith("sweep.zip: seed needs trainer.epochs beside it in each grid")


def test_jobs_that_a_rule_holds_for_are_left_out(grid):
    rule = "sweep.exclude='depth > 3 and width < 64'"
    assert grid("arch=custom", "arch.hidden_layer_sizes=[8,8,8,8],[8,8],[99,9,9,9]", "seed=0,1", sweep=(rule,)) == [
        ["arch=custom", f"arch.hidden_layer_sizes={sizes}", f"seed={seed}"]
        for sizes, seed in itertools.product(("[8,8]", "[99,9,9,9]"), (0, 1))
    ]


def test_rules_may_name_choices_and_settings_only_some_jobs_have(grid):
    rules = """sweep.exclude=["schedule.gamma > 0", "activation == 'tanh' and seed in [1, 2]"]"""
    kept = grid("schedule=exp,cosine", "activation=tanh,relu", "seed=0,1", sweep=(rules,))
    assert [point[1:] for point in kept] == [
        ["activation=tanh", "seed=0"],
        ["activation=relu", "seed=0"],
        ["activation=relu", "seed=1"],
    ]
    assert {point[0] for point in kept} == {"schedule=cosine"}


def test_a_wrong_job_is_not_left_out_but_told_later(grid):
    assert grid("seed=-1,0,1", sweep=("sweep.exclude='seed < 1'",)) == [["seed=-1"], ["seed=1"]]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("seed >= 0", "sweep.exclude: leaves none of 2 jobs; loosen a rule"),
        ("sed > 0", "sweep.exclude: rule 'sed > 0': unknown name 'sed'; did you mean 'seed'?"),
        ("seed >", "sweep.exclude: rule 'seed >': it cannot be read"),
        ("seed > 'a'", "sweep.exclude: rule "),
    ],
)
def test_a_rule_that_cannot_be_used_is_told(grid, rule, told):
    assert refused(grid, "seed=0,1", sweep=(f'sweep.exclude="{rule}"',)).startswith(told)


LARGE = [  # the command line, its number of jobs
    (["seed=range(0,10000000)"], "10,000,000"),
    (["seed=shuffle(range(0,10000000))"], "10,000,000"),
    (["seed=range(10000000,0,-1)", "arch=a,b"], "20,000,000"),
    (["optimizer.learning_rate=range(0,1,0.00000095367431640625)"], f"{2**20:,}"),
    ([f"+a.k{number}=range(0,1000)" for number in range(10)], f"{10**30:,}"),
    ([f"+a.k=range(0,{10**30})"], f"{10**30:,}"),
    (["seed=range(0,10001)"], "10,001"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("given", "n_jobs"), LARGE)
def test_a_grid_that_is_too_large_is_counted_but_not_made(grid, given, n_jobs):
    grid()
    tracemalloc.start()
    started = time.process_time()
    told = refused(grid, *given)
    assert time.process_time() - started < 3
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    number = n_jobs.replace(",", "")
    expected = f"{n_jobs} jobs are more than sweep.max_jobs=10000; shorten the lists, or set sweep.max_jobs={number}"
    assert told == expected


def test_largest_grid_is_made_and_zipped_keys_count_once(grid):
    given = ("seed=range(0,6)", "trainer.epochs=range(1,7)")
    limit = "sweep.max_jobs=6"
    assert len(grid(*given, sweep=(limit, "sweep.zip=[[seed,trainer.epochs]]"))) == 6
    assert refused(grid, *given, sweep=(limit,)).startswith("36 jobs are more than sweep.max_jobs=6")
    assert refused(grid, "seed=1,2,3,4", sweep=(limit, "sweep.grids=[{arch: wide},{}]")).startswith("8 jobs")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("optimizer.learning_rate=interval(0,1)", "a grid has no intervals; use choice(...) or range(...)"),
        ("arch=glob(z*)", "has no values; a grid needs at least one of each key"),
        ("seed=range(3,3)", "has no values"),
        ("seed=range(0,3,0)", "a step that is not 0"),
        ("optimizer.learning_rate=range(0,1.5,0)", "a step that is not 0"),
        ("sweep.max_jobs=3,4", "sweep holds for all jobs and is set once"),
        ("sweep={max_jobs:3},{max_jobs:4}", "sweep holds for all jobs and is set once"),
    ],
)
def test_lists_that_are_none_are_told_with_their_key(grid, override, told):
    problem = refused(grid, override)
    assert problem.startswith(f"{override}: ")
    assert told in problem


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("sweep.max_jobs=0", "sweep.max_jobs=0: must be >= 1"),
        ("sweep.exclude=3", "sweep.exclude=3: must be a list"),
        ("sweep.grids=[{arch: [deep]}]", "sweep.grids.0: write values as on the command line: '1,2' is two values"),
        ("sweep.grids=[{sweep.max_jobs: 3}]", "sweep.max_jobs=3: sweep holds for all jobs"),
        ("+sweep.grid=[]", "sweep.grid=[]: there is no such key; did you mean 'grids'?"),
    ],
)
def test_wrong_sweep_settings_are_reported_with_their_key(grid, setting, told):
    assert refused(grid, "seed=1,2", sweep=(setting,)).startswith(told)


def test_preset_cannot_set_sweep_settings_as_job_settings(grid):
    assert "set once" in refused(grid, preset=("sweep.max_jobs=3",))


QUICK = ("data=iris", "trainer.epochs=2", "tracking.pictures=false")


def test_a_rule_on_the_command_line_needs_no_second_quotes(nnsweep, study):
    said = nnsweep("arch=linear,shallow", "seed=0,1", "sweep.exclude=depth == 0 and seed in [1]", *QUICK)
    assert (said.code, said.err) == (0, "")
    assert "3 jobs: 3 finished" in said.out
    assert sorted(path.parent.name for path in study.glob("multirun/*/*/record.json")) == ["0", "1", "2"]


def test_a_presets_grids_and_rules_are_those_of_its_sweep(nnsweep, study):
    (study / "mine" / "experiment").mkdir(parents=True)
    (study / "mine" / "experiment" / "two.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /data: iris}]\n"
        "trainer: {epochs: 2}\n"
        "tracking: {pictures: false}\n"
        "sweep: {grids: [{arch: 'linear,shallow'}, {arch: deep, seed: 5}], exclude: depth > 2 or seed == 1}\n"
    )
    said = nnsweep("--config-dir", "mine", "experiment=two", "seed=0,1")
    assert (said.code, said.err) == (0, "")
    assert "2 jobs: 2 finished" in said.out
    (study / "mine" / "experiment" / "one.yaml").write_text("# @package _global_\ntracking: {pictures: false}\n")
    swept = nnsweep("--config-dir", "mine", "experiment=two,one")
    assert (swept.code, len(swept.err.splitlines())) == (2, 1)
    assert "sweep must be the same for all jobs of a sweep" in swept.err


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("seed=range(0,10000000)", "10,000,000 jobs are more than sweep.max_jobs=10000"),
        ("optimizer.learning_rate=interval(0,1)", "a grid has no intervals"),
        ("sweep.max_jobs=3,4", "sweep holds for all jobs"),
        ("sweep.exclude=sed > 0", "unknown name 'sed'"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_in_one_line(nnsweep, argument, told):
    said = nnsweep(argument)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert told in said.err
