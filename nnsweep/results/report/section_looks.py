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
    level = study.decision_confidence
    return [
        f"This is the {which} look at these configurations, which had {before} {study.repeats.noun}s before and have "
        f"{looks[-1]:,} now. Looking again finds more by chance: for {together} looks together to keep "
        f"{percent(study.confidence)}, count only what can be told apart at {100 * level:.2f} % "
        f"(--confidence {level:.4f})."
    ]


class Looks(Section):
    """A sentence of the answer, and how the error is spent."""

    order = 45
    answers = ((45, describe_looks),)

    def build(self, study: Study) -> SectionContent | None:
        return None

    def method_notes(self, study: Study) -> list[str]:
        if not describe_looks(study):
            return []
        return [
            "A look is a sweep's end after which a later sweep added repeats to the same configurations. The error is "
            "spent over the looks by the number of repeats, without a planned end (Lan and DeMets, 1983)."
        ]
