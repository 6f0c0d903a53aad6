"""The configurations of a report, and each of them against the best and a baseline.

They are compared over their repeats, and example by example on the same test set, which tells two networks apart even
where each has one seed.
"""

import math

import pandas as pd

from nnsweep.results.baselines import describe_baseline
from nnsweep.results.factors import KINDS
from nnsweep.results.frame import rows
from nnsweep.results.metrics import bound_metric, name_baseline, name_scale
from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table, drop_empty
from nnsweep.results.report.section_answer import plan_more_seeds
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.best_set import UNSETTLED
from nnsweep.results.statistics.examples import ABSOLUTE
from nnsweep.results.statistics.pairs import POWER
from nnsweep.results.wording import (
    NOTHING,
    as_sentence,
    count,
    counted_repeats,
    fixed,
    join_words,
    percent,
    probability,
    signed,
    span,
    whole,
    with_interval,
    write_digits,
)

SIZES = ("depth", "width", "n_parameters")
TESTS = {
    "paired t": "Two configurations are compared by a paired t test over the {}s that both have.",
    "Welch": "Configurations without {}s in common are compared by Welch's t test.",
    "sign flip": "Two that differ by the same amount with every {} are compared by a sign-flip test.",
    "permutation": "Two without {}s in common that do not vary at all are compared by a permutation test.",
}
COUNTING = {
    "chance": "A run that failed, diverged or finished without a result counts as guessing ({}) if that "
    "is known; if not, configurations with such a run are ranked last.",
    "ignore": "Runs that failed, diverged or finished without a result are left out, as requested.",
}
RANKED_LAST = "Configurations with a run that failed, diverged or finished without a result are ranked last."


class Configurations(Section):
    """The configurations, the best first."""

    order = 30

    def build(self, study: Study) -> SectionContent | None:
        table = study.configurations
        if len(table) < 2:
            return None
        verdicts = dict(zip(study.judged["label"], study.judged["verdict"], strict=True))
        table = table.assign(
            n_ended=table["n_finished"] + table["n_failed"], verdict=[verdicts[label] for label in table["label"]]
        )
        sizes = [name for name in SIZES if name in table.columns and table[name].nunique() > 1]
        columns = (
            Column("configuration", "label"),
            Column(study.words, "mean", lambda row: _mean(study, row), needs_row=True),
            Column("standard deviation", "std", study.write, is_wide=True),
            Column(f"{study.repeats.noun}s", "n", counted_repeats, needs_row=True),
            *(Column(name.removeprefix("n_"), name, whole, is_wide=name != "n_parameters") for name in sizes),
            Column("verdict", "verdict"),
            *drop_empty(table, Column("note", "note", is_wide=True)),
        )
        interval = ""
        if table["half"].notna().any():
            interval = f" with simultaneous {percent(study.confidence)} intervals (all hold at once)"
        baseline = describe_baseline(study.runs, study.metric)
        baseline = f" {as_sentence(baseline)}" if baseline else ""
        shown = Table(
            name="configurations",
            caption=f"Mean {study.words} over {study.kind}s{interval}, best first.{baseline}",
            frame=table,
            columns=columns,
            best=frozenset(place for place, label in enumerate(table["label"]) if label == study.chosen),
        )
        return SectionContent(name="configurations", heading="The configurations", tables=(shown,))

    def method_notes(self, study: Study) -> list[str]:
        repeats = join_words([KINDS[name] for name in study.repeats.axes]) or "number"
        notes = [
            "A configuration is one combination of the settings that vary; runs that differ only in their "
            f"{repeats} are its repeats."
        ]
        if study.configurations["n_failed"].any():
            baseline = name_baseline(study.metric)
            is_last = study.failures == "chance" and not baseline
            notes.append(RANKED_LAST if is_last else COUNTING[study.failures].format(baseline))
        return [*notes, *_explain_intervals(study)] if study.configurations["half"].notna().any() else notes


def _mean(study: Study, row: Row) -> str:
    return with_interval(study.write, row["mean"], row["low_simultaneous"], row["high_simultaneous"])


def _explain_intervals(study: Study) -> list[str]:
    """Say what the interval of a mean is, and of what it speaks."""
    k, kind, of = int(study.configurations.attrs["n_simultaneous"]), study.kind, percent(study.confidence)
    notes = [f"The {of} interval of a mean is Student's t interval, from one value for each {kind}."]
    low, high = bound_metric(study.metric)
    if scale := name_scale(study.metric):
        within = f"above {low:g}" if math.isinf(high) else f"below {high:g}" if math.isinf(low) else ""
        within = within or f"between {low:g} and {high:g}"
        notes.append(f"It is computed on {scale}, so that it stays {within}.")
    if k > 1:
        level = f"{100 * (1 - (1 - study.confidence) / k):.4g} %"
        notes.append(
            f"Each is made at {level}, so that all {k:,} hold at once with {of} confidence (Bonferroni), including "
            "that of the best, which was picked by its mean."
        )
    if study.is_averaged:
        inner = join_words([KINDS[name] for name in study.repeats.axes if name not in study.repeats.units])
        notes.append(f"Runs of one {kind} that differ in their {inner} are averaged first.")
    if study.repeats.overlap:
        notes.append(
            f"The training sets of the {kind}s overlap, so the variance of a mean of J values is taken as 1/J + "
            f"{study.repeats.overlap:.3g} times that of one (Nadeau and Bengio, 2003; n_test / n_train)."
        )
    if study.repeats.changes_test_set:
        return [*notes, f"It covers the mean over all possible {kind}s, whose test examples differ, too."]
    part = "validation part" if study.metric.startswith("best_val_") else "test set"
    return [*notes, f"It covers the mean over all possible {kind}s on this {part}, not on other {part}s."]


