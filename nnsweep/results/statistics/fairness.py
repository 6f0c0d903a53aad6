"""A fair comparison: every architecture at the learning rate and schedule that suit it best.

One rate for all favours those whom it happens to suit. Here each subject of the comparison has its own best setting,
chosen by validation accuracy and reported by test accuracy, beside the one setting that is best for all on average.
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
from nnsweep.results.statistics.boundary import Values, find_boundaries
from nnsweep.results.statistics.summary import correct_confidence, summarize
from nnsweep.results.statistics.tests import compare_means, count_pairs

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
        count), ``mean``, ``std`` of the reported metric there, ``half`` (of its interval, which holds at once for all
        that were tried, since the best was picked among them; by Bonferroni's inequality), ``n_finished`` and
        ``n_ended``; ``same_n``, ``same_mean``, ``same_std`` at the setting that is the same for all (missing if there
        is none); ``gain``, mean - same_mean; ``n_settings``, how many were tried; and ``on_edge``, whether there is a
        warning.
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


class Spread(NamedTuple):
    """How many repeats of a number there are, their mean, and their standard deviation (from n - 1)."""

    n: int
    mean: float
    std: float


class Cell(NamedTuple):
    """A subject at one setting.

    Attributes
    ----------
    chosen_by, told : Configuration
        Its runs with the selecting and with the reported metric.
    """

    chosen_by: Configuration
    told: Configuration

    @property
    def is_whole(self) -> bool:
        """Whether no failed run is left out; a setting that lost one is chosen only if there is no other."""
        return self.chosen_by.is_whole

    @property
    def selecting(self) -> float:
        """The mean of what selects."""
        return self.chosen_by.mean

    @property
    def reported(self) -> Spread:
        """What is reported."""
        (values,) = summarize([self.told])
        return Spread(len(self.told.values), values.mean, values.std)


Cells = Mapping[Values, Mapping[Values, Cell]]
"""By the subject's values and by those of the setting; only cells with a finished run."""


def fair_comparison(
    runs: pd.DataFrame,
    *,
    subject: Sequence[str] | None = None,
    tuned: Sequence[str] | None = None,
    selecting: str = "best_val_accuracy",
    reported: str = "test_accuracy",
    confidence: float = 0.95,
    failures: str | None = None,
) -> FairComparison:
    """Compare subjects, each at its own best setting.

    The best is that with the highest mean over repeats of the selecting metric; of equal ones the first in order, so of
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
    selecting, reported : str
        Metrics of which more is better.
    confidence : float
        Of the intervals.
    failures : {"chance", "ignore"}, optional
        What failed runs count as; see `nnsweep.results.grouping.group_runs`.

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
    runs = with_failures(runs, failures)
    subjects, tuned_names = _roles(runs, subject, tuned)
    chosen_by, note = _chosen_by(runs, selecting, reported)
    tried = _tried(runs, subjects, tuned_names, (chosen_by, reported))
    cells = {who: own for who, all_of_it in tried.items() if (own := _finished_cells(all_of_it))}
    best = {who: _best(own) for who, own in cells.items()}
    same = _best_for_all(cells)
    on_edge = {
        who: find_boundaries(list(tried[who]), tuned_names, setting, differs=_differs(tried[who], setting))
        for who, setting in best.items()
    }
    sure = correct_confidence([cell.told for all_of_it in tried.values() for cell in all_of_it.values()], confidence)
    rows = [
        (
            *(*who, _told(subjects, who), *setting, _setting_told(tuned_names, setting)),
            *(cells[who][setting].selecting, *_reported(cells[who], setting, same, sure)),
            *(len(tried[who]), bool(on_edge[who])),
        )
        for who, setting in best.items()
    ]
    table = pd.DataFrame(rows, columns=[*subjects, "label", *tuned_names, "setting", *NUMBERS])
    return FairComparison(
        table=table.sort_values("mean", ascending=False, kind="stable", ignore_index=True),
        subject=tuple(subjects),
        tuned=tuple(tuned_names),
        selecting=chosen_by,
        reported=reported,
        same=None if same is None else _pairs(tuned_names, same),
        notes=(note, *(f"{_told(subjects, who)}: no run finished" for who in tried if who not in cells)),
        warnings=tuple(f"{_told(subjects, who)}: {edge.words}" for who, found in on_edge.items() for edge in found),
    )


NUMBERS = (
    *("selecting_mean", "n", "mean", "std", "half", "n_finished", "n_ended"),
    *("same_n", "same_mean", "same_std", "gain"),
    *("n_settings", "on_edge"),
)


def _reported(own: Mapping[Values, Cell], setting: Values, same: Values | None, confidence: float) -> tuple[float, ...]:
    """Give the reported metric at the subject's own best setting, at that of all, and the difference of the means."""
    best, at_same = own[setting], Spread(0, math.nan, math.nan) if same is None else own[same].reported
    (found,) = summarize([best.told], confidence)
    n, mean, std = best.reported
    half = found.high - mean
    return n, mean, std, half, len(best.told.counted), best.told.n_ended, *at_same, mean - at_same.mean


