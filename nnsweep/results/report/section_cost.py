"""What the results cost: the smallest network that does as well, what nothing cheaper reaches, and the edges."""

from collections.abc import Sequence

import pandas as pd

from nnsweep.results.factors import ARCHITECTURE
from nnsweep.results.frame import plain, rows
from nnsweep.results.report.content import Column, Row, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.boundary import Boundary, Values, find_boundaries
from nnsweep.results.statistics.tradeoff import choose_smallest, mark_pareto_front, prices
from nnsweep.results.wording import NOTHING, fixed, join_words, short_name, whole, write_digits

PARAMETERS = "n_parameters"
NEARLY = 0.95
"""The share of the best accuracy that the epochs are counted to."""


def small_enough(study: Study) -> list[str]:
    """Name the smallest network within one standard error of the best."""
    table = study.configurations
    if not study.has_result or PARAMETERS not in table.columns or table[PARAMETERS].nunique() < 2:
        return []
    if study.is_cost:
        return []
    chosen = choose_smallest(table)
    if chosen.smallest is None:
        return []
    best, small = study.best, next(iter(rows(table.loc[[chosen.smallest]])))
    if best[PARAMETERS] == small[PARAMETERS]:
        return ["No smaller network comes within one standard error of it."]
    value = study.number(small["mean"])
    return [
        f"The smallest network within one standard error of it is {study.named(small['label'])}: {value} with "
        f"{whole(small[PARAMETERS])} parameters instead of {whole(best[PARAMETERS])}."
    ]


def on_edge(study: Study) -> list[str]:
    """Warn if results rise beyond chance towards a number of the best that is the smallest or the largest tried."""
    if not study.has_result or not study.is_accuracy or len(study.first) > 1:
        return []
    found = _edges(study)
    return [
        _beyond([edge for edge in found if edge.side == side]) for side in dict.fromkeys(edge.side for edge in found)
    ]


class Cost(Section):
    """What each configuration costs, and which are worth it."""

    order = 80
    answers = ((80, small_enough), (90, on_edge))

    def build(self, study: Study) -> SectionContent | None:
        if not study.has_result or len(study.configurations) < 2 or study.is_cost:
            return None
        best = float(study.best["mean"])
        target = round(NEARLY * best, 2) if study.is_accuracy and study.histories else None
        found = study.labelled(
            prices(study.runs, study.histories, by=study.settings, metric=study.metric, target=target)
        )
        price = next((name for name in (PARAMETERS, "seconds") if found[name].nunique() > 1), None)
        if price is None:
            return None
        found["front"] = ["yes" if on else "" for on in mark_pareto_front(found, price, "mean")]
        columns = [
            Column("configuration", lambda row: study.named(row["label"]), "label"),
            Column(study.words, lambda row: study.number(row["mean"]), "mean"),
            Column("parameters", lambda row: whole(row[PARAMETERS]), PARAMETERS),
            Column("Mflop an epoch", _millions, "epoch_flops", True),
            Column("epochs", lambda row: fixed(row["epochs"], 0), "epochs", True),
            Column("seconds", lambda row: write_digits(row["seconds"], 3), "seconds"),
            Column("worth its cost", lambda row: str(row["front"]), "front"),
        ]
        if target is not None:
            columns.insert(
                -1, Column(f"epochs to {target:g}", lambda row: whole(row["epochs_to_target"]), "epochs_to_target")
            )
        shown = [column for column in columns if any(value is not None for value in plain(found[column.key]))]
        caption = (
            f"What each configuration costs; worth its cost is what no other reaches with "
            f"{'fewer parameters' if price == PARAMETERS else 'fewer seconds'}."
        )
        front = frozenset(place for place, row in enumerate(rows(found)) if row["front"])
        costs = Table(name="cost", caption=caption, frame=found, columns=tuple(shown), best=front)
        return SectionContent(name="cost", heading="What it costs", tables=(costs,))


def _millions(row: Row) -> str:
    flops = row["epoch_flops"]
    return write_digits(flops / 1e6, 3) if isinstance(flops, int | float) else NOTHING


def _beyond(found: Sequence[Boundary]) -> str:
    """Warn of the edges at one side."""
    values = join_words([f"{short_name(edge.name)} ({edge.value:g})" for edge in found])
    be = "is the" if len(found) == 1 else "are the"
    further = [f"{short_name(edge.name)}={edge.next_value:g}" for edge in found if edge.next_value is not None]
    way_out = f" (try {', '.join(further)})" if further else ""
    return (
        f"Its {values} {be} {found[0].side} tried, and the result can be told from that of the next value: a better "
        f"one may lie beyond{way_out}."
    )


def _edges(study: Study) -> list[Boundary]:
    """Find edges among the numbers of the settings, and in depth and width where they vary."""
    table, names = study.configurations, study.settings
    tried = _values(table, names)
    told = {*study.with_best["label"][study.with_best["distinguishable"]]}
    is_told = [label in told for label in table["label"]]
    found = find_boundaries(tried, names, tried[0], differs=dict(zip(tried, is_told, strict=True)).__getitem__)
    if not set(names) & set(ARCHITECTURE) or not {"depth", "width"} <= set(table.columns):
        return found
    sizes = ["depth", "width"]
    names = [*sizes, *(name for name in names if name not in ARCHITECTURE)]
    sized = [row[:2] + tuple(map(str, row[2:])) for row in _values(table, names)]
    of_sizes = find_boundaries(sized, names, sized[0], differs=dict(zip(sized, is_told, strict=True)).__getitem__)
    return [*found, *(edge for edge in of_sizes if edge.name in sizes)]


def _values(table: pd.DataFrame, names: list[str]) -> list[Values]:
    columns = [plain(table[name]) for name in names]
    return [tuple(column[row] for column in columns) for row in range(len(table))]
