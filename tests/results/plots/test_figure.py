"""Pages, letters and panels."""

import pytest

from nnsweep.errors import ConfigError
from nnsweep.results.plots.cost import plot_cost
from nnsweep.results.plots.figure import Page, lay_out_for, measure_inches, nothing, page, panelled
from nnsweep.results.plots.grid import plot_grid

COLUMN = 3.35


def test_a_page_holds_while_pictures_are_laid_out_for_it():
    assert page() == Page() == Page(7.2, "")
    with lay_out_for(width=COLUMN, font="serif"):
        assert page() == Page(COLUMN, "serif")
        assert nothing("no runs").get_figwidth() == COLUMN
    assert page() == Page()
    with pytest.raises(RuntimeError), lay_out_for(width=COLUMN):
        raise RuntimeError
    assert page() == Page()


def test_a_page_without_notes_leaves_them_to_the_caption(sweep):
    runs, _ = sweep
    with lay_out_for(width=COLUMN):
        noted = plot_grid(runs)
    with lay_out_for(width=COLUMN, has_notes=False):
        bare, costs = plot_grid(runs), plot_cost(runs)
    words = "".join(text.get_text() for text in noted.texts)
    assert words.startswith("In a cell: ")
    assert not any(text.get_text() for text in bare.texts)
    assert bare.get_figheight() < noted.get_figheight()
    assert not costs.legends[0].get_title().get_text()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"width": 1.0}, r"width: 1 in \(2\.54 cm\) is out of range"),
        ({"font": "no such font"}, "no such font is not installed"),
    ],
)
def test_a_page_that_cannot_be_is_refused(settings, problem):
    with pytest.raises(ConfigError, match=problem), lay_out_for(**settings):
        pass


def test_letters_are_measured_in_the_font_of_the_page():
    text = "mean test accuracy"
    usual = measure_inches(text)
    with lay_out_for(font="monospace"):
        assert measure_inches(text) > 1.05 * usual
    assert measure_inches(text) == usual


@pytest.mark.parametrize(
    ("n", "width", "columns"), [(3, 7.2, 3), (3, 6.69, 3), (4, 7.2, 2), (3, COLUMN, 1), (6, COLUMN, 1)]
)
def test_a_narrow_page_has_fewer_panels_in_a_row(n, width, columns):
    with lay_out_for(width=width):
        _, panels = panelled([f"panel {place}" for place in range(n)])
    grids = {axes.get_subplotspec().get_gridspec().ncols for axes in panels.values()}
    assert grids == {columns}
