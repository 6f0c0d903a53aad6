"""Studies side by side: the configurations that two of them have, and which of these have moved.

Two studies may have swept different settings, on different days and with different versions. A configuration is the
same in both if it agrees in all settings that either of them varied, on the same data. What else differs is then what
may have moved it.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.results.factors import (
    ARCHITECTURE,
    DATA,
    KINDS,
    SEED,
    choose_distinguishing,
    find_repeats,
    sort_levels,
)
from nnsweep.results.frame import coded, list_settings, plain, varies
from nnsweep.results.grouping import Configuration, group_runs, make_labels, with_failures
from nnsweep.results.metrics import bound_metric
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.data_sets import DATA_SETTINGS, name_data_sets
from nnsweep.results.statistics.intervals import check_confidence, estimate_mean
from nnsweep.results.statistics.tests import compare_means, correct_by_holm
from nnsweep.results.wording import join_words, value_text

NUMBERS = ("first", "first_low", "first_high", "other", "other_low", "other_high", "difference", "low", "high", "p")
DIGITS = 8
"""Digits of a digest that tell two versions of the data apart."""


class StudyPair(NamedTuple):
    """Two studies side by side.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each configuration that both have, that which differs most surely first: ``label``; the mean in each,
        ``first`` and ``other``, with its interval (``first_low`` ...) and the number of independent results
        (``n_first``, ``n_other``); ``difference`` (other minus first) with its interval ``low`` to ``high``, which
        holds for all rows at once; ``test``, ``n_pairs``, ``p``, ``p_holm``, ``moved`` and ``note``.
    only_first, only_other : sequence of str
        The labels of the configurations that one of them has.
    settings : sequence of (str, str, str)
        Settings whose values differ in what both have, with their values in each; those that have no value in common,
        where the studies have no configuration in common.
    data : (sequence of str, sequence of str)
        The names of the data sets of each.
    """

    table: pd.DataFrame
    only_first: Sequence[str]
    only_other: Sequence[str]
    settings: Sequence[tuple[str, str, str]]
    data: tuple[Sequence[str], Sequence[str]]


def compare_two_studies(
    runs: pd.DataFrame,
    is_other: Sequence[bool],
    metric: str | None = None,
    *,
    confidence: float = 0.95,
    failures: str | None = None,
    digests: Sequence[str] = (),
) -> StudyPair:
    """Compare the configurations that two studies have.

    Means are compared by `nnsweep.results.statistics.tests.compare_means`: pair by pair where the studies share most of
    their seeds or folds, else by Welch's test. Which of the k configurations have moved is decided by Holm's method;
    intervals are made at ``1 - (1 - confidence) / k`` (Bonferroni), and end at 0 where Holm alone tells a difference
    (Guilbaud, Biometrical Journal 50, 2008).

    Parameters
    ----------
    runs : pandas.DataFrame
        The frame of the runs of both.
    is_other : sequence of bool
        Which rows are of the other study.
    metric : str, optional
        The column to compare.
    confidence : float
        With which all intervals and decisions hold at once.
    failures : {"chance", "ignore"}, optional
        What failed runs count as: what guessing achieves, or nothing; by default what the frame says, or else chance.
    digests : sequence of str, optional
        What identifies the data of each run, whatever its settings are.

    Raises
    ------
    ConfigError
        If the metric is unknown, or two runs of a study are the same repeat of one configuration.
    """
    metric = choose_metric(runs, metric)
    check_confidence(confidence)
    other = np.asarray(is_other, dtype=bool)
    data = _name_data(runs, other, digests)
    runs = with_failures(runs.assign(**{DATA: data}), failures)
    names = _choose_matching(runs, other)
    groups = [_group(runs, mask, metric, names) for mask in (~other, other)]
    keys = list(dict.fromkeys([*groups[0], *groups[1]]))
    configurations = [groups[0].get(key) or groups[1][key] for key in keys]
    labels = dict(zip(keys, make_labels([one.settings for one in configurations]), strict=True))
    common = [key for key in keys if key in groups[0] and key in groups[1]]
    pairs = [(groups[0][key], groups[1][key]) for key in common]
    rows = [np.flatnonzero(mask).tolist() for mask in (~other, other)]  # of each study in the frame
    places = [([rows[0][row] for row in one.rows], [rows[1][row] for row in two.rows]) for one, two in pairs]
    table = _compare(pairs, metric, confidence)
    table.insert(0, "label", [labels[key] for key in common])
    return StudyPair(
        table=table.sort_values(["p", "label"], na_position="last", ignore_index=True),
        only_first=[labels[key] for key in groups[0] if key not in groups[1]],
        only_other=[labels[key] for key in groups[1] if key not in groups[0]],
        settings=_find_different_settings(runs, places, names) if pairs else _find_disjoint_settings(runs, *rows),
        data=(sorted({data[row] for row in rows[0]}), sorted({data[row] for row in rows[1]})),
    )


def _name_data(runs: pd.DataFrame, other: NDArray[np.bool_], digests: Sequence[str]) -> list[str]:
    """Name the data set of each run; one whose content has changed between the studies has two names."""
    names = name_data_sets(runs)
    if not digests or set(find_repeats(runs).axes) - {SEED}:  # each division of the same data has a digest of its own
        return names
    found: dict[str, tuple[set[str], set[str]]] = {name: (set(), set()) for name in names}
    for name, is_second, digest in zip(names, other.tolist(), digests, strict=True):
        found[name][is_second].update({digest} - {""})
    changed = {name for name, (first, second) in found.items() if first and second and not first & second}
    return [f"{name} {digests[row][:DIGITS]}".strip() if name in changed else name for row, name in enumerate(names)]


def _choose_matching(runs: pd.DataFrame, other: NDArray[np.bool_]) -> list[str]:
    """Name the columns by which a configuration is known again: those that tell either study's apart, and the data."""
    chosen: list[str] = []
    for mask in (~other, other):
        part = runs[mask]
        settings = [name for name in list_settings(runs) if name not in (*KINDS, *DATA_SETTINGS) and varies(part, name)]
        chosen += choose_distinguishing({name: coded(part, name) for name in (DATA, *settings)}, known=[DATA])
    arch, sizes = ARCHITECTURE
    if arch in chosen and sizes in runs.columns and None not in plain(runs[sizes]):  # a name may mean other layers
        chosen = [sizes if name == arch else name for name in chosen]
    return [*([DATA] if varies(runs, DATA) else []), *dict.fromkeys(chosen)]


