"""The numbers behind the page: in the report's order and words, short enough, and safe inside a script element."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from nnsweep.results.frame import rows
from nnsweep.results.report.explorer import MOST_EPOCHS, draw_maps, explore
from nnsweep.results.report.html import html
from nnsweep.results.report.report import findings
from nnsweep.results.report.section_configurations import Configurations
from nnsweep.results.report.study import Study
from tests.results.report.conftest import history, spread


@pytest.fixture
def study(study_of):
    found = study_of({"20-20": spread(0.95, 3), "8": [0.7, 0.72, None], "20": spread(0.9, 3)})
    found.runs["depth"], found.runs["width"] = [2] * 3 + [1] * 6, [20] * 3 + [8] * 3 + [20] * 3
    return replace(found, histories={run_id: history(121) for run_id in found.runs["run_id"]})


def test_configurations_stand_in_the_order_of_the_report(study):
    found = explore(study)
    assert [*found.labels] == study.configurations["label"].tolist() == ["20-20", "20", "8"]
    assert found.repeats == ("3 seeds", "3 seeds", "3 seeds, 1 failed")
    assert found.settings == {"depth": ("2", "1", "1"), "width": ("20", "20", "8")}


def test_layers_are_a_setting_where_depth_and_width_are_not(study_of):
    found = study_of({"20-20": spread(0.95, 3), "20": spread(0.9, 3)})
    assert explore(found).settings == {"hidden_layer_sizes": ("20-20", "20")}


def test_the_first_measure_says_what_the_table_says(study):
    (table,) = Configurations().build(study).tables
    first = explore(study).measures[0]
    assert first.key == "test_accuracy"
    assert [*first.texts] == [table.columns[1].text(row) for row in rows(table.frame)]
    assert first.numbers == pytest.approx(study.configurations["mean"].tolist(), rel=1e-5)


def test_only_what_runs_have_can_be_chosen(study):
    keys = [measure.key for measure in explore(study).measures]
    assert keys == [
        *("test_accuracy", "best_val_accuracy", "final_test_accuracy", "max_test_accuracy"),
        *("duration_seconds", "n_parameters"),
    ]
    by_cost = replace(study, runs=study.runs.assign(final_train_cost=1.0), metric="final_train_cost")
    assert [measure.key for measure in explore(by_cost).measures][:2] == ["final_train_cost", "test_accuracy"]


def test_sizes_are_whole_and_seconds_have_digits(study):
    measures = {measure.key: measure.texts for measure in explore(study).measures}
    assert measures["n_parameters"] == ("1,930", "1,510", "730")
    assert measures["duration_seconds"] == ("1", "1", "1")


def test_curves_are_thinned_to_the_same_epochs_for_all_runs(study):
    first = study.runs["run_id"].iloc[0]
    short = replace(study, histories=study.histories | {first: history(61)})
    best, *_ = explore(short).curves
    assert len(best.epochs) == MOST_EPOCHS
    assert (best.epochs[0], best.epochs[-1]) == (0, 120)
    stopped, whole, _ = best.runs
    assert set(stopped.curves) == {"train_cost", "val_accuracy", "test_accuracy"}
    assert [value is None for value in stopped.curves["train_cost"]] == [epoch > 60 for epoch in best.epochs]
    assert whole.curves["train_cost"] == pytest.approx(np.exp(-np.array(best.epochs) / 8), rel=1e-3)


def test_curves_keep_the_epochs_that_were_measured(study):
    sparse = history(121)
    sparse.loc[sparse["epoch"] % 40 != 0, ["val_accuracy", "test_accuracy"]] = np.nan
    found = explore(replace(study, histories=dict.fromkeys(study.runs["run_id"], sparse)))
    assert found.curves[0].epochs == (0, 40, 80, 120)


def test_a_run_that_diverged_is_named_so_without_infinity(study):
    blown = history(5)
    blown.loc[4, "train_cost"] = np.inf
    failed = study.runs["run_id"][study.runs["state"] == "diverged"].item()
    found = explore(replace(study, histories=study.histories | {failed: blown}))
    run = found.curves[2].runs[-1]
    assert (run.name, run.is_finished) == ("8-relu-s2 (diverged)", False)
    assert run.curves["train_cost"][-1] is None


def test_the_best_alone_have_curves_where_room_is_short(study):
    found = explore(study)
    half = len(found.json().encode()) - 1
    small = explore(study, most_bytes=half)
    assert (len(found.curves), len(small.curves)) == (3, 2)
    assert small.curves == found.curves[:2]
    assert len(small.json().encode()) <= half
    assert explore(study, most_bytes=0).curves == ()


def test_runs_without_curves_have_none(study):
    assert explore(replace(study, histories={})).curves == ()
    best = study.runs["run_id"].iloc[:3]
    found = explore(replace(study, histories={run_id: history() for run_id in best}))
    assert [one is None for one in found.curves] == [False, True, True]


def test_two_hundred_configurations_stay_small(study_of):
    layers = {"-".join([str(width)] * depth): [0.9, 0.91] for width in range(1, 51) for depth in range(1, 5)}
    found = study_of(layers)
    full = explore(replace(found, histories=dict.fromkeys(found.runs["run_id"], history(200))))
    assert 10 < len(full.curves) < 200
    assert len(full.json().encode()) < 300_000


def test_marks_of_pictures_are_found_by_their_own_order(study):
    runs = study.runs.assign(best_val_accuracy=1 - study.runs["test_accuracy"])
    orders = {measure.key: measure.order for measure in explore(replace(study, runs=runs)).measures}
    assert orders["test_accuracy"] == (0, 1, 2)
    assert orders["best_val_accuracy"] == (1, 0, 2)  # what lost a run comes last
    by_depth = explore(replace(study, runs=study.runs.assign(seed=range(9)), by=["depth"]))
    assert by_depth.labels == ("depth=2", "depth=1")
    assert by_depth.measures[0].order == (0, None, None)


def test_the_json_is_plain_and_cannot_end_the_script(study_of):
    found = study_of({"20": [0.9], "8": [0.8]}).runs.assign(activation=["</script><!--", "relu"])
    text = explore(Study(runs=found, by=["activation"])).json()
    assert "<" not in text
    assert json.loads(text)["settings"]["activation"] == ["</script><!--", "relu"]


def test_one_configuration_or_several_data_sets_have_no_explorer(study_of):
    assert explore(study_of({"20": [0.9, 0.91]})) is None
    assert explore(study_of({"20": [None], "8": [None]})) is None
    found = study_of({"20": [0.9], "8": [0.8]})
    found.runs["data"] = ["iris", "digits"]
    assert explore(found) is None


def test_every_measure_that_has_a_best_has_a_map(study, monkeypatch):
    found = explore(study)
    drawn = draw_maps(study, found)
    assert list(drawn) == ["best_val_accuracy", "final_test_accuracy", "max_test_accuracy", "duration_seconds"]
    assert drawn["duration_seconds"].caption == "The same map for training time in seconds."
    monkeypatch.setattr("nnsweep.results.report.explorer.MOST_MAPPED", 2)
    assert draw_maps(study, found) == {}


def test_pictures_and_page_follow_the_metric_of_the_report(study):
    """At its last epoch the configuration that was best before is the worst."""
    turned = study.runs.assign(final_test_accuracy=[0.5, 0.5, 0.5, 0.6, 0.6, None, 0.9, 0.9, 0.9])
    found = findings(replace(study, runs=turned, metric="final_test_accuracy"))
    assert found.labels[0] == "20"
    page = html(found)
    assert re.findall(r'class="picture" data-measure="(\w+)"(?: hidden)?', page) == [
        *("final_test_accuracy", "test_accuracy", "best_val_accuracy", "max_test_accuracy", "duration_seconds")
    ]
    assert json.loads(re.search(r'id="study">(.*?)</script>', page)[1])["metric"] == "final_test_accuracy"
    axes = [axes for picture in found.pictures for axes in picture.figure.axes]
    named = {text for one in axes for text in (one.get_xlabel(), one.get_ylabel())}
    assert "final test accuracy" in named
    assert "test accuracy" not in named
