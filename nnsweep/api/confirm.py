"""A confirmation: what a study found to be best is trained again on seeds that nobody has looked at.

Whoever picks the best of many picks luck with it, and no further look at the same runs can tell how much. So runs that
had no part in the choice are recorded in an experiment of their own, and what is said of them rests on them alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nnsweep.api.load import find_experiment, find_runs, read_records
from nnsweep.errors import ConfigError, StoreError
from nnsweep.jobs.confirmation import MOST_SEEDS, ConfirmingJobs, make_confirming_jobs, name_confirmation
from nnsweep.results.factors import find_repeats
from nnsweep.results.frame import frame, narrow_runs, plain
from nnsweep.results.grouping import Configuration, group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.best_set import NEVER_FINISHED, WORSE, judge
from nnsweep.results.statistics.confirmation import CANDIDATE, compare_confirmation, describe_confirmation
from nnsweep.results.statistics.data_sets import write_filters
from nnsweep.results.statistics.intervals import check_confidence
from nnsweep.results.statistics.summary import find_configuration, sort_best_first
from nnsweep.results.wording import count, join_words
from nnsweep.text import mask_secrets, printable, quote_argument
from nnsweep.tracking.store import find_store_if_any, resolve_uri

if TYPE_CHECKING:
    from nnsweep.jobs.display import Display
    from nnsweep.jobs.outcome import SweepResult


@dataclass(frozen=True, kw_only=True)
class ConfirmationRequest:
    """What is to be confirmed.

    Attributes
    ----------
    experiment : str
        The study.
    n_seeds : int
        How many new seeds each candidate is trained with.
    most : int
        How many candidates there are at most.
    only : tuple of str
        The labels of the candidates; whatever may be the best if empty.
    metric, by, confidence, failures
        What is asked of the runs: as `nnsweep.results.report.study.Study` has them.
    filter : str
        Which runs of the study count.
    uri : str or None
        The store.
    dry_run : bool
        Whether only the plan is wanted.
    """

    experiment: str
    n_seeds: int = 10
    most: int = 5
    only: tuple[str, ...] = ()
    metric: str = ""
    by: tuple[str, ...] | None = None
    confidence: float = 0.95
    failures: str = "chance"
    filter: str = ""
    uri: str | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        problems = []
        if not 2 <= self.n_seeds <= MOST_SEEDS:
            rule = f"must be 2 to {MOST_SEEDS}: one seed does not tell how sure a mean is; 10 are usual"
            problems.append(f"seeds={self.n_seeds} {rule}")
        if self.most < 1:
            problems.append(f"most={self.most} must be 1 or more; leave it out for 5")
        if problems:
            raise ConfigError(*problems)
        check_confidence(self.confidence)


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """A confirmation that is planned.

    Attributes
    ----------
    request : ConfirmationRequest
        What is to be confirmed.
    candidates : sequence of Configuration
        What is trained again, the study's choice first, with the study's results.
    n_configurations : int
        How many the study has.
    n_left_out : int
        How many more may be the best.
    jobs : ConfirmingJobs
        What is trained.
    """

    request: ConfirmationRequest
    candidates: Sequence[Configuration]
    n_configurations: int
    n_left_out: int
    jobs: ConfirmingJobs

    @property
    def experiment(self) -> str:
        """Where the confirming runs are recorded."""
        return name_confirmation(self.request.experiment)

    def describe(self) -> str:
        """Say in a line what is trained, and on which seeds."""
        n, of, seeds = len(self.candidates), count(self.n_configurations, "configuration"), self.jobs.seeds
        left = f"; {self.n_left_out:,} more left out, see --most" if self.n_left_out else ""
        return (
            f"Confirming {n:,} of {of} of {printable(self.request.experiment)} ("
            f"{join_words([one.label for one in self.candidates])}{left}) on {count(len(seeds), 'new seed')} "
            f"({seeds[0]} to {seeds[-1]}), in the experiment {printable(self.experiment)}"
        )


def confirm(
    experiment: str,
    *,
    seeds: int = 10,
    most: int = 5,
    only: str | Sequence[str] = (),
    metric: str | None = None,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str = "chance",
    filter: str = "",
    uri: str | None = None,
    dry_run: bool = False,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Train what may be the best of a study on new seeds, and report from those alone.

    The best of many was picked by looking, so its result is too good on average, however its interval was computed.
    Runs that had no part in the choice are not. They are recorded in the experiment ``NAME-confirm``; the same call
    goes on where an earlier one was left, and more `seeds` extend it.

    Parameters
    ----------
    experiment : str
        The study.
    seeds : int
        How many new seeds each candidate is trained with, 2 to 1000. Which they are follows from the candidates and
        from the seeds of the study. Folds stay as they are; splits and samples are drawn anew with each seed.
    most : int
        How many candidates are trained at most: what the study chose (`nnsweep.judge`), then what is not clearly worse
        than the best, the best first.
    only : str or sequence of str
        The labels of the candidates, in place of these; the best of them then stands for the choice.
    metric : str or None
        What the best is best by: a metric, or a measure on the test part; what epochs were selected by if not given.
    by : sequence of str or None
        The columns that make a configuration; all settings that vary if not given.
    confidence : float
        Of the intervals.
    failures : {"chance", "ignore"}
        What failed runs count as: what guessing achieves, or nothing.
    filter : str
        Which runs of the study count.
    uri : str, optional
        The store; ``MLFLOW_TRACKING_URI`` or ``sqlite:///mlflow.db`` if not given.
    dry_run : bool
        Train nothing; return the candidates with what the study said of them.
    progress : bool, optional
        Whether to show how far the training is; see `nnsweep.sweep`.

    Returns
    -------
    pandas.DataFrame
        A row for each candidate, the best of the confirmation first: ``label``; ``study`` and ``n_study``, the mean of
        the study and of how many independent results; ``mean``, ``low``, ``high`` and ``n``, the mean of the new
        seeds with its simultaneous interval; ``optimism`` (by how much the study said too much) with ``optimism_low``
        and ``optimism_high``, from the same interval; ``may_be_best``; ``n_failed``. ``attrs`` has ``sentences`` that
        say it in words, ``experiment``, ``sweep``, ``store`` and ``seeds``.

    Raises
    ------
    ConfigError
        If there is no such experiment, nothing was chosen in it, or what is asked cannot be.
    DataError
        If the data are not those of the study any more.
    StoreError
        If the store cannot be used.
    KeyboardInterrupt
        If the user interrupts; the same call goes on.
    """
    check_inputs(experiment=experiment, metric=metric, uri=uri)
    from nnsweep.api.sweep import guard_process, make_display, run_interruptibly

    with guard_process():
        request = ConfirmationRequest(
            experiment=experiment,
            n_seeds=seeds,
            most=most,
            only=(only,) if isinstance(only, str) else tuple(only),
            metric=metric or "",
            by=None if by is None else tuple(by),
            confidence=confidence,
            failures=failures,
            filter=filter,
            uri=uri,
            dry_run=dry_run,
        )
        planned = plan_confirmation(request)
        result = run_interruptibly(lambda: train_confirmation(planned, make_display(progress)))
        if result.problem:
            raise StoreError(result.problem)
        return compare_with_study(planned, result)


