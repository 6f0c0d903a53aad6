"""A study: the runs that a report is about, with what the statistics say of them, each computed once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.errors import DataError
from nnsweep.results.factors import Repeats, find_repeats
from nnsweep.results.frame import plain, rows, take_metric
from nnsweep.results.grouping import Configuration, group_runs, with_failures
from nnsweep.results.labels import outcomes
from nnsweep.results.metrics import (
    ACCURACY,
    choose_digits,
    find_sign,
    find_validation_metric,
    is_accuracy,
    is_bounded,
    metric_text,
    smaller_is_better,
    split_metric,
)
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.anova import RESIDUAL, effects
from nnsweep.results.statistics.best_set import AS_GOOD, UNSETTLED, choose_by_validation, choose_first, is_tied, judge
from nnsweep.results.statistics.comparison import compare
from nnsweep.results.statistics.data_sets import (
    DATA_SETTINGS,
    DataSetComparison,
    compare_data_sets,
    name_data_sets,
)
from nnsweep.results.statistics.equivalence import choose_rope, compare_equivalence
from nnsweep.results.statistics.evaluations import PooledEvaluation, pool_best
from nnsweep.results.statistics.examples import compare_examples
from nnsweep.results.statistics.looks import count_looks, spend_error
from nnsweep.results.statistics.marginal_means import MarginalMeans, marginal_means
from nnsweep.results.statistics.pairs import find_pairing
from nnsweep.results.statistics.summary import configurations, sort_best_first
from nnsweep.results.statistics.tests import MeanDifference, compare_means
from nnsweep.results.wording import fixed
from nnsweep.tracking.record import Evaluation

if TYPE_CHECKING:  # with it comes matplotlib
    from nnsweep.results.plots.boundaries import Landscape


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the runs of a report are from.

    Attributes
    ----------
    experiment : str
        Its name.
    commands : tuple of str
        What makes this report again, and the table it rests on.
    facts : mapping of str to str
        Whatever else a reader needs to have the numbers again, such as versions and digests.
    missing : tuple of str
        Which files of the runs could not be read, so that the report lacks what needs them.
    confirmation : str
        On which seeds candidates were trained again, and in which experiment; empty if none were.
    confirmed_in : str
        The experiment in which candidates were confirmed; empty if none were.
    is_confirmation : bool
        Whether the runs are themselves a confirmation.
    filter : str
        The condition by which the runs were chosen, as ``--filter`` takes it.
    store_option : str
        The option that names the store, as a command ends with it; empty for the usual one.
    processor : str
        What trained the best of them.
    exposure : str
        How often their test set has been looked at, in a sentence; empty if nobody has.
    """

    experiment: str = ""
    commands: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    confirmation: str = ""
    confirmed_in: str = ""
    is_confirmation: bool = False
    filter: str = ""
    store_option: str = ""
    processor: str = ""
    exposure: str = ""


