"""A ranking: the order of the configurations of a grid after part of the epochs, beside their order at the end.

Where the two agree, a smaller budget would have given the same answer. A configuration stands where its runs would have
stood had they been stopped then: at the best value so far, since that is the epoch that counts.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.results.grouping import Configuration, group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import find_sign, split_metric
from nnsweep.results.selection import choose_metric
from nnsweep.results.trend import Curve, find_selecting_curve

Floats = NDArray[np.float64]

SHARES = (0.1, 0.2, 0.5)
"""The shares of the epochs after which a ranking is compared with the last."""
FEWEST = 3
"""Configurations without which a ranking says nothing."""
RESAMPLES = 2000
SPLITS = 50
"""Random halves of the repeats, whose rankings are compared."""
SAME = 1e-12
"""Means of the same values in another order differ by less."""


class RankAgreement(NamedTuple):
    """How well two rankings agree.

    Attributes
    ----------
    kendall : float
        Kendall's tau-b: the share of pairs in the same order less that of pairs in opposite order, ties left out.
    low, high : float
        Its bootstrap interval.
    spearman : float
        Spearman's correlation of the ranks.
    """

    kendall: float
    low: float
    high: float
    spearman: float


NONE = RankAgreement(np.nan, np.nan, np.nan, np.nan)


def compare_rankings(
    runs: pd.DataFrame,
    histories: Mapping[str, pd.DataFrame],
    *,
    metric: str | None = None,
    by: Sequence[str] | None = None,
    shares: Sequence[float] = SHARES,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare the rankings of configurations after parts of the epochs with the last one.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    histories : mapping
        ``{run_id: history}``; runs without one are left out.
    metric : str, optional
        The column that a run must have a value of to count. The rankings are by its measure on the validation part, or
        on the test part where there was none.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    shares : sequence of float
        Of the epochs of the longest run.
    confidence : float
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row a share: ``share``, ``epoch``, ``n_configurations``, ``kendall`` with its interval ``low`` to ``high``
        and ``spearman`` (see `correlate_ranks`), ``best`` (the label of the best at that epoch), ``is_final_best``
        (none ends higher), and ``loss``, by how much its last value is worse than the best. ``attrs["epochs"]`` is
        the last epoch, ``attrs["best"]`` the best at it, and ``attrs["kendall_of_halves"]`` how well two halves of the
        repeats agree on the last ranking: more cannot be asked of an early one. No rows if fewer than three
        configurations have curves.

    Raises
    ------
    ConfigError
        If there is no such column, or two runs that count are the same repeat of one configuration.
    """
    check_inputs(["run_id"], runs=runs, histories=histories, metric=metric)
    metric = choose_metric(runs, metric)
    run_ids = [str(run_id) for run_id in runs["run_id"]]
    name = split_metric(metric)
    measure = name.measure if name else None
    curves = {row: find_selecting_curve(histories[one], measure) for row, one in enumerate(run_ids) if one in histories}
    curves = {row: curve for row, curve in curves.items() if len(curve.values)}
    groups = [one for one in group_runs(runs, metric, by=by) if any(row in curves for row in one.sources.values())]
    columns = ["share", "epoch", "n_configurations", *RankAgreement._fields, "best", "is_final_best", "loss"]
    if len(groups) < FEWEST:
        return pd.DataFrame(columns=columns)
    labels = [one.label for one in groups]
    last = max(int(curve.epochs[-1]) for curve in curves.values())
    sign = find_sign(metric)
    scores = [_find_best_so_far(one, curves, last, sign) for one in groups]
    final = _average(scores)
    top = int(final.argmax())
    table = []
    for share in shares:
        epoch = max(1, round(share * last))
        then = _average([_find_best_so_far(one, curves, epoch, sign) for one in groups])
        # of several that lead then, the one that ends highest stands for them
        leader = max(np.flatnonzero(then == then.max()), key=lambda place: final[place])
        loss = float(final[top] - final[leader])
        found = correlate_ranks(then, final, confidence)
        table.append((share, epoch, len(groups), *found, labels[leader], loss <= SAME, loss))
    result = pd.DataFrame(table, columns=columns)
    result.attrs |= {"epochs": last, "best": labels[top], "kendall_of_halves": _compare_halves(scores)}
    return result


def _find_best_so_far(one: Configuration, curves: Mapping[int, Curve], epoch: int, sign: int) -> dict[Hashable, float]:
    """Give the best value, times the sign, of each repeat up to an epoch; what has failed counts as in its mean."""
    found = {}
    for key, row in one.sources.items():
        curve = curves.get(row)
        if key not in one.counted and (curve is None or epoch >= curve.epochs[-1]):
            found[key] = sign * one.values[key]
        elif curve is not None:
            found[key] = float(curve.values[: max(1, int((curve.epochs <= epoch).sum()))].max())
    return found


def _average(scores: Sequence[Mapping[Hashable, float]]) -> Floats:
    return np.array([np.mean([*values.values()]) for values in scores])


def _compare_halves(scores: Sequence[Mapping[Hashable, float]], *, n_splits: int = SPLITS, seed: int = 0) -> float:
    """Give the mean tau-b between the rankings by random halves of the repeats; NaN if a half lacks a configuration."""
    from scipy import stats

    keys = sorted({key for values in scores for key in values}, key=repr)
    random, taus = np.random.default_rng(seed), []
    for _ in range(n_splits if len(keys) > 1 else 0):
        order = [keys[place] for place in random.permutation(len(keys))]
        halves = (order[: len(keys) // 2], order[len(keys) // 2 :])
        parts = [[{key: values[key] for key in half if key in values} for values in scores] for half in halves]
        if not all(map(all, parts)):
            return np.nan
        taus.append(float(stats.kendalltau(*map(_average, parts)).statistic))
    return float(np.mean(taus)) if taus else np.nan


def correlate_ranks(
    first: Floats, second: Floats, confidence: float = 0.95, *, n_resamples: int = RESAMPLES, seed: int = 0
) -> RankAgreement:
    """Correlate two rankings by Kendall's tau-b and Spearman's coefficient (`scipy.stats`).

    The interval is the percentiles of tau-b over resamples of the configurations. A resample is a count for each of
    them, and with w those counts, S and T the signs of all differences of either ranking, its tau-b is::

        w' (S * T) w / sqrt(w' (S * S) w  w' (T * T) w)

    (Kendall, *The treatment of ties in ranking problems*, Biometrika 33, 1945).

    Parameters
    ----------
    first, second : ndarray of shape (n,)
        What each ranking orders by.
    confidence : float
        Of the interval.
    n_resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    RankAgreement
        NaN where a ranking has nothing but ties, or n is less than 3.

    Examples
    --------
    >>> found = correlate_ranks(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 4.0, 3.0]))
    >>> f"{found.kendall:.3f} {found.spearman:.3f}"
    '0.667 0.800'
    """
    if len(first) < FEWEST or np.ptp(first) == 0 or np.ptp(second) == 0:
        return NONE
    from scipy import stats

    signs, others = (np.sign(values[:, None] - values) for values in (first, second))
    counts = np.random.default_rng(seed).multinomial(len(first), np.full(len(first), 1 / len(first)), n_resamples)

    def weigh(pairs: Floats) -> Floats:
        total: Floats = ((counts @ pairs) * counts).sum(axis=1)
        return total

    scale = np.sqrt(weigh(signs**2) * weigh(others**2))
    resampled = (weigh(signs * others)[scale > 0]) / scale[scale > 0]
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    kendall = float(stats.kendalltau(first, second).statistic)
    return RankAgreement(kendall, float(low), float(high), float(stats.spearmanr(first, second).statistic))
