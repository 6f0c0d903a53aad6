"""The report of a study: what all sections have to say, before anybody decides how it looks."""

from importlib import import_module, resources

from nnsweep.errors import ConfigError
from nnsweep.results.report.content import SECTIONS, Findings
from nnsweep.results.report.study import Study

for _file in sorted(file.name for file in resources.files(__package__).iterdir()):
    if _file.startswith("section_") and _file.endswith(".py"):
        import_module(f"{__package__}.{_file.removesuffix('.py')}")


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
        Its parts in the order in which they are read.

    Raises
    ------
    ConfigError
        If there are no runs, a column is unknown, the baseline is none or several, or two runs are twins.
    """
    if not len(study.runs):
        raise ConfigError("there are no such runs: there is nothing to report")
    parts = (section.build(study) for section in SECTIONS)
    return Findings(
        title=title or study.origin.experiment or "Which network is best?",
        sections=tuple(part for part in parts if part is not None),
        missing=study.origin.missing,
    )
