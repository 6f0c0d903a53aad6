"""An ensemble: networks of one data set whose predictions are averaged, chosen among many on the validation part.

The choice is greedy and with replacement: each pick is the network whose addition makes the mean of all picks best, and
a network that is picked twice counts twice.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnsweep.errors import DataError
from nnsweep.mlp.arrays import FloatArray
from nnsweep.model.predictor import Model

_AT_ONCE = 16
"""Candidates whose means with the picks so far are in memory together."""


class Selection(NamedTuple):
    """The members of an ensemble.

    Attributes
    ----------
    weights : dict of int to int
        How often each candidate was picked, by its number, those picked first coming first.
    scores : list of float
        How good the ensemble was after each pick, those that were taken back included.
    """

    weights: dict[int, int]
    scores: list[float]


def select_members(
    predictions: Sequence[FloatArray], score: Callable[[FloatArray], FloatArray], *, n_picks: int
) -> Selection:
    """Select the members of an ensemble, one after the other.

    The first pick is the best candidate, each further one that which improves the mean of the picks most, or harms it
    least. Of the ensembles that arise on the way the best is kept, the smallest of equals.

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble selection from libraries of models, ICML 2004,
    section 2, with selection with replacement (2.1).

    Parameters
    ----------
    predictions : sequence of ndarray of shape (n_samples, n_outputs)
        What each candidate predicts of the validation part: probabilities, or numbers.
    score : callable
        Gives how good predictions (K, n_samples, n_outputs) are, as (K,): the larger the better, NaN being worst.
    n_picks : int
        How many picks there are at most, 1 or more.

    Examples
    --------
    >>> def score(values):  # the target is 0
    ...     return 1 - np.abs(values).mean(axis=(1, 2))
    >>> select_members([np.array([[3.0]]), np.array([[-1.0]]), np.array([[2.0]])], score, n_picks=4)
    Selection(weights={1: 2, 2: 1}, scores=[0.0, 0.5, 1.0, 0.75])
    """
    total = np.zeros_like(predictions[0])
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < n_picks:
        values = np.concatenate(
            [
                score((total + np.stack(predictions[first : first + _AT_ONCE])) / (len(picks) + 1))
                for first in range(0, len(predictions), _AT_ONCE)
            ]
        )
        best = int(np.argmax(np.where(np.isnan(values), -np.inf, values)))
        total = total + predictions[best]
        picks.append(best)
        scores.append(float(values[best]))
    n_kept = 1 + int(np.argmax(np.where(np.isnan(scores), -np.inf, scores)))
    return Selection(dict(Counter(picks[:n_kept])), scores)


def combine_models(models: Sequence[Model], weights: Sequence[int], run: Mapping[str, Any]) -> Model:
    """Make one model of several that were trained on the same data.

    Parameters
    ----------
    models : sequence of Model
        Lone networks.
    weights : sequence of int
        How much each counts in the mean.
    run : mapping of str to JSON values
        Where the ensemble comes from.

    Raises
    ------
    DataError
        If they were not prepared alike, or do not predict the same things in the same precision.
    """
    first = models[0]
    own = ("activation", "output_activation", "run")
    common = {name: value for name, value in first.about.items() if name not in own}
    for model in models[1:]:
        its = {name: value for name, value in model.about.items() if name not in own}
        is_same_type = model.layers[0][0].dtype == first.layers[0][0].dtype
        if not (its == common and is_same_type and _are_same(model.preparation, first.preparation)):
            names = " and ".join(str(one.about["run"]["name"]) for one in (first, model))
            raise DataError(f"{names} cannot be averaged: their data, classes or precision differ")
    members = [
        {name: model.about[name] for name in own} | {"n_layers": len(model.layers), "weight": int(weight)}
        for model, weight in zip(models, weights, strict=True)
    ]
    layers = [layer for model in models for layer in model.layers]
    return Model(common | {"members": members, "run": dict(run)}, layers, dict(first.preparation))


def _are_same(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)
