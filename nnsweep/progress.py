"""The progress of a sweep, on a terminal: jobs done, best so far, time left.

It watches the sweep's folder for ended jobs, so that it works with every launcher; where standard error
is not a terminal it is silent.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nnsweep.messages import visible
from nnsweep.sweep.folder import RECORD, read_record


@contextmanager
def progress(folder: Path, n_jobs: int) -> Iterator[None]:
    """Show a progress bar as long as the block runs.

    Parameters
    ----------
    folder : Path
        The sweep's folder; each job's folder is in it.
    n_jobs : int
        How many jobs there are.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn(compact=True))
    stop = threading.Event()
    with Progress(*columns, console=console, transient=True) as bar:
        watcher = threading.Thread(target=_watch, args=(folder, n_jobs, bar, stop), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()


def _watch(folder: Path, n_jobs: int, bar: Progress, stop: threading.Event) -> None:
    task = bar.add_task("jobs", total=n_jobs)
    seen: set[Path] = set()
    best = ("", 0.0)
    while not stop.wait(0.3):
        for path in set(folder.glob(f"*/{RECORD}")) - seen:
            seen.add(path)
            record = read_record(path.parent)
            if record and record.metrics.get("test_accuracy", 0.0) > best[1]:
                best = (record.name, record.metrics["test_accuracy"])
        told = f"best so far {best[1]:.4f} ({visible(best[0])})" if best[0] else "jobs"
        bar.update(task, completed=len(seen), description=told)
