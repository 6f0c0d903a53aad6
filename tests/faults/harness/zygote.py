"""A process that has imported everything, and forks the program from itself at every request: a run costs a second.

Each request comes by a connection of its own: a JSON line. The answers are the process's number, and how it ended.
A program is the leader of its session, so that everything it ever started can be found and signalled.
Zygote and programs end with who asked for them, though that be killed.
"""

import contextlib
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CLONE_NEWNS = 0x00020000
PR_SET_PDEATHSIG = 1


def main(address: str) -> None:
    """Serve until the parent is gone."""
    _die_with(os.getppid())
    _preload()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    zygote = os.getpid()
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            _die_with(zygote)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            _keep(connection)
            os._exit(0)
        connection.close()


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies, be it killed itself."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it has died meanwhile
        os._exit(0)


def _preload() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import sklearn.datasets  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        _warm_up(folder)


def _warm_up(folder: str) -> None:
    """Run a sweep here, so that whatever is imported late is there; forget what it has opened."""
    from nnsweep.cli.main import main as program
    from nnsweep.jobs.worker import forget_datasets
    from nnsweep.tracking.backend import find_backend
    from nnsweep.tracking.connection import open_client

    here = os.getcwd()
    os.chdir(folder)
    sys.argv = ["nnsweep"]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        code = program(["-m", "data=iris", "seed=0,1", "trainer.epochs=1", "tracking.pictures=false"])
    os.chdir(here)
    assert code == 0
    open_client.cache_clear()
    find_backend.cache_clear()
    forget_datasets()  # a mapped file closes its descriptor, whose number may be another's in a server of workers
    gc.collect()
    gc.freeze()


def _keep(connection: socket.socket) -> None:
    """Start the program and wait for its end."""
    with connection, connection.makefile("rw") as lines:
        request = json.loads(lines.readline())
        keeper = os.getpid()
        process = os.fork()
        if process == 0:
            _die_with(keeper)
            _become(request)
        print(json.dumps({"pid": process}), file=lines, flush=True)
        _, status = os.waitpid(process, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), file=lines, flush=True)


def _become(request: dict[str, Any]) -> None:
    """Be the program; this does not return."""
    code = 1
    try:
        os.setsid()
        _redirect(request["out"], request["err"])
        if request["namespace"]:
            _join(request["namespace"])
        os.chdir(request["folder"])
        os.environ.update(request["environment"])
        if request["largest_file"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"], resource.RLIM_INFINITY))
        if request["most_files"]:
            resource.setrlimit(resource.RLIMIT_NOFILE, (request["most_files"], request["most_files"]))
        code = _called(request)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _called(request: dict[str, Any]) -> int:
    from harness.faults import Fault, Injector

    injector = None
    if request["log"]:
        injector = Injector(Fault(**request["fault"]), request["folder"], request["log"])
    _fork_servers(injector)
    from nnsweep.cli.main import main as program

    sys.argv = ["nnsweep"]
    if request["boot"]:
        _start_anew(request["boot"])
    if request["barrier"]:
        _wait_at(request["barrier"])
    if injector:
        injector.arm()
    code = program(request["arguments"])
    _leave_workers()
    return code


def _start_anew(boot: str) -> None:
    """Believe that the machine has been started anew since; whatever was started before is gone."""
    from nnsweep import flock

    flock.boot = lambda: boot


def _wait_at(barrier: str) -> None:
    """Wait until somebody opens the other end of a named pipe for writing, and closes it."""
    with open(barrier) as end:
        end.read()


def _leave_workers() -> None:
    """Do at the end what an interpreter does."""
    from multiprocessing import util

    util._exit_function()


def _redirect(out: str, err: str) -> None:
    for number, path in ((0, os.devnull), (1, out), (2, err)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(path, flags)
        os.dup2(descriptor, number)
        os.close(descriptor)


def _join(process: int) -> None:
    """See the disks that another process sees."""
    descriptor = os.open(f"/proc/{process}/ns/mnt", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(descriptor)


def _fork_servers(injector: Any) -> None:
    """Let the server of workers be forked from this process, which has all imports, instead of started anew."""
    from multiprocessing import util

    spawn = util.spawnv_passfds

    def forked(path: Any, arguments: Sequence[Any], descriptors: Sequence[int]) -> int:
        command = os.fsdecode(arguments[-1])
        if "multiprocessing.forkserver" not in command:
            return int(spawn(path, arguments, descriptors))
        process = os.fork()
        if process == 0:
            _serve_workers(command, {*descriptors, *([injector.log] if injector else [])}, injector)
        return process

    util.spawnv_passfds = forked


def _serve_workers(command: str, descriptors: set[int], injector: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in descriptors:
            _close(int(name))
    if injector:
        injector.serve()
    try:
        exec(command, {})
    finally:
        os._exit(0)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(sys.argv[1])
