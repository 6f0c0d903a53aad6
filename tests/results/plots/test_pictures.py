"""Every picture of any sweep can be read, is the same each time, and is drawn only where it tells something."""

import pandas as pd
import pytest

from nnsweep.errors import ConfigError
from nnsweep.results.frame import frame
from nnsweep.results.plots.pictures import by_name, pictures, save_all, telling_runs

pytestmark = pytest.mark.slow

ALL = [
    *(
        "learning_curves",
        "mean_curves",
        *(f"curves_by_{name}" for name in ("depth", "width", "activation", "schedule")),
    ),
    *("schedules", "grid", "seeds", "cost", "cost_seconds", "parallel", "effects"),
    "marginal_means",
]


@pytest.mark.parametrize("kind", ["sweep", "holey", "odd"])
def test_no_picture_has_cut_off_overlapping_or_tiny_text(request, readable, kind):
    for figure in pictures(*request.getfixturevalue(kind), title="a $title_ " * 20).values():
        readable(figure)


def test_two_hundred_configurations_can_be_read_too(made, readable):
    runs, histories = made(depths=range(1, 6), widths=(8, 16, 32, 64, 128), activations="abcd", n_seeds=2)
    drawn = pictures(runs, histories, title="two hundred")
    assert list(drawn) == ALL
    for figure in drawn.values():
        readable(figure)


def test_pictures_have_equal_bytes_whatever_the_order_of_runs(tmp_path, holey):
    runs, histories = holey
    shuffled = runs.sample(frac=1, random_state=1)
    for name, table in (("a", runs), ("b", shuffled)):
        save_all(pictures(table, histories), tmp_path / name, ["svg", "png"])
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 2 * len(ALL)
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_what_tells_nothing_is_not_drawn(made):
    one = {"depths": [1], "widths": [8], "activations": ["relu"], "schedules": ["constant"]}
    assert list(pictures(*made(**one, n_seeds=1))) == ["learning_curves", "schedules", "seeds"]
    assert list(pictures(*made(**one))) == ["learning_curves", "mean_curves", "schedules", "seeds"]
    assert not {"effects", "marginal_means"} & set(pictures(*made(n_seeds=1)))
    assert "grid" not in pictures(*made(**(one | {"widths": [8, 16]})))


def test_curves_need_histories_and_other_pictures_need_results(made):
    runs, histories = made(failing=lambda settings: True)
    assert list(pictures(runs)) == []
    assert list(pictures(runs, histories)) == ["learning_curves", "schedules"]
    assert pictures(frame([]), {}) == {}


def test_only_what_is_wanted_is_drawn(sweep):
    assert list(pictures(*sweep, only=["seeds", "grid"])) == ["grid", "seeds"]


def test_two_runs_of_one_configuration_and_seed_are_refused(sweep):
    runs, _ = sweep
    twice = pd.concat([runs, runs.iloc[:1].assign(run_id="twin")], ignore_index=True)
    twice.attrs = dict(runs.attrs)
    with pytest.raises(ConfigError, match="one configuration"):
        pictures(twice)


def test_few_histories_cover_every_schedule_and_the_best_seeds(made):
    runs, _ = made(schedules="abcdef")
    chosen = runs[runs["run_id"].isin(telling_runs(runs, most=60))]
    assert len(chosen) <= 60
    assert set(chosen["schedule"]) == set("abcdef")
    best = runs.loc[runs["best_val_accuracy"].idxmax()]
    alike = runs["hidden_layer_sizes"] == best["hidden_layer_sizes"]
    for name in ("activation", "schedule"):
        alike &= runs[name] == best[name]
    assert sum(alike) == 3
    assert set(runs["run_id"][alike]) <= set(chosen["run_id"])


def test_runs_of_one_name_are_told_apart(sweep):
    runs, histories = sweep
    named = by_name(runs.assign(name="same"), histories)
    assert len(named) == len(runs)
    assert list(named)[:2] == ["same", "same #1"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path, sweep):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        save_all(pictures(*sweep, only=["seeds"]), tmp_path / "file")


def test_many_long_setting_names_are_written_beside_the_map(made):
    runs, _ = made(depths=[1], widths=[8], schedules=[f"a_long_name_{number}" for number in range(9)])
    axes = pictures(runs)["grid"].axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["relu", "tanh"]
    assert len(axes.get_yticklabels()) == 9
