"""The average effect of each setting: the mean of each of its values over the other settings, and their differences."""

import pandas as pd

from nnsweep.results.frame import plain, rows, take_numbers
from nnsweep.results.grouping import BARE
from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table
from nnsweep.results.report.section_settings import write_term
from nnsweep.results.report.study import Study
from nnsweep.results.wording import (
    as_sentence,
    join_words,
    percent,
    probability,
    short_name,
    signed,
    span,
    value_text,
    whole,
    with_interval,
)

LEAST_INTERACTION = 0.05
"""From this share of the variance on, an interaction is told beside averages."""


def describe_marginal_means(study: Study) -> list[str]:
    """Say for each setting by how much its best value beats another on average, and which others are not different."""
    contrasts = _contrast_best(study)
    if not len(contrasts):
        return []
    sentences: list[str] = []
    undecided: list[str] = []
    for name in dict.fromkeys(map(str, contrasts["factor"])):
        own = contrasts[contrasts["factor"] == name]
        is_told = own["distinguishable"].to_numpy()
        if not is_told.any():
            undecided.append(short_name(name))
            continue
        noun = "" if name in BARE else f"{short_name(name)} "
        place = int((own["difference"].abs() * is_told).to_numpy().argmax())
        best, worst = (value_text(plain(own[role])[place]) for role in ("level", "reference"))
        apart, *ends = (study.write(abs(take_numbers(own, end)[place])) for end in ("difference", "low", "high"))
        sure = "" if sentences else f"{percent(study.confidence)} interval "
        rivals = (
            join_words([value_text(value) for value in plain(own["reference"][~is_told])]) if not is_told.all() else ""
        )
        sentences.append(
            f"{noun}{best} beats {noun}{worst} by {apart} ({sure}{' to '.join(sorted(ends))})"
            + f" but does not differ significantly from {noun}{rivals}" * bool(rivals)
        )
    if undecided:
        names = join_words(undecided).replace(" and ", " or ")
        sentences.append(f"no value of {names} differs significantly from the best one")
    return [f"On average over the other settings, {'; '.join(sentences)}.{_warn_of_interaction(study)}"]


def _warn_of_interaction(study: Study) -> str:
    """Say which two settings depend on each other most, if they do so that averages over them hide it."""
    shares = zip(take_numbers(study.effects, "eta_squared"), map(str, study.effects["term"]), strict=True)
    large = [(part, term) for part, term in shares if term.count(":") == 1 and part >= LEAST_INTERACTION]
    if not large:
        return ""
    part, term = max(large)
    return (
        f" But the interaction {write_term(term)} explains {percent(part)} of the variance: which value of one setting "
        "is best depends on the other."
    )


class SettingMeans(Section):
    """The means of the levels, and their differences from the best level."""

    order = 75

    def build(self, study: Study) -> SectionContent | None:
        found, contrasts = study.marginal_means, _contrast_best(study)
        if not len(contrasts):
            return None
        of = percent(study.confidence)
        levels = Table(
            name="levels",
            caption=f"Mean {study.words} for each value of a setting, averaged over the other settings, with {of} "
            "intervals (simultaneous within a setting).",
            frame=found.levels,
            columns=(
                Column("setting", "factor", short_name),
                Column("value", "level", value_text),
                Column(study.words, "mean", lambda row: _write_mean(study, row), needs_row=True),
                Column("combinations", "n_cells", whole, is_wide=True),
                Column("results", "n_results", whole, is_wide=True),
            ),
        )
        differences = Table(
            name="contrasts",
            caption="The best value of each setting minus each other value, averaged over the other settings.",
            frame=contrasts,
            columns=(
                Column("setting", "factor", short_name),
                Column("best value", "level", value_text),
                Column("other value", "reference", value_text),
                Column("difference", "difference", lambda value: signed(study.write(value))),
                Column(f"{of} interval", "low", lambda row: span(study.write, row), needs_row=True),
                Column("adjusted p", "p", probability),
            ),
            indistinguishable=frozenset(
                place for place, row in enumerate(rows(contrasts)) if not row["distinguishable"]
            ),
        )
        return SectionContent(
            name="marginal_means",
            heading="Average effect of each setting",
            sentences=tuple(describe_marginal_means(study)),
            points=tuple(as_sentence(note) for note in found.notes if note not in study.effects.attrs.get("notes", ())),
            tables=(levels, differences),
        )

    def method_notes(self, study: Study) -> list[str]:
        if not len(_contrast_best(study)):
            return []
        return [
            "The mean for a value of a setting gives equal weight to every combination of the other settings. Its "
            f"standard error comes from the differences between {study.kind}s within a combination, with unequal "
            "variances allowed (Satterthwaite). Intervals of differences are simultaneous within a setting, at "
            f"{percent(study.confidence)} (Bonferroni)."
        ]


def _contrast_best(study: Study) -> pd.DataFrame:
    """Give the differences from the best level of each factor; none if there is one factor, or no interval."""
    levels, contrasts, _ = study.marginal_means
    if contrasts["factor"].nunique() < 2 or contrasts["low"].isna().all():
        return contrasts[:0]
    n_levels = levels["factor"].value_counts()
    parts = [own.iloc[: n_levels[factor] - 1] for factor, own in contrasts.groupby("factor", sort=False)]
    return pd.concat(parts, ignore_index=True)


def _write_mean(study: Study, row: Row) -> str:
    return with_interval(study.write, row["mean"], row["low"], row["high"])
