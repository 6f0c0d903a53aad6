"""Where the time of the main job goes: imports, composing and checking, data, training, store, pictures, the rest.

Runs ``python -m nnsweep -m arch=shallow,wide,deep`` several times, each in a new process and an empty folder,
with a clock around the entrances of each part. What one part does inside another counts for the inner one.

    python experiments/overhead/measure.py 5
"""

import builtins
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

GRID = ("-m", "arch=shallow,wide,deep")
ENTRANCES = {  # part: the functions that lead into it
    "composing and checking": [
        "hydra._internal.config_loader_impl.ConfigLoaderImpl.load_configuration",
        "nnsweep.jobs.tasks.make_tasks",
    ],
    "data": ["nnsweep.jobs.worker.load"],
    "training": ["nnsweep.mlp.stack.Stack._full_batch", "nnsweep.mlp.stack.Stack._minibatches"],
    "store": [
        *(f"nnsweep.tracking.store.{name}" for name in ("prepare_store", "find_store")),
        *(f"nnsweep.tracking.runs.{name}" for name in ("start_runs", "finish_runs", "log_artifacts_of_runs")),
        "nnsweep.tracking.recorded_run.read_histories",
        "nnsweep.tracking.sqlite.gather_statistics",
    ],
    "models": ["nnsweep.jobs.summary._keep_models"],
    "pictures": ["nnsweep.results.plots.draw_job", "nnsweep.jobs.summary.draw_pictures"],
}


def measured() -> dict[str, float]:
    """Run the main job in this process; give the seconds of each part."""
    seconds: dict[str, float] = defaultdict(float)
    inside: list[str] = ["rest"]
    last = time.perf_counter()

    def switch(push: str | None = None) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[inside[-1]] += now - last
        last = now
        if push is None:
            inside.pop()
        else:
            inside.append(push)

    def clocked(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            switch(part)
            try:
                return function(*args, **kwargs)
            finally:
                switch()

        return call

    builtins.__import__ = clocked("imports", builtins.__import__)
    import nnsweep.cli.main
    import nnsweep.jobs.summary
    import nnsweep.jobs.tasks
    import nnsweep.jobs.worker

    for part, names in ENTRANCES.items():
        for name in names:
            owner, _, attribute = name.rpartition(".")
            place = functools.reduce(getattr, owner.split(".")[1:], sys.modules[owner.split(".")[0]])
            setattr(place, attribute, clocked(part, getattr(place, attribute)))
    assert nnsweep.cli.main.main(GRID) == 0
    switch("end")
    return dict(seconds)


def main(repetitions: int) -> None:
    """Print the median seconds and share of each part."""
    runs = []
    for _ in range(repetitions):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, os.path.abspath(__file__), "--once"]
            said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
            runs.append(json.loads(said.stdout.splitlines()[-1]))
    medians = {part: statistics.median(run.get(part, 0.0) for run in runs) for part in runs[0]}
    total = sum(medians.values())
    for part, median in sorted(medians.items(), key=lambda item: -item[1]):
        print(f"{part:<22}{median:7.2f} s {median / total:6.0%}")
    print(f"{'all':<22}{total:7.2f} s")


if __name__ == "__main__":
    if sys.argv[1:] == ["--once"]:
        print(json.dumps(measured()))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
