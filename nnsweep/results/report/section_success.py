"""Success: how often a configuration comes to anything, and what the runs that do reach.

Where some runs collapse, a mean of all lies where no run does, and its interval holds nothing. A share of successes and
the mean of these say both things that the mean mixes up.
"""

import pandas as pd

from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.wording import count, percent, with_interval


def describe_success(study: Study) -> list[str]:
    """Say how many runs of the chosen configuration succeeded if not all did, and what these reached."""
    if not study.has_result:
        return []
    row = study.row_of(study.chosen)
    n_ended = row["n_finished"] + row["n_failed"]
    if not 0 < row["n_succeeded"] < n_ended:
        return []
    share = f"{percent(study.confidence)} interval {_write_share(row)}"
    return [
        f"{row['n_succeeded']:,} of its {count(n_ended, study.repeats.noun)} succeeded (success rate "
        f"{percent(row['n_succeeded'] / n_ended)}, {share}), with a mean of {_write_mean(study, row)}."
    ]


def _write_share(row: Row) -> str:
    return " to ".join(percent(float(str(row[name]))) for name in ("success_low", "success_high"))


def _write_mean(study: Study, row: Row) -> str:
    return with_interval(study.write, row["mean_succeeded"], row["low_succeeded"], row["high_succeeded"])


class Success(Section):
    """The configurations of which some runs came to nothing."""

    order = 115
    answers = ((16, describe_success),)

    def build(self, study: Study) -> SectionContent | None:
        table = _find_unsuccessful(study)
        if not len(table):
            return None

        def write_count(row: Row) -> str:
            return f"{row['n_succeeded']:,} of {row['n_ended']:,}"

        columns = (
            Column("configuration", "label"),
            Column("succeeded", "n_succeeded", write_count, needs_row=True),
            Column("success rate", "share", percent),
            Column(f"{percent(study.confidence)} interval", "success_low", _write_share, needs_row=True),
            Column("mean of successes", "mean_succeeded", lambda row: _write_mean(study, row), needs_row=True),
            Column("mean of all", "mean", study.write),
            Column("interquartile mean", "iqm", study.write, is_wide=True),
        )
        shown = Table(
            name="success",
            caption=f"How many runs succeed, and the {study.words} of those that do; each interval holds by itself.",
            frame=table,
            columns=columns,
        )
        return SectionContent(name="success", heading="Success rates", tables=(shown,))

    def method_notes(self, study: Study) -> list[str]:
        if not len(_find_unsuccessful(study)):
            return []
        curve = ", and its curve did not stay at chance" if study.histories else ""
        return [
            f"A run succeeded if it finished with a better result than guessing{curve}; the interval of the success "
            "rate is the exact binomial one (Clopper and Pearson). The interquartile mean is the mean of the middle "
            "half of all values."
        ]


def _find_unsuccessful(study: Study) -> pd.DataFrame:
    """Give the configurations of which some run did not succeed."""
    table = study.configurations
    table = table.assign(n_ended=table["n_finished"] + table["n_failed"])
    table = table[table["n_succeeded"] < table["n_ended"]].reset_index(drop=True)
    return table.assign(share=table["n_succeeded"] / table["n_ended"])