@dataclass(frozen=True, kw_only=True)
class Study:
    """Runs, and what is asked of them.

    Attributes
    ----------
    runs : pandas.DataFrame
        A frame of runs, with all its columns.
    metric : str
        What the best is best by: a metric, or a measure on the test part; if not given, what runs were selected by.
    histories : mapping
        ``{run_id: history}``; without one, what needs curves is left out.
    correct : mapping
        Which test examples runs got right, as `nnsweep.compare_examples` has it; without
        two, what needs them is left out.
    evaluations : mapping
        ``{run_id: Evaluation}``, as `nnsweep.load_evaluations` gives them; without one, what needs them is left out.
    landscape : Landscape or None
        What the networks say of each place, where the data have two features or one; see `nnsweep.results.plots`.
    baseline : str, mapping or None
        As `nnsweep.compare` has it.
    by : sequence of str or None
        The columns that make a configuration.
    confidence : float
        Of the intervals.
    failures : {"chance", "ignore"}
        What failed runs count as, everywhere in the report; see `nnsweep.results.grouping.group_runs`.
    rope : float or None
        The margin within which two means are as good as each other; 0.01 for what lies between 0 and 1 if not
        given, and none for another metric (`nnsweep.results.statistics.equivalence.choose_rope`).
    origin : Origin
        Where the runs are from.
    """

    runs: pd.DataFrame
    metric: str = ""
    histories: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    correct: Mapping[str, Any] = field(default_factory=dict)
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    landscape: "Landscape | None" = None
    baseline: str | Mapping[str, object] | None = None
    by: Sequence[str] | None = None
    confidence: float = 0.95
    failures: str = "chance"
    rope: float | None = None
    origin: Origin = field(default_factory=Origin)

    def __post_init__(self) -> None:
        names = [f"row {row}" for row in range(len(self.runs))]
        defaults: dict[str, Any] = {"name": names, "state": "finished", "reason": "", "run_id": names}
        missing = {name: value for name, value in defaults.items() if name not in self.runs.columns}
        # a table from elsewhere may lack columns; all are set in the way of a frozen dataclass
        object.__setattr__(self, "runs", with_failures(self.runs.assign(**missing), self.failures))
        object.__setattr__(self, "metric", choose_metric(self.runs, self.metric or None))
        object.__setattr__(self, "rope", choose_rope(self.rope, self.metric))

    @cached_property
    def configurations(self) -> pd.DataFrame:
        """The configurations, the best first, with the half of their simultaneous intervals."""
        labels = self.outcomes if self.histories else None
        found = configurations(self.runs, self.metric, by=self.by, confidence=self.confidence, outcomes=labels)
        low, high = (found[f"{end}_simultaneous"] for end in ("low", "high"))
        return found.assign(half=np.maximum(high - found["mean"], found["mean"] - low))

    @cached_property
    def repeats(self) -> Repeats:
        """How runs repeat each other."""
        return find_repeats(self.runs)

    @property
    def is_averaged(self) -> bool:
        """Whether several runs make one independent result, such as the seeds of a fold."""
        return bool((self.configurations["n"] > self.configurations["n_units"]).any())

    @property
    def kind(self) -> str:
        """What one independent result is called: seed, fold, split."""
        return self.repeats.kind

    @cached_property
    def looks(self) -> tuple[int, ...]:
        """How many repeats there were at each look at the configurations."""
        return count_looks(self.runs, [*self._by_label.values()])

    @cached_property
    def decision_confidence(self) -> float:
        """At which this look decides, so that all looks together err as seldom as is promised."""
        return spend_error(self.looks, self.confidence, family=max(1, len(self.configurations) - 1))

    def name(self, label: object) -> str:
        """Name a configuration, with how many of its repeats finished if some failed."""
        one = self._by_label.get(str(label))
        if one is None or not one.n_failed:
            return str(label)
        nouns = f"{one.repeats.noun}{'s' * (one.n_ended != 1)}"
        return f"{label} ({len(one.counted):,} of {one.n_ended:,} {nouns} finished)"

    def describe_repeats(self, label: object) -> str:
        """Say how often a configuration was repeated."""
        return self.repeats.describe([*self._by_label[str(label)].values])

    def difference(self, label: str, reference: str, confidence: float) -> MeanDifference:
        """Compare two configurations at another confidence."""
        places = [list(self._by_label).index(name) for name in (label, reference)]
        one, other = self._by_label[label], self._by_label[reference]
        may_pair = bool(self._pairing[*places])
        return compare_means(
            one.units, other.units, confidence=confidence, overlap=self.repeats.overlap, may_pair=may_pair
        )

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """What `compare` says; it has no rows where nothing can be compared."""
        if not self.has_result:
            return pd.DataFrame({"label": [], "reference": []})
        return compare(self.runs, self.metric, baseline=self.baseline, by=self.by, confidence=self.decision_confidence)

    @property
    def against_best(self) -> pd.DataFrame:
        """The comparisons with the best."""
        return self.comparison[self.comparison["reference"] == "best"]

    @property
    def tests(self) -> set[str]:
        """Which tests have compared others with the best."""
        return {str(test) for test in plain(self.against_best["test"])} - {"none"} if len(self.against_best) else set()

    @cached_property
    def judged(self) -> pd.DataFrame:
        """What `judge` says."""
        return judge(self.runs, self.metric, by=self.by, confidence=self.decision_confidence, rope=self.rope)

    def list_verdict(self, verdict: str) -> list[str]:
        """List the labels of what was judged so, the best mean first."""
        labels: list[str] = self.judged["label"][self.judged["verdict"] == verdict].tolist()
        return labels

    @property
    def rivals(self) -> list[str]:
        """The labels of the other configurations that may be as good as the best; what never finished is not."""
        return [label for label in (*self.list_verdict(AS_GOOD), *self.list_verdict(UNSETTLED)) if label != self.leader]

    @property
    def never_finished(self) -> list[str]:
        """The labels of the configurations of which runs failed and none finished."""
        table = self.configurations
        labels: list[str] = table["label"][(table["n_finished"] == 0) & (table["n_failed"] > 0)].tolist()
        return labels

    @cached_property
    def has_several_data_sets(self) -> bool:
        """Whether the runs are on several data sets, and none of their settings was named as a configuration's."""
        return not {*(self.by or ())} & {*DATA_SETTINGS} and len({*name_data_sets(self.runs)}) > 1

    @cached_property
    def data_sets(self) -> DataSetComparison:
        """What `compare_data_sets` says."""
        return compare_data_sets(self.runs, self.metric, by=self.by, confidence=self.confidence)

    @cached_property
    def data_sets_by_validation(self) -> DataSetComparison | None:
        """What it says of the validation part, if all that is compared on the test part has a result there."""
        validation = find_validation_metric(self.metric)
        if validation not in self.runs.columns:
            return None
        found = compare_data_sets(self.runs, validation, by=self.by, confidence=self.confidence)
        return found if found.labels and {*found.labels} == {*self.data_sets.labels} else None

    @cached_property
    def effects(self) -> pd.DataFrame:
        """The analysis of variance; it has no rows where seeds or settings do not vary."""
        if not self.has_result or len(self.configurations) < 2:
            return pd.DataFrame({"term": []})
        found = effects(self.runs, self.metric)
        is_tested = bool((found["df"][found["term"] == RESIDUAL] > 0).any()) and bool(
            found["eta_squared"].notna().any()
        )
        return found if is_tested else found[:0]

    @cached_property
    def effects_without_failures(self) -> pd.DataFrame:
        """The analysis of variance of the runs that finished, where failed ones count otherwise; if not, no rows."""
        has_failed = bool((self.configurations["n"] > self.configurations["n_finished"]).any())
        return (
            effects(self.runs, self.metric, failures="ignore") if has_failed and len(self.effects) else self.effects[:0]
        )

    @cached_property
    def marginal_means(self) -> MarginalMeans:
        """The means of each setting's values; it has no rows where nothing finished."""
        if not self.has_result:
            return MarginalMeans(pd.DataFrame({"factor": []}), pd.DataFrame({"factor": [], "low": []}), ())
        return marginal_means(self.runs, self.metric, factors=self.by, confidence=self.confidence)

    @cached_property
    def equivalence(self) -> pd.DataFrame:
        """The probabilities of being as good as the leader; no rows where nothing finished or no margin is known."""
        if self.rope is None or not self.has_result:
            return pd.DataFrame({"label": [], "conclusion": []})
        options: dict[str, Any] = {"reference": self.leader, "rope": self.rope, "by": self.by}
        return compare_equivalence(self.runs, self.metric, confidence=self.confidence, **options)

    @cached_property
    def by_example(self) -> pd.DataFrame:
        """What `compare_examples` says; no rows if it is not known what the best did, or test sets differ.

        ``attrs["differ"]`` tells whether they do.
        """
        results: Mapping[str, Any] = self.correct if self.metric == ACCURACY else self.errors
        known = results and self.has_result and set(self._best_run_ids) & set(results)
        if not known or len(self.configurations) < 2:
            return pd.DataFrame({"test": []})
        try:
            return compare_examples(self.runs, results, metric=self.metric, by=self.by, confidence=self.confidence)
        except DataError:
            nothing = pd.DataFrame({"test": []})
            nothing.attrs["differ"] = True
            return nothing

    @cached_property
    def errors(self) -> Mapping[str, Evaluation]:
        """The evaluations of the runs that predicted numbers, if the metric is of such a measure at the best epoch."""
        if find_validation_metric(self.metric) is None or self.metric == "test_cost":
            return {}
        return {run_id: one for run_id, one in self.evaluations.items() if one.task == "regression"}

    @cached_property
    def pooled_evaluation(self) -> PooledEvaluation | None:
        """The evaluations of the leader; None without any, or without a result."""
        if not self.has_result:
            return None
        return pool_best(self.runs, self.evaluations, self.metric, by=self.by, label=self.leader)

    @property
    def _best_run_ids(self) -> list[str]:
        """The ids of the best configuration's runs that count."""
        ids = plain(self.runs["run_id"])
        return [str(ids[row]) for row in self._by_label[str(self.best["label"])].counted.values()]

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """What became of each run."""
        return outcomes(self.runs, self.histories)

    @property
    def settings(self) -> list[str]:
        """The columns that tell the configurations apart."""
        return list(self.configurations.attrs["settings"])

    def align(self, table: pd.DataFrame) -> pd.DataFrame:
        """Bring a table with a row a configuration into our order and under our labels."""
        places = {values: place for place, values in enumerate(_tuples(table, self.settings))}
        order = [places[values] for values in _tuples(self.configurations, self.settings)]
        return table.iloc[order].reset_index(drop=True).assign(label=self.configurations["label"])

    def find_rows(self, label: str) -> tuple[int, ...]:
        """Give the positions of a configuration's runs."""
        return self._by_label[label].rows

    @cached_property
    def _by_label(self) -> dict[str, Configuration]:
        return {one.label: one for one in group_runs(self.runs, self.metric, by=self.by)}

    @cached_property
    def _pairing(self) -> NDArray[np.bool_]:
        return find_pairing(self.runs, [*self._by_label.values()])

    @cached_property
    def without_value(self) -> list[int]:
        """The positions of the runs that finished without a real value of the metric."""
        values = take_metric(self.runs, self.metric)
        return [row for row, state in enumerate(self.states) if state == "finished" and values[row] is None]

    @property
    def is_accuracy(self) -> bool:
        """Whether the metric is an accuracy."""
        return is_accuracy(self.metric)

    @property
    def is_measured(self) -> bool:
        """Whether the metric was measured on a part of the data, unlike a size or a time."""
        return split_metric(self.metric) is not None

    @property
    def is_smaller_better(self) -> bool:
        """Whether less of the metric is better."""
        return smaller_is_better(self.metric)

    @property
    def sign(self) -> int:
        """What the metric is to be multiplied by for more of it to be better."""
        return find_sign(self.metric)

    @property
    def extreme(self) -> str:
        """What the best value of the metric is called: the highest or the lowest."""
        return "lowest" if self.is_smaller_better else "highest"

    @property
    def validation_words(self) -> str:
        """What chooses by the validation part, in words: ``validation log loss``."""
        return metric_text(f"val_{self.measure}")

    @property
    def measure(self) -> str:
        """The measure that the metric is of; accuracy for what is none."""
        name = split_metric(self.metric)
        return name.measure if name else "accuracy"

    @cached_property
    def chosen_by_validation(self) -> str | None:
        """The label of what the validation part chooses; None where there is none."""
        return choose_by_validation(self.runs, self.metric, by=self.by)

    @property
    def chosen(self) -> str:
        """The label of the configuration to use: validation's choice, or else the leader."""
        return self.chosen_by_validation or self.leader

    @cached_property
    def leader(self) -> str:
        """The label of the configuration with the best mean; one with a single result only if none has more."""
        return choose_first(sort_best_first([*self._by_label.values()], self.metric)).label

    def row_of(self, label: str) -> dict[str, Any]:
        """Give the row of a configuration."""
        return dict(self._rows_by_label[label])

    @cached_property
    def _rows_by_label(self) -> dict[str, Mapping[str, Any]]:
        return {str(row["label"]): row for row in rows(self.configurations)}

    @property
    def best(self) -> dict[str, Any]:
        """The row of the leader."""
        return self.row_of(self.leader)

    @cached_property
    def leaders(self) -> list[str]:
        """The labels of the configurations that share the best mean: almost always one."""
        table = self.configurations[self.configurations["n_units"] >= min(2, self.best["n_units"])]
        best = float(self.best["mean"])
        return [label for label, mean in zip(table["label"], table["mean"], strict=True) if is_tied(mean, best)]

    @property
    def has_result(self) -> bool:
        """Whether any run finished with a value."""
        return bool((self.configurations["n_finished"] > 0).any())

    @property
    def words(self) -> str:
        """The metric in words."""
        return metric_text(self.metric)

    @cached_property
    def states(self) -> list[str]:
        """The state of each run."""
        return [str(state) for state in plain(self.runs["state"])]

    def write(self, value: object) -> str:
        """Write a value of the metric, with as many digits as the intervals give sense to."""
        return self._write(value)

    def write_measure(self, value: object) -> str:
        """Write a value of the metric's measure that is not the metric; an accuracy where the metric is of none."""
        return self._write(value) if self.is_measured else fixed(value, 4)

    @cached_property
    def _write(self) -> Callable[[object], str]:
        table = self.configurations
        nearest = np.minimum(table["high_simultaneous"] - table["mean"], table["mean"] - table["low_simultaneous"])
        return choose_digits(self.metric, (table["half"] if is_bounded(self.metric) else nearest).tolist())


def _tuples(table: pd.DataFrame, names: Sequence[str]) -> list[tuple[str, ...]]:
    columns = [plain(table[name]) for name in names]
    return [tuple(repr(column[row]) for column in columns) for row in range(len(table))]
