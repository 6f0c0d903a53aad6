"""The answer of a report: what a study found, sentence by sentence, each with how sure it is."""

import math
from collections.abc import Mapping, Sequence

from nnsweep.results.frame import plain, take_metric
from nnsweep.results.metrics import measure_text, metric_text, split_metric
from nnsweep.results.report.content import Section, SectionContent, choose_sections
from nnsweep.results.report.study import Study
from nnsweep.results.selection import find_sealed
from nnsweep.results.statistics.best_set import AS_GOOD, UNSETTLED, UNTESTED, WORSE
from nnsweep.results.statistics.power import bound_difference, count_more_seeds
from nnsweep.results.wording import count, join_words, percent, probability, signed, write_interval

MANY_SEEDS = 1000
"""Beyond so many, a number of seeds to add is no plan any more."""
MOST_NAMED = 3
"""So many configurations of a kind are named; the tables have all of them."""


def explain_layers(label: str, sizes: str) -> str:
    """Add to a label what the layer sizes in it mean.

    Examples
    --------
    >>> explain_layers("64-64-64", "64-64-64"), explain_layers("relu 4-6", "4-6"), explain_layers("deep", "")
    ('64-64-64 (3 layers of 64 units)', 'relu 4-6 (2 layers of 4 and 6 units)', 'deep')
    """
    layers = describe_layers(sizes)
    return f"{label} ({layers})" if layers else label


def describe_layers(sizes: str) -> str:
    """Say in words how many layers there are, and of how many units; nothing for what are no layer sizes.

    Examples
    --------
    >>> describe_layers("64-64-64"), describe_layers("deep")
    ('3 layers of 64 units', '')
    """
    numbers = sizes.split("-")
    if not all(map(str.isdecimal, numbers)):
        return ""
    of = numbers[0] if len({*numbers}) == 1 else join_words(numbers, len(numbers))
    return f"{count(len(numbers), 'layer')} of {of} unit{'s' * (numbers[-1] != '1')}"


def describe_answer(study: Study) -> list[str]:
    """Give the answer of a study: what all its sections say of it, the most important sentence first."""
    answers = (pair for section in choose_sections(study) for pair in section.answers)
    by_place = sorted(answers, key=lambda pair: pair[0])
    return [sentence for _, sentences in by_place for sentence in sentences(study)]


def _tell_how_to_measure(study: Study) -> str:
    """Name the setting that would have measured what finished runs lack; empty if none finished, or one is sealed."""
    name = split_metric(study.metric)
    is_lacking = "finished" in plain(study.runs["state"]) and not any(find_sealed(study.runs))
    return f"; trainer.measures=[{name.measure}] measures it in training" if name and is_lacking else ""


def name_choice(study: Study) -> list[str]:
    """Name the configuration to use: the choice of validation, which has not looked at the test set, or the leader."""
    if not study.has_result:
        return [f"No run finished with a {study.words}, so there is no answer yet{_tell_how_to_measure(study)}."]
    chosen = study.row_of(study.chosen)
    value = f"{study.write(chosen['mean'])} ({_describe_sureness(study, chosen)})"
    if len(study.configurations) == 1:
        return [f"The only configuration reached a {study.words} of {value}."]
    sizes = str(chosen["hidden_layer_sizes"]) if "hidden_layer_sizes" in study.settings else ""
    name = explain_layers(study.chosen, sizes)
    if study.chosen_by_validation:
        why = "" if study.chosen in study.leaders else f", chosen by {study.validation_words}"
        return [f"Use {name}{why}: {study.words} {value}."]
    names = [name] if len(study.leaders) == 1 else study.leaders
    return [f"{_praise(study, names)}: {value}."]


