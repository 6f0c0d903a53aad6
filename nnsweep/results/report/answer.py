"""The answer: what a study found, sentence by sentence, each with how sure it is.

Every function gives the sentences of one matter; none where there is nothing to say of it.
"""

import math
from collections.abc import Callable, Sequence

from nnsweep.results.configurations import configurations
from nnsweep.results.frame import plain
from nnsweep.results.ranking import counted
from nnsweep.results.report import by_example, cost, explained, trainings
from nnsweep.results.report.study import Study
from nnsweep.results.report.wording import count, listed, percent, probability, signed

MANY_SEEDS = 1000


def answer(study: Study) -> list[str]:
    """Give the answer of a study, the most important sentence first."""
    return [sentence for part in PARTS for sentence in part(study)]


def best(study: Study) -> list[str]:
    """Name the best configuration with its mean and the interval's half, or say why there is none."""
    if not study.has_result:
        return [f"No run finished with a {study.words}: there is no answer yet."]
    first, shared = study.best, study.first
    mean = study.number(first["mean"])
    if len(shared) > 1:
        return [f"{listed(shared)} are best alike: {study.words} {mean} ({count(int(first['n']), 'seed')})."]
    if len(study.configurations) == 1:
        return [f"The only configuration reached a {study.words} of {mean}{_sureness(study, first)}."]
    return [f"{first['label']} is best: {study.words} {mean}{_sureness(study, first)}."]


def several_data_sets(study: Study) -> list[str]:
    """Warn of accuracies on different data, of which the easier one has the best."""
    names = sorted({str(name) for name in plain(study.runs["data"])}) if "data" in study.runs.columns else []
    if len(names) < 2:
        return []
    rule = f"data == '{names[0]}'"
    return [
        f"The runs are on different data ({listed(names)}), so the best is also the one with the easier task: "
        f'report each by itself, with --filter "{rule}".'
    ]


def single_seed(study: Study) -> list[str]:
    """Say what one seed cannot tell."""
    if not study.has_result or study.best["n"] != 1:
        return []
    many = len(study.configurations) > 1
    told = "whether it would be best again cannot be told" if many else "how sure that is cannot be told"
    return [f"It was run with one seed: {told}. Run more, such as seed='range(0,10)'."]


def rivals(study: Study) -> list[str]:
    """Say which configurations cannot be told from the best, and which were not tested."""
    others = study.with_best
    if not len(others):
        return []
    untold, n = study.untold, len(study.configurations) - 1
    untested = int((others["test"] == "none").sum())
    if untested == n:
        return [] if study.best["n"] == 1 else [f"None of the {count(n, 'other')} has enough seeds for a test."]
    few = "has" if untested == 1 else "have"
    said = [f"Of the others, {untested:,} {few} too few results for a test."] if untested else []
    if untold:
        be = "configuration" if n == 1 else "configurations"
        whom = study.best["label"] if len(study.first) > 1 else "it"
        if len(untold) == n > 1:
            return [f"None of the {n:,} others can be told from {whom}."]
        return [f"{len(untold):,} of {n:,} other {be} cannot be told from {whom}: {listed(untold)}.", *said]
    if untested:
        return [f"It can be told from the {count(n - untested, 'other')} that could be tested.", *said]
    return ["It can be told from the other one." if n == 1 else f"It can be told from all {n:,} others."]


def more_seeds(study: Study) -> list[str]:
    """Say how many seeds would tell the nearest rival apart."""
    rows = study.with_best[study.with_best["label"].isin(study.untold)] if study.untold else study.with_best[:0]
    if not len(rows):
        return []
    row, n = rows.iloc[0], int(study.best["n"])
    needed, apart = float(row["more_seeds"]), study.number(abs(row["difference"]))
    doubled = int((rows["more_seeds"] <= n).sum())
    said = [f"With {n:,} more seeds of each, {doubled:,} of these would probably be told apart."] * (doubled > 0)
    if math.isnan(needed) or (doubled and needed <= n):
        return said
    if needed > MANY_SEEDS:
        return [*said, f"To tell {row['label']} apart, not even a thousand more would do."]
    return [
        *said,
        f"If its distance to {row['label']} stays {apart}, it takes about {count(int(needed), 'more seed')} "
        "of each to see it.",
    ]


