"""The tables of a report: the configurations, and each of them against the best and a baseline."""

from collections.abc import Callable

import pandas as pd

from nnsweep.results.frame import plain
from nnsweep.results.frame import rows as iterated
from nnsweep.results.report.content import Column, Row, Section, Table
from nnsweep.results.report.study import Study
from nnsweep.results.report.wording import NOTHING, as_sentence, fixed, percent, probability, signed, whole


def configurations(study: Study) -> Section | None:
    """Show the configurations, the best first."""
    found = study.configurations
    if len(found) < 2:
        return None
    untold = {*study.untold}
    labels = found["label"].tolist()
    sizes = [name for name in ("depth", "width", "n_parameters") if name in found.columns and found[name].nunique() > 1]
    columns = (
        text("configuration", "label"),
        number(study.words, "mean", lambda row: _mean(study, row)),
        number("std", "std", lambda row: study.number(row["std"]), is_wide=True),
        number("seeds", "n", lambda row: whole(row["n"])),
        *(number(_size(name), name, _whole(name), is_wide=name != "n_parameters") for name in sizes),
        *_if_any(found, "n_failed", number("failed", "n_failed", lambda row: whole(row["n_failed"]))),
        *_if_any(found, "note", text("note", "note", is_wide=True)),
    )
    told = f" ± half of its {percent(study.confidence)} interval" if study.configurations["half"].notna().any() else ""
    table = Table(
        name="configurations",
        caption=f"Each configuration's mean over its seeds{told}, the best first.",
        frame=found,
        columns=columns,
        best=frozenset(range(len(study.first))),
        untold=frozenset(place for place, label in enumerate(labels) if label in untold),
    )
    return Section(name="configurations", heading="The configurations", tables=(table,))


def comparison(study: Study) -> Section | None:
    """Show every configuration against the best, and against the baseline."""
    references = [name for name in ("best", "baseline") if (study.comparison["reference"] == name).any()]
    tested = study.comparison[study.comparison.get("test", pd.Series(dtype="object")) != "none"]
    if not len(tested):
        return None
    tables = tuple(_against(study, name) for name in references)
    return Section(
        name="comparison",
        heading="What can be told apart",
        points=tuple(as_sentence(note) for note in study.comparison.attrs["notes"]),
        tables=tables,
    )


def text(heading: str, name: str, *, is_wide: bool = False) -> Column:
    """Make a column of text."""
    return Column(heading, lambda row: str(row[name] or ""), name, is_wide)


def number(heading: str, name: str, written: Callable[[Row], str], *, is_wide: bool = False) -> Column:
    """Make a column of numbers."""
    return Column(heading, written, name, is_wide)


def _against(study: Study, reference: str) -> Table:
    rows = study.comparison[study.comparison["reference"] == reference].reset_index(drop=True)
    named = str(rows["reference_label"].iloc[0])
    columns = (
        text("configuration", "label"),
        number("difference", "difference", lambda row: signed(study.number(row["difference"]))),
        number(f"{percent(study.confidence)} interval", "low", lambda row: _span(study, row)),
        number("better in", "win_rate", lambda row: _share(row["win_rate"]), is_wide=True),
        number("effect size", "effect_size", lambda row: fixed(row["effect_size"], 2), is_wide=True),
        number("p", "p", lambda row: probability(row["p"]), is_wide=True),
        number("p, corrected", "p_holm", lambda row: probability(row["p_holm"])),
        text("told apart", "told"),
        number("more seeds", "more_seeds", lambda row: whole(row["more_seeds"]), is_wide=True),
        *_if_any(rows, "note", text("note", "note", is_wide=True)),
    )
    rows["told"] = [_told(row) for row in iterated(rows)]
    untold = frozenset(place for place, told in enumerate(rows["told"]) if told == "no")
    caption = f"Each configuration minus the {reference}, {named}."
    return Table(name=f"against_{reference}", caption=caption, frame=rows, columns=columns, untold=untold)


def _told(row: Row) -> str:
    return "not tested" if row["test"] == "none" else "yes" if row["distinguishable"] else "no"


def _mean(study: Study, row: Row) -> str:
    mean, half = study.number(row["mean"]), study.number(row["half"])
    return mean if half == NOTHING else f"{mean} ± {half}"


def _span(study: Study, row: Row) -> str:
    low, high = signed(study.number(row["low"])), signed(study.number(row["high"]))
    return NOTHING if low == NOTHING else f"{low} to {high}"


def _share(value: object) -> str:
    return percent(value) if isinstance(value, float) and value == value else NOTHING


def _whole(name: str) -> Callable[[Row], str]:
    return lambda row: whole(row[name])


def _size(name: str) -> str:
    return "parameters" if name == "n_parameters" else name


def _if_any(frame: pd.DataFrame, name: str, column: Column) -> list[Column]:
    """Give a column only if some row has something in it."""
    return [column] if any(value not in (None, "", 0) for value in plain(frame[name])) else []
