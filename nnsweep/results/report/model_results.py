"""How good a model is: its measures with intervals, how it was chosen, what it gets wrong, and how sure it is."""

import math
from collections.abc import Iterator, Mapping

from nnsweep.results.baselines import name_constant
from nnsweep.results.frame import frame
from nnsweep.results.grouping import group_runs
from nnsweep.results.metrics import (
    CHANCE,
    bound_metric,
    choose_digits,
    find_sign,
    measure_text,
    metric_text,
    smaller_is_better,
    write_rough,
)
from nnsweep.results.report.model_facts import ModelFacts
from nnsweep.results.report.section_evaluation import describe_calibration, list_confusions, list_errors
from nnsweep.results.selection import describe_selection
from nnsweep.results.statistics.evaluations import PooledEvaluation
from nnsweep.results.statistics.examples import compute_losses
from nnsweep.results.statistics.intervals import Interval, estimate_mean, estimate_share
from nnsweep.results.tables.formats import Markdown
from nnsweep.results.wording import NOTHING, count, join_words, percent

LOSSES = {"rmse": math.sqrt, "mse": float, "mae": float, "pinball": float}
"""Measures that are a function of the mean of a loss of each example."""
CONFIDENCE, MOST_MEMBERS = 0.95, 10


def describe_results(facts: ModelFacts) -> Iterator[str]:
    """Write the lines of a table with a row for each measure, and a list of what is to be known of them."""
    intervals = {measure: _estimate(facts, measure) for measure in facts.measures}
    head = ["measure", "validation", "test", f"test, {percent(CONFIDENCE)} interval", "always the same answer"]
    rows = [_list_cells(facts, measure, intervals[measure]) for measure in facts.measures]
    shown = [place for place in range(len(head)) if place == 0 or any(row[place] != NOTHING for row in rows)]
    yield from Markdown.table(
        (head[place] for place in shown),
        (place > 0 for place in shown),
        ([Markdown.escape(row[place]) for place in shown] for row in rows),
    )
    yield from ("", *(f"- {Markdown.escape(point)}" for point in _list_findings(facts, intervals)))


def _list_cells(facts: ModelFacts, measure: str, interval: Interval | None) -> list[str]:
    metrics = facts.record.metrics
    write = choose_digits(f"test_{measure}", [(interval.high - interval.low) / 2] if interval else [])
    chance = metrics.get(f"{CHANCE}{measure}")
    return [
        measure_text(measure),
        write(metrics.get(f"best_val_{measure}")),
        write(metrics.get(f"test_{measure}")),
        f"{write(interval.low)} to {write(interval.high)}" if interval else NOTHING,
        NOTHING if chance is None else f"{write_rough(f'test_{measure}', chance)} ({name_answer(facts, measure)})",
    ]


def _estimate(facts: ModelFacts, measure: str) -> Interval | None:
    """Estimate a measure of the test part for other examples like these; None where it is no mean over examples."""
    value, evaluation, n = facts.record.metrics.get(f"test_{measure}"), facts.evaluation, facts.count_rows("test")
    if measure == "accuracy" and facts.n_right is not None:
        return Interval(facts.n_right / n, math.nan, *estimate_share(facts.n_right, n, CONFIDENCE))
    if value is None or measure not in LOSSES or evaluation is None:
        return None
    quantiles = evaluation.quantiles if measure == "pinball" else ()
    errors = evaluation.errors if quantiles else PooledEvaluation("", "seed", (evaluation,)).errors
    losses = compute_losses(errors, measure, quantiles).tolist()
    mean, std, *ends = estimate_mean(losses, CONFIDENCE, bounds=(0, math.inf))
    found = Interval(LOSSES[measure](mean), std, *map(LOSSES[measure], ends))
    return found if math.isclose(found.mean, value, rel_tol=1e-4) else None  # else rows have weights


