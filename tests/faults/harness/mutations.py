"""Planted faults: small changes of the product, each with the quick tests of which one must notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """A fault that is planted into a copy of the package.

    Attributes
    ----------
    name : str
        What is wrong then.
    file : str
        Of the package.
    old, new : str
        What stands there once, and what stands there instead.
    tests : str
        Files of tests, of which one must fail, with pytest's ``-k`` after a colon.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str


PLANTED = [
    Planted(
        "the record is not written before it is sent",
        "jobs/recorder.py",
        "            job_folder.write_result(result, through=through, latest=self._latest)\n",
        "            pass\n",
        "tests/jobs/test_job_run.py",
    ),
    Planted(
        "a result counts before the disk has it",
        "jobs/recorder.py",
        "                self._journal.append(results)\n",
        "                pass\n",
        "tests/faults/test_order.py",
    ),
    Planted(
        "files are not written through",
        "files.py",
        "os.fsync(handle.fileno())",
        "pass",
        "tests/faults/test_order.py",
    ),
    Planted(
        "files do not take their name at once",
        "files.py",
        "os.replace(temporary, target)",
        "target.write_bytes(temporary.read_bytes())",
        "tests/faults/test_order.py",
    ),
    Planted(
        "the key does not know the data",
        "jobs/job.py",
        '"data": data_digest,',
        '"data": "",',
        "tests/jobs/test_job.py",
    ),
    Planted(
        "the key does not know the numerics",
        "jobs/job.py",
        "version = NUMERICS_VERSION if numerics is None else numerics",
        "version = 0 if numerics is None else numerics",
        "tests/faults/test_keys.py",
    ),
    Planted(
        "abandoned runs are never closed",
        "jobs/plan.py",
        "closed = upload.close_abandoned_runs(store, running)",
        "closed = upload.close_abandoned_runs(store, [])",
        "tests/faults/test_kill.py:while_resuming",
    ),
    Planted(
        "claims are ignored",
        "jobs/plan.py",
        "known.get(job.key, []), held.get(job.key), rerun",
        "known.get(job.key, []), None, rerun",
        "tests/faults/test_signals.py:briefly_paused",
    ),
    Planted(
        "an interrupted job counts as finished",
        "jobs/plan.py",
        '_ENDED = ("finished", "failed", "diverged")',
        '_ENDED = ("finished", "failed", "diverged", "interrupted")',
        "tests/jobs/test_plan_decisions.py",
    ),
    Planted(
        "a checkpoint lacks the optimizer's memory",
        "mlp/snapshot.py",
        '"n_slots": len(self.slots),',
        '"n_slots": 0,',
        "tests/mlp/test_snapshot.py",
    ),
    Planted(
        "a record's checksum is not compared",
        "jobs/job_folder.py",
        'if read["checksum"] != _checksum(content):',
        "if False:",
        "tests/jobs/test_job_folder.py",
    ),
    Planted(
        "the files of a record are not compared",
        "jobs/job_folder.py",
        "if found != wanted:",
        "if False:",
        "tests/jobs/test_job_folder.py",
    ),
    Planted(
        "a checkpoint of another job is taken",
        "jobs/checkpoint.py",
        'if values["key"] != key:',
        "if False:",
        "tests/jobs/test_checkpoint.py",
    ),
    Planted(
        "the death of a worker counts as success",
        "jobs/sent_jobs.py",
        "failed = isinstance(outcome, BaseException)\n",
        "failed = False\n",
        "tests/jobs/test_executors.py",
    ),
    Planted(
        "a failed job leaves exit code 0",
        "jobs/hydra_job.py",
        "raise SystemExit(ExitCode.FAILED_JOBS)",
        "pass",
        "tests/test_app.py",
    ),
    Planted(
        "what a store says is not masked",
        "tracking/answers.py",
        "mask_secrets(explain_answer(_first_line(error)))[:_LONGEST]",
        "explain_answer(_first_line(error))[:_LONGEST]",
        "tests/tracking/test_answers.py",
    ),
    Planted(
        "a record is marked as sent before it is",
        "jobs/upload.py",
        "    present = runs.read_steps(store, run_id) if found else {}\n",
        "    present = runs.read_steps(store, run_id) if found else {}\n    job_folder.remove_waiting_mark(folder)\n",
        "tests/jobs/test_upload.py",
    ),
    Planted(
        "a record is marked as sent before the disk of the store has it",
        "jobs/upload.py",
        "for disk in find_disks(store) if marked else ():",
        "for disk in ():",
        "tests/jobs/test_upload.py",
    ),
    Planted(
        "files that a power cut has torn stay as they are",
        "jobs/upload.py",
        "if not _has_files(store, found, folder, kept):",
        "if False:",
        "tests/jobs/test_upload.py:torn",
    ),
    Planted(
        "the folders above a journal are not written through",
        "jobs/journal.py",
        "sync_path(self.folder)",
        "pass",
        "tests/jobs/test_journal.py:name",
    ),
    Planted(
        "a record that is sent again makes another run",
        "jobs/upload.py",
        "run_id = found.info.run_id if found else runs.start",
        "run_id = runs.start",
        "tests/faults/test_kill.py:every_tenth",
    ),
    Planted(
        "a process that has another's number counts as it",
        "tracking/owner.py",
        "owner.start != _started(owner.pid)",
        "not _started(owner.pid)",
        "tests/tracking/test_owner.py",
    ),
    Planted(
        "whoever is at work counts as gone",
        "tracking/earlier.py",
        "return owner.is_gone(self.owner, self.since, self.signs)",
        "return True",
        "tests/tracking/test_earlier.py",
    ),
    Planted(
        "workers outlive their parent",
        "jobs/process_pool.py",
        "        threading.Thread(target=_watch_parent, args=(parent, stop), daemon=True).start()\n",
        "        pass\n",
        "tests/jobs/test_process_pool.py",
    ),
    Planted(
        "a second signal is not obeyed",
        "jobs/interrupt.py",
        "    if first and _state.is_awaited:\n        return\n",
        "    if _state.is_awaited:\n        return\n",
        "tests/test_interruption.py",
    ),
    Planted(
        "values that are not finite are sent",
        "tracking/runs.py",
        " if math.isfinite(value)]",
        "]",
        "tests/tracking/test_run.py",
    ),
    Planted(
        "a store is made in its place",
        "tracking/sqlite.py",
        "            _build(database)\n    except",
        "            client(f'{SCHEME}{database}').search_experiments(max_results=1)\n    except",
        "tests/faults/test_creation.py",
    ),
]
