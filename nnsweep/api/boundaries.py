"""Decision boundaries: the networks of an experiment on data with two features, asked about every place.

The networks come from the store and the training examples from the data that the runs were trained on, so this is
slower than what rests on records alone.
"""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnsweep.api.load import choose_address
from nnsweep.data import prepared
from nnsweep.errors import ConfigError, DataError, UserError
from nnsweep.jobs.consistency import load_recorded_data
from nnsweep.model.predictor import Model, predict_values
from nnsweep.results.frame import plain
from nnsweep.results.inputs import check_inputs
from nnsweep.results.plots.boundaries import Landscape, plot_boundaries
from nnsweep.tracking.models import make_model
from nnsweep.tracking.store import Store, require_store, resolve_uri

N_GRID = 61
"""Values of a feature that networks are asked about."""
MARGIN = 0.08
"""The share of the examples' range that a picture shows beyond them at each side."""


def plot_decision_boundaries(
    runs: pd.DataFrame,
    *,
    metric: str | None = None,
    x: str | None = None,
    y: str | None = None,
    title: str = "",
    uri: str | None = None,
) -> Figure:
    """Draw where the networks of runs on data with two features decide for which class, by two settings.

    Of a regression on one feature, the curves of the predictions are drawn.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs with their ``run_id``.
    metric : str, optional
        What stands above each panel; what the runs were trained for if not given.
    x, y : str, optional
        The settings whose values make the columns and the rows; chosen as for `nnsweep.plot_grid` if not given.
    title : str
        A line above the panels.
    uri : str, optional
        The store; if not given, the one that the frame names, or else as for `nnsweep.load_results`.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each pair of values: the mean of the probabilities over the runs, with training examples.

    Raises
    ------
    ConfigError
        If the data have other features than two numbers, or one for a regression.
    DataError
        If networks or data are gone or have changed.
    StoreError
        If the store cannot be used.
    """
    check_inputs(["run_id"], runs=runs, metric=metric, uri=uri)
    landscape = load_landscape(runs, uri)
    if landscape is None:
        raise ConfigError(
            "decision boundaries can be drawn for classes of two features that are numbers, or for one target over one "
            "feature; these runs are on other data"
        )
    return plot_boundaries(runs, landscape, metric=metric, x=x, y=y, title=title)


def find_landscape(runs: pd.DataFrame, uri: str | None = None) -> Landscape | None:
    """Find the same for a page that can do without it, where networks or data are gone or have changed."""
    try:
        return load_landscape(runs, uri)
    except UserError:
        return None


def load_landscape(runs: pd.DataFrame, uri: str | None = None) -> Landscape | None:
    """Find what the networks of runs can be asked about; None if their data have other features.

    Raises
    ------
    DataError
        If the network of the first finished run or its data are gone or have changed.
    StoreError
        If the store cannot be used.
    """
    finished = runs[runs["state"] == "finished"] if "state" in runs.columns else runs
    ids = [str(run_id) for run_id in plain(finished["run_id"]) if run_id]
    if not ids:
        return None
    address = resolve_uri(choose_address(runs, uri), Path.cwd())
    require_store(address)
    store = Store(address, "", "")
    model = make_model(store, ids[0])
    n_columns = {"classification": 2, "regression": 1}.get(model.task)
    kinds = [column["kind"] for column in model.columns]
    if kinds != ["number"] * (n_columns or 0) or (model.task == "regression" and len(model.names) > 1):
        return None
    train = load_recorded_data(store, ids[0], ids[0], model.about["run"]["data_digest"])[1].train
    points = _restore_numbers(train.X, model)
    grid = tuple(_span(values) for values in points.T)
    columns = tuple(column["name"] for column in model.columns)
    places = np.stack([axis.ravel() for axis in np.meshgrid(*grid)], axis=1)
    table = pd.DataFrame(dict(zip(columns, places.T, strict=True)))

    middle = int(np.argmin(np.abs(np.array(model.quantiles or [0.5]) - 0.5)))  # of quantiles, the nearest to the median

    @functools.lru_cache(maxsize=512)  # a report draws each picture twice, for a screen and for a phone
    def predict(run_id: str) -> NDArray[np.floating] | None:
        try:
            asked = model if run_id == ids[0] else make_model(store, run_id)
        except DataError:
            return None
        if asked.columns != model.columns or asked.names != model.names:
            return None
        values = predict_values(asked, prepared.features(table, asked.about["preparation"], asked.preparation))
        if len(grid) == 1:
            return np.asarray(values[:, middle])
        return values.reshape(len(grid[1]), len(grid[0]), -1)

    names = tuple(model.names) if model.task == "classification" else ()
    return Landscape(columns, names, grid, points, np.asarray(train.y).reshape(len(points)), predict)


def _restore_numbers(X: Any, model: Model) -> NDArray[np.float64]:
    """Turn prepared features back into the numbers that they were made of; see `nnsweep.data.prepared.features`."""
    clip = model.about["preparation"].get("clip")
    moved = np.asarray(X, dtype=np.float64)
    if clip is not None:
        moved = moved / np.sqrt(np.maximum(1 - (moved / clip) ** 2, 1e-12))
    return np.asarray(moved * model.preparation["scale"] + model.preparation["mean"])


def _span(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * ((high - low) or 1.0)
    return np.linspace(low - margin, high + margin, N_GRID)
