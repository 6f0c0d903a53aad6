"""A comparison: every configuration against the best one and against a baseline, over the repeats they share.

Who is best was found by looking at the same numbers, so the best's lead is partly luck. What is said about it is
corrected for every pair that could have been looked at; a baseline named beforehand costs less.
"""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.frame import smaller_is_better
from nnsweep.results.grouping import Configuration, group_runs, with_failures
from nnsweep.results.statistics.power import count_seeds_needed
from nnsweep.results.statistics.summary import check_confidence, describe_failures, find_configuration, sort_best_first
from nnsweep.results.statistics.tests import compare_means, correct_by_holm, count_pairs
from nnsweep.text import printable

COLUMNS = {
    "label": "object",
    "reference": "object",
    "reference_label": "object",
    "test": "object",
    "n_pairs": "int64",
    "difference": "float64",
    "low": "float64",
    "high": "float64",
    "win_rate": "float64",
    "effect_size": "float64",
    "p": "float64",
    "p_holm": "float64",
    "distinguishable": "bool",
    "more_seeds": "float64",
    "fewest_more_seeds": "float64",
    "n_finished": "int64",
    "n_ended": "int64",
    "note": "object",
}


def compare(
    runs: pd.DataFrame,
    metric: str = "test_accuracy",
    *,
    baseline: str | Mapping[str, object] | None = None,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
) -> pd.DataFrame:
    """Compare each configuration with the best one and, if there is one, with a baseline.

    Comparisons are paired by unit (`nnsweep.results.factors`: seeds; folds or splits, of which each is the mean of its
    seeds) where two units or more are shared (`nnsweep.results.statistics.tests`). ``p_holm`` is corrected by Holm's
    method, separately for the two references:

    * The baseline was named, so its family is its k - 1 comparisons.
    * The best of k configurations was picked by its result, so its family is all ``k (k - 1) / 2`` pairs. With k - 1
      instead, at least one of k equal configurations is told from the best too often: with 10 seeds in 6 % of sweeps
      for k = 3, in 14 % for k = 10 and in 24 % for k = 30 (2,000 simulated sweeps each; all pairs: 4, 4 and 2.5 %).

    The difference to the best itself stays too large on average, and so ``more_seeds`` too small. Choosing the best
    by validation accuracy and naming it as the baseline for ``test_accuracy`` avoids most of both. Where only seeds
    vary, all is said of new seeds on this test set; other test examples are what `nnsweep.compare_examples` is about.
    Looking again and again, with more seeds each time until something is told apart, is not corrected for.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str
        The column to compare; of costs and seconds (`nnsweep.results.frame.smaller_is_better`) less is better.
    baseline : str or mapping, optional
        A label, or settings that only one configuration has.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    confidence : float
        Of the intervals; what is ``distinguishable`` has ``p_holm < 1 - confidence``.
    failures : {"chance", "ignore"}, optional
        What failed runs count as; see `nnsweep.results.grouping.group_runs`.

    Returns
    -------
    pandas.DataFrame
        A row for each other configuration and reference, the best first: ``label``, ``reference`` (``best`` or
        ``baseline``), ``reference_label``, ``test``, ``n_pairs``, ``difference`` (label minus reference), its interval
        ``low`` to ``high`` (not corrected), ``win_rate`` (share of shared units in which it is better, equal ones
        half), ``effect_size``, ``p``, ``p_holm``, ``distinguishable``, ``more_seeds`` (shared units to add until the
        observed difference, if it is the true one, is seen with a probability of 80 %: 0 if it was, infinite for no
        difference, NaN without a test and for folds and splits, whose number does not help without end),
        ``fewest_more_seeds`` (the same for the far end of the interval), ``n_finished`` and ``n_ended`` (repeats) and
        ``note``. ``attrs["notes"]`` says how p was corrected and what failed.

    Raises
    ------
    ConfigError
        If no run counts, a column is unknown, the baseline is none or several, or two runs are twins.
    """
    check_confidence(confidence)
    runs = with_failures(runs, failures)
    ranked = sort_best_first(group_runs(runs, metric, by=by), metric)
    if ranked and not any(one.counted for one in ranked):
        raise ConfigError(f"no finished run has a real {printable(metric)}: there is nothing to compare")
    references = {"best": (ranked[0], count_pairs(len(ranked)))} if ranked else {}
    if baseline is not None:
        references["baseline"] = (find_configuration(runs, ranked, baseline), len(ranked) - 1)
    sign = -1 if smaller_is_better(metric) else 1
    parts = [
        _compare_with(reference, ranked, family, confidence=confidence, sign=sign).assign(reference=name)
        for name, (reference, family) in references.items()
    ]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    table = table.astype(COLUMNS)
    table.attrs["notes"] = _notes(ranked, metric, has_baseline=baseline is not None)
    return table


