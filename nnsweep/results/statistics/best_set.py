"""The set of the best: which configurations may be the best, which are as good as it, and which are clearly worse.

Each configuration is compared with the best of the others. Interval and verdict come from one computation, so neither
contradicts the other, and all of them hold at once. Which configuration to use is for the validation part to say; the
verdicts, on the test part, then tell how good that choice is.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.results.frame import take_metric
from nnsweep.results.grouping import Configuration, group_runs, with_failures
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import ACCURACY, bound_metric, find_sign, find_validation_metric
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.equivalence import choose_rope
from nnsweep.results.statistics.intervals import check_confidence, estimate_mean
from nnsweep.results.statistics.pairs import FloatArray, Pairs, estimate_pairs, find_pairing
from nnsweep.results.statistics.summary import find_sizes, keep_successes, mark_successes, sort_best_first

AS_GOOD, UNSETTLED, WORSE = "as good", "unsettled", "clearly worse"
NEVER_FINISHED, UNTESTED = "never finished", "untested"
VERDICTS = (AS_GOOD, UNSETTLED, WORSE, NEVER_FINISHED, UNTESTED)
TIED = 1e-12
"""Means that differ by no more, as a part of them beyond 1, are equal but for rounding."""
METHOD = (
    "Hsu's comparison with the best: constrained intervals, one-sided t quantiles by Bonferroni for the comparisons "
    "with the configuration that is truly the best"
)
COLUMNS = {
    "label": "object",
    "mean": "float64",
    "n_units": "int64",
    "difference": "float64",
    "low": "float64",
    "high": "float64",
    "verdict": "object",
    "detectable": "float64",
    "note": "object",
}


def judge(
    runs: pd.DataFrame,
    metric: str | None = None,
    *,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
    rope: float | None = None,
) -> pd.DataFrame:
    """Judge each configuration by its difference to the best of the others.

    With the means x of k configurations and the standard error e of the difference of two, let ``d = t e`` with
    Student's quantile at ``1 - (1 - confidence) / (k - 1)``. Hsu's intervals of ``μᵢ - max μⱼ`` over all others j are

    * ``highᵢ = max(0, min (xᵢ - xⱼ + dᵢⱼ))`` over all j; those with ``high > 0`` may be the best;
    * ``lowᵢ = min(0, min (xᵢ - xⱼ - dᵢⱼ))`` over the others j that may be the best; 0 where there is none. If some
      runs of j failed, its mean is not above that of those that succeeded, which makes d smaller
      (`nnsweep.results.statistics.pairs.Pairs.half_widths_below`).

    All hold at once with the given confidence, since all follow from the k - 1 comparisons with the configuration that
    is truly the best, whichever it is (Hsu, Annals of Statistics 12, 1984; Multiple Comparisons, 1996, chapter 4). Of
    several that are exactly equal, each is kept with that confidence, but not all of them together. Errors are those
    of `nnsweep.results.statistics.pairs.estimate_pairs`; how often the verdicts are right is in
    ``experiments/statistics/best_set.md``.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str, optional
        The column to judge by; of costs and seconds (`nnsweep.results.metrics.smaller_is_better`) less is better.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    confidence : float
        With which all intervals and verdicts hold at once.
    failures : {"chance", "ignore"}, optional
        What failed runs count as: what guessing achieves, or nothing; by default what the frame says, or else chance.
    rope : float, optional
        The margin within which a difference does not matter; by default 0.01 for what lies between 0 and 1 and none
        for another metric (`nnsweep.results.statistics.equivalence.choose_rope`).

    Returns
    -------
    pandas.DataFrame
        A row for each configuration, the best mean first: ``label``; ``mean``; ``n_units`` (independent results, such
        as folds of which each is the mean of its seeds); ``difference`` to the best of the others; its interval
        ``low`` to ``high``; ``verdict``; ``detectable``, the size of a difference to the best of the others that would
        have been called clearly worse with a probability of 80 %; ``note``. The verdict is

        * ``as good``: at most the margin behind the best;
        * ``clearly worse``: there is a better one;
        * ``unsettled``: may be the best, or more than the margin behind it;
        * ``never finished``: some runs failed, and none finished;
        * ``untested``: has fewer than two independent results, or nothing to be compared with.

        ``attrs["chosen"]`` is the configuration that is best on the validation part, or has the best mean where
        there was no validation part (`choose_by_validation`); ``attrs["method"]`` names the procedure.

    Raises
    ------
    ConfigError
        If a column is unknown, the confidence is out of range, or two runs are the same repeat of one configuration.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    check_confidence(confidence)
    runs = with_failures(runs, failures)
    ranked = sort_best_first(group_runs(runs, metric, by=by), metric)
    standings = compare_with_best(
        runs,
        ranked,
        metric=metric,
        confidence=confidence,
        rope=choose_rope(rope, metric) or 0.0,
    )
    table = pd.DataFrame(
        [
            {"label": one.label, "mean": one.mean, "n_units": len(one.units), **standing._asdict()}
            for one, standing in zip(ranked, standings, strict=True)
        ],
        columns=list(COLUMNS),
    ).astype(COLUMNS)
    has_result = any(one.counted for one in ranked)
    chosen = choose_by_validation(runs, metric, by=by) or (choose_first(ranked).label if has_result else None)
    table.attrs["chosen"] = chosen
    table.attrs["method"] = METHOD
    return table


