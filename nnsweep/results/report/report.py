"""A report: what all sections have to say of a study, in the order in which it is read.

It is what the writers (`html`, `markdown`, `latex`) get; none of them decides what is said.
"""

from dataclasses import dataclass
from importlib import import_module, resources

from nnsweep.errors import ConfigError
from nnsweep.results.report.content import SectionContent, choose_sections
from nnsweep.results.report.study import Study

for _file in sorted(file.name for file in resources.files(__package__).iterdir()):
    if _file.startswith("section_") and _file.endswith(".py"):  # importing one registers its sections
        import_module(f"{__package__}.{_file.removesuffix('.py')}")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a study has found, ready to be written.

    Attributes
    ----------
    title : str
        The question.
    sections : tuple of SectionContent
        In the order in which they are read.
    missing : tuple of str
        Which files of the runs could not be read, so that the report lacks what needs them.
    """

    title: str
    sections: tuple[SectionContent, ...] = ()
    missing: tuple[str, ...] = ()

    def section(self, name: str) -> SectionContent | None:
        """Give the section of a name, if the study has one."""
        return next((section for section in self.sections if section.name == name), None)


def findings(study: Study, title: str = "") -> Findings:
    """Put together what a study has found.

    Parameters
    ----------
    study : Study
        The runs and what is asked of them.
    title : str
        The question in the reader's words; the experiment's name if not given.

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
    return Findings(
        title=title or study.origin.experiment or "Which network is best?",
        sections=tuple(content for content in contents if content is not None),
        missing=study.origin.missing,
    )
