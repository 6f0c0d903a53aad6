"""The cost of the results: the smallest network that does as well, and the Pareto front of results and cost."""

from nnsweep.results.frame import rows
from nnsweep.results.report.content import Column, Section, SectionContent, Table, drop_empty
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.tradeoff import choose_smallest, mark_pareto_front, prices
from nnsweep.results.wording import fixed, whole, write_digits

PARAMETERS = "n_parameters"
NEARLY = 0.95
"""The share of the best accuracy that the epochs are counted to, or the best cost as a share of that."""


def name_smallest(study: Study) -> list[str]:
    """Name the smallest network within one standard error of the best."""
    table = study.configurations
    if (
        not study.has_result
        or not study.is_measured
        or PARAMETERS not in table.columns
        or table[PARAMETERS].nunique() < 2
    ):
        return []
    chosen = choose_smallest(table, is_smaller_better=study.is_smaller_better)
    if chosen.smallest is None:
        return []
    best, small = study.best, next(iter(rows(table.loc[[chosen.smallest]])))
    if best[PARAMETERS] == small[PARAMETERS]:
        return []
    fewer = f"{whole(small[PARAMETERS])} parameters instead of {whole(best[PARAMETERS])}"
    return [
        f"The smallest network within one standard error of the best ({study.name(best['label'])}) is "
        f"{study.name(small['label'])}: {study.write(small['mean'])} with {fewer}."
    ]


def _choose_target(study: Study) -> float | None:
    """Choose what the epochs are counted to: nearly the best; None where a share of that has no meaning."""
    best = float(study.best["mean"])
    if study.is_accuracy:
        return round(NEARLY * best, 2)
    return float(f"{best / NEARLY:.3g}") if study.is_smaller_better and best > 0 else None


class Cost(Section):
    """What each configuration costs, and which are on the Pareto front."""

    order = 80
    answers = ((80, name_smallest),)

    def build(self, study: Study) -> SectionContent | None:
        if not study.has_result or len(study.configurations) < 2 or not study.is_measured:
            return None
        target = _choose_target(study) if study.histories else None
        table = study.align(prices(study.runs, study.histories, by=study.settings, metric=study.metric, target=target))
        price = next((name for name in (PARAMETERS, "seconds") if table[name].nunique() > 1), None)
        if price is None:
            return None
        is_worth_it = mark_pareto_front(table, price, "mean", is_smaller_better=study.is_smaller_better)
        table["front"] = ["yes" if on else "" for on in is_worth_it]
        to_target = () if target is None else (Column(f"epochs to reach {target:g}", "epochs_to_target", whole),)
        columns = (
            Column("configuration", "label", study.name),
            Column(study.words, "mean", study.write),
            Column("parameters", PARAMETERS, whole),
            Column("Mflop per epoch", "epoch_flops", lambda n: write_digits(n and n / 1e6, 3), is_wide=True),
            Column("epochs", "epochs", lambda value: fixed(value, 0), is_wide=True),
            Column("seconds", "seconds", lambda value: write_digits(value, 3)),
            *to_target,
            Column("Pareto front", "front"),
        )
        good = "accurate" if study.is_accuracy else "good"
        costs = Table(
            name="cost",
            caption="Cost of each configuration. For those on the Pareto front (bold), no other is at least as "
            f"{good} with {'fewer parameters' if price == PARAMETERS else 'less training time'}.",
            frame=table,
            columns=drop_empty(table, *columns),
            best=frozenset(place for place, on in enumerate(is_worth_it) if on),
        )
        return SectionContent(name="cost", heading="What it costs", tables=(costs,))
