"""The tables of a report: the configurations, and each of them against the best and a baseline."""

from collections.abc import Callable

import pandas as pd

from nnsweep.results.factors import KINDS
from nnsweep.results.frame import plain
from nnsweep.results.frame import rows as iterated
from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.wording import (
    NOTHING,
    as_sentence,
    counted_repeats,
    fixed,
    join_words,
    percent,
    probability,
    signed,
    span,
    whole,
    with_half,
)

SIZES = ("depth", "width", "n_parameters")
TESTS = {
    "paired t": "Two configurations are compared by the paired t test over the {}s that both have.",
    "Welch": "Where no {}s are shared, Welch's t test compares two configurations.",
    "sign flip": "Where two differ by the same amount in all {}s, it is the sign-flip test.",
    "permutation": "Where {}s are not shared and neither varies, it is the permutation test.",
}
COUNTING = {
    "chance": "A run that failed, diverged or finished without a result counts as guessing (chance_accuracy) if that "
    "is known and the metric is an accuracy; if not, configurations with such a run come after those without one.",
    "ignore": "Runs that failed, diverged or finished without a result are left out, as asked.",
}


class Configurations(Section):
    """The configurations, the best first."""

    order = 30

    def build(self, study: Study) -> SectionContent | None:
        found = study.configurations
        if len(found) < 2:
            return None
        found = found.assign(n_ended=found["n_finished"] + found["n_failed"])
        untold = {*study.untold}
        labels = found["label"].tolist()
        sizes = [name for name in SIZES if name in found.columns and found[name].nunique() > 1]
        columns = (
            format_text("configuration", "label"),
            format_number(
                study.words, "mean", lambda row: with_half(study.number(row["mean"]), study.number(row["half"]))
            ),
            format_number("sd", "std", lambda row: study.number(row["std"]), is_wide=True),
            format_number(f"{study.repeats.noun}s", "n", counted_repeats),
            *(format_number(_size(name), name, _whole(name), is_wide=name != "n_parameters") for name in sizes),
            *_if_any(found, "note", format_text("note", "note", is_wide=True)),
        )
        told = ""
        if study.configurations["half"].notna().any():
            told = f" ± half of its {percent(study.confidence)} interval (simultaneous: all of them hold at once)"
        table = Table(
            name="configurations",
            caption=f"Each configuration's mean over its {study.kind}s{told}, the best first; sd: standard deviation.",
            frame=found,
            columns=columns,
            best=frozenset(range(len(study.first))),
            untold=frozenset(place for place, label in enumerate(labels) if label in untold),
        )
        return SectionContent(name="configurations", heading="The configurations", tables=(table,))

    def method_notes(self, study: Study) -> list[str]:
        repeats = join_words([KINDS[name] for name in study.repeats.axes]) or "number"
        notes = [f"A configuration is the settings that vary; runs that differ in their {repeats} are repeats of it."]
        if study.configurations["n_failed"].any():
            notes.append(COUNTING[study.failures])
        return [*notes, *_intervals(study)] if study.configurations["half"].notna().any() else notes


class Comparison(Section):
    """Every configuration against the best, and against the baseline."""

    order = 40

    def build(self, study: Study) -> SectionContent | None:
        references = [name for name in ("best", "baseline") if (study.comparison["reference"] == name).any()]
        tested = study.comparison[study.comparison.get("test", pd.Series(dtype="object")) != "none"]
        if not len(tested):
            return None
        tables = tuple(_against(study, name) for name in references)
        return SectionContent(
            name="comparison",
            heading="What can be told apart",
            points=tuple(as_sentence(note) for note in study.comparison.attrs["notes"]),
            tables=tables,
        )

    def method_notes(self, study: Study) -> list[str]:
        if not study.tests:
            return []
        return [
            *(TESTS[name].format(study.kind) for name in TESTS if name in study.tests),
            "The best was found by looking at the same numbers, so its p values are corrected by Holm's method for "
            f"all pairs of configurations; told apart is what has a corrected p below {1 - study.confidence:.2g}. "
            "The difference to the best is too large on average. "
            "Nothing is corrected for looking again with more runs.",
        ]


