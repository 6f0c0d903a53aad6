"""The opening and the closing sections: what was compared on which data, and how to reproduce the numbers."""

from collections.abc import Sequence

import pandas as pd

from nnsweep.results.factors import ARCHITECTURE, EXTENT, KINDS
from nnsweep.results.frame import list_settings, plain
from nnsweep.results.metrics import ACCURACY, find_validation_metric
from nnsweep.results.report.content import Column, Section, SectionContent, Table, choose_sections
from nnsweep.results.report.study import Study
from nnsweep.results.selection import describe_selection
from nnsweep.results.statistics.data_sets import DATA_SETTINGS, name_data_sets
from nnsweep.results.wording import count, join_words

MOST_VALUES = 12
SIZES = "hidden_layer_sizes"
MOST_DATA_SETS = 20
SAMPLES = {"n_train_samples": "training", "n_val_samples": "validation", "n_test_samples": "test"}


class Question(Section):
    """What the study asked."""

    order = 22
    scope = "either"

    def build(self, study: Study) -> SectionContent:
        of = f" in the experiment {study.origin.experiment}" if study.origin.experiment else ""
        runs, names, n_configurations, where = study.runs, study.settings, len(study.configurations), ""
        if study.has_several_data_sets:  # which are not what is compared
            names = [name for name in names if name not in DATA_SETTINGS]
            n_configurations, where = len(study.data_sets.scores), f" on {len(study.data_sets.data_sets):,} data sets"
        extent = f"{count(len(runs), 'run')} of {count(n_configurations, 'configuration')}{where}{of}."
        if set(names) & set(ARCHITECTURE):  # layer sizes are read more easily with their depth and width
            names = [name for name in names if name != SIZES or not is_grid_of_sizes(runs)]
            names += [name for name in EXTENT if name in runs.columns and len(list_values(runs, name)) > 1]
        frame = pd.DataFrame({"setting": names, "values": [", ".join(list_values(runs, name)) for name in names]})
        columns = (Column("setting", "setting"), Column("values", "values"))
        varied = Table(name="varied", caption="Settings that varied.", frame=frame, columns=columns)
        sentences = extent, _describe_data(study), _describe_repeats(study), _describe_measure(study)
        return SectionContent(
            name="question",
            heading="The question",
            sentences=tuple(filter(None, sentences)),
            tables=(varied,) if names else (),
        )


class Provenance(Section):
    """How to reproduce the numbers."""

    order = 130
    scope = "either"

    def build(self, study: Study) -> SectionContent:
        origin, runs = study.origin, study.runs
        settings = {name: list_values(runs, name) for name in list_settings(runs) if name not in study.repeats.axes}
        same = [f"{name}={values[0]}" for name, values in settings.items() if len(values) == 1]
        points = [f"Not in this report: {problem}." for problem in origin.missing]
        points += [f"{name}: {value}." for name, value in origin.facts.items()]
        points += [f"Fixed settings: {', '.join(same)}."] if same else []
        return SectionContent(
            name="origin", heading="Reproducing these results", points=tuple(points), commands=origin.commands
        )


class Methods(Section):
    """Which interval, which test and which correction, as each section says it."""

    order = 140
    scope = "either"

    def build(self, study: Study) -> SectionContent:
        notes = [" ".join(section.method_notes(study)) for section in choose_sections(study)]
        return SectionContent(name="methods", heading="Notes on methods", points=tuple(filter(None, notes)))


def is_grid_of_sizes(runs: pd.DataFrame) -> bool:
    """Tell whether depth and width say all that layer sizes do: layers of equal width, in every combination."""
    if not {SIZES, *EXTENT} <= {*runs.columns}:
        return False
    depths, widths = (list(filter(str.isdecimal, list_values(runs, name))) for name in EXTENT)
    return {*plain(runs[SIZES])} - {None} == {"-".join([width] * int(depth)) for depth in depths for width in widths}


def _describe_data(study: Study) -> str:
    """Name the data sets, with the numbers of examples where these are the same in all of them."""
    runs = study.runs
    names = [name for name in dict.fromkeys(name_data_sets(runs)) if name]
    if study.has_several_data_sets:
        names = study.data_sets.data_sets
    if not names:
        return ""
    sizes = []
    for name, part in SAMPLES.items():
        numbers = plain(runs[name]) if name in runs.columns else []
        counts = [int(number) for number in numbers if isinstance(number, int | float)]
        if counts and (len(names) == 1 or len({*counts}) == 1):
            sizes.append(" to ".join(f"{n:,}" for n in sorted({min(counts), max(counts)})) + f" {part}")
    others = f", others in each {study.kind}" if study.repeats.changes_test_set else ""
    return f"Data: {join_words(names, MOST_DATA_SETS)}{f' ({join_words(sizes)} examples{others})' if sizes else ''}."


def _describe_repeats(study: Study) -> str:
    """Say by what configurations are repeated, and how often."""
    if not study.repeats.axes:
        return "The runs have no seeds."
    parts = []
    for name in study.repeats.axes:
        values = sorted({*plain(study.runs[name])} - {None}, key=lambda value: (isinstance(value, str), value))
        parts.append(f"{count(len(values), KINDS[name])} ({join_words(_join_ranges(values), MOST_VALUES)})")
    counts = study.configurations["n_finished"] + study.configurations["n_failed"]
    noun = study.repeats.noun
    each = f"; a configuration has {counts.min():,} to {counts.max():,} {noun}s" if counts.nunique() > 1 else ""
    return f"Repeats: {join_words(parts)}{each}."


def _describe_measure(study: Study) -> str:
    """Say what is compared, which end of it is the best and at which epoch it was taken; accuracy needs no words."""
    chosen = describe_selection(study.runs)
    if study.metric == ACCURACY and chosen == describe_selection(study.runs[:0]):
        return ""
    at = f", at the epoch of {chosen}" if find_validation_metric(study.metric) else ""
    return f"Measure: {study.words} ({study.extreme.removesuffix('est')}er is better){at}."


def _join_ranges(values: Sequence[object]) -> list[str]:
    """Write sorted values, those of three or more whole numbers in a row as their ends."""
    ranges: list[list[object]] = []
    for value in values:
        if ranges and isinstance(value, int) and ranges[-1][-1] == value - 1:
            ranges[-1].append(value)
        else:
            ranges.append([value])
    return [text for one in ranges for text in ([f"{one[0]} to {one[-1]}"] if len(one) > 2 else map(str, one))]


def list_values(runs: pd.DataFrame, name: str) -> list[str]:
    """Write a column's different values: numbers by size, then names, layer sizes among them by their numbers."""
    values = {(isinstance(value, str), value) for value in plain(runs[name]) if value is not None}
    numbers = sorted(value for is_text, value in values if not is_text)  # type: ignore[type-var]
    texts = [str(value) for is_text, value in values if is_text]
    texts.sort(key=lambda text: ([int(part) for part in text.split("-") if part.isdecimal()], text))
    missing = ["none"] if None in plain(runs[name]) else []
    return [*(f"{value:g}" if isinstance(value, float) else str(value) for value in numbers), *texts, *missing]
