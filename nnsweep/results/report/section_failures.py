"""What has no result in a report, why, and the share of runs that finish."""

from collections.abc import Callable

from nnsweep.results.frame import plain
from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.wording import count, join_words, percent

LONGEST_REASON = 200


def describe_unfinished(study: Study) -> list[str]:
    """Count what has no result, say what it counts as, and name what never finished."""
    lost = [state for state in study.states if state != "finished"]
    parts = []
    if lost:
        kinds = join_words([f"{lost.count(state):,} {state}" for state in dict.fromkeys(sorted(lost))])
        parts.append(f"{len(lost):,} of {count(len(study.states), 'run')} did not finish ({kinds})")
    if study.without_value:
        many = f"{len(study.without_value):,}" if lost else count(len(study.without_value), "run")
        parts.append(f"{many} finished without a real {study.words}")
    if not parts:
        return []
    said = [f"{' and '.join(parts)}; {_counting(study)}."]
    never = study.never_finished
    if never and study.has_result:
        whose = "one configuration" if len(never) == 1 else f"{len(never):,} configurations"
        said.append(f"No run of {whose} finished: {join_words(never)}.")
    missing = int(study.best["n_failed"]) if study.has_result else 0
    if missing and study.best["n"] == study.best["n_finished"]:
        whose = count(missing, study.repeats.noun)
        said.append(f"The best itself lost {whose}: its mean is that of its luckier ones.")
    return said


def _counting(study: Study) -> str:
    """Say what the runs without a result count as."""
    table = study.configurations
    n_stand, n_failed = int((table["n"] - table["n_finished"]).sum()), int(table["n_failed"].sum())
    if not n_stand:
        return "no mean counts them"
    chance = [value for value in plain(study.runs["chance_accuracy"]) if isinstance(value, int | float)]
    n_lost = len(study.states) - int(table["n_finished"].sum())
    span = " to ".join(dict.fromkeys(map(study.number, (min(chance), max(chance)))))
    others = "" if n_stand == n_failed == n_lost else ", the others not at all"
    whose = "each" if not others else f"{n_stand:,} of them"
    return f"{whose} count{'s' * (not others or n_stand == 1)} as guessing ({span}) in means, order and tests{others}"


class Failures(Section):
    """What has no result, each with its reason, and the share of runs that finish, with an interval."""

    order = 120
    answers = ((150, describe_unfinished),)

    def build(self, study: Study) -> SectionContent | None:
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
        return SectionContent(
            name="failures", heading="What failed", tables=(table,) if rates is None else (rates, table)
        )


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


def _reason(name: str) -> Callable[[Row], str]:
    return lambda row: _shorten(str(row[name] or ""))


def _shorten(reason: str) -> str:
    return reason if len(reason) <= LONGEST_REASON else reason[: LONGEST_REASON - 1] + "…"
