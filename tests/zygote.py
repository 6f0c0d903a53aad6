"""Processes that are forked from one that has imported everything, the zygote: each begins at once.

What a test says of a program seldom depends on how Python starts, and the imports of a sweep take longer than the
sweep. Tests of imports, of namespaces and of variables that libraries read when they are imported need a real start.
"""

import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

PR_SET_PDEATHSIG = 1
MOST_BYTES = 100_000
"""A request has fewer; the longest part is the environment."""
PRELOADED = (
    *("matplotlib.pyplot", "pyarrow.parquet", "scipy.stats", "sklearn.datasets"),
    "uvicorn",  # before MLflow's server, which looks whether it is there
    *("mlflow.cli", "mlflow.server.fastapi_app", "mlflow.store.tracking.sqlalchemy_store"),
    *("nnsweep.cli.main", "nnsweep.jobs.multirun", "nnsweep.jobs.recorder", "nnsweep.tracking.mlflow_backend"),
)
"""What sweeps, commands and MLflow's server import, late or early."""


class ForkedProcess:
    """A process that the zygote has forked, with the methods of `subprocess.Popen` that tests use.

    It leads a session of its own, and reads nothing. What it prints goes to files: reading it never waits.

    Parameters
    ----------
    code : str
        What it runs.
    arguments : sequence of str
        Its command line.
    folder : Path
        Its working folder.
    environment : mapping
        All of its environment.
    log : Path or None
        What it prints is added to this file; None for temporary ones.
    """

    def __init__(
        self, code: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path | None = None
    ) -> None:
        self.args = [code, *arguments]
        self.returncode: int | None = None
        self._files = [tempfile.TemporaryFile("w+") if log is None else log.open("a+") for _ in range(2)]  # noqa: SIM115
        self._printed = ("", "")
        request = {"code": code, "arguments": [*arguments], "folder": str(folder), "environment": {**environment}}
        self._answers, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far_end:
            descriptors = [far_end.fileno(), *(file.fileno() for file in self._files)]
            socket.send_fds(_zygote(), [json.dumps(request).encode()], descriptors)
        self.pid = int(self._answers.recv(64))

    def poll(self) -> int | None:
        """Give its code if it has ended."""
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; give what it has printed."""
        self.wait(timeout)
        return self._printed

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; give its code, as `subprocess.Popen` does."""
        if self.returncode is None:
            self._answers.settimeout(timeout)
            try:
                self.returncode = int(self._answers.recv(64))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
            self._answers.close()
            self._printed = (_read(self._files[0]), _read(self._files[1]))
        return self.returncode


def _read(file: TextIO) -> str:
    """Read all of a file that somebody else has written, and close it."""
    with file:
        file.seek(0)
        return file.read()


@functools.cache
def _zygote() -> socket.socket:
    """Start the zygote of this process; it ends with it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with far:
        command = [sys.executable, "-W", "ignore:starlette.middleware.wsgi", __file__, str(far.fileno())]
        process = subprocess.Popen(command, env=environment, pass_fds=[far.fileno()], stdin=subprocess.DEVNULL)
    atexit.register(process.wait)
    atexit.register(near.close)
    assert near.recv(64) == b"ready"
    return near


def _serve(requests: socket.socket) -> str:
    """Fork a process at each request; this returns in that process, with its code."""
    requests.send(b"ready")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    zygote = os.getpid()
    while True:
        content, descriptors, _, _ = socket.recv_fds(requests, MOST_BYTES, 3)
        if not content:
            os._exit(0)
        if os.fork() == 0:
            _die_with(zygote)
            requests.close()
            return _keep(json.loads(content), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(request: dict, descriptors: Sequence[int]) -> str:
    """Start the process, and tell its end; this returns in that process, with its code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    keeper = os.getpid()
    process = os.fork()
    if process:
        with socket.socket(fileno=descriptors[0]) as answers:
            _, status = os.waitpid(process, 0)
            answers.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    _die_with(keeper)
    os.setsid()
    os.write(descriptors[0], str(os.getpid()).encode())
    for number, descriptor in enumerate(descriptors[1:], 1):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["nnsweep", *request["arguments"]]
    return str(request["code"])


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has died meanwhile
        os._exit(0)


if __name__ == "__main__":
    _die_with(os.getppid())
    for name in PRELOADED:
        importlib.import_module(name)
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()
    exec(_serve(socket.socket(fileno=int(sys.argv[1]))), {"__name__": "__main__"})
