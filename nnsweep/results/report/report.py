"""A report: an overview, and what all sections have to say of a study, in the order in which it is read.

It is what the writers (`html`, `markdown`, `latex`) get; none of them decides what is said.
"""

from dataclasses import dataclass, field, replace
from importlib import import_module, resources

from nnsweep.errors import ConfigError
from nnsweep.results.report.content import Picture, SectionContent, choose_sections
from nnsweep.results.report.overview import Overview, ask_question, make_overview
from nnsweep.results.report.section_pictures import caption_pictures, place_pictures
from nnsweep.results.report.study import Study
from nnsweep.results.wording import count
from nnsweep.text import printable

for _file in sorted(file.name for file in resources.files(__package__).iterdir()):
    if _file.startswith("section_") and _file.endswith(".py"):  # importing one registers its sections
        import_module(f"{__package__}.{_file.removesuffix('.py')}")


@dataclass(frozen=True, kw_only=True, repr=False)
class Findings:
    """What a study has found, ready to be written; a notebook shows it with its sections folded up.

    Attributes
    ----------
    title : str
        The question.
    overview : Overview or None
        What is to be seen first.
    sections : tuple of SectionContent
        In the order in which they are read.
    experiment : str
        The name of the study.
    labels : tuple of str
        The configurations, the best first.
    study : Study or None
        What was asked, for a page that can be explored.
    missing : tuple of str
        Which files of the runs could not be read, so that the report lacks what needs them.
    """

    title: str
    overview: Overview | None = None
    sections: tuple[SectionContent, ...] = ()
    experiment: str = ""
    labels: tuple[str, ...] = ()
    study: Study | None = field(default=None, repr=False, compare=False)
    missing: tuple[str, ...] = ()

    def __repr__(self) -> str:
        answer = f"\n{printable(self.overview.answer)}" if self.overview else ""
        return f"<Findings, {count(len(self.sections), 'section')}: {printable(self.title)}>{answer}"

    def _repr_html_(self) -> str:
        from nnsweep.results.report.cell import make_cell  # which is a writer, and writers import this module

        return make_cell(self)

    def _repr_markdown_(self) -> str:
        from nnsweep.results.report.markdown import markdown

        return markdown(self)

    def section(self, name: str) -> SectionContent | None:
        """Give the section of a name, if the study has one."""
        return next((section for section in self.sections if section.name == name), None)

    @property
    def pictures(self) -> list[Picture]:
        """All pictures, that of the overview first."""
        first = [self.overview.picture] if self.overview and self.overview.picture else []
        return [*first, *(picture for section in self.sections for picture in section.pictures)]

    @property
    def further_sections(self) -> list[SectionContent]:
        """The sections as they follow the overview, which has given the answer's first sentence already."""
        if self.overview is None:
            return [*self.sections]
        sections = [
            replace(section, heading="The answer in detail", sentences=section.sentences[1:])
            if section.name == "answer"
            else section
            for section in self.sections
        ]
        return [section for section in sections if section.name != "answer" or section.points]


def findings(study: Study, title: str = "") -> Findings:
    """Put together what a study has found.

    Parameters
    ----------
    study : Study
        The runs and what is asked of them.
    title : str
        The question in the reader's words; made of what varies and of the data if not given.

    Returns
    -------
    Findings
        The sections in the order in which they are read.

    Raises
    ------
    ConfigError
        If there are no runs, a column is unknown, the baseline is none or several, or two runs are twins.
    """
    if not len(study.runs):
        raise ConfigError("there are no such runs: there is nothing to report")
    contents = (section.build(study) for section in choose_sections(study))
    planned = caption_pictures(study)
    return Findings(
        title=title or ask_question(study),
        overview=make_overview(study, planned[0] if planned else None),
        sections=tuple(place_pictures((content for content in contents if content is not None), planned[1:])),
        experiment=study.origin.experiment,
        labels=tuple(study.data_sets.labels if study.has_several_data_sets else study.configurations["label"]),
        study=study,
        missing=study.origin.missing,
    )