def compare_choice(study: Study) -> list[str]:
    """Say how validation's choice stands on the test set."""
    if not study.has_result or len(study.configurations) < 2 or not study.chosen_by_validation:
        return []
    why = f"It was chosen by {study.validation_words}"
    if study.chosen in study.leaders:
        others = [study.name(label) for label in study.leaders if label != study.chosen]
        shared = f", which it shares with {join_words(others)}" if others else ""
        return [f"{why} and also has the {study.extreme} {study.words}{shared}."]
    verdict = study.judged["verdict"][study.judged["label"] == study.chosen].iloc[0]
    ends = {
        AS_GOOD: f"but the choice is as good{_write_margin(study)}",
        WORSE: f"and the choice is clearly worse: validation and test {measure_text(study.measure)} disagree",
        UNSETTLED: "but these runs do not settle whether the choice is as good or worse",
        UNTESTED: "but the difference was not tested",
    }
    return [f"{why}. {_praise(study, study.leaders)}, {study.write(study.best['mean'])}, {ends[verdict]}."]


def describe_single_seed(study: Study) -> list[str]:
    """Say what one repeat cannot tell."""
    chosen = study.row_of(study.chosen) if study.has_result else {}
    if not chosen or chosen["n_units"] != 1:
        return []
    kind = study.repeats.noun
    unknown = f"so how much its {study.words} varies from {kind} to {kind} is unknown"
    if chosen["n_finished"] + chosen["n_failed"] > 1:
        return [f"Only one of its {kind}s finished, {unknown}."]
    example = ", for example with seed='range(0,10)'" if study.kind == "seed" else ""
    return [f"It was run with one {kind}, {unknown}. Run more {kind}s{example}."]


def list_verdicts(study: Study) -> list[str]:
    """Say which configurations are as good as the best, which are unsettled, and which are clearly worse."""
    good, unsettled, worse, untested = (
        [study.name(label) for label in study.list_verdict(verdict)]
        for verdict in (AS_GOOD, UNSETTLED, WORSE, UNTESTED)
    )
    n_tested = len(good) + len(unsettled) + len(worse)
    if n_tested < 2:
        return []
    caveat = [f"Not tested, with fewer than two {study.kind}s: {join_words(untested)}."] if untested else []
    if len(worse) == n_tested - 1:
        others = {1: "The other one is", 2: "Both others are"}.get(len(worse), f"All {len(worse):,} others are")
        return [f"{others} clearly worse.", *caveat]
    sentences = [f"As good as the best{_write_margin(study)}: {join_words(good)}."] if good else []
    if len(unsettled) == n_tested:
        sentences.append(f"Unsettled: these runs do not show which of {join_words(unsettled, MOST_NAMED)} is the best.")
    elif unsettled:
        be = "is" if len(unsettled) == 1 else "are"
        sentences.append(
            f"Unsettled: these runs do not show whether {_list(unsettled, n_tested)} {be} as good as the best or worse."
        )
    if worse:
        sentences.append(f"Clearly worse than the best: {_list(worse, n_tested)}.")
    return [*sentences, *caveat]


def plan_more_seeds(study: Study) -> list[str]:
    """Say between how many more seeds would tell the nearest rival from the best."""
    rows = study.against_best[study.against_best["label"].isin(study.rivals)]
    if not len(rows) or study.kind != "seed":
        return []
    row, table = rows.iloc[0], study.configurations
    among = table[table["label"].isin([study.best["label"], *study.rivals])]
    alone = study.difference(str(row["label"]), str(row["reference_label"]), study.confidence)
    n_seeds = alone.n_pairs if "Welch" not in alone.test else int(among["n_units"].min())
    error = math.sqrt(float(among["standard_error"].pow(2).mean()))
    bounds = bound_difference(
        among["mean"].tolist(), error, abs(float(row["difference"])), alone.std / math.sqrt(max(1, n_seeds))
    )
    alpha = 2 * (1 - study.decision_confidence) / max(1, len(table) - 1)  # the comparison with the best is one-sided
    more = count_more_seeds(bounds, alone.std, n_seeds, alpha=min(alpha, 0.5))
    if math.isnan(more.fewest) or bounds[1] == 0:  # where they are equal with every seed, no number of seeds is enough
        return []
    told = f"Deciding between {study.name(row['label'])} and {row['reference_label']} would take"
    lead = f"the true lead is at most {study.write(bounds[1])}"
    if more.fewest > MANY_SEEDS:
        return [f"{told} more than {MANY_SEEDS:,} further seeds of each: {lead}."]
    if more.most > MANY_SEEDS:
        few = f"{told} at least {count(int(more.fewest), 'further seed')} of each, and perhaps more than {MANY_SEEDS:,}"
        return [f"{few}: {lead} and may be zero."]
    if more.most == more.fewest:
        return [f"{told} {count(int(more.most), 'further seed')} of each."]
    return [f"{told} {more.fewest:,.0f} to {count(int(more.most), 'further seed')} of each: {lead}."]


