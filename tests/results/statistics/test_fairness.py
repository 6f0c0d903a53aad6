"""Each at its own best, chosen by one number and reported by another."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.errors import ConfigError
from nnsweep.results.frame import frame
from nnsweep.results.statistics.fairness import fair_comparison
from nnsweep.tracking.record import RunRecord

RATE = "optimizer.learning_rate"


def run(arch, rate, val=None, test=None, *, seed=0, state="finished", **settings):
    metrics = {"best_val_accuracy": val, "test_accuracy": test}
    return RunRecord(
        run_id=f"{arch}{rate}{seed}{settings}",
        name=arch,
        state=state,
        settings={"arch": arch, RATE: rate, "seed": seed, **settings},
        metrics={name: value for name, value in metrics.items() if value is not None},
    )


GRID = [
    *(run("deep", 0.01, 0.80, 0.79, seed=0), run("deep", 0.01, 0.82, 0.81, seed=1)),
    *(run("deep", 0.1, 0.70, 0.99, seed=0), run("deep", 0.1, 0.72, 0.99, seed=1)),
    *(run("deep", 1.0, 0.10, 0.10, seed=0), run("deep", 1.0, 0.10, 0.10, seed=1)),
    *(run("wide", 0.01, 0.60, 0.60, seed=0), run("wide", 0.01, 0.60, 0.60, seed=1)),
    *(run("wide", 0.1, 0.85, 0.84, seed=0), run("wide", 0.1, 0.87, 0.86, seed=1)),
    *(run("wide", 1.0, 0.75, 0.75, seed=0), run("wide", 1.0, 0.75, 0.75, seed=1)),
]


RISING = [(0.01, 0.81), (0.1, 0.71), (1.0, 0.10)]


def test_validation_chooses_the_rate_a_subject_is_reported_at():
    found = fair_comparison(frame(GRID))
    assert (found.subject, found.tuned) == (("arch",), (RATE,))
    wide, deep = found.table.to_dict("records")
    assert (wide["label"], wide[RATE], wide["n"], wide["n_settings"], wide["on_edge"]) == (
        "arch=wide",
        0.1,
        2,
        3,
        False,
    )
    assert (deep["label"], deep[RATE], deep["setting"]) == ("arch=deep", 0.01, f"{RATE}=0.01")
    assert (deep["selecting_mean"], deep["mean"]) == (pytest.approx(0.81), pytest.approx(0.80))
    assert deep["std"] == pytest.approx(math.sqrt(0.0002))


def test_beside_it_stands_the_rate_that_is_best_for_all():
    found = fair_comparison(frame(GRID))
    assert found.same == {RATE: 0.1}
    wide, deep = found.table.to_dict("records")
    assert (wide["same_mean"], wide["gain"]) == (pytest.approx(0.85), 0.0)
    assert (deep["same_mean"], deep["gain"]) == (pytest.approx(0.99), pytest.approx(-0.19))


def test_an_edge_with_a_rise_towards_it_is_a_warning():
    assert fair_comparison(frame(GRID)).warnings == ()  # two seeds: p is 0.13
    more = [
        run("deep", rate, val + 0.001 * seed * (rate < 0.1), 0.8, seed=seed)
        for rate, val in RISING
        for seed in (2, 3, 4)
    ]
    found = fair_comparison(frame([*GRID, *more]))
    assert found.warnings == (f"arch=deep: best at {RATE}=0.01, the smallest tried; try 0.001",)
    assert list(found.table["on_edge"]) == [False, True]


def test_the_notes_say_by_what_settings_were_chosen():
    assert fair_comparison(frame(GRID)).notes == ("settings were chosen by the mean of best_val_accuracy over seeds",)
    unvalidated = fair_comparison(
        frame([run("deep", 0.1, test=0.5), run("deep", 0.2, test=0.6), run("wide", 0.1, test=0.5)])
    )
    assert (unvalidated.selecting, unvalidated.table[RATE].tolist()) == ("test_accuracy", [0.2, 0.1])
    assert "chosen by test_accuracy itself, which flatters all of them" in unvalidated.notes[0]


def test_runs_without_validation_among_others_do_not_count():
    found = fair_comparison(frame([*GRID, run("wide", 0.01, test=1.0, seed=2)]))
    assert found.table["mean"].tolist() == fair_comparison(frame(GRID)).table["mean"].tolist()
    assert found.notes[0].endswith("over seeds; not counted: 1 run without it")


def test_a_setting_that_diverged_is_the_last_choice():
    broken = [run("wide", 0.1, state="diverged", seed=2), run("deep", 0.01, state="failed", seed=2)]
    wide, deep = fair_comparison(frame([*GRID, *broken])).table.sort_values("label", ascending=False).to_dict("records")
    assert (wide[RATE], deep[RATE]) == (1.0, 0.1)
    alone = fair_comparison(frame([run("deep", 0.1, 0.5, 0.5), run("wide", 0.1, 0.5, 0.5), broken[0]]), tuned=[RATE])
    assert alone.table[RATE].tolist() == [0.1, 0.1]


def test_a_rate_that_diverged_was_tried_too():
    levels = [(0.1, 0.5), (0.01, 0.4)]
    tried = [run("deep", rate, val + seed / 99, 0.5, seed=seed) for rate, val in levels for seed in range(9)]
    tried.append(run("wide", 0.1, 0.5, 0.5))
    assert fair_comparison(frame([*tried, run("deep", 1.0, state="diverged")])).warnings == ()
    assert len(fair_comparison(frame(tried)).warnings) == 1


def test_a_failed_run_counts_as_guessing_where_that_is_known():
    broken = [run("wide", 0.1, state="diverged", seed=seed) for seed in (2, 3)]
    runs = frame([*GRID, *broken]).assign(chance_accuracy=0.1)
    wide = fair_comparison(runs).table.set_index("label").loc["arch=wide"]
    assert (wide[RATE], wide["n_finished"], wide["n_ended"]) == (1.0, 2, 2)  # 0.75 against (0.85 + 0.87 + 0.2) / 4
    ignored = fair_comparison(runs, failures="ignore").table.set_index("label").loc["arch=wide"]
    assert (ignored[RATE], ignored["n"], ignored["n_finished"], ignored["n_ended"]) == (0.1, 2, 2, 4)


def test_a_subject_without_a_finished_run_is_named():
    found = fair_comparison(frame([*GRID, run("linear", 0.1, state="failed")]))
    assert found.notes[-1] == "arch=linear: no run finished"
    assert len(found.table) == 2


def test_without_a_shared_setting_there_is_no_common_result():
    found = fair_comparison(frame([run("deep", 0.1, 0.5, 0.5), run("wide", 0.2, 0.5, 0.5), run("wide", 0.3, 0.4, 0.5)]))
    assert found.same is None
    assert found.table["same_mean"].isna().all()
    assert found.table["gain"].isna().all()


def test_of_equal_settings_the_first_in_order_is_chosen():
    tied = [run(arch, rate, 0.5, 0.5) for rate in (0.3, 0.1, 0.2) for arch in ("deep", "wide")]
    assert fair_comparison(frame(tied)).table[RATE].tolist() == [0.1, 0.1]


def test_schedules_are_tuned_or_compared_if_nothing_else_varies():
    both = [
        run(arch, rate, val / 8, val / 8, schedule=schedule)
        for val, (arch, schedule, rate) in enumerate(
            [(arch, schedule, rate) for arch in ("a", "b") for schedule in ("inv", "step") for rate in (0.1, 0.2)]
        )
    ]
    found = fair_comparison(frame(both))
    assert (found.subject, found.tuned) == (("arch",), ("schedule", RATE))
    assert found.table["setting"].tolist() == [f"schedule=step, {RATE}=0.2"] * 2
    alone = fair_comparison(frame([record for record in both if record.name == "a"]))
    assert (alone.subject, alone.tuned) == (("schedule",), (RATE,))
    assert alone.table["label"].tolist() == ["schedule=step", "schedule=inv"]


def test_with_nothing_to_tune_each_is_as_it_is():
    found = fair_comparison(frame([run("deep", 0.1, 0.5, 0.4), run("wide", 0.1, 0.6, 0.5)]))
    assert (found.tuned, found.same) == ((), {})
    assert found.table["gain"].tolist() == [0.0, 0.0]


def test_what_would_be_mixed_is_refused():
    mixed = frame(
        [run("deep", 0.1, 0.5, 0.5, activation=name) for name in ("relu", "tanh")] + [run("wide", 0.1, 0.5, 0.5)]
    )
    with pytest.raises(ConfigError, match="activation: varies too, and runs that differ in it would be averaged"):
        fair_comparison(mixed, subject=["arch"])
    assert fair_comparison(mixed, subject=["arch", "activation"]).subject == ("arch", "activation")


def test_unknown_columns_and_empty_comparisons_are_refused():
    with pytest.raises(ConfigError, match="'arhc'; did you mean 'arch'"):
        fair_comparison(frame(GRID), subject=["arhc"])
    with pytest.raises(ConfigError, match="nothing varies that could be compared"):
        fair_comparison(frame([run("deep", 0.1, 0.5, 0.5, seed=seed) for seed in (0, 1)]))


def test_table_without_finished_runs_is_empty_with_its_columns():
    found = fair_comparison(frame([run(arch, rate, state="failed") for arch in "ab" for rate in (0.1, 0.2)]))
    assert len(found.table) == 0
    assert {"arch", "label", RATE, "setting", "mean", "same_mean", "gain", "on_edge"} <= set(found.table.columns)


accuracy = st.sampled_from([0.25, 0.5, 0.75]) | st.floats(0, 1)
grids = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from([0.01, 0.1, 1.0]), st.integers(0, 2)),
    st.tuples(accuracy, accuracy, st.sampled_from(["finished", "finished", "diverged", "failed"])),
    min_size=1,
)


def records(grid):
    return [
        run(arch, rate, val, test, seed=seed, state=state) for (arch, rate, seed), (val, test, state) in grid.items()
    ]


@given(grids, st.randoms())
def test_the_order_of_the_runs_changes_nothing(grid, random):
    ordered, shuffled = records(grid), records(grid)
    random.shuffle(shuffled)
    first, second = (fair_comparison(frame(each), subject=["arch"], tuned=[RATE]) for each in (ordered, shuffled))
    tables = [found.table.sort_values("label", ignore_index=True) for found in (first, second)]
    assert tables[0].equals(tables[1])
    assert first.same == second.same
    assert set(first.warnings) == set(second.warnings)


@given(grids)
def test_the_chosen_setting_has_the_best_selecting_mean(grid):
    runs = frame(records(grid))
    for row in fair_comparison(runs, subject=["arch"], tuned=[RATE]).table.to_dict("records"):
        of_subject = runs[runs["arch"] == row["arch"]]
        whole = of_subject.groupby(RATE).filter(lambda cell: (cell["state"] == "finished").all())
        means = whole[whole["state"] == "finished"].groupby(RATE)["best_val_accuracy"].mean()
        assert len(means) == 0 or row["selecting_mean"] >= means.max() - 1e-12


def test_a_run_without_a_number_counts_as_guessing():
    records = [
        run("deep", 0.1, 0.9, 0.9, seed=0),
        run("deep", 0.1, seed=1),
        *(run("wide", 0.1, 0.6, 0.6, seed=seed) for seed in (0, 1)),
    ]
    found = fair_comparison(frame(records).assign(chance_accuracy=0.1))
    told = found.table.set_index("label")[["mean", "n_finished", "n_ended"]].values.tolist()
    assert told == [[0.6, 2, 2], [0.5, 1, 2]]


def test_runs_of_a_table_without_states_have_all_finished():
    runs = frame(GRID)
    found = fair_comparison(runs.drop(columns="state"))
    assert found.table.equals(fair_comparison(runs).table)
