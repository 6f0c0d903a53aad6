"""The spread over seeds."""

import pytest

from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.seeds import plot_seeds
from nnsweep.results.plots.style import GREY


def rows(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def dots(figure):
    """Give the results of each row."""
    return [list(line.get_xdata()) for line in figure.axes[0].get_lines() if line.get_markerfacecolor() == "none"]


def means(figure):
    return [line.get_xdata()[0] for line in figure.axes[0].get_lines() if line.get_markeredgecolor() == "white"]


def test_a_row_for_each_configuration_the_best_at_the_top(made):
    runs, _ = made(activations=["relu"], schedules=["constant"])
    figure = plot_seeds(runs)
    expected = runs.groupby("hidden_layer_sizes")["test_accuracy"].mean().sort_values(ascending=False)
    assert rows(figure) == list(expected.index)
    low, high = figure.axes[0].get_ylim()
    assert low > high
    assert means(figure) == pytest.approx(list(expected))


def test_a_dot_for_every_seed(sweep):
    shown = [value for row in dots(plot_seeds(sweep[0], most=100)) for value in row]
    assert sorted(shown) == sorted(sweep[0]["test_accuracy"])


def test_failures_are_counted_beside_the_name(holey, words):
    figure = plot_seeds(holey[0], most=100)
    assert [row.rpartition("  ")[2] for row in rows(figure) if "✗" in row] == ["1✗"] * 12 + ["3✗"] * 4
    assert "✗ counts runs without a result; a failed run counts as guessing" not in words(figure)
    assert "✗ counts runs without a result." in words(figure)


def test_stragglers_do_not_stretch_the_axis_and_are_told(made, words):
    runs, _ = made(depths=[1], widths=[4, 8, 16, 32, 64, 128], activations=["relu"], schedules=["constant"])
    accuracies = [0.95 + 0.001 * seed + 0.002 * place for place in range(6) for seed in range(3)]
    accuracies[1] = 0.1  # a seed of the first
    accuracies[3:6] = [0.2, 0.3, 0.4]
    figure = plot_seeds(runs.assign(test_accuracy=accuracies))
    low, high = figure.axes[0].get_xlim()
    assert (low, high) == pytest.approx((0.937, 0.965), abs=0.006)
    assert rows(figure)[-2:] == ["4  ◂1 mean 0.667", "8  ◂3 mean 0.3"]
    assert "◂ counts runs below 0.938; a mean below it is written out." in words(figure)
    arrows = [line for line in figure.axes[0].get_lines() if line.get_marker() in ("<", ">")]
    assert [(line.get_marker(), line.get_ydata()[0]) for line in arrows] == [("<", 4), (">", 4), ("<", 5)]


def test_a_cost_is_zoomed_at_its_other_end(made, words):
    runs, _ = made(depths=[1], widths=[4, 8, 16, 32], activations=["relu"], schedules=["constant"], n_seeds=1)
    figure = plot_seeds(runs.assign(final_train_cost=[0.1, 0.11, 0.12, 9.0]), metric="final_train_cost")
    assert figure.axes[0].get_xlim()[1] < 1
    assert rows(figure)[-1] == "32  ▸1 mean 9"


def test_whole_numbers_have_whole_ticks(made):
    runs, _ = made(n_seeds=1)
    figure = plot_seeds(runs.assign(best_epoch=runs["depth"]), metric="best_epoch")
    assert all(tick.is_integer() for tick in figure.axes[0].get_xticks())


def test_what_shows_one_configuration_is_tagged_with_its_place(sweep):
    figure = plot_seeds(sweep[0])
    places = [
        {artist.get_gid().split("-")[1] for artist in figure.axes[0].get_lines() if artist.get_ydata()[0] == row}
        for row in range(3)
    ]
    assert places == [{"0"}, {"1"}, {"2"}]


def test_a_row_has_the_colour_of_its_configuration(sweep):
    figure = plot_seeds(sweep[0])
    colours = [line.get_color() for line in figure.axes[0].get_lines() if line.get_markerfacecolor() == "none"]
    assert colours[:10] == [*COLOURS, GREY, GREY]


@pytest.mark.parametrize("width", [3.35, 6.7])
def test_a_narrow_picture_can_be_read(width, holey, readable):
    with lay_out_for(width=width):
        figure = plot_seeds(holey[0], title="seeds")
    readable(figure)
    assert figure.get_figwidth() == width


def test_of_many_the_best_are_shown_and_the_others_counted(made, words):
    runs, _ = made(depths=range(1, 6), widths=(8, 16, 32, 64, 128), activations="abcd", n_seeds=1)
    figure = plot_seeds(runs)
    assert len(rows(figure)) == 30
    assert "The best 30 of 200; 170 are not shown." in words(figure)
    assert "One seed has no interval." in words(figure)


def test_no_interval_reaches_beyond_a_perfect_accuracy(made):
    runs, _ = made(n_seeds=2)
    perfect = runs.assign(test_accuracy=[1.0 if seed else 0.9 for seed in runs["seed"]])
    ends = [max(line.get_xdata()) for line in plot_seeds(perfect).axes[0].get_lines() if len(line.get_xdata()) == 2]
    assert max(ends) == 1.0


def test_a_metric_that_no_run_has_is_no_error(sweep, words):
    assert "cross entropy" in words(plot_seeds(sweep[0], metric="cross_entropy"))
    assert words(plot_seeds(sweep[0].iloc[:0])) == "no runs"
