"""Whether more epochs could change the answer, and whether fewer would have given the same."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.results.labels import NOTHING, STILL_IMPROVING
from nnsweep.results.metrics import measure_text, metric_text
from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.extrapolation import predict_ends
from nnsweep.results.statistics.rankings import compare_rankings
from nnsweep.results.trend import find_selecting_curve
from nnsweep.results.wording import count, fixed, join_words, percent, share

PREDICTED_WITH = 0.9
"""The confidence of the intervals of predicted ends; how often they hold was measured for this one."""


class PredictedMean(NamedTuple):
    """Where the mean accuracy of a configuration is predicted to be at twice its epochs.

    Attributes
    ----------
    label : str
        The configuration.
    n_improving, n : int
        How many of its runs were still improving, of how many.
    now, value, low, high : float
        Means over its runs of what `predict_ends` says; those of the bounds are safe however the errors of its runs
        depend on each other. NaN where nothing is predicted of a run that was still improving.
    note : str
        Why nothing is predicted.
    """

    label: str
    n_improving: int
    n: int
    now: float
    value: float
    low: float
    high: float
    note: str

    @property
    def is_known(self) -> bool:
        """Whether anything is predicted."""
        return not math.isnan(self.value)


def predict_means(study: Study) -> list[PredictedMean]:
    """Predict the means of the chosen one, which comes first, and of others that were still improving.

    Another was if at least half of its runs were, the chosen one if any was. If none was, nothing is predicted.
    """
    if not study.has_result or not study.histories or not study.is_accuracy:
        return []
    is_improving = (study.outcomes["outcome"] == STILL_IMPROVING).to_numpy()
    rows = {label: list(study.find_rows(label)) for label in (study.chosen, *map(str, study.configurations["label"]))}
    chosen, *others = rows
    rising = [label for label in others if is_improving[rows[label]].mean() >= 0.5]
    if not rising and not is_improving[rows[chosen]].any():
        return []
    return [_predict_mean(study, label, rows[label], is_improving[rows[label]]) for label in (chosen, *rising)]


def _predict_mean(study: Study, label: str, rows: list[int], is_improving: NDArray[np.bool_]) -> PredictedMean:
    """Predict the mean of a configuration; a run that finished and no longer improves keeps its best accuracy."""
    ends = predict_ends(study.runs.iloc[rows], study.histories, confidence=PREDICTED_WITH).reset_index(drop=True)
    numbers = ends[["now", "value", "low", "high"]].copy()
    absent = numbers["value"].isna().to_numpy()
    note = ""
    if (absent & is_improving).any():
        numbers, note = numbers * math.nan, str(ends["note"][absent & is_improving].iloc[0])
    else:
        for place in np.flatnonzero(absent):
            values = find_selecting_curve(study.histories.get(str(ends["run_id"][place]), NOTHING)).values
            if study.states[rows[place]] == "finished" and len(values):
                numbers.loc[place] = float(values.max())
    now, value, low, high = map(float, numbers.mean())
    return PredictedMean(label, int(is_improving.sum()), len(rows), now, value, low, high, note)


def describe_improving(study: Study) -> list[str]:
    """Say if the chosen one or others were still improving, where they would be, and if that could matter."""
    means = predict_means(study)
    if not means:
        return []
    chosen, *others = means
    sentences = []
    if chosen.n_improving:
        whose = "It" if chosen.n == 1 else f"{chosen.n_improving:,} of its {count(chosen.n, 'run')}"
        were = "was" if chosen.n_improving == 1 else "were"
        prediction = _describe_prediction(study, chosen)
        sentences.append(f"{whose} {were} still improving when training ended{prediction}.")
    if others:
        names = join_words([study.name(one.label) for one in others])
        verb = "was" if len(others) == 1 else "were"
        sentences.append(f"Of the others, {names} {verb} still improving.")
    return [" ".join([*sentences, _judge_more_epochs(study, chosen, others)])]


def _describe_prediction(study: Study, one: PredictedMean) -> str:
    """Say where a configuration would be at twice the epochs, after what says that it was still improving."""
    if not one.is_known:
        return ""
    run_ids = map(str, study.runs["run_id"].iloc[list(study.find_rows(one.label))])
    curves = (find_selecting_curve(study.histories[run_id]) for run_id in run_ids if run_id in study.histories)
    metric = next(filter(None, (curve.metric for curve in curves)))
    now, value, low, high = map(study.write_measure, one[3:7])
    interval = f"{percent(PREDICTED_WITH)} interval {low} to {high}"
    return f": at twice the epochs its {metric_text(metric)} is predicted to be {value} instead of {now} ({interval})"


def _judge_more_epochs(study: Study, chosen: PredictedMean, others: Sequence[PredictedMean]) -> str:
    """Say whether more epochs could change which configuration is best."""
    for one in sorted((chosen, *others), key=lambda one: one.n_improving, reverse=True):
        if not one.is_known:
            why = f" ({study.name(one.label)}: {one.note})" if one.note else ""
            return f"More epochs may change the answer, but no prediction is possible{why}."
    could = [one for one in others if one.high > chosen.value]
    if could:
        first = max(could, key=lambda one: one.high)
        high, value = study.write_measure(first.high), study.write_measure(chosen.value)
        may = f"{study.name(first.label)} may reach {high}; {study.name(chosen.label)} is predicted to reach {value}"
        return f"More epochs could change the answer: at twice as many, {may}."
    return (
        "More epochs would hardly change the answer: no other configuration that was still improving may get as high."
    )


class Epochs(Section):
    """Where trainings would go, and how soon the ranking was what it was at the end."""

    order = 105
    answers = ((140, describe_improving),)

    def build(self, study: Study) -> SectionContent | None:
        if not study.histories or not study.is_measured or not study.has_result:
            return None
        rankings = compare_rankings(
            study.runs, study.histories, metric=study.metric, by=study.by, confidence=study.confidence
        )
        ends = [one for one in predict_means(study) if one.n_improving and one.is_known]
        tables = [*([_make_table_of_ends(study, ends)] if ends else []), *_make_tables_of_rankings(study, rankings)]
        if not tables:
            return None
        sentences = tuple(_describe_budget(study, rankings)) if len(rankings) else ()
        return SectionContent(name="epochs", heading="More or fewer epochs", sentences=sentences, tables=tuple(tables))

    def method_notes(self, study: Study) -> list[str]:
        if not any(one.n_improving and one.is_known for one in predict_means(study)):
            return []
        return [
            "The accuracy at twice the epochs is the mean of three predictions: the last level, a power law and an "
            "exponential. Its interval comes from the errors of such predictions on other curves."
        ]


def _make_table_of_ends(study: Study, ends: Sequence[PredictedMean]) -> Table:
    """Make the table of the predicted ends."""
    frame = pd.DataFrame(ends, columns=PredictedMean._fields)

    def write_interval(row: Row) -> str:
        return f"{study.write_measure(row['low'])} to {study.write_measure(row['high'])}"

    columns = (
        Column("configuration", "label", study.name),
        Column("still improving", "n_improving", lambda row: f"{row['n_improving']:,} of {row['n']:,}", needs_row=True),
        Column("now", "now", study.write_measure),
        Column("at twice the epochs", "value", study.write_measure),
        Column(f"{percent(PREDICTED_WITH)} interval", "low", write_interval, needs_row=True),
    )
    caption = "Predicted accuracy of what was still improving, if training had continued in the same way."
    return Table(name="ends", caption=caption, frame=frame, columns=columns)


def _make_tables_of_rankings(study: Study, rankings: pd.DataFrame) -> list[Table]:
    """Make the table of early rankings; none where too few configurations have curves."""
    if not len(rankings):
        return []
    last = int(rankings.attrs["epochs"])

    def write_kendall(row: Row) -> str:
        return f"{fixed(row['kendall'], 2)} ({fixed(row['low'], 2)} to {fixed(row['high'], 2)})"

    columns = (
        Column("epochs", "epoch", lambda epoch: f"{epoch:,} of {last:,}"),
        Column(f"Kendall's τ ({percent(study.confidence)} interval)", "kendall", write_kendall, needs_row=True),
        Column("pairs in final order", "pairs", share),
        Column("best so far", "best", study.name),
        Column("its final gap to the best", "loss", study.write_measure),
    )
    caption = (
        f"The ranking by the best {measure_text(study.measure)} so far, compared with the ranking after all epochs. A "
        "shorter training with its own schedule may rank differently."
    )
    return [Table(name="rankings", caption=caption, frame=_count_pairs(rankings), columns=columns)]


def _describe_budget(study: Study, rankings: pd.DataFrame) -> list[str]:
    """Say after how many epochs the best was the best, how the ranking stood then, and how sure the last one is."""
    table, last = _count_pairs(rankings), f"{rankings.attrs['epochs']:,}"
    stays = table["is_final_best"].to_numpy(dtype=bool)[::-1].cumprod()[::-1] > 0  # then and at all later epochs
    if stays.any():
        row = table[stays].iloc[0]
        agreed = (
            "" if math.isnan(row["pairs"]) else f", and {percent(row['pairs'])} of all pairs were in their final order"
        )
        said = f"After {row['epoch']:,} of {last} epochs the final winner was already ahead{agreed}."
    else:
        said = f"After {table['epoch'].iloc[-1]:,} of {last} epochs the final winner was not yet ahead."
    halves = rankings.attrs["kendall_of_halves"]
    if math.isnan(halves):
        return [said]
    halves_agree = f"The final rankings by two halves of the {study.repeats.noun}s agree with τ = {fixed(halves, 2)}."
    return [said, halves_agree]


def _count_pairs(rankings: pd.DataFrame) -> pd.DataFrame:
    """Add the share of the pairs, ties left out, that stood in their last order."""
    return rankings.assign(pairs=(1 + rankings["kendall"]) / 2)
