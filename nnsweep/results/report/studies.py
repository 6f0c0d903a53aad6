"""The report on several studies side by side: what each says, what differs between them, and what has moved.

Each study after the first is compared with the first. It is written as the report on one study is.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from nnsweep.results.report.content import Column, Row, SectionContent, Table
from nnsweep.results.report.overview import KeyNumber, NextStep, Overview
from nnsweep.results.report.report import Findings
from nnsweep.results.report.section_answer import describe_answer
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.studies import StudyPair
from nnsweep.results.wording import NOTHING, count, join_words, percent, probability, signed, span, with_interval
from nnsweep.text import printable, quote_argument

MOST_ALONE = 12
"""Configurations that are named one by one where only one study has them."""


class StudyToCompare(NamedTuple):
    """A study, its name, and how it stands to the first one, with the versions that differ; nothing for the first."""

    name: str
    study: Study
    pair: StudyPair | None = None
    versions: tuple[tuple[str, str, str], ...] = ()


def compare_findings(studies: Sequence[StudyToCompare], command: str = "") -> Findings:
    """Put together what several studies say side by side.

    Parameters
    ----------
    studies : sequence of StudyToCompare
        The first is what the others are compared with.
    command : str
        What makes the comparison again.
    """
    first, *others = studies
    sections = [_describe_studies(studies)]
    for number, other in enumerate(others, 1):
        assert other.pair is not None
        found = [make(first, other, other.pair) for make in (_list_differences, _compare_common, _list_alone)]
        for section in filter(None, found):
            sections.append(_tell_apart(section, first, other, number) if len(others) > 1 else section)
    if any(other.pair is not None and len(other.pair.table) for other in others):
        sections.append(_explain_method(first.study, command))
    names = [printable(one.name) for one in studies]
    title = f"How do {join_words(names, len(names))} differ?"
    return Findings(title=title, overview=_give_overview(first, others), sections=tuple(sections))


def _give_overview(first: StudyToCompare, others: Sequence[StudyToCompare]) -> Overview:
    """Say first what has moved, and how much the studies have in common."""
    pairs = [other.pair for other in others if other.pair is not None]
    answers = [
        _describe_moves(pair.table) if len(pair.table) else "They have no configuration in common." for pair in pairs
    ]
    if len(others) > 1:
        answers = [f"{printable(one.name)}: {answer}" for one, answer in zip(others, answers, strict=True)]
    numbers = [
        KeyNumber(f"{len(one.study.configurations):,}", f"configurations in {printable(one.name)}")
        for one in (first, *others)
    ]
    n_common = [len(pair.table) for pair in pairs]
    numbers.append(KeyNumber(" and ".join(f"{n:,}" for n in n_common), f"in common with {printable(first.name)}"))
    step = NextStep(f"Read what each study says by itself, such as nnsweep report {quote_argument(first.name)}.")
    return Overview(" ".join(answers), None, tuple(numbers), step)


def _tell_apart(section: SectionContent, first: StudyToCompare, other: StudyToCompare, number: int) -> SectionContent:
    """Give a section of one of several comparisons names and a heading of its own."""
    return replace(
        section,
        name=f"{section.name}-{number}",
        heading=f"{section.heading}: {printable(first.name)} and {printable(other.name)}",
        tables=tuple(replace(table, name=f"{table.name}-{number}") for table in section.tables),
    )


def _describe_studies(studies: Sequence[StudyToCompare]) -> SectionContent:
    points = []
    for name, study, *_ in studies:
        runs = f"{count(len(study.runs), 'run')} of {count(len(study.configurations), 'configuration')}"
        points.append(f"{printable(name)} ({runs}): {describe_answer(study)[0]}")
    return SectionContent(name="studies", heading="What each study says", points=tuple(points))


def _list_differences(first: StudyToCompare, other: StudyToCompare, pair: StudyPair) -> SectionContent:
    """Say whether the data are the same, and list the settings and versions that differ."""
    data = [join_words(names) if any(names) else "one data set" for names in pair.data]
    if not set(pair.data[0]) & set(pair.data[1]):
        sentence = (
            f"They have no data in common: {first.name} is on {data[0]}, {other.name} on {data[1]}. "
            f"{'Accuracies' if first.study.is_accuracy else 'Results'} on different data cannot be compared."
        )
    elif pair.data[0] == pair.data[1]:
        sentence = f"Both are on the same data{f', {data[0]}' if any(pair.data[0]) else ''}."
    else:
        shared = [name for name in pair.data[0] if name in pair.data[1]]
        sentence = (
            f"Only runs on {join_words(shared)} are compared: {first.name} is on {data[0]}, {other.name} on {data[1]}."
        )
    lines, has_common = [*pair.settings, *other.versions], len(pair.table) > 0
    sentences = [sentence]
    if not has_common and set(pair.data[0]) & set(pair.data[1]):
        sentences.append("They have no configuration in common.")
    elif has_common and not lines:
        sentences.append("All other settings of what both have are equal, and so are the versions.")
    if not lines:
        return SectionContent(name="differences", heading="What differs", sentences=tuple(sentences))
    what = "that differ in what both have" if has_common else "with no value in common, and versions that differ"
    table = Table(
        name="versions",
        caption=f"Settings {'and versions ' * has_common}{what}.",
        frame=pd.DataFrame(lines, columns=["what", "first", "other"]),
        columns=(Column("setting or version", "what"), Column(first.name, "first"), Column(other.name, "other")),
    )
    return SectionContent(name="differences", heading="What differs", sentences=tuple(sentences), tables=(table,))


def _compare_common(first: StudyToCompare, other: StudyToCompare, pair: StudyPair) -> SectionContent | None:
    table, study = pair.table, first.study
    if not len(table):
        return None
    columns = (
        Column("configuration", "label"),
        *(_make_mean_column(study, one.name, key) for one, key in ((first, "first"), (other, "other"))),
        Column(f"{study.kind}s", "n_first", lambda row: f"{row['n_first']} and {row['n_other']}", needs_row=True),
        Column("difference", "difference", lambda value: signed(study.write(value))),
        Column("interval", "low", lambda row: span(study.write, row), needs_row=True),
        Column("p (Holm)", "p_holm", probability),
        Column("moved", "moved", _write_verdict, needs_row=True),
        Column("test", "test", _write_test, is_wide=True, needs_row=True),
    )
    shown = Table(
        name="configurations",
        caption=f"Mean {study.words} in each study; differences are {other.name} minus {first.name}, with "
        f"{percent(study.confidence)} intervals that hold for all rows at once.",
        frame=table,
        columns=columns,
        best=frozenset(place for place, has_moved in enumerate(table["moved"]) if has_moved),
    )
    return SectionContent(name="common", heading="What both have", sentences=(_describe_moves(table),), tables=(shown,))


def _describe_moves(table: pd.DataFrame) -> str:
    """Say which of the configurations that two studies have in common have moved."""
    tested = table[table["p"].notna()]
    moved, n_tested = tested[tested["moved"]], len(tested)
    if not n_tested:
        return "No configuration that both have was repeated often enough to tell a difference from chance."
    if n_tested == 1:
        has = "has" if len(moved) else "has not"
        return f"The configuration that both have, {tested['label'].iloc[0]}, {has} moved beyond chance."
    if not len(moved):
        return f"None of the {count(n_tested, 'configuration')} that both have has moved beyond chance."
    has = "has" if len(moved) == 1 else "have"
    return (
        f"{len(moved):,} of the {count(n_tested, 'configuration')} that both have {has} moved beyond chance: "
        f"{join_words(moved['label'].tolist())}."
    )


def _make_mean_column(study: Study, name: str, key: str) -> Column:
    def write(row: Row) -> str:
        return with_interval(study.write, row[key], row[f"{key}_low"], row[f"{key}_high"])

    return Column(name, key, write, needs_row=True)


def _write_verdict(row: Row) -> str:
    return "not tested" if row["test"] == "none" else "yes" if row["moved"] else "no"


def _write_test(row: Row) -> str:
    if row["test"] == "none":
        return NOTHING
    return f"{row['test']}, {count(int(str(row['n_pairs'])), 'pair')}" if row["n_pairs"] else str(row["test"])


def _list_alone(first: StudyToCompare, other: StudyToCompare, pair: StudyPair) -> SectionContent | None:
    points = tuple(
        f"Only {one.name} has {count(len(labels), 'configuration')}: {join_words(labels, MOST_ALONE)}."
        for one, labels in ((first, pair.only_first), (other, pair.only_other))
        if labels
    )
    return SectionContent(name="alone", heading="What only one has", points=points) if points else None


def _explain_method(study: Study, command: str) -> SectionContent:
    points = (
        "A configuration is the same in two studies if all settings that either of them varied are equal, and the "
        "data are.",
        f"Results with the same {study.kind} are compared pair by pair where the studies share most of their "
        f"{study.kind}s, and as two groups (Welch) otherwise.",
        "A configuration has moved if p, corrected by Holm's method for all that are compared, is below "
        f"{1 - study.confidence:.2g}.",
        "The interval of a mean is for this mean alone, those of the differences hold for all of them at once.",
    )
    return SectionContent(
        name="method", heading="How it was computed", points=points, commands=(command,) if command else ()
    )
