"""A label: what became of a training, in a word that turns a grid into an explanation.

Every rule is a function of one curve and a few thresholds, so the same curve always has the same label. The curve
is the measure that epochs are selected by: on validation, or test where there is no validation part. A change counts
only if it is more than the curve's own noise, more than the examples can resolve, and large enough to matter.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from nnsweep.results.frame import rows
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import bound_metric, is_accuracy, is_bounded, measure_text, metric_text, split_metric
from nnsweep.results.selection import list_metrics
from nnsweep.results.trend import (
    LEAST_POINTS,
    Curve,
    bound_noise,
    estimate_correlation,
    estimate_noise,
    find_peak,
    find_selecting_curve,
    fit_rise,
    mark_last,
    smooth,
)
from nnsweep.text import STANDARDIZE, explain_scale

DIVERGED = "diverged"
AT_CHANCE = "at chance"
STILL_IMPROVING = "still improving"
OVERFITTING = "overfitting"
COLLAPSED = "collapsed"
PLATEAUED = "plateaued"
UNCLEAR = "unclear"
LABELS = (DIVERGED, COLLAPSED, AT_CHANCE, STILL_IMPROVING, OVERFITTING, PLATEAUED, UNCLEAR)
"""From what failed to what went well; a run that did not come to its end has its state for a label."""

SURPRISE = 0.001
"""How improbable an accuracy must be by chance alone to be more than that."""
CHANCE_MARGIN = 0.05
"""How far above chance that is where the number of examples is not known."""
UNTRAINED_MARGIN = 0.01
"""How far beyond the untrained network it is for a measure without bounds, of the way to a perfect one."""
RAREST = 1e-9
"""The least probability of guessing right that is not taken for none."""
SIGNIFICANCE = 0.01
"""How improbable the rise of a last stretch must be without a trend."""
LEAST_CHANGE = 0.01
"""The least difference of accuracy that matters; of a measure without bounds, of how far its curve has come."""
SEEN_EXAMPLES = 2
"""The least difference that matters, in examples."""
FALLEN_EXAMPLES = 5
"""The least fall in examples: if so many change, all for the worse, the sign test's one-sided p is 1/32."""
NOISES = 2.5
"""The least difference in standard deviations of the curve's noise; see `bound_noise`."""
SLOW = 0.01
"""The share of its highest learning rate at which a training goes no further."""
SLOWED = "; its learning rate has fallen to almost nothing: try a longer schedule"

NOTHING = pd.DataFrame({"epoch": [], "train_cost": []})
"""The history of a run that left none."""


class Outcome(NamedTuple):
    """What became of a training.

    Attributes
    ----------
    name : str
        One of `LABELS`, or the state of a run that did not come to its end.
    epoch : int or None
        The epoch at which it happened, or since which it is so; None if it has none.
    words : str
        The same in a sentence, with its numbers.
    """

    name: str
    epoch: int | None
    words: str


def label(
    history: pd.DataFrame,
    state: str = "finished",
    *,
    chance: float | None = None,
    n_samples: float | None = None,
    scale: float | None = None,
    measure: str | None = None,
) -> Outcome:
    """Label a training: the first that holds of diverged, not finished, at chance, still improving, fallen, plateaued.

    Parameters
    ----------
    history : pandas.DataFrame
        ``epoch``, ``train_cost`` and measures, NaN where they were not taken.
    state : str
        The run's state.
    chance : float, optional
        The accuracy of always predicting the commonest class; by default that of the untrained network, at epoch 0.
    n_samples : float, optional
        How many examples the accuracy is measured on.
    scale : float, optional
        How large the features are, if that is too large: the likely cause of a training that diverged or is stuck.
    measure : str, optional
        What its epoch is selected by; by default accuracy, or RMSE where there is none.

    Returns
    -------
    Outcome
        The label; `UNCLEAR` if there are fewer than `LEAST_POINTS` measurements.
    """
    cause = "" if scale is None else f"; {explain_scale(scale, STANDARDIZE)}"
    if (outcome := label_divergence(history, state)) is not None:
        return outcome._replace(words=outcome.words + cause)
    if state != "finished":
        return Outcome(state, None, f"{state}: it did not finish")
    curve = find_selecting_curve(history, measure)
    has_chance = not curve.metric or is_accuracy(curve.metric)
    limit = bound_guessing(curve, chance=chance, n_samples=n_samples) if has_chance else bound_untrained(curve)
    if (outcome := label_chance(curve, limit)) is not None:
        return outcome._replace(words=outcome.words + cause)
    if len(curve.values) < LEAST_POINTS:
        return Outcome(UNCLEAR, None, f"too few measurements of {_name_measure(curve)} to judge: {len(curve.values)}")
    examples, far = n_samples or math.inf, bound_noise(curve.values, NOISES)
    matters = LEAST_CHANGE
    if not is_bounded(curve.metric):  # a hundredth of its way is all that can be said of a measure in units of its own
        examples, matters = math.inf, LEAST_CHANGE * float(curve.values.max() - curve.values[0])
    outcome = (
        label_improvement(curve, least=max(matters, SEEN_EXAMPLES / examples))
        or label_fall(curve, least=max(matters, FALLEN_EXAMPLES / examples, far), guessing=limit)
        or label_plateau(curve, least=max(matters, SEEN_EXAMPLES / examples, far))
    )
    return outcome._replace(words=outcome.words + SLOWED) if _has_run_out(outcome, curve, history) else outcome


