"""Frames and histories of made-up sweeps, and what every picture must hold to."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from nnsweep.results.frame import frame
from nnsweep.tracking.record import RunRecord

Sweep: TypeAlias = tuple[pd.DataFrame, dict[str, pd.DataFrame]]

ODD = ["$x^{", "a_b_c", "<script>", "日本", "line\nbreak", "long" * 60, "\x1b[2J", "50% & $y$"]


def make(
    *,
    depths: Sequence[int] = (1, 2, 3),
    widths: Sequence[int] = (8, 16, 32),
    activations: Sequence[str] = ("relu", "tanh"),
    schedules: Sequence[str] = ("constant", "exp"),
    n_seeds: int = 3,
    failing: Callable[[Mapping[str, object]], bool] = lambda settings: False,
    missing: Callable[[Mapping[str, object]], bool] = lambda settings: False,
) -> Sweep:
    """Make a frame of a grid and its histories; the accuracy rises with the width and falls with the depth."""
    random, records, histories = np.random.default_rng(0), [], {}
    for depth, width, activation, schedule, seed in product(depths, widths, activations, schedules, range(n_seeds)):
        sizes = "-".join([str(width)] * depth)
        settings = {"arch": "uniform", "hidden_layer_sizes": sizes, "activation": activation, "schedule": schedule}
        settings |= {"seed": seed, "schedule.gamma": 0.9 if schedule == "exp" else None, "depth": depth, "width": width}
        if missing(settings):
            continue
        accuracy = float(0.5 + 0.05 * np.log2(width) - 0.02 * depth + random.normal(0, 0.01))
        failed = failing(settings)
        run_id = f"id{len(records)}"
        histories[run_id] = _history(accuracy, schedule, failed=failed)
        sizes_of = {"n_parameters": 64.0 * width + (depth - 1) * width**2, "depth": float(depth), "width": float(width)}
        results = {} if failed else {"best_val_accuracy": accuracy, "test_accuracy": accuracy - 0.01}
        records.append(
            RunRecord(
                run_id=run_id,
                name=f"{sizes}-{activation}-{schedule}-s{seed}",
                state="diverged" if failed else "finished",
                reason="the cost is not finite" if failed else "",
                settings=settings,
                metrics=sizes_of | {"duration_seconds": 0.01 * width * depth} | results,
                job=len(records),
            )
        )
    return frame(records), histories


def _history(accuracy: float, schedule: str, *, failed: bool) -> pd.DataFrame:
    epochs = np.arange(5 if failed else 11)
    curve = accuracy * (1 - np.exp(-(epochs + 0.5) / 3))
    costs = np.exp(-epochs / 5.0)
    costs[-1] = np.inf if failed else costs[-1]
    rates = 0.1 * (0.9**epochs if schedule == "exp" else np.ones(len(epochs)))
    columns = {"epoch": epochs, "learning_rate": rates, "train_cost": costs}
    return pd.DataFrame(columns | {"val_accuracy": curve, "test_accuracy": curve - 0.01})


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def made() -> Callable[..., Sweep]:
    return make


@pytest.fixture
def words() -> Callable[[Figure], str]:
    """Give what can be read in a figure."""
    return read


@pytest.fixture
def readable() -> Callable[[Figure], None]:
    return assert_readable


@pytest.fixture
def sweep() -> Sweep:
    return make()


@pytest.fixture
def holey() -> Sweep:
    """Give a sweep in which some cells were not run, some seeds failed, and of one cell all."""
    return make(
        failing=lambda one: (one["seed"] == 0 and one["width"] == 8) or (one["depth"], one["width"]) == (3, 32),
        missing=lambda one: (one["depth"], one["width"]) == (2, 16),
    )


@pytest.fixture
def odd() -> Sweep:
    """Give a sweep whose settings have values that no formula and no file could have."""
    return make(activations=ODD, depths=(1, 2), widths=(8, 16), n_seeds=2)


def lay_out(figure: Figure) -> None:
    """Let everything in a figure find its place, as it will when it is saved."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks
        figure.draw_without_rendering()


def texts(figure: Figure) -> list[Text]:
    """Give the texts that are seen."""
    lay_out(figure)
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in found if text.axes is None or text.axes.axison or text in text.axes.texts]


def read(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in texts(figure))


def extents(figure: Figure) -> list[tuple[str, Bbox]]:
    """Give the texts that are seen and where their letters are, in pixels."""
    shown, unseen = texts(figure), _unseen(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        return [(text.get_text(), Text.get_window_extent(text)) for text in shown if id(text) not in unseen]


def _unseen(figure: Figure) -> set[int]:
    """Find the labels of ticks that lie beyond their axis: matplotlib keeps them and does not draw them."""
    unseen = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high:
                unseen |= {id(tick.label1), id(tick.label2)}
    return unseen


def assert_readable(figure: Figure) -> None:
    """Require what is promised of all letters: not cut off, not one over another, not too small on paper."""
    boxes = extents(figure)
    paper = figure.bbox.padded(1)
    cut = [text for text, box in boxes if not (paper.contains(box.x0, box.y0) and paper.contains(box.x1, box.y1))]
    assert cut == []
    over = [
        (first, second)
        for place, (first, one) in enumerate(boxes)
        for second, other in boxes[place + 1 :]
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 2
    ]
    assert over == []
    assert min(text.get_fontsize() for text in texts(figure)) >= 8
    assert figure.get_figwidth() <= 7.21
