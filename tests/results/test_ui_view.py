"""What a sweep's page in MLflow's UI shows, and in which order."""

import json

import pytest

from nnsweep.results.ui_view import make_view
from nnsweep.tracking.record import RunRecord

SEARCH = "tags.`nnsweep.kind` = 'job'"
METRICS = {"best_val_accuracy": 0.95, "test_accuracy": 0.93, "n_parameters": 15.0, "duration_seconds": 0.1}


def record(number: int = 0, metrics: dict[str, float] = METRICS, **settings) -> RunRecord:
    given = {"arch": "linear", "seed": 0, "schedule": "cosine", **settings}
    return RunRecord(run_id=f"r{number}", name=f"n{number}", state="finished", settings=given, metrics=metrics)


def grid() -> list[RunRecord]:
    archs = {"wide": "256", "linear": "linear"}
    return [
        record(seed=seed, arch=arch, hidden_layer_sizes=sizes) for arch, sizes in archs.items() for seed in range(2)
    ]


def charts(state: dict, section: str) -> list[dict]:
    return [chart for chart in state["compareRunCharts"] if chart["metricSectionId"] == section]


def drawn(state: dict, section: str) -> list[tuple[str, str]]:
    return [(chart["type"], chart.get("metricKey", "")) for chart in charts(state, section)]


def test_the_view_is_made_of_plain_values():
    state = make_view(grid(), SEARCH)
    assert json.loads(json.dumps(state)) == state


def test_page_begins_with_the_accuracies_and_folds_the_rest():
    state = make_view(grid(), SEARCH)
    sections = [(section["name"], section["display"]) for section in state["compareRunSections"]]
    assert sections == [("Answer", True), ("Curves", True), ("Everything else", False)]
    assert drawn(state, "Answer") == [("BAR", "best_val_accuracy"), ("BAR", "test_accuracy"), ("PARALLEL", "")]
    curves = ["train_cost", "val_accuracy", "test_accuracy", "learning_rate"]
    assert drawn(state, "Curves") == [("LINE", name) for name in curves]
    folded = ("val_cost", "test_cost", "val_weighted_accuracy", "test_weighted_accuracy")
    other_curves = [("LINE", name) for name in folded]
    others = [("BAR", name) for name in ("duration_seconds", "n_parameters", "seed")]
    assert drawn(state, "Everything else") == other_curves + others
    assert len({chart["uuid"] for chart in state["compareRunCharts"]}) == len(state["compareRunCharts"])


def test_the_runs_come_best_first_with_what_tells_them_apart():
    state = make_view(grid(), SEARCH)
    assert (state["searchFilter"], state["orderByKey"], state["orderByAsc"]) == (
        SEARCH,
        "metrics.`best_val_accuracy`",
        False,
    )
    assert state["selectedColumns"] == [  # not the layers' sizes: they say the same as the architecture
        "params.`arch`",
        "params.`seed`",
        "metrics.`best_val_accuracy`",
        "metrics.`test_accuracy`",
        "metrics.`n_parameters`",
        "attributes.`Duration`",
    ]


def test_without_validation_the_test_accuracy_is_what_orders():
    state = make_view([record(metrics={"test_accuracy": 0.5}, seed=seed) for seed in range(2)], SEARCH)
    assert state["orderByKey"] == "metrics.`test_accuracy`"
    assert drawn(state, "Answer") == [("BAR", "test_accuracy"), ("PARALLEL", "")]
    assert "metrics.`best_val_accuracy`" not in state["selectedColumns"]


@pytest.mark.parametrize(
    ("settings", "axes"),
    [
        ([{"arch": "deep"}, {"seed": 1}], ["arch"]),  # seeds repeat what is compared
        ([{"seed": 1}, {"seed": 2}], ["seed"]),
        ([{"schedule": "step", "schedule.gamma": 0.5}, {}], ["schedule"]),  # the other run has no gamma
        ([{"data.columns.a `b` c": "number"}, {"data.columns.a `b` c": "date"}], ["data.columns.a `b` c"]),
        ([{"on": True}, {"on": 1}], ["on"]),
        ([{"on": None}, {"on": 1}], ["on"]),  # no value, where somebody has said so, is one that MLflow has
        ([{}, {}], None),
    ],
)
def test_axes_are_the_varying_settings_that_all_runs_have(settings, axes):
    state = make_view([record(number, **given) for number, given in enumerate(settings)], SEARCH)
    parallel = [chart for chart in charts(state, "Answer") if chart["type"] == "PARALLEL"]
    assert [chart["selectedParams"] for chart in parallel] == ([] if axes is None else [axes])
    assert all(chart["selectedMetrics"] == ["best_val_accuracy", "test_accuracy"] for chart in parallel)
    assert {f"params.`{name}`" for name in axes or []} <= {*state["selectedColumns"]}


