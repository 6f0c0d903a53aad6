"""An ensemble: networks of one data set whose predictions are averaged, chosen among many on the validation part.

The choice is greedy and with replacement: each pick is the network whose addition makes the mean of all picks best, and
a network that is picked twice counts twice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnsweep.errors import ConfigError, DataError
from nnsweep.mlp.arrays import Examples, FloatArray, Task
from nnsweep.mlp.measures import MEASURES, SELECTED
from nnsweep.mlp.predictions import Measure, Predictions
from nnsweep.model.predictor import Model
from nnsweep.text import printable, suggest_nearest

SMOOTH = ("log_loss", "brier", "roc_auc", "average_precision")
"""Measures of classes and labels that change with every probability."""
OWN = ("loss", "activation", "output_activation", "residual", "temperature", "run")
"""What each member says of itself alone."""
_AT_ONCE = 16
"""Candidates whose means with the picks so far are in memory together."""


class MemberSelection(NamedTuple):
    """The members of an ensemble.

    Attributes
    ----------
    weights : dict of int to int
        How often each candidate was picked, by its number, those picked first coming first.
    scores : list of float
        The measure after each pick, those that were taken back included.
    """

    weights: dict[int, int]
    scores: list[float]


class Gain(NamedTuple):
    """What an ensemble has on a part, and its best member alone.

    Attributes
    ----------
    measure : str
        What was measured.
    ensemble, best : float
        Its values.
    low, high : float
        The interval of ``ensemble - best``.
    """

    measure: str
    ensemble: float
    best: float
    low: float
    high: float


def choose_measure(name: str | None, task: Task, selected: object = None) -> Measure:
    """Choose the measure that members are chosen by.

    A measure of the predicted classes alone, such as the accuracy, is the same for most additions, and of the few
    examples in which it differs the choice learns their noise; so classes and labels are judged by their probabilities.

    Parameters
    ----------
    name : str or None
        What is asked for; None for the measure that the runs chose their epochs by, or ``log_loss`` if that is not one
        of `SMOOTH`.
    task : Task
        What the networks have learned.
    selected : object
        The runs' ``trainer.select``, such as ``val_brier``; None for the task's default.

    Raises
    ------
    ConfigError
        If there is no such measure of the task.

    Examples
    --------
    >>> choose_measure(None, "classification").name, choose_measure(None, "classification", "val_brier").name
    ('log_loss', 'brier')
    """
    known = [one.name for one in MEASURES.values() if task in one.tasks]
    if name is not None:
        if name not in known:
            raise ConfigError(f"--measure={printable(name)}: there is no such measure; {suggest_nearest(name, known)}")
        return MEASURES[name]
    own = "" if selected is None else str(selected).removeprefix("val_")
    if task == "regression":
        return MEASURES.get(own, MEASURES[SELECTED[task]])  # a cost depends on the loss, which members may differ in
    return MEASURES[own if own in SMOOTH else "log_loss"]


def measure_values(measure: Measure, model: Model, values: FloatArray, examples: Examples) -> FloatArray:
    """Measure what K models predict of some examples.

    Parameters
    ----------
    measure : Measure
        What is measured.
    model : Model
        One of the models: it says what the values are of.
    values : ndarray of shape (K, n_samples, n_outputs)
        Probabilities, or numbers.
    examples : Examples
        With what is true, and how much each example counts.

    Returns
    -------
    ndarray of shape (K,)
        NaN where the measure is not defined.
    """
    quantiles = tuple(model.quantiles)
    outputs = _make_outputs(model, values)
    return measure.evaluate(Predictions(model.task, outputs, examples.y, examples.weight, quantiles=quantiles))


def _make_outputs(model: Model, values: FloatArray) -> FloatArray:
    """Make logits again of probabilities, which may have been averaged."""
    if model.task == "regression":
        return values
    values = np.clip(values, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg)
    return np.log(values) - (np.log1p(-values) if model.task == "multilabel" else 0)


def measure_gain(
    measure: Measure,
    model: Model,
    values: FloatArray,
    examples: Examples,
    *,
    confidence: float = 0.95,
    n_resamples: int = 200,
    random_state: int = 0,
) -> Gain:
    """Measure an ensemble and its best member, and how sure the difference is for these models on other examples.

    The interval is the normal one, with the standard error of the difference over resamples of the examples, drawn with
    replacement and the same for both (Efron and Tibshirani, An introduction to the bootstrap, 1993, sections 6.4 and
    13.3: 200 resamples tell a standard error well enough).

    Parameters
    ----------
    measure, model, examples : Measure, Model, Examples
        As for `measure_values`.
    values : ndarray of shape (2, n_samples, n_outputs)
        What the ensemble predicts, and what its best member does.
    confidence, n_resamples, random_state : float, int, int
        Of the interval, and of the resamples.
    """
    from scipy.special import ndtri  # its import takes as long as NumPy's

    generator, n = np.random.default_rng(random_state), examples.n_samples
    weight = np.ones(n) if examples.weight is None else examples.weight
    differences = []
    for counts in generator.multinomial(n, np.full(n, 1 / n), size=n_resamples):
        ensemble, best = measure_values(measure, model, values, examples._replace(weight=weight * counts))
        differences.append(ensemble - best)
    half = float(ndtri((1 + confidence) / 2)) * float(np.nanstd(differences, ddof=1))
    ensemble, best = map(float, measure_values(measure, model, values, examples))
    return Gain(measure.name, ensemble, best, ensemble - best - half, ensemble - best + half)


def select_members(
    values: Sequence[FloatArray], measure: Measure, model: Model, examples: Examples, *, n_picks: int
) -> MemberSelection:
    """Select the members of an ensemble, one after the other.

    The first pick is the best candidate, each further one that which improves the mean of the picks most, or harms it
    least. Of the ensembles that arise on the way the best is kept, the smallest of equals.

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble selection from libraries of models, ICML 2004,
    section 2, with selection with replacement (2.1).

    Parameters
    ----------
    values : sequence of ndarray of shape (n_samples, n_outputs)
        What each candidate predicts of the validation part: probabilities, or numbers.
    measure, model, examples : Measure, Model, Examples
        As for `measure_values`.
    n_picks : int
        How many picks there are at most, 1 or more.

    Examples
    --------
    >>> examples, model = Examples(np.zeros((1, 1)), np.array([1])), Model({"task": "classification"}, [], {})
    >>> values = [np.array([[1 - p, p]]) for p in (0.25, 0.5, 0.75)]
    >>> select_members(values, MEASURES["accuracy"], model, examples, n_picks=2)
    MemberSelection(weights={2: 1}, scores=[1.0, 1.0])
    """
    sign = 1 if measure.greater_is_better else -1

    def score(means: FloatArray) -> FloatArray:
        found = sign * measure_values(measure, model, means, examples)
        return np.where(np.isnan(found), -np.inf, found)

    total = np.zeros_like(values[0])
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < n_picks:
        pieces = [np.stack(values[first : first + _AT_ONCE]) for first in range(0, len(values), _AT_ONCE)]
        found = np.concatenate([score((total + piece) / (len(picks) + 1)) for piece in pieces])
        best = int(np.argmax(found))
        total = total + values[best]
        picks.append(best)
        scores.append(float(found[best]))
    n_kept = 1 + int(np.argmax(scores))
    return MemberSelection(dict(Counter(picks[:n_kept])), [sign * one for one in scores])


def require_alike(models: Sequence[Model]) -> None:
    """Refuse models whose predictions cannot be averaged.

    Raises
    ------
    DataError
        If they were not prepared alike, or do not predict the same things in the same precision.
    """
    first, common = models[0], {"training": None} | _find_common(models[0])
    for model in models[1:]:
        own = _find_common(model) | {"training": common["training"]}  # which earlier versions did not know
        is_same_type = model.layers[0][0].dtype == first.layers[0][0].dtype
        if not (own == common and is_same_type and _are_same(model.preparation, first.preparation)):
            names = " and ".join(str(one.about["run"]["name"]) for one in (first, model))
            raise DataError(f"{names} cannot be averaged: data, classes or precision differ; choose with --filter")


def combine_models(models: Sequence[Model], weights: Sequence[int], run: Mapping[str, Any]) -> Model:
    """Make one model of several that were trained on the same data.

    Parameters
    ----------
    models : sequence of Model
        Lone networks; see `require_alike`.
    weights : sequence of int
        How much each counts in the mean.
    run : mapping of str to JSON values
        Where the ensemble comes from.
    """
    members = []
    for model, weight in zip(models, weights, strict=True):
        own = {name: model.about[name] for name in OWN if name in model.about}
        members.append(own | {"n_layers": len(model.layers), "weight": int(weight)})
    layers = [layer for model in models for layer in model.layers]
    about = _find_common(models[0]) | {"members": members, "run": dict(run)}
    return Model(about, layers, dict(models[0].preparation))


def _find_common(model: Model) -> dict[str, Any]:
    """Give what a model says of itself that is the same for all members of an ensemble."""
    return {name: value for name, value in model.about.items() if name not in OWN}


def _are_same(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)
