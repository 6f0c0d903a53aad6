"""The duration of a sweep, predicted from its plan to the end of its command.

The training is only a part of it: workers start, results are recorded, and table and pictures are made. All parts were
measured on an idle machine, and take longer where the processor is slower or shared with others; how much longer, this
process knows from what has happened to itself since it started.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nnsweep.jobs.executors import Executor
from nnsweep.jobs.task import Task

RECORD_SECONDS = {"rows": 0.0015, "server": 0.04}
"""Of one run: into a database as rows, or by requests to MLflow's server."""
CLOSE_SECONDS = 0.4
"""Of the table, and of the sweep's own run."""
LIST_SECONDS = 0.0006
"""Of one run in the table."""
DRAW_SECONDS = 1.0
"""Of the pictures, most of it the import of Matplotlib."""
SCHEDSTAT = Path("/proc/thread-self/schedstat")
"""Where Linux tells how many nanoseconds a thread ran, and how many it waited for a processor."""
PROBE_SECONDS = 0.0012
"""Processor time of the probe on the machine of these figures, a server of 2024."""


def predict_duration(executor: Executor, tasks: Sequence[Task]) -> float:
    """Predict how many seconds it takes to train some jobs and to record, tabulate and draw their results.

    Parameters
    ----------
    executor : Executor
        What trains them.
    tasks : sequence of Task
        The jobs that will run, at least one.
    """
    tracking = tasks[0].job.tracking
    record = RECORD_SECONDS["server" if str(tracking.uri).startswith("http") else "rows"]
    end = CLOSE_SECONDS + (0.0 if tracking.pictures is False else DRAW_SECONDS)
    idle = executor.predict(tasks) + len(tasks) * (record + LIST_SECONDS) + end
    return idle * measure_contention() * measure_pace()


def measure_contention() -> float:
    """Tell how much longer this thread has taken than it ran, because others had the processor; 1 if not known.

    The time that it waited of its own accord, for a disk or a person, is not counted.
    """
    try:
        ran, waited, _ = map(int, SCHEDSTAT.read_text(encoding="ascii").split())
    except (OSError, ValueError):  # not Linux, or a kernel without these figures
        return 1.0
    return 1 + waited / ran if ran else 1.0


def measure_pace() -> float:
    """Tell how much processor time a little work takes, as a multiple of that on the machine of our figures."""
    small, large = np.ones((8, 16), np.float32), np.ones((64, 64), np.float32)  # BLAS uses one thread for it
    times = []
    for _ in range(3):
        began = time.thread_time()
        for _ in range(500):
            np.maximum(small, 0.5)
        for _ in range(160):
            large @ large
        times.append(time.thread_time() - began)
    return float(np.median(times)) / PROBE_SECONDS