def plan_confirmation(request: ConfirmationRequest) -> Confirmation:
    """Choose the candidates and the seeds, and make the jobs.

    Raises
    ------
    ConfigError
        If there is no such experiment, nothing finished, there was nothing to choose from, or a label is unknown.
    DataError
        If a candidate's configuration cannot be read, or its data have changed.
    """
    store, records, runs = find_runs(request.experiment, None, request.filter, request.uri)
    request = replace(request, metric=choose_metric(runs, request.metric or None))
    ranked = _rank(runs, request)
    candidates, n_left_out = _choose_candidates(runs, ranked, request)
    by_id, run_ids = {record.run_id: record for record in records}, plain(runs["run_id"])
    jobs = make_confirming_jobs(
        store,
        {one.label: [by_id[str(run_ids[row])] for row in one.rows] for one in candidates},
        used=[record.settings.get("seed") for record in records],
        n_seeds=request.n_seeds,
        varying=(*candidates[0].settings, *find_repeats(runs).axes),
        uri=request.uri,
        dry_run=request.dry_run,
    )
    return Confirmation(
        request=request, candidates=candidates, n_configurations=len(ranked), n_left_out=n_left_out, jobs=jobs
    )


def _rank(runs: pd.DataFrame, request: ConfirmationRequest) -> list[Configuration]:
    """Order the configurations of the study; refuse one in which nothing was chosen, or on several data sets."""
    named = f"experiment '{printable(request.experiment)}'"
    if not len(runs):
        raise ConfigError(f"{named} has no such runs: there is nothing to confirm; sweep first, or change --filter")
    if len(filters := write_filters(runs)) > 1:
        raise ConfigError(
            f"{named} is on several data sets ({join_words([*filters])}), and which is best depends on them: confirm "
            f"one, with --filter {quote_argument(next(iter(filters.values())))}"
        )
    ranked = sort_best_first(group_runs(runs, request.metric, by=request.by, failures=request.failures), request.metric)
    if not any(one.counted for one in ranked):
        raise ConfigError(
            f"{named} has no finished run with a {printable(request.metric)}: there is nothing to confirm"
        )
    if len(ranked) == 1 and not request.only:
        raise ConfigError(
            f"{named} has one configuration, so nothing was chosen; its own report says how sure the result is: "
            f"nnsweep report {quote_argument(request.experiment)}"
        )
    return ranked


