"""A fair comparison: every architecture at the learning rate and schedule that suit it best.

One rate for all favours those whom it happens to suit. Here each subject of the comparison has its own best setting,
chosen on the validation part and reported on the test part, beside the one setting that is best for all on average.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import NamedTuple

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.factors import choose_distinguishing, find_repeats, varying_settings
from nnsweep.results.frame import check_columns, coded, take_metric
from nnsweep.results.grouping import Configuration, describe_settings, group_runs, with_failures
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import bound_metric, find_sign, smaller_is_better, split_metric
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.boundary import Values, find_boundaries
from nnsweep.results.statistics.summary import correct_confidence, summarize
from nnsweep.results.statistics.tests import compare_means, count_pairs
from nnsweep.results.wording import count

TUNED = ("schedule", "optimizer")
"""The parts of a configuration that are tuned for a subject."""
SIGNIFICANCE = 0.05
"""How improbable by chance alone a rise towards an edge must be to be pointed out."""


class FairComparison(NamedTuple):
    """Each subject at its own best setting, beside all at the same.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a subject, the best reported mean first: the columns of `subject`; ``label``; the columns of `tuned`
        with the subject's own best setting; ``setting``, the same as text; ``selecting_mean``; ``n`` (repeats that
        count), ``mean``, ``std`` of the reported metric there, ``low`` and ``high`` (the interval of the mean, which
        holds at once for all that were tried, since the best was picked among them; by Bonferroni's inequality),
        ``n_finished`` and ``n_ended``; ``same_n``, ``same_mean``, ``same_std`` at the setting that is the same for all
        (missing if there is none); ``gain``, by how much mean is better than same_mean; ``n_settings``, how many were
        tried; and ``on_edge``, whether there is a warning.
    subject, tuned : tuple of str
        The columns that say what is compared, and what was tuned for it.
    selecting, reported : str
        The metrics.
    same : dict or None
        The setting of the tuned columns that is best for all; None if not every subject has tried one and the same.
    notes : tuple of str
        How the settings were chosen, and what is missing: a line each.
    warnings : tuple of str
        Bests on the edge of what was tried, with the way out: a line each.
    """

    table: pd.DataFrame
    subject: tuple[str, ...]
    tuned: tuple[str, ...]
    selecting: str
    reported: str
    same: dict[str, object] | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


class Cell(NamedTuple):
    """A subject at one setting.

    Attributes
    ----------
    selecting, reported : Configuration
        Its runs with the selecting and with the reported metric.
    """

    selecting: Configuration
    reported: Configuration


def fair_comparison(
    runs: pd.DataFrame,
    *,
    subject: Sequence[str] | None = None,
    tuned: Sequence[str] | None = None,
    selecting: str | None = None,
    reported: str | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
) -> FairComparison:
    """Compare subjects, each at its own best setting.

    The best is that with the best mean over repeats of the selecting metric; of equal ones the first in order, so of
    two learning rates the smaller one. What is reported is another metric than what selects, so it is not flattered by
    the choice; without a validation part it is the same one, and the notes say so.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    subject : sequence of str, optional
        Columns that say what is compared; by default all settings that vary but those tuned. If only those vary,
        schedule and optimizer themselves.
    tuned : sequence of str, optional
        Columns that are tuned for each subject; by default all of `TUNED` that vary.
    selecting, reported : str, optional
        Metrics, or measures on the test part. What is reported is by default the measure that runs were selected by,
        and what selects is the best value of the reported measure on the validation part.
    confidence : float
        Of the intervals.
    failures : {"chance", "ignore"}, optional
        What failed runs count as: what guessing achieves, or nothing; by default what the frame says, or else chance.

    Returns
    -------
    FairComparison
        A setting at which no run finished is no subject's best; `warnings` are of edges towards which the
        selecting metric rises beyond chance (`nnsweep.results.statistics.boundary.find_boundaries`).

    Raises
    ------
    ConfigError
        If a column is unknown, nothing varies, or something varies that is neither compared nor tuned.
    """
    check_inputs(runs=runs)
    runs = with_failures(runs, failures)
    subject, tuned = _choose_roles(runs, subject, tuned)
    reported = choose_metric(runs, reported)
    selecting, note = _choose_selecting(runs, selecting or _name_selecting(reported), reported)
    sign = find_sign(selecting)
    cells = _make_cells(runs, subject, tuned, selecting, reported)
    names = {who: describe_settings(_pair(subject, who)) for who in cells}
    finished = {
        who: {setting: cell for setting, cell in own.items() if cell.selecting.counted} for who, own in cells.items()
    }
    finished = {who: own for who, own in finished.items() if own}
    same = _find_best([*finished.values()], sign)
    simultaneous = correct_confidence([cell.reported for own in cells.values() for cell in own.values()], confidence)
    rows, warnings = [], []
    for who, own in finished.items():
        setting = _find_best([own], sign)
        assert setting is not None  # some run has finished
        edges = find_boundaries(list(cells[who]), tuned, setting, differs=_make_test(cells[who], setting))
        warnings += [f"{names[who]}: {edge.words}" for edge in edges]
        labels = (*who, names[who], *setting, describe_settings(_pair(tuned, setting), nothing="as it is"))
        reached = _report(own, setting, same, confidence=simultaneous, metric=reported)
        numbers = own[setting].selecting.mean, *reached
        rows.append((*labels, *numbers, len(cells[who]), bool(edges)))
    table = pd.DataFrame(rows, columns=[*subject, "label", *tuned, "setting", *NUMBERS])
    return FairComparison(
        table=table.sort_values("mean", ascending=smaller_is_better(reported), kind="stable", ignore_index=True),
        subject=tuple(subject),
        tuned=tuple(tuned),
        selecting=selecting,
        reported=reported,
        same=None if same is None else _pair(tuned, same),
        notes=(note, *(f"{names[who]}: no run finished" for who in cells if who not in finished)),
        warnings=tuple(warnings),
    )


NUMBERS = (
    *("selecting_mean", "n", "mean", "std", "low", "high", "n_finished", "n_ended"),
    *("same_n", "same_mean", "same_std", "gain"),
    *("n_settings", "on_edge"),
)


def _report(
    own: Mapping[Values, Cell],
    setting: Values,
    same: Values | None,
    *,
    confidence: float,
    metric: str,
) -> tuple[float, ...]:
    """Give the reported metric at the subject's own best setting, at that of all, and the first one's gain."""
    best, at_same = own[setting].reported, None if same is None else own[same].reported
    (interval,) = summarize([best], confidence, bounds=bound_metric(metric))
    n_same, same_mean, same_std = 0, math.nan, math.nan
    if at_same is not None:
        ((same_mean, same_std, *_),) = summarize([at_same])
        n_same = len(at_same.values)
    numbers = len(best.values), *interval, len(best.counted), best.n_ended
    return *numbers, n_same, same_mean, same_std, find_sign(metric) * (interval.mean - same_mean)


def _make_test(cells: Mapping[Values, Cell], best: Values) -> Callable[[Values], bool]:
    """Tell the best from another setting, with a p that is corrected for all pairs of those tried (Bonferroni)."""
    runs, family = cells[best].selecting, count_pairs(len(cells))

    def differs(other: Values) -> bool:
        difference = compare_means(runs.units, cells[other].selecting.units, overlap=runs.repeats.overlap)
        return difference.p * family < SIGNIFICANCE

    return differs


def _choose_roles(
    runs: pd.DataFrame, subject: Sequence[str] | None, tuned: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Say which columns are compared and which are tuned, and refuse what would be averaged silently."""
    check_columns(runs, subject=subject or (), tuned=tuned or ())
    names = varying_settings(runs)
    tunable = [name for name in names if name.partition(".")[0] in TUNED] if tuned is None else list(tuned)
    codes = {name: coded(runs, name) for name in dict.fromkeys([*names, *(subject or ()), *tunable])}

    def reduce(some: Sequence[str], known: Sequence[str] = ()) -> list[str]:
        return choose_distinguishing({name: codes[name] for name in [*known, *some]}, known)

    if subject is None:
        subject = reduce([name for name in names if name not in tunable])
        subject = subject or (reduce([name for name in TUNED if name in names]) if tuned is None else [])
    if not subject:
        raise ConfigError("nothing varies that could be compared; name it: subject=[...]")
    if tuned is None:
        tuned = reduce([name for name in tunable if name not in subject], subject)
    if mixed := reduce([name for name in names if name not in (*subject, *tuned)], [*subject, *tuned]):
        raise ConfigError(
            f"{', '.join(mixed)}: varies too, and runs that differ in it would be averaged; add it to subject or to "
            "tuned, or choose the runs that have one value of it"
        )
    return list(subject), list(tuned)


def _name_selecting(reported: str) -> str:
    """Name the best value on the validation part of the measure that is reported, whichever epoch it is reported of."""
    name = split_metric(reported)
    return f"best_val_{name.measure}" if name else reported


def _choose_selecting(runs: pd.DataFrame, selecting: str, reported: str) -> tuple[str, str]:
    """Say by which metric settings are chosen, and that in words."""
    with_it, with_result = (len(runs) - take_metric(runs, name).count(None) for name in (selecting, reported))
    if not with_it:
        return (
            reported,
            f"there is no {selecting}: settings were chosen by {reported} itself, which flatters all of them",
        )
    n_without, kind = with_result - with_it, find_repeats(runs).kind
    left_out = f"; not counted: {count(n_without, 'run')} without it" if n_without > 0 else ""
    return selecting, f"settings were chosen by the mean of {selecting} over {kind}s{left_out}"


def _make_cells(
    runs: pd.DataFrame, subject: Sequence[str], tuned: Sequence[str], selecting: str, reported: str
) -> dict[Values, dict[Values, Cell]]:
    """Give each subject's cells by setting; what is reported is of the runs that have the selecting metric."""
    results = zip(take_metric(runs, selecting), take_metric(runs, reported), strict=True)
    both = runs[[value is not None or result is None for value, result in results]]
    by = [*subject, *tuned]
    reported_by = {tuple(one.settings.values()): one for one in group_runs(both, reported, by=by)}
    cells: dict[Values, dict[Values, Cell]] = {}
    for one in sorted(group_runs(runs, selecting, by=by), key=lambda one: one.rows):
        values = tuple(one.settings.values())
        cell = Cell(one, reported_by.get(values, replace(one, counted={}, values={}, sources={})))
        cells.setdefault(values[: len(subject)], {})[values[len(subject) :]] = cell
    return cells


def _pair(names: Sequence[str], values: Values) -> dict[str, object]:
    return dict(zip(names, values, strict=True))


def _find_best(cells: Sequence[Mapping[Values, Cell]], sign: int) -> Values | None:
    """Find the setting with the best mean over some subjects, among those that all of them have tried.

    One that lost a failed run is chosen only if there is no other; of equal ones the first in order.
    """
    common = [setting for setting in next(iter(cells), {}) if all(setting in own for own in cells)]

    def rank(setting: Values) -> tuple[bool, float, list[tuple[bool, float, str]]]:
        row = [own[setting].selecting for own in cells]
        # numbers before texts, so that ties do not depend on the order of the runs
        order = [
            (False, float(value), "") if isinstance(value, int | float) else (True, 0.0, str(value))
            for value in setting
        ]
        return not all(one.is_whole for one in row), -sign * fmean(one.mean for one in row), order

    return min(common, key=rank, default=None)
