"""Examples: networks, or sets of them, compared on the very test examples that they predicted.

Seeds tell how much a result owes to the start of the training; here the question is how much it owes to the test set,
and how sure it is for other seeds and other test examples at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nnsweep.errors import ConfigError, DataError
from nnsweep.results.frame import check_columns
from nnsweep.results.grouping import Configuration, describe_run, group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import name_measure
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.example_tests import Right, bootstrap_difference, mcnemar_test, sign_flip_test
from nnsweep.results.statistics.intervals import check_confidence, estimate_share
from nnsweep.results.statistics.summary import find_configuration, sort_best_first
from nnsweep.results.statistics.tests import correct_by_holm, count_pairs
from nnsweep.results.statistics.variance_components import bound_error, estimate_errors

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
    "low_both": "float64",
    "high_both": "float64",
    "b": "Int64",
    "c": "Int64",
    "test": "object",
    "p": "float64",
    "p_holm": "float64",
    "distinguishable": "bool",
    "note": "object",
}


LOSSES = {"accuracy": "loss", "reference_accuracy": "reference_loss"}
LOSS_COLUMNS = {LOSSES.get(name, name): kind for name, kind in COLUMNS.items() if name not in ("b", "c")}
ABSOLUTE = ("mae", "median_absolute_error", "max_error", "mape")
"""The measures that speak of the sizes of errors; of all others it is their squares that are compared."""
Values: TypeAlias = NDArray[Any]
"""Which examples are right, or the loss of each: arrays of bool or of float."""


class ExampleErrors(Protocol):
    """What a run has recorded of the numbers that it predicted for its test examples."""

    @property
    def errors(self) -> NDArray[np.floating[Any]]:
        """How far each output was off, of shape (n_test, n_outputs)."""

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Which quantiles the outputs of a target are; empty if there is one of each."""

    @property
    def test_digest(self) -> str:
        """The same for runs that were tested on the same examples in the same order."""


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
    correct: Mapping[str, ExampleResults | ExampleErrors | ArrayLike],
    *,
    metric: str | None = None,
    baseline: str | Mapping[str, object] | None = None,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Compare each configuration with the best one, or with a baseline, example by example.

    p is McNemar's with one run each, otherwise that of `sign_flip_test`; corrected as in
    `nnsweep.compare`: for all pairs if the reference is the best, which was found by looking. Where numbers were
    predicted, losses take the place of right and wrong: of each example the mean over targets of squared errors, or of
    their sizes for a metric of these (`ABSOLUTE`), or of the quantile loss (`compute_losses`).

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs with the column ``run_id``.
    correct : mapping of str to ExampleResults, ExampleErrors or array of shape (n_test,)
        Which test examples each run got right, by run id: what `nnsweep.load_correct` gives, or arrays of bool. Or how
        far off it was: what `nnsweep.load_evaluations` gives, or arrays of float, the loss of each example. Runs that
        are not in it are left out.
    metric : str, optional
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
        with its interval ``low`` to ``high`` for these networks on other examples, and ``low_both`` to ``high_both``
        for other seeds, too (`nnsweep.results.statistics.variance_components.estimate_errors`), ``b`` and ``c`` (with
        one run each), ``test``, ``p``, ``p_holm``, ``distinguishable`` and ``note``. Of losses, ``loss`` and
        ``reference_loss`` stand in place of accuracies, and there is no ``b`` and ``c``. ``attrs["notes"]`` says how p
        was corrected.

    Raises
    ------
    DataError
        If two runs were not tested on the same examples, or what one got right is no such array.
    ConfigError
        If there is no column ``run_id``, the reference has no run with examples, a column or the baseline is unknown,
        or two runs are twins.
    """
    check_inputs(["run_id"], runs=runs, correct=correct, metric=metric)
    metric = choose_metric(runs, metric)
    ranked = sort_best_first(group_runs(runs, metric, by=by), metric)
    if not ranked:
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    arrays = collect_examples(runs, ranked, correct, metric)
    are_losses = any(values.dtype.kind == "f" for values in arrays.values())
    columns, names = (LOSS_COLUMNS, LOSSES) if are_losses else (COLUMNS, {})
    reference = ranked[0] if baseline is None else find_configuration(runs, ranked, baseline)
    if reference.label not in arrays:
        raise ConfigError(f"{reference.label}: none of its runs says which test examples it got right")
    options = {"n_resamples": n_resamples, "confidence": confidence, "random_state": random_state}
    others = [one for one in ranked if one is not reference]
    table = pd.DataFrame([_row(one, reference, arrays, options) for one in others]).rename(columns=names)
    table = table.reindex(columns=list(columns))
    family = count_pairs(len(ranked)) if baseline is None else len(others)
    table["p_holm"] = correct_by_holm(table["p"].to_numpy(dtype=float), family)
    table["distinguishable"] = table["p_holm"] < 1 - confidence
    table.attrs["notes"] = [f"p is adjusted for {family:,} comparisons (Holm)"] if others else []
    return table.astype(columns)


def _row(
    one: Configuration, reference: Configuration, arrays: Mapping[str, Values], options: Mapping[str, float]
) -> dict[str, object]:
    there = arrays[reference.label]
    row: dict[str, object] = {"label": one.label, "reference_label": reference.label, "n_examples": there.shape[1]}
    row |= {"n_runs_reference": len(there), "reference_accuracy": there.mean(), "n_runs": 0, "test": "none"}
    if one.label not in arrays:
        return row | {"note": "no run says which test examples it got right"}
    here = arrays[one.label]
    row |= {"n_runs": len(here), "accuracy": here.mean(), "note": ""}
    row |= bootstrap_difference(here, there, **options)._asdict()  # type: ignore[arg-type]
    if min(len(here), len(there)) > 1:
        both = estimate_errors(here, there)
        ends = bound_error(both.estimate, both.for_both, both.both_freedom, options["confidence"])
        row |= {"low_both": ends[0], "high_both": ends[1]}
    if len(here) == len(there) == 1 and here.dtype == bool:
        exact = mcnemar_test(here[0], there[0])
        return row | {"test": "McNemar", "p": exact.p, "b": exact.b, "c": exact.c}
    return row | {"test": "sign flip", "p": sign_flip_test(here, there)}


def estimate_accuracies(
    runs: pd.DataFrame,
    correct: Mapping[str, ExampleResults | ArrayLike],
    *,
    metric: str | None = None,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Estimate each configuration's accuracy for other seeds, and for other seeds and other test examples.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs with the column ``run_id``.
    correct : mapping of str to ExampleResults or array of bool, shape (n_test,)
        Which test examples each run got right, as `nnsweep.compare_examples` has it.
    metric : str, optional
        What the best is best by, and what a run must have to count.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    confidence : float
        Of the intervals, each for itself.

    Returns
    -------
    pandas.DataFrame
        A row for each configuration with such runs, the best first: ``label``, ``n_runs``, ``n_examples``,
        ``accuracy`` (mean over runs), ``error_seeds`` and ``low_seeds`` to ``high_seeds`` (for other seeds on these
        test examples; NaN with one seed), ``error`` and ``low`` to ``high`` (for other seeds and other test examples of
        the same number; with one seed for the same network on other examples). The standard errors are those of
        `estimate_errors`; the intervals are Student's on the scale of logits, as in
        `nnsweep.results.statistics.intervals.estimate_mean`. Where no example tells runs or examples apart, since all
        are right or all wrong, ``low`` to ``high`` is the exact binomial interval of the examples.

    Raises
    ------
    DataError
        If two runs were not tested on the same examples, or what one got right is no such array.
    ConfigError
        If there is no column ``run_id``, a column is unknown, or two runs are twins.
    """
    check_inputs(["run_id"], runs=runs, correct=correct, metric=metric)
    metric = choose_metric(runs, metric)
    check_confidence(confidence)
    ranked = sort_best_first(group_runs(runs, metric, by=by), metric)
    rows = [
        {"label": label, "n_runs": len(right), "n_examples": right.shape[1]} | _bound(right, confidence)
        for label, right in collect_examples(runs, ranked, correct, metric).items()
    ]
    columns = ["label", "n_runs", "n_examples", "accuracy"]
    columns += ["error_seeds", "low_seeds", "high_seeds", "error", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _bound(right: Right, confidence: float) -> dict[str, float]:
    found = estimate_errors(right)
    low_seeds, high_seeds = bound_error(found.estimate, found.for_seeds, found.seeds_freedom, confidence, (0.0, 1.0))
    if found.for_both > 0:
        low, high = bound_error(found.estimate, found.for_both, found.both_freedom, confidence, (0.0, 1.0))
    else:
        low, high = estimate_share(int(right[0].sum()), right.shape[1], confidence)
    return {
        **{"accuracy": found.estimate, "error_seeds": found.for_seeds, "low_seeds": low_seeds},
        **{"high_seeds": high_seeds, "error": found.for_both, "low": low, "high": high},
    }


def compute_losses(errors: ArrayLike, measure: str, quantiles: Sequence[float] = ()) -> NDArray[np.float64]:
    """Compute the loss of each test example from how far its outputs were off, prediction minus target.

    It is the mean over targets of ``e²``, or of ``|e|`` for one of the `ABSOLUTE` measures. Where the outputs of a
    target are its quantiles q, it is the mean of ``max(-q e, (1 - q) e)`` (Koenker and Bassett, Econometrica 46, 1978).

    Parameters
    ----------
    errors : array of shape (n_test, n_outputs)
        In the targets' units; the quantiles of one target after those of the other.
    measure : str
        What the networks are judged by.
    quantiles : sequence of float
        Of each target.

    Examples
    --------
    >>> compute_losses([[1.0, -3.0]], "rmse"), compute_losses([[1.0, -3.0]], "mae")
    (array([5.]), array([2.]))
    """
    table = np.asarray(errors, dtype=np.float64)
    if len(quantiles):
        levels = np.resize(np.asarray(quantiles, dtype=np.float64), table.shape[1])
        return np.asarray(np.maximum(-levels * table, (1 - levels) * table).mean(axis=1))
    return np.asarray((np.abs(table) if measure in ABSOLUTE else np.square(table)).mean(axis=1))


def collect_examples(
    runs: pd.DataFrame,
    configurations: Sequence[Configuration],
    correct: Mapping[str, ExampleResults | ExampleErrors | ArrayLike],
    metric: str,
) -> dict[str, Values]:
    """Give what the runs of each configuration did with each example: arrays of shape (n_runs, n_test), by label.

    Raises
    ------
    DataError
        If two runs were not tested on the same examples, or what one did is no such array.
    """
    check_columns(runs, runs=["run_id"])
    ids = runs["run_id"].astype(str).tolist()
    members = {one.label: [row for row in one.counted.values() if ids[row] in correct] for one in configurations}
    records = {row: _take_record(runs, row, correct[ids[row]], metric) for rows in members.values() for row in rows}
    _check_same_test_set(runs, records)
    return {label: np.stack([records[row].values for row in rows]) for label, rows in members.items() if rows}


class _Record(NamedTuple):
    values: Values
    test_digest: str = ""


def _take_record(
    runs: pd.DataFrame, row: int, record: ExampleResults | ExampleErrors | ArrayLike, metric: str
) -> _Record:
    """Take what a run has recorded, or an array, which has no digest."""
    errors = getattr(record, "errors", None)
    try:
        if errors is None or not len(errors):  # those of classes are empty
            values = np.asarray(getattr(record, "right", record))
            values = values if values.dtype.kind == "f" else values.astype(bool)
        else:
            values = compute_losses(errors, name_measure(metric) or "", getattr(record, "quantiles", ()))
    except ValueError:  # rows of different lengths
        values = np.empty((0, 0), dtype=bool)
    if values.ndim != 1 or not len(values):
        raise DataError(
            f"the run {describe_run(runs, row)}: which test examples it got right must be an array of bool of shape "
            "(n_test,), with an example at least; load_correct(runs) gives it"
        )
    return _Record(values, str(getattr(record, "test_digest", "")))


def _check_same_test_set(runs: pd.DataFrame, records: Mapping[int, _Record]) -> None:
    """Refuse test sets of different sizes or digests; an array has no digest."""
    first = next(iter(records), 0)
    with_digest = next((row for row, one in records.items() if one.test_digest), first)
    for row, one in records.items():
        n, expected = len(one.values), len(records[first].values)
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
