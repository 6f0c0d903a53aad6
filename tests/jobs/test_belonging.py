"""Each job of a grid has the settings of its own choices; what is left out is said."""

from collections.abc import Callable
from typing import Any

import hydra
import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from nnsweep.api.sweep import sweep
from nnsweep.jobs.compose import Composer
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.grid import Grid, expand_grid

pytestmark = pytest.mark.slow

BASE = {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}


@pytest.fixture(scope="module")
def grid() -> Callable[..., Grid]:
    """Make the grid of a command line, whose preset and whose settings of the sweep are given apart."""
    with initialize_config_dir(conf_dir(), job_name="job", **BASE):
        loader = GlobalHydra.instance().config_loader()

    def made(*given: str, sweep: tuple[str, ...] = (), params: tuple[str, ...] = ()) -> Grid:
        config = loader.load_configuration("config", [*sweep], RunMode.MULTIRUN)
        compose: Any = Composer(loader, config)
        return expand_grid(loader, config, preset=params, given=[*sweep, *given], compose=compose)

    return made


MIXED = [  # the command line, the overrides of each job, what is said of the key
    (
        ["schedule=step,exp", "schedule.gamma=0.5"],
        [["schedule=step", "schedule.gamma=0.5"], ["schedule=exp", "schedule.gamma=0.5"]],
        [],
    ),
    (
        ["arch=uniform,shallow", "arch.depth=3,4"],
        [["arch=uniform", "arch.depth=3"], ["arch=uniform", "arch.depth=4"], ["arch=shallow"]],
        ["arch.depth is set for arch=uniform; there is none for arch=shallow"],
    ),
    (
        ["optimizer.beta_1=0.8", "optimizer=adam,adamw"],
        [["optimizer.beta_1=0.8", "optimizer=adam"], ["optimizer.beta_1=0.8", "optimizer=adamw"]],
        [],
    ),
    (
        ["data=moons,iris", "++data.noise=0.3"],
        [["data=moons", "++data.noise=0.3"], ["data=iris"]],
        ["data.noise is set for data=moons; there is none for data=iris"],
    ),
    (
        ["schedule=exp,cosine", "+schedule.gamma=0.5"],
        [["schedule=exp", "schedule.gamma=0.5"], ["schedule=cosine"]],
        ["schedule.gamma is set for schedule=exp; there is none for schedule=cosine"],
    ),
    (
        ["schedule=exp,cosine", "~schedule.every"],
        [["schedule=exp", "~schedule.every"], ["schedule=cosine"]],
        ["schedule.every is set for schedule=exp; there is none for schedule=cosine"],
    ),
    (["seed=1,1", "arch=wide"], [["seed=1", "arch=wide"], ["seed=1", "arch=wide"]], []),
]


@pytest.mark.parametrize(("given", "jobs", "said"), MIXED)
def test_each_job_has_the_settings_of_its_choice(grid, given, jobs, said):
    assert grid(*given) == (jobs, said, [])


def test_settings_in_step_and_rules_hold_for_what_is_left(grid):
    given = ("schedule=step,cosine,exp", "schedule.gamma=0.5,0.1,0.9")
    zipped = grid(*given, sweep=("sweep.zip=[[schedule,schedule.gamma]]",)).points
    assert [point[1:] for point in zipped] == [
        ["schedule=step", "schedule.gamma=0.5"],
        ["schedule=cosine"],
        ["schedule=exp", "schedule.gamma=0.9"],
    ]
    ruled = grid(*given, sweep=("sweep.exclude='schedule.gamma > 0.4'",)).points
    assert [point[1:] for point in ruled] == [
        ["schedule=step", "schedule.gamma=0.1"],
        ["schedule=cosine"],
        ["schedule=exp", "schedule.gamma=0.1"],
    ]


def test_a_setting_is_looked_up_in_the_choice_of_each_grid(grid):
    grids = "sweep.grids=[{schedule: step},{schedule: exp},{arch: deep}]"
    found = grid("schedule.gamma=0.5", sweep=(grids,))
    assert [(point[0], point[2:]) for point in found.points] == [
        ("schedule=step", ["schedule.gamma=0.5"]),
        ("schedule=exp", ["schedule.gamma=0.5"]),
        ("arch=deep", []),
    ]


