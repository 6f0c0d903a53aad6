"""The best first; what has no real accuracy never ranks."""

import math

from hypothesis import given
from hypothesis import strategies as st

from nnsweep.results.frame import frame, rank_runs, selection, smaller_is_better, take_metric
from nnsweep.tracking.record import RunRecord

accuracies = st.floats(0, 1)
nonsense = st.sampled_from([math.nan, math.inf, -math.inf, 1.797e308, -0.1])


def run(name, state="finished", job=0, **metrics):
    return RunRecord(run_id=name, name=name, state=state, metrics=metrics, job=job)


def names(records):
    return list(rank_runs(frame(records))["name"])


broken = st.builds(
    run,
    st.text("xyz", min_size=1),
    st.sampled_from(["failed", "diverged", "interrupted", "running", "lost"]),
    best_val_accuracy=accuracies | nonsense,
    test_accuracy=accuracies | nonsense,
)
without_accuracy = st.builds(run, st.text("xyz", min_size=1), best_val_accuracy=nonsense, test_accuracy=nonsense)


@given(
    st.lists(st.tuples(accuracies, accuracies), min_size=1, max_size=5),
    st.lists(broken | without_accuracy, max_size=6),
    st.booleans(),
)
def test_broken_runs_never_change_who_is_best(results, others, validated):
    finished = [
        run(f"a{i}", job=i, test_accuracy=test, **({"best_val_accuracy": val} if validated else {}))
        for i, (val, test) in enumerate(results)
    ]
    assert names([*others, *finished])[: len(finished)] == names(finished)


def test_validation_accuracy_decides():
    first = run("a", best_val_accuracy=0.8, test_accuracy=0.99)
    second = run("b", best_val_accuracy=0.9, test_accuracy=0.7)
    assert names([first, second]) == ["b", "a"]


def test_without_validation_set_the_test_accuracy_decides():
    assert names([run("a", test_accuracy=0.5), run("b", test_accuracy=0.6)]) == ["b", "a"]


def test_ties_go_by_name_then_by_job_and_never_by_the_test_set():
    tied = [run("b", best_val_accuracy=0.9, test_accuracy=1.0), run("a", best_val_accuracy=0.9, test_accuracy=0.1)]
    assert names(tied) == ["a", "b"]
    twins = frame([run("a", job=1, test_accuracy=0.5), run("a", job=0, test_accuracy=0.5)])
    assert list(rank_runs(twins)["job"]) == [0, 1]


def test_what_did_not_finish_comes_last(runs):
    assert list(rank_runs(runs)["state"]) == ["finished", "finished", "diverged"]


def test_ranking_nothing_gives_nothing():
    assert len(rank_runs(frame([]))) == 0


def test_the_sentence_tells_how_the_epoch_was_selected(runs):
    assert selection(runs) == "test_accuracy: test accuracy at the epoch of best validation accuracy"
    unvalidated = frame([run("a", test_accuracy=0.5)])
    assert selection(unvalidated).startswith("no validation set: the epoch was selected on the test set")
    assert selection(frame([run("a", "failed")])) == ""


def test_the_sentence_counts_the_runs_without_validation_set():
    mixed = frame([run("a", test_accuracy=0.5, best_val_accuracy=0.5), run("b", test_accuracy=0.5)])
    assert "1 of 2 runs have no validation set" in selection(mixed)


@given(st.lists(broken | without_accuracy, max_size=6))
def test_what_never_ranks_never_counts(others):
    assert take_metric(frame([*others, run("a", test_accuracy=0.5)]), "test_accuracy") == [None] * len(others) + [0.5]


def test_a_metric_that_is_no_accuracy_may_be_any_finite_number():
    runs = frame([run("a", final_train_cost=value) for value in (2.5, -1.0, math.inf, math.nan)])
    assert take_metric(runs, "final_train_cost") == [2.5, -1.0, None, None]


def test_a_table_without_states_is_of_finished_runs():
    assert take_metric(frame([run("a", "failed", test_accuracy=0.5)]).drop(columns="state"), "test_accuracy") == [0.5]


def test_less_is_better_of_what_is_paid():
    names = ["final_train_cost", "duration_seconds", "test_accuracy", "best_epoch"]
    assert [name for name in names if smaller_is_better(name)] == ["final_train_cost", "duration_seconds"]
