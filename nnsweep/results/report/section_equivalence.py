"""How probably what is unsettled is equal enough to the best: as good for all who do not mind a small difference."""

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
    names = join_words([study.name(label) for label in equal["label"]])
    alone, best = "by itself" if len(equal) == 1 else "each by itself", equal["reference_label"].iloc[0]
    return [
        f"Unsettled with all compared at once, but {alone} within {write_digits(study.rope)} of {best} with a "
        f"probability of at least {percent(study.confidence)}: {names}."
    ]


class Equivalence(Section):
    """The probabilities of being better, equal enough and worse, of what the verdict leaves open."""

    order = 43
    answers = ((42, describe_equivalence),)

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
            Column("p, two one-sided tests", "p_tost", probability, is_wide=True),
            Column("by itself", "conclusion"),
        )
        caption = (
            f"How probably the true difference to {found['reference_label'].iloc[0]} is within {margin}, or beyond on "
            "either side, for each configuration that is unsettled."
        )
        table = Table(name="equivalence", caption=caption, frame=found, columns=columns)
        return SectionContent(name="equivalence", heading="How probably it is as good", tables=(table,))

    def method_notes(self, study: Study) -> list[str]:
        if not len(_take_unsettled(study)):
            return []
        return [
            f"How probably a configuration is within {write_digits(study.rope)} of the best (--rope) is a Bayesian t "
            "test with a flat prior (Benavoli et al., 2017), for each by itself; two one-sided t tests have the same "
            "tails. The best was picked for its luck, too, so it is a little too far ahead."
        ]


def _take_unsettled(study: Study) -> pd.DataFrame:
    """Give the rows of what was tested and is neither as good as the best nor clearly worse."""
    found = study.equivalence
    return found[found["label"].isin(study.list_verdict(UNSETTLED))].reset_index(drop=True)
