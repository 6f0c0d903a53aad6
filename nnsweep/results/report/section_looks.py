"""How often the configurations were looked at before, and what that asks of the present look."""

from nnsweep.results.report.content import Section, SectionContent
from nnsweep.results.report.study import Study
from nnsweep.results.wording import join_words, percent

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def describe_looks(study: Study) -> list[str]:
    """Say how often results were there to be seen before repeats were added, and how sure this look must be."""
    looks = study.looks
    if len(looks) < 2 or len(study.configurations) < 2:
        return []
    which = ORDINALS[len(looks) - 1] if len(looks) <= len(ORDINALS) else f"{len(looks)}th"
    before, together = join_words([f"{n:,}" for n in looks[:-1]]), "both" if len(looks) == 2 else f"all {len(looks)}"
    return [
        f"This is the {which} look at these configurations, which had {before} {study.repeats.noun}s before and have "
        f"{looks[-1]:,} now. Repeated looks find more differences by chance, so this one uses "
        f"{100 * study.decision_confidence:.2f} % confidence to keep {percent(study.confidence)} over {together} looks."
    ]


class Looks(Section):
    """A sentence of the answer, and how the error is spent."""

    order = 45
    answers = ((45, describe_looks),)

    def build(self, study: Study) -> SectionContent | None:
        return None

    def method_notes(self, study: Study) -> list[str]:
        if not study.tests:
            return []
        level, error = f"{100 * study.decision_confidence:.4g} %", f"{100 * (1 - study.confidence):.2g} %"
        return [
            f"Verdicts and their intervals use {level} confidence, so that all looks at the results, past and future, "
            f"err in at most {error} of studies: alpha is spent according to the number of repeats, without a planned "
            "end (Lan and DeMets, 1983). A look is the end of a sweep after which a later one added repeats."
        ]
