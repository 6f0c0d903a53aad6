"""The trainings: how their curves ended, how the epoch was chosen, and which runs have no result."""

import pandas as pd

from nnsweep.results.frame import plain
from nnsweep.results.labels import AT_CHANCE, LABELS
from nnsweep.results.metrics import measure_text, name_baseline, smaller_is_better
from nnsweep.results.report.content import Column, Section, SectionContent, Table, drop_empty
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.optimism import average_optimism, describe_optimism, name_epoch_metrics
from nnsweep.results.wording import count, join_words, signed, whole
from nnsweep.text import STANDARDIZE, explain_scale

LONGEST_REASON = 200
LEAST_STUCK = 0.1
"""The share of runs at chance from which the answer warns of them; the table of outcomes always counts them."""


def warn_of_stuck_runs(study: Study) -> list[str]:
    """Warn of trainings that ended no better than guessing, with the likely cause where it is known."""
    if not study.histories:
        return []
    rows = [row for row, label in enumerate(plain(study.outcomes["outcome"])) if label == AT_CHANCE]
    if not rows:
        return []
    scales = plain(study.runs["feature_scale"].iloc[rows]) if "feature_scale" in study.runs.columns else []
    known = [scale for scale in scales if isinstance(scale, int | float)]
    cause = f"; {explain_scale(max(known), STANDARDIZE)}" if known else ""
    n = len(study.runs)
    if len(rows) < LEAST_STUCK * n:
        return []
    whose = ("The run" if n == 1 else f"All {n:,} runs") if len(rows) == n else f"{len(rows):,} of {n:,} runs"
    return [f"{whose} ended no better than guessing{cause}."]


class Outcomes(Section):
    """How many trainings came to what end."""

    order = 100
    answers = ((100, warn_of_stuck_runs),)

    def build(self, study: Study) -> SectionContent | None:
        if not study.histories:
            return None
        outcomes = study.outcomes
        labels = [str(label) for label in plain(outcomes["outcome"])]
        names = [label for label in (*LABELS, *sorted(set(labels) - set(LABELS))) if label in labels]
        frame = pd.DataFrame(
            {
                "outcome": names,
                "runs": [labels.count(label) for label in names],
                "configurations": [_list_configurations(study, labels, label) for label in names],
                "example": [str(outcomes["words"].iloc[labels.index(label)]) for label in names],
            }
        )
        columns = (
            Column("outcome", "outcome"),
            Column("runs", "runs", whole),
            Column("most often in", "configurations"),
            Column("for example", "example", is_wide=True),
        )
        caption = "Outcomes, judged by the learning curves, and the configurations in which each was most frequent."
        table = Table(name="outcomes", caption=caption, frame=frame, columns=columns)
        return SectionContent(name="outcomes", heading="How training ended", tables=(table,))


def _list_configurations(study: Study, labels: list[str], label: str) -> str:
    """Name configurations with runs of a label, those with most first."""
    counts = {
        study.name(name): sum(labels[row] == label for row in study.find_rows(str(name)))
        for name in study.configurations["label"]
    }
    return join_words(sorted((name for name, n in counts.items() if n), key=lambda name: -counts[name]), 3)


class EpochChoice(Section):
    """The honest result beside the optimistic one."""

    order = 90

    def build(self, study: Study) -> SectionContent | None:
        metrics = name_epoch_metrics(study.metric)
        sentence = describe_optimism(study.runs, study.metric) if metrics.selected in study.runs.columns else ""
        if not sentence:
            return None
        table = study.align(average_optimism(study.runs, by=study.settings, metric=study.metric))
        columns = drop_empty(
            table,
            Column("configuration", "label", study.name),
            Column("selected epoch", metrics.selected, study.write_measure),
            Column("last epoch", metrics.last, study.write_measure),
            Column("best of all epochs", metrics.best, study.write_measure),
            Column("optimism", "optimism", lambda value: signed(study.write_measure(value))),
        )
        difference = "the selected minus the best" if smaller_is_better(metrics.best) else "the best minus the selected"
        caption = (
            f"Test {measure_text(study.measure)} at the selected epoch, at the last one, and at the one that is best "
            f"on the test set (means of the runs that finished); optimism is {difference}."
        )
        return SectionContent(
            name="selection",
            heading="How the epoch was chosen",
            sentences=(f"{sentence[:1].upper()}{sentence[1:]}.",),
            tables=(Table(name="selection", caption=caption, frame=table, columns=columns),),
        )


