"""What became of the trainings: their labels, and how the epoch that counts was chosen."""

import pandas as pd

from nnsweep.results.frame import plain
from nnsweep.results.labels import AT_CHANCE, LABELS, STILL_IMPROVING
from nnsweep.results.report.content import Column, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.optimism import average_optimism, describe_optimism
from nnsweep.results.wording import count, join_words, signed, whole
from nnsweep.text import STANDARDIZE, explain_scale


def stuck(study: Study) -> list[str]:
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
    whose = ("The run" if n == 1 else f"All {n:,} runs") if len(rows) == n else f"{len(rows):,} of {n:,} runs"
    return [f"{whose} ended no better than guessing{cause}."]


def unfinished_best(study: Study) -> list[str]:
    """Warn if runs of the best were still improving when they ended."""
    if not study.has_result or not study.histories:
        return []
    rows = set(study.rows_of(str(study.best["label"])))
    labels = [label for row, label in enumerate(plain(study.outcomes["outcome"])) if row in rows]
    improving = labels.count(STILL_IMPROVING)
    if not improving:
        return []
    whose = "It was" if len(labels) == 1 else f"{improving:,} of its {count(len(labels), 'run')} were"
    return [f"{whose} still improving when the training ended: more epochs may change the answer."]


class Outcomes(Section):
    """How many trainings came to what end."""

    order = 100
    answers = ((100, stuck), (140, unfinished_best))

    def build(self, study: Study) -> SectionContent | None:
        if not study.histories:
            return None
        found = study.outcomes
        labels = [str(label) for label in plain(found["outcome"])]
        known = [label for label in (*LABELS, *sorted(set(labels) - set(LABELS))) if label in labels]
        frame = pd.DataFrame(
            {
                "outcome": known,
                "runs": [labels.count(label) for label in known],
                "configurations": [join_words(_configurations(study, labels, label), 3) for label in known],
                "example": [str(found["words"].iloc[labels.index(label)]) for label in known],
            }
        )
        columns = (
            Column("outcome", lambda row: str(row["outcome"]), "outcome"),
            Column("runs", lambda row: whole(row["runs"]), "runs"),
            Column("mostly", lambda row: str(row["configurations"]), "configurations"),
            Column("for example", lambda row: str(row["example"]), "example", True),
        )
        caption = "What became of the trainings, by their curves; mostly: the configurations with the most such runs."
        table = Table(name="outcomes", caption=caption, frame=frame, columns=columns)
        return SectionContent(name="outcomes", heading="What became of the trainings", tables=(table,))


class Selection(Section):
    """The honest accuracy beside the optimistic one."""

    order = 90

    def build(self, study: Study) -> SectionContent | None:
        said = describe_optimism(study.runs) if "test_accuracy" in study.runs.columns else ""
        if not said:
            return None
        found = study.labelled(average_optimism(study.runs, by=study.settings))
        columns = [
            Column("configuration", lambda row: study.named(row["label"]), "label"),
            Column("selected epoch", lambda row: study.accuracy(row["test_accuracy"]), "test_accuracy"),
            Column("last epoch", lambda row: study.accuracy(row["final_test_accuracy"]), "final_test_accuracy"),
            Column("best of all epochs", lambda row: study.accuracy(row["max_test_accuracy"]), "max_test_accuracy"),
            Column("optimism", lambda row: signed(study.accuracy(row["optimism"])), "optimism"),
        ]
        table = Table(
            name="selection",
            caption="Test accuracy by how its epoch is chosen (means of the runs that finished).",
            frame=found,
            columns=tuple(column for column in columns if found[column.key].notna().any()),
        )
        sentence = f"{said[:1].upper()}{said[1:]}."
        return SectionContent(name="selection", heading="Which epoch counts", sentences=(sentence,), tables=(table,))


def _configurations(study: Study, labels: list[str], label: str) -> list[str]:
    """Name configurations with runs of a label, those with most first."""
    counts = {
        study.named(name): sum(labels[row] == label for row in study.rows_of(str(name)))
        for name in study.configurations["label"]
    }
    return sorted((name for name, many in counts.items() if many), key=lambda name: -counts[name])
