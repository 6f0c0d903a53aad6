"""The map of a grid."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from nnsweep.errors import ConfigError
from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.grid import plot_grid
from nnsweep.results.plots.style import colour_scale, contrast, letters_on
from nnsweep.results.statistics.summary import estimate_configurations, estimate_mean


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
    assert "Hatched: no result (4 cells not run)." in told


def test_one_seed_has_no_interval(made, words):
    runs, _ = made(n_seeds=1)
    figure = plot_grid(runs)
    assert {len(cell) for axes in panels(figure) for cell in cells(axes)} == {1}
    assert "test accuracy with one seed, which has no interval" in " ".join(words(figure).split())
    some, _ = made(failing=lambda settings: settings["seed"] > 0 and settings["depth"] == 1)
    assert "± ?" in {line for axes in panels(plot_grid(some)) for cell in cells(axes) for line in cell}


def frames(axes):
    """Give place and stroke of the frames of a panel; each is a line on a wider white one."""
    return [
        (patch.get_xy(), patch.get_linestyle())
        for patch in axes.patches
        if not patch.get_fill() and patch.get_edgecolor()[:3] == (0, 0, 0)
    ]


def test_the_best_cell_and_the_choice_of_validation_are_framed(sweep, words):
    runs = sweep[0]
    figure = plot_grid(runs)
    means = runs.groupby(["activation", "schedule", "depth", "width"])["test_accuracy"].mean()
    activation, schedule, depth, width = means.idxmax()
    place = ([8, 16, 32].index(width) - 0.47, depth - 1 - 0.47)
    framed = {axes.get_title(): frames(axes) for axes in panels(figure) if frames(axes)}
    assert framed == {f"{activation}, {schedule}": [(pytest.approx(place), "-")]}
    assert "also chosen by validation" in " ".join(words(figure).split())
    other = runs.assign(best_val_accuracy=1 - runs["width"] / 100 - runs["depth"] / 10)
    figure = plot_grid(other[other["schedule"] == "exp"])
    strokes = {stroke if isinstance(stroke, str) else "dashed" for axes in panels(figure) for _, stroke in frames(axes)}
    assert strokes == {"-", "dashed"} or strokes == {"-", "--"}
    assert "Dashed frame: chosen by validation" in " ".join(words(figure).split())


def test_a_few_far_worse_cells_share_one_colour_and_are_told(made, words):
    runs, _ = made(depths=[1, 2], widths=(4, 8, 16, 32), activations=["relu"], schedules=["constant"], n_seeds=1)
    accuracies = [0.1, 0.3, 0.95, 0.96, 0.955, 0.965, 0.97, 0.972]
    figure = plot_grid(runs.assign(test_accuracy=accuracies))
    (axes,) = [axes for axes in figure.axes if axes.texts]
    grounds = [patch.get_facecolor()[:3] for patch in axes.patches if patch.get_fill()]
    assert grounds[0] == grounds[1]
    assert len(set(grounds)) == 7
    assert "Darkest: below 0.92 (2 cells)." in words(figure)
    (bar,) = [axes for axes in figure.axes if axes is not axes.figure.axes[0]]
    assert bar.get_ylabel() == "test accuracy"
    costs = runs.assign(final_train_cost=[40.0, 0.3, 0.25, 0.26, 0.255, 0.265, 0.27, 0.272])
    assert "Darkest: above 0.31 (1 cell)." in words(plot_grid(costs, metric="final_train_cost"))


def test_cells_are_tagged_with_the_place_of_their_configuration(holey):
    figure = plot_grid(holey[0])
    groups = estimate_configurations(holey[0])
    shown = {
        artist.get_gid().split("-")[1]: artist.get_text().split("\n")[0]
        for axes in panels(figure)
        for artist in axes.texts
    }
    assert len(shown) == len(groups) == 32
    assert {place: f"{groups[int(place)].mean:.3f}" for place, text in shown.items() if "✗" not in text} == {
        place: text for place, text in shown.items() if "✗" not in text
    }


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


def test_a_cell_shows_the_best_of_what_makes_no_panel(sweep, words):
    runs = sweep[0]
    figure = plot_grid(runs, x="width", y="depth", panels=["activation"])
    assert [axes.get_title() for axes in panels(figure)] == ["relu", "tanh"]
    means = runs.groupby(["activation", "depth", "width", "schedule"])["test_accuracy"].mean()
    best = means.groupby(level=[0, 1, 2]).max()
    assert [cell[0] for axes in panels(figure) for cell in cells(axes)] == [f"{mean:.3f}" for mean in best]
    assert "Each cell shows the best choice of schedule." in " ".join(words(figure).split())
    alone = plot_grid(runs, panels=[])
    assert [len(axes.texts) for axes in alone.axes if axes.texts] == [9]
    assert repr(alone).endswith(", 1 panel>")  # the scale of colours is none


def test_the_end_of_a_dotted_name_is_enough(sweep):
    figure = plot_grid(sweep[0], x="gamma", y="activation")
    assert panels(figure)[-1].get_xlabel() == "gamma"
    assert [label.get_text() for label in panels(figure)[-1].get_xticklabels()] == ["0.9", "none"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"x": "wdith"}, "x: unknown name 'wdith'; did you mean 'width'?"),
        ({"x": "width", "y": "width"}, "x=width, y=width: 'width' is given twice; give each setting once"),
        ({"x": "width", "panels": ["depth", "depth"]}, "'depth' is given twice"),
        ({"x": "seed"}, "are repeats and are averaged"),
    ],
)
def test_a_setting_that_makes_no_map_is_told(sweep, asked, told):
    with pytest.raises(ConfigError, match=told):
        plot_grid(sweep[0], **asked)


@pytest.mark.parametrize("width", [3.35, 6.7])
@pytest.mark.parametrize("kind", ["sweep", "holey", "odd"])
def test_a_narrow_map_can_be_read(width, kind, request, readable):
    runs, _ = request.getfixturevalue(kind)
    with lay_out_for(width=width):
        figure = plot_grid(runs, title="a map")
        assert figure.get_figwidth() <= width + 0.01
        readable(figure)
        readable(plot_grid(runs, x="activation", y="depth", panels=["schedule"]))


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
    assert "with one seed" in " ".join(words(plot_grid(one)).split())
    failed, _ = made(failing=lambda settings: True)
    assert words(plot_grid(failed)) == "no run has a result"
    assert words(plot_grid(one.drop(columns="width"))) == "a map needs two settings"
    assert words(plot_grid(one.iloc[:0])) == "no runs"