def _intervals(study: Study) -> list[str]:
    """Say what the interval of a mean is, and of what it speaks."""
    k, kind, of = int(study.configurations.attrs["n_simultaneous"]), study.kind, percent(study.confidence)
    level = f" at {100 * (1 - (1 - study.confidence) / k):.4g} %" if k > 1 else ""
    said = [f"The {of} interval of a mean is Student's{level}, from one value for each {kind}."]
    if k > 1:
        said.append(f"All {k:,} hold at once with {of} (Bonferroni), and so does that of the best, picked by its mean.")
    if study.is_averaged:
        inner = join_words([KINDS[name] for name in study.repeats.axes if name not in study.repeats.units])
        said.append(f"Runs of one {kind} that differ in their {inner} are averaged first.")
    if study.repeats.overlap:
        said.append(
            f"The training parts of the {kind}s overlap, so the variance of a mean of J is taken 1/J + "
            f"{study.repeats.overlap:.3g} times that of one (Nadeau and Bengio, 2003; n_test / n_train)."
        )
    if study.repeats.changes_test_set:
        return [*said, f"It says where the mean over all {kind}s would be: test examples differ, too."]
    return [*said, f"It says where the mean over all {kind}s would be, on this test set and no other."]


def format_text(heading: str, name: str, *, is_wide: bool = False) -> Column:
    """Make a column of text."""
    return Column(heading, lambda row: str(row[name] or ""), name, is_wide)


def format_configuration(study: Study) -> Column:
    """Make the column of a configuration's label, with how many of its repeats finished if some failed."""
    return Column("configuration", lambda row: study.named(row["label"]), "label")


def format_number(heading: str, name: str, written: Callable[[Row], str], *, is_wide: bool = False) -> Column:
    """Make a column of numbers."""
    return Column(heading, written, name, is_wide)


def _against(study: Study, reference: str) -> Table:
    rows = study.comparison[study.comparison["reference"] == reference].reset_index(drop=True)
    named = str(rows["reference_label"].iloc[0])
    columns = (
        format_configuration(study),
        format_number("difference", "difference", lambda row: signed(study.number(row["difference"]))),
        format_number(f"own {percent(study.confidence)} interval", "low", lambda row: span(study.number, row)),
        format_number("better in", "win_rate", lambda row: _share(row["win_rate"]), is_wide=True),
        format_number("effect size", "effect_size", lambda row: fixed(row["effect_size"], 2), is_wide=True),
        format_number("p", "p", lambda row: probability(row["p"]), is_wide=True),
        format_number("p, corrected", "p_holm", lambda row: probability(row["p_holm"])),
        format_text("told apart", "told"),
        *_if_known(
            rows, format_number(f"more {study.kind}s", "more_seeds", lambda row: whole(row["more_seeds"]), is_wide=True)
        ),
        *_if_any(rows, "note", format_text("note", "note", is_wide=True)),
    )
    rows["told"] = [_told(row) for row in iterated(rows)]
    untold = frozenset(place for place, told in enumerate(rows["told"]) if told == "no")
    caption = (
        f"Each configuration minus the {reference}, {study.named(named)}; an own interval holds for one row alone."
    )
    return Table(name=f"against_{reference}", caption=caption, frame=rows, columns=columns, untold=untold)


def _told(row: Row) -> str:
    if not row["n_finished"]:
        return "never finished"
    return "not tested" if row["test"] == "none" else "yes" if row["distinguishable"] else "no"


def _share(value: object) -> str:
    return percent(value) if isinstance(value, float) and value == value else NOTHING


def _whole(name: str) -> Callable[[Row], str]:
    return lambda row: whole(row[name])


def _size(name: str) -> str:
    return "parameters" if name == "n_parameters" else name


def _if_known(frame: pd.DataFrame, column: Column) -> list[Column]:
    """Give a column only if some row has a number in it."""
    return [column] if frame[column.key].notna().any() else []


def _if_any(frame: pd.DataFrame, name: str, column: Column) -> list[Column]:
    """Give a column only if some row has something in it."""
    return [column] if any(value not in (None, "", 0) for value in plain(frame[name])) else []
