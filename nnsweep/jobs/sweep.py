"""A sweep, from its jobs to its table, in one way for the command line, Hydra and Python, and for every launcher.

It resumes wherever an earlier sweep with the same jobs was left. While it runs, a line is printed when the store goes
away and when it is back.
"""

import importlib
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nnsweep.data.load import OWN
from nnsweep.errors import StoreError, UserError, machines
from nnsweep.jobs import interrupt
from nnsweep.jobs.display import Display
from nnsweep.jobs.executors import Executor
from nnsweep.jobs.journal import Journal
from nnsweep.jobs.outage import report_outages
from nnsweep.jobs.outcome import SweepResult, collect_records, has_failed, make_unrun_record
from nnsweep.jobs.plan import Plan, PlanRequest, find_distinct_jobs, make_plan
from nnsweep.jobs.progress import Progress
from nnsweep.jobs.recorder import Recorder
from nnsweep.jobs.result import Died, Ended, Event, identify_attempt
from nnsweep.jobs.sweep_folder import make_sweep_folder, write_plan
from nnsweep.jobs.task import Task
from nnsweep.jobs.worker import forget_datasets, log_into_folders
from nnsweep.text import warn
from nnsweep.tracking import owner, sqlite
from nnsweep.tracking.answers import ask_again
from nnsweep.tracking.owner import hold_runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import check_store, resolve_uri

if TYPE_CHECKING:
    from nnsweep.jobs.summary import Closing, SweepEnd

LOOKS_EVERY = 1.0
"""Seconds between two looks at the jobs of other sweeps that this one waits for."""


def run_sweep(
    tasks: Sequence[Task],
    *,
    executor: Executor,
    folder: Path,
    display: Display,
    configuration: str | None = None,
    notes: Sequence[str] = (),
    command: str = "",
) -> SweepResult:
    """Train every job that has no result yet, and show what won.

    Parameters
    ----------
    tasks : sequence of Task
        All jobs of a grid, checked.
    executor : Executor
        What trains them.
    folder : Path
        The sweep's folder; its name is the sweep's id.
    display : Display
        What is printed while the sweep runs.
    configuration : str or None
        Hydra's configuration of the sweep, to be left in the folder; None if Hydra has left its own.
    notes : sequence of str
        Remarks on the grid, which are printed with the plan.
    command : str
        The command that has asked for the sweep, to be recorded.

    Returns
    -------
    SweepResult
        Returned even if jobs failed, the sweep was interrupted, or the store lacks some records.

    Raises
    ------
    UserError
        Before the first job, if the data or the store cannot be used.
    """
    request = replace(_make_request(tasks, folder), command=command)
    distinct = {job.number: tasks[job.number] for job in request.jobs}
    result = SweepResult(sweep=folder.name, uri=request.uri, experiment=request.experiment, tasks=distinct, notes=notes)
    display.show_data(tasks)
    if request.look_only:
        plan = make_plan(request)
        display.show_plan(plan, distinct, executor, n_jobs=len(tasks), notes=notes, jobs=True)
        return replace(result, plan=plan.decisions)
    with hold_runs(request.uri, beats=True) as held, Journal(folder) as journal:
        request = replace(request, owner=held.owner)
        with make_sweep_folder(folder, configuration):
            plan = make_plan(request)
        assert plan.store is not None
        recorder = Recorder(plan.store, journal)
        held.beat_in(plan.store, plan.run_id)
        seconds = display.show_plan(plan, distinct, executor, n_jobs=len(tasks), notes=notes)
        progress = Progress([number for number, each in plan.decisions.items() if each.action != "reuse"], seconds)
        training = _Training(distinct, replace(request, run_id=plan.run_id), executor, recorder, progress)
        with display.show_progress(progress), report_outages(request.uri) as outage:
            training.run(plan, display)
        end = training.make_end(is_away=outage.is_away)
        display.show_table(end)
        closing = training.close(end)
    display.show_places(end, has_view=closing.has_view)
    return replace(result, records=end.records, problem=closing.problem, interruption=training.interruption)


