"""Sources of variation: how much comes from splits and seeds, and how much another test set would add."""

import pandas as pd

from nnsweep.errors import DataError
from nnsweep.results.frame import rows
from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.examples import estimate_accuracies
from nnsweep.results.statistics.variance_components import decompose_variance
from nnsweep.results.wording import count, percent, with_interval

EXAMPLES = {"seeds": ("low_seeds", "high_seeds"), "both": ("low", "high")}


def describe_reach(study: Study) -> list[str]:
    """Say how sure the accuracy of the chosen configuration is where it is a single network: for other examples."""
    found = _estimate_accuracies(study)
    own = [row for row in rows(found) if row["label"] == study.chosen] if len(found) else []
    if not own or own[0]["n_runs"] != 1:  # the table has what is said of several
        return []
    low, high = (study.write(own[0][end]) for end in ("low", "high"))
    return [
        f"On other test examples, the accuracy of this network would be between {low} and {high} "
        f"({percent(study.confidence)} interval)."
    ]


def _estimate_accuracies(study: Study) -> pd.DataFrame:
    nothing = pd.DataFrame({"label": []})
    if study.metric != "test_accuracy" or not study.has_result or not study.correct or study.repeats.changes_test_set:
        return nothing
    try:
        return estimate_accuracies(study.runs, study.correct, by=study.by, confidence=study.confidence)
    except DataError:  # the runs were not all tested on the same examples
        return nothing


def _decompose(study: Study) -> pd.DataFrame:
    found = decompose_variance(study.runs, study.metric, by=study.by)
    return found[found["share"].notna()]  # where all runs came to the same, nothing has a share


def _write(study: Study, row: Row, kind: str) -> str:
    low, high = (row[name] for name in EXAMPLES[kind])
    return with_interval(study.write, row["accuracy"], low, high)


class Variance(Section):
    """Components of variance, and each accuracy for other seeds and other test examples."""

    order = 55
    answers = ((65, describe_reach),)

    def build(self, study: Study) -> SectionContent | None:
        components, accuracies = _decompose(study), _estimate_accuracies(study)
        tables = [_tabulate_components(study, components)] if len(components) else []
        tables += [_tabulate_accuracies(study, accuracies)] if len(accuracies) else []
        if not tables:
            return None
        return SectionContent(name="variance", heading="Sources of variation", tables=tuple(tables))

    def method_notes(self, study: Study) -> list[str]:
        notes = []
        if len(_decompose(study)):
            notes.append(
                "The variance between the runs of one configuration is divided by mean squares. Splits and folds share "
                "training examples, so their share is rather larger than shown."
            )
        if len(_estimate_accuracies(study)):
            notes.append(
                "Seeds and test examples are crossed random effects: the variance of a mean for other seeds and other "
                "examples is (A + B - E) / (number of seeds times examples), with the mean squares A of seeds, B of "
                "examples and E of the residual. The training examples stay the same."
            )
        return notes


def _tabulate_components(study: Study, components: pd.DataFrame) -> Table:
    n = components.attrs["n_configurations"]
    return Table(
        name="variance",
        caption=f"Where the variance between the runs of one configuration comes from (average of "
        f"{count(n, 'configuration')}).",
        frame=components,
        columns=(
            Column("source", "source"),
            Column("standard deviation", "std", study.write),
            Column("share of the variance", "share", percent),
        ),
    )


def _tabulate_accuracies(study: Study, accuracies: pd.DataFrame) -> Table:
    columns = [Column("configuration", "label", study.name)]
    whom, heading = "for the same network on other test examples", "other test examples"
    if accuracies["low_seeds"].notna().any():
        columns.append(Column("other seeds", "low_seeds", lambda row: _write(study, row, "seeds"), needs_row=True))
        whom, heading = "for other seeds, and for other seeds on other test examples", "other seeds and test examples"
    columns.append(Column(heading, "low", lambda row: _write(study, row, "both"), needs_row=True))
    return Table(
        name="accuracies",
        caption=f"Accuracy {whom}, estimated from the networks that finished and their results on "
        f"{int(accuracies['n_examples'].iloc[0]):,} test examples; each {percent(study.confidence)} interval holds by "
        "itself.",
        frame=accuracies,
        columns=tuple(columns),
    )
