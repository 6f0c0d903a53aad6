"""Decision boundaries: panels are in their places, colours are the mean probabilities, and all can be read."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.boundaries import PALE, Landscape, plot_boundaries
from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.slides import lay_out_slides

AXES = np.linspace(-1, 1, 5), np.linspace(0, 10, 4)


def landscape(predict, *, names=("no", "yes"), grid=AXES):
    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (50, len(grid)))
    return Landscape(("width", "age")[: len(grid)], names, grid, points, np.arange(50) % max(1, len(names)), predict)


def even(_):
    return np.full((4, 5, 2), 0.5)


def panels(figure):
    """Give the panels by their row and column."""
    boxes = {axes: axes.get_position() for axes in figure.axes}
    rows = sorted({round(-box.y0, 3) for box in boxes.values()})
    columns = sorted({round(box.x0, 3) for box in boxes.values()})
    return {(rows.index(round(-box.y0, 3)), columns.index(round(box.x0, 3))): axes for axes, box in boxes.items()}


def test_a_panel_is_a_pair_of_values_with_its_mean_above(made):
    runs, _ = made(activations=["relu"], schedules=["constant"])
    found = panels(plot_boundaries(runs, landscape(even)))
    assert found.keys() == {(row, column) for row in range(3) for column in range(3)}
    means = runs.groupby(["depth", "width"])["test_accuracy"].mean()
    assert {place: axes.get_title() for place, axes in found.items()} == {
        (depth - 1, [8, 16, 32].index(width)): f"{mean:.3g}" for (depth, width), mean in means.items()
    }
    assert [found[2, column].get_xlabel() for column in range(3)] == ["width 8", "width 16", "width 32"]
    assert [found[row, 0].get_ylabel() for row in range(3)] == ["depth 1", "depth 2", "depth 3"]
    thick = [place for place, axes in found.items() if axes.spines["left"].get_linewidth() > 1]
    depth, width = means.idxmax()
    assert thick == [(depth - 1, [8, 16, 32].index(width))]


def test_the_colour_is_the_mean_over_the_runs(made):
    runs, _ = made(depths=[1], widths=[8], activations=["relu"], schedules=["constant"], n_seeds=2)
    said = {
        run_id: np.full((4, 5, 2), [0.5 + share, 0.5 - share])
        for run_id, share in zip(runs["run_id"], [0.4, 0.2], strict=True)
    }
    (axes,) = plot_boundaries(runs, landscape(said.get)).axes
    (image,) = axes.get_images()
    full = np.array(to_rgb(COLOURS[0]))
    np.testing.assert_allclose(np.asarray(image.get_array()), np.tile(1 - PALE * 0.6 * (1 - full), (4, 5, 1)))
    assert image.get_extent() == [-1, 1, 0, 10]
    assert image.origin == "lower"


def test_white_is_undecided_and_no_network_is_no_image(made):
    runs, _ = made(depths=[1], widths=[8], activations=["relu"], schedules=["constant"])
    (axes,) = plot_boundaries(runs, landscape(even)).axes
    assert (np.asarray(axes.get_images()[0].get_array()) == 1).all()
    (axes,) = plot_boundaries(runs, landscape(lambda _: None)).axes
    assert not axes.get_images()


def test_one_feature_has_the_curve_of_each_run_and_their_mean(made):
    runs, _ = made(depths=[1], widths=[8], activations=["relu"], schedules=["constant"])
    numbers = {run_id: np.full(5, float(place)) for place, run_id in enumerate(runs["run_id"])}
    (axes,) = plot_boundaries(runs, landscape(numbers.get, names=(), grid=AXES[:1])).axes
    points, *curves = axes.get_lines()
    assert len(points.get_xdata()) == 50
    assert [line.get_ydata()[0] for line in curves] == [0, 1, 2, 1]


def test_further_settings_have_their_best_and_others_are_told(made, words):
    figure = plot_boundaries(made()[0], landscape(even))
    assert len(figure.axes) == 9
    assert "Each panel shows the best choice of activation and schedule." in " ".join(words(figure).split())


def test_without_two_settings_the_best_have_a_panel_each(made, words):
    runs, _ = made(depths=[1], widths=[2, 4, 8, 16, 32, 64, 128, 256], activations=["relu"], schedules=["constant"])
    figure = plot_boundaries(runs.drop(columns=["depth"]), landscape(even))
    assert len(figure.axes) == 6
    assert "2 more configurations with worse results" in " ".join(words(figure).split())


@pytest.mark.parametrize("kind", ["sweep", "holey", "odd"])
@pytest.mark.parametrize("width", [3.35, 7.2])
def test_any_runs_can_be_read(request, readable, kind, width):
    with lay_out_for(width=width):
        readable(plot_boundaries(request.getfixturevalue(kind)[0], landscape(even), title="a $title_ " * 20))


def test_a_slide_and_many_values_can_be_read(made, readable, words):
    runs, _ = made(depths=range(1, 9), widths=[2**n for n in range(1, 12)], activations=["relu"], n_seeds=1)
    figure = plot_boundaries(runs, landscape(even, names=["class " + "long " * 9, "b"]))
    readable(figure)
    assert "more values of width" in " ".join(words(figure).split())
    with lay_out_slides():
        readable(plot_boundaries(runs, landscape(even)))


def test_nothing_is_told(made, words):
    runs, _ = made(failing=lambda settings: True)
    assert "no run has a result" in words(plot_boundaries(runs, landscape(even)))