def _make_request(tasks: Sequence[Task], folder: Path) -> PlanRequest:
    """Check the store, load all data, and collect what a plan is made for."""
    job = tasks[0].job
    uri = resolve_uri(job.tracking.uri, Path.cwd())
    check_store(uri, job.tracking.artifact_root)
    if any(task.job.data.name in OWN for task in tasks):
        forget_datasets()
    return PlanRequest(
        uri=uri,
        experiment=job.tracking.experiment,
        artifact_root=job.tracking.artifact_root,
        jobs=find_distinct_jobs(tasks),
        rerun=job.rerun,
        owner=owner.this_process(),
        folder=folder,
        look_only=job.dry_run,
    )


def _import_modules(names: Sequence[str]) -> None:
    with suppress(Exception):  # whoever needs what cannot be imported says so
        for name in names:
            importlib.import_module(name)


class _Training:
    """The jobs of a sweep from its plan to their records: launched, retried, and awaited if another sweep runs them."""

    def __init__(
        self,
        tasks: Mapping[int, Task],
        request: PlanRequest,
        executor: Executor,
        recorder: Recorder,
        progress: Progress,
    ) -> None:
        self._tasks, self._request, self._executor, self._recorder = tasks, request, executor, recorder
        self._progress = progress
        self._job = next(iter(tasks.values())).job  # its operational settings are those of all
        self._launched: list[Task] = []
        self._records: dict[int, RunRecord] = {}
        self._is_broken_off = False
        self._importing: threading.Thread | None = None
        self.interruption: KeyboardInterrupt | None = None

    def run(self, plan: Plan | None, display: Display) -> None:
        """Run this sweep's jobs; then wait for those that other sweeps hold, and run what these leave unfinished."""
        while plan is not None:
            self._launch(self._take_over(plan))
            decisions = plan.decisions
            waiting = [job for job in self._request.jobs if decisions[job.number].action == "wait"]
            if not waiting or self._has_ended:
                return
            display.show_waits(plan, self._request.rerun)
            since = {job.key: decisions[job.number].since for job in waiting}
            self._request = replace(self._request, jobs=waiting, waited={**since, **self._request.waited})
            plan = self._plan_again()

    @property
    def _has_ended(self) -> bool:
        return self._is_broken_off or self.interruption is not None

    def _take_over(self, plan: Plan) -> list[Task]:
        """Take over the records that are reused, and return the jobs that this sweep runs."""
        distinct, owner_tag = {job.number: job for job in self._request.jobs}, self._request.owner.tag()
        to_run = []
        for number, decision in plan.decisions.items():
            place = self._tasks[number].place
            if decision.action == "reuse" and decision.record:  # it gets the job's number and name in this sweep
                settings = dict(distinct[number].settings)
                self._records[number] = replace(decision.record, job=number, name=place.name, settings=settings)
                self._progress.add(number, self._records[number])
            elif decision.action == "run":
                place = replace(
                    place,
                    attempt=decision.attempt,
                    checkpoint=decision.checkpoint,
                    key=distinct[number].key,
                    owner=owner_tag,
                )
                to_run.append(replace(self._tasks[number], place=place))
        return to_run

    def _plan_again(self) -> Plan | None:
        """Wait, and plan again for the jobs that are left; None if the user interrupts or the store stays away."""
        until = time.monotonic() + self._job.tracking.patience
        try:
            while True:
                time.sleep(LOOKS_EVERY)
                try:
                    return make_plan(self._request)
                except StoreError as error:
                    if time.monotonic() > until:
                        warn(str(error))
                        return None
                    ask_again(self._request.uri)
        except KeyboardInterrupt as interruption:
            self.interruption = interruption
            return None

    def _launch(self, to_run: Sequence[Task]) -> None:
        """Launch jobs, and retry those that fail, as often as `retries` allows."""
        request, retries = self._request, self._job.retries
        for retry in range(1, retries + 2):
            if not to_run:
                return
            self._launched += to_run
            write_plan(request.folder, self._launched, request.owner, sqlite.find_database_file(request.uri))
            self._recorder.hold()
            try:
                with interrupt.announce_interruption():
                    for event in self._executor.run(to_run, lambda: self._is_broken_off):
                        self._record(event)
                        self._import_ahead()
            except KeyboardInterrupt as interruption:
                self.interruption = interruption
            self._records |= self._recorder.give_up(collect_records(to_run, self._recorder.ended))
            if self._has_ended or retry > retries:
                return
            failed = [task for task in to_run if self._records[task.place.number].state == "failed"]
            for task in failed:
                record = self._records[task.place.number]
                again = f"trying again, {retry} of {retries}"
                warn(f"job {record.job} ({record.name}) failed: {record.reason}; {again}")
            to_run = [replace(task, place=replace(task.place, attempt=task.place.attempt + 1)) for task in failed]

    def _record(self, event: Event) -> None:
        """Record an event; after the first failure, break off if the sweep is set to fail fast."""
        results = event.results if isinstance(event, Ended) else ()
        tasks = [self._tasks[result.kept.record.job] for result in results]
        logs = [result.folder / task.log for result, task in zip(results, tasks, strict=True) if not task.has_own_log]
        with log_into_folders(logs, "nnsweep"):
            self._recorder.take(event)
        attempts = [identify_attempt(result.kept.record) for result in results]
        if isinstance(event, Died):
            attempts += event.attempts
        for attempt in attempts:
            outcome = self._recorder.ended[attempt]
            self._progress.add(attempt[0], outcome if isinstance(outcome, RunRecord) else None)
        has_failure = any(has_failed(self._recorder.ended[attempt]) for attempt in attempts)
        self._is_broken_off |= has_failure and self._job.fail_fast

    def _import_ahead(self) -> None:
        """Begin to import what the end needs, once the first network trains, if this process only waits meanwhile."""
        if self._importing or not self._executor.trains_elsewhere:
            return
        modules = ["nnsweep.jobs.summary"]
        modules += ["nnsweep.results.plots.pictures"] if self._draws else []
        modules += ["nnsweep.jobs.model_card", "scipy.special"] if self._job.tracking.models != "none" else []
        self._importing = threading.Thread(target=_import_modules, args=[modules], name="nnsweep-import")
        with suppress(RuntimeError):  # the system lets this user have no more threads: all is imported at the end
            self._importing.start()

    @property
    def _draws(self) -> bool:
        """Whether pictures are drawn: not without a new run, nor in the folder of a job, which has its own."""
        has_own_folder = all(task.place.folder != self._request.folder for task in self._tasks.values())
        draws = bool(self._launched) if self._job.tracking.pictures is None else self._job.tracking.pictures
        return has_own_folder and draws

    def make_end(self, *, is_away: bool) -> "SweepEnd":
        """Gather what the sweep has come to; `is_away` tells that the store is away, and that the user knows."""
        from nnsweep.jobs.summary import SweepEnd  # it imports pandas, which only tables need

        job, folder = self._job, self._request.folder
        return SweepEnd(
            records=[self._records.get(number) or make_unrun_record(task) for number, task in self._tasks.items()],
            store=self._recorder.store,
            folder=folder,
            run_id=self._request.run_id,
            patience=0.0 if self.interruption else job.tracking.patience,
            told_away=is_away,
            picture=self._draws and not self.interruption,
            interrupted=self.interruption is not None,
            models=job.tracking.models,
            owner=self._request.owner,
        )

    def close(self, end: "SweepEnd") -> "Closing":
        """Write the summary to the store and the sweep's folder, and return how that went."""
        from nnsweep.jobs.summary import Closing, close_sweep, describe_removal

        if problem := describe_removal(end):
            return Closing(problem)
        try:
            closing = close_sweep(end)
            self._recorder.close()
            return closing
        except (UserError, OSError) as error:
            return Closing(str(machines(error) or error))
