"""A comparison: every configuration against the best one and against a baseline, over the repeats they share.

Who is best was found by looking at the same numbers, so the best's lead is partly luck. What is said about it is
corrected for every pair that could have been looked at; a baseline named beforehand costs less.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.errors import ConfigError
from nnsweep.results.grouping import Configuration, group_runs, with_failures
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import find_sign
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.best_set import WORSE, Standing, choose_first, compare_with_best
from nnsweep.results.statistics.intervals import check_confidence
from nnsweep.results.statistics.pairs import find_pairing
from nnsweep.results.statistics.power import count_seeds_needed
from nnsweep.results.statistics.summary import describe_failures, find_configuration, sort_best_first
from nnsweep.results.statistics.tests import MeanDifference, compare_means, correct_by_holm, count_pairs
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
    metric: str | None = None,
    *,
    baseline: str | Mapping[str, object] | None = None,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
) -> pd.DataFrame:
    """Compare each configuration with the best one and, if there is one, with a baseline.

    Units (`nnsweep.results.factors`: seeds; folds or splits, of which each is the mean of its seeds) are paired where
    they have something in common and most are shared (`nnsweep.results.statistics.pairs.find_pairing`).

    * The best was found by looking, and the configuration that is truly the best may be another. ``low``, ``high`` and
      ``distinguishable`` are those of `nnsweep.judge` without a margin, for the difference to the best of the others.
    * The baseline was named. What is ``distinguishable`` is decided by Holm's method for its k - 1 comparisons;
      ``low`` and ``high`` hold for all of them at once (Bonferroni) and end at 0 where Holm alone tells two apart
      (Guilbaud, Biometrical Journal 50, 2008).

    ``p_holm`` is corrected by Holm's method for k - 1 comparisons with a baseline, and for all ``k (k - 1) / 2`` pairs
    with the best, since any of them could have been looked at.

    The difference to the best itself stays too large on average, and so ``more_seeds`` too small. Where only seeds
    vary, all is said of new seeds on this test set; other test examples are what `nnsweep.compare_examples` is about.
    Looking again and again, with more seeds each time until something is told apart, is not corrected for here; a
    report takes the confidence that `nnsweep.results.statistics.looks.spend_error` leaves for the present look.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str, optional
        The column to compare; of costs and seconds (`nnsweep.results.metrics.smaller_is_better`) less is better.
    baseline : str or mapping, optional
        A label, or settings that only one configuration has.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    confidence : float
        With which all intervals and decisions against one reference hold at once.
    failures : {"chance", "ignore"}, optional
        What failed runs count as: what guessing achieves, or nothing; by default what the frame says, or else chance.

    Returns
    -------
    pandas.DataFrame
        A row for each other configuration and reference, the best first: ``label``, ``reference`` (``best`` or
        ``baseline``), ``reference_label``, ``test``, ``n_pairs``, ``difference`` (label minus reference), its interval
        ``low`` to ``high`` (simultaneous), ``win_rate`` (share of shared units in which it is better, equal ones
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
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    check_confidence(confidence)
    runs = with_failures(runs, failures)
    ranked = sort_best_first(group_runs(runs, metric, by=by), metric)
    if ranked and not any(one.counted for one in ranked):
        raise ConfigError(f"no run finished with a finite {printable(metric)}, so there is nothing to compare")
    tables: list[pd.DataFrame] = []
    pairing = find_pairing(runs, ranked)
    options: dict[str, Any] = {"confidence": confidence, "sign": find_sign(metric)}
    if ranked:
        standings = compare_with_best(runs, ranked, metric=metric, confidence=confidence)
        of = {one.label: standing for one, standing in zip(ranked, standings, strict=True)}
        family = count_pairs(len(ranked))
        table = _compare_with(choose_first(ranked), ranked, pairing, family, standings=of, **options)
        tables.append(table.assign(reference="best"))
    if baseline is not None:
        reference = find_configuration(runs, ranked, baseline)
        table = _compare_with(reference, ranked, pairing, len(ranked) - 1, **options)
        tables.append(table.assign(reference="baseline"))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    table = table.astype(COLUMNS)
    table.attrs["notes"] = _notes(ranked, metric, has_baseline=baseline is not None)
    return table


def indistinguishable(
    runs: pd.DataFrame,
    metric: str | None = None,
    *,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
) -> list[str]:
    """List the configurations that may be the best: those that are not clearly worse than another.

    It is the decision of `nnsweep.judge` without a margin. One that has too few repeats for a test may be the best,
    too; one of which no run finished is not listed. The configuration that is truly the best is among them with at
    least the given confidence.

    Parameters
    ----------
    runs, metric, by, confidence, failures
        As `compare` has them.

    Returns
    -------
    list of str
        Labels, the best mean first.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    runs = with_failures(runs, failures)
    ranked = sort_best_first(group_runs(runs, metric, by=by), metric)
    standings = compare_with_best(runs, ranked, metric=metric, confidence=confidence)
    return [
        one.label for one, standing in zip(ranked, standings, strict=True) if one.counted and standing.verdict != WORSE
    ]


def _compare_with(
    reference: Configuration,
    ranked: Sequence[Configuration],
    pairing: NDArray[np.bool_],
    family: int,
    *,
    confidence: float,
    sign: int,
    standings: Mapping[str, Standing] | None = None,
) -> pd.DataFrame:
    """Compare all others with one, by how they stand to the best or else by Holm; no interval contradicts it."""
    repeats, alpha, own = reference.repeats, (1 - confidence) / max(family, 1), ranked.index(reference)
    others = [(one, bool(pairing[place, own])) for place, one in enumerate(ranked) if place != own]

    def compare_at(level: float) -> list[MeanDifference]:
        fixed: dict[str, Any] = {"confidence": level, "overlap": repeats.overlap, "kind": repeats.kind}
        return [compare_means(one.units, reference.units, may_pair=may_pair, **fixed) for one, may_pair in others]

    alone = compare_at(confidence)
    at_once = compare_at(1 - alpha) if standings is None else alone
    p_holm = correct_by_holm([result.p for result in alone], family).tolist()
    rows = []
    for (one, _), result, wide, p in zip(others, alone, at_once, p_holm, strict=True):
        row = result._asdict() | {"label": one.label, "reference_label": reference.label, "p_holm": p}
        if standings is not None:
            is_told, low, high = (standings[one.label].verdict == WORSE, *standings[one.label][1:3])
        else:  # what Holm tells apart and Bonferroni does not has an interval that ends at 0 (Guilbaud 2008)
            is_told = p < 1 - confidence
            low = max(wide.low, 0.0) if is_told and result.difference > 0 else wide.low
            high = min(wide.high, 0.0) if is_told and result.difference < 0 else wide.high
        row |= {"low": low, "high": high, "distinguishable": is_told}
        row |= {"n_finished": len(one.counted), "n_ended": one.n_ended}
        leads = [sign * (value - reference.units[unit]) for unit, value in one.units.items() if unit in reference.units]
        points = sum(1.0 if lead > 0 else 0.5 if lead == 0 else 0.0 for lead in leads)
        row["win_rate"] = points / len(leads) if leads else math.nan
        if is_told and not repeats.overlap:
            row |= {"more_seeds": 0.0, "fewest_more_seeds": 0.0}
        elif result.test != "none" and not repeats.overlap:
            is_paired = result.test not in ("Welch", "permutation")
            present = result.n_pairs if is_paired else min(len(one.units), len(reference.units))
            ends = {"more_seeds": result.difference, "fewest_more_seeds": max(abs(result.low), abs(result.high))}
            for name, difference in ends.items():
                needed = count_seeds_needed(difference, result.std, alpha=alpha, power=max(0.8, 2 * alpha))
                row[name] = max(1.0, needed - present)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _notes(ranked: Sequence[Configuration], metric: str, *, has_baseline: bool) -> list[str]:
    k = len(ranked)
    notes = []
    if k > 1:
        pairs = f"so p is adjusted for all {count_pairs(k)} pairs (Holm)" if k > 2 else "but there is only one pair"
        notes.append(f"best of {k}: picked after seeing the results, {pairs}")
        notes += [f"baseline: named beforehand, so p is adjusted for {k - 1} comparisons (Holm)"] * has_baseline
    if ranked and ranked[0].repeats.overlap:
        notes.append(
            f"the {ranked[0].repeats.kind}s share training examples, so variances are corrected by n_test / n_train = "
            f"{ranked[0].repeats.overlap:.3g} (Nadeau and Bengio)"
        )
    notes += describe_failures(ranked, metric)
    if any(one.counted and not one.is_whole for one in ranked):
        notes.append("configurations with a failed run that has no value are ranked last")
    return notes