def choose_by_validation(
    runs: pd.DataFrame, metric: str | None = None, *, by: Sequence[str] | None = None
) -> str | None:
    """Choose the configuration that is best by its mean on the validation part, which looks at no test example.

    Parameters
    ----------
    runs, metric, by
        As `judge` has them.

    Returns
    -------
    str or None
        Its label; of equal ones, as a few hundred examples often make them, that of the network with the fewest
        parameters. One with a single result is chosen only if none has more. None if the metric is not
        of the test part at the best epoch, or some run with it had no validation part.
    """
    metric = choose_metric(runs, metric)
    validation = find_validation_metric(metric)
    if validation is None or validation not in runs.columns:
        return None
    validated, tested = ([value is not None for value in take_metric(runs, name)] for name in (validation, metric))
    if validated != tested or not any(tested):
        return None
    ranked = sort_best_first(group_runs(runs, validation, by=by), validation)
    first = choose_first(ranked)
    tied = [one for one in ranked if _is_tested(one) == _is_tested(first) and is_tied(one.mean, first.mean)]
    sizes = [math.inf if size is None else float(str(size)) for size in find_sizes(runs, "n_parameters", tied)]
    return tied[int(np.argmin(sizes))].label


def is_tied(mean: float, other: float) -> bool:
    """Tell whether two means are equal but for rounding."""
    return abs(mean - other) <= TIED * max(1.0, abs(other))


def choose_first(ranked: Sequence[Configuration]) -> Configuration:
    """Choose the first with a finished run and two results, or else the first: a single result is best by luck."""
    return next((one for one in ranked if _is_tested(one)), ranked[0])


class Standing(NamedTuple):
    """How a configuration stands to the best of the others; see `judge`."""

    difference: float
    low: float = math.nan
    high: float = math.nan
    verdict: str = UNTESTED
    detectable: float = math.nan
    note: str = ""


