"""Pictures of several data sets can be read, and show what the comparison says."""

import numpy as np
import pytest

from nnsweep.results.frame import frame
from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.data_sets import (
    plot_comparison_matrix,
    plot_critical_difference,
    plot_performance_profile,
)
from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.pictures import pictures
from nnsweep.results.plots.slides import lay_out_slides
from nnsweep.results.statistics.data_sets import DataSetComparison, compare_data_sets
from nnsweep.tracking.record import RunRecord

PLOTS = [plot_critical_difference, plot_comparison_matrix, plot_performance_profile]


def runs_on(n_data_sets, names, *, step=0.02):
    """Make one run of each configuration on each data set; a later name is worse."""
    random, records = np.random.default_rng(0), []
    for data_set in range(n_data_sets):
        for place, name in enumerate(names):
            accuracy = float(np.clip(0.95 - 0.03 * data_set - step * place + random.normal(0, 0.01), 0, 1))
            run_id = f"{data_set}/{place}"
            settings = {"activation": name, "data": f"set {data_set}", "seed": 0}
            metrics = {"test_accuracy": accuracy, "best_val_accuracy": accuracy}
            records.append(
                RunRecord(
                    run_id=run_id, name=run_id, state="finished", reason="", settings=settings, metrics=metrics, job=0
                )
            )
    return frame(records)


def compared(*arguments, **options) -> DataSetComparison:
    return compare_data_sets(runs_on(*arguments, **options))


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize(
    "names",
    [["a", "b"], [*"abcdefghi"], [f"{'long' * 9} {i}" for i in range(12)], [f"n{i}" for i in range(40)]],
    ids=len,
)
@pytest.mark.parametrize("step", [0.02, 0.0])
def test_every_text_can_be_read(plot, names, step, readable):
    readable(plot(compared(13, names, step=step), title="many data sets"))


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("names", [["a", "b"], [f"{'long' * 9} {i}" for i in range(12)]], ids=len)
def test_a_column_and_a_slide_can_be_read_too(plot, names, readable):
    found = compared(13, names)
    with lay_out_for(width=3.35):
        readable(plot(found, title="many data sets"))
    with lay_out_slides():
        figure = plot(found, title="many data sets")
        assert figure.get_figheight() <= 3.75
        readable(figure)


def test_a_rank_has_the_colour_of_its_configuration():
    axes = plot_critical_difference(compared(12, ["a", "b", "c"], step=0.1)).axes[0]
    points = sorted((line.get_xdata()[0], line.get_color()) for line in axes.get_lines() if line.get_marker() != "None")
    assert points == [(1.0, COLOURS[0]), (2.0, COLOURS[1]), (3.0, COLOURS[2])]


@pytest.mark.parametrize("plot", PLOTS)
def test_nothing_to_compare_is_said(plot, words):
    one = compare_data_sets(runs_on(1, ["a", "b"]))
    assert "no two configurations have a result on all data sets" in words(plot(one))


def test_a_bar_joins_what_cannot_be_told_apart(words):
    clear, alike = compared(12, ["a", "b", "c"], step=0.1), compared(12, ["a", "b", "c"], step=0.0)
    assert "All of them differ significantly from each other." in words(plot_critical_difference(clear))
    assert "A bar joins" in words(plot_critical_difference(alike))
    assert f"CD = {clear.critical_difference:.2f}" in words(plot_critical_difference(clear))
    assert {"a (1.0)", "b (2.0)", "(3.0) c"} <= {*words(plot_critical_difference(clear)).split("\n")}


def test_a_cell_has_difference_counts_and_p(words):
    found = compared(12, ["a", "b"], step=0.1)
    text = words(plot_comparison_matrix(found))
    assert f"+{found.pairs['difference'].iloc[0]:.3f}\n12/0/0\np<0.001" in text
    assert "0/0/12" in text


def test_several_data_sets_have_their_own_pictures():
    drawn = pictures(runs_on(3, ["a", "b", "c"]))
    assert list(drawn) == ["grid", "seeds", "critical_difference", "comparison_matrix", "performance_profile"]
    assert "critical_difference" not in pictures(runs_on(1, ["a", "b", "c"]))


def test_pictures_that_are_not_wanted_compare_no_data_sets(monkeypatch):
    monkeypatch.setattr("nnsweep.results.plots.pictures.compare_data_sets", None)
    assert list(pictures(runs_on(3, ["a", "b", "c"]), only=["seeds"])) == ["seeds"]
