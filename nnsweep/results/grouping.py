"""A grouping: the runs of a frame put together by configuration, one run a seed in each.

A configuration is what a run was asked for besides its seed: the settings that vary in the frame. Statistics over
seeds, over examples and of effects all start from here, so that they agree on what is compared and which runs count.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.messages import unknown, visible
from nnsweep.results.frame import METRICS, plain, settings
from nnsweep.results.ranking import counted
from nnsweep.tracking.record import CHOICES

SEED = "seed"
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
        Position of the run that counts, by seed; in the order of the seeds.
    values : dict
        The metric of that run, by seed; in the same order.
    n_failed : int
        Seeds that were run and have no run that counts.
    """

    label: str
    settings: dict[str, object]
    rows: tuple[int, ...]
    counted: dict[Hashable, int]
    values: dict[Hashable, float]
    n_failed: int


def grouped(runs: pd.DataFrame, metric: str, *, by: Sequence[str] | None = None) -> list[Configuration]:
    """Put the runs of a frame together by configuration.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs. Without a column ``seed`` the runs of a configuration are repeats that nothing pairs.
    metric : str
        The column that a run must have a value of to count (`nnsweep.results.ranking.counted`). Where no run has
        finished, no run has a metric: a known one may be absent, and then none counts.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.

    Returns
    -------
    list of Configuration
        By label. What comes out does not depend on the order of the rows.

    Raises
    ------
    ConfigError
        If a column is unknown, or two runs that count have the same configuration and seed.
    """
    check_columns(runs, [*([] if metric in METRICS else [metric]), *(by or ())])
    names = list(by) if by is not None else varying_settings(runs, metric)
    codes = {name: coded(runs, name) for name in names}
    told = names if by is not None else telling(codes)
    members: dict[tuple[Hashable, ...], list[int]] = {}
    for row in range(len(runs)):
        members.setdefault(tuple(codes[name][row] for name in told), []).append(row)
    columns = {name: plain(runs[name]) for name in told}
    choices = [{name: columns[name][rows[0]] for name in told} for rows in members.values()]
    states = plain(runs["state"]) if "state" in runs.columns else ["finished"] * len(runs)
    table = _Table(counted(runs, metric), _seeds(runs), states)
    labelled = zip(_labels(choices), choices, members.values(), strict=True)
    found = [_configuration(table, label, chosen, rows) for label, chosen, rows in labelled]
    _check_twins(runs, table, found)
    return sorted(found, key=lambda one: one.label)


def check_columns(runs: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse the names that no column has.

    Raises
    ------
    ConfigError
        With a line for each of them.
    """
    problems = [unknown(name, map(str, runs.columns)) for name in dict.fromkeys(names) if name not in runs.columns]
    if problems:
        raise ConfigError(*problems)


def varying_settings(runs: pd.DataFrame, metric: str = "") -> list[str]:
    """Name the settings that make the configurations: those with several values, without the seed.

    A further seed (``data.split_seed``) that goes in step with the seed belongs to it. Where no column tells the
    layers, depth and width do.

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
    names = [name for name in settings(runs) if name not in (SEED, metric)]
    if not set(ARCHITECTURE) & set(runs.columns):
        names += [name for name in ("depth", "width") if name in runs.columns and name not in (*names, metric)]
    codes = {name: coded(runs, name) for name in names}
    seeds = coded(runs, SEED) if SEED in runs.columns else []
    return [name for name in names if len(set(codes[name])) > 1 and not _is_seed(name, codes[name], seeds)]


def coded(runs: pd.DataFrame, name: str) -> list[Hashable]:
    """Give a column's values as keys: 1 and 1.0 are one, 1 and true are two, missing is a value."""
    return [
        value if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)
        for value in plain(runs[name])
    ]


def follows(name: str, others: Sequence[str], codes: Codes) -> bool:
    """Tell whether a column is a function of others: where they are equal, it is."""
    return n_groups(others, codes) == n_groups([*others, name], codes)


def n_groups(names: Sequence[str], codes: Codes) -> int:
    """Count the different combinations of values that columns have."""
    return len(set(zip(*(codes[name] for name in names), strict=True))) if names else 1