def indistinguishable(
    runs: pd.DataFrame,
    metric: str = "test_accuracy",
    *,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
) -> list[str]:
    """List the configurations that cannot be told from the best, after correction for all pairs.

    One that has too few repeats for a test cannot be told from it, either; one of which no run finished is not listed.
    The configuration that is truly the best is among them with at least the given confidence: it would have to lose
    significantly against another.

    Parameters
    ----------
    runs, metric, by, confidence, failures
        As `compare` has them.

    Returns
    -------
    list of str
        Labels, the best itself first.
    """
    table = compare(runs, metric, by=by, confidence=confidence, failures=failures)
    ranked = sort_best_first(group_runs(runs, metric, by=by, failures=failures), metric)
    remaining = ~table["distinguishable"] & (table["n_finished"] > 0)
    return [*(one.label for one in ranked[:1]), *table["label"][remaining].tolist()]


def _compare_with(
    reference: Configuration, ranked: Sequence[Configuration], family: int, *, confidence: float, sign: int
) -> pd.DataFrame:
    repeats, alpha = reference.repeats, (1 - confidence) / max(family, 1)
    options = {"confidence": confidence, "overlap": repeats.overlap}
    others = [one for one in ranked if one is not reference]
    differences = [compare_means(one.units, reference.units, kind=repeats.kind, **options) for one in others]
    p_holm = correct_by_holm([result.p for result in differences], family).tolist()
    rows = []
    for one, result, p in zip(others, differences, p_holm, strict=True):
        row = result._asdict() | {"label": one.label, "reference_label": reference.label}
        row |= {"p_holm": p, "distinguishable": p < 1 - confidence}
        row |= {"n_finished": len(one.counted), "n_ended": one.n_ended}
        leads = [sign * (value - reference.units[unit]) for unit, value in one.units.items() if unit in reference.units]
        points = sum(1.0 if lead > 0 else 0.5 if lead == 0 else 0.0 for lead in leads)
        row["win_rate"] = points / len(leads) if leads else math.nan
        if row["distinguishable"] and not repeats.overlap:
            row |= {"more_seeds": 0.0, "fewest_more_seeds": 0.0}
        elif result.test != "none" and not repeats.overlap:
            is_paired = result.test not in ("Welch", "permutation")
            present = result.n_pairs if is_paired else min(len(one.units), len(reference.units))
            ends = {"more_seeds": result.difference, "fewest_more_seeds": max(abs(result.low), abs(result.high))}
            for name, difference in ends.items():
                needed = count_seeds_needed(difference, result.std, alpha=alpha, power=max(0.8, 2 * alpha))
                row[name] = max(0.0, needed - present)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _notes(ranked: Sequence[Configuration], metric: str, *, has_baseline: bool) -> list[str]:
    k = len(ranked)
    notes = []
    if k > 1:
        pairs = f"so p is corrected for all {count_pairs(k)} pairs (Holm)" if k > 2 else "but there is one pair only"
        notes.append(f"best of {k}: found by looking, {pairs}")
        notes += [f"baseline: named beforehand, so p is corrected for {k - 1} comparisons (Holm)"] * has_baseline
    if ranked and ranked[0].repeats.overlap:
        notes.append(
            f"the {ranked[0].repeats.kind}s share training examples, so variances are corrected by n_test / n_train = "
            f"{ranked[0].repeats.overlap:.3g} (Nadeau and Bengio)"
        )
    notes += describe_failures(ranked, metric)
    if any(one.counted and not one.is_whole for one in ranked):
        notes.append("configurations with a failed run that counts as nothing come last")
    return notes
