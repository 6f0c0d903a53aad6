"""The end of a report: how to have the same numbers again, and how they were computed."""

from nnsweep.results.report.content import SECTIONS, Section, SectionContent
from nnsweep.results.report.section_question import same
from nnsweep.results.report.study import Study


class Provenance(Section):
    """How to have the same numbers again."""

    order = 130

    def build(self, study: Study) -> SectionContent:
        origin = study.origin
        lacking = (f"Not in this report: {problem}." for problem in origin.missing)
        facts = (f"{name}: {value}." for name, value in origin.facts.items())
        return SectionContent(
            name="origin",
            heading="How to have it again",
            points=(*lacking, *facts, *same(study.runs)),
            commands=origin.commands,
        )


class Methods(Section):
    """Which interval, which test and which correction, as each section says it."""

    order = 140

    def build(self, study: Study) -> SectionContent:
        notes = [note for section in SECTIONS for note in section.method_notes(study)]
        return SectionContent(name="methods", heading="Notes on the methods", sentences=tuple(notes))
