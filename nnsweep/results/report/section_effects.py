"""What explains the results: the shares of their variance, as sentences, table and section of a report."""

import math

from nnsweep.results.frame import rows
from nnsweep.results.report.content import Column, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.anova import RESIDUAL, TOTAL
from nnsweep.results.wording import (
    TIMES,
    as_sentence,
    fixed,
    join_words,
    percent,
    probability,
    share,
    short_name,
    whole,
)

LEAST_SHARE = 0.01


def describe_effects(study: Study) -> list[str]:
    """Say what share of the variance each setting explains, and what is left."""
    found = study.effects
    if not len(found):
        return []
    of_all = {str(row["term"]): row["eta_squared"] for row in rows(found) if isinstance(row["eta_squared"], float)}
    noise = of_all.pop(RESIDUAL, 0.0)
    told = sorted(((term, part) for term, part in of_all.items() if term != TOTAL), key=lambda pair: -pair[1])
    large = [(term_words(term), percent(part)) for term, part in told if part >= LEAST_SHARE]
    means = f"the means of all {study.kind}s" if study.is_averaged else "all runs"
    first = f"Of the variance of {study.words} between {means}, "
    residual = str(found.attrs["residual"])
    left = f"what {residual} differ by" if residual == f"{study.kind}s" else f"what is left ({residual})"
    overlapping = math.fsum([noise, *(part for _, part in told)]) > 1 + LEAST_SHARE
    overlap = " (the grid is not complete: shares overlap and add up to more than all)" * overlapping
    if not large:
        return [f"{first}no setting explains as much as {percent(LEAST_SHARE)}; {left} is {percent(noise)}."]
    seen = [f"{large[0][0]} explains {large[0][1]}", *(f"{name} {part}" for name, part in large[1:])]
    return [f"{first}{join_words(seen)}; {left} is {percent(noise)}{overlap}."]


class Effects(Section):
    """The analysis of variance."""

    order = 70
    answers = ((110, describe_effects),)

    def build(self, study: Study) -> SectionContent | None:
        found = study.effects
        if not len(found):
            return None
        residual = str(found.attrs["residual"])
        columns = (
            Column("term", lambda row: term_words(str(row["term"]), residual), "term"),
            Column("share (η²)", lambda row: share(row["eta_squared"]), "eta_squared"),
            Column("without bias (ω²)", lambda row: share(row["omega_squared"]), "omega_squared"),
            Column("degrees of freedom", lambda row: whole(row["df"]), "df", is_wide=True),
            Column("F", lambda row: fixed(row["f"], 1), "f", is_wide=True),
            Column("p", lambda row: probability(row["p"]), "p"),
        )
        caption = (
            f"Shares of the variance of {study.words}: settings, pairs of them ({TIMES}), and what is left: {residual}."
        )
        frame = found[found["term"] != TOTAL].reset_index(drop=True)
        table = Table(name="effects", caption=caption, frame=frame, columns=columns)
        notes = tuple(as_sentence(note) for note in found.attrs["notes"])
        return SectionContent(name="effects", heading="What explains the differences", points=notes, tables=(table,))

    def method_notes(self, study: Study) -> list[str]:
        return ["What explains the differences is an analysis of variance."] if len(study.effects) else []


def term_words(term: str, residual: str = "seeds") -> str:
    """Name a term of an analysis of variance for a reader.

    Examples
    --------
    >>> term_words("optimizer.learning_rate"), term_words("residual")
    ('learning_rate', 'seeds (residual)')
    """
    if term == RESIDUAL:
        return f"{residual} (residual)"
    return f" {TIMES} ".join(short_name(part) for part in term.split(":"))
