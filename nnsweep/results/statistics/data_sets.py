"""Several data sets: which configuration is best over all of them, each at its own scale.

A data set is a block and not a setting: accuracies on an easy and on a hard one are not put together. In each, a
configuration has the mean of its repeats; over data sets it has ranks, and differences in pairs.
"""

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePath

import numpy as np
import pandas as pd

from nnsweep.results.factors import (
    ARCHITECTURE,
    DATA,
    EXTENT,
    check_settings,
    choose_distinguishing,
    is_function_of,
    varying_settings,
)
from nnsweep.results.frame import check_columns, coded, plain, varies
from nnsweep.results.grouping import Configuration, group_runs, make_labels, with_failures
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import find_sign, smaller_is_better
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.intervals import check_confidence
from nnsweep.results.statistics.ranks import (
    FriedmanTest,
    compute_critical_difference,
    compute_profiles,
    count_blocks_needed,
    drop_rounding,
    find_groups,
    rank_scores,
    run_friedman_test,
    run_wilcoxon_test,
)
from nnsweep.results.statistics.tests import correct_by_holm, count_pairs
from nnsweep.results.wording import join_words

SOURCES = ("data.path", "data.dataset")
"""Settings that name a data set better than ``data`` does, which is then ``table`` or ``openml``."""
DATA_SETTINGS = (
    DATA,
    *SOURCES,
    "data.test_path",
    "data.query",
    "data.sheet",
    "data.version",
    "data.text",
    "data.target",
    "data.task",
    "data.categories",
    "data.n_samples",
    "data.n_features",
    "data.n_classes",
    "data.cluster_std",
    "data.turns",
    "data.noise",
)
"""Settings that make other examples, and so another data set; others under ``data`` say how the examples are used."""
PAIRS = {
    "label": "object",
    "other": "object",
    "difference": "float64",
    "n_better": "int64",
    "n_equal": "int64",
    "n_worse": "int64",
    "statistic": "float64",
    "p": "float64",
    "p_holm": "float64",
    "distinguishable": "bool",
}


@dataclass(frozen=True, kw_only=True)
class DataSetComparison:
    """Configurations compared over data sets.

    Attributes
    ----------
    metric : str
        What was compared.
    scores : pandas.DataFrame
        The mean over repeats of each configuration (rows, by label) on each data set (columns); NaN where it has none.
    ranking : pandas.DataFrame
        A row for each configuration that has a result on every data set, the best mean rank first: ``label``,
        ``mean_rank`` (1 is the best possible), ``mean`` (of its scores) and ``n_best`` (data sets on which none is
        better). Empty with fewer than two.
    friedman : FriedmanTest
        Whether they differ at all.
    critical_difference : float
        Of mean ranks, by Nemenyi's test; NaN with fewer than two configurations.
    pairs : pandas.DataFrame
        A row for each pair, in the order of the ranking: ``label``, ``other``, ``difference`` (mean over data sets of
        label minus other), ``n_better``, ``n_equal`` and ``n_worse`` (data sets on which label is better than other,
        ...), ``statistic`` and ``p`` of Wilcoxon's signed-rank test, ``p_holm``, corrected for all pairs, and
        ``distinguishable``.
    n_needed : int
        The least number of data sets with which any pair could be told apart.
    notes : tuple of str
        What was left out: a line each.
    """

    metric: str
    scores: pd.DataFrame
    ranking: pd.DataFrame
    friedman: FriedmanTest
    critical_difference: float
    pairs: pd.DataFrame
    n_needed: int
    notes: tuple[str, ...]

    @property
    def data_sets(self) -> list[str]:
        """The names of the data sets."""
        return [str(name) for name in self.scores.columns]

    @property
    def labels(self) -> list[str]:
        """The labels of the configurations that are compared, the best mean rank first."""
        return [str(label) for label in self.ranking["label"]]

    @property
    def groups(self) -> list[list[str]]:
        """The largest groups of neighbours in the ranking of which no two can be told apart."""
        labels = self.labels
        told = np.zeros((len(labels), len(labels)), dtype=bool)
        for place, (one, other) in enumerate(combinations(range(len(labels)), 2)):
            told[one, other] = told[other, one] = bool(self.pairs["distinguishable"].iloc[place])
        return [labels[first : last + 1] for first, last in find_groups(told)]

    @property
    def has_ratios(self) -> bool:
        """Whether the distances of the profiles are ratios: where less is better and all scores are positive."""
        return smaller_is_better(self.metric) and bool((self.scores.loc[self.labels] > 0).all(axis=None))

    @property
    def profiles(self) -> pd.DataFrame:
        """The share of data sets (a column a configuration) on which each is within a distance (the index) of the best.

        The distance is a difference, of accuracies say, or a ratio less 1 (`has_ratios`).
        """
        values = self.scores.loc[self.labels].to_numpy(dtype=float).T
        if smaller_is_better(self.metric):
            lowest = values.min(axis=1, keepdims=True)
            gaps = values / lowest - 1 if self.has_ratios else values - lowest
        else:
            gaps = values.max(axis=1, keepdims=True) - values
        distances, shares = compute_profiles(gaps)
        return pd.DataFrame(shares.T, index=distances, columns=self.labels)


