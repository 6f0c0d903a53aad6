"""The confusion matrix: counts, shares and colours are those of the runs, and can be read for any classes."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from nnsweep.results.plots.confusion import GROUND, MOST, plot_confusion
from nnsweep.results.plots.drawing import SCALE
from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.slides import lay_out_slides
from nnsweep.results.statistics.evaluations import pool_best

from .conftest import ODD

NAMES = [
    *[["no", "yes"], ["setosa", "versicolor", "virginica"], [*map(str, range(10))]],
    *[[f"comp.sys.class.of.news.{place}" for place in range(24)], ODD],
]


def written(figure):
    """Give the texts of the cells by row and column."""
    return {
        (round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in figure.axes[0].texts
    }


def test_a_cell_holds_its_count_and_its_share(evaluated):
    runs, evaluations = evaluated(["setosa", "versicolor", "virginica"], n=90)
    confusion = pool_best(runs, evaluations).confusion
    texts = written(plot_confusion(runs, evaluations))
    assert {cell: int(text.partition("\n")[0]) for cell, text in texts.items()} == {
        (row, column): confusion[row, column] for row in range(3) for column in range(3) if confusion[row, column]
    }
    row, column = next(cell for cell in texts if cell[0] != cell[1])
    share = 100 * confusion[row, column] / confusion[row].sum()
    assert texts[row, column].partition("\n")[2] == f"{share:.2g} %"


def test_only_mistakes_have_colours_the_darkest_for_the_worst(evaluated):
    runs, evaluations = evaluated([*map(str, range(10))])
    counts = pool_best(runs, evaluations).confusion
    cells = plot_confusion(runs, evaluations).axes[0].patches
    shades = {(round(cell.get_y() + 0.5), round(cell.get_x() + 0.5)): cell.get_facecolor()[:3] for cell in cells}
    wrong = {cell: counts[cell] for cell in shades if cell[0] != cell[1]}
    assert all(shades[place, place] == pytest.approx(GROUND) for place in range(10))
    assert {shades[cell] for cell, n in wrong.items() if not n} == {to_rgb("white")}
    ranked = sorted((n, -sum(shades[cell])) for cell, n in wrong.items() if n)
    assert [shade for _, shade in ranked] == sorted(shade for _, shade in ranked)


@pytest.mark.parametrize("names", NAMES, ids=len)
@pytest.mark.parametrize("width", [3.35, 7.2])
def test_any_classes_can_be_read(evaluated, readable, names, width):
    with lay_out_for(width=width):
        readable(plot_confusion(*evaluated(names), title="a $title_ " * 20))


def test_a_slide_can_be_read(evaluated, readable):
    with lay_out_slides():
        figure = plot_confusion(*evaluated(NAMES[3]))
        readable(figure)
    assert figure.get_figheight() < 4


def test_of_many_classes_the_most_confused_are_shown(evaluated, words):
    with lay_out_for(width=4):
        figure = plot_confusion(*evaluated([f"class {place}" for place in range(60)], n=600))
    assert len(figure.axes[0].patches) == MOST**2
    assert f"Shown are the {MOST} of 60 classes with the most mistakes." in " ".join(words(figure).split())
    assert [axes.get_label() for axes in figure.axes[1:]] == [SCALE]


def test_nothing_wrong_and_nothing_known_are_said(evaluated, words):
    runs, evaluations = evaluated()
    evaluations = {name: replace(one, confusion=100 * np.eye(2, dtype=int)) for name, one in evaluations.items()}
    said = words(plot_confusion(runs, evaluations))
    assert "There is no mistake." in " ".join(said.split())
    assert "yes" in said
    assert "no run has an evaluation" in words(plot_confusion(runs, {}))


def test_labels_have_a_row_each(evaluated_numbers, words, readable):
    cells = np.array([[[50, 10], [4, 36]], [[90, 0], [7, 3]]])
    figure = plot_confusion(*evaluated_numbers(["sad", "funny"], task="multilabel", confusion=cells))
    readable(figure)
    texts = {cell: text.partition("\n") for cell, text in written(figure).items()}
    assert [texts[0, column][0] for column in range(4)] == ["108", "12", "30", "150"]
    assert [texts[1, column][2] for column in (0, 1, 3)] == ["30 %", "70 %", "100 %"]
    assert "false alarm" in words(figure)


def test_numbers_are_not_taken_for_each_other(evaluated_numbers, words):
    assert "numbers are not taken for each other" in words(plot_confusion(*evaluated_numbers()))
