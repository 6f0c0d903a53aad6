"""The course of a sweep: every job is checked, a plan is made, what has to be run is launched, and a table comes out.

It is the same for every launcher, and goes on from wherever an earlier sweep with the same jobs was left.
"""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nnsweep import interruption, introduction, preview
from nnsweep.data.load import OWN
from nnsweep.distinct import distinct
from nnsweep.errors import ConfigError, StoreError, UserError, machines
from nnsweep.files import whole_file
from nnsweep.masking import has_credentials, masked
from nnsweep.messages import warn
from nnsweep.outcome import Outcome, Telling
from nnsweep.progress import progress
from nnsweep.sweep import absence, describe, wish
from nnsweep.sweep.crew import Crew, Others
from nnsweep.sweep.grid import write_plan
from nnsweep.sweep.journal import Journal
from nnsweep.sweep.outcomes import not_run, outcomes
from nnsweep.sweep.plan import Choice, Wanted
from nnsweep.sweep.recorder import Recorder
from nnsweep.sweep.settle import Asked, Settled, settle
from nnsweep.sweep.task import Task
from nnsweep.sweep.work import forget
from nnsweep.tracking import owner
from nnsweep.tracking.client import ask_again
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import check, resolved_uri

if TYPE_CHECKING:
    from nnsweep import closing

LOOKS_EVERY = 1.0
"""Seconds between two looks at what somebody else is at work on."""

Records: TypeAlias = dict[int, RunRecord]


@dataclass
class _Course:
    """How far a sweep has come."""

    crew: Crew | Others
    tasks: dict[int, Task]  # the distinct jobs, by their number in the grid
    asked: Asked
    telling: Telling
    notes: Sequence[str]
    recorder: Recorder | None = None  # once there is a store
    launched: list[Task] = field(default_factory=list)
    records: Records = field(default_factory=dict)
    interruption: KeyboardInterrupt | None = None
    broken_off: bool = False
    store_is_away: bool = False  # as the user was told

    @property
    def folder(self) -> Path:
        return self.asked.folder


def run(
    checked: Sequence[Task],
    crew: Crew | Others,
    folder: Path,
    configuration: str | None = None,
    *,
    telling: Telling,
    notes: Sequence[str] = (),
) -> Outcome:
    """Run the jobs of a grid.

    Parameters
    ----------
    checked : sequence of Task
        All of them.
    crew : Crew or Others
        Who does the work.
    folder : Path
        The sweep's folder; its name is the sweep's id.
    configuration : str or None
        Hydra's configuration of the sweep, to be left in the folder; None if Hydra has left what there is.
    telling : Telling
        What is told while it goes on.
    notes : sequence of str
        What the plan says of the grid, besides what becomes of its jobs.

    Returns
    -------
    Outcome
        Also if jobs failed, if the sweep was interrupted, or if the store does not have everything.

    Raises
    ------
    UserError
        Before the first job, if the data or the store cannot be used.
    """
    job = checked[0].job
    uri = resolved_uri(job.tracking.uri, Path.cwd())
    check(uri, job.tracking.artifact_root)
    if has_credentials(uri):
        os.environ["MLFLOW_TRACKING_URI"] = uri  # from where jobs in other processes have it
    crew.begin(checked)
    if any(task.job.data.name in OWN for task in checked):
        forget()
    wanted = distinct(checked)
    introduction.show(checked)
    course = _Course(
        crew=crew,
        tasks={one.number: checked[one.number] for one in wanted},
        asked=Asked(
            uri=uri,
            experiment=job.tracking.experiment,
            artifact_root=job.tracking.artifact_root,
            jobs=wanted,
            rerun=job.rerun,
            owner=owner.this_process(),
            folder=folder,
            look_only=job.dry_run,
        ),
        telling=telling,
        notes=notes,
    )
    if job.dry_run:
        settled = settle(course.asked)
        if telling.plan:
            preview.show(settled, course.tasks, crew=crew, n_jobs=len(checked), notes=notes, jobs=True)
        return replace(_outcome(course), plan=settled.choices)
    settled = _begun(course, configuration, len(checked))
    _run_all(course, settled)
    return _ended(course, settled)


