"""The fair comparison in a report: each architecture at its own best setting, beside all at the same."""

from collections.abc import Sequence

from nnsweep.errors import ConfigError
from nnsweep.results.grouping import BARE
from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.fairness import FairComparison, fair_comparison
from nnsweep.results.wording import (
    as_sentence,
    counted_repeats,
    metric_words,
    percent,
    short_name,
    signed,
    whole,
    with_half,
)

MOST_WARNINGS = 3


class Fairness(Section):
    """Each subject at its own best setting; nothing where no setting was tuned."""

    order = 60

    def build(self, study: Study) -> SectionContent | None:
        found = _found(study)
        if found is None or not found.tuned or len(found.table) < 2:
            return None
        same = f"at {_setting(found.same, found.tuned)}" if found.same else ""
        lost = bool((found.table["n_finished"] < found.table["n_ended"]).any())
        columns = [
            Column("compared", lambda row: _subject(row, found.subject), "label"),
            Column("own best setting", lambda row: _setting(row, found.tuned), "setting"),
            Column(metric_words(found.reported), lambda row: _mean(study, row), "mean"),
            Column(f"{study.repeats.noun}s", counted_repeats, "n", is_wide=not lost),
            Column(same, lambda row: study.number(row["same_mean"]), "same_mean"),
            Column("gain", lambda row: signed(study.number(row["gain"])), "gain"),
            Column("settings tried", lambda row: whole(row["n_settings"]), "n_settings", True),
        ]
        if found.same is None:
            columns = [column for column in columns if column.key not in ("same_mean", "gain")]
        table = Table(
            name="fair",
            caption=f"Each one where it is best, beside all at one setting; ± half of the {percent(study.confidence)} "
            "intervals, simultaneous for all that were tried.",
            frame=found.table,
            columns=tuple(columns),
        )
        points = tuple(as_sentence(line) for line in (*found.notes, *_warnings(found)))
        return SectionContent(name="fair", heading="Each at its own best setting", points=points, tables=(table,))


def _warnings(found: FairComparison) -> list[str]:
    """Warn of bests on the edge of what was tried: of a few one by one, of many together."""
    if len(found.warnings) <= MOST_WARNINGS:
        return list(found.warnings)
    n = int(found.table["on_edge"].sum())
    return [
        f"for {n:,} of {len(found.table):,} the best setting is on the edge of those tried, such as {found.warnings[0]}"
    ]


def _found(study: Study) -> FairComparison | None:
    """Compare, if something varies that can be compared and nothing else does."""
    if not study.has_result or not study.is_accuracy or study.by is not None:
        return None
    try:
        return fair_comparison(study.runs, reported=study.metric, confidence=study.confidence)
    except ConfigError:
        return None


def _subject(row: Row, names: Sequence[str]) -> str:
    return " ".join(
        str(row[name]) if name in BARE else _setting(row, [name]) for name in names if row[name] is not None
    )


def _setting(row: Row, names: Sequence[str]) -> str:
    told = [(short_name(name), row[name]) for name in names if row[name] is not None]
    return " ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in told)


def _mean(study: Study, row: Row) -> str:
    half = row["half"]
    if isinstance(half, float):
        half = min(half, 1.0)  # beyond that it says no more of an accuracy
    return with_half(study.number(row["mean"]), study.number(half))
