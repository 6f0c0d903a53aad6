"""A sweep, from its jobs to its table: the one way that the command line, Hydra and Python go.

It is the same for every launcher, and goes on from wherever an earlier sweep with the same jobs was left.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nnsweep.data.load import OWN
from nnsweep.errors import ConfigError, StoreError, UserError, machines
from nnsweep.files import whole_file
from nnsweep.jobs import interrupt, names
from nnsweep.jobs.display import Display
from nnsweep.jobs.executors import Executor
from nnsweep.jobs.job import Job
from nnsweep.jobs.journal import Journal
from nnsweep.jobs.outage import told_outages
from nnsweep.jobs.outcome import SweepResult, collect_records, has_failed, make_unrun_record
from nnsweep.jobs.plan import Decision, DistinctJob, Plan, PlanRequest, find_distinct_jobs, make_plan
from nnsweep.jobs.recorder import Recorder
from nnsweep.jobs.result import Died, Ended, Event, identify_attempt
from nnsweep.jobs.task import Task
from nnsweep.jobs.tasks import write_plan
from nnsweep.jobs.worker import forget_datasets, log_into_folders
from nnsweep.text import mask_secrets, warn
from nnsweep.tracking import owner, sqlite
from nnsweep.tracking.client import ask_again
from nnsweep.tracking.holding import hold_runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import check_store, resolve_uri

if TYPE_CHECKING:
    from nnsweep.jobs import summary


LOOKS_EVERY = 1.0
"""Seconds between two looks at what somebody else is at work on."""


def run_sweep(
    tasks: Sequence[Task],
    *,
    executor: Executor,
    folder: Path,
    display: Display,
    configuration: str | None = None,
    notes: Sequence[str] = (),
) -> SweepResult:
    """Train every job that has no result yet, and say what won.

    Parameters
    ----------
    tasks : sequence of Task
        All jobs of a grid, checked.
    executor : Executor
        Who does the work.
    folder : Path
        The sweep's folder; its name is the sweep's id.
    display : Display
        What is told while it goes on.
    configuration : str or None
        Hydra's configuration of the sweep, to be left in the folder; None if Hydra has left what there is.
    notes : sequence of str
        What the plan says of the grid, besides what becomes of its jobs.

    Returns
    -------
    SweepResult
        Also if jobs failed, if the sweep was interrupted, or if the store does not have everything.

    Raises
    ------
    UserError
        Before the first job, if the data or the store cannot be used.
    """
    asked = _ask(tasks, folder)
    distinct_tasks = {job.number: tasks[job.number] for job in asked.jobs}
    told = SweepResult(sweep=folder.name, uri=asked.uri, experiment=asked.experiment, tasks=distinct_tasks, notes=notes)
    display.show_data(tasks)
    if asked.look_only:
        plan = make_plan(asked)
        display.show_plan(plan, distinct_tasks, executor, n_jobs=len(tasks), notes=notes, jobs=True)
        return replace(told, plan=plan.choices)
    with hold_runs(asked.uri, beats=True) as held, Journal(folder) as journal:
        asked = replace(asked, owner=held.owner)
        with _new_folder(folder, configuration):
            plan = make_plan(asked)
        assert plan.store is not None
        recorder = Recorder(plan.store, journal)
        training = _Training(distinct_tasks, replace(asked, run_id=plan.run_id), executor, recorder)
        held.beat_in(plan.store, plan.run_id)
        display.show_plan(plan, distinct_tasks, executor, n_jobs=len(tasks), notes=notes)
        with display.show_progress(folder, len(distinct_tasks)), told_outages(asked.uri) as outage:
            training.run(plan, display)
        display.show_table(training.ended, folder.name)
        summary = training.record_summary(told_away=outage.is_away)
    display.show_places(training.ended, plan.store, folder.name, has_view=summary.has_view)
    return replace(told, records=training.ended, problem=summary.problem, interruption=training.interruption)


def _ask(tasks: Sequence[Task], folder: Path) -> PlanRequest:
    """Load all data, and say what has to be planned."""
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


@contextlib.contextmanager
def _new_folder(folder: Path, configuration: str | None) -> Iterator[None]:
    """Make the sweep's folder for the block; if that does not succeed, leave nothing behind."""
    made = [path for path in (folder, *folder.parents) if not path.exists()][-1:]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"hydra.sweep.dir={folder}: cannot be written ({error.strerror}); choose another") from error
    try:
        if configuration is not None:
            with whole_file(folder / "multirun.yaml") as file:
                file.write(mask_secrets(configuration).encode())
        yield
    except BaseException:
        for path in made:
            shutil.rmtree(path, ignore_errors=True)
        raise


