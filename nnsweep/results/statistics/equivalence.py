"""Equivalence: whether two configurations are equal enough for the difference not to matter.

A test that sees no difference does not show that there is none. Equivalence needs a margin, the region of practical
equivalence (rope), and asks how sure it is that the true difference lies within it.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.grouping import Configuration, group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import bound_metric, find_sign
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.intervals import check_confidence
from nnsweep.results.statistics.pairs import find_pairing
from nnsweep.results.statistics.summary import find_configuration, sort_best_first
from nnsweep.results.statistics.tests import MeanDifference, compare_means
from nnsweep.text import printable

USUAL_ROPE = 0.01
"""The margin of what lies between 0 and 1, as an accuracy does (Benavoli et al., Journal of Machine Learning Research
18, 2017)."""
PROBABILITIES = ("p_better", "p_equal", "p_worse", "p_tost")
COLUMNS = {
    **dict.fromkeys(("label", "reference_label", "test"), "object"),
    **{"n_pairs": "int64", "difference": "float64"},
    **dict.fromkeys(PROBABILITIES, "float64"),
    **dict.fromkeys(("conclusion", "note"), "object"),
}


def choose_rope(rope: float | None, metric: str) -> float | None:
    """Choose the margin within which two means of a metric are as good as each other.

    Parameters
    ----------
    rope : float or None
        What was asked for.
    metric : str
        The metric, in whose units it is.

    Returns
    -------
    float or None
        What was asked for, or else 0.01 for what lies between 0 and 1, as an accuracy does, and None for another,
        which has no usual margin.

    Raises
    ------
    ConfigError
        If it is not a positive number.

    Examples
    --------
    >>> choose_rope(None, "test_accuracy"), choose_rope(None, "train_cost"), choose_rope(0.2, "train_cost")
    (0.01, None, 0.2)
    """
    if rope is None:
        return USUAL_ROPE if bound_metric(metric) == (0.0, 1.0) else None
    if not 0 < rope < math.inf:
        raise ConfigError(f"rope={rope} is not a positive number; {USUAL_ROPE} is usual for an accuracy")
    return rope


def compare_equivalence(
    runs: pd.DataFrame,
    metric: str | None = None,
    *,
    reference: str | Mapping[str, object] | None = None,
    rope: float | None = None,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
) -> pd.DataFrame:
    """Give the probabilities that each configuration is better than a reference, equal enough, or worse.

    With the standard error and the degrees of freedom of the t test (`nnsweep.results.statistics.tests`), the true
    difference δ is distributed, given the results and a flat prior, as ``difference + error * T`` with Student's T, and

        ``p_better = P(δ > rope)``,  ``p_worse = P(δ < -rope)``,  ``p_equal = 1 - p_better - p_worse``.

    For paired results it is the Bayesian correlated t test: with r the correlation of overlapping folds or splits,
    ``r / (1 - r) = n_test / n_train``, and 0 for seeds (Benavoli, Corani, Demšar and Zaffalon, Journal of Machine
    Learning Research 18, 2017). For unpaired results it has Welch's error and degrees of freedom, an approximation.
    The two tails are also the p values of two one-sided t tests, so ``p_tost = max(p_better, p_worse)`` is that of a
    difference as large as the margin (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987).

    Nothing is corrected for the number of configurations. Against the best, which was picked by its luck as well, the
    differences are too large on average, and so is ``p_worse``.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str, optional
        The column to compare; of costs and seconds less is better.
    reference : str or mapping, optional
        What the others are compared with, a label or settings that only one configuration has; the best if not given.
    rope : float, optional
        The margin, in units of the metric; 0.01 for what lies between 0 and 1 if not given.
    by, failures
        As `nnsweep.compare` has them.
    confidence : float
        The probability at which ``conclusion`` says something.

    Returns
    -------
    pandas.DataFrame
        A row for each other configuration, the best first: ``label``, ``reference_label``, ``test``, ``n_pairs``,
        ``difference`` (label minus reference), ``p_better``, ``p_equal``, ``p_worse``, ``p_tost`` (NaN without a test),
        ``conclusion`` and ``note``. The conclusion is ``better``, ``equal enough`` or ``worse``; ``equal or better`` or
        ``equal or worse`` where only the other end can be excluded; ``open``; or ``not tested``. Where differences do
        not vary, there are no probabilities; then ``p_tost`` is that of the sign-flip or permutation test.
        ``attrs["rope"]`` is the margin.

    Raises
    ------
    ConfigError
        If no run counts, the metric has no usual margin and none is given, or what is asked cannot be.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    check_confidence(confidence)
    margin = choose_rope(rope, metric)
    if margin is None:
        raise ConfigError(f"rope: {printable(metric)} has no usual margin; say which difference does not matter")
    ranked = sort_best_first(group_runs(runs, metric, by=by, failures=failures), metric)
    if not any(one.counted for one in ranked):
        raise ConfigError(f"no run finished with a finite {printable(metric)}, so there is nothing to compare")
    chosen = ranked[0] if reference is None else find_configuration(runs, ranked, reference)
    sign = find_sign(metric)
    pairs = find_pairing(runs, ranked)[ranked.index(chosen)].tolist()
    rows = [
        {"label": one.label, "reference_label": chosen.label}
        | _compare(one, chosen, may_pair, margin, sign, confidence)
        for one, may_pair in zip(ranked, pairs, strict=True)
        if one is not chosen
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    table.attrs["rope"] = margin
    return table


def _compare(
    one: Configuration, reference: Configuration, may_pair: bool, margin: float, sign: int, confidence: float
) -> dict[str, object]:
    """Compare two configurations; the sign is negative where less is better."""
    overlap = one.repeats.overlap
    result = compare_means(one.units, reference.units, overlap=overlap, kind=one.kind, may_pair=may_pair)
    row = {name: getattr(result, name) for name in ("test", "n_pairs", "difference", "note")}
    if result.test == "none" or not one.counted:
        return row | {"conclusion": "not tested"}
    if result.std == 0:
        sizes = len(one.units), len(reference.units)
        n_orders = 2**result.n_pairs if result.test in ("paired t", "sign flip") else math.comb(sum(sizes), sizes[0])
        p_tost = 1 / n_orders if abs(result.difference) < margin else 1.0
        return row | {"p_tost": p_tost, "conclusion": "equal enough" if p_tost < 1 - confidence else "open"}
    from scipy import special  # its import takes longer than most of what needs results

    error, degrees = _find_error(result, one, reference)
    better, worse = (
        float(special.stdtr(degrees, (lead - margin) / error))
        for lead in (sign * result.difference, -sign * result.difference)
    )
    row |= dict(zip(PROBABILITIES, (better, 1 - better - worse, worse, max(better, worse)), strict=True))
    return row | {"conclusion": _conclude(better, worse, confidence)}


def _find_error(result: MeanDifference, one: Configuration, other: Configuration) -> tuple[float, float]:
    """Give the standard error of a difference and its degrees of freedom: of the paired t test, or of Welch's."""
    overlap = one.repeats.overlap
    if result.test == "paired t":
        return result.std * math.sqrt(1 / result.n_pairs + overlap), result.n_pairs - 1
    samples = [list(side.units.values()) for side in (one, other)]
    parts = [float(np.var(values, ddof=1)) * (1 / len(values) + overlap) for values in samples]
    degrees = sum(parts) ** 2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, samples, strict=True))
    return math.sqrt(sum(parts)), degrees


def _conclude(better: float, worse: float, confidence: float) -> str:
    """Say in words what is at least as probable as the confidence."""
    statements = {
        "better": better,
        "worse": worse,
        "equal enough": 1 - better - worse,
        "equal or better": 1 - worse,
        "equal or worse": 1 - better,
    }
    return next((words for words, p in statements.items() if p >= confidence), "open")