def _begun(course: _Course, configuration: str | None, n_jobs: int) -> Settled:
    """Make folder and store ready, and settle what to do; if that cannot be, leave nothing behind."""
    made = _make_folder(course.folder)
    try:
        if configuration is not None:
            with whole_file(course.folder / "multirun.yaml") as file:
                file.write(masked(configuration).encode())
        settled = settle(course.asked)
    except BaseException:
        for path in made:
            shutil.rmtree(path, ignore_errors=True)
        raise
    if course.telling.plan:
        preview.show(settled, course.tasks, crew=course.crew, n_jobs=n_jobs, notes=course.notes)
    course.asked = replace(course.asked, run_id=settled.run_id)
    assert settled.store is not None
    course.recorder = Recorder(settled.store, Journal(course.folder))
    return settled


def _make_folder(folder: Path) -> list[Path]:
    """Make the sweep's folder; give the uppermost one that was not there, if any."""
    made = [path for path in (folder, *folder.parents) if not path.exists()][-1:]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"hydra.sweep.dir={folder}: cannot be written ({error.strerror}); choose another") from error
    return made


def _run_all(course: _Course, settled: Settled) -> None:
    """Run and wait, while the user sees how far the sweep is, and whether the store is there."""
    watched = progress(course.folder, len(course.tasks), course.telling.progress)
    with watched, absence.told(course.folder, course.asked.uri) as told:
        _run_and_wait(course, settled)
    course.store_is_away = told.is_away


def _run_and_wait(course: _Course, settled: Settled) -> None:
    """Run what is this sweep's to run; then wait for what is others', and run what they leave."""
    while True:
        for number, choice in settled.choices.items():
            if choice.action == "reuse" and choice.record:
                course.records[number] = _taken_over(course.tasks[number], choice.record)
        _launch(course, _to_run(course, settled))
        waiting = [job for job in course.asked.jobs if _is_awaited(settled, job)]
        if not waiting or course.interruption or course.broken_off:
            return
        since = {job.key: settled.choices[job.number].since for job in waiting}
        course.asked = replace(course.asked, jobs=waiting, waited={**since, **course.asked.waited})
        settled = _looked_again(course)


def _is_awaited(settled: Settled, job: Wanted) -> bool:
    return job.number in settled.choices and settled.choices[job.number].action == "wait"


def _taken_over(task: Task, record: RunRecord) -> RunRecord:
    """Let the record of an earlier run be told as this sweep tells its jobs."""
    settings = describe.settings(task.job, task.place.chosen)
    return replace(record, job=task.place.number, name=task.place.name, settings=settings)


def _looked_again(course: _Course) -> Settled:
    """Wait for a while, and settle what is left."""
    until = time.monotonic() + next(iter(course.tasks.values())).job.tracking.patience
    try:
        while True:
            time.sleep(LOOKS_EVERY)
            try:
                settled = settle(course.asked)
                absence.note(course.folder, is_away=False)
                return settled
            except StoreError as error:
                absence.note(course.folder, is_away=True)
                if time.monotonic() > until:
                    warn(str(error))
                    return Settled(store=None, choices={})
                ask_again(course.asked.uri)
    except KeyboardInterrupt as interrupted:
        course.interruption = interrupted
        return Settled(store=None, choices={})


def _to_run(course: _Course, settled: Settled) -> list[Task]:
    """Give the jobs that are this sweep's to run, with all that was settled of them."""
    known = settled.store.experiment_id if settled.store else ""
    keys = {job.number: job.key for job in course.asked.jobs}
    return [
        _placed(course.tasks[number], choice, key=keys[number], experiment_id=known)
        for number, choice in settled.choices.items()
        if choice.action == "run"
    ]


