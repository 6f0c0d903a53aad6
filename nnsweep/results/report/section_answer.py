"""The answer of a report: what a study found, sentence by sentence, each with how sure it is."""

import math
from collections.abc import Mapping

from nnsweep.results.frame import plain, take_metric
from nnsweep.results.report.content import Section, SectionContent, choose_sections
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.summary import configurations
from nnsweep.results.wording import count, join_words, percent, probability, signed, span, with_interval

MANY_SEEDS = 1000
"""Beyond so many, a number of seeds to add is no plan any more."""


def describe_answer(study: Study) -> list[str]:
    """Give the answer of a study: what all its sections say of it, the most important sentence first."""
    answers = (pair for section in choose_sections(study) for pair in section.answers)
    by_place = sorted(answers, key=lambda pair: pair[0])
    return [sentence for _, sentences in by_place for sentence in sentences(study)]


def name_best(study: Study) -> list[str]:
    """Name the configuration with the best mean, and say whether it can be told to be the best."""
    if not study.has_result:
        return [f"No run finished with a {study.words}: there is no answer yet."]
    first, shared = study.best, list(map(study.name, study.leaders))
    value, sure = study.write(first["mean"]), _describe_sureness(study, first)
    if len(study.configurations) == 1:
        n_finished = study.name(first["label"]).removeprefix(first["label"])  # in brackets, if some failed
        return [f"The only configuration{n_finished} reached a {study.words} of {value}{sure}."]
    extreme = f"{'lowest' if study.is_cost else 'highest'} {study.words}"
    if len(shared) > 1:
        holds = f"{join_words(shared)} share the {extreme}, {value} ({study.describe_repeats(first['label'])} each)"
    else:
        holds = f"{shared[0]} has the {extreme}, {value}{sure if first['n_units'] > 1 else ''}"
    if doubt := _explain_doubt(study):
        return [f"Which configuration is best cannot be told: {holds}{doubt}."]
    if len(shared) > 1 or study.indistinguishable or study.untested:
        return [f"{holds}."]
    return [f"{shared[0]} is best: {study.words} {value}{sure}."]


def describe_single_seed(study: Study) -> list[str]:
    """Say what one repeat cannot tell."""
    if not study.has_result or study.best["n_units"] != 1:
        return []
    if study.best["n_finished"] + study.best["n_failed"] > 1:
        return [f"Only one of its {study.repeats.noun}s finished: how sure its mean is cannot be told."]
    if study.kind != "seed":
        return [f"It was run on one {study.kind}: how sure that is cannot be told. Run more."]
    return ["It was run with one seed: how sure that is cannot be told. Run more, such as seed='range(0,10)'."]


def list_rivals(study: Study) -> list[str]:
    """Say which configurations cannot be told from the best, and which were not tested."""
    others = study.against_best
    if not len(others):
        return []
    indistinguishable, untested, n = study.indistinguishable, len(study.untested), len(study.configurations) - 1
    if untested == n:
        return []
    few = "has" if untested == 1 else "have"
    caveat = [f"Of the others, {untested:,} {few} too few results for a test."] if untested else []
    whom = study.best["label"] if len(study.leaders) > 1 else "it"
    if _explain_doubt(study):
        return caveat
    if indistinguishable:
        be = "configuration" if n == 1 else "configurations"
        names = join_words(list(map(study.name, indistinguishable)))
        return [f"{len(indistinguishable):,} of {n:,} other {be} cannot be told from {whom}: {names}.", *caveat]
    if untested:
        return [f"It can be told from the {count(n - untested, 'other')} that could be tested.", *caveat]
    return ["It can be told from the other one." if n == 1 else f"It can be told from all {n:,} others."]


def plan_more_seeds(study: Study) -> list[str]:
    """Say how many seeds would tell the nearest rival apart, on which condition, and what else is possible."""
    rows = study.against_best[study.against_best["label"].isin(study.indistinguishable)]
    if not len(rows) or study.kind != "seed":
        return []
    row = rows.iloc[0]
    needed, fewest = float(row["more_seeds"]), float(row["fewest_more_seeds"])
    alone = study.difference(str(row["label"]), str(row["reference_label"]), study.confidence)
    farthest = max(abs(alone.low), abs(alone.high))
    if math.isnan(fewest) or farthest == 0:  # where they are equal with every seed, no number of seeds is enough
        return []
    far, own = study.write(farthest), f"own {percent(study.confidence)} interval"
    chance, rival = "with a probability of 80 %", study.name(row["label"])
    is_known = not math.isnan(farthest)  # where all differ by the same, there is a test and no interval
    if needed > MANY_SEEDS:
        if not is_known:
            return []
        so_many = "more than a thousand more seeds" if fewest > MANY_SEEDS else count(int(fewest), "more seed")
        return [
            f"The difference to {rival} is at most {far} (its {own}): if it is that "
            f"much, {so_many} of each would show it {chance}; if it is less, it takes more."
        ]
    none = " and for no difference at all" if alone.low < 0 < alone.high else ""
    allows = ""
    if is_known and fewest < needed:
        ends = span(study.write, {"low": alone.low, "high": alone.high})
        allows = f"; its {own}, {ends}, allows for as few as {int(fewest):,}{none}"
    return [
        f"If the true difference to {rival} is the observed {study.write(abs(row['difference']))}, "
        f"{count(int(needed), 'more seed')} of each would show it {chance}{allows}."
    ]


