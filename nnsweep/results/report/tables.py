"""The tables of a report: the configurations, and each of them against the best and a baseline."""

from collections.abc import Callable

import pandas as pd

from nnsweep.results.frame import plain
from nnsweep.results.frame import rows as iterated
from nnsweep.results.report.content import Column, Row, Section, Table
from nnsweep.results.report.study import Study
from nnsweep.results.report.wording import NOTHING, as_sentence, fixed, percent, probability, signed, whole, with_half


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
        number("sd", "std", lambda row: study.number(row["std"]), is_wide=True),
        number(f"{study.repeats.noun}s", "n", _repeats),
        *(number(_size(name), name, _whole(name), is_wide=name != "n_parameters") for name in sizes),
        *_if_any(found, "note", text("note", "note", is_wide=True)),
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


def configuration(study: Study) -> Column:
    """Make the column of a configuration's label, with how many of its repeats finished if some failed."""
    return Column("configuration", lambda row: study.named(row["label"]), "label")


def number(heading: str, name: str, written: Callable[[Row], str], *, is_wide: bool = False) -> Column:
    """Make a column of numbers."""
    return Column(heading, written, name, is_wide)


def _against(study: Study, reference: str) -> Table:
    rows = study.comparison[study.comparison["reference"] == reference].reset_index(drop=True)
    named = str(rows["reference_label"].iloc[0])
    columns = (
        configuration(study),
        number("difference", "difference", lambda row: signed(study.number(row["difference"]))),
        number(f"own {percent(study.confidence)} interval", "low", lambda row: _span(study, row)),
        number("better in", "win_rate", lambda row: _share(row["win_rate"]), is_wide=True),
        number("effect size", "effect_size", lambda row: fixed(row["effect_size"], 2), is_wide=True),
        number("p", "p", lambda row: probability(row["p"]), is_wide=True),
        number("p, corrected", "p_holm", lambda row: probability(row["p_holm"])),
        text("told apart", "told"),
        *_if_known(
            rows, number(f"more {study.kind}s", "more_seeds", lambda row: whole(row["more_seeds"]), is_wide=True)
        ),
        *_if_any(rows, "note", text("note", "note", is_wide=True)),
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


def _mean(study: Study, row: Row) -> str:
    return with_half(study.number(row["mean"]), study.number(row["half"]))


def _repeats(row: Row) -> str:
    """Say how many repeats there are, or how many of them finished."""
    n_finished, n_failed = int(str(row["n_finished"])), int(str(row["n_failed"]))
    return f"{n_finished:,} of {n_finished + n_failed:,}" if n_failed else whole(row["n"])


def _span(study: Study, row: Row) -> str:
    low, high = signed(study.number(row["low"])), signed(study.number(row["high"]))
    return NOTHING if low == NOTHING else f"{low} to {high}"


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
