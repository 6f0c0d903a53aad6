"""Unsealing: the test part of a study whose test is sealed is measured once, for configurations that are named before.

As long as nobody knows a result on the test part, nothing can be chosen by it, and the first look tells the truth. So
the choice is written down before anything is measured, and a second look has to be asked for.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

import pandas as pd

from nnsweep.api.load import find_runs
from nnsweep.errors import ConfigError
from nnsweep.jobs.interrupt import postpone_signals
from nnsweep.jobs.unsealing import SealedRun, find_sealed_run, measure_test
from nnsweep.jobs.worker import forget_datasets
from nnsweep.results.frame import narrow_runs, plain
from nnsweep.results.grouping import group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import metric_text
from nnsweep.results.report.section_looks import describe_exposure
from nnsweep.results.selection import choose_metric, find_sealed
from nnsweep.results.statistics.best_set import AS_GOOD, UNSETTLED, judge
from nnsweep.results.wording import count, join_words
from nnsweep.text import printable
from nnsweep.tracking.claims import look_alone
from nnsweep.tracking.exposure import find_exposures
from nnsweep.tracking.query import find_job_runs, find_runs_by_id
from nnsweep.tracking.store import Store, follow_store
from nnsweep.tracking.unsealing import (
    UNSEALING,
    begin_unsealing,
    digest_runs,
    end_unsealing,
    find_unsealings,
    record_unsealed,
)


@dataclass(frozen=True, kw_only=True)
class Unsealing:
    """An unsealing that is planned.

    Attributes
    ----------
    store : Store
        The study.
    configurations : mapping of str to sequence of str
        The ids of the runs of each configuration, by the rule or the label that names it.
    runs : sequence of SealedRun
        All runs, each once.
    metric : str
        What they are chosen by, of the validation part.
    again : bool
        Whether test sets that were unsealed before are looked at once more.
    command : str
        What has asked for it; empty if no command has.
    """

    store: Store
    configurations: Mapping[str, Sequence[str]]
    runs: Sequence[SealedRun]
    metric: str
    again: bool = False
    command: str = ""

    @property
    def test_digests(self) -> list[str]:
        """The test sets."""
        return [*dict.fromkeys(run.test_digest for run in self.runs)]

    def describe(self) -> list[str]:
        """Say what will be unsealed, and how often its test set has been looked at, a line each."""
        sets = "the test set" if len(self.test_digests) == 1 else f"{len(self.test_digests):,} test sets"
        of = f"{count(len(self.configurations), 'configuration')} ({count(len(self.runs), 'run')})"
        lines = [f"Unsealing {sets} of {printable(self.store.experiment)} for {of}, named before anything is measured:"]
        lines += [f"  {printable(name)} ({count(len(runs), 'run')})" for name, runs in self.configurations.items()]
        return [*lines, self.describe_exposure()]

    def describe_exposure(self) -> str:
        """Say how often the test sets have been looked at by now."""
        exposures = find_exposures(self.store.uri, self.test_digests)
        return describe_exposure(exposures) or "Nobody has looked at results on it in this store."


def unseal(
    experiment: str,
    configurations: Sequence[str] = (),
    *,
    again: bool = False,
    uri: str | None = None,
) -> pd.DataFrame:
    """Measure the sealed test part of a study, once, for some configurations.

    The runs get the metrics and files of the test part that they would have without ``trainer.sealed_test``, at their
    best epochs. What was measured stays: the same call again measures nothing and returns the same table.

    Parameters
    ----------
    experiment : str
        The study.
    configurations : sequence of str
        A rule for each configuration, such as ``depth == 3 and width == 64``; if there is none, those that may be the
        best by validation.
    again : bool
        Whether a test set that was unsealed before, for other runs, is looked at once more.
    uri : str, optional
        The store; ``MLFLOW_TRACKING_URI`` or ``sqlite:///mlflow.db`` if not given.

    Returns
    -------
    pandas.DataFrame
        See `tabulate_unsealing`.

    Raises
    ------
    ConfigError
        If there is no such experiment or configuration, no test is sealed, or a test set was unsealed before.
    DataError
        If the data have changed, or a run has left no weights.
    StoreError
        If the store cannot be used; the same call goes on.
    """
    check_inputs(experiment=experiment, uri=uri)
    planned = plan_unsealing(experiment, configurations, again=again, uri=uri)
    measure_unsealed(planned)
    return tabulate_unsealing(planned)


def plan_unsealing(
    experiment: str,
    configurations: Sequence[str] = (),
    *,
    again: bool = False,
    uri: str | None = None,
    command: str = "",
) -> Unsealing:
    """Find the runs, and check that their data are those that they were trained on; see `unseal`."""
    store, records, runs = find_runs(experiment, None, "", uri)
    follow_store(store)
    is_finished = [state == "finished" for state in plain(runs["state"])]
    sealed = runs[[a and b for a, b in zip(find_sealed(runs), is_finished, strict=True)]].reset_index(drop=True)
    if not len(sealed):
        raise ConfigError(
            f"experiment '{printable(experiment)}' has no finished run with a sealed test, so there is nothing to "
            "unseal; sweep with trainer.sealed_test=true"
        )
    metric = choose_metric(sealed, None)
    chosen = _choose_by_rules(sealed, configurations) if configurations else _choose_best(sealed, metric)
    by_id = {record.run_id: record for record in records}
    forget_datasets()  # files may be others by now
    found = {run_id: find_sealed_run(store, by_id[run_id]) for ids in chosen.values() for run_id in ids}
    runs_found = [*found.values()]
    return Unsealing(store=store, configurations=chosen, runs=runs_found, metric=metric, again=again, command=command)


def _choose_by_rules(runs: pd.DataFrame, rules: Sequence[str]) -> dict[str, list[str]]:
    chosen = {rule: [str(run_id) for run_id in plain(narrow_runs(runs, filter=rule)["run_id"])] for rule in rules}
    if missing := [rule for rule, ids in chosen.items() if not ids]:
        raise ConfigError(
            *(f"--configuration {printable(rule)}: no finished run with a sealed test is like that" for rule in missing)
        )
    return chosen


def _choose_best(runs: pd.DataFrame, metric: str) -> dict[str, list[str]]:
    """Choose what may be the best by validation: what is chosen, and what is not clearly worse than the best."""
    grouped = {one.label: [str(plain(runs["run_id"])[row]) for row in one.rows] for one in group_runs(runs, metric)}
    judged = judge(runs, metric)
    best = [judged.attrs["chosen"], *judged["label"][judged["verdict"].isin([AS_GOOD, UNSETTLED])]]
    return {label: grouped[label] for label in dict.fromkeys(best)}


def measure_unsealed(planned: Unsealing, tell: Callable[[str], None] = lambda line: None) -> int:
    """Measure the runs that were not measured before, and record each at once.

    Parameters
    ----------
    planned : Unsealing
        From `plan_unsealing`.
    tell : callable
        Takes a line about what is taken up again.

    Returns
    -------
    int
        How many runs were measured.
    """
    store = planned.store
    recorded = {run.info.run_id: run for run in find_runs_by_id(store, [run.record.run_id for run in planned.runs])}
    waiting = [run for run in planned.runs if UNSEALING not in recorded[run.record.run_id].data.tags]
    with look_alone(store):
        own = _find_unfinished(planned)
        if not waiting and not own:
            return 0
        if own:
            tell(f"{len(planned.runs) - len(waiting):,} of {count(len(planned.runs), 'run')} were measured before")
        else:
            _refuse_second_look(planned)
            names = [*planned.configurations]
            own = begin_unsealing(store, [*recorded], names, planned.test_digests, planned.command)
    for run in waiting:
        measured = measure_test(store, run)
        with postpone_signals():
            record_unsealed(store, recorded[run.record.run_id], own, measured.metrics, measured.files)
    end_unsealing(store, own)
    return len(waiting)


def _find_unfinished(planned: Unsealing) -> str:
    """Find the run of an unsealing of the very same runs that was broken off; empty if there is none."""
    digest = digest_runs([run.record.run_id for run in planned.runs])
    earlier = find_unsealings(planned.store.uri, planned.test_digests)
    return next((one.run_id for one in earlier if not one.has_ended and one.runs_digest == digest), "")


def _refuse_second_look(planned: Unsealing) -> None:
    earlier = find_unsealings(planned.store.uri, planned.test_digests)
    if not earlier or planned.again:
        return
    last = max(earlier, key=lambda one: one.began)
    named = printable(join_words([*last.configurations], 3)) or "other runs"
    raise ConfigError(
        f"the test set was unsealed before, on {datetime.fromtimestamp(last.began / 1000):%Y-%m-%d %H:%M} for {named}: "
        "whoever looks again may choose by what was seen, and the result is too good then; add --again if that is meant"
    )


def tabulate_unsealing(planned: Unsealing) -> pd.DataFrame:
    """Lay out what the test part says of each configuration.

    Returns
    -------
    pandas.DataFrame
        A row for each configuration: ``configuration``; ``n_runs``; the metric of the validation part that may have
        chosen it, such as ``best_val_accuracy``; every metric of the test part, as means over the runs, the one of the
        same measure first; ``low`` and ``high``, the lowest and the highest value of that one among these runs.
    """
    records = {record.run_id: record for record in find_job_runs(planned.store)}
    first = planned.metric.replace("best_val_", "test_")
    rows = []
    for name, run_ids in planned.configurations.items():
        runs = [records[run_id].metrics for run_id in run_ids]
        tested = [first, *sorted(metric for metric in runs[0] if metric.startswith("test_") and metric != first)]
        means = {metric: fmean(run.get(metric, math.nan) for run in runs) for metric in (planned.metric, *tested)}
        ends = [run.get(first, math.nan) for run in runs]
        row = {"configuration": name, "n_runs": len(runs)} | means
        rows.append(row | {"low": min(ends), "high": max(ends)})
    return pd.DataFrame(rows)


def write_unsealing(table: pd.DataFrame) -> list[str]:
    """Write what `tabulate_unsealing` gives, a line for each configuration."""
    tested = [name for name in table.columns if name.startswith("test_")]
    (validation,) = [name for name in table.columns if name.startswith("best_val_")]
    lines = []
    for row in table.to_dict("records"):
        spread = "" if row["n_runs"] == 1 else f" ({row['low']:.4f} to {row['high']:.4f} in {row['n_runs']:,} runs)"
        first, *others = [f"{metric_text(name)} {row[name]:.4f}" for name in (*tested, validation)]
        lines.append(f"{row['configuration']}: {first}{spread}, {', '.join(others)}")
    return lines
