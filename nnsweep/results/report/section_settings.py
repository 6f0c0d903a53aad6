"""What the settings do: how much each explains, which is best for each network, and where a better one may lie."""

import math
from collections.abc import Sequence

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.factors import ARCHITECTURE
from nnsweep.results.frame import plain, rows
from nnsweep.results.grouping import BARE
from nnsweep.results.metrics import metric_text
from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.anova import RESIDUAL, TOTAL
from nnsweep.results.statistics.boundary import Boundary, Values, find_boundaries
from nnsweep.results.statistics.fairness import fair_comparison
from nnsweep.results.wording import (
    TIMES,
    as_sentence,
    counted_repeats,
    fixed,
    join_words,
    percent,
    probability,
    share,
    short_name,
    signed,
    whole,
    with_interval,
)

LEAST_SHARE = 0.01
MOST_WARNINGS = 3


def describe_effects(study: Study) -> list[str]:
    """Say what share of the variance each setting explains, and what is left."""
    found = study.effects
    if not len(found):
        return []
    explained, noise = _take_shares(found)
    residual, own = str(found.attrs["residual"]), f"{study.kind}s"
    left = f"{study.kind}-to-{study.kind} (residual) variance" if residual == own else f"residual variance ({residual})"
    overlapping = math.fsum([noise, *(part for _, part in explained)]) > 1 + LEAST_SHARE
    notes = ["the grid is incomplete, so shares overlap and add up to more than 100 %"] * overlapping
    notes += ["failed runs count as guessing"] * bool(len(study.effects_without_failures))
    return [
        f"Of the variance in {study.words}, {_list_shares(explained)}; {percent(noise)} is {left}"
        f"{f' ({join_words(notes)})' if notes else ''}."
    ]


def _list_shares(explained: Sequence[tuple[str, float]]) -> str:
    """List the terms that explain something."""
    large = [(term, part) for term, part in explained if part >= LEAST_SHARE]
    parts = [f"{term} {'explains ' * (not place)}{percent(part)}" for place, (term, part) in enumerate(large)]
    return join_words(parts) if parts else f"no setting explains even {percent(LEAST_SHARE)}"


def _take_shares(found: pd.DataFrame) -> tuple[list[tuple[str, float]], float]:
    """Give the share of each term, the largest first, and that of the residual."""
    shares = {str(row["term"]): row["eta_squared"] for row in rows(found) if isinstance(row["eta_squared"], float)}
    noise = shares.pop(RESIDUAL, 0.0)
    explained = [(write_term(term), part) for term, part in shares.items() if term != TOTAL]
    return sorted(explained, key=lambda pair: -pair[1]), noise


def describe_shares_of_finished(study: Study) -> list[str]:
    """Say what the shares would be without the failed runs that count as guessing."""
    found = study.effects_without_failures
    if not len(found):
        return []
    explained, noise = _take_shares(found)
    n_failed = int((study.configurations["n"] - study.configurations["n_finished"]).sum())
    failed = "the failed run, which counts" if n_failed == 1 else f"the {n_failed:,} failed runs, which count"
    return [f"Without {failed} as guessing, {_list_shares(explained)}; {percent(noise)} is residual variance."]


def warn_of_edges(study: Study) -> list[str]:
    """Warn if results rise beyond chance towards a number of the best that is the smallest or the largest tried."""
    if not study.has_result or not study.is_measured or len(study.leaders) > 1:
        return []
    boundaries = _find_edges(study)
    warnings, whose = [], "Its" if study.chosen == study.leader else f"{study.name(study.leader)}'s"
    for side in dict.fromkeys(edge.side for edge in boundaries):
        edges = [edge for edge in boundaries if edge.side == side]
        values = join_words([f"{short_name(edge.name)} ({edge.value:g})" for edge in edges])
        further = [f"{short_name(edge.name)}={edge.next_value:g}" for edge in edges if edge.next_value is not None]
        way_out = f" (try {', '.join(further)})" if further else ""
        warnings.append(
            f"{whose} {values} {'is' if len(edges) == 1 else 'are'} the {side} tried and significantly better than the "
            f"next value: a better one may lie beyond{way_out}."
        )
    return warnings


def _find_edges(study: Study) -> list[Boundary]:
    """Find edges among the numbers of the settings, and in depth and width where they vary."""
    table, names = study.configurations, study.settings
    distinguishable = {*study.against_best["label"][study.against_best["distinguishable"]]}
    differs = [label in distinguishable for label in table["label"]]

    def find(names: Sequence[str], n_numbers: int) -> list[Boundary]:
        """Find them; only the first so many columns may have edges."""
        columns = [plain(table[name]) for name in names]
        tried: list[Values] = [
            tuple(column[row] if place < n_numbers else str(column[row]) for place, column in enumerate(columns))
            for row in range(len(table))
        ]
        return find_boundaries(tried, names, tried[0], differs=dict(zip(tried, differs, strict=True)).__getitem__)

    edges = find(names, len(names))
    if not set(names) & set(ARCHITECTURE) or not {"depth", "width"} <= set(table.columns):
        return edges
    sizes = ["depth", "width"]
    return [*edges, *find([*sizes, *(name for name in names if name not in ARCHITECTURE)], len(sizes))]