class Comparison(Section):
    """Every configuration against the best, and against the baseline."""

    order = 40

    def build(self, study: Study) -> SectionContent | None:
        comparison = study.comparison
        if not (comparison.get("test", pd.Series(dtype="object")) != "none").any():
            return None
        has_baseline = bool((comparison["reference"] == "baseline").any())
        return SectionContent(
            name="comparison",
            heading="Comparison with the best",
            sentences=(*_describe_detectable(study), *plan_more_seeds(study)),
            tables=(_compare_with_best(study), *([_compare_with_baseline(study)] if has_baseline else [])),
        )

    def method_notes(self, study: Study) -> list[str]:
        if not study.tests:
            return []
        margin = f"at most {study.rope:g} behind it" if study.rope else "better than all others"
        notes = [
            "Each configuration is compared with the best of the others (Hsu, 1984). Its interval decides whether it "
            f"is as good as the best ({margin}), clearly worse (another one is better) or unsettled (neither). All "
            f"these intervals hold at once with {percent(study.confidence)} confidence, whichever configuration is "
            "truly the best; if several are exactly equal, each is kept with that confidence, but not all of them "
            "together.",
        ]
        notes += [TESTS[name].format(study.kind) for name in TESTS if name in study.tests]
        if study.chosen_by_validation:
            words, side = study.validation_words, "down" if study.is_smaller_better else "up"
            notes.append(
                f"{words[:1].upper()}{words[1:]} makes the choice because the {study.extreme} of many test "
                f"{'accuracies' if study.is_accuracy else 'values'} is biased {side}wards. The {study.words} of the "
                f"choice can be slightly too {'low' if study.is_smaller_better else 'high'} as well, since a "
                f"{study.kind} that does well on one part often does well on the other; its simultaneous interval "
                "leaves room for that."
            )
        if (study.comparison["reference"] == "baseline").any():
            notes.append("p values of comparisons with the baseline are adjusted by Holm's method.")
        return notes


def _describe_detectable(study: Study) -> list[str]:
    """Say how large a difference would have been found where it is unsettled whether there is one."""
    sizes = study.judged["detectable"][study.judged["verdict"] == UNSETTLED].dropna()
    if not len(sizes):
        return []
    low, high = bound_metric(study.metric)
    if sizes.min() >= high - low:
        values = "accuracies" if study.is_accuracy else "values"
        return [f"There are too few results to detect any difference that two {values} can have."]
    whose = "For half of the unsettled configurations, a" if len(sizes) > 1 else "A"
    return [f"{whose} true gap of {study.write(sizes.median())} to the best would have been detected with "
            f"{percent(POWER)} probability."]  # fmt: skip


def _compare_with_best(study: Study) -> Table:
    """Make the table of all configurations against the best of the others, with the verdicts."""
    against = study.against_best.drop(columns=["difference", "low", "high", "note"])
    table = study.judged.drop(columns="mean").merge(against, on="label", how="left")
    columns = (
        Column("configuration", "label", study.name),
        Column("difference", "difference", lambda value: signed(study.write(value))),
        Column(f"{percent(study.confidence)} interval", "low", lambda row: _write_ends(study, row), needs_row=True),
        Column("verdict", "verdict"),
        Column("detectable difference", "detectable", study.write),
        Column("win rate", "win_rate", lambda rate: NOTHING if rate is None else percent(rate), is_wide=True),
        Column("effect size", "effect_size", lambda value: fixed(value, 2), is_wide=True),
        *drop_empty(table, Column(f"more {study.kind}s", "more_seeds", whole, is_wide=True)),
        *drop_empty(table, Column("note", "note", is_wide=True)),
    )
    return Table(
        name="against_best",
        caption="Each configuration minus the best of the others, with simultaneous intervals. A true gap of the size "
        f"of the detectable difference would be found with {percent(POWER)} probability.",
        frame=table,
        columns=columns,
        best=frozenset(place for place, label in enumerate(table["label"]) if label == study.chosen),
    )


def _write_ends(study: Study, row: Row) -> str:
    """Write an interval of which one end may be 0 exactly."""
    low, high = ("0" if row[end] == 0 else signed(study.write(row[end])) for end in ("low", "high"))
    return NOTHING if row["low"] is None else f"{low} to {high}"


