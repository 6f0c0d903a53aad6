"""What a sealed test part says since it was unsealed, of the configurations that were named for that."""

import pandas as pd

from nnsweep.results.frame import take_metric
from nnsweep.results.metrics import find_validation_metric, metric_text
from nnsweep.results.report.content import Column, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.selection import find_metric, find_sealed
from nnsweep.results.wording import count, whole


def list_unsealed(study: Study) -> pd.DataFrame:
    """List the configurations of which sealed runs have a result on the test part by now.

    Returns
    -------
    pandas.DataFrame
        ``label``; ``n``, of how many runs; ``mean``, ``low`` and ``high``, the mean, the lowest and the highest result
        of these; ``validation``, their mean on the validation part. The best by the study's own metric first.
    """
    metric = find_metric(study.runs)
    tested = take_metric(study.runs, metric)
    validated = take_metric(study.runs, find_validation_metric(metric) or metric)
    is_sealed, listed = find_sealed(study.runs), []
    for label in study.configurations["label"]:
        measured = [row for row in study.find_rows(label) if is_sealed[row] and tested[row] is not None]
        both = [(tested[row], validated[row]) for row in measured]
        pairs = pd.DataFrame(both, columns=["test", "validation"], dtype=float)
        if len(pairs):
            of_test = {"mean": pairs["test"].mean(), "low": pairs["test"].min(), "high": pairs["test"].max()}
            listed.append({"label": label, "n": len(pairs), **of_test, "validation": pairs["validation"].mean()})
    return pd.DataFrame(listed, columns=["label", "n", "mean", "low", "high", "validation"])


def describe_unsealed(study: Study) -> list[str]:
    """Say in how many configurations the sealed test part was looked at."""
    n_unsealed, n_sealed = len(list_unsealed(study)), sum(find_sealed(study.runs))
    if not n_unsealed:
        return ["The test part is sealed: nothing was measured on it."] if n_sealed else []
    named = count(n_unsealed, "configuration")
    return [f"The test part was sealed; since then it has been measured for {named} named before."]


class UnsealedTest(Section):
    """The results on the test part, and a sentence of the answer."""

    order = 32
    answers = ((47, describe_unsealed),)

    def build(self, study: Study) -> SectionContent | None:
        table, metric = list_unsealed(study), find_metric(study.runs)
        if not len(table):
            return None
        shown = Table(
            name="unsealed",
            caption=f"Mean {metric_text(metric)} of the runs that were named before it was measured.",
            frame=table,
            columns=(
                Column("configuration", "label"),
                Column(metric_text(metric), "mean", study.write_measure),
                Column("lowest", "low", study.write_measure),
                Column("highest", "high", study.write_measure),
                Column("runs", "n", whole),
                Column(metric_text(find_validation_metric(metric) or metric), "validation", study.write_measure),
            ),
        )
        return SectionContent(name="unsealed", heading="What the sealed test part says", tables=(shown,))
