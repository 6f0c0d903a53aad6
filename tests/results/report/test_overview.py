"""What is seen first: the question, how sure the answer is, and what to do next."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

import nnsweep.results.report.report  # noqa: F401, its import registers the sections
from nnsweep.results.frame import frame
from nnsweep.results.report.overview import ask_question, make_overview
from nnsweep.results.report.study import Origin, Study

from .conftest import runs_of, spread

SIZES = Origin(experiment="sizes")
CLEAR = {"20-20": spread(0.964), "8": spread(0.8, turn=1)}
CLOSE = {"20-20": spread(0.964), "20": spread(0.963, size=0.02, turn=2), "8": spread(0.8, turn=1)}


def next_command(study: Study) -> str:
    return make_overview(study, None).next_step.command


def numbers(study: Study) -> list[str]:
    return [number.phrase for number in make_overview(study, None).key_numbers]


def on_two_data_sets(accuracies: dict[str, Sequence[float | None]]) -> Study:
    runs = [
        replace(record, run_id=data + record.run_id, settings=record.settings | {"data": data})
        for data in ("digits", "iris")
        for record in runs_of(accuracies)
    ]
    return Study(runs=frame(runs), origin=SIZES)


def test_the_question_names_what_varies_and_the_data(study_of):
    assert ask_question(study_of(CLEAR)) == "Which layer sizes work best on digits?"
    one_rate = runs_of({"8": [0.9]}, rate=0.1)
    rates = Study(runs=frame([*one_rate, *runs_of({"8": [0.91]}, rate=0.3)]))
    assert ask_question(rates) == "Which learning rate works best on digits?"
    assert ask_question(Study(runs=frame(one_rate))) == (
        "What test accuracy does a network with 1 layer of 8 units reach on digits?"
    )
    assert ask_question(on_two_data_sets(CLEAR)) == "Which layer sizes work best on 2 data sets?"


def test_depth_and_width_are_named_where_they_tell_the_layers(study_of):
    study = study_of({"8": [0.9], "8-8": [0.91], "20": [0.92], "20-20": [0.93]})
    extent = {"depth": [1.0, 2, 1, 2], "width": [8.0, 8, 20, 20]}
    assert ask_question(replace(study, runs=study.runs.assign(**extent))) == (
        "Which depth and width work best on digits?"
    )


def test_a_noun_that_ends_with_two_s_is_no_plural():
    records = [
        replace(record, run_id=loss, settings=record.settings | {"loss": loss})
        for loss in ("huber", "squared_error")
        for record in runs_of({"8": [0.9]})
    ]
    assert ask_question(Study(runs=frame(records))) == "Which loss works best on digits?"


def test_architectures_are_asked_for_by_name():
    extents = {"small": {"depth": 1.0, "width": 8.0}, "deep": {"depth": 2.0, "width": 20.0}}
    records = [
        replace(record, settings=record.settings | {"arch": name}, metrics=record.metrics | extents[name])
        for name, record in zip(extents, runs_of({"8": [0.9], "20-20": [0.91]}), strict=True)
    ]
    assert ask_question(Study(runs=frame(records))) == "Which architecture works best on digits?"


def test_the_numbers_say_how_many_how_sure_and_at_what_cost(study_of):
    processor = replace(SIZES, processor="a processor")
    assert numbers(study_of(CLOSE, origin=processor)) == [
        "30 runs: 3 configurations \N{MULTIPLICATION SIGN} 10 seeds",
        "2 of 3 may be the best (2 unsettled); 1 clearly worse",
        "30 s of training in all, on a processor",
    ]
    assert numbers(study_of({"20": [0.9, None, 0.91], "8": [0.8, 0.81]}))[0] == (
        "5 runs: 2 configurations with 2 to 3 seeds each; 1 without a result"
    )
    assert numbers(study_of({"20": [0.9], "8": [0.8]}))[1].startswith("1 seed ")
    assert numbers(study_of({"20": spread(0.964)}))[1] == "0.961 to 0.967: 95 % interval of the mean over 10 seeds"
    assert numbers(study_of({"20": [None], "8": [None]}))[1] == "0 runs finished with a result"
    assert numbers(on_two_data_sets(CLEAR))[:2] == [
        "40 runs: 2 configurations on 2 data sets",
        "0 of 1 pairs of configurations differ significantly",
    ]


@pytest.mark.parametrize(
    ("accuracies", "origin", "command"),
    [
        ({"8": [0.9]}, SIZES, "nnsweep confirm sizes --only 'all runs'"),
        ({"8": [0.9], "20": [0.8]}, SIZES, "nnsweep confirm sizes"),
        (CLOSE, SIZES, "nnsweep confirm sizes"),
        (CLEAR, SIZES, "nnsweep confirm sizes"),
        (
            CLEAR,
            replace(SIZES, filter="seed < 5", store_option=" --uri sqlite:///a.db"),
            "nnsweep confirm sizes --filter 'seed < 5' --uri sqlite:///a.db",
        ),
        (CLEAR, replace(SIZES, confirmed_in="sizes-confirm"), "nnsweep report sizes-confirm --output report.html"),
        (CLEAR, replace(SIZES, is_confirmation=True), "nnsweep save 20-20/0.1/6 --output model.onnx"),
        ({"8": [0.9, 0.91]}, SIZES, "nnsweep save 8/0.1/1 --output model.onnx"),
        (CLEAR, Origin(), ""),
        ({"8": [None], "20": [None]}, SIZES, ""),
    ],
)
def test_the_next_step_fits_what_was_found(study_of, accuracies, origin, command):
    assert next_command(study_of(accuracies, origin=origin)) == command


def test_a_command_asks_what_the_report_asked(study_of):
    study = study_of(CLEAR, origin=SIZES, metric="best_val_accuracy", failures="ignore", by=["hidden_layer_sizes"])
    assert next_command(study) == (
        "nnsweep confirm sizes --metric best_val_accuracy --by hidden_layer_sizes --failures ignore"
    )


def test_of_several_data_sets_one_is_looked_at_by_itself():
    study = on_two_data_sets(CLEAR)
    assert next_command(study) == "nnsweep report sizes --filter 'data == \"digits\"' --output report.html"
    chosen = replace(study, origin=replace(SIZES, filter="seed < 5"))
    assert "--filter '(seed < 5) and (data == \"digits\")'" in next_command(chosen)


def test_what_to_change_is_said_where_nothing_finished(study_of):
    def advise(state: str, reason: str = "") -> str:
        study = study_of({"8": [None], "20": [None]})
        return make_overview(replace(study, runs=study.runs.assign(state=state, reason=reason)), None).next_step.reason

    assert "Lower optimizer.learning_rate" in advise("diverged")
    assert "Run the same command again" in advise("interrupted")
    assert advise("failed", "no memory").startswith("2 runs failed with the reason: no memory.")
