"""The sections of a report: which tables stand under which heading, and what is said beside them.

A section is a function of the study; it gives none where the study has nothing for it.
"""

from collections.abc import Callable, Sequence

from nnsweep.errors import ConfigError
from nnsweep.results.frame import plain
from nnsweep.results.repeats import KINDS
from nnsweep.results.report import by_example, cost, explained, fairness, illustrations, tables, trainings
from nnsweep.results.report.answer import answer
from nnsweep.results.report.content import Column, Findings, Row, Section, Table
from nnsweep.results.report.question import question, same
from nnsweep.results.report.study import Study
from nnsweep.results.report.wording import count, listed, percent

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
    """List what has no result, with its reason, and the share of runs that finish, with an interval."""
    runs = study.runs
    lost = [row for row, state in enumerate(study.states) if state != "finished" or row in study.without_value]
    if not lost:
        return None
    columns = [name for name in ("name", "state", "reason") if name in runs.columns]
    frame = runs.iloc[lost][columns].reset_index(drop=True)
    without = [f"no real {study.words}" if row in study.without_value else "" for row in lost]
    reasons = [str(reason or other) for reason, other in zip(plain(frame["reason"]), without, strict=True)]
    frame = frame.assign(reason=reasons)
    table = Table(
        name="failures",
        caption=f"The {'run' if len(lost) == 1 else count(len(lost), 'run')} without a result.",
        frame=frame,
        columns=tuple(Column(name, _reason(name), name) for name in columns),
    )
    rates = _success_rates(study)
    return Section(name="failures", heading="What failed", tables=(table,) if rates is None else (rates, table))


def _success_rates(study: Study) -> Table | None:
    """Give the share of its repeats that finished for each configuration that lost any."""
    found = study.configurations[study.configurations["n_failed"] > 0].reset_index(drop=True)
    if not len(found):
        return None
    found["n_ended"] = found["n_finished"] + found["n_failed"]
    found["rate"] = found["n_finished"] / found["n_ended"]
    ends = [
        success_interval(*counts, study.confidence)
        for counts in zip(found["n_finished"], found["n_ended"], strict=True)
    ]
    found["rate_low"], found["rate_high"] = zip(*ends, strict=True)
    columns = (
        Column("configuration", lambda row: str(row["label"]), "label"),
        Column("finished", lambda row: f"{row['n_finished']:,} of {row['n_ended']:,}", "n_finished"),
        Column("share", lambda row: percent(float(str(row["rate"]))), "rate"),
        Column(
            f"{percent(study.confidence)} interval",
            lambda row: " to ".join(percent(float(str(row[name]))) for name in ("rate_low", "rate_high")),
            "rate_low",
        ),
    )
    caption = "The share of runs that finish, with the exact binomial interval (Clopper and Pearson) of each by itself."
    return Table(name="success", caption=caption, frame=found, columns=columns)


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
    repeats = listed([KINDS[name] for name in study.repeats.axes]) or "number"
    said = [f"A configuration is the settings that vary; runs that differ in their {repeats} are repeats of it."]
    if study.configurations["n_failed"].any():
        said.append(COUNTING[study.failures])
    if study.configurations["half"].notna().any():
        said += _intervals(study)
    tests = {str(test) for test in plain(study.with_best["test"])} - {"none"} if len(study.with_best) else set()
    if tests:
        said += [_TESTS[name].format(study.kind) for name in _TESTS if name in tests]
        said.append(
            "The best was found by looking at the same numbers, so its p values are corrected by Holm's method for "
            f"all pairs of configurations; told apart is what has a corrected p below {1 - study.confidence:.2g}. "
            "The difference to the best is too large on average. Nothing is corrected for looking again with more runs."
        )
    if len(study.by_example):
        said.append(
            "Example by example it is McNemar's exact test, or with several seeds the sign-flip test on each example's "
            "share of right answers, and the bootstrap over examples: it speaks for these trained networks on further "
            "examples" + (", as the tests over seeds speak for further seeds on these examples." if tests else ".")
        )
    if len(study.effects):
        said.append("What explains the differences is an analysis of variance.")
    return Section(name="methods", heading="Notes on the methods", sentences=tuple(said))


def _intervals(study: Study) -> list[str]:
    """Say what the interval of a mean is, and of what it speaks."""
    k, kind, of = int(study.configurations.attrs["n_simultaneous"]), study.kind, percent(study.confidence)
    level = f" at {100 * (1 - (1 - study.confidence) / k):.4g} %" if k > 1 else ""
    said = [f"The {of} interval of a mean is Student's{level}, from one value for each {kind}."]
    if k > 1:
        said.append(f"All {k:,} hold at once with {of} (Bonferroni), and so does that of the best, picked by its mean.")
    if study.is_averaged:
        inner = listed([KINDS[name] for name in study.repeats.axes if name not in study.repeats.units])
        said.append(f"Runs of one {kind} that differ in their {inner} are averaged first.")
    if study.repeats.overlap:
        said.append(
            f"The training parts of the {kind}s overlap, so the variance of a mean of J is taken 1/J + "
            f"{study.repeats.overlap:.3g} times that of one (Nadeau and Bengio, 2003; n_test / n_train)."
        )
    if study.repeats.changes_test_set:
        return [*said, f"It says where the mean over all {kind}s would be: test examples differ, too."]
    return [*said, f"It says where the mean over all {kind}s would be, on this test set and no other."]


def success_interval(n_finished: int, n_ended: int, confidence: float = 0.95) -> tuple[float, float]:
    """Give the exact interval of a share (Clopper and Pearson, Biometrika 26, 1934).

    Parameters
    ----------
    n_finished, n_ended : int
        How many runs finished, of how many.
    confidence : float
        Of the interval.

    Examples
    --------
    >>> low, high = success_interval(3, 10)
    >>> f"{low:.3f} {high:.3f}"
    '0.067 0.652'
    """
    from scipy.stats import binomtest

    found = binomtest(int(n_finished), int(n_ended)).proportion_ci(confidence, method="exact")
    return float(found.low), float(found.high)


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
    "paired t": "Two configurations are compared by the paired t test over the {}s that both have.",
    "Welch": "Where no {}s are shared, Welch's t test compares two configurations.",
    "sign flip": "Where two differ by the same amount in all {}s, it is the sign-flip test.",
    "permutation": "Where {}s are not shared and neither varies, it is the permutation test.",
}
COUNTING = {
    "chance": "A run that failed, diverged or finished without a result counts as guessing (chance_accuracy) if that "
    "is known and the metric is an accuracy; if not, configurations with such a run come after those without one.",
    "ignore": "Runs that failed, diverged or finished without a result are left out, as asked.",
}


def _reason(name: str) -> Callable[[Row], str]:
    return lambda row: _shortened(str(row[name] or ""))


def _shortened(reason: str) -> str:
    return reason if len(reason) <= REASONS else reason[: REASONS - 1] + "…"
