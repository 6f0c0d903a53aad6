"""Several data sets in a report: which configuration is best over all of them, and where each of them has its best.

Accuracies on different data have no common scale, so what compares means of runs is left out of such a report, and
ranks and differences within each data set take its place.
"""

import math

import pandas as pd

from nnsweep.results.frame import rows
from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table
from nnsweep.results.report.section_answer import describe_answer, explain_layers, warn_of_optimism
from nnsweep.results.report.section_trainings import warn_of_stuck_runs
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.data_sets import write_filters
from nnsweep.results.wording import as_sentence, count, fixed, join_words, percent, probability, signed, whole
from nnsweep.text import quote_argument

MOST_CONFIGURATIONS = 12
"""A table has no more columns of configurations than this."""


def name_best_over_data_sets(study: Study) -> list[str]:
    """Name what validation chooses over all data sets, how good that is on the test sets, and what is best there."""
    found, by_validation = study.data_sets, study.data_sets_by_validation
    n, k = len(found.data_sets), len(found.labels)
    if not k:
        return [_explain_nothing(study)]
    ranks = dict(zip(found.labels, found.ranking["mean_rank"], strict=True))
    first = [label for label in found.labels if math.isclose(ranks[label], ranks[found.labels[0]])]
    be = "ranks" if len(first) == 1 else "rank"

    def describe(label: str) -> str:
        return f"mean rank {fixed(ranks[label], 1)} of {k:,} by {study.words} over {n:,} data sets"

    if by_validation is None:
        n_best = f", {_count_best(study, first[0])}" if len(first) == 1 else ""
        return [f"{join_words(first)} {be} first: {describe(first[0])}{n_best}."]
    chosen, validation_rank = by_validation.labels[0], by_validation.ranking["mean_rank"].iloc[0]
    reason = "" if chosen in first else f", chosen by {study.validation_words}"
    headline = f"Use {explain_layers(chosen, chosen)}{reason}: {describe(chosen)}, {_count_best(study, chosen)}."
    why = f"It was chosen by {study.validation_words} (mean rank {fixed(validation_rank, 1)})"
    if chosen in first:
        others = [label for label in first if label != chosen]
        together = f", together with {join_words(others)}" if others else ""
        return [headline, f"{why} and also ranks first on the test sets{together}."]
    best_rank = f"mean rank {fixed(ranks[first[0]], 1)}"
    return [headline, f"{why}. On the test sets {join_words(first)} {be} first ({best_rank})."]


def _count_best(study: Study, label: str) -> str:
    ranking = study.data_sets.ranking
    n_best = int(ranking["n_best"][ranking["label"] == label].iloc[0])
    n = len(study.data_sets.data_sets)
    return f"best on {'all' if n_best == n else f'{n_best:,}' if n_best else 'none'} of them"


def _explain_nothing(study: Study) -> str:
    """Say why configurations cannot be compared over the data sets."""
    found, n = study.data_sets, len(study.data_sets.data_sets)
    names = join_words(found.data_sets)
    if not found.scores.notna().any(axis=None):
        return f"No run finished with a {study.words}, so there is no answer yet."
    if len(found.scores) == 1:
        return f"Each of {n:,} data sets ({names}) has only one configuration, so there is nothing to compare."
    return f"No two configurations have a result on all {n:,} data sets ({names}), so none can be called the best."


def list_rivals_over_data_sets(study: Study) -> list[str]:
    """Say which others the chosen configuration differs from significantly, or why it cannot."""
    found = study.data_sets
    n, k = len(found.data_sets), len(found.labels)
    if not k:
        return []
    chosen = _choose(study)
    if n < found.n_needed:
        pairs = len(found.pairs)
        whom, p = (
            ("the two to differ", "p")
            if k == 2
            else (f"any two of {k:,} configurations to differ", f"p (adjusted for {pairs:,} pairs)")
        )
        smallest = probability(min(1.0, pairs * 2.0 ** (1 - n)))
        return [
            f"{n:,} data sets are too few for {whom} significantly: even if one were better on all of them, {p} would "
            f"be {smallest}. At least {found.n_needed:,} are needed."
        ]
    against = _compare_with(study, chosen)
    rest = [str(label) for label in against["label"][~against["distinguishable"]]]
    others = "the other one" if k == 2 else f"all {k - 1:,} others"
    if not rest:
        return [f"Over these data sets {chosen} differs significantly from {others}."]
    if len(rest) == k - 1:
        others = others.replace("all", "any of the")
        return [f"Over these data sets {chosen} does not differ significantly from {others}."]
    n_told = f"{k - 1 - len(rest):,} of {count(k - 1, 'other')}"
    return [f"Over these data sets {chosen} differs significantly from {n_told}, but not from {join_words(rest)}."]


