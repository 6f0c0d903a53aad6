"""Programs: nnsweep in processes of their own, forked from the zygote, with faults in them."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.faults import Fault

_LOGGING = re.compile(r"--- Logging error ---.*?\nArguments: [^\n]*", re.DOTALL)
PATIENCE = 120.0
"""Seconds that a program may take before it counts as hung."""


@dataclass(frozen=True)
class Ended:
    """A program that has ended, and every boundary that it and its workers crossed."""

    code: int
    out: str
    err: str
    seconds: float
    pid: int
    boundaries: list[list[str]]

    def counts(self) -> dict[str, int]:
        """Give how many boundaries each process came to, by its role."""
        counts: dict[str, int] = {}
        for _, role, _, _ in self.boundaries:
            counts[role] = counts.get(role, 0) + 1
        return counts

    def label(self, role: str, at: int) -> str:
        """Say what the n-th boundary was."""
        return next((text for _, whose, number, text in self.boundaries if (whose, int(number)) == (role, at)), "none")

    def told(self) -> str:
        """Say in short how it ended."""
        return f"exit {self.code}\n{self.out[-200:]}\n{self.err[:400]} ...\n{self.err[-700:]}"

    def tracebacks(self) -> list[str]:
        """Say what tracebacks were shown: logging's own, which come where a log cannot be written, and others."""
        others = _LOGGING.sub("", self.err)
        told = [f"a traceback of logging: {self.told()}"] if others != self.err else []
        return told + ([f"a traceback: {self.told()}"] if "Traceback" in others else [])


@dataclass
class Program:
    """A program that runs."""

    pid: int
    connection: socket.socket
    place: Path
    started: float = field(default_factory=time.monotonic)

    def send(self, number: int, *, group: bool = False) -> None:
        """Send a signal, to it alone or to all of its process group."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, number)

    def wait(self, seconds: float = PATIENCE) -> Ended:
        """Wait for its end."""
        self.connection.settimeout(seconds)
        try:
            answer = _line(self.connection)
        except TimeoutError:
            self.send(signal.SIGKILL, group=True)
            raise AssertionError(f"it hangs: {self._said('out')}\n{self._said('err')}") from None
        taken = time.monotonic() - self.started
        self.connection.close()
        return Ended(answer["code"], self._said("out"), self._said("err"), taken, self.pid, self._boundaries())

    def said(self) -> str:
        """Give what it has said so far."""
        return self._said("out") + self._said("err")

    def _said(self, name: str) -> str:
        path = self.place / name
        return path.read_text() if path.exists() else ""

    def _boundaries(self) -> list[list[str]]:
        path = self.place / "log"
        return [line.split("\t", 3) for line in path.read_text().splitlines()] if path.exists() else []


def surroundings() -> dict[str, str]:
    """Give the environment that programs are started in."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    environment.pop("MLFLOW_TRACKING_URI", None)
    return environment


class Programs:
    """Starts programs from a zygote."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._address = str(place / "zygote")
        script = Path(__file__).with_name("zygote.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), self._address], stdout=subprocess.PIPE, text=True, env=surroundings()
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def start(
        self,
        folder: Path,
        arguments: Sequence[str],
        *,
        fault: Fault | None = None,
        watched: bool = False,
        environment: Mapping[str, str] | None = None,
        largest_file: int = 0,
        most_files: int = 0,
        namespace: int = 0,
        barrier: str = "",
        boot: str = "",
    ) -> Program:
        """Start a program in a folder.

        Parameters
        ----------
        folder : Path
            Its working folder.
        arguments : sequence of str
            Its command line.
        fault : Fault or None
            What shall happen to it.
        watched : bool
            Whether its boundaries are noted though nothing happens at them.
        environment : mapping or None
            What is added to its environment.
        largest_file, most_files : int
            Limits of the process; 0 for none.
        namespace : int
            A process whose disks it shall see; 0 for none.
        barrier : str
            A named pipe that it waits at.
        boot : str
            Names the start of the machine that it believes to live in; empty for the one that it does.
        """
        place = Path(tempfile.mkdtemp(dir=self._place))
        request = {
            "folder": str(folder),
            "arguments": [*arguments],
            "fault": asdict(fault or Fault()),
            "log": str(place / "log") if fault or watched else "",
            "out": str(place / "out"),
            "err": str(place / "err"),
            "environment": {**(environment or {})},
            "largest_file": largest_file,
            "most_files": most_files,
            "namespace": namespace,
            "barrier": barrier,
            "boot": boot,
        }
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        connection.sendall(json.dumps(request).encode() + b"\n")
        return Program(_line(connection)["pid"], connection, place)

    def run(self, folder: Path, arguments: Sequence[str], **options: object) -> Ended:
        """Run a program to its end."""
        return self.start(folder, arguments, **options).wait()  # type: ignore[arg-type]

    def close(self) -> None:
        """End the zygote."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _line(connection: socket.socket) -> dict[str, int]:
    text = b""
    while not text.endswith(b"\n"):
        read = connection.recv(4096)
        if not read:
            raise AssertionError("the zygote is gone")
        text += read
    return dict(json.loads(text))


@contextlib.contextmanager
def programs() -> Iterator[Programs]:
    """Have a zygote while the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        started = Programs(Path(folder))
        try:
            yield started
        finally:
            started.close()


def left_of(session: int) -> list[str]:
    """Name the processes of a session that are alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            name, _, rest = path.read_text().rpartition(")")
            state, _, _, owner = rest.split()[:4]
            if int(owner) == session and state not in "ZX":
                found.append(f"{name}) {state}")
    return found


def orphans(session: int, seconds: float = 2.0) -> list[str]:
    """Name what is left of a program's processes that many seconds after its end; nothing, as soon as nothing is."""
    until = time.monotonic() + seconds
    while (found := left_of(session)) and time.monotonic() < until:
        time.sleep(0.05)
    return found