def compare_data_sets(
    runs: pd.DataFrame,
    metric: str | None = None,
    *,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
) -> DataSetComparison:
    """Compare configurations over the data sets that they were run on.

    A data set is what `DATA_SETTINGS` name together; all other settings that vary make the configurations, without
    those that follow from the data set. In each data set a configuration has the mean over its repeats, with failures
    as `nnsweep.results.grouping.group_runs` counts them. A configuration without a result on any of the data sets is
    left out. Pairs are compared by Wilcoxon's signed-rank test with Holm's correction for all of them, which, unlike
    a test of mean ranks, does not depend on what else was run (Benavoli, Corani and Mangili, Journal of Machine
    Learning Research 17, 2016). Everything is said of further data sets like these, which have to be independent:
    two cuts of one table are not.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str, optional
        The column to compare; of costs and seconds less is better.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary within data sets.
    confidence : float
        What is ``distinguishable`` has ``p_holm < 1 - confidence``.
    failures : {"chance", "ignore"}, optional
        What failed runs count as.

    Returns
    -------
    DataSetComparison
        The configurations, ranked, and each pair of them.

    Raises
    ------
    ConfigError
        If a column is unknown or a repeat, or two runs are the same repeat of one configuration.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    check_confidence(confidence)
    runs = with_failures(runs, failures)
    check_columns(runs, by=by or ())
    check_settings(by or ())
    scores, notes = _average_repeats(runs, metric, by)
    complete = scores.dropna()
    sign = find_sign(metric)
    values = sign * complete.to_numpy(dtype=float).T
    n, k = values.shape
    if n < 2 or k < 2:
        complete, values, k = complete[:0], values[:, :0], 0
    ranks = rank_scores(values) if k else values
    ranking = pd.DataFrame(
        {
            "label": pd.Series(complete.index, dtype="object"),
            "mean_rank": ranks.mean(axis=0),
            "mean": complete.mean(axis=1).to_numpy(),
            "n_best": (ranks == ranks.min(axis=1, keepdims=True)).sum(axis=0) if k else np.zeros(0, dtype=int),
        }
    )
    order = sorted(range(k), key=lambda place: (ranks[:, place].mean(), -sign * ranking["mean"][place]))
    return DataSetComparison(
        metric=metric,
        scores=scores,
        ranking=ranking.iloc[order].reset_index(drop=True),
        friedman=run_friedman_test(values),
        critical_difference=compute_critical_difference(k, n, confidence) if k else math.nan,
        pairs=_compare_pairs(complete.iloc[order], sign, confidence),
        n_needed=count_blocks_needed(max(1, count_pairs(k)), confidence),
        notes=tuple(notes),
    )


def name_data_sets(runs: pd.DataFrame) -> list[str]:
    """Name the data set of each run, as short as leaves all of them different.

    A table is called by its file, without folder and suffix, and one of OpenML's by its name there.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.

    Returns
    -------
    list of str
        One for each row; all the same, perhaps empty, where no setting tells data sets apart.
    """
    keys, settings = _find_data_sets(runs)
    sources = {key: [one[name] for name in SOURCES if one.get(name) is not None] for key, one in settings.items()}
    short = [
        {name: value for name, value in one.items() if name not in SOURCES}
        | ({DATA: PurePath(str(sources[key][0])).stem} if sources[key] else {})
        for key, one in settings.items()
    ]
    is_enough = len({tuple(map(repr, one.values())) for one in short}) == len(short)
    labels = dict(zip(settings, make_labels(short if is_enough else [*settings.values()]), strict=True))
    return [labels[key] for key in keys]


def merge_data_settings(runs: pd.DataFrame) -> pd.DataFrame:
    """Give the frame with the name of its data set in ``data``, and without other settings that follow from it."""
    named = runs.assign(**{DATA: name_data_sets(runs)})
    codes = {name: coded(named, name) for name in varying_settings(named) if name not in (*ARCHITECTURE, *EXTENT)}
    following = [name for name in codes if name != DATA and is_function_of(name, [DATA], codes)]
    return named.drop(columns=following)


def write_filters(runs: pd.DataFrame) -> dict[str, str]:
    """Write for each data set, by its name, the condition that its runs alone fulfil."""
    keys, settings = _find_data_sets(runs)
    labels = dict(zip(keys, name_data_sets(runs), strict=True))
    return {
        labels[key]: " and ".join(
            f"{name} == {json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)}"
            for name, value in one.items()
            if value is not None
        )
        for key, one in sorted(settings.items(), key=lambda pair: labels[pair[0]])
    }


def _find_data_sets(runs: pd.DataFrame) -> tuple[list[Hashable], dict[Hashable, dict[str, object]]]:
    """Give the data set of each run, and by data set the settings that tell it from the others, ``data`` first."""
    codes = {name: coded(runs, name) for name in DATA_SETTINGS if name in runs.columns}
    chosen = choose_distinguishing({name: code for name, code in codes.items() if varies(runs, name)})
    keys: list[Hashable] = list(zip(*(codes[name] for name in chosen), strict=True)) or [()] * len(runs)
    shown = dict.fromkeys(name for name in (DATA, *SOURCES, *chosen) if name in codes)
    columns = {name: plain(runs[name]) for name in shown}
    first = {key: row for row, key in reversed([*enumerate(keys)])}
    return keys, {key: {name: columns[name][row] for name in shown} for key, row in first.items()}


def _average_repeats(runs: pd.DataFrame, metric: str, by: Sequence[str] | None) -> tuple[pd.DataFrame, list[str]]:
    """Give each configuration's mean on each data set, and say what is missing."""
    data_sets = name_data_sets(runs)
    names = by
    if names is None:
        settings = [name for name in varying_settings(runs, metric) if name not in DATA_SETTINGS]
        codes: Mapping[str, Sequence[Hashable]] = {DATA: data_sets} | {name: coded(runs, name) for name in settings}
        names = choose_distinguishing(codes, known=[DATA])
    keys = list(zip(*(coded(runs, name) for name in names), strict=True)) or [()] * len(runs)
    first = {key: row for row, key in reversed([*enumerate(keys)])}
    columns = {name: plain(runs[name]) for name in names}
    labels = dict(
        zip(first, make_labels([{name: columns[name][row] for name in names} for row in first.values()]), strict=True)
    )
    cells: dict[tuple[str, str], Configuration] = {}
    for data_set in sorted(set(data_sets)):
        rows = [row for row, name in enumerate(data_sets) if name == data_set]
        for one in group_runs(runs.iloc[rows], metric, by=names):
            cells[labels[keys[rows[one.rows[0]]]], data_set] = one
    scores = pd.DataFrame(
        {
            data_set: [_score(cells.get((label, data_set))) for label in sorted(labels.values())]
            for data_set in sorted(set(data_sets))
        },
        index=sorted(labels.values()),
        dtype="float64",
    )
    notes = []
    for label, row in scores.iterrows():
        if absent := [str(name) for name in scores.columns[row.isna()]]:
            notes.append(f"{label} is left out: it has no result on {join_words(absent)}")
    return scores, notes


def _score(one: Configuration | None) -> float:
    return one.mean if one is not None and one.is_whole else math.nan


def _compare_pairs(scores: pd.DataFrame, sign: int, confidence: float) -> pd.DataFrame:
    """Compare all pairs of rows."""
    rows = []
    for (label, one), (other, two) in combinations(zip(scores.index, scores.to_numpy(dtype=float), strict=True), 2):
        signs = sign * np.sign(drop_rounding(one - two, float(np.abs([one, two]).max())))
        counts = {"n_better": int((signs > 0).sum()), "n_equal": int((signs == 0).sum())}
        statistic, p = run_wilcoxon_test(one, two)
        rows.append(
            {"label": label, "other": other, "difference": float((one - two).mean()), **counts}
            | {"n_worse": int((signs < 0).sum()), "statistic": statistic, "p": p}
        )
    table = pd.DataFrame(rows, columns=list(PAIRS))
    table["p_holm"] = correct_by_holm(table["p"].to_numpy(dtype=float))
    table["distinguishable"] = table["p_holm"] < 1 - confidence
    return table.astype(PAIRS)