def _differs(tried: Mapping[Values, Cell], setting: Values) -> Callable[[Values], bool]:
    """Tell the best from another setting, with a p that is corrected for all pairs of those tried (Bonferroni)."""
    best, family = tried[setting].chosen_by, count_pairs(len(tried))

    def differs(other: Values) -> bool:
        there = tried[other].chosen_by
        found = compare_means(best.units, there.units, overlap=best.repeats.overlap)
        return found.p * family < SIGNIFICANCE

    return differs


def _roles(
    runs: pd.DataFrame, subject: Sequence[str] | None, tuned: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Say which columns are compared and which are tuned, and refuse what would be mixed without a word."""
    check_columns(runs, [*(subject or ()), *(tuned or ())])
    names = varying_settings(runs)
    tunable = [name for name in names if name.partition(".")[0] in TUNED] if tuned is None else list(tuned)
    codes = {name: coded(runs, name) for name in dict.fromkeys([*names, *(subject or ()), *tunable])}

    def tell(some: Sequence[str], known: Sequence[str] = ()) -> list[str]:
        return choose_distinguishing({name: codes[name] for name in [*known, *some]}, known)

    if subject is None:
        subject = tell([name for name in names if name not in tunable])
        subject = subject or (tell([name for name in TUNED if name in names]) if tuned is None else [])
    if not subject:
        raise ConfigError("nothing varies that could be compared; name it: subject=[...]")
    if tuned is None:
        tuned = tell([name for name in tunable if name not in subject], subject)
    if mixed := tell([name for name in names if name not in (*subject, *tuned)], [*subject, *tuned]):
        raise ConfigError(
            f"{', '.join(mixed)}: varies too, and runs that differ in it would be averaged; add it to subject or to "
            "tuned, or choose the runs that have one value of it"
        )
    return list(subject), list(tuned)


def _chosen_by(runs: pd.DataFrame, selecting: str, reported: str) -> tuple[str, str]:
    """Say by which metric settings are chosen, and that in words."""
    with_it, with_result = (
        sum(value is not None for value in take_metric(runs, name)) for name in (selecting, reported)
    )
    if not with_it:
        return reported, f"{selecting} is not known: settings were chosen by {reported} itself, which flatters them all"
    left_out = f"; runs without it do not count: {with_result - with_it}" if with_result > with_it else ""
    kind = find_repeats(runs).kind
    return selecting, f"settings were chosen by the mean of {selecting} over {kind}s{left_out}"


def _tried(
    runs: pd.DataFrame, subject: Sequence[str], tuned: Sequence[str], metrics: tuple[str, str]
) -> dict[Values, dict[Values, Cell]]:
    selecting, reported = metrics
    results = zip(take_metric(runs, selecting), take_metric(runs, reported), strict=True)
    both = runs[[chosen_by is not None or told is None for chosen_by, told in results]]  # what is reported is of these
    by = [*subject, *tuned]
    told = {tuple(one.settings.values()): one for one in group_runs(both, reported, by=by)}
    tried: dict[Values, dict[Values, Cell]] = {}
    for one in sorted(group_runs(runs, selecting, by=by), key=lambda one: one.rows):
        values = tuple(one.settings.values())
        cell = Cell(one, told.get(values, replace(one, counted={}, values={}, sources={})))
        tried.setdefault(values[: len(subject)], {})[values[len(subject) :]] = cell
    return tried


def _told(names: Sequence[str], values: Values) -> str:
    return describe_settings(_pairs(names, values))


def _setting_told(names: Sequence[str], values: Values) -> str:
    return describe_settings(_pairs(names, values), nothing="as it is")


def _pairs(names: Sequence[str], values: Values) -> dict[str, object]:
    return dict(zip(names, values, strict=True))


def _finished_cells(tried: Mapping[Values, Cell]) -> dict[Values, Cell]:
    return {setting: cell for setting, cell in tried.items() if cell.chosen_by.counted}


def _best(cells: Mapping[Values, Cell]) -> Values:
    return min(cells, key=lambda setting: (not cells[setting].is_whole, -cells[setting].selecting, _order(setting)))


def _best_for_all(cells: Cells) -> Values | None:
    """Choose the setting with the best mean over the subjects, among those that every subject has tried."""
    common = [setting for setting in next(iter(cells.values()), {}) if all(setting in own for own in cells.values())]

    def rank(setting: Values) -> tuple[bool, float, list[tuple[bool, float, str]]]:
        row = [own[setting] for own in cells.values()]
        return not all(cell.is_whole for cell in row), -fmean(cell.selecting for cell in row), _order(setting)

    return min(common, key=rank, default=None)


def _order(setting: Values) -> list[tuple[bool, float, str]]:
    """Order settings: by numbers before texts, so that ties do not depend on the order of the runs."""
    return [
        (False, float(value), "") if isinstance(value, int | float) else (True, 0.0, str(value)) for value in setting
    ]