def _group(
    runs: pd.DataFrame, mask: NDArray[np.bool_], metric: str, names: Sequence[str]
) -> dict[tuple[Hashable, ...], Configuration]:
    part = runs[mask].reset_index(drop=True)
    part.attrs = runs.attrs
    codes = [coded(part, name) for name in names]
    return {tuple(code[one.rows[0]] for code in codes): one for one in group_runs(part, metric, by=names)}


def _compare(pairs: Sequence[tuple[Configuration, Configuration]], metric: str, confidence: float) -> pd.DataFrame:
    bounds = bound_metric(metric)
    rows: list[dict[str, object]] = []
    k = max(1, sum(min(len(one.units), len(other.units)) > 1 for one, other in pairs))
    for one, other in pairs:
        overlap = max(one.repeats.overlap, other.repeats.overlap)
        result = compare_means(
            other.units, one.units, confidence=1 - (1 - confidence) / k, overlap=overlap, kind=one.kind
        )
        row: dict[str, object] = {name: getattr(result, name) for name in ("difference", "low", "high", "p")}
        if result.test == "none":  # of the one repeat that they may share; the table shows means
            row["difference"] = other.mean - one.mean
        row |= {"test": result.test, "n_pairs": result.n_pairs, "note": result.note}
        for name, study in (("first", one), ("other", other)):
            mean = estimate_mean([*study.units.values()], confidence, overlap=study.repeats.overlap, bounds=bounds)
            row |= {name: mean.mean, f"{name}_low": mean.low, f"{name}_high": mean.high, f"n_{name}": len(study.units)}
        rows.append(row)
    table = pd.DataFrame(rows, columns=[*NUMBERS, "test", "n_pairs", "note", "n_first", "n_other"])
    table = table.astype(dict.fromkeys(NUMBERS, "float64"))
    table["p_holm"] = correct_by_holm(table["p"].to_numpy(dtype=float), k)
    table["moved"] = table["p_holm"] < 1 - confidence
    table.loc[table["moved"] & (table["difference"] > 0), "low"] = table["low"].clip(lower=0.0)
    table.loc[table["moved"] & (table["difference"] < 0), "high"] = table["high"].clip(upper=0.0)
    return table


def _find_different_settings(
    runs: pd.DataFrame, places: Sequence[tuple[Sequence[int], Sequence[int]]], names: Sequence[str]
) -> list[tuple[str, str, str]]:
    """List the settings that differ in a configuration that both have, with all values they take there."""
    found = []
    for name in list_settings(runs):
        if name in (*KINDS, *DATA_SETTINGS, *names):
            continue
        codes, column = coded(runs, name), plain(runs[name])
        if any({codes[row] for row in one} != {codes[row] for row in two} for one, two in places):
            first, second = ([column[row] for side in places for row in side[place]] for place in (0, 1))
            found.append((name, _list_values(first), _list_values(second)))
    return found


def _find_disjoint_settings(
    runs: pd.DataFrame, first: Sequence[int], second: Sequence[int]
) -> list[tuple[str, str, str]]:
    """List the settings of which no value is in both studies."""
    found = []
    for name in list_settings(runs):
        codes, column = coded(runs, name), plain(runs[name])
        if name not in KINDS and not {codes[row] for row in first} & {codes[row] for row in second}:
            values = (_list_values([column[row] for row in side]) for side in (first, second))
            found.append((name, *values))
    return found  # type: ignore[return-value]


def _list_values(values: Sequence[object]) -> str:
    return join_words([value_text(value) for value in sort_levels(values)])