def _compare_with_baseline(study: Study) -> Table:
    """Make the table of all configurations against the baseline."""
    table = study.comparison[study.comparison["reference"] == "baseline"].reset_index(drop=True)
    table["significant"] = [
        "never finished" if not row["n_finished"]
        else "not tested" if row["test"] == "none"
        else "yes" if row["distinguishable"]
        else "no"
        for row in rows(table)
    ]  # fmt: skip
    columns = (
        Column("configuration", "label", study.name),
        Column("difference", "difference", lambda value: signed(study.write(value))),
        Column(f"{percent(study.confidence)} interval", "low", lambda row: span(study.write, row), needs_row=True),
        Column("win rate", "win_rate", lambda rate: NOTHING if rate is None else percent(rate), is_wide=True),
        Column("effect size", "effect_size", lambda value: fixed(value, 2), is_wide=True),
        Column("p", "p", probability, is_wide=True),
        Column("adjusted p", "p_holm", probability),
        Column("significant", "significant"),
        *drop_empty(table, Column(f"more {study.kind}s", "more_seeds", whole, is_wide=True)),
        *drop_empty(table, Column("note", "note", is_wide=True)),
    )
    return Table(
        name="against_baseline",
        caption=f"Each configuration minus the baseline, {study.name(table['reference_label'].iloc[0])}, with "
        "simultaneous intervals.",
        frame=table,
        columns=columns,
    )


def describe_examples(study: Study) -> list[str]:
    """Say which configurations do not differ significantly from the one with the best mean on the test examples."""
    found = study.by_example
    if found.attrs.get("differ"):
        return ["The runs were not all tested on the same examples, so they are not compared example by example."]
    tested = found[found["test"] != "none"]
    if not len(tested):
        return []
    names = [study.name(label) for label in tested["label"][~tested["distinguishable"]]]
    best = study.name(tested["reference_label"].iloc[0])
    where = f"On the same {whole(float(tested['n_examples'].iloc[0]))} test examples, "
    if not names:
        differ = "the other one differs" if len(tested) == 1 else f"all {len(tested):,} others differ"
        return [f"{where}{differ} significantly from {best}."]
    none = "does" if len(names) == 1 else "do"
    return [
        f"{where}{len(names):,} of {count(len(tested), 'other')} {none} not differ significantly from {best}: "
        f"{join_words(names, 2)}."
    ]


def describe_examples_of_single_runs(study: Study) -> list[str]:
    """Say the same in the answer, where no other test can say anything: where there is one repeat."""
    return [] if study.tests else describe_examples(study)


class ByExample(Section):
    """Each configuration against the best on the same test examples."""

    order = 50
    answers = ((60, describe_examples_of_single_runs),)

    def build(self, study: Study) -> SectionContent | None:
        found = study.by_example
        if not len(found):
            return None
        interval, are_losses = f"{percent(study.confidence)} interval", "loss" in found.columns
        write = write_three if are_losses else study.write_measure
        counts = (Column("only this right", "b", whole, True), Column("only the best right", "c", whole, True))
        columns = (
            Column("configuration", "label", study.name),
            Column("difference", "difference", lambda value: signed(write(value))),
            Column(interval, "low", lambda row: span(write, row), needs_row=True),
            *(() if are_losses else drop_empty(found, *counts)),
            Column("test", "test", is_wide=True),
            Column("p", "p", probability, is_wide=True),
            Column("adjusted p", "p_holm", probability),
        )
        table = Table(
            name="examples",
            caption=f"{name_loss(study) if are_losses else 'Each configuration'} minus the best, "
            f"{found['reference_label'].iloc[0]}, on the same test examples (networks that finished); each interval "
            "holds by itself.",
            frame=found,
            columns=columns,
            indistinguishable=frozenset(
                place for place, row in enumerate(rows(found)) if row["test"] != "none" and not row["distinguishable"]
            ),
        )
        points = tuple(as_sentence(note) for note in found.attrs["notes"])
        sentences = tuple(describe_examples(study)) if study.tests else ()
        return SectionContent(
            name="examples",
            heading="Comparison on the same test examples",
            sentences=sentences,
            points=points,
            tables=(table,),
        )

    def method_notes(self, study: Study) -> list[str]:
        if not len(study.by_example):
            return []
        of_classes = (
            "single networks are compared by McNemar's exact test, and several seeds by a sign-flip test on each "
            "example's share of correct answers"
        )
        of_losses = "networks are compared by a sign-flip test on each example's loss, averaged over seeds"
        return [
            f"On the same test examples, {of_losses if 'loss' in study.by_example.columns else of_classes}, with "
            "bootstrap intervals over examples: this speaks for these trained networks on further examples"
            + (", whereas tests over seeds speak for further seeds on these examples." if study.tests else ".")
        ]


def name_loss(study: Study) -> str:
    """Name what of each example is compared where numbers were predicted, at the beginning of a sentence."""
    if any(one.quantiles for one in study.errors.values()):
        return "Mean quantile loss of each configuration"
    return f"Mean {'absolute' if study.measure in ABSOLUTE else 'squared'} error of each configuration"


def write_three(value: object) -> str:
    """Write a number with three significant digits."""
    return write_digits(value, 3)