def describe_runner_up(study: Study) -> list[str]:
    """Compare the chosen one with the best of the others, data set by data set."""
    if not study.data_sets.labels:
        return []
    chosen = _choose(study)
    against = next(iter(rows(_compare_with(study, chosen))))
    counts = (("better", "n_worse"), ("worse", "n_better"), ("equal", "n_equal"))
    seen = join_words([f"{word} on {against[name]}" for word, name in counts if against[name]])
    apart = signed(study.write(-float(str(against["difference"]))))
    return [f"Compared with {against['label']}, {chosen} is {seen} of the data sets (mean difference {apart})."]


def describe_friedman(study: Study) -> list[str]:
    """Say whether the configurations differ over data sets at all."""
    test = study.data_sets.friedman
    p = test.p if math.isnan(test.p_f) else test.p_f
    if math.isnan(p):
        return []
    differ = "differ" if p < 1 - study.confidence else "do not differ"
    return [f"Overall, the ranks of the configurations {differ} significantly (Friedman's test, p {_equals(p)})."]


def explain_filter(study: Study) -> list[str]:
    """Say how to have the report of one data set."""
    rule = quote_argument(next(iter(write_filters(study.runs).values())))
    return [
        f"{'Accuracies' if study.is_accuracy else 'Results'} on different data sets are not averaged. What settings do "
        f"and cost on one data set is in the report with --filter {rule}."
    ]


def _choose(study: Study) -> str:
    """Give the configuration that is chosen: by validation, if there is a validation part."""
    by_validation = study.data_sets_by_validation
    return (by_validation or study.data_sets).labels[0]


def _compare_with(study: Study, reference: str) -> pd.DataFrame:
    """Give the pairs that a configuration is in, as others minus it, in the order of the ranking."""
    pairs = study.data_sets.pairs
    turned = pairs[pairs["label"] == reference].rename(
        columns={"label": "other", "other": "label", "n_better": "n_worse", "n_worse": "n_better"}
    )
    both = pd.concat([turned.assign(difference=-turned["difference"]), pairs[pairs["other"] == reference]])
    return both.set_index("label").reindex([one for one in study.data_sets.labels if one != reference]).reset_index()


class AnswerOverDataSets(Section):
    """The answer where runs are on several data sets."""

    order = 21
    scope = "several data sets"
    answers = (
        (11, name_best_over_data_sets),
        (12, describe_runner_up),
        (13, list_rivals_over_data_sets),
        (14, describe_friedman),
        (101, warn_of_stuck_runs),
        (131, warn_of_optimism),
        (151, explain_filter),
    )

    def build(self, study: Study) -> SectionContent:
        first, *further = describe_answer(study)
        return SectionContent(name="answer", heading="The answer", sentences=(first,), points=tuple(further))


class DataSets(Section):
    """The configurations over data sets, and each data set by itself."""

    order = 31
    scope = "several data sets"

    def build(self, study: Study) -> SectionContent:
        found = study.data_sets
        tables = (*([_rank(study)] if found.labels else []), _list_data_sets(study))
        groups = found.groups if len(found.data_sets) >= found.n_needed else []  # or else nothing could be told apart
        points = [
            *found.notes,
            *(f"no significant differences between {join_words(group, MOST_CONFIGURATIONS)}" for group in groups),
        ]
        return SectionContent(
            name="data_sets", heading="Comparison over data sets", points=tuple(map(as_sentence, points)), tables=tables
        )

    def method_notes(self, study: Study) -> list[str]:
        found = study.data_sets
        notes = [
            f"On each data set a configuration's result is its mean over {study.kind}s; settings that are determined "
            "by the data set do not distinguish configurations."
        ]
        if not found.labels:
            return notes
        k, n = len(found.labels), len(found.data_sets)
        notes.append(
            "Each data set ranks the configurations: 1 is the best, and ties share their mean rank. Two configurations "
            "are compared by Wilcoxon's exact signed-rank test over data sets, with p adjusted by Holm's method for "
            f"{count(len(found.pairs), 'pair')}."
        )
        if k > 2:
            test = found.friedman
            f = "" if math.isnan(test.f) else f", Iman and Davenport's F {fixed(test.f, 2)} (p {_equals(test.p_f)})"
            notes.append(
                f"Friedman's χ² is {fixed(test.chi_squared, 2)} (p {_equals(test.p)}){f}; Nemenyi's critical "
                f"difference of mean ranks is {fixed(found.critical_difference, 2)} for {k:,} configurations on {n:,} "
                f"data sets, at {percent(study.confidence)}."
            )
        return [*notes, "All this generalizes to further data sets like these, if they are independent of each other."]