def describe_unfinished(study: Study) -> list[str]:
    """Count what has no result, say what it counts as."""
    lost = [state for state in study.states if state != "finished"]
    parts = []
    if lost:
        kinds = join_words([f"{lost.count(state):,} {state}" for state in dict.fromkeys(sorted(lost))])
        parts.append(f"{len(lost):,} of {count(len(study.states), 'run')} did not finish ({kinds})")
    if study.without_value:
        many = f"{len(study.without_value):,}" if lost else count(len(study.without_value), "run")
        parts.append(f"{many} finished without a finite {study.words}")
    if not parts:
        return []
    sentences = [f"{' and '.join(parts)}; {_explain_counting(study)}."]
    has_best = study.has_result and not study.has_several_data_sets
    missing = int(study.best["n_failed"]) if has_best else 0
    if missing and study.best["n"] == study.best["n_finished"]:
        whose = count(missing, study.repeats.noun)
        sentences.append(f"The best configuration lost {whose}, so its mean is that of the luckier ones.")
    return sentences


def describe_never_finished(study: Study) -> list[str]:
    """Name the configurations of which no run finished."""
    never = study.never_finished
    if not never or not study.has_result:
        return []
    whose = "one configuration" if len(never) == 1 else f"{len(never):,} configurations"
    return [f"No run of {whose} finished: {join_words(never)}."]


def _explain_counting(study: Study) -> str:
    """Say what the runs without a result count as."""
    table = study.configurations
    n_stand, n_failed = int((table["n"] - table["n_finished"]).sum()), int(table["n_failed"].sum())
    if not n_stand:
        return "means leave out what has no result"
    chances = dict(enumerate(plain(study.runs[name_baseline(study.metric)])))
    lost = {row for row, state in enumerate(study.states) if state != "finished"} | {*study.without_value}
    own = [chances[row] for row in sorted(lost) if chances[row] is not None]  # another data set has another
    chance = [value for value in own or chances.values() if isinstance(value, int | float)]
    n_lost = len(study.states) - int(table["n_finished"].sum())
    guessing = " to ".join(dict.fromkeys(map(study.write, (min(chance), max(chance)))))
    others = "" if n_stand == n_failed == n_lost else ", the others not at all"
    whose = "each" if not others else f"{n_stand:,} of them"
    verb = "counts" if not others or n_stand == 1 else "count"
    return f"{whose} {verb} as guessing ({measure_text(study.measure)} {guessing}) in means, ranking and tests{others}"


class Failures(Section):
    """What has no result, each with its reason."""

    order = 120
    scope = "either"
    answers = ((150, describe_unfinished),)

    def build(self, study: Study) -> SectionContent | None:
        lost = [row for row, state in enumerate(study.states) if state != "finished" or row in study.without_value]
        if not lost:
            return None
        frame = study.runs.iloc[lost][["name", "state", "reason"]].reset_index(drop=True)
        without = [f"no finite {study.words}" if row in study.without_value else "" for row in lost]
        reasons = [str(reason or other) for reason, other in zip(plain(frame["reason"]), without, strict=True)]

        def shorten(reason: str) -> str:
            return reason if len(reason) <= LONGEST_REASON else reason[: LONGEST_REASON - 1] + "…"

        table = Table(
            name="failures",
            caption=f"{'The run' if len(lost) == 1 else f'All {len(lost):,} runs'} without a result.",
            frame=frame.assign(reason=reasons),
            columns=(Column("name", "name"), Column("state", "state"), Column("reason", "reason", shorten)),
        )
        return SectionContent(
            name="failures", heading="Failed runs", sentences=tuple(describe_never_finished(study)), tables=(table,)
        )