def _list_findings(facts: ModelFacts, intervals: Mapping[str, Interval | None]) -> Iterator[str]:
    """List what is to be known of the results."""
    metrics, measure = facts.record.metrics, facts.record.measure
    if any(intervals.values()):
        n_test, of = facts.count_rows("test"), "on other rows like the test rows"
        right = "" if facts.n_right is None else f"It got {facts.n_right:,} of the {n_test:,} test rows right. "
        yield f"{right}The interval says what to expect of this very model {of}."
    yield from _describe_repeats(facts)
    if facts.task == "multilabel":
        yield "Accuracy is the share of rows of which all labels are right."
    if facts.ensemble:
        yield from _describe_members(facts)
    else:
        part = "validation" if facts.count_rows("val") else "test"
        by = describe_selection(frame([facts.record])) if part == "validation" else "its result on the test part itself"
        of = f" of {int(metrics['epochs_trained']):,}" if "epochs_trained" in metrics else ""
        yield f"Its weights are those of epoch {int(metrics.get('best_epoch', 0)):,}{of}, chosen by {by}."
        if facts.n_runs > 1:
            place = "the best" if facts.place == 1 else f"number {facts.place:,}"
            equal = f", tied with {count(facts.n_equal, 'other')}" if facts.n_equal else ""
            lucky = " The best of many is partly lucky." if facts.place == 1 else ""
            yield f"It is {place} of {facts.n_runs:,} runs by {part} {measure_text(measure)}{equal}.{lucky}"
    if facts.exposure:
        yield facts.exposure
    if facts.evaluation is not None:
        pooled = PooledEvaluation("", "seed", (facts.evaluation,))
        if facts.task == "regression":
            yield from list_errors(pooled)
        else:
            yield from (f"{mistake}." for mistake in list_confusions(pooled))
        if facts.task == "classification" and facts.evaluation.reliability[0, :, 0].sum():
            yield " ".join(describe_calibration(pooled, "the network"))


def _describe_repeats(facts: ModelFacts) -> Iterator[str]:
    """Say what the configuration has on average over the seeds or folds of the sweep."""
    metric = facts.metric
    repeated = [one for one in facts.repeats if metric in one.metrics]  # some may be sealed yet
    if len(repeated) < 2:
        return
    (configuration,) = group_runs(frame(repeated), metric, by=[], failures="ignore")
    units, repeats = [*configuration.units.values()], configuration.repeats
    found = estimate_mean(units, CONFIDENCE, overlap=repeats.overlap, bounds=bound_metric(metric))
    write = choose_digits(metric, [(found.high - found.low) / 2])
    interval = f" ({percent(CONFIDENCE)} interval: {write(found.low)} to {write(found.high)})" if found.std > 0 else ""
    yield (
        f"Over {repeats.describe([*configuration.values])} of the same configuration, the mean {metric_text(metric)} "
        f"is {write(found.mean)}{interval}."
    )


def _describe_members(facts: ModelFacts) -> Iterator[str]:
    """Say how the members of an ensemble were chosen, and what it gains over the best of them."""
    known = facts.ensemble
    members = [f"{one['weight']} x {one['name']}" for one in known["members"]]
    yield (
        f"Its members are {join_words(members, MOST_MEMBERS)}, chosen from {count(known['n_candidates'], 'run')} by "
        f"validation {measure_text(known['measure'])}."
    )
    for gain in known["gains"]:
        write = choose_digits(f"test_{gain['measure']}", [(gain["high"] - gain["low"]) / 2])
        lower = "; lower is better" if smaller_is_better(f"test_{gain['measure']}") else ""
        yield (
            f"Test {measure_text(gain['measure'])} {write(gain['ensemble'])}, its best member alone "
            f"{write(gain['best'])} ({percent(known['confidence'])} interval of the difference: "
            f"{write(gain['low'])} to {write(gain['high'])}{lower})."
        )


def name_answer(facts: ModelFacts, measure: str) -> str:
    """Name what is answered for every row where a model is compared with always the same answer."""
    return "the commonest labels" if facts.task == "multilabel" else name_constant(measure)


def is_no_better_than_constant(facts: ModelFacts) -> bool:
    """Tell whether the same answer for every row would do as well, where it was measured."""
    measure, metrics = facts.record.measure, facts.record.metrics
    value, chance = metrics.get(facts.metric), metrics.get(f"{CHANCE}{measure}")
    return value is not None and chance is not None and find_sign(facts.metric) * (value - chance) <= 0
