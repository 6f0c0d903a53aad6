"""A comparison by example: every configuration against the best one on the same test examples.

It takes what each run got right by run id, wherever that is kept, and refuses runs that were not tested on the same
examples.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from nnsweep.errors import ConfigError, DataError
from nnsweep.results.configurations import best_first, chosen
from nnsweep.results.examples import Right, bootstrap_difference, mcnemar, sign_flip
from nnsweep.results.grouping import Configuration, check_columns, grouped, told_run
from nnsweep.results.multiplicity import holm, n_pairs_of


class ExampleResults(Protocol):
    """What a run has recorded of its test examples."""

    @property
    def right(self) -> Right:
        """Which of them it got right."""

    @property
    def test_digest(self) -> str:
        """The same for runs that were tested on the same examples in the same order."""


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

    p is McNemar's with one run each, otherwise that of `sign_flip`; corrected as in
    `nnsweep.results.comparison.compare`: for all pairs if the reference is the best, which was found by looking.

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
    found = best_first(grouped(runs, metric, by=by), metric)
    if not found:
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    check_columns(runs, ["run_id"])
    ids = runs["run_id"].astype(str).tolist()
    kept = {one.label: [row for row in one.counted.values() if ids[row] in correct] for one in found}
    known = {row: _tested(runs, row, correct[ids[row]]) for rows in kept.values() for row in rows}
    _check_same_test_set(runs, known)
    arrays = {label: np.stack([known[row].right for row in rows]) for label, rows in kept.items() if rows}
    reference = found[0] if baseline is None else chosen(runs, found, baseline)
    if reference.label not in arrays:
        raise ConfigError(f"{reference.label}: none of its runs says which test examples it got right")
    settings = {"n_resamples": n_resamples, "confidence": confidence, "random_state": random_state}
    others = [one for one in found if one is not reference]
    table = pd.DataFrame([_row(one, reference, arrays, settings) for one in others], columns=list(COLUMNS))
    family = n_pairs_of(len(found)) if baseline is None else len(others)
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float), family)
    table["distinguishable"] = table["p_holm"] < 1 - confidence
    table.attrs["notes"] = [f"p is corrected for {family} comparisons (Holm)"] if others else []
    return table.astype(COLUMNS)


def _row(
    one: Configuration, reference: Configuration, arrays: Mapping[str, Right], settings: Mapping[str, float]
) -> dict[str, object]:
    there = arrays[reference.label]
    row: dict[str, object] = {"label": one.label, "reference_label": reference.label, "n_examples": there.shape[1]}
    row |= {"n_runs_reference": len(there), "reference_accuracy": there.mean(), "n_runs": 0, "test": "none"}
    if one.label not in arrays:
        return row | {"note": "no run says which test examples it got right"}
    here = arrays[one.label]
    row |= {"n_runs": len(here), "accuracy": here.mean(), "note": ""}
    row |= bootstrap_difference(here, there, **settings)._asdict()  # type: ignore[arg-type]
    if len(here) == len(there) == 1:
        exact = mcnemar(here[0], there[0])
        return row | {"test": "McNemar", "p": exact.p, "b": exact.b, "c": exact.c}
    return row | {"test": "sign flip", "p": sign_flip(here, there)}


class _Tested(NamedTuple):
    right: Right
    test_digest: str = ""


def _tested(runs: pd.DataFrame, row: int, given: ExampleResults | ArrayLike) -> _Tested:
    """Take what a run has recorded, or an array, which has no digest."""
    try:
        right = np.asarray(getattr(given, "right", given), dtype=bool)
    except ValueError:  # rows of different lengths
        right = np.empty((0, 0), dtype=bool)
    if right.ndim != 1 or not len(right):
        raise DataError(
            f"the run {told_run(runs, row)}: which test examples it got right must be an array of bool of shape "
            "(n_test,), with an example at least; load_correct(runs) gives it"
        )
    return _Tested(right, str(getattr(given, "test_digest", "")))


def _check_same_test_set(runs: pd.DataFrame, known: Mapping[int, _Tested]) -> None:
    """Refuse test sets of different sizes or digests; an array has no digest."""
    first = next(iter(known), 0)
    with_digest = next((row for row, one in known.items() if one.test_digest), first)
    for row, one in known.items():
        n, expected = len(one.right), len(known[first].right)
        if n != expected:
            raise DataError(
                f"{_two(runs, first, row)} have different test sets, of {expected} and {n} examples; "
                "compare only one of them"
            )
        if one.test_digest and one.test_digest != known[with_digest].test_digest:
            raise DataError(
                f"{_two(runs, with_digest, row)} have different test sets of {n} examples; compare only one of them"
            )


def _two(runs: pd.DataFrame, first: int, second: int) -> str:
    return f"the runs {told_run(runs, first)} and {told_run(runs, second)}"
