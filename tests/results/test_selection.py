"""Which run is best, by which measure, and how that is said."""

import math

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.results.frame import frame, take_metric
from nnsweep.results.selection import (
    SELECT,
    choose_metric,
    describe_selection,
    find_metric,
    note_selection,
    rank_runs,
    selection,
)
from nnsweep.tracking.record import RunRecord

accuracies = st.floats(0, 1)
nonsense = st.sampled_from([math.nan, math.inf, -math.inf, 1.797e308, -0.1])


def ranked(name, state="finished", job=0, **metrics):
    return RunRecord(run_id=name, name=name, state=state, metrics=metrics, job=job)


def names(records):
    return list(rank_runs(frame(records))["name"])


broken = st.builds(
    ranked,
    st.text("xyz", min_size=1),
    st.sampled_from(["failed", "diverged", "interrupted", "running", "lost"]),
    best_val_accuracy=accuracies | nonsense,
    test_accuracy=accuracies | nonsense,
)
without_accuracy = st.builds(ranked, st.text("xyz", min_size=1), best_val_accuracy=nonsense, test_accuracy=nonsense)


@given(
    st.lists(st.tuples(accuracies, accuracies), min_size=1, max_size=5),
    st.lists(broken | without_accuracy, max_size=6),
    st.booleans(),
)
def test_broken_runs_never_change_who_is_best(results, others, validated):
    finished = [
        ranked(f"a{i}", job=i, test_accuracy=test, **({"best_val_accuracy": val} if validated else {}))
        for i, (val, test) in enumerate(results)
    ]
    assert names([*others, *finished])[: len(finished)] == names(finished)


def test_validation_accuracy_decides():
    first = ranked("a", best_val_accuracy=0.8, test_accuracy=0.99)
    second = ranked("b", best_val_accuracy=0.9, test_accuracy=0.7)
    assert names([first, second]) == ["b", "a"]


def test_without_validation_set_the_test_accuracy_decides():
    assert names([ranked("a", test_accuracy=0.5), ranked("b", test_accuracy=0.6)]) == ["b", "a"]


def test_ties_go_by_name_then_by_job_and_never_by_the_test_set():
    tied = [
        ranked("b", best_val_accuracy=0.9, test_accuracy=1.0),
        ranked("a", best_val_accuracy=0.9, test_accuracy=0.1),
    ]
    assert names(tied) == ["a", "b"]
    twins = frame([ranked("a", job=1, test_accuracy=0.5), ranked("a", job=0, test_accuracy=0.5)])
    assert list(rank_runs(twins)["job"]) == [0, 1]


def test_what_did_not_finish_comes_last(runs):
    assert list(rank_runs(runs)["state"]) == ["finished", "finished", "diverged"]


def test_ranking_nothing_gives_nothing():
    assert len(rank_runs(frame([]))) == 0


def test_the_sentence_tells_how_the_epoch_was_selected(runs):
    assert selection(runs) == "test_accuracy: test accuracy at the epoch of best validation accuracy"
    assert note_selection(runs, "test_accuracy") == "Test accuracy at the epoch of best validation accuracy."
    assert note_selection(runs, "duration_seconds") == ""
    unvalidated = frame([ranked("a", test_accuracy=0.5)])
    assert selection(unvalidated).startswith("no validation set: the epoch was selected on the test set")
    assert selection(frame([ranked("a", "failed")])) == ""


def test_the_sentence_counts_the_runs_without_validation_set():
    mixed = frame([ranked("a", test_accuracy=0.5, best_val_accuracy=0.5), ranked("b", test_accuracy=0.5)])
    assert "1 of 2 runs have no validation set" in selection(mixed)


@given(st.lists(broken | without_accuracy, max_size=6))
def test_what_never_ranks_never_counts(others):
    assert take_metric(frame([*others, ranked("a", test_accuracy=0.5)]), "test_accuracy") == [None] * len(others) + [
        0.5
    ]


def test_a_metric_that_is_no_accuracy_may_be_any_finite_number():
    runs = frame([ranked("a", final_train_cost=value) for value in (2.5, -1.0, math.inf, math.nan)])
    assert take_metric(runs, "final_train_cost") == [2.5, -1.0, None, None]


def test_a_table_without_states_is_of_finished_runs():
    assert take_metric(frame([ranked("a", "failed", test_accuracy=0.5)]).drop(columns="state"), "test_accuracy") == [
        0.5
    ]


def selected(name, by, **metrics):
    return RunRecord(run_id=name, name=name, state="finished", settings={SELECT: by}, metrics=metrics)


LOSSES = [
    selected("a", "val_log_loss", best_val_log_loss=0.3, test_log_loss=0.1, best_val_accuracy=0.9, test_accuracy=0.9),
    selected("b", "val_log_loss", best_val_log_loss=0.2, test_log_loss=0.4, best_val_accuracy=0.8, test_accuracy=0.8),
]


def test_runs_are_ranked_by_what_selected_them():
    runs = frame(LOSSES)
    assert find_metric(runs) == "test_log_loss"
    assert list(rank_runs(runs)["name"]) == ["b", "a"]
    assert list(rank_runs(frame(LOSSES))["name"]) == ["b", "a"]
    assert list(rank_runs(runs, "test_accuracy")["name"]) == ["a", "b"]
    assert selection(runs) == "test_log_loss: test log loss at the epoch of best validation log loss"
    assert note_selection(runs, "test_accuracy") == "Test accuracy at the epoch of best validation log loss."


def test_of_several_selections_the_commonest_counts():
    runs = frame([*LOSSES, selected("c", "val_brier", test_brier=0.1), ranked("d", test_accuracy=0.5)])
    assert find_metric(runs) == "test_log_loss"
    assert describe_selection(runs) == (
        "best validation log loss or validation accuracy (1 of 4 runs) and validation Brier score (1 of 4 runs)"
    )


def test_numbers_are_ranked_by_rmse_though_nothing_says_so():
    runs = frame([ranked("a", test_rmse=3.0, best_val_rmse=2.0), ranked("b", test_rmse=9.0, best_val_rmse=1.0)])
    assert find_metric(runs) == "test_rmse"
    assert list(rank_runs(runs)["name"]) == ["b", "a"]
    assert find_metric(frame([ranked("a", best_val_rmse=2.0)])) == "test_rmse"
    assert find_metric(frame([ranked("a", "failed")])) == "test_accuracy"


def test_a_measure_is_meant_on_the_test_part():
    runs = frame(LOSSES)
    assert choose_metric(runs, "brier") == "test_brier"
    assert choose_metric(runs, "best_val_accuracy") == "best_val_accuracy"
    assert choose_metric(runs, "duration_seconds") == "duration_seconds"
    assert choose_metric(runs.assign(rmse=1.0), "rmse") == "rmse"
    assert choose_metric(pd.DataFrame({"x": [1]}), "nonsense") == "nonsense"
