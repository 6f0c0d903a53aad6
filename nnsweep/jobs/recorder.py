"""The recorder: the only writer of a sweep's runs, first into their folders and then into the store.

A result counts once the disk has it. A store that refuses costs the run its place there for now, and not its record.
"""

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nnsweep.errors import StoreError, UserError
from nnsweep.jobs import job_folder, upload
from nnsweep.jobs.checkpoint import remove_checkpoint
from nnsweep.jobs.interrupt import postpone_signals
from nnsweep.jobs.journal import Journal
from nnsweep.jobs.outcome import Outcome
from nnsweep.jobs.result import Attempt, Died, Ended, Event, JobResult, JobStart, Measured, Started, identify_attempt
from nnsweep.tracking import runs
from nnsweep.tracking.record import Point, RunRecord
from nnsweep.tracking.store import Store

log = logging.getLogger(__name__)

SELDOM_SECONDS = 15.0
"""How long live points wait for a store that has refused some."""
LARGEST_SHARE = 0.05
"""Of the time that the recorder may take for live points."""


@dataclass
class _Begun:
    """A run that has begun, and how much of it the store has."""

    start: JobStart
    run_id: str  # empty where the store was away
    pending: list[Point] = field(default_factory=list)
    has_settings: bool = False
    is_unsure: bool = False  # whether points that are sent again may have arrived already


