"""How often the configurations and their test set were looked at before, and what that asks of the present look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from nnsweep.results.report.content import Section, SectionContent
from nnsweep.results.wording import count, join_words, percent

if TYPE_CHECKING:
    from nnsweep.results.report.study import Study

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


def describe_exposure(seen: Mapping[str, Collection[tuple[str, str]]], *, are_all_known: bool = True) -> str:
    """Say how often test sets have been looked at, and by what.

    Parameters
    ----------
    seen : mapping of str to collection of (str, str)
        Kind (``sweep``, ``unsealing`` or ``ensemble``) and name of whatever has looked at a test set, by its digest.
    are_all_known : bool
        Whether every sweep of the store said which test sets it measures on; those of earlier versions did not.

    Examples
    --------
    >>> describe_exposure({"d1": [("sweep", "s1"), ("sweep", "s2"), ("unsealing", "r1")]})
    'The test set has been looked at 3 times in this store, by 2 sweeps and 1 unsealing.'
    >>> describe_exposure({"d1": [("sweep", "s1"), ("sweep", "s2")], "d2": [("sweep", "s1")]})
    'The 2 test sets have been looked at 1 to 2 times each in this store, by 2 sweeps.'
    >>> print(describe_exposure({"d1": [("sweep", "s1")]}, are_all_known=False))
    The test set has been looked at once or more in this store, by 1 sweep and whatever earlier versions ran, which ...
    """
    times = sorted({len({*looks}) for looks in seen.values()})
    kinds = Counter(kind for kind, _ in {look for looks in seen.values() for look in looks})
    if not kinds:
        return ""
    which, each = ("test set has", "") if len(seen) == 1 else (f"{len(seen):,} test sets have", " each")
    often = "once" if times == [1] else f"{' to '.join(f'{n:,}' for n in sorted({times[0], times[-1]}))} times"
    by = join_words([count(kinds[kind], kind) for kind in ("sweep", "unsealing", "ensemble") if kinds[kind]])
    if not are_all_known:
        often += " or more"
        by += " and whatever earlier versions ran, which kept no count"
    return f"The {which} been looked at {often}{each} in this store, by {by}."


def describe_repeated_exposure(study: Study) -> list[str]:
    """Say how often the test set was looked at, if that was more than once."""
    exposure = study.origin.exposure
    return [f"{exposure} The more often, the luckier is the best of what was seen."] if "times" in exposure else []


class Looks(Section):
    """Sentences of the answer, and how the error is spent."""

    order = 45
    answers = ((45, describe_looks), (46, describe_repeated_exposure))

    def build(self, study: Study) -> SectionContent | None:
        return None

    def method_notes(self, study: Study) -> list[str]:
        exposure = [study.origin.exposure] if study.origin.exposure else []
        if not study.tests:
            return exposure
        level, error = f"{100 * study.decision_confidence:.4g} %", f"{100 * (1 - study.confidence):.2g} %"
        return [
            *exposure,
            f"Verdicts and their intervals use {level} confidence, so that all looks at the results, past and future, "
            f"err in at most {error} of studies: alpha is spent according to the number of repeats, without a planned "
            "end (Lan and DeMets, 1983). A look is the end of a sweep after which a later one added repeats.",
        ]