def _equals(p: float) -> str:
    written = probability(p)
    return written if written.startswith("<") else f"= {written}"


def _rank(study: Study) -> Table:
    """Make the table of the configurations over data sets."""
    found, chosen = study.data_sets, _choose(study)
    against = _compare_with(study, chosen).set_index("label").reindex(found.labels).reset_index(drop=True)
    against = against.drop(columns="other")
    frame = pd.concat([found.ranking, against], axis=1)
    frame["significant"] = [
        "" if label == chosen else "yes" if is_told else "no"
        for label, is_told in zip(found.labels, against["distinguishable"].eq(True), strict=True)
    ]
    by_validation = study.data_sets_by_validation
    if by_validation is not None:
        ranks = by_validation.ranking.set_index("label")["mean_rank"]
        frame["validation_rank"] = ranks.reindex(found.labels).to_numpy()

    def write_counts(row: Row) -> str:
        names = ("n_better", "n_equal", "n_worse")
        return "" if row["n_better"] is None else "/".join(whole(row[name]) for name in names)

    columns = (
        Column("configuration", "label"),
        *(
            [Column("mean rank (validation)", "validation_rank", lambda rank: fixed(rank, 2))]
            * (by_validation is not None)
        ),
        Column("mean rank", "mean_rank", lambda rank: fixed(rank, 2)),
        Column(f"mean {study.words}", "mean", study.write, is_wide=True),
        Column("best on", "n_best", whole, is_wide=True),
        Column("difference", "difference", lambda value: "" if value is None else signed(study.write(value))),
        Column("better/equal/worse", "n_better", write_counts, needs_row=True),
        Column("p", "p", lambda p: "" if p is None else probability(p), is_wide=True),
        Column("adjusted p", "p_holm", lambda p: "" if p is None else probability(p)),
        Column("significant", "significant"),
    )
    return Table(
        name="ranking",
        caption=f"Configurations by their mean rank in {study.words} over {len(found.data_sets):,} data sets, best "
        f"first; differences, counts of data sets and p are relative to {chosen}.",
        frame=frame,
        columns=columns,
        best=frozenset([found.labels.index(chosen)]),
    )


def _list_data_sets(study: Study) -> Table:
    """Make the table of the data sets: what is chosen on each, and every mean if there are not too many."""
    found, by_validation = study.data_sets, study.data_sets_by_validation
    sign = study.sign
    labels = found.labels or [str(label) for label in found.scores.index]
    parts = []
    for data_set in found.data_sets:
        scores = found.scores[data_set].dropna()
        best = str((sign * scores).idxmax()) if len(scores) else None
        row: dict[str, object] = {"data_set": data_set, "best": best, "best_mean": scores.get(best)}
        row["worst_mean"] = sign * (sign * scores).min()
        if by_validation is not None:
            row["chosen"] = chosen = str((sign * by_validation.scores[data_set]).idxmax())
            row["chosen_mean"] = scores.get(chosen)
        parts.append(row | {f"mean of {label}": found.scores.loc[label, data_set] for label in labels})
    columns = [Column("data set", "data_set")]
    if by_validation is not None:
        columns += [
            Column("chosen by validation", "chosen"),
            Column(f"its {study.words}", "chosen_mean", study.write),
        ]
    columns += [
        Column("best", "best"),
        Column(f"best {study.words}", "best_mean", study.write),
        Column(f"worst {study.words}", "worst_mean", study.write),
    ]
    if len(labels) <= MOST_CONFIGURATIONS:
        columns += [Column(label, f"mean of {label}", study.write, is_wide=True) for label in labels]
    return Table(
        name="data_sets",
        caption=f"Results on each data set: means over {study.kind}s.",
        frame=pd.DataFrame(parts),
        columns=tuple(columns),
    )