def _placed(task: Task, choice: Choice, *, key: str, experiment_id: str) -> Task:
    place = replace(
        task.place, attempt=choice.attempt, checkpoint=choice.checkpoint, experiment_id=experiment_id, key=key
    )
    return replace(task, place=place)


def _launch(course: _Course, to_run: Sequence[Task]) -> None:
    """Launch jobs, and those that fail again as often as is wanted."""
    for retry in range(1 + (to_run[0].job.retries if to_run else 0)):
        _launch_once(course, to_run)
        failed = [task for task in to_run if course.records[task.place.number].state == "failed"]
        if not failed or course.interruption or course.broken_off:
            return
        to_run = _again(failed, course.records, retry + 1)


def _launch_once(course: _Course, to_run: Sequence[Task]) -> None:
    if not to_run:
        return
    course.launched += to_run
    write_plan(course.folder, course.launched, course.asked.owner)
    assert course.recorder is not None
    ended: Mapping[int, RunRecord | BaseException] = {}
    try:
        with interruption.announced(), absence.noted(to_run[0].place, course.asked.uri):
            ended = course.crew.launch(to_run, course.recorder)
    except KeyboardInterrupt as interrupted:
        course.interruption = interrupted
        wish.ask_to_stop(course.folder)
    course.records |= course.recorder.give_up(outcomes(to_run, ended, course.folder))
    states = [course.records[task.place.number].state for task in to_run]
    course.broken_off = course.broken_off or (to_run[0].job.fail_fast and "failed" in states)


def _again(failed: Sequence[Task], records: Mapping[int, RunRecord], retry: int) -> list[Task]:
    if retry > failed[0].job.retries:
        return []
    for task in failed:
        record = records[task.place.number]
        again = f"trying again, {retry} of {task.job.retries}"
        warn(f"job {record.job} ({record.name}) failed: {record.reason}; {again}")
    return [replace(task, place=replace(task.place, attempt=task.place.attempt + 1)) for task in failed]


def _ended(course: _Course, settled: Settled) -> Outcome:
    """Show the table, leave the summary in the store, and give what became of the sweep."""
    from nnsweep import closing, summary  # they make tables: what they import is not needed before

    assert settled.store is not None
    records = [course.records.get(number) or not_run(task) for number, task in course.tasks.items()]
    if course.telling.table:
        summary.show(records, course.folder.name)
    job = next(iter(course.tasks.values())).job
    apart = all(task.place.folder != course.folder for task in course.tasks.values())  # else the job's picture is there
    end = closing.End(
        records=records,
        store=settled.store,
        folder=course.folder,
        run_id=settled.run_id,
        patience=0.0 if course.interruption else job.tracking.patience,
        told_away=course.store_is_away,
        picture=apart and job.tracking.pictures is not False and not course.interruption,
        interrupted=course.interruption is not None,
        models=job.tracking.models,
    )
    ended = _recorded(course, end)
    if course.telling.table:
        summary.show_places(records, settled.store, course.folder.name, has_view=ended.has_view)
    wish.forget(course.folder)
    return replace(_outcome(course), records=records, problem=ended.problem, interruption=course.interruption)


def _outcome(course: _Course) -> Outcome:
    asked = course.asked
    return Outcome(
        sweep=course.folder.name,
        uri=asked.uri,
        experiment=asked.experiment,
        tasks=course.tasks,
        notes=course.notes,
    )


def _recorded(course: _Course, end: "closing.End") -> "closing.Closed":
    """Leave the summary in the store; tell how that went."""
    from nnsweep import closing

    assert course.recorder is not None
    if removed := closing.removed(end):
        return closing.Closed(removed)
    try:
        closed = closing.close(end)
        course.recorder.close()
        return closed
    except (UserError, OSError) as error:
        return closing.Closed(str(machines(error) or error))
