"""Examples: classifiers, or sets of them, compared on the very test examples that they classified.

Seeds tell how much a result owes to the start of the training; here the question is how much it owes to the test
set. Each example is a pair (right or wrong by the one, right or wrong by the other), so one seed each is enough. What
is said holds for the networks as they were trained, on further examples of the same kind.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nnsweep.errors import ConfigError, DataError
from nnsweep.results.frame import check_columns
from nnsweep.results.grouping import Configuration, describe_run, group_runs
from nnsweep.results.statistics.intervals import check_confidence
from nnsweep.results.statistics.summary import find_configuration, sort_best_first
from nnsweep.results.statistics.tests import correct_by_holm, count_pairs

Right: TypeAlias = NDArray[np.bool_]
FloatArray: TypeAlias = NDArray[np.float64]

MOST_ADDITIONS = 1_000_000_000
COLUMNS = {
    "label": "object",
    "reference_label": "object",
    "n_runs": "int64",
    "n_runs_reference": "int64",
    "n_examples": "int64",
    "accuracy": "float64",
    "reference_accuracy": "float64",
    "difference": "float64",
    "low": "float64",
    "high": "float64",
    "b": "Int64",
    "c": "Int64",
    "test": "object",
    "p": "float64",
    "p_holm": "float64",
    "distinguishable": "bool",
    "note": "object",
}


class McNemar(NamedTuple):
    """McNemar's test of two classifiers on the same examples.

    Attributes
    ----------
    n : int
        Examples.
    b, c : int
        Examples that only the first, and only the second got right.
    difference : float
        Accuracy of the first minus that of the second, ``(b - c) / n``.
    p : float
        Two-sided, exact.
    """

    n: int
    b: int
    c: int
    difference: float
    p: float


class Bootstrap(NamedTuple):
    """A difference of accuracies, first minus second, and its bootstrap interval."""

    difference: float
    low: float
    high: float


def mcnemar_test(first: ArrayLike, second: ArrayLike) -> McNemar:
    """Test whether two classifiers have one accuracy, by the examples that only one of them got right.

    If they have, each such example is as likely to be the one's as the other's, so b is binomial with b + c trials:
    p is that of the binomial test (McNemar, Psychometrika 12, 1947, in its exact form).

    Parameters
    ----------
    first, second : array of bool, shape (n_test,)
        Which examples each got right.

    Returns
    -------
    McNemar
        Without any such example, p is 1.

    Raises
    ------
    ValueError
        If the shapes differ or are not one-dimensional.

    Examples
    --------
    >>> mcnemar_test([1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1])
    McNemar(n=6, b=4, c=1, difference=0.5, p=0.375)
    """
    from scipy import stats  # its import takes longer than most of what needs results

    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if one.ndim != 1 or one.shape != other.shape:
        raise ValueError(f"McNemar's test takes two arrays of shape (n_test,), not {one.shape} and {other.shape}")
    b, c = int(np.count_nonzero(one & ~other)), int(np.count_nonzero(other & ~one))
    p = float(stats.binomtest(b, b + c).pvalue) if b + c else 1.0
    return McNemar(len(one), b, c, (b - c) / len(one), p)


def sign_flip_test(first: ArrayLike, second: ArrayLike) -> float:
    """Test whether two sets of classifiers have one accuracy, all seeds of a configuration together.

    If they have, the two could be exchanged on any example; d being the difference of the shares of seeds that got an
    example right, p is the probability that random signs of the d sum to as much as they do (Fisher, The Design of
    Experiments, 1935, section 21). It is computed exactly, from the distribution of the sum; for very unequal numbers
    of seeds by the normal distribution with variance ``Σ d²``. With one seed each it is McNemar's exact test.

    Parameters
    ----------
    first, second : array of bool, shape (n_test,) or (n_seeds, n_test)
        Which examples each seed got right; the numbers of seeds may differ.

    Returns
    -------
    float
        The two-sided p value.

    Raises
    ------
    ValueError
        If the numbers of examples differ.
    """
    from scipy import stats

    apart, _ = _steps(first, second)
    sizes, repeats = np.unique(np.abs(apart[apart != 0]), return_counts=True)
    observed, total = abs(int(apart.sum())), int((sizes * repeats).sum())
    if not total:
        return 1.0
    if total * len(apart) > MOST_ADDITIONS:
        return float(2 * stats.norm.sf(observed / math.sqrt(float(np.square(apart, dtype=float).sum()))))
    chances = np.ones(1)
    for size, count in zip(sizes.tolist(), repeats.tolist(), strict=True):
        wider = np.zeros(len(chances) + size * count)  # the distribution of a sum with so many more summands, 0 or size
        for n, chance in enumerate(stats.binom.pmf(np.arange(count + 1), count, 0.5).tolist()):
            wider[n * size : n * size + len(chances)] += chance * chances
        chances = wider
    sums = 2 * np.arange(total + 1) - total
    return min(1.0, float(chances[np.abs(sums) >= observed].sum()))


def bootstrap_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    random_state: int | np.random.Generator = 0,
) -> Bootstrap:
    """Estimate the difference of two accuracies with an interval, by resampling the test examples.

    Every resample draws examples with replacement, the same ones for both and for all seeds. The interval is the
    bias-corrected and accelerated one (BCa: Efron, Journal of the American Statistical Association 82, 1987). Only
    how often each size of difference was drawn matters, so these counts are drawn, from a multinomial distribution.

    Parameters
    ----------
    first, second : array of bool, shape (n_test,) or (n_seeds, n_test)
        Which examples each seed got right; the numbers of seeds may differ.
    n_resamples : int
        Resamples, at least 1.
    confidence : float
        Of the interval, between 0 and 1.
    random_state : int or numpy.random.Generator
        The source of the resamples.

    Returns
    -------
    Bootstrap
        An interval without width where all examples differ alike.

    Raises
    ------
    ValueError
        If the numbers of examples differ or there is none.
    """
    check_confidence(confidence)
    apart, unit = _steps(first, second)
    sizes, counts = np.unique(apart, return_counts=True)
    generator = np.random.default_rng(random_state)
    resamples = generator.multinomial(len(apart), counts / len(apart), size=n_resamples) @ sizes
    low, high = _bca(resamples, apart, confidence) if len(sizes) > 1 else (apart.sum(), apart.sum())
    scale = unit * len(apart)
    return Bootstrap(float(apart.sum() / scale), float(low / scale), float(high / scale))


def _steps(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.int64], int]:
    """Give each example's difference in the share of seeds that got it right: whole numbers of ``1 / unit``."""
    one, other = np.atleast_2d(np.asarray(first, dtype=bool)), np.atleast_2d(np.asarray(second, dtype=bool))
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or not one.size or not other.size:
        raise ValueError(f"pairs of test examples take arrays of one length, not shapes {one.shape} and {other.shape}")
    unit = math.lcm(len(one), len(other))
    return one.sum(axis=0) * (unit // len(one)) - other.sum(axis=0) * (unit // len(other)), unit


def _bca(resamples: NDArray[np.int64], apart: NDArray[np.int64], confidence: float) -> tuple[float, float]:
    """Give the bounds of a sum, from its resamples and the values summed."""
    from scipy import stats

    observed, centred = apart.sum(), apart - apart.mean()
    below = (np.mean(resamples < observed) + np.mean(resamples <= observed)) / 2
    bias = stats.norm.ppf(np.clip(below, 1 / (2 * len(resamples)), 1 - 1 / (2 * len(resamples))))
    acceleration = np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5)
    ends = bias + stats.norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = np.quantile(resamples, stats.norm.cdf(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)


class ExampleResults(Protocol):
    """What a run has recorded of its test examples."""

    @property
    def right(self) -> Right:
        """Which of them it got right."""

    @property
    def test_digest(self) -> str:
        """The same for runs that were tested on the same examples in the same order."""


def compare_examples(
    runs: pd.DataFrame,
    correct: Mapping[str, ExampleResults | ArrayLike],
    *,
    metric: str = "test_accuracy",
    baseline: str | Mapping[str, object] | None = None,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Compare each configuration with the best one, or with a baseline, example by example.

    p is McNemar's with one run each, otherwise that of `sign_flip_test`; corrected as in
    `nnsweep.compare`: for all pairs if the reference is the best, which was found by looking.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs with the column ``run_id``.
    correct : mapping of str to ExampleResults or array of bool, shape (n_test,)
        Which test examples each run got right, by run id: what `nnsweep.load_correct` gives, or arrays. Runs that are
        not in it are left out.
    metric : str
        What the best is best by, and what a run must have to count.
    baseline : str or mapping, optional
        What to compare with instead of the best: a label, or settings that only one configuration has.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    confidence : float
        Of the intervals; what is ``distinguishable`` has ``p_holm < 1 - confidence``.
    n_resamples, random_state : int
        For `bootstrap_difference`.

    Returns
    -------
    pandas.DataFrame
        A row for each other configuration, the best first: ``label``, ``reference_label``, ``n_runs``,
        ``n_runs_reference``, ``n_examples``, ``accuracy`` and ``reference_accuracy`` (means over runs), ``difference``
        with its interval ``low`` to ``high``, ``b`` and ``c`` (with one run each), ``test``, ``p``, ``p_holm``,
        ``distinguishable`` and ``note``. ``attrs["notes"]`` says how p was corrected.

    Raises
    ------
    DataError
        If two runs were not tested on the same examples, or what one got right is no such array.
    ConfigError
        If there is no column ``run_id``, the reference has no run with examples, a column or the baseline is unknown,
        or two runs are twins.
    """
    ranked = sort_best_first(group_runs(runs, metric, by=by), metric)
    if not ranked:
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    check_columns(runs, ["run_id"])
    ids = runs["run_id"].astype(str).tolist()
    members = {one.label: [row for row in one.counted.values() if ids[row] in correct] for one in ranked}
    records = {row: _take_record(runs, row, correct[ids[row]]) for rows in members.values() for row in rows}
    _check_same_test_set(runs, records)
    arrays = {label: np.stack([records[row].right for row in rows]) for label, rows in members.items() if rows}
    reference = ranked[0] if baseline is None else find_configuration(runs, ranked, baseline)
    if reference.label not in arrays:
        raise ConfigError(f"{reference.label}: none of its runs says which test examples it got right")
    options = {"n_resamples": n_resamples, "confidence": confidence, "random_state": random_state}
    others = [one for one in ranked if one is not reference]
    table = pd.DataFrame([_row(one, reference, arrays, options) for one in others], columns=list(COLUMNS))
    family = count_pairs(len(ranked)) if baseline is None else len(others)
    table["p_holm"] = correct_by_holm(table["p"].to_numpy(dtype=float), family)
    table["distinguishable"] = table["p_holm"] < 1 - confidence
    table.attrs["notes"] = [f"p is corrected for {family} comparisons (Holm)"] if others else []
    return table.astype(COLUMNS)


def _row(
    one: Configuration, reference: Configuration, arrays: Mapping[str, Right], options: Mapping[str, float]
) -> dict[str, object]:
    there = arrays[reference.label]
    row: dict[str, object] = {"label": one.label, "reference_label": reference.label, "n_examples": there.shape[1]}
    row |= {"n_runs_reference": len(there), "reference_accuracy": there.mean(), "n_runs": 0, "test": "none"}
    if one.label not in arrays:
        return row | {"note": "no run says which test examples it got right"}
    here = arrays[one.label]
    row |= {"n_runs": len(here), "accuracy": here.mean(), "note": ""}
    row |= bootstrap_difference(here, there, **options)._asdict()  # type: ignore[arg-type]
    if len(here) == len(there) == 1:
        exact = mcnemar_test(here[0], there[0])
        return row | {"test": "McNemar", "p": exact.p, "b": exact.b, "c": exact.c}
    return row | {"test": "sign flip", "p": sign_flip_test(here, there)}


class _Record(NamedTuple):
    right: Right
    test_digest: str = ""


def _take_record(runs: pd.DataFrame, row: int, record: ExampleResults | ArrayLike) -> _Record:
    """Take what a run has recorded, or an array, which has no digest."""
    try:
        right = np.asarray(getattr(record, "right", record), dtype=bool)
    except ValueError:  # rows of different lengths
        right = np.empty((0, 0), dtype=bool)
    if right.ndim != 1 or not len(right):
        raise DataError(
            f"the run {describe_run(runs, row)}: which test examples it got right must be an array of bool of shape "
            "(n_test,), with an example at least; load_correct(runs) gives it"
        )
    return _Record(right, str(getattr(record, "test_digest", "")))


def _check_same_test_set(runs: pd.DataFrame, records: Mapping[int, _Record]) -> None:
    """Refuse test sets of different sizes or digests; an array has no digest."""
    first = next(iter(records), 0)
    with_digest = next((row for row, one in records.items() if one.test_digest), first)
    for row, one in records.items():
        n, expected = len(one.right), len(records[first].right)
        if n != expected:
            raise DataError(
                f"{_two(runs, first, row)} have different test sets, of {expected} and {n} examples; "
                "compare only one of them"
            )
        if one.test_digest and one.test_digest != records[with_digest].test_digest:
            raise DataError(
                f"{_two(runs, with_digest, row)} have different test sets of {n} examples; compare only one of them"
            )


def _two(runs: pd.DataFrame, first: int, second: int) -> str:
    return f"the runs {describe_run(runs, first)} and {describe_run(runs, second)}"
