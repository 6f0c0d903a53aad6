"""The question: what was compared with what, on which data, how many times, and with all else alike."""

from collections.abc import Sequence

import pandas as pd

from nnsweep.results.frame import plain, settings
from nnsweep.results.grouping import ARCHITECTURE, SEED
from nnsweep.results.report.content import Column, Section, Table
from nnsweep.results.report.study import Study
from nnsweep.results.report.wording import count, listed

MANY = 12
SAMPLES = {"n_train_samples": "training", "n_val_samples": "validation", "n_test_samples": "test"}


def question(study: Study) -> Section:
    """Say what the study asked."""
    runs = study.runs
    return Section(
        name="question",
        heading="The question",
        sentences=tuple(filter(None, [_extent(study), _data(runs), _seeds(study)])),
        tables=_varied(study),
    )


def _extent(study: Study) -> str:
    of = f" of the experiment {study.origin.experiment}" if study.origin.experiment else ""
    return f"{count(len(study.runs), 'run')}{of}, of {count(len(study.configurations), 'configuration')}."


def _data(runs: pd.DataFrame) -> str:
    names = _values(runs, "data") if "data" in runs.columns else []
    if not names:
        return ""
    known = {kind: _values(runs, name) for name, kind in SAMPLES.items() if name in runs.columns}
    sizes = [f"{int(float(values[0])):,} {kind}" for kind, values in known.items() if len(values) == 1]
    return f"The data: {listed(names)}{f' ({listed(sizes)} examples)' if sizes else ''}."


def _seeds(study: Study) -> str:
    if not study.seeds:
        return "The runs have no seeds."
    names = [str(seed) for seed in study.seeds]
    span = f"{names[0]} to {names[-1]}" if _is_range(study.seeds) else listed(names, MANY)
    counts = study.configurations["n"] + study.configurations["n_failed"]
    whole = "" if counts.nunique() == 1 else f"; a configuration has {counts.min():,} to {counts.max():,} of them"
    return f"{count(len(names), 'seed').capitalize()} ({span}){whole}."


def _is_range(seeds: Sequence[object]) -> bool:
    return len(seeds) > 2 and seeds == list(range(int(str(seeds[0])), int(str(seeds[0])) + len(seeds)))


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
    found = {name: _values(runs, name) for name in settings(runs) if name != SEED}
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
