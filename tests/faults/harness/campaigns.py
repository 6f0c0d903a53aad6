"""Campaigns: one fault after another, two at a time, and what came of each."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import oracle
from harness.faults import Fault
from harness.known import name_of
from harness.programs import Ended, Programs, orphans

AT_ONCE = 2
QUICK = ["-m", "data=iris", "arch=linear,shallow", "trainer.epochs=3", "checkpoint_every=1", "tracking.pictures=false"]
"""A sweep of two quick jobs, one stack each."""


@dataclass
class Trial:
    """One fault, and everything that was not as promised afterwards."""

    what: str
    problems: list[str] = field(default_factory=list)
    temporary: list[str] = field(default_factory=list)

    def told(self) -> str:
        return f"{self.what}:\n    " + "\n    ".join(self.problems)


@dataclass
class Campaign:
    """All trials of a test."""

    trials: list[Trial]
    seconds: float

    @property
    def wrong(self) -> list[Trial]:
        """Those with problems that nothing known explains."""
        return [trial for trial in self.trials if any(name_of(problem) is None for problem in trial.problems)]

    def known(self) -> dict[str, int]:
        """Count the trials that met each fault that is known."""
        names = [name for trial in self.trials for name in {name_of(problem) for problem in trial.problems} if name]
        names += ["temporary files left" for trial in self.trials if trial.temporary]
        return dict(Counter(names))

    def told(self) -> str:
        """Say what was not as promised."""
        return f"{len(self.wrong)} of {len(self.trials)} trials:\n" + "\n".join(trial.told() for trial in self.wrong)


def campaign(trial: Callable[[Any], Trial], points: Sequence[Any]) -> Campaign:
    """Make all trials."""
    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        trials = list(pool.map(trial, points))
    return Campaign(trials, time.monotonic() - started)


class Studies:
    """Working folders, and what undisturbed runs leave in them."""

    def __init__(self, programs: Programs, ready_store: Path, place: Path) -> None:
        self.programs, self._ready_store, self._place = programs, ready_store, place
        self._undisturbed: dict[tuple[str, ...], tuple[Ended, dict[str, Any]]] = {}

    def new(self, *, ready: bool = True) -> Path:
        """Make a working folder, with a store that is ready or none."""
        folder = Path(tempfile.mkdtemp(dir=self._place))
        if ready:
            shutil.copy(self._ready_store, folder / "mlflow.db")
        return folder

    def fill(self, folder: Path) -> None:
        """Copy the store that is ready to another place."""
        shutil.copy(self._ready_store, folder / "mlflow.db")

    @property
    def store_bytes(self) -> int:
        return self._ready_store.stat().st_size

    def undisturbed(self, command: Sequence[str]) -> tuple[Ended, dict[str, Any]]:
        """Run a command without any fault, once; give how it went, and its table."""
        if tuple(command) not in self._undisturbed:
            folder = self.new()
            ended = self.programs.run(folder, command, watched=True)
            assert ended.code == 0, ended.told()
            table = oracle.table(folder)
            assert table
            assert not oracle.wrong(folder, table) + oracle.temporary_files(folder) + orphans(ended.pid)
            shutil.rmtree(folder)
            self._undisturbed[tuple(command)] = ended, table
        return self._undisturbed[tuple(command)]

    def again(self, folder: Path, command: Sequence[str], trial: Trial) -> Trial:
        """Give the same command again, without any fault, and compare with the undisturbed run."""
        wanted = self.undisturbed(command)[1]
        ended = self.programs.run(folder, command)
        if ended.code:
            trial.problems.append(f"the same command again: {ended.told()}")
        trial.problems += oracle.wrong(folder, wanted) + orphans(ended.pid)
        trial.temporary = oracle.temporary_files(folder)
        if not trial.problems:
            shutil.rmtree(folder)
        return trial

    def killed(self, folder: Path, command: Sequence[str], fault: Fault, trial: Trial) -> Ended:
        """Run a command until it, or a worker of it, is killed; nothing may outlive it, and no traceback be shown."""
        ended = self.programs.run(folder, command, fault=fault)
        trial.what += f" [{ended.label(fault.role, fault.at)}]"
        trial.problems += ended.tracebacks()
        trial.problems += [f"orphan {process}" for process in orphans(ended.pid)]
        return ended
