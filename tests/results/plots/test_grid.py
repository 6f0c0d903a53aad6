"""The map of a grid."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from nnsweep.results.plots.grid import plot_grid
from nnsweep.results.plots.style import colour_scale, contrast, letters_on
from nnsweep.results.statistics.summary import estimate_mean


def panels(figure):
    return [axes for axes in figure.axes if axes.get_title()]


def cells(axes):
    return [text.get_text().split("\n") for text in axes.texts]


def hatched(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_hatch()]


def test_a_cell_tells_mean_interval_and_number_of_seeds(made):
    runs, _ = made(depths=[1], widths=[8, 16], activations=["relu"], schedules=["constant"])
    (axes,) = [axes for axes in plot_grid(runs).axes if axes.texts]
    for column, width in enumerate([8, 16]):
        values = runs["test_accuracy"][runs["width"] == width].tolist()
        mean, _, low, high = estimate_mean(values, 1 - 0.05 / 2, bounds=(0, 1))
        interval = f"{low:.3f}–{high:.3f}".replace("0.", ".")  # noqa: RUF001
        assert cells(axes)[column] == [f"{mean:.3f}", interval, "n=3"]
    (axes,) = [axes for axes in plot_grid(runs.assign(cost=runs["test_accuracy"]), metric="cost").axes if axes.texts]
    assert cells(axes)[0][1].startswith("±0.0")


@pytest.mark.parametrize(("spread", "shown"), [(0.0, "alike"), (1e-5, "±4e-05"), (0.001, ".897–.905")])  # noqa: RUF001
def test_an_interval_without_width_is_not_written(spread, shown, made, words):
    runs, _ = made(depths=[1], widths=[8, 16], activations=["relu"], schedules=["constant"])
    figure = plot_grid(runs.assign(test_accuracy=0.9 + spread * runs["seed"]))
    (axes,) = [axes for axes in figure.axes if axes.texts]
    assert {cell[1] for cell in cells(axes)} == {shown}
    assert ("alike: the same result with every seed" in " ".join(words(figure).split())) == (spread == 0)


def test_other_settings_make_panels_and_depth_rises_from_below(sweep):
    shown = panels(plot_grid(sweep[0]))
    assert [axes.get_title() for axes in shown] == ["relu, constant", "relu, exp", "tanh, constant", "tanh, exp"]
    assert [label.get_text() for label in shown[0].get_yticklabels()] == ["1", "2", "3"]
    assert [label.get_text() for label in shown[-1].get_xticklabels()] == ["8", "16", "32"]
    assert (shown[-1].get_xlabel(), shown[0].get_ylabel()) == ("width", "depth")
    low, high = shown[0].get_ylim()
    assert low < high


def test_missing_cells_are_hatched_and_failures_counted(holey, words):
    figure = plot_grid(holey[0])
    assert [len(hatched(axes)) for axes in panels(figure)] == [2, 2, 2, 2]  # one was not run, one failed altogether
    shown = [cell for axes in panels(figure) for cell in cells(axes)]
    assert sum(cell[-1] == "n=2 1✗" for cell in shown) == 12
    assert sum(cell == ["3✗"] for cell in shown) == 4
    told = " ".join(words(figure).split())
    assert "runs without a result, 24 in all" in told
    assert "4 cells were not run" in told


def test_one_seed_has_no_interval(made, words):
    runs, _ = made(n_seeds=1)
    figure = plot_grid(runs)
    assert {cell[1] for axes in panels(figure) for cell in cells(axes)} == {"± ?"}
    assert "one seed has no interval" in " ".join(words(figure).split())


def test_the_best_cell_alone_is_framed(sweep):
    framed = [
        (axes.get_title(), patch.get_xy())
        for axes in panels(plot_grid(sweep[0]))
        for patch in axes.patches
        if not patch.get_fill()
    ]
    runs = sweep[0]
    means = runs.groupby(["activation", "schedule", "depth", "width"])["test_accuracy"].mean()
    activation, schedule, depth, width = means.idxmax()
    place = ([8, 16, 32].index(width) - 0.485, depth - 1 - 0.485)
    assert framed == [(f"{activation}, {schedule}", pytest.approx(place))]


def test_letters_stand_out_on_every_colour(sweep):
    for axes in panels(plot_grid(sweep[0])):
        grounds = [patch.get_facecolor() for patch in axes.patches if patch.get_fill()]
        for text, ground in zip(axes.texts, grounds, strict=True):
            assert contrast(to_rgb(text.get_color()), to_rgb(ground)) >= 4.5


def test_letters_stand_out_on_the_whole_scale():
    scale = colour_scale([0.0, 1.0])
    shades = [scale.shade(value) for value in np.linspace(0, 1, 256)]
    assert min(contrast(letters_on(shade), shade) for shade in shades) >= 4.5


def test_any_two_settings_are_axes(sweep):
    figure = plot_grid(sweep[0], x="schedule", y="activation")
    assert len(panels(figure)) == 9
    assert [label.get_text() for label in panels(figure)[-1].get_xticklabels()] == ["constant", "exp"]


@pytest.mark.parametrize(
    ("n_choices", "content"),
    [
        (2, "its simultaneous 95 % interval"),
        (10, "no room for intervals"),
        (16, "no room for numbers"),
        (40, "more panels"),
    ],
)
def test_many_panels_fit_by_dropping_numbers_and_then_panels(made, words, n_choices, content):
    choices = [f"choice{number}" for number in range(n_choices)]
    many, _ = made(depths=range(1, 6), widths=(8, 16, 32, 64, 128), activations=choices, schedules="a", n_seeds=2)
    figure = plot_grid(many)
    assert figure.get_figheight() <= 10
    told = " ".join(words(figure).split())
    assert content in told
    assert len(panels(figure)) == n_choices or f"{n_choices - len(panels(figure))} more panels" in told


def test_one_cell_and_no_cell(made, words):
    one, _ = made(depths=[1], widths=[8], activations=["relu"], schedules=["constant"], n_seeds=1)
    assert "n=1" in words(plot_grid(one))
    failed, _ = made(failing=lambda settings: True)
    assert words(plot_grid(failed)) == "no run has a result"
    assert words(plot_grid(one.drop(columns="width"))) == "no column width"
    assert words(plot_grid(one.iloc[:0])) == "no runs"