def compare_with_baseline(study: Study) -> list[str]:
    """Compare the best with the baseline, if one was named."""
    rows = study.comparison[study.comparison["reference"] == "baseline"]
    if not len(rows):
        return []
    row = rows.iloc[0]
    if row["label"] != study.best["label"]:
        return [f"The baseline, {row['reference_label']}, is the best itself."]
    family = len(study.configurations) - 1  # the best was picked among as many: an interval for all of them at once
    found = study.difference(row["label"], row["reference_label"], 1 - (1 - study.confidence) / family)
    apart, low, high = (signed(study.write(value)) for value in (row["difference"], found.low, found.high))
    simultaneous = "" if family == 1 else "simultaneous "
    between = "" if math.isnan(found.low) else f" ({simultaneous}{percent(study.confidence)} interval {low} to {high})"
    p = "not tested" if math.isnan(row["p_holm"]) else f"p = {probability(row['p_holm'])}".replace("= <", "<")
    doubt = "" if row["distinguishable"] else ", which may be chance"
    return [
        f"Against the baseline {study.name(row['reference_label'])} it makes a difference of "
        f"{apart}{between}, {p}{doubt}."
    ]


def compare_with_validation(study: Study) -> list[str]:
    """Say what would have been chosen without looking at the test set."""
    if study.metric != "test_accuracy" or len(study.configurations) < 2 or not study.has_result:
        return []
    validation = (
        [value is not None for value in take_metric(study.runs, "best_val_accuracy")] if _is_validated(study) else []
    )
    if validation != [value is not None for value in take_metric(study.runs, study.metric)]:
        return []
    chosen = str(configurations(study.runs, "best_val_accuracy", by=study.by)["label"].iloc[0])
    if chosen == study.best["label"]:
        return ["Validation accuracy, which does not look at the test set, chooses the same."]
    row = study.configurations[study.configurations["label"] == chosen].iloc[0]
    return [
        f"Validation accuracy, which does not look at the test set, chooses {study.name(chosen)}, whose {study.words} "
        f"is {study.write(row['mean'])}."
    ]


def warn_of_optimism(study: Study) -> list[str]:
    """Warn of accuracies that were selected on the test set."""
    values = take_metric(study.runs, study.metric)
    if "test_accuracy" not in study.metric or not any(value is not None for value in values):
        return []
    if study.metric == "max_test_accuracy":
        return ["It is the maximum over epochs of accuracy on the test set, and so an optimistic number."]
    if study.metric == "final_test_accuracy":
        return []
    validation = take_metric(study.runs, "best_val_accuracy") if _is_validated(study) else [None] * len(values)
    without = sum(mine is not None and none is None for mine, none in zip(values, validation, strict=True))
    if not without:
        return []
    whose = "There was no validation set" if without == sum(value is not None for value in values) else (
        f"{count(without, 'run')} had no validation set"
    )  # fmt: skip
    return [f"{whose}: the epoch was selected on the test set itself, so these numbers are optimistic."]


def _describe_sureness(study: Study, row: Mapping[str, object]) -> str:
    """Say how sure a mean is; the interval holds for all configurations at once, so for one picked by its mean, too."""
    n, label = int(str(row["n_units"])), row["label"]
    if n < 2:
        return f", one {study.kind}"
    if row["std"] == 0:
        return f", the same in each of {study.describe_repeats(label)}"
    k = int(study.configurations.attrs["n_simultaneous"])
    at_once = f", simultaneous for all {k:,}" if k > 1 else ""
    ends = (row[f"{end}_simultaneous"] for end in ("low", "high"))
    kind = f"{percent(study.confidence)}{at_once}; {study.describe_repeats(label)}"
    return with_interval(study.write, row["mean"], *ends, kind=kind).removeprefix(study.write(row["mean"]))


def _explain_doubt(study: Study) -> str:
    """Say why nobody can be told to be the best, if nothing that finished can be told from the first."""
    never = len(study.never_finished)
    rivals = len(study.configurations) - 1 - never
    if not rivals or len(study.indistinguishable) + len(study.untested) < rivals:
        return ""
    if not study.indistinguishable:
        if study.best["n_units"] == 1:
            return f", but one {study.kind} does not tell whether it would again"
        return ", but no other has enough results for a test"
    whom = study.best["label"] if len(study.leaders) > 1 else "it"
    that_finished = " that finished" * (never > 0)
    if rivals == 1:
        return f", but the other one{that_finished} cannot be told from {whom}"
    return f", but none of the {rivals:,} others{that_finished} can be told from {whom}"


def _is_validated(study: Study) -> bool:
    return "best_val_accuracy" in study.runs.columns and any(
        value is not None for value in plain(study.runs["best_val_accuracy"])
    )


class Answer(Section):
    """The answer itself."""

    order = 20
    answers = (
        (10, name_best),
        (30, describe_single_seed),
        (40, list_rivals),
        (50, plan_more_seeds),
        (70, compare_with_baseline),
        (120, compare_with_validation),
        (130, warn_of_optimism),
    )

    def build(self, study: Study) -> SectionContent:
        first, *further = describe_answer(study)
        return SectionContent(name="answer", heading="The answer", sentences=(first,), points=tuple(further))