def compare_with_baseline(study: Study) -> list[str]:
    """Compare the choice with the baseline, if one was named."""
    rows = study.comparison[study.comparison["reference"] == "baseline"]
    if not len(rows):
        return []
    (reference,) = {*rows["reference_label"]}
    if reference == study.chosen:
        return [f"It is the baseline, {reference}, itself."]
    row = rows[rows["label"] == study.chosen].iloc[0]
    apart, low, high = (signed(study.write(row[name])) for name in ("difference", "low", "high"))
    simultaneous = "" if len(rows) == 1 else "simultaneous "
    between = "" if math.isnan(row["low"]) else f"{simultaneous}{percent(study.confidence)} interval {low} to {high}; "
    p = "not tested" if math.isnan(row["p_holm"]) else f"p = {probability(row['p_holm'])}".replace("= <", "<")
    doubt = "" if row["distinguishable"] or math.isnan(row["p_holm"]) else "; not significant"
    return [
        f"The {study.words} of {study.name(study.chosen)} differs from that of the baseline, {study.name(reference)}, "
        f"by {apart} ({between}{p}{doubt})."
    ]


def warn_of_optimism(study: Study) -> list[str]:
    """Warn of results that were selected on the test set."""
    values, name = take_metric(study.runs, study.metric), split_metric(study.metric)
    if name is None or name.part != "test" or not any(value is not None for value in values):
        return []
    if name.moment in ("max", "min"):
        words = metric_text(f"test_{name.measure}")
        return [f"This is the {study.extreme} {words} of all epochs, which is optimistic."]
    if name.moment == "final":
        return []
    validation = take_metric(study.runs, f"best_val_{name.measure}")
    without = sum(mine is not None and none is None for mine, none in zip(values, validation, strict=True))
    if not without:
        return []
    whose = "There was no validation set" if without == sum(value is not None for value in values) else (
        f"{count(without, 'run')} had no validation set"
    )  # fmt: skip
    return [f"{whose}: the epoch was selected on the test set itself, so these numbers are optimistic."]


def _describe_sureness(study: Study, row: Mapping[str, object]) -> str:
    """Say how sure a mean is; the interval holds for all configurations at once, so for one picked by its mean, too."""
    n, label = int(str(row["n_units"])), str(row["label"])
    finished = study.name(label).removeprefix(label).strip(" ()")  # how many did, if some failed
    repeats = finished or study.describe_repeats(label)
    if n < 2:
        return finished or f"one {study.kind}"
    if row["std"] == 0:
        return f"the same with each of {repeats}"
    ends = (row[f"{end}_simultaneous"] for end in ("low", "high"))
    interval = write_interval(study.write, row["mean"], *ends)
    return f"{percent(study.confidence)} interval {interval}, {repeats}"


def _praise(study: Study, names: Sequence[str]) -> str:
    return f"{join_words(names)} {'has' if len(names) == 1 else 'share'} the {study.extreme} {study.words}"


def _write_margin(study: Study) -> str:
    return f" (at most {study.rope:g} worse)" if study.rope else ""


def _list(names: list[str], n_tested: int) -> str:
    return f"{join_words(names, MOST_NAMED)} ({len(names):,} of {n_tested:,})"


class Answer(Section):
    """The answer itself."""

    order = 20
    answers = (
        (10, name_choice),
        (20, compare_choice),
        (30, describe_single_seed),
        (40, list_verdicts),
        (70, compare_with_baseline),
        (130, warn_of_optimism),
    )

    def build(self, study: Study) -> SectionContent:
        first, *further = describe_answer(study)
        return SectionContent(name="answer", heading="The answer", sentences=(first,), points=tuple(further))
