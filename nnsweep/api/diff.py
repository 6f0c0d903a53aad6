"""Two runs side by side: what differs in settings, versions, data and results.

Equal values are left out, but the output names everything that was compared.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from nnsweep.jobs.environment import compare_environments
from nnsweep.tracking.recorded_run import RecordedRun


class ComparedLine(NamedTuple):
    """One thing that differs.

    Attributes
    ----------
    what : str
        Its name.
    one, other : str
        What it is in either run.
    more : str
        By how much the second is more; empty where that has no meaning.
    """

    what: str
    one: str
    other: str
    more: str = ""


def compare_runs(one: RecordedRun, other: RecordedRun) -> dict[str, list[ComparedLine]]:
    """Compare two runs.

    Returns
    -------
    dict
        The lines of each section: ``settings``, ``versions``, ``data``, ``results``, ``history`` and
        ``test examples``. A section without lines has no difference.
    """
    return {
        "settings": [*_compare_settings(one, other)],
        "versions": [*_compare_versions(one, other)],
        "data": [*_compare_data(one, other)],
        "results": [*_compare_results(one, other)],
        "history": [*_compare_history(one, other)],
        "test examples": [*_compare_examples(one, other)],
    }


def describe_sections(sections: Mapping[str, list[ComparedLine]]) -> list[str]:
    """Write the sections of a comparison, a line for each difference."""
    lines: list[str] = []
    for section, differences in sections.items():
        lines.append(f"{section}:" if differences else f"{section}: equal")
        cells = [[line.what, line.one, line.other, line.more] for line in differences]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += [
            "  " + "  ".join(map(str.ljust, row, widths)).rstrip()  # as a table, and no table where nothing differs
            for row in cells
        ]
    return lines


def _compare_settings(one: RecordedRun, other: RecordedRun) -> Iterator[ComparedLine]:
    first, second = one.record.settings, other.record.settings
    for name in dict.fromkeys([*first, *second]):
        if name not in first or name not in second or repr(first[name]) != repr(second[name]):
            yield ComparedLine(
                name, *(str(values[name]) if name in values else "not set" for values in (first, second))
            )


def _compare_versions(one: RecordedRun, other: RecordedRun) -> Iterator[ComparedLine]:
    if not one.environment or not other.environment:
        states = ["recorded" if run.environment else "not recorded" for run in (one, other)]
        yield ComparedLine("environment", *states)
    yield from (ComparedLine(*each) for each in compare_environments(one.environment, other.environment))
    if one.numerics != other.numerics:
        yield ComparedLine("numerics version", one.numerics or "none", other.numerics or "none")


def _compare_data(one: RecordedRun, other: RecordedRun) -> Iterator[ComparedLine]:
    digests = [run.record.data_digest for run in (one, other)]
    if digests[0] != digests[1]:
        yield ComparedLine("digest", *(digest[:12] or "none" for digest in digests))
    if one.correct and other.correct and one.correct.test_digest != other.correct.test_digest:
        yield ComparedLine("digest of the test set", one.correct.test_digest[:12], other.correct.test_digest[:12])


def _compare_results(one: RecordedRun, other: RecordedRun) -> Iterator[ComparedLine]:
    if one.record.state != other.record.state:
        yield ComparedLine("state", one.record.state, other.record.state)
    first, second = one.record.metrics, other.record.metrics
    for name in dict.fromkeys([*first, *second]):
        here, there = first.get(name), second.get(name)
        if here is None or there is None:
            yield ComparedLine(name, *("none" if value is None else repr(value) for value in (here, there)))
        elif here != there:
            yield ComparedLine(name, repr(here), repr(there), f"{there - here:+.6g}")


def _compare_history(one: RecordedRun, other: RecordedRun) -> Iterator[ComparedLine]:
    """Give the first epoch that differs in each curve, and how many epochs there are."""
    for name in dict.fromkeys([*one.history, *other.history]):
        if name == "epoch":
            continue
        curves = [run.history[name].to_numpy(float) if name in run.history else np.empty(0) for run in (one, other)]
        n_common = min(map(len, curves))
        here, there = (curve[:n_common] for curve in curves)
        differ = (here != there) & ~(np.isnan(here) & np.isnan(there))
        if differ.any():
            epoch = int(differ.argmax())
            first, second = float(here[epoch]), float(there[epoch])
            yield ComparedLine(f"{name} from epoch {epoch}", repr(first), repr(second), f"{second - first:+.6g}")
    if len(one.history) != len(other.history):
        yield ComparedLine("epochs", *(str(max(0, len(run.history) - 1)) for run in (one, other)))


def _compare_examples(one: RecordedRun, other: RecordedRun) -> Iterator[ComparedLine]:
    """Count the test examples that only one of the runs gets right; they must be of the same test set."""
    if one.correct is None or other.correct is None:
        states = ["not recorded" if run.correct is None else "recorded" for run in (one, other)]
        yield ComparedLine("which are right", *states)
    elif one.correct.test_digest == other.correct.test_digest:
        first, second = one.correct.right, other.correct.right
        if (first != second).any():
            alone = [str(int((here & ~there).sum())) for here, there in ((first, second), (second, first))]
            yield ComparedLine(f"right in this run alone, of {len(first)}", alone[0], alone[1])
    else:
        yield ComparedLine(
            "they cannot be paired", f"{len(one.correct.right)} examples", f"{len(other.correct.right)} others"
        )
