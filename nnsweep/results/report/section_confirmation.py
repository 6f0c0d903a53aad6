"""Whether the candidates of a study were trained again on new seeds, and where that is recorded."""

from nnsweep.results.report.content import Section, SectionContent
from nnsweep.results.report.study import Study


def mention_confirmation(study: Study) -> list[str]:
    """Say where a confirmation is; nothing where there was nothing to choose from."""
    if not study.origin.confirmation or not study.has_result or len(study.configurations) < 2:
        return []
    return [study.origin.confirmation]


class ConfirmingRuns(Section):
    """A sentence of the answer."""

    order = 46
    answers = ((55, mention_confirmation),)

    def build(self, study: Study) -> SectionContent | None:
        return None
