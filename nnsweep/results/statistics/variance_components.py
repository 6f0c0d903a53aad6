"""Variance components: how much of the spread between results each source makes, and what that does to an interval.

Results of one configuration differ by the split or fold of the data, by the seed of the training, and by the test
examples they were measured on. Each is a random effect with a variance of its own, estimated from mean squares. An
accuracy that is to hold for other seeds and for other test examples carries the variance of both.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from nnsweep.results.factors import KINDS
from nnsweep.results.grouping import Configuration, group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import UNBOUNDED
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.intervals import widen_within
from nnsweep.results.wording import TIMES


class MeanSquares(NamedTuple):
    """Mean squares of a table of values: of its rows, of its columns, and of what is left."""

    rows: float
    columns: float
    rest: float


def compute_mean_squares(values: ArrayLike) -> MeanSquares:
    """Compute the mean squares of a table with one value in each cell.

    With the means r of its n rows, the means c of its m columns and the mean g of all, they are
    ``m Σ(r - g)² / (n - 1)``, ``n Σ(c - g)² / (m - 1)`` and ``Σ(y - r - c + g)² / ((n - 1)(m - 1))`` (Searle, Casella
    and McCulloch, Variance Components, 1992, chapter 4).

    Parameters
    ----------
    values : array of shape (n_rows, n_columns)
        At least two of either.
    """
    table = np.asarray(values, dtype=np.float64)
    n, m = table.shape
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    rest = table - rows[:, None] - columns + table.mean()
    return MeanSquares(
        float(m * rows.var(ddof=1)), float(n * columns.var(ddof=1)), float(np.square(rest).sum() / ((n - 1) * (m - 1)))
    )


def decompose_variance(
    runs: pd.DataFrame, metric: str | None = None, *, by: Sequence[str] | None = None, failures: str | None = None
) -> pd.DataFrame:
    """Say how much of the variance between the runs of one configuration split (fold, sample) and seed make.

    Where each of J splits has the same n seeds, both are crossed: with the mean squares S of splits, T of seeds and E
    of the rest, the variances are ``(S - E) / n``, ``(T - E) / J`` and E. Otherwise seeds are nested in splits: with
    the mean square W within splits, the variances are ``(S - W) / k`` and W, where ``k = (N - Σn² / N) / (J - 1)`` for
    splits with n of the N runs (Searle, Casella and McCulloch, Variance Components, 1992, chapters 3 and 4). They are
    averaged over configurations, and what is below 0 is told as 0. The training parts of
    splits overlap, which makes their results alike, so the share of the split is rather more than is told.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str, optional
        What came out.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    failures : {"chance", "ignore"}, optional
        What failed runs count as: what guessing achieves, or nothing; by default what the frame says, or else chance.

    Returns
    -------
    pandas.DataFrame
        A row for each source: ``source``, ``variance``, ``std`` and ``share``; none where only seeds or only splits
        vary. ``attrs["n_configurations"]`` tells how many configurations it rests on.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    configurations = group_runs(runs, metric, by=by, failures=failures)
    tables = [units for units in map(_tabulate, configurations) if len(units) > 1 and max(map(len, units.values())) > 1]
    if not tables:
        found = pd.DataFrame(columns=["source", "variance", "std", "share"])
        found.attrs["n_configurations"] = 0
        return found
    repeats = configurations[0].repeats
    outer = repeats.kind
    inner = " and ".join(KINDS[name] for name in repeats.axes if name not in repeats.units)
    if all(_is_crossed(units) for units in tables):
        sources = [outer, inner, f"{outer} {TIMES} {inner}"]
        each = [_estimate_crossed(units) for units in tables]
    else:
        sources, each = [outer, f"{inner} within a {outer}"], [_estimate_nested(units) for units in tables]
    variances = np.mean(each, axis=0).clip(min=0.0)
    total = float(variances.sum())
    found = pd.DataFrame({"source": sources, "variance": variances, "std": np.sqrt(variances)})
    found["share"] = variances / total if total > 0 else math.nan
    found.attrs["n_configurations"] = len(tables)
    return found


Units = Mapping[Hashable, Mapping[Hashable, float]]
"""The values of a configuration by unit and, within it, by what else tells its repeats apart."""


def _tabulate(one: Configuration) -> Units:
    units: dict[Hashable, dict[Hashable, float]] = {}
    for key, value in one.values.items():
        inner = (
            tuple(part for name, part in zip(one.repeats.axes, key, strict=True) if name not in one.repeats.units)
            if isinstance(key, tuple)
            else ()
        )
        units.setdefault(one.repeats.unit(key), {})[inner] = value
    return units