def test_what_no_choice_has_is_refused_with_the_keys_of_each(grid):
    found = grid("schedule=step,exp", "schedule.gama=0.5", "+optimizer.nosuch=1", "optimizer=adam,rmsprop")
    assert found.problems == [
        "schedule.gama: there is no such key; did you mean 'gamma'? "
        "schedule=step has gamma, stepsize, every, compound; schedule=exp has gamma, every, compound",
        "optimizer.nosuch: there is no such key; "
        "optimizer=adam has learning_rate, beta_1, beta_2, epsilon, weight_decay; "
        "optimizer=rmsprop has learning_rate, decay, epsilon, weight_decay",
    ]


NOTEBOOK = ("experiment=notebook",)


def test_a_presets_settings_go_with_the_choice_that_is_replaced(grid):
    found = grid("schedule=exp", sweep=NOTEBOOK)
    assert found.notes == [
        "experiment=notebook: schedule=exp replaces schedule=inv, and with it schedule.gamma, schedule.power, "
        "schedule.every, schedule.compound"
    ]
    (point,) = found.points
    assert point == [
        "schedule.gamma=0.95",
        "~schedule.power",
        "schedule.every=1",
        "schedule.compound=false",
        *NOTEBOOK,
        "schedule=exp",
    ]


def test_the_same_choice_as_the_presets_keeps_its_settings(grid):
    assert grid("schedule=inv,exp", "schedule.gamma=0.3", sweep=NOTEBOOK).points == [
        [*NOTEBOOK, "schedule=inv", "schedule.gamma=0.3"],
        [
            "~schedule.power", "schedule.every=1", "schedule.compound=false",
            *NOTEBOOK, "schedule=exp", "schedule.gamma=0.3"
        ],
    ]  # fmt: skip


def test_what_a_preset_sweeps_over_goes_with_its_choice_too(grid):
    found = grid("arch=wide", sweep=NOTEBOOK, params=("arch.hidden_layer_sizes=[20,20],[8]", "seed=0,1"))
    assert [point[-2:] for point in found.points] == [["experiment=notebook", "arch=wide"]] * 2
    assert [point[0] for point in found.points] == ["seed=0", "seed=1"]
    assert found.notes == ["experiment=notebook: arch=wide replaces arch=custom, and with it arch.hidden_layer_sizes"]
    swept = grid("arch=custom,wide", sweep=NOTEBOOK, params=("arch.hidden_layer_sizes=[20,20],[8]",))
    assert swept.points == [
        ["arch.hidden_layer_sizes=[20,20]", *NOTEBOOK, "arch=custom"],
        [*NOTEBOOK, "arch=wide"],
        ["arch.hidden_layer_sizes=[8]", *NOTEBOOK, "arch=custom"],
    ]


def test_a_presets_settings_of_whatever_is_chosen_stay(grid):
    params = ("optimizer.learning_rate=0.1,0.2", "optimizer.momentum=0.5")
    found = grid("optimizer=adam", params=params)
    assert [point[0] for point in found.points] == ["optimizer.learning_rate=0.1", "optimizer.learning_rate=0.2"]
    assert found.notes == [
        "the configuration: optimizer=adam replaces optimizer=momentum, and with it optimizer.momentum"
    ]


@pytest.mark.usefixtures("study")
def test_mixture_sweeps_alike_from_python_and_is_in_the_plan(nnsweep):
    quick = {"data": "iris", "trainer__epochs": 1, "tracking__pictures": False}
    plan = sweep(arch=("uniform", "linear"), arch__depth=(1, 2), dry_run=True, **quick)
    assert plan["hidden_layer_sizes"].tolist() == ["32", "32-32", "linear"]
    said = nnsweep("arch=uniform,linear", "arch.depth=1,2", "data=iris", "dry_run=true")
    assert said.out.splitlines()[:2] == [
        "3 jobs: 3 new", "  arch.depth is set for arch=uniform; there is none for arch=linear"
    ]  # fmt: skip
    wrong = nnsweep("schedule=step,exp", "schedule.gama=0.5", "seed=-1")
    assert (wrong.code, len(wrong.err.splitlines())) == (2, 2)