def outcomes(runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Label the runs of a frame.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs; ``chance_accuracy``, ``n_val_samples``, ``n_test_samples`` and ``feature_scale`` are used where
        there are any.
    histories : mapping
        ``{run_id: history}``; a run without one is labelled by its state.

    Returns
    -------
    pandas.DataFrame
        One row a run, in the same order and with the same index: ``name, run_id, outcome, outcome_epoch, words``.
    """
    check_inputs(["name", "run_id"], runs=runs, histories=histories)
    labels = []
    for row, metric in zip(rows(runs), list_metrics(runs), strict=True):
        history = histories.get(str(row["run_id"]), NOTHING)
        measure = metric.removeprefix("test_") if metric else None
        curve = find_selecting_curve(history, measure)
        n_samples = "n_test_samples" if curve.metric.startswith("test_") else "n_val_samples"
        columns = {"chance": "chance_accuracy", "n_samples": n_samples, "scale": "feature_scale"}
        values = {name: row.get(column) for name, column in columns.items()}
        numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
        labels.append(label(history, str(row["state"]), measure=measure, **numbers))
    table = pd.DataFrame({"name": runs["name"], "run_id": runs["run_id"]}, index=runs.index)
    table["outcome"] = [one.name for one in labels]
    table["outcome_epoch"] = pd.array([one.epoch for one in labels], dtype="Int64")
    return table.assign(words=[one.words for one in labels])


def label_divergence(history: pd.DataFrame, state: str = "finished") -> Outcome | None:
    """Tell a training whose state says so or whose last cost is not finite, since the first epoch that is not."""
    costs = history["train_cost"].to_numpy(dtype=np.float64) if len(history) else np.empty(0)
    if state != DIVERGED and (not len(costs) or math.isfinite(costs[-1])):
        return None
    if not len(costs):
        return Outcome(DIVERGED, None, DIVERGED)
    place = len(costs) - 1 if math.isfinite(costs[-1]) else int(np.argmin(np.isfinite(costs)))
    epoch = int(history["epoch"].iloc[place])
    return Outcome(DIVERGED, epoch, f"diverged at epoch {epoch}")


def bound_guessing(
    curve: Curve, *, chance: float | None = None, n_samples: float | None = None, surprise: float = SURPRISE
) -> float | None:
    """Give the highest accuracy that is no more than guessing.

    Who guesses n examples is right so often, or less, with probability ``1 - surprise``: the quantile of the binomial
    distribution with n trials of probability `chance`. Without n it is `CHANCE_MARGIN` above chance; without `chance`,
    the untrained network's accuracy stands for it, and if that was not measured either, the limit is not known.
    """
    if chance is None:
        if len(curve.values) < 2 or curve.epochs[0] != 0:
            return None
        chance = float(curve.values[0])
    if not n_samples:
        return chance + CHANCE_MARGIN
    from scipy import special  # scipy.stats has this quantile, too, but its import takes longer than most labels

    n, level = int(n_samples), 1 - surprise
    chance = min(max(chance, RAREST), 1 - RAREST)  # nearer to 0 and 1 the quantile is NaN
    below = max(0, math.ceil(special.bdtrik(level, n, chance)) - 1)
    return (below if special.bdtr(below, n, chance) >= level else below + 1) / n


def bound_untrained(curve: Curve) -> float | None:
    """Give the best value of a measure, as its curve has it, that is no more than the untrained network's.

    It is better than that only by more than `CHANCE_MARGIN` if the measure is bounded, or `UNTRAINED_MARGIN` of the way
    to a perfect one; None if it was not taken at epoch 0.
    """
    if len(curve.values) < 2 or curve.epochs[0] != 0:
        return None
    untrained = float(curve.values[0])
    if is_bounded(curve.metric):
        return untrained + CHANCE_MARGIN
    perfect = max(curve.sign * end if math.isfinite(end) else 0.0 for end in bound_metric(curve.metric))
    return untrained + UNTRAINED_MARGIN * abs(perfect - untrained)


def label_chance(curve: Curve, limit: float | None) -> Outcome | None:
    """Tell a training whose best value is not above the bound of `bound_guessing` or `bound_untrained`."""
    if limit is None or not len(curve.values) or curve.values.max() > limit:
        return None
    best = f"its best {metric_text(curve.metric)}, {_write(curve, float(curve.values.max()))}"
    reach = f"{'up' if curve.sign > 0 else 'down'} to {_write(curve, limit)}"
    return Outcome(AT_CHANCE, None, f"stuck at chance: {best}, is no better than guessing ({reach})")


def label_improvement(curve: Curve, *, significance: float = SIGNIFICANCE, least: float = 0.0) -> Outcome | None:
    """Tell a training that gets better over its last stretch: beyond noise, by `least`, to where it never was."""
    last = mark_last(curve.epochs)
    line = fit_rise(curve.epochs[last], curve.values[last], estimate_correlation(curve.values))
    earlier = smooth(curve.values)[~last]
    if line.p >= significance or line.gain < least or (len(earlier) and line.end <= earlier.max()):
        return None
    span = f"the last {int(np.ptp(curve.epochs[last]))} epochs"
    rose = f"{metric_text(curve.metric)} {'rose' if curve.sign > 0 else 'fell'}"
    return Outcome(
        STILL_IMPROVING, None, f"still improving: {rose} by {_write(curve, curve.sign * line.gain)} over {span}"
    )


def label_fall(curve: Curve, *, least: float = LEAST_CHANGE, guessing: float | None = None) -> Outcome | None:
    """Tell a training that ends below its best by more than `least`, since the epoch of the best.

    Both are medians: the best of the running ones, and that of the last stretch. If the training cost fell on
    meanwhile, it is overfitting; if it did not, or if nothing is left above `guessing`, the training collapsed. In
    that last case the best is the highest single accuracy, since a network may be good for one epoch only.
    """
    last = mark_last(curve.epochs)
    end, after = float(np.median(curve.values[last])), float(np.median(curve.costs[last]))
    is_lost = guessing is not None and end <= guessing
    place, best = (int(curve.values.argmax()), float(curve.values.max())) if is_lost else find_peak(curve.values)
    if best - end <= least:
        return None
    epoch, before = int(curve.epochs[place]), float(curve.costs[place])
    verb = "fell" if curve.sign > 0 else "rose"
    fell = f"{metric_text(curve.metric)} {verb} from {_write(curve, best)} to {_write(curve, end)}"
    if after < before and not is_lost:
        meanwhile = f"while training cost kept falling from {before:.3g} to {after:.3g}"
        return Outcome(OVERFITTING, epoch, f"overfitting since epoch {epoch}: {fell} {meanwhile}")
    return Outcome(COLLAPSED, epoch, f"collapsed after epoch {epoch}: {fell}")


def label_plateau(curve: Curve, *, least: float = LEAST_CHANGE) -> Outcome:
    """Tell since when the running median of a curve has stayed within `least` of where it ends.

    Where it ends is the median of its last stretch, all of which belongs to the plateau.
    """
    last = mark_last(curve.epochs)
    level = float(np.median(curve.values[last]))
    outside = np.flatnonzero((np.abs(smooth(curve.values) - level) > least) & ~last)
    place = int(outside[-1]) + 1 if len(outside) else 0
    noise = _write(curve, curve.sign * estimate_noise(curve.values))
    epoch, stays = int(curve.epochs[place]), f"stays at {_write(curve, level)} (sd {noise})"
    return Outcome(PLATEAUED, epoch, f"plateaued since epoch {epoch}: {metric_text(curve.metric)} {stays}")


def _has_run_out(outcome: Outcome, curve: Curve, history: pd.DataFrame) -> bool:
    """Tell whether a training might have gone on rising, had its learning rate not come down to nothing."""
    late = outcome.epoch is None or outcome.epoch >= curve.epochs[mark_last(curve.epochs)][0]
    if outcome.name not in (STILL_IMPROVING, PLATEAUED) or not late or "learning_rate" not in history.columns:
        return False
    rates = history["learning_rate"].dropna()
    return len(rates) > 0 and bool(rates.iloc[-1] <= SLOW * rates.max())


def _name_measure(curve: Curve) -> str:
    name = split_metric(curve.metric)
    return measure_text(name.measure) if name else "accuracy"


def _write(curve: Curve, value: float) -> str:
    """Write a value of a curve as it was measured."""
    return f"{curve.sign * value:.3f}" if is_bounded(curve.metric) else f"{curve.sign * value:.4g}"