def telling(codes: Codes, known: Sequence[str] = ()) -> list[str]:
    """Choose columns that tell all combinations apart, each adding to the `known` ones and to those before it.

    The layers' sizes take the place of the architecture's name where they tell more.
    """
    names = [name for name in codes if name not in known and (name != "arch" or not _are_finer_sizes(codes))]
    kept: list[str] = []
    for name in names:
        if not follows(name, [*known, *kept], codes):
            kept.append(name)
    return kept


def in_full(choices: Mapping[str, object], nothing: str = "all runs") -> str:
    """Write what makes a configuration with all its names; one without any is `nothing`.

    Examples
    --------
    >>> in_full({"arch": "deep", "optimizer.learning_rate": 0.1}), in_full({})
    ('arch=deep, optimizer.learning_rate=0.1', 'all runs')
    """
    told = (
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in choices.items()
        if value is not None
    )
    return ", ".join(told) or nothing


def told_run(runs: pd.DataFrame, row: int) -> str:
    """Name a run for a message: its name and id, as far as it has them, or its row."""
    cells = [plain(runs[name])[row] for name in ("name", "run_id") if name in runs.columns]
    return visible(" ".join(str(cell) for cell in cells if cell not in (None, ""))) or f"row {row}"


@dataclass(frozen=True)
class _Table:
    values: Sequence[float | None]
    seeds: Sequence[Hashable]
    states: Sequence[object]


def _configuration(table: _Table, label: str, chosen: dict[str, object], rows: Sequence[int]) -> Configuration:
    usable = sorted((row for row in rows if table.values[row] is not None), key=lambda row: _order(table, row))
    by_seed = {table.seeds[row]: row for row in usable}
    ended = {table.seeds[row] for row in rows if table.states[row] != "running"}
    return Configuration(
        label=label,
        settings=chosen,
        rows=tuple(rows),
        counted=by_seed,
        values={seed: table.values[row] or 0.0 for seed, row in by_seed.items()},
        n_failed=len(ended - set(by_seed)),
    )


def _order(table: _Table, row: int) -> tuple[bool, float, str, float]:
    """By seed, numbers before text; by value where there are no seeds."""
    seed, value = table.seeds[row], table.values[row] or 0.0
    if isinstance(seed, int | float):
        return False, seed, "", value
    return True, 0.0, "" if isinstance(seed, tuple) else str(seed), value


def _seeds(runs: pd.DataFrame) -> list[Hashable]:
    return coded(runs, SEED) if SEED in runs.columns else [("row", row) for row in range(len(runs))]


def _is_seed(name: str, codes: Sequence[Hashable], seeds: Sequence[Hashable]) -> bool:
    """Tell whether a setting is another seed, one to one with the seed."""
    pairs = len(set(zip(codes, seeds, strict=False)))
    return name.rpartition(".")[2].endswith(SEED) and pairs == len(set(codes)) == len(set(seeds))


def _are_finer_sizes(codes: Codes) -> bool:
    arch, sizes = ARCHITECTURE
    if not {arch, sizes} <= set(codes):
        return False
    return follows(arch, [sizes], codes) and not follows(sizes, [arch], codes)


def _check_twins(runs: pd.DataFrame, table: _Table, found: Sequence[Configuration]) -> None:
    twins = [
        (one, row)
        for one in found
        for row in one.rows
        if table.values[row] is not None and one.counted[table.seeds[row]] != row
    ]
    problems = [_twin(runs, one, row, one.counted[table.seeds[row]]) for one, row in twins[:SHOWN_PROBLEMS]]
    if len(twins) > SHOWN_PROBLEMS:
        problems.append(f"and {len(twins) - SHOWN_PROBLEMS} more such pairs")
    if problems:
        raise ConfigError(*problems)


def _twin(runs: pd.DataFrame, one: Configuration, row: int, other: int) -> str:
    columns = [name for name in varying_settings(runs) if len({coded(runs, name)[row], coded(runs, name)[other]}) > 1]
    way_out = f"name what they differ in: {', '.join(map(visible, columns))}" if columns else "leave one of them out"
    first, second = sorted([told_run(runs, row), told_run(runs, other)])
    return f"the runs {first} and {second} have one configuration ({one.label}) and one seed; {way_out}"


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
    return visible(text if name in BARE and value is not None else f"{short}={text}")


def _exact(name: str, short: str, value: object) -> str:
    return visible(f"{name}={value!r}")
