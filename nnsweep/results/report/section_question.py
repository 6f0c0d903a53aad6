"""The question: what was compared with what, on which data, how many times, and with all else alike."""

from collections.abc import Sequence

import pandas as pd

from nnsweep.results.factors import ARCHITECTURE, KINDS, find_repeats
from nnsweep.results.frame import list_settings, plain
from nnsweep.results.report.content import Column, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.wording import count, join_words

MANY = 12
SAMPLES = {"n_train_samples": "training", "n_val_samples": "validation", "n_test_samples": "test"}


class Question(Section):
    """What the study asked."""

    order = 10

    def build(self, study: Study) -> SectionContent:
        return SectionContent(
            name="question",
            heading="The question",
            sentences=tuple(filter(None, [_extent(study), _data(study), _repeats(study)])),
            tables=_varied(study),
        )


def _extent(study: Study) -> str:
    of = f" of the experiment {study.origin.experiment}" if study.origin.experiment else ""
    return f"{count(len(study.runs), 'run')}{of}, of {count(len(study.configurations), 'configuration')}."


def _data(study: Study) -> str:
    runs = study.runs
    names = _values(runs, "data") if "data" in runs.columns else []
    if not names:
        return ""
    known = {kind: [*map(float, _numbers(runs, name))] for name, kind in SAMPLES.items() if name in runs.columns}
    alike = len(names) == 1
    sizes = [f"{_span(values)} {kind}" for kind, values in known.items() if values and (alike or len({*values}) == 1)]
    other = f", others in each {study.kind}" if study.repeats.changes_test_set else ""
    return f"The data: {join_words(names)}{f' ({join_words(sizes)} examples{other})' if sizes else ''}."


def _span(values: Sequence[float]) -> str:
    low, high = (f"{int(end):,}" for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _numbers(runs: pd.DataFrame, name: str) -> list[float]:
    return [value for value in plain(runs[name]) if isinstance(value, int | float)]


def _repeats(study: Study) -> str:
    """Say by what configurations are repeated, and how often."""
    axes, runs = study.repeats.axes, study.runs
    if not axes:
        return "The runs have no seeds."
    counts = study.configurations["n_finished"] + study.configurations["n_failed"]
    noun = study.repeats.noun
    whole = f"; a configuration has {counts.min():,} to {counts.max():,} {noun}s" if counts.nunique() > 1 else ""
    values = {name: sorted(set(plain(runs[name])), key=lambda value: (isinstance(value, str), value)) for name in axes}
    told = [f"{count(len(found), KINDS[name])} ({_names(found)})" for name, found in values.items()]
    return f"{join_words(told).capitalize()}{whole}."


def _names(values: Sequence[object]) -> str:
    return f"{values[0]} to {values[-1]}" if _is_range(values) else join_words([str(value) for value in values], MANY)


def _is_range(values: Sequence[object]) -> bool:
    first = values[0]
    return len(values) > 2 and isinstance(first, int) and values == list(range(first, first + len(values)))


def _varied(study: Study) -> tuple[Table, ...]:
    """List what tells the configurations apart; what follows from it, such as a schedule's constants, says no more."""
    runs, names = study.runs, study.settings
    if set(names) & set(ARCHITECTURE):
        names += [name for name in ("depth", "width") if name in runs.columns and len(_values(runs, name)) > 1]
    values = [", ".join(_values(runs, name)) for name in names]
    frame = pd.DataFrame({"setting": names, "values": values})
    columns = (
        Column("setting", lambda row: str(row["setting"]), "setting"),
        Column("values", lambda row: str(row["values"]), "values"),
    )
    return (Table(name="varied", caption="What varied.", frame=frame, columns=columns),) if names else ()


def same(runs: pd.DataFrame) -> tuple[str, ...]:
    """List the settings that all runs have in common."""
    found = {name: _values(runs, name) for name in list_settings(runs) if name not in find_repeats(runs).axes}
    alike = [f"{name}={values[0]}" for name, values in found.items() if len(values) == 1]
    return (f"The same in all runs: {', '.join(alike)}.",) if alike else ()


def _values(runs: pd.DataFrame, name: str) -> list[str]:
    """Give a column's different values in words, numbers by size before names."""
    found = {(isinstance(value, str), value) for value in plain(runs[name]) if value is not None}
    numbers = sorted(value for is_text, value in found if not is_text)  # type: ignore[type-var]
    texts = [value for is_text, value in found if is_text]
    missing = ["none"] if None in plain(runs[name]) else []
    return [
        *(f"{value:g}" if isinstance(value, float) else str(value) for value in numbers),
        *_ordered(texts),
        *missing,
    ]


def _ordered(texts: Sequence[object]) -> list[str]:
    """Order names; layer sizes by their numbers."""
    return sorted(map(str, texts), key=lambda text: ([int(part) for part in text.split("-") if part.isdecimal()], text))