class _Training:
    """The jobs of a plan on their way: launched, tried again, and waited for where others are at them."""

    def __init__(
        self,
        tasks: Mapping[int, Task],
        asked: PlanRequest,
        executor: Executor,
        recorder: Recorder,
    ) -> None:
        self._tasks, self._asked, self._executor, self._recorder = tasks, asked, executor, recorder
        self._launched: list[Task] = []
        self._records: dict[int, RunRecord] = {}
        self._broken_off = False
        self.interruption: KeyboardInterrupt | None = None

    @property
    def ended(self) -> list[RunRecord]:
        """What became of each job, in the order of the grid."""
        return [self._records.get(number) or make_unrun_record(task) for number, task in self._tasks.items()]

    def run(self, plan: Plan, display: Display) -> None:
        """Run what is this sweep's to run; then wait for what is others', and run what they leave."""
        while True:
            for number, choice in plan.choices.items():
                if choice.action == "reuse" and choice.record:
                    self._records[number] = _taken_over(self._tasks[number], choice.record)
            self._launch(self._to_run(plan))
            waiting = [job for job in self._asked.jobs if _is_awaited(plan, job)]
            if not waiting or self.interruption or self._broken_off:
                return
            display.show_waits(plan, self._asked.rerun)
            since = {job.key: plan.choices[job.number].since for job in waiting}
            self._asked = replace(self._asked, jobs=waiting, waited={**since, **self._asked.waited})
            plan = self._look_again()

    def _look_again(self) -> Plan:
        """Wait for a while, and make_plan what is left."""
        until = time.monotonic() + next(iter(self._tasks.values())).job.tracking.patience
        try:
            while True:
                time.sleep(LOOKS_EVERY)
                try:
                    return make_plan(self._asked)
                except StoreError as error:
                    if time.monotonic() > until:
                        warn(str(error))
                        return Plan(store=None, choices={})
                    ask_again(self._asked.uri)
        except KeyboardInterrupt as interrupted:
            self.interruption = interrupted
            return Plan(store=None, choices={})

    def _to_run(self, plan: Plan) -> list[Task]:
        """Give the jobs that are this sweep's to run, with all that was decided of them."""
        keys = {job.number: job.key for job in self._asked.jobs}
        return [
            _placed(self._tasks[number], choice, keys[number], owner=self._asked.owner.tag())
            for number, choice in plan.choices.items()
            if choice.action == "run"
        ]

    def _launch(self, to_run: Sequence[Task]) -> None:
        """Launch jobs, and those that fail again as often as is wanted."""
        for retry in range(1 + (to_run[0].job.retries if to_run else 0)):
            self._launch_once(to_run)
            failed = [task for task in to_run if self._records[task.place.number].state == "failed"]
            if not failed or self.interruption or self._broken_off:
                return
            to_run = _again(failed, self._records, retry + 1)

    def _launch_once(self, to_run: Sequence[Task]) -> None:
        if not to_run:
            return
        self._launched += to_run
        write_plan(self._asked.folder, self._launched, self._asked.owner, sqlite.find_database_file(self._asked.uri))
        self._recorder.hold()
        try:
            with interrupt.announce_interruption():
                for event in self._executor.run(to_run, lambda: self._broken_off):
                    self._take(event)
        except KeyboardInterrupt as interrupted:
            self.interruption = interrupted
        self._records |= self._recorder.give_up(collect_records(to_run, self._recorder.ended))

    def _take(self, event: Event) -> None:
        """Record what has happened, and break off after the first failure if that is wanted."""
        results = event.results if isinstance(event, Ended) else ()
        tasks = [self._tasks[result.kept.record.job] for result in results]
        logs = [result.folder / task.log for result, task in zip(results, tasks, strict=True) if not task.has_own_log]
        with log_into_folders(logs, "nnsweep"):
            self._recorder.take(event)
        ended = (
            event.attempts if isinstance(event, Died) else [identify_attempt(result.kept.record) for result in results]
        )
        failed = any(has_failed(self._recorder.ended[attempt]) for attempt in ended)
        self._broken_off |= failed and self._launched[0].job.fail_fast

    def _draws_new(self, job: Job) -> bool:
        """Tell whether there is anything to draw that no earlier sweep has drawn, unless that is not wanted."""
        return job.tracking.pictures is None and bool(self._launched)

    def record_summary(self, *, told_away: bool) -> "summary.Closing":
        """Leave the summary in the store, and tell how that went."""
        from nnsweep.jobs import summary  # it makes tables: what it imports is not needed before

        job, folder = next(iter(self._tasks.values())).job, self._asked.folder
        apart = all(task.place.folder != folder for task in self._tasks.values())  # else the job's picture is there
        end = summary.SweepEnd(
            records=self.ended,
            store=self._recorder.store,
            folder=folder,
            run_id=self._asked.run_id,
            patience=0.0 if self.interruption else job.tracking.patience,
            told_away=told_away,
            picture=apart and not self.interruption and (job.tracking.pictures or self._draws_new(job)),
            interrupted=self.interruption is not None,
            models=job.tracking.models,
            owner=self._asked.owner,
        )
        if removed := summary.describe_removal(end):
            return summary.Closing(removed)
        try:
            closed = summary.close_sweep(end)
            self._recorder.close()
            return closed
        except (UserError, OSError) as error:
            return summary.Closing(str(machines(error) or error))


def _is_awaited(plan: Plan, job: DistinctJob) -> bool:
    return job.number in plan.choices and plan.choices[job.number].action == "wait"


def _taken_over(task: Task, record: RunRecord) -> RunRecord:
    """Let the record of an earlier run be told as this sweep tells its jobs."""
    settings = names.flatten_settings(task.job, task.place.chosen)
    return replace(record, job=task.place.number, name=task.place.name, settings=settings)


def _placed(task: Task, choice: Decision, key: str, *, owner: str) -> Task:
    place = replace(
        task.place,
        attempt=choice.attempt,
        checkpoint=choice.checkpoint,
        key=key,
        owner=owner,
    )
    return replace(task, place=place)


def _again(failed: Sequence[Task], records: Mapping[int, RunRecord], retry: int) -> list[Task]:
    if retry > failed[0].job.retries:
        return []
    for task in failed:
        record = records[task.place.number]
        again = f"trying again, {retry} of {task.job.retries}"
        warn(f"job {record.job} ({record.name}) failed: {record.reason}; {again}")
    return [replace(task, place=replace(task.place, attempt=task.place.attempt + 1)) for task in failed]
