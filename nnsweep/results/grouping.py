"""A grouping: the runs of a frame put together by configuration, one run a repeat in each.

A configuration is what a run was asked for besides what makes it a repeat (`nnsweep.results.repeats`): the settings
that vary in the frame. Statistics over repeats, over examples and of effects all start from here, so that they agree
on what is compared, which runs count, and what stands for a run that failed.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.frame import METRICS, coded, list_settings, plain, take_metric, varies
from nnsweep.results.repeats import KINDS, Repeats, repeats_of
from nnsweep.text import explain_unknown, printable
from nnsweep.tracking.record import CHOICES

FAILURES = ("chance", "ignore")
"""What a failed run's accuracy counts as: that of guessing, or nothing."""
FAILED = ("failed", "diverged")
VALIDATED = ("best_val_accuracy", "val_accuracy")
ARCHITECTURE = ("arch", "hidden_layer_sizes")
BARE = tuple(name for name in CHOICES if name != "output_activation")
SHOWN_PROBLEMS = 5

Codes = Mapping[str, Sequence[Hashable]]


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
        What an accuracy of a run counts as that failed, diverged or finished without one: its ``chance_accuracy``,
        where that is known, or nothing; by default what ``runs.attrs["failures"]`` says, or else chance.

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
    check_columns(runs, [*([] if metric in METRICS else [metric]), *(by or ())])
    check_settings(by or ())
    names = list(by) if by is not None else varying_settings(runs, metric)
    codes = {name: coded(runs, name) for name in names}
    told = names if by is not None else choose_telling(codes)
    members: dict[tuple[Hashable, ...], list[int]] = {}
    for row in range(len(runs)):
        members.setdefault(tuple(codes[name][row] for name in told), []).append(row)
    columns = {name: plain(runs[name]) for name in told}
    choices = [{name: columns[name][rows[0]] for name in told} for rows in members.values()]
    table = _table(runs, metric, runs.attrs.get("failures", FAILURES[0]))
    labelled = zip(_labels(choices), choices, members.values(), strict=True)
    found = [_configuration(table, label, chosen, rows) for label, chosen, rows in labelled]
    _check_twins(runs, table, found)
    return sorted(found, key=lambda one: one.label)


def check_settings(names: Iterable[str]) -> None:
    """Refuse to take for a setting what makes repeats.

    Raises
    ------
    ConfigError
        With a line for each of them.
    """
    problems = [
        f"{name}: runs that differ in their {KINDS[name]} are repeats and are averaged, so it makes no configuration; "
        "leave it out"
        for name in names
        if name in KINDS
    ]
    if problems:
        raise ConfigError(*problems)


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