def against_baseline(study: Study) -> list[str]:
    """Compare the best with the baseline, if one was named."""
    rows = study.comparison[study.comparison["reference"] == "baseline"]
    if not len(rows):
        return []
    row = rows.iloc[0]
    if row["label"] != study.best["label"]:
        return [f"The baseline, {row['reference_label']}, is the best itself."]
    apart, low, high = (signed(study.number(row[name])) for name in ("difference", "low", "high"))
    between = "" if math.isnan(row["low"]) else f" ({percent(study.confidence)} interval {low} to {high})"
    p = "not tested" if math.isnan(row["p_holm"]) else f"p {_equals(row['p_holm'])}"
    doubt = "" if row["distinguishable"] else ", which may be chance"
    return [f"Against the baseline {row['reference_label']} it makes a difference of {apart}{between}, {p}{doubt}."]


def by_validation(study: Study) -> list[str]:
    """Say what would have been chosen without looking at the test set."""
    if study.metric != "test_accuracy" or len(study.configurations) < 2 or not study.has_result:
        return []
    validation = [value is not None for value in counted(study.runs, "best_val_accuracy")] if _validated(study) else []
    if validation != [value is not None for value in counted(study.runs, study.metric)]:
        return []
    chosen = str(configurations(study.runs, "best_val_accuracy", by=study.by)["label"].iloc[0])
    if chosen == study.best["label"]:
        return ["Validation accuracy, which does not look at the test set, chooses the same."]
    row = study.configurations[study.configurations["label"] == chosen].iloc[0]
    return [
        f"Validation accuracy, which does not look at the test set, chooses {chosen}, whose {study.words} is "
        f"{study.number(row['mean'])}: that is the honest number for a choice among {len(study.configurations):,}."
    ]


def optimistic(study: Study) -> list[str]:
    """Warn of accuracies that were selected on the test set."""
    values = counted(study.runs, study.metric)
    if "test_accuracy" not in study.metric or not any(value is not None for value in values):
        return []
    if study.metric == "max_test_accuracy":
        return ["It is the maximum over epochs of accuracy on the test set, and so an optimistic number."]
    if study.metric == "final_test_accuracy":
        return []
    validation = counted(study.runs, "best_val_accuracy") if _validated(study) else [None] * len(values)
    without = sum(mine is not None and none is None for mine, none in zip(values, validation, strict=True))
    if not without:
        return []
    whose = "There was no validation set" if without == sum(value is not None for value in values) else (
        f"{count(without, 'run')} had no validation set"
    )  # fmt: skip
    return [f"{whose}: the epoch was selected on the test set itself, so these numbers are optimistic."]


def failures(study: Study) -> list[str]:
    """Count what did not finish, and say if it bears on the best."""
    lost = [state for state in study.states if state != "finished"]
    if not lost:
        return []
    kinds = listed([f"{lost.count(state):,} {state}" for state in dict.fromkeys(sorted(lost))])
    said = [f"{len(lost):,} of {count(len(study.states), 'run')} did not finish ({kinds}); no mean counts them."]
    missing = int(study.best["n_failed"]) if study.has_result else 0
    if missing:
        said.append(f"The best itself lost {count(missing, 'seed')}: its mean is that of its luckier ones.")
    return said


PARTS: Sequence[Callable[[Study], list[str]]] = (
    best,
    several_data_sets,
    single_seed,
    rivals,
    more_seeds,
    by_example.sentences,
    against_baseline,
    cost.small_enough,
    cost.on_edge,
    explained.sentences,
    by_validation,
    optimistic,
    trainings.unfinished_best,
    failures,
)
"""The matters of an answer, in the order in which they are told."""


def _sureness(study: Study, row: dict[str, object]) -> str:
    n = int(str(row["n"]))
    if n < 2:
        return ", one seed"
    return f" ± {study.number(row['half'])} ({percent(study.confidence)}, {count(n, 'seed')})"


def _equals(p: float) -> str:
    text = probability(p)
    return text if text.startswith("<") else f"= {text}"


def _validated(study: Study) -> bool:
    return "best_val_accuracy" in study.runs.columns and any(
        value is not None for value in plain(study.runs["best_val_accuracy"])
    )
