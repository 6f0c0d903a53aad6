"""Ray's driver in a process of its own, because Ray kills its driver with the cluster, and prints a lot before.

The sweep sends it jobs and reads their answers through pipes. What it prints goes into a file in the sweep's folder. If
the sweep's process dies, the driver ends as soon as its jobs have ended.
"""

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnsweep.jobs.process_pool import WorkerDied
from nnsweep.jobs.sent_jobs import LauncherGone, run_packed_job

LOG = ".ray.log"
"""The file in the sweep's folder to which Ray's output goes."""
CLOSING_SECONDS = 20.0
"""How long a cluster may take to end."""
_OF_A_CLUSTER = ("NodeDiedError", "LocalRayletDiedError", "RaySystemError", "OwnerDiedError")


class RayDriver:
    """The driver as the sweep sees it; it is started for the first jobs, and again after it has died.

    Parameters
    ----------
    init, remote : mapping
        The arguments of ``ray.init`` and of ``ray.remote``.
    """

    def __init__(self, init: Mapping[str, Any], remote: Mapping[str, Any]) -> None:
        self._settings = (dict(init), dict(remote))
        self._process: subprocess.Popen[bytes] | None = None
        self._is_busy = False

    @property
    def is_there(self) -> bool:
        """Whether the driver runs, and thus presumably has a cluster."""
        return self._process is not None and self._process.poll() is None

    def run(self, jobs: Sequence[bytes], folder: Path) -> list[bytes | Exception]:
        """Run jobs; return what each has sent back, or an exception that says why it has not.

        Parameters
        ----------
        jobs : sequence of bytes
            As `nnsweep.jobs.sent_jobs.pack_jobs` gives them.
        folder : Path
            The sweep's.

        Raises
        ------
        LauncherGone
            If Ray cannot be started.
        """
        process = self._process if self._process and self.is_there else self._start(folder)
        assert process.stdin is not None
        assert process.stdout is not None
        self._is_busy = True
        try:
            pickle.dump([*jobs], process.stdin)
            process.stdin.flush()
            answers = pickle.load(process.stdout)
            self._is_busy = False
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            self.close()
            return [WorkerDied(f"the Ray cluster went away, and its worker process with it (see {LOG})")] * len(jobs)
        if isinstance(answers, str):
            raise LauncherGone(answers)
        if any(isinstance(answer, str) and answer in _OF_A_CLUSTER for answer in answers):
            self.close()
        return [answer if isinstance(answer, bytes) else _explain_death(answer) for answer in answers]

    def _start(self, folder: Path) -> "subprocess.Popen[bytes]":
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # a terminal's Ctrl-C is for the sweep, which asks the jobs to stop
            )
        assert self._process.stdin is not None
        pickle.dump(self._settings, self._process.stdin)
        return self._process

    def close(self) -> None:
        """Let the driver end, and its own cluster with it; jobs that still run have been asked to stop."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._is_busy:
            process.terminate()
        self._is_busy = False
        for pipe in filter(None, (process.stdin, process.stdout)):
            with contextlib.suppress(OSError):  # the process may be dead while data is still in the buffer
                pipe.close()
        try:
            process.wait(CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _explain_death(name: str) -> WorkerDied:
    if name in _OF_A_CLUSTER:
        return WorkerDied(f"the Ray cluster went away, and its worker process with it (ray: {name})")
    why = " (out of memory)" if name == "OutOfMemoryError" else ""
    return WorkerDied(f"its worker process was killed{why} (ray: {name})")


def _serve() -> None:
    """Serve as the driver: read jobs from the sweep, and write their answers."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Ray's output must not get between the answers
    import ray  # type: ignore[import-not-found, unused-ignore]

    init, remote = pickle.load(sys.stdin.buffer)
    run_remotely = None
    while True:
        try:
            jobs = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            if run_remotely is None:
                ray.init(**init)
                run_remotely = ray.remote(**remote)(run_packed_job)
            reply: Any = []  # what each job has sent back, or the name of Ray's error
            for one in [run_remotely.remote(job) for job in jobs]:
                try:
                    reply.append(ray.get(one))
                except ray.exceptions.RayError as error:
                    reply.append(type(error).__name__)
        except Exception as error:  # any error in its arguments or its cluster
            reply = f"Ray cannot be started ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        pickle.dump(reply, answers)
        answers.flush()


if __name__ == "__main__":
    _serve()