class Recorder:
    """Writes what becomes of the jobs of a sweep.

    Parameters
    ----------
    store : Store
        Where the runs are.
    journal : Journal or None
        Makes results durable; without one, every file of a job's folder is written through by itself.

    Attributes
    ----------
    ended : dict
        The outcome of each job that came to an end: a record, or why there is none.
    """

    def __init__(self, store: Store, journal: Journal | None = None) -> None:
        self.store, self._journal = store, journal
        self.ended: dict[Attempt, Outcome] = {}
        self._begun: dict[Attempt, _Begun] = {}
        self._latest: dict[str, tuple[str, Path]] = {}  # see `job_folder.write_result`
        self._next_live, self._is_refused = 0.0, False  # whether the store has refused the last points
        self._needs_journal = False  # because something waits that is not marked

    def hold(self) -> None:
        """Lock the journal, so that everybody who sees the sweep's folder knows that the sweep is under way."""
        with contextlib.suppress(OSError):  # it is reported when there is something to write
            if self._journal is not None:
                self._journal.hold()

    def take(self, event: Event) -> None:
        """Write down what has happened."""
        match event:
            case Started():
                self.begin(event.starts)
            case Measured():
                self.report(event.points)
            case Ended():
                self.record(event.results)
            case Died():
                self.ended |= dict.fromkeys(event.attempts, event.error)

    def begin(self, starts: Sequence[JobStart]) -> None:
        """Start the runs of some jobs, unless they were started before; if the store refuses, they go without."""
        new = []
        for start in starts:
            if run := self._begun.get(identify_attempt(start.record)):  # its worker has died, and its events come again
                run.pending, run.is_unsure = [], run.is_unsure or run.has_settings
            else:
                new.append(start)
        for start, run_id in zip(new, self._start(new) if new else [], strict=True):
            self._begun[identify_attempt(start.record)] = _Begun(start, run_id)

    def _start(self, starts: Sequence[JobStart]) -> list[str]:
        try:
            return runs.start_runs(self.store, [(start.record.name, start.tags) for start in starts])
        except StoreError as refused:
            log.warning("the runs are recorded in their folders alone, for now: %s", refused)
            return [""] * len(starts)

    def report(self, points: Sequence[tuple[Attempt, Sequence[Point]]]) -> None:
        """Send what networks have measured, less often the longer sending takes; the rest follows with the result."""
        for attempt, measured in points:
            self._begun[attempt].pending += measured
        if time.monotonic() < self._next_live:
            return
        started, pause = time.monotonic(), 0.0
        try:
            for run in self._begun.values():
                if run.pending and run.run_id:
                    self._send_pending(run)
        except StoreError as refused:
            if not self._is_refused:
                log.warning("the curves wait: %s", refused)
            self._is_refused, pause = True, SELDOM_SECONDS
        duration = time.monotonic() - started
        self._next_live = time.monotonic() + max(pause, duration / LARGEST_SHARE)

    def _send_pending(self, run: _Begun) -> None:
        points = run.pending
        if run.is_unsure:
            steps = runs.read_steps(self.store, run.run_id)
            points = [point for point in points if point.step not in steps.get(point.name, ())]
        run.is_unsure = True
        settings = None if run.has_settings else run.start.record.settings
        runs.log_values(self.store, run.run_id, points=points, settings=settings)
        run.is_unsure, run.has_settings, self._is_refused = False, True, False
        run.pending = []

    def record(self, results: Sequence[JobResult]) -> list[RunRecord]:
        """Write results down, and then into the store.

        Returns
        -------
        list of RunRecord
            As they are in their folders; that of a job whose result could not be written says so.
        """
        with postpone_signals():
            owned = [
                result.of_run(self._begun[identify_attempt(result.kept.record)].run_id, self.store.experiment)
                for result in results
            ]
            through = not self._write_journal(owned)
            records = self._send([self._write(result, through=through) for result in owned])
            self.ended |= {identify_attempt(record): record for record in records}
            return records

    def _write_journal(self, results: Sequence[JobResult]) -> bool:
        """Write results to the journal at once; False if each job's folder must be written through instead."""
        try:
            if self._journal is not None:
                self._journal.append(results)
        except OSError as error:
            log.warning("the journal cannot be written: %s", error)
            return False
        return self._journal is not None

    def _write(self, result: JobResult, *, through: bool) -> JobResult:
        """Write a job's folder; one whose folder cannot be written has failed."""
        try:
            job_folder.write_result(result, through=through, latest=self._latest)
            if result.kept.record.state != "interrupted":
                remove_checkpoint(result.folder)
        except (OSError, UserError) as error:
            log.exception("the record could not be written")
            result = result.failed(self._begun[identify_attempt(result.kept.record)].start, error)
            try:  # the record of the failure is smaller, and may fit
                job_folder.write_result(result.of_run(result.kept.record.run_id, self.store.experiment))
            except (OSError, UserError):
                self._needs_journal |= self._write_journal([result])
        return result

    def _send(self, results: Sequence[JobResult]) -> list[RunRecord]:
        """Send results to the store at once; if it refuses, one by one, and what it still refuses waits."""
        begun = [(result, self._begun.pop(identify_attempt(result.kept.record))) for result in results]
        is_sent = self._send_together([pair for pair in begun if pair[1].run_id])
        return [result.kept.record if is_sent and run.run_id else self._resend(result) for result, run in begun]

    def _send_together(self, begun: Sequence[tuple[JobResult, _Begun]]) -> bool:
        """Send results of runs that have begun; return whether the store has them all."""
        try:
            runs.log_artifacts_of_runs(
                self.store, dict(upload.list_files(result.folder, result.kept) for result, _ in begun)
            )
            endings = [upload.make_ending(result.kept, [*run.pending, *result.points]) for result, run in begun]
            runs.finish_runs(self.store, endings)
        except (StoreError, OSError) as refused:
            log.warning("what was recorded waits: %s", refused)
            return False
        upload.mark_sent(self.store, [result.folder for result, _ in begun])
        return True

    def _resend(self, result: JobResult) -> RunRecord:
        """Send a result to the run that the store has of it, or to a new one; if that fails, the result waits."""
        try:
            return upload.resend(self.store, result.folder, result.kept)
        except (StoreError, UserError, OSError) as refused:
            log.warning("the record waits in its folder: %s", refused)
        try:
            job_folder.mark_waiting(result.folder)
        except OSError as error:
            log.warning("that it waits can be seen from the journal alone: %s", error)
            self._needs_journal = True
        return result.kept.record

    def give_up(self, records: Mapping[int, RunRecord]) -> dict[int, RunRecord]:
        """End the runs of jobs that left no result, because their worker died or the sweep was broken off.

        Parameters
        ----------
        records : mapping of int to RunRecord
            The last record of some jobs, by any number; those whose result was recorded are left alone.

        Returns
        -------
        dict of int to RunRecord
            The same, with the ids of the runs that were ended.
        """
        ended = dict(records)
        for number, record in records.items():
            run = self._begun.pop(identify_attempt(record), None)
            if run is None or not run.run_id:
                continue
            ended[number] = replace(record, run_id=run.run_id)
            try:
                runs.end_run(self.store, ended[number], settings=record.settings)
            except StoreError as error:
                log.warning("the run stays open: %s", error)
        return ended

    def close(self) -> None:
        """Remove the journal, if everything in it has reached the jobs' folders."""
        if self._journal is None or self._needs_journal:
            return
        with contextlib.suppress(OSError, StoreError):  # the journal stays then, and the next sweep restores from it
            self._journal.close(*upload.find_disks(self.store))
