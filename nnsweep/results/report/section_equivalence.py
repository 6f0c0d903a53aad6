"""The probability that a configuration whose verdict is unsettled is practically as good as the best."""

import pandas as pd

from nnsweep.results.report.content import Column, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.best_set import UNSETTLED
from nnsweep.results.wording import join_words, percent, probability, share, signed, write_digits


def describe_equivalence(study: Study) -> list[str]:
    """Name what is equal enough to the best by itself, though not with all others at once."""
    found = _take_unsettled(study)
    equal = found[found["conclusion"] == "equal enough"]
    if not len(equal):
        return []
    names, best = join_words([study.name(label) for label in equal["label"]]), equal["reference_label"].iloc[0]
    return [
        f"With at least {percent(study.confidence)} probability, {names} {'is' if len(equal) == 1 else 'are each'} "
        f"within {write_digits(study.rope)} of {best}; these probabilities hold one at a time, not for all at once."
    ]


class Equivalence(Section):
    """The probabilities of being better, equal enough and worse, of what the verdict leaves open."""

    order = 43

    def build(self, study: Study) -> SectionContent | None:
        found = _take_unsettled(study)
        if not len(found):
            return None
        margin = write_digits(study.rope)
        columns = (
            Column("configuration", "label", study.name),
            Column("difference", "difference", lambda value: signed(study.write(value))),
            Column("worse", "p_worse", share),
            Column(f"within {margin}", "p_equal", share),
            Column("better", "p_better", share),
            Column("p (TOST)", "p_tost", probability, is_wide=True),
            Column("conclusion", "conclusion"),
        )
        caption = (
            f"Probability that each unsettled configuration is truly worse than {found['reference_label'].iloc[0]} by "
            f"more than {margin}, within {margin} of it, or better by more than {margin}."
        )
        return SectionContent(
            name="equivalence",
            heading="Probability of being as good as the best",
            sentences=tuple(describe_equivalence(study)),
            tables=(Table(name="equivalence", caption=caption, frame=found, columns=columns),),
        )

    def method_notes(self, study: Study) -> list[str]:
        if not len(_take_unsettled(study)):
            return []
        return [
            f"The probability of being within {write_digits(study.rope)} of the best (--rope) comes from a Bayesian t "
            "test with a flat prior (Benavoli et al., 2017), for one configuration at a time; two one-sided t tests "
            "(TOST) have the same tail probabilities. The best was picked partly for its luck, so its lead is slightly "
            "overstated."
        ]


def _take_unsettled(study: Study) -> pd.DataFrame:
    """Give the rows of what was tested and is neither as good as the best nor clearly worse."""
    found = study.equivalence
    return found[found["label"].isin(study.list_verdict(UNSETTLED))].reset_index(drop=True)