def _is_crossed(units: Units) -> bool:
    return len({frozenset(values) for values in units.values()}) == 1


def _estimate_crossed(units: Units) -> list[float]:
    inner = list(next(iter(units.values())))
    squares = compute_mean_squares([[values[key] for key in inner] for values in units.values()])
    return [
        (squares.rows - squares.rest) / len(inner),
        (squares.columns - squares.rest) / len(units),
        squares.rest,
    ]


def _estimate_nested(units: Units) -> list[float]:
    groups = [np.array(list(values.values())) for values in units.values()]
    sizes = np.array(list(map(len, groups)))
    n, mean = int(sizes.sum()), float(np.concatenate(groups).mean())
    between = sum(len(group) * (group.mean() - mean) ** 2 for group in groups) / (len(groups) - 1)
    within = sum(float(np.square(group - group.mean()).sum()) for group in groups) / (n - len(groups))
    size = (n - float(np.square(sizes).sum()) / n) / (len(groups) - 1)
    return [float(between - within) / size, within]


class Errors(NamedTuple):
    """A difference of accuracies or a single one, with its standard errors and their degrees of freedom.

    Attributes
    ----------
    estimate : float
        The mean over seeds and examples.
    for_seeds, seeds_freedom : float
        For other seeds on these test examples; NaN with one seed.
    for_both, both_freedom : float
        For other seeds and other test examples; with one seed for other test examples alone.
    """

    estimate: float
    for_seeds: float
    seeds_freedom: float
    for_both: float
    both_freedom: float


def estimate_errors(first: ArrayLike, second: ArrayLike | None = None) -> Errors:
    """Estimate how sure an accuracy, or the difference of two on the same examples, is.

    Whether a seed (of n) gets an example (of m) right is the mean plus an effect of the seed, one of the example and a
    rest, with variances a, b and e. Over other seeds and examples the mean has the variance ``a/n + b/m + e/(n m)``,
    which is estimated without bias by ``(A + B - E) / (n m)`` from the mean squares A of seeds, B of examples and E of
    the rest; over other seeds on the same examples it has that of ``A / (n m)``. For a difference, whose seeds are
    taken to be independent, the parts of seeds add up, B is that of the examples' differences, and both rests are taken
    off. Degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946).

    Parameters
    ----------
    first, second : array of bool, shape (n_test,) or (n_seeds, n_test)
        Which examples each seed got right.
    """
    tables = [np.atleast_2d(np.asarray(one, dtype=np.float64)) for one in (first, second) if one is not None]
    m = tables[0].shape[1]
    shares = tables[0].mean(axis=0) - (tables[1].mean(axis=0) if len(tables) > 1 else 0.0)
    estimate = float(shares.mean())
    if m < 2:
        return Errors(estimate, math.nan, math.nan, math.nan, math.nan)
    examples = float(shares.var(ddof=1)) / m
    repeated = [table for table in tables if len(table) > 1]
    squares = [compute_mean_squares(table) for table in repeated]
    seeds = [one.rows / table.size for one, table in zip(squares, repeated, strict=True)]
    rest = sum(one.rest / table.size for one, table in zip(squares, repeated, strict=True))
    both = max(sum(seeds) + examples - rest, sum(seeds), examples)
    doubts = [seed**2 / (len(table) - 1) for seed, table in zip(seeds, repeated, strict=True)]
    all_doubts = sum(doubts) + examples**2 / (m - 1)
    is_known = len(repeated) == len(tables)
    return Errors(
        estimate,
        math.sqrt(sum(seeds)) if is_known else math.nan,
        sum(seeds) ** 2 / sum(doubts) if is_known and sum(doubts) > 0 else math.inf,
        math.sqrt(both),
        both**2 / all_doubts if all_doubts > 0 else math.inf,
    )


def bound_error(
    estimate: float,
    error: float,
    freedom: float,
    confidence: float,
    bounds: tuple[float, float] = UNBOUNDED,
) -> tuple[float, float]:
    """Give Student's interval of an estimate from its standard error, within bounds on the scale of logits."""
    from scipy import special  # its import takes longer than most of what needs results

    if math.isnan(error):
        return math.nan, math.nan
    level = (1 + confidence) / 2
    quantile = special.stdtrit(freedom, level) if math.isfinite(freedom) else special.ndtri(level)
    return widen_within(estimate, float(quantile) * error, bounds)