class Effects(Section):
    """The analysis of variance."""

    order = 70
    answers = ((90, warn_of_edges), (110, describe_effects))

    def build(self, study: Study) -> SectionContent | None:
        found = study.effects
        if not len(found):
            return None
        residual = str(found.attrs["residual"])
        columns = (
            Column("term", "term", lambda term: write_term(term, residual)),
            Column("share (η²)", "eta_squared", share),
            Column("unbiased share (ω²)", "omega_squared", share),
            Column("degrees of freedom", "df", whole, is_wide=True),
            Column("F", "f", lambda value: fixed(value, 1), is_wide=True),
            Column("p", "p", probability),
        )
        caption = (
            f"Share of the variance in {study.words} that each setting and each interaction of two ({TIMES}) explains."
        )
        frame = found[found["term"] != TOTAL].reset_index(drop=True)
        table = Table(name="effects", caption=caption, frame=frame, columns=columns)
        return SectionContent(
            name="effects",
            heading="What explains the differences",
            sentences=tuple(describe_shares_of_finished(study)),
            points=tuple(as_sentence(note) for note in found.attrs["notes"]),
            tables=(table,),
        )

    def method_notes(self, study: Study) -> list[str]:
        return ["Shares of the variance come from an analysis of variance (ANOVA)."] if len(study.effects) else []


def write_term(term: str, residual: str = "seeds") -> str:
    """Name a term of an analysis of variance for a reader.

    Examples
    --------
    >>> write_term("optimizer.learning_rate"), write_term("residual")
    ('learning_rate', 'seeds (residual)')
    """
    if term == RESIDUAL:
        return f"{residual} (residual)"
    return f" {TIMES} ".join(short_name(part) for part in term.split(":"))


class Fairness(Section):
    """Each network at its own best setting; nothing where no setting was tuned."""

    order = 60

    def build(self, study: Study) -> SectionContent | None:
        if not study.has_result or not study.is_measured or study.by is not None:
            return None
        try:
            found = fair_comparison(study.runs, reported=study.metric, confidence=study.confidence)
        except ConfigError:  # nothing varies that can be compared, or something else does
            return None
        if not found.tuned or len(found.table) < 2:
            return None
        table, same = found.table, f"at {_write_settings(found.same, found.tuned)}" if found.same else ""
        is_incomplete = bool((table["n_finished"] < table["n_ended"]).any())

        def write_mean(row: Row) -> str:
            return with_interval(study.write, row["mean"], row["low"], row["high"])

        compared_at_same = (
            Column(same, "same_mean", study.write),
            Column("gain", "gain", lambda gain: signed(study.write(gain))),
        )
        columns = (
            Column("configuration", "label", lambda row: _write_subject(row, found.subject), needs_row=True),
            Column("own best setting", "setting", lambda row: _write_settings(row, found.tuned), needs_row=True),
            Column(metric_text(found.reported), "mean", write_mean, needs_row=True),
            Column(f"{study.repeats.noun}s", "n", counted_repeats, is_wide=not is_incomplete, needs_row=True),
            *(compared_at_same if found.same is not None else ()),
            Column("settings tried", "n_settings", whole, is_wide=True),
        )
        warnings: Sequence[str] = found.warnings
        if len(warnings) > MOST_WARNINGS:
            n_on_edge = f"{int(table['on_edge'].sum()):,} of {len(table):,}"
            warnings = [f"for {n_on_edge} the best setting is at the edge of those tried, for example {warnings[0]}"]
        shown = Table(
            name="fair",
            caption=f"Each at its own best setting, and all at one common setting; simultaneous "
            f"{percent(study.confidence)} intervals for everything that was tried.",
            frame=table,
            columns=columns,
        )
        points = tuple(as_sentence(line) for line in (*found.notes, *warnings))
        return SectionContent(name="fair", heading="Each at its own best setting", points=points, tables=(shown,))


def _write_subject(row: Row, names: Sequence[str]) -> str:
    return " ".join(
        str(row[name]) if name in BARE else _write_settings(row, [name]) for name in names if row[name] is not None
    )


def _write_settings(row: Row, names: Sequence[str]) -> str:
    values = [(short_name(name), row[name]) for name in names if row[name] is not None]
    return " ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in values)
