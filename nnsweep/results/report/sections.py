"""The sections of a report: which tables stand under which heading, and what is said beside them.

A section is a function of the study; it gives none where the study has nothing for it.
"""

from collections.abc import Callable, Sequence

from nnsweep.errors import ConfigError
from nnsweep.results.frame import plain
from nnsweep.results.report import by_example, cost, explained, fairness, illustrations, tables, trainings
from nnsweep.results.report.answer import answer
from nnsweep.results.report.content import Column, Findings, Row, Section, Table
from nnsweep.results.report.question import question, same
from nnsweep.results.report.study import Study
from nnsweep.results.report.wording import count, percent

REASONS = 200


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
        Sections in the order in which they are read.

    Raises
    ------
    ConfigError
        If there are no runs, a column is unknown, the baseline is none or several, or two runs are twins.
    """
    if not len(study.runs):
        raise ConfigError("there are no such runs: there is nothing to report")
    made = (section(study) for section in SECTIONS)
    named = title or study.origin.experiment or "Which network is best?"
    sections = tuple(section for section in made if section is not None)
    return Findings(title=named, sections=sections, missing=study.origin.missing)


def in_words(study: Study) -> Section:
    """Answer the question."""
    first, *further = answer(study)
    return Section(name="answer", heading="The answer", sentences=(first,), points=tuple(further))


def failures(study: Study) -> Section | None:
    """List what did not finish, with its reason."""
    runs = study.runs
    lost = [row for row, state in enumerate(study.states) if state != "finished"]
    if not lost:
        return None
    columns = [name for name in ("name", "state", "reason") if name in runs.columns]
    frame = runs.iloc[lost][columns].reset_index(drop=True)
    table = Table(
        name="failures",
        caption=f"The {count(len(lost), 'run')} without a result.",
        frame=frame,
        columns=tuple(Column(name, _reason(name), name) for name in columns),
    )
    return Section(name="failures", heading="What failed", tables=(table,))


def origin(study: Study) -> Section:
    """Say how to have the same numbers again."""
    facts = tuple(f"{name}: {value}." for name, value in study.origin.facts.items())
    return Section(
        name="origin",
        heading="How to have it again",
        points=(*(f"Not in this report: {problem}." for problem in study.origin.missing), *facts, *same(study.runs)),
        commands=study.origin.commands,
    )


def methods(study: Study) -> Section:
    """Say which interval, which test and which correction."""
    of = percent(study.confidence)
    said = ["A configuration is the settings that vary, without the seed; only runs that finished count."]
    if study.configurations["half"].notna().any():
        said.append(
            f"The {of} interval of a mean is Student's: it says where the mean over all seeds would be, on this test "
            "set and no other."
        )
    tests = {str(test) for test in plain(study.with_best["test"])} - {"none"} if len(study.with_best) else set()
    if tests:
        said += [_TESTS[name] for name in _TESTS if name in tests]
        said.append(
            "The best was found by looking at the same numbers, so its p values are corrected by Holm's method for "
            f"all pairs of configurations; told apart is what has a corrected p below {1 - study.confidence:.2g}. "
            "The difference to the best is too large on average, and the number of seeds that it takes too small."
        )
    if len(study.by_example):
        said.append(
            "Example by example it is McNemar's exact test, or with several seeds the sign-flip test on each example's "
            "share of right answers, and the bootstrap over examples: it speaks for these trained networks on further "
            "examples, as the tests over seeds speak for further seeds on these examples."
        )
    if len(study.effects):
        said.append("What explains the differences is an analysis of variance of the runs that finished.")
    return Section(name="methods", heading="Notes on the methods", sentences=tuple(said))


SECTIONS: Sequence[Callable[[Study], Section | None]] = (
    question,
    in_words,
    tables.configurations,
    tables.comparison,
    by_example.section,
    fairness.section,
    explained.section,
    cost.section,
    trainings.selection_section,
    trainings.outcome_section,
    illustrations.section,
    failures,
    origin,
    methods,
)
"""The sections in the order in which they are read."""

_TESTS = {
    "paired t": "Two configurations are compared by the paired t test over the seeds that both have.",
    "Welch": "Where no seeds are shared, Welch's t test compares two configurations.",
    "sign flip": "Where all seeds differ by the same amount, it is the sign-flip test.",
    "permutation": "Where seeds are not shared and do not spread, it is the permutation test.",
}


def _reason(name: str) -> Callable[[Row], str]:
    return lambda row: _shortened(str(row[name] or ""))


def _shortened(reason: str) -> str:
    return reason if len(reason) <= REASONS else reason[: REASONS - 1] + "…"