def test_varying_number_has_a_chart_even_if_it_is_redundant():
    settings = [{"arch": arch, "arch.depth": depth} for arch, depth in (("wide", 1), ("deep", 3))]
    state = make_view([record(**given) for given in settings], SEARCH)
    assert ("BAR", "arch.depth") in drawn(state, "Everything else")
    assert "params.`arch.depth`" not in state["selectedColumns"]


@pytest.mark.parametrize(
    ("worst", "lowest"), [(0.97, 0.8), (0.1, 0.0), (0.05, 0.0), (float("nan"), 0.8), (float("inf"), 0.8)]
)
def test_curves_of_accuracy_are_drawn_from_below_the_worst_run(worst, lowest):
    records = [record(metrics={"test_accuracy": accuracy}) for accuracy in (0.98, worst)]
    accuracy, cost = (
        next(chart for chart in charts(make_view(records, SEARCH), "Curves") if chart["metricKey"] == name)
        for name in ("val_accuracy", "train_cost")
    )
    assert accuracy["range"] == {"yMin": lowest, "yMax": 1.0}
    assert (accuracy["scaleType"], cost["scaleType"]) == ("linear", "log")
    assert (accuracy["lineSmoothness"], cost["lineSmoothness"]) == (0, 0)
    assert "range" not in cost


@pytest.mark.parametrize(("n_runs", "shown"), [(10, "SHOW_ALL"), (11, "FIRST_10_RUNS")])
def test_of_many_runs_the_best_are_drawn(n_runs, shown):
    assert make_view([record(seed=seed) for seed in range(n_runs)], SEARCH)["runsHiddenMode"] == shown


def test_sweep_without_any_results_has_a_page_too():
    state = make_view([record(metrics={})], SEARCH)
    assert drawn(state, "Answer") == []
    assert state["orderByKey"] == "metrics.`test_accuracy`"
    assert make_view([], SEARCH)["compareRunSections"]


def test_the_page_follows_the_selected_measure():
    metrics = {"best_val_log_loss": 0.3, "test_log_loss": 0.2, "test_accuracy": 0.9, "test_cost": 0.2}
    state = make_view([record(metrics=metrics, seed=seed, **{"trainer.select": "val_log_loss"}) for seed in (0, 1)], "")
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`best_val_log_loss`", True)
    assert drawn(state, "Answer")[:2] == [("BAR", "best_val_log_loss"), ("BAR", "test_log_loss")]
    curves = ["train_cost", "val_log_loss", "test_log_loss", "learning_rate"]
    assert drawn(state, "Curves") == [("LINE", name) for name in curves]
    assert ("BAR", "test_accuracy") in drawn(state, "Everything else")
    assert ("BAR", "test_cost") not in drawn(state, "Everything else")  # it is a curve as well
    assert charts(state, "Curves")[1]["scaleType"] == "log"


@pytest.mark.parametrize(
    ("measure", "values", "span"),
    [
        ("roc_auc", (0.87, 0.93), (0.7, 1.0)),
        ("brier", (0.14, 0.33), (0.0, 0.5)),
        ("r2", (-0.32, 0.4), (-0.5, 1.0)),
        ("ece", (0.98, 0.95), (0.0, 1.0)),
    ],
)
def test_the_axis_of_a_bounded_measure_follows_its_worst_run(measure, values, span):
    given = {"trainer.select": f"val_{measure}"}
    metric = f"best_val_{measure}"
    runs = [
        record(metrics={metric: value, f"test_{measure}": value}, seed=seed, **given)
        for seed, value in enumerate(values)
    ]
    shown = next(chart for chart in charts(make_view(runs, ""), "Curves") if chart["metricKey"] == f"val_{measure}")
    assert (shown["range"]["yMin"], shown["range"]["yMax"]) == span
    assert shown["scaleType"] == "linear"