def compare_with_best(
    runs: pd.DataFrame,
    ranked: Sequence[Configuration],
    *,
    metric: str = ACCURACY,
    confidence: float = 0.95,
    rope: float = 0.0,
) -> list[Standing]:
    """Compare each configuration with the best of the others, as `judge` says.

    Parameters
    ----------
    runs : pandas.DataFrame
        The frame that they are of.
    ranked : sequence of Configuration
        k of them, the best mean first.
    metric, confidence, rope
        As `judge` has them.

    Returns
    -------
    list of Standing
        In the order given. Those that were not tested are of no influence on the others. A configuration with a failed
        run that counts as nothing is nobody's better, since its mean is that of the luckier repeats.
    """
    tested = [place for place, one in enumerate(ranked) if _is_tested(one)]
    standings = [_leave_untested(one, ranked) for one in ranked]
    if len(tested) < 2:
        return standings
    chosen = [ranked[place] for place in tested]
    sign = float(find_sign(metric))
    pairs = estimate_pairs(
        [{unit: sign * value for unit, value in one.units.items()} for one in chosen],
        find_pairing(runs, ranked)[np.ix_(tested, tested)],
        overlap=chosen[0].repeats.overlap,
    )
    level, (least, most) = (1 - confidence) / (len(tested) - 1), bound_metric(metric)
    bounds = (least, most) if sign > 0 else (-most, -least)
    successes = keep_successes(ranked, mark_successes(runs))
    ceilings = np.array([_find_ceiling(successes[place], ranked[place], level, bounds, sign) for place in tested])
    below = pairs.half_widths_below(level, bounds, ceilings)
    ends = _bound_differences(pairs, np.array([one.is_whole for one in chosen]), pairs.half_widths(level), below)
    widest = float(np.subtract(*bounds[::-1]))
    means = sign * np.array([one.mean for one in chosen])
    for own, one in enumerate(chosen):
        others = ends.is_rival[own] if ends.is_rival[own].any() else np.arange(len(chosen)) != own
        other = int(np.where(others, means, -np.inf).argmax())
        low, high = float(ends.low[own]), float(ends.high[own])
        verdict = AS_GOOD if one.is_whole and low >= -rope else WORSE if ends.is_worse[own] else UNSETTLED
        note = standings[tested[own]].note
        low, high = (end if math.isfinite(end) else math.nan for end in (max(low, -widest), min(high, widest)))
        if not pairs.error[own, other]:
            note = "; ".join(filter(None, [note, "neither varies"]))
        standings[tested[own]] = Standing(
            sign * float(pairs.difference[own, other]),
            low=low if sign > 0 else -high,
            high=high if sign > 0 else -low,
            verdict=verdict,
            detectable=pairs.find_detectable(own, other, level),
            note=note,
        )
    return standings


class _Ends(NamedTuple):
    """Hsu's intervals of k configurations, arrays of shape (k,), and who is a rival of whom, of shape (k, k)."""

    low: FloatArray
    high: FloatArray
    is_worse: NDArray[np.bool_]
    is_rival: NDArray[np.bool_]


def _bound_differences(pairs: Pairs, is_whole: NDArray[np.bool_], half: FloatArray, below: FloatArray) -> _Ends:
    """Give the ends of the intervals that `judge` describes, of half widths upwards and downwards."""
    is_rival = (is_whole | ~is_whole.any())[None, :] & ~np.eye(len(is_whole), dtype=bool)
    upper = np.where(is_rival, pairs.difference + half, np.inf).min(axis=1)
    is_worse = upper < -pairs.rounding
    lower = np.where(is_rival & ~is_worse[None, :], pairs.difference - below, 0.0).min(axis=1)
    return _Ends(np.minimum(lower, 0.0), np.maximum(upper, 0.0), is_worse, is_rival)


def _find_ceiling(
    succeeded: Configuration, one: Configuration, level: float, bounds: tuple[float, float], sign: float
) -> float:
    """Give what a mean is not above although some runs failed: the end of the interval of those that succeeded.

    Both are times the sign, so that more is better.
    """
    if len(succeeded.units) < 2 or len(succeeded.values) == len(one.values):
        return math.inf
    overlap = one.repeats.overlap
    return estimate_mean(
        [sign * value for value in succeeded.units.values()], 1 - 2 * level, overlap=overlap, bounds=bounds
    ).high


def _is_tested(one: Configuration) -> bool:
    return len(one.units) > 1 and len(one.counted) > 0


def _leave_untested(one: Configuration, ranked: Sequence[Configuration]) -> Standing:
    """Give the difference to the best of the others, and why there is no more to say."""
    others = [other for other in ranked if other is not one and other.counted]
    best = next((other for other in others if _is_tested(other)), others[0] if others else None)
    difference = math.nan if best is None or not one.units else one.mean - best.mean
    if not one.counted and one.n_failed:
        return Standing(difference, verdict=NEVER_FINISHED, note=f"0 of {one.n_failed:,} finished")
    failed = f"{len(one.counted):,} of {one.n_ended:,} finished" if one.n_failed else ""
    few = f"fewer than two {one.kind}s" if len(one.units) < 2 else ""
    return Standing(
        difference, note="; ".join(filter(None, [failed, few or ("" if others else "nothing to compare it with")]))
    )