def _choose_candidates(
    runs: pd.DataFrame, ranked: Sequence[Configuration], request: ConfirmationRequest
) -> tuple[list[Configuration], int]:
    """Give the named configurations, or the choice and what is not clearly worse than the best, and how many more."""
    if request.only:
        wanted = [find_configuration(runs, ranked, label) for label in dict.fromkeys(request.only)]
        return [one for one in ranked if one in wanted], 0
    judged = judge(runs, request.metric, by=request.by, confidence=request.confidence, failures=request.failures)
    possible = judged["label"][~judged["verdict"].isin([WORSE, NEVER_FINISHED])]
    by_label = {one.label: one for one in ranked}
    candidates = [by_label[label] for label in dict.fromkeys([judged.attrs["chosen"], *possible])]
    return candidates[: request.most], len(candidates[request.most :])


def train_confirmation(planned: Confirmation, display: "Display") -> "SweepResult":
    """Train the jobs that have no result yet; with ``dry_run``, only say which."""
    from nnsweep.jobs.executors import ProcessExecutor
    from nnsweep.jobs.sweep import run_sweep
    from nnsweep.results.plots import draw_job

    tasks = planned.jobs.tasks
    folder = tasks[0].place.folder.parent
    return run_sweep(tasks, executor=ProcessExecutor(tasks, draw_job), folder=folder, display=display)


def compare_with_study(planned: Confirmation, result: "SweepResult") -> pd.DataFrame:
    """Lay what the new seeds say beside what the study said; see `confirm`."""
    request = planned.request
    if request.dry_run:
        chosen = [(one.label, one.mean, len(one.units)) for one in planned.candidates]
        table, sentences = pd.DataFrame(chosen, columns=["label", "study", "n_study"]), []
    else:
        runs, options = _read_confirming_runs(planned, result), {"confidence": request.confidence}
        table = compare_confirmation(planned.candidates, runs, request.metric, failures=request.failures, **options)
        seeds = f"{count(len(planned.jobs.seeds), 'new seed')} ({planned.jobs.seeds[0]} to {planned.jobs.seeds[-1]})"
        sentences = describe_confirmation(planned.candidates[0], table, seeds, request.metric, **options)
    table.attrs |= {
        "sentences": sentences,
        "experiment": planned.experiment,
        "sweep": result.sweep,
        "store": mask_secrets(result.uri),
        "seeds": [*planned.jobs.seeds],
    }
    return table


def _read_confirming_runs(planned: Confirmation, result: "SweepResult") -> pd.DataFrame:
    """Read the runs of a confirmation, each with the candidate that it is of; some jobs may have left no run."""
    recorded = read_records(find_experiment(result.experiment, result.uri), result.sweep)
    records = [*recorded, *(record for record in result.records if not record.run_id)]
    records = [record for record in records if record.key in planned.jobs.labels]
    return frame(records).assign(**{CANDIDATE: [planned.jobs.labels[record.key] for record in records]})


def describe_confirmation_of(experiment: str, filter: str, uri: str | None) -> tuple[str, str]:
    """Say in a sentence on which seeds a study's candidates were trained again, and where.

    Returns
    -------
    sentence, confirmed_in : str
        And the experiment with the confirming runs; both are empty if there are none.
    """
    name = name_confirmation(experiment)
    try:
        store = find_store_if_any(resolve_uri(uri, Path.cwd()), name)
        runs = None if store is None else narrow_runs(frame(read_records(store)), filter=filter)
    except ConfigError:  # it was deleted, or has no such column
        runs = None
    finished = [] if runs is None else plain(runs["seed"][runs["state"] == "finished"])
    if not finished:
        return "", ""
    seeds, runs_in_all = count(len(set(finished)), "new seed"), count(len(finished), "run")
    return f"Candidates were trained again on {seeds} ({runs_in_all}), in the experiment {printable(name)}.", name
