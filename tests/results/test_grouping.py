"""A configuration is what varies besides the seed; one run a seed counts."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnsweep.errors import ConfigError
from nnsweep.results.factors import choose_distinguishing, varying_settings
from nnsweep.results.frame import coded, frame
from nnsweep.results.grouping import group_runs
from nnsweep.results.tables.formats import write_table
from nnsweep.tracking.record import RunRecord

patiently = settings(deadline=None, max_examples=60)


def run(accuracy=0.9, *, state="finished", run_id="", metrics=None, **settings):
    named = {name.replace("__", "."): value for name, value in settings.items()}
    given_metrics = {"test_accuracy": accuracy, **(metrics or {})}
    return RunRecord(run_id=run_id, name="n", state=state, settings=named, metrics=given_metrics)


def labels(*records, **options):
    return [one.label for one in group_runs(frame(records), "test_accuracy", **options)]


def test_seeds_are_put_together():
    found = group_runs(frame([run(0.8 + seed / 10, arch="wide", seed=seed) for seed in (1, 0)]), "test_accuracy")
    assert [(one.label, one.values) for one in found] == [("all runs", {0: 0.8, 1: 0.9})]


def test_a_label_tells_what_varies_and_names_what_is_no_choice():
    assert labels(
        run(arch="wide", activation="tanh", optimizer__learning_rate=0.1, trainer__epochs=5),
        run(arch="wide", activation="relu", optimizer__learning_rate=0.01, trainer__epochs=5),
    ) == ["relu", "tanh"]
    assert labels(
        *(run(arch=arch, optimizer__learning_rate=rate) for arch in ("wide", "deep") for rate in (0.1, 0.01)),
    ) == ["deep learning_rate=0.01", "deep learning_rate=0.1", "wide learning_rate=0.01", "wide learning_rate=0.1"]


def test_what_another_column_says_already_is_not_repeated():
    assert labels(
        run(schedule="constant", hidden_layer_sizes="8", arch="a"),
        run(schedule="inv", hidden_layer_sizes="9", arch="b", schedule__gamma=0.05, schedule__every=1),
    ) == ["a", "b"]


def test_layer_sizes_stand_in_for_ambiguous_architectures():
    sizes = ("8", "8-8", "64")
    assert labels(*(run(arch="custom" if "8" in name else "wide", hidden_layer_sizes=name) for name in sizes)) == [
        "64",
        "8",
        "8-8",
    ]


def test_missing_settings_are_silent_unless_they_alone_differ():
    assert labels(
        run(schedule="constant"), run(schedule="inv", schedule__gamma=0.1), run(schedule="inv", schedule__gamma=0.2)
    ) == ["constant", "inv gamma=0.1", "inv gamma=0.2"]
    assert labels(run(trainer__batch_size=None), run(trainer__batch_size=32)) == ["batch_size=32", "batch_size=None"]


def test_labels_differ_if_values_differ_only_in_the_last_digits():
    assert len(set(labels(run(rate=0.1), run(rate=0.1 + 1e-12)))) == 2


def test_last_names_that_two_columns_have_are_written_in_full():
    assert "a.gamma=1 b.gamma=1" in labels(*(run(a__gamma=i, b__gamma=j) for i in (1, 2) for j in (1, 2)))


def test_hostile_values_become_plain_labels():
    assert labels(run(arch="\x1b[2J"), run(arch="b")) == [r"\x1b[2J", "b"]


@pytest.mark.parametrize("name", ["data__fold", "data__split_seed", "data__sample_seed"])
def test_folds_splits_and_samples_are_repeats_and_no_settings(name):
    in_step = frame([run(arch=arch, seed=seed, **{name: seed + 5}) for arch in "ab" for seed in (0, 1)])
    assert varying_settings(in_step) == ["arch"]
    crossed = frame([run(seed / 2 + part / 4, seed=seed, **{name: part}) for seed in (0, 1) for part in (0, 1)])
    assert varying_settings(crossed) == []
    (found,) = group_runs(crossed, "test_accuracy")
    assert list(found.values) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert list(found.units.values()) == [0.25, 0.5]  # seeds are averaged within a part
    alone = frame([run(seed=0, **{name: part}) for part in (0, 1)])
    assert [list(one.values) for one in group_runs(alone, "test_accuracy")] == [[0, 1]]
    with pytest.raises(ConfigError, match="are repeats and are averaged"):
        group_runs(alone, "test_accuracy", by=[name.replace("__", ".")])


def test_runs_that_did_not_finish_are_counted_as_failed_seeds():
    [found] = group_runs(
        frame(
            [
                run(seed=0),
                run(seed=1, state="diverged"),
                run(seed=2, state="failed"),
                run(seed=2, state="lost"),
                run(seed=3, state="failed"),
                run(seed=3),
                run(seed=4, state="running"),
                run(float("nan"), seed=5),
                run(1.797e308, seed=6),
            ]
        ),
        "test_accuracy",
    )
    assert list(found.values) == [0, 3]
    assert found.n_failed == 4  # seeds 1, 2, 5 and 6


def test_twins_are_refused_by_name():
    with pytest.raises(ConfigError, match=r"the runs n one and n two have one configuration \(all runs\) and one seed"):
        labels(run(0.8, seed=0, run_id="one"), run(0.9, seed=0, run_id="two"))


def test_twins_made_by_leaving_out_a_column_are_told_which():
    with pytest.raises(ConfigError, match="name what they differ in: activation"):
        labels(run(arch="a", activation="x", seed=0), run(arch="a", activation="y", seed=0), by=["arch"])


def test_many_twins_are_not_all_listed():
    with pytest.raises(ConfigError) as refused:
        labels(*(run(seed=0) for _ in range(30)))
    assert len(refused.value.problems) == 6
    assert refused.value.problems[-1] == "and 24 more such pairs"


def test_without_seeds_runs_are_repeats():
    [found] = group_runs(frame([run(0.5), run(0.25)]), "test_accuracy")
    assert list(found.values.values()) == [0.25, 0.5]


@pytest.mark.parametrize(("metric", "by"), [("tset_accuracy", None), ("test_accuracy", ["ach"])])
def test_unknown_columns_are_refused(metric, by):
    with pytest.raises(ConfigError, match="did you mean"):
        group_runs(frame([run(arch="a", seed=0)]), metric, by=by)


def test_a_table_read_from_a_file_has_the_same_configurations(tmp_path):
    records = [
        run(0.5 + seed / 10, arch=arch, seed=seed, schedule=schedule, metrics={"epochs_trained": 5.0 + seed})
        for arch, schedule in (("wide", "inv"), ("deep", "constant"))
        for seed in (0, 1)
    ]
    write_table(frame(records), tmp_path / "table.csv")
    told = [(one.label, one.values) for one in group_runs(frame(records), "test_accuracy")]
    assert [(one.label, one.values) for one in group_runs(pd.read_csv(tmp_path / "table.csv"), "test_accuracy")] == told


def test_depth_and_width_form_configurations_without_layer_sizes():
    table = pd.DataFrame({"depth": [1, 1, 2], "width": [8, 9, 8], "test_accuracy": 0.5})
    assert [one.label for one in group_runs(table, "test_accuracy")] == [
        "depth=1 width=8",
        "depth=1 width=9",
        "depth=2 width=8",
    ]


cells = st.tuples(st.sampled_from("abc"), st.sampled_from([0.1, 1, None]), st.integers(0, 3))


@patiently
@given(
    st.lists(cells, unique=True, min_size=1, max_size=12).flatmap(
        lambda rows: st.tuples(st.just(rows), st.permutations(rows))
    )
)
def test_the_order_of_the_rows_changes_nothing(orders):
    def told(rows):
        records = [run((ord(row[0]) + 7 * row[2]) % 13 / 13, arch=row[0], rate=row[1], seed=row[2]) for row in rows]
        return [(one.label, list(one.values.items())) for one in group_runs(frame(records), "test_accuracy")]

    assert told(orders[0]) == told(orders[1])


def test_what_follows_from_other_settings_tells_nothing():
    runs = pd.DataFrame(
        {"arch": ["a", "a", "b"], "hidden_layer_sizes": ["64", "64", "8"], "rate": [1, 2, 2], "seed": [0, 1, 0]}
    )
    codes = {name: coded(runs, name) for name in runs.columns}
    assert choose_distinguishing({name: codes[name] for name in ("arch", "hidden_layer_sizes", "rate")}) == [
        "arch",
        "rate",
    ]
    assert choose_distinguishing({name: codes[name] for name in ("seed", "arch", "rate")}, known=["seed", "arch"]) == []


def test_absent_metrics_are_empty_but_unknown_ones_are_refused():
    runs = pd.DataFrame({"arch": ["a", "b"], "seed": [0, 0]})
    assert [one.values for one in group_runs(runs, "test_accuracy")] == [{}, {}]
    with pytest.raises(ConfigError, match="unknown name 'accuracy'"):
        group_runs(runs, "accuracy")


def test_what_failures_count_as_is_checked():
    with pytest.raises(ConfigError, match="ignore"):
        group_runs(frame([run()]), "test_accuracy", failures="ignored")