def check_columns(runs: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse the names that no column has.

    Raises
    ------
    ConfigError
        With a line for each of them.
    """
    problems = [
        explain_unknown(name, map(str, runs.columns)) for name in dict.fromkeys(names) if name not in runs.columns
    ]
    if problems:
        raise ConfigError(*problems)


def varying_settings(runs: pd.DataFrame, metric: str = "") -> list[str]:
    """Name the settings that make the configurations: those with several values, without what makes repeats.

    Where no column tells the layers, depth and width do.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str
        A column that is no setting, which a table read from a file may not show.

    Returns
    -------
    list of str
        Columns, in their order.
    """
    names = [name for name in list_settings(runs) if name not in KINDS and name != metric]
    if not set(ARCHITECTURE) & set(runs.columns):
        names += [name for name in ("depth", "width") if name in runs.columns and name not in (*names, metric)]
    return [name for name in names if varies(runs, name)]


def is_function_of(name: str, others: Sequence[str], codes: Codes) -> bool:
    """Tell whether a column is a function of others: where they are equal, it is."""
    return count_combinations(others, codes) == count_combinations([*others, name], codes)


def count_combinations(names: Sequence[str], codes: Codes) -> int:
    """Count the different combinations of values that columns have."""
    return len(set(zip(*(codes[name] for name in names), strict=True))) if names else 1


def choose_telling(codes: Codes, known: Sequence[str] = ()) -> list[str]:
    """Choose columns that tell all combinations apart, each adding to the `known` ones and to those before it.

    The layers' sizes take the place of the architecture's name where they tell more.
    """
    names = [name for name in codes if name not in known and (name != "arch" or not _are_finer_sizes(codes))]
    kept: list[str] = []
    for name in names:
        if not is_function_of(name, [*known, *kept], codes):
            kept.append(name)
    return kept


def describe_settings(choices: Mapping[str, object], nothing: str = "all runs") -> str:
    """Write what makes a configuration with all its names; one without any is `nothing`.

    Examples
    --------
    >>> describe_settings({"arch": "deep", "optimizer.learning_rate": 0.1}), describe_settings({})
    ('arch=deep, optimizer.learning_rate=0.1', 'all runs')
    """
    told = (
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in choices.items()
        if value is not None
    )
    return ", ".join(told) or nothing


def describe_run(runs: pd.DataFrame, row: int) -> str:
    """Name a run for a message: its name and id, as far as it has them, or its row."""
    cells = [plain(runs[name])[row] for name in ("name", "run_id") if name in runs.columns]
    return printable(" ".join(str(cell) for cell in cells if cell not in (None, ""))) or f"row {row}"


@dataclass(frozen=True)
class _Table:
    """The runs of a frame, column by column.

    Attributes
    ----------
    values : sequence of float or None
        What counts.
    stands : sequence of float or None
        What stands for a run that failed.
    is_failure : sequence of bool
        Whether a run failed, whatever it counts as.
    failures : str
        One of `FAILURES`.
    """

    repeats: Repeats
    keys: Sequence[Hashable]
    values: Sequence[float | None]
    stands: Sequence[float | None]
    is_failure: Sequence[bool]
    failures: str


def _table(runs: pd.DataFrame, metric: str, failures: str) -> _Table:
    repeats = repeats_of(runs)
    states = plain(runs["state"]) if "state" in runs.columns else ["finished"] * len(runs)
    values, tested = take_metric(runs, metric), take_metric(runs, "test_accuracy")
    may_lack = metric in VALIDATED  # without a validation part no run has it, and that is no failure
    is_failure = [
        state in FAILED or (state == "finished" and value is None and not (may_lack and accuracy is not None))
        for state, value, accuracy in zip(states, values, tested, strict=True)
    ]
    counts = metric.endswith("_accuracy") and failures != "ignore"
    chance = _chance(runs) if counts else [None] * len(runs)
    stands = [value if failed else None for value, failed in zip(chance, is_failure, strict=True)]
    return _Table(repeats, repeats.keys(runs), values, stands, is_failure, failures)


def _chance(runs: pd.DataFrame) -> list[float | None]:
    """Give the accuracy of guessing for each run; one that failed before it was known has that of the others."""
    column = plain(runs["chance_accuracy"]) if "chance_accuracy" in runs.columns else [None] * len(runs)
    known = [float(value) if isinstance(value, int | float) else None for value in column]
    several = {value for value in known if value is not None}
    common = several.pop() if len(several) == 1 else None
    return [common if value is None else value for value in known]


def _configuration(table: _Table, label: str, chosen: dict[str, object], rows: Sequence[int]) -> Configuration:
    usable = sorted((row for row in rows if table.values[row] is not None), key=lambda row: _order(table, row))
    by_key = {table.keys[row]: row for row in usable}
    failed = {table.keys[row]: row for row in rows if table.is_failure[row] and table.keys[row] not in by_key}
    standing = {key: row for key, row in failed.items() if table.stands[row] is not None}
    sources = dict(sorted((by_key | standing).items(), key=lambda pair: _order(table, pair[1])))
    return Configuration(
        label=label,
        settings=chosen,
        rows=tuple(rows),
        counted=by_key,
        values={key: _first(table.values[row], table.stands[row]) for key, row in sources.items()},
        sources=sources,
        n_failed=len(failed),
        is_whole=table.failures == "ignore" or len(standing) == len(failed),
        repeats=table.repeats,
    )


def _first(value: float | None, otherwise: float | None) -> float:
    return value if value is not None else otherwise or 0.0


def _order(table: _Table, row: int) -> tuple[list[tuple[bool, float, str]], float]:
    """By repeat, numbers before text; by value where nothing tells repeats apart."""
    key = table.keys[row]
    parts = () if not table.repeats.axes else key if isinstance(key, tuple) else (key,)
    places = [(False, part, "") if isinstance(part, int | float) else (True, 0.0, str(part)) for part in parts]
    return places, _first(table.values[row], table.stands[row])


def _are_finer_sizes(codes: Codes) -> bool:
    arch, sizes = ARCHITECTURE
    if not {arch, sizes} <= set(codes):
        return False
    return is_function_of(arch, [sizes], codes) and not is_function_of(sizes, [arch], codes)


def _check_twins(runs: pd.DataFrame, table: _Table, found: Sequence[Configuration]) -> None:
    twins = [
        (one, row)
        for one in found
        for row in one.rows
        if table.values[row] is not None and one.counted[table.keys[row]] != row
    ]
    problems = [_twin(runs, one, row, one.counted[table.keys[row]]) for one, row in twins[:SHOWN_PROBLEMS]]
    if len(twins) > SHOWN_PROBLEMS:
        problems.append(f"and {len(twins) - SHOWN_PROBLEMS} more such pairs")
    if problems:
        raise ConfigError(*problems)


def _twin(runs: pd.DataFrame, one: Configuration, row: int, other: int) -> str:
    columns = [name for name in varying_settings(runs) if len({coded(runs, name)[row], coded(runs, name)[other]}) > 1]
    way_out = f"name what they differ in: {', '.join(map(printable, columns))}" if columns else "leave one of them out"
    first, second = sorted([describe_run(runs, row), describe_run(runs, other)])
    kinds = " and ".join(f"one {KINDS[name]}" for name in one.repeats.axes)
    return f"the runs {first} and {second} have one configuration ({one.label}) and {kinds}; {way_out}"


def _labels(choices: Sequence[Mapping[str, object]]) -> list[str]:
    """Write each configuration as short as leaves all of them different."""
    names = list(choices[0]) if choices else []
    last = [name.rpartition(".")[2] for name in names]
    short = {name: end if last.count(end) == 1 else name for name, end in zip(names, last, strict=True)}
    for style in (_bare, _with_missing, _exact):
        labels = [" ".join(filter(None, (style(name, short[name], one[name]) for name in names))) for one in choices]
        if len(set(labels)) == len(labels) and (all(labels) or len(labels) == 1):
            break
    return [label or "all runs" for label in labels] if choices else []


def _bare(name: str, short: str, value: object) -> str:
    return "" if value is None else _with_missing(name, short, value)


def _with_missing(name: str, short: str, value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return printable(text if name in BARE and value is not None else f"{short}={text}")


def _exact(name: str, short: str, value: object) -> str:
    return printable(f"{name}={value!r}")
