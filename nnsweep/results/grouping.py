"""A grouping: the runs of a frame put together by configuration, one run a repeat in each.

A configuration is what a run was asked for besides what makes it a repeat: the settings that vary in the frame.
Statistics over repeats, over examples and of effects all start from here, so that they agree on what is compared, which
runs count, and what stands for a run that failed.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.factors import (
    KINDS,
    Repeats,
    check_settings,
    choose_distinguishing,
    find_repeats,
    varying_settings,
)
from nnsweep.results.frame import check_columns, check_metric, coded, plain, take_metric, take_numbers
from nnsweep.results.metrics import name_baseline, split_metric
from nnsweep.text import explain_unknown, printable
from nnsweep.tracking.record import CHOICES

FAILURES = ("chance", "ignore")
"""What a failed run's accuracy counts as: that of guessing, or nothing."""
FAILED = ("failed", "diverged")
BARE = tuple(name for name in CHOICES if name != "output_activation")
"""Settings whose values say by themselves what they are of."""
MOST_TWINS = 5


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One configuration of a frame of runs.

    Attributes
    ----------
    label : str
        What tells it from the others, such as ``20-20 tanh learning_rate=0.1``.
    settings : dict
        The values of the settings that the label is made of.
    rows : tuple of int
        Positions of all its runs in the frame.
    counted : dict
        Position of the run that finished with a value, by repeat; in their order.
    values : dict
        The metric of that run, by repeat, and what stands for a failed one; in their order.
    sources : dict
        Position of the run that each of the values is of.
    n_failed : int
        Repeats that failed, diverged or finished without a value; not those that were interrupted or are running.
    is_whole : bool
        Whether no failed repeat is left out of the values although failures count.
    repeats : Repeats
        How its runs repeat each other.
    """

    label: str
    settings: dict[str, object]
    rows: tuple[int, ...]
    counted: dict[Hashable, int]
    values: dict[Hashable, float]
    sources: dict[Hashable, int]
    n_failed: int
    is_whole: bool
    repeats: Repeats

    @cached_property
    def units(self) -> dict[Hashable, float]:
        """The mean of the values in each unit, such as of the seeds of a fold."""
        members: dict[Hashable, list[float]] = {}
        for key, value in self.values.items():
            members.setdefault(self.repeats.unit(key), []).append(value)
        return {unit: math.fsum(values) / len(values) for unit, values in members.items()}

    @property
    def finished(self) -> list[float]:
        """The values of the runs that finished."""
        return [self.values[key] for key in self.counted]

    @property
    def levels(self) -> tuple[object, ...]:
        """The value of each setting that it was grouped by."""
        return tuple(self.settings.values())

    @property
    def kind(self) -> str:
        """What a unit is called: ``seed``, ``fold``, ..."""
        return self.repeats.kind

    @cached_property
    def mean(self) -> float:
        """The mean over units; NaN without any."""
        return math.fsum(self.units.values()) / len(self.units) if self.units else math.nan

    @property
    def n_ended(self) -> int:
        """How many repeats finished or failed."""
        return len(self.counted) + self.n_failed


def group_runs(
    runs: pd.DataFrame, metric: str, *, by: Sequence[str] | None = None, failures: str | None = None
) -> list[Configuration]:
    """Put the runs of a frame together by configuration.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs. Without a column that tells repeats apart, the runs of a configuration are repeats that
        nothing pairs.
    metric : str
        The column that a run must have a value of to count (`nnsweep.results.frame.take_metric`). Where no run has
        finished, no run has a metric: a known one may be absent, and then none counts.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    failures : {"chance", "ignore"}, optional
        What a run counts as that failed, diverged or finished without the metric: what guessing achieves, such as its
        ``chance_accuracy``, where that is known, or nothing; by default what ``runs.attrs["failures"]`` says, or else
        chance.

    Returns
    -------
    list of Configuration
        By label. What comes out does not depend on the order of the rows.

    Raises
    ------
    ConfigError
        If a column is unknown or a repeat (``by=["seed"]``), `failures` is none of `FAILURES`, or two runs that count
        are the same repeat of one configuration.
    """
    runs = with_failures(runs, failures)
    check_metric(runs, metric)
    check_columns(runs, by=by or ())
    check_settings(by or ())
    codes = {name: coded(runs, name) for name in (varying_settings(runs, metric) if by is None else by)}
    names = choose_distinguishing(codes) if by is None else list(by)
    members: dict[tuple[Hashable, ...], list[int]] = {}
    for row in range(len(runs)):
        members.setdefault(tuple(codes[name][row] for name in names), []).append(row)
    columns = {name: plain(runs[name]) for name in names}
    settings = [{name: columns[name][rows[0]] for name in names} for rows in members.values()]
    results = _take_results(runs, metric)
    groups = zip(make_labels(settings), settings, members.values(), strict=True)
    configurations = [_make_configuration(results, *group) for group in groups]
    _refuse_twins(runs, results, configurations)
    return sorted(configurations, key=lambda one: one.label)


def with_failures(runs: pd.DataFrame, failures: str | None) -> pd.DataFrame:
    """Give the same frame with what its failed runs count as, for all that is computed from it.

    Raises
    ------
    ConfigError
        If it is none of `FAILURES`.
    """
    if failures is None:
        return runs
    if failures not in FAILURES:
        raise ConfigError(explain_unknown(failures, FAILURES))
    runs = runs.copy(deep=False)
    runs.attrs = runs.attrs | {"failures": failures}
    return runs


def describe_settings(choices: Mapping[str, object], nothing: str = "all runs") -> str:
    """Write what makes a configuration with all its names; one without any is `nothing`.

    Examples
    --------
    >>> describe_settings({"arch": "deep", "optimizer.learning_rate": 0.1}), describe_settings({})
    ('arch=deep, optimizer.learning_rate=0.1', 'all runs')
    """
    parts = (
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in choices.items()
        if value is not None
    )
    return ", ".join(parts) or nothing


def describe_run(runs: pd.DataFrame, row: int) -> str:
    """Name a run for a message: its name and id, as far as it has them, or its row."""
    cells = [plain(runs[name])[row] for name in ("name", "run_id") if name in runs.columns]
    return printable(" ".join(str(cell) for cell in cells if cell not in (None, ""))) or f"row {row}"


class _Results(NamedTuple):
    """What the runs of a frame came to, row by row.

    Attributes
    ----------
    keys : sequence of hashable
        Which repeat a run is.
    values : sequence of float or None
        The metric of those that finished with one.
    counts : sequence of float or None
        What a run counts as: its metric, or what stands for it if it failed.
    is_failure : sequence of bool
        Whether a run failed, whatever it counts as.
    ignore_failures : bool
        Whether failures count as nothing.
    """

    repeats: Repeats
    keys: Sequence[Hashable]
    values: Sequence[float | None]
    counts: Sequence[float | None]
    is_failure: Sequence[bool]
    ignore_failures: bool

    def place(self, row: int) -> tuple[list[tuple[bool, float, str]], float]:
        """Order rows by repeat, numbers before text; by value where nothing tells repeats apart."""
        key = self.keys[row]
        parts = () if not self.repeats.axes else key if isinstance(key, tuple) else (key,)
        places = [(False, part, "") if isinstance(part, int | float) else (True, 0.0, str(part)) for part in parts]
        return places, self.counts[row] or 0.0


def _take_results(runs: pd.DataFrame, metric: str) -> _Results:
    repeats, ignore_failures = find_repeats(runs), runs.attrs.get("failures") == "ignore"
    states = plain(runs["state"]) if "state" in runs.columns else ["finished"] * len(runs)
    name = split_metric(metric)
    may_lack = name is not None and name.part == "val"  # without a validation part no run has it: that is no failure
    values, tested = take_metric(runs, metric), take_metric(runs, f"test_{name.measure}" if name else metric)
    is_failure = [
        state in FAILED or (state == "finished" and value is None and not (may_lack and other is not None))
        for state, value, other in zip(states, values, tested, strict=True)
    ]
    counts = values
    if not ignore_failures:
        chances = [None if math.isnan(chance) else chance for chance in take_numbers(runs, name_baseline(metric))]
        different = {*chances} - {None}
        common = different.pop() if len(different) == 1 else None  # also of runs that failed before theirs was known
        counts = [
            (common if chance is None else chance) if failed else value
            for value, chance, failed in zip(values, chances, is_failure, strict=True)
        ]
    return _Results(repeats, repeats.keys(runs), values, counts, is_failure, ignore_failures)


def _make_configuration(
    results: _Results, label: str, settings: dict[str, object], rows: Sequence[int]
) -> Configuration:
    usable = sorted((row for row in rows if results.values[row] is not None), key=results.place)
    counted = {results.keys[row]: row for row in usable}
    failed = {results.keys[row]: row for row in rows if results.is_failure[row] and results.keys[row] not in counted}
    replaced = {key: row for key, row in failed.items() if results.counts[row] is not None}
    sources = dict(sorted((counted | replaced).items(), key=lambda pair: results.place(pair[1])))
    return Configuration(
        label=label,
        settings=settings,
        rows=tuple(rows),
        counted=counted,
        values={key: results.counts[row] or 0.0 for key, row in sources.items()},
        sources=sources,
        n_failed=len(failed),
        is_whole=results.ignore_failures or len(replaced) == len(failed),
        repeats=results.repeats,
    )


def _refuse_twins(runs: pd.DataFrame, results: _Results, configurations: Sequence[Configuration]) -> None:
    twins = [
        (one, row, one.counted[results.keys[row]])
        for one in configurations
        for row in one.rows
        if results.values[row] is not None and one.counted[results.keys[row]] != row
    ]
    if not twins:
        return
    codes = {name: coded(runs, name) for name in varying_settings(runs)}
    problems = []
    for one, row, other in twins[:MOST_TWINS]:
        different = [printable(name) for name, code in codes.items() if code[row] != code[other]]
        way_out = f"name what they differ in: {', '.join(different)}" if different else "leave one of them out"
        first, second = sorted([describe_run(runs, row), describe_run(runs, other)])
        kinds = " and ".join(f"one {KINDS[name]}" for name in one.repeats.axes)
        problems.append(f"the runs {first} and {second} have one configuration ({one.label}) and {kinds}; {way_out}")
    if len(twins) > MOST_TWINS:
        problems.append(f"and {len(twins) - MOST_TWINS} more such pairs")
    raise ConfigError(*problems)


def make_labels(configurations: Sequence[Mapping[str, object]]) -> list[str]:
    """Write each configuration as short as leaves all of them different.

    Examples
    --------
    >>> make_labels([{"arch": "deep", "optimizer.learning_rate": rate} for rate in (0.1, 0.3)])
    ['deep learning_rate=0.1', 'deep learning_rate=0.3']
    """
    names = list(configurations[0]) if configurations else []
    last = [name.rpartition(".")[2] for name in names]
    short = {name: end if last.count(end) == 1 else name for name, end in zip(names, last, strict=True)}

    def briefly(name: str, value: object) -> str:
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        return printable(text if name in BARE and value is not None else f"{short[name]}={text}")

    styles: list[Callable[[str, object], str]] = [
        lambda name, value: "" if value is None else briefly(name, value),
        briefly,
        lambda name, value: printable(f"{name}={value!r}"),
    ]
    labels: list[str] = []
    for style in styles:
        labels = [" ".join(filter(None, (style(name, one[name]) for name in names))) for one in configurations]
        if len(set(labels)) == len(labels) and (all(labels) or len(labels) == 1):
            break
    return [label or "all runs" for label in labels]
