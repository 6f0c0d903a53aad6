"""The table of an article: a row for each configuration, with its mean and how sure that is.

It shows only the columns that vary, no more digits than the interval supports, and a caption that says what the numbers
and the marks are.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.factors import ARCHITECTURE, EXTENT
from nnsweep.results.frame import plain, rows
from nnsweep.results.metrics import find_validation_metric, is_bounded, name_scale
from nnsweep.results.report.content import Row
from nnsweep.results.report.section_answer import warn_of_optimism
from nnsweep.results.report.study import Study
from nnsweep.results.selection import describe_selection
from nnsweep.results.statistics.best_set import AS_GOOD, NEVER_FINISHED, UNSETTLED, UNTESTED, WORSE
from nnsweep.results.wording import NOTHING, count, fixed, percent, short_name, value_text, whole, write_digits
from nnsweep.text import shorten

N_BEST, N_WORST = 24, 4
"""How many rows are shown of a table that is longer than a page."""
MOST_PLACES = 8
AS_GOOD_MARK, UNSETTLED_MARK, CHOSEN_MARK = "†", "‡", "§"
PARAMETERS = "Parameters"
BEST_MARK = "best"
"""What stands for bold where there is no bold."""


Write: TypeAlias = Callable[[object], str]


class PaperColumn(NamedTuple):
    """A column: its heading, its cells as text, and whether they are numbers, to be aligned at the decimal point."""

    heading: str
    cells: list[str]
    is_number: bool = True


class PaperTable(NamedTuple):
    """The table, before it is written in a format.

    Attributes
    ----------
    name : str
        What it is called in a label.
    caption : str
        What its numbers are, and what its marks mean.
    columns : tuple of PaperColumn
        The settings that vary, and what else tells the rows apart.
    mean, interval : PaperColumn
        The metric; the interval's cells are empty where there is none.
    is_best : list of bool
        Whether a row has the best mean.
    marks : list of str
        The mark behind each row's mean.
    n_left_out : int
        How many rows are left out between the best and the worst.
    """

    name: str
    caption: str
    columns: tuple[PaperColumn, ...]
    mean: PaperColumn
    interval: PaperColumn
    is_best: list[bool]
    marks: list[str]
    n_left_out: int


def make_paper_table(study: Study, name: str = "results") -> PaperTable:
    """Make the table of a study.

    Parameters
    ----------
    study : Study
        The runs and what is asked of them.
    name : str
        What the table is called in its label, such as the experiment.

    Returns
    -------
    PaperTable
        The best configuration first; of more than fit on a page, the best and the worst.

    Raises
    ------
    ConfigError
        If no run has a result, or the runs are on several data sets.
    """
    if not len(study.runs) or not study.has_result:
        raise ConfigError(f"no run finished with a {study.words}: there is nothing to put into a table")
    if study.has_several_data_sets:
        raise ConfigError(
            f"the runs are on {len(study.data_sets.data_sets)} data sets, whose results cannot stand in one column; "
            "choose one of them, such as with --filter \"data == 'digits'\""
        )
    shown, n_left_out = study.configurations, max(0, len(study.configurations) - N_BEST - N_WORST)
    if n_left_out:
        shown = pd.concat([shown[:N_BEST], shown[-N_WORST:]])
    columns = [*_make_setting_columns(study, shown), *_make_count_columns(study, shown)]
    write, is_even = _choose_digits(study, shown), _is_even(study, shown)
    interval = [_write_interval(write, row, is_even=is_even) for row in rows(shown)]
    marks = [_mark(study, str(label)) for label in shown["label"]]
    return PaperTable(
        name=re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "results",
        caption=" ".join(_write_caption(study, marks, is_even=is_even, n_left_out=n_left_out)),
        columns=tuple(columns),
        mean=PaperColumn(_capitalize(study.words), [write(mean) for mean in plain(shown["mean"])]),
        interval=PaperColumn(f"{percent(study.confidence)} interval", interval, is_number=False),
        is_best=[label in study.leaders for label in shown["label"]],
        marks=marks,
        n_left_out=n_left_out,
    )


def make_plain_frame(table: PaperTable) -> pd.DataFrame:
    """Give the table as a frame of texts, with a column of marks, and without the rows that are left out."""
    columns = [*table.columns, table.mean, *([table.interval] if any(table.interval.cells) else [])]
    marks = [
        " ".join([*([BEST_MARK] if is_best else []), *([marks] if marks else [])])
        for is_best, marks in zip(table.is_best, table.marks, strict=True)
    ]
    return pd.DataFrame({column.heading: column.cells for column in columns} | {"Mark": marks})


def _make_setting_columns(study: Study, shown: pd.DataFrame) -> list[PaperColumn]:
    """Make the columns of what varies; depth and width stand for layers that are all equally wide."""
    names, columns = study.settings, []
    layers = _list_layers(study, shown) if {*names} & {*ARCHITECTURE} else []
    if layers:
        names = [name for name in names if name not in ARCHITECTURE]
        extents = [name for name in EXTENT if name in shown.columns and shown[name].nunique() > 1]
        if extents and all(_are_even_layers(text) for text in layers):
            columns += [PaperColumn(name.capitalize(), list(map(whole, plain(shown[name])))) for name in extents]
        else:
            columns.append(PaperColumn("Hidden layers", layers, is_number=False))
    for name in names:
        values = plain(shown[name])
        is_number = all(isinstance(value, int | float | None) and not isinstance(value, bool) for value in values)
        cells = [NOTHING if value is None else shorten(value_text(value)) for value in values]
        columns.append(PaperColumn(_capitalize(short_name(name, names).replace("_", " ")), cells, is_number))
    return columns


def _make_count_columns(study: Study, shown: pd.DataFrame) -> list[PaperColumn]:
    """Make the columns of the number of parameters and of repeats, if these differ."""
    columns = []
    if "n_parameters" in shown.columns and shown["n_parameters"].nunique() > 1:
        columns.append(PaperColumn(PARAMETERS, list(map(whole, plain(shown["n_parameters"])))))
    if study.configurations["n"].nunique() > 1:
        columns.append(PaperColumn(f"{study.repeats.noun.capitalize()}s", list(map(whole, plain(shown["n"])))))
    return columns


def _list_layers(study: Study, shown: pd.DataFrame) -> list[str]:
    """Give the hidden layers of each configuration; nothing if they are not recorded of all of them."""
    if "hidden_layer_sizes" not in study.runs.columns:
        return []
    column = plain(study.runs["hidden_layer_sizes"])
    layers = [column[study.find_rows(str(label))[0]] for label in shown["label"]]
    return [] if None in layers else list(map(str, layers))


def _are_even_layers(layers: str) -> bool:
    """Tell whether all hidden layers are equally wide, or there are none."""
    return len({*layers.split("-")}) == 1


def _choose_digits(study: Study, shown: pd.DataFrame) -> Write:
    """Write means with as many places as half an interval needs: two digits of it up to 35, else one.

    It is the rule of the Particle Data Group (Review of Particle Physics, 2024, section 5.3). All rows get the places
    of the narrow intervals, at their lower quartile, so that the points are aligned.
    """
    halves = shown["half"].to_numpy(dtype=float)
    halves = halves[np.isfinite(halves) & (halves > 0)]
    if not len(halves):
        return study.write
    half = float(np.quantile(halves, 0.25))
    power = math.floor(math.log10(half))
    places = -power + (1 if half / 10.0**power < 3.55 else 0)
    if not 0 <= places <= MOST_PLACES and not is_bounded(study.metric):
        return write_digits
    return lambda value: fixed(value, min(max(places, 0), MOST_PLACES))


def _is_even(study: Study, shown: pd.DataFrame) -> bool:
    """Tell whether each mean is in the middle of its interval, as far as the digits show it."""
    write = _choose_digits(study, shown)
    below = shown["mean"] - shown["low_simultaneous"]
    above = shown["high_simultaneous"] - shown["mean"]
    return all(write(one) == write(other) for one, other in zip(below.dropna(), above.dropna(), strict=True))


def _write_interval(write: Write, row: Row, *, is_even: bool) -> str:
    """Write an interval as half of it if the mean is in its middle, else as both ends; nothing for none."""
    if row["low_simultaneous"] is None:
        return ""
    low, high = write(row["low_simultaneous"]), write(row["high_simultaneous"])
    return f"± {write(float(str(row['half'])))}" if is_even else f"[{low}, {high}]"


def _mark(study: Study, label: str) -> str:
    verdicts = {AS_GOOD: AS_GOOD_MARK, UNSETTLED: UNSETTLED_MARK}
    marks = [mark for verdict, mark in verdicts.items() if label in study.list_verdict(verdict)]
    return "".join([*([] if label in study.leaders else marks), *(CHOSEN_MARK * (label == study.chosen_by_validation))])


def _write_caption(study: Study, marks: Sequence[str], *, is_even: bool, n_left_out: int) -> Iterable[str]:
    """Say what the numbers are, how the epoch was chosen, and what the marks mean."""
    table, kind, of = study.configurations, study.kind, percent(study.confidence)
    n_units = sorted({*table["n_units"]} - {0})
    data = sorted({str(name) for name in plain(study.runs["data"])}) if "data" in study.runs.columns else []
    on = f" on {data[0]}" if len(data) == 1 else ""
    repeats = " to ".join(f"{n:,}" for n in sorted({n_units[0], n_units[-1]})) + f" {kind}{'s' * (n_units[-1] > 1)}"
    what = f"{_capitalize(study.words)} of {count(len(table), 'configuration')}{on}"
    if not table.attrs["n_simultaneous"]:
        yield f"{what}: one {kind} each, so that there is no interval."
    else:
        how = f"± half of its {of} interval" if is_even else f"with its {of} interval in brackets"
        yield f"{what}: mean over {repeats} {how} ({describe_interval(study)})."
    yield from explain_epoch(study)
    yield from explain_failures(study)
    if len(table) > 1:
        yield "Bold: the best mean."
    joined = "".join(marks)
    n_worse = len(study.list_verdict(WORSE))
    if n_worse or AS_GOOD_MARK in joined or UNSETTLED_MARK in joined:
        margin = f", to within {study.rope:g}" if study.rope else ""
        if AS_GOOD_MARK in joined:
            yield f"{AS_GOOD_MARK} as good as the best{margin}."
        if UNSETTLED_MARK in joined:
            yield f"{UNSETTLED_MARK} neither shown to be as good nor to be worse."
        untested = study.list_verdict(UNTESTED) + study.list_verdict(NEVER_FINISHED)
        others = f"Those with fewer than two {kind}s are not compared; all others" if untested else "All others"
        worse = f"{others} are clearly worse" if n_worse else "None is clearly worse"
        yield f"{worse} (multiple comparisons with the best, {of})."
    if CHOSEN_MARK in joined:
        yield f"{CHOSEN_MARK} chosen by {study.validation_words}."
    if n_left_out:
        yield f"{count(n_left_out, 'configuration')} between the best {N_BEST} and the worst {N_WORST} are not shown."


def describe_interval(study: Study) -> str:
    """Say how the interval of a mean is made, in half a sentence."""
    k = int(study.configurations.attrs["n_simultaneous"])
    scale = name_scale(study.metric)
    return f"Student's t{f' on {scale}' * bool(scale)}" + (
        f"; with Bonferroni's correction, all {k:,} hold at once" if k > 1 else ""
    )


def explain_epoch(study: Study) -> Iterable[str]:
    """Say at which epoch a network is measured, and what the test set was used for."""
    if warnings := warn_of_optimism(study):
        yield from warnings
        return
    n_test = _count_examples(study, "n_test_samples") if "test" in study.metric else ""
    if find_validation_metric(study.metric):
        on_test = f" on the {n_test} test examples" if n_test else ""
        yield f"Each network is measured{on_test} at the epoch of its {describe_selection(study.runs)}."
    elif study.metric.startswith("final_"):
        yield f"Each network is measured after its last epoch{f', on {n_test} test examples' if n_test else ''}."


def explain_failures(study: Study) -> Iterable[str]:
    """Say how many runs failed and what they count as."""
    n_failed = int(study.configurations["n_failed"].sum())
    if not n_failed:
        return
    counts_as_guessing = bool((study.configurations["n"] > study.configurations["n_finished"]).any())
    treated = "counted as guessing" if counts_as_guessing else "left out"
    are = "is" if n_failed == 1 else "are"
    yield f"{n_failed:,} of {len(study.runs):,} runs failed or diverged and {are} {treated}."


def _count_examples(study: Study, name: str) -> str:
    values = {value for value in plain(study.runs[name]) if value is not None} if name in study.runs.columns else set()
    return whole(values.pop()) if len(values) == 1 else ""


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]
