"""What it costs to record a run: processor time of nnsweep's rows, beside MlflowClient writing the same.

Both write runs of 27 settings, 15 tags and 18 values into SQLite files of their own, in one process; nnsweep's name
their data, too. Run: python experiments/speed/recording.py
"""

import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from mlflow.entities import Metric, Param

from nnsweep.tracking.backend import RunEntry, find_backend
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.record import Point
from nnsweep.tracking.store import prepare_store

PARAMS = {f"group.setting_{number}": str(number / 7) for number in range(27)}
TAGS = {f"nnsweep.tag_{number}": "x" * 40 for number in range(14)} | {"mlflow.user": "ada"}
METRICS = [Point("test_accuracy", number / 18, number) for number in range(9)]
METRICS += [Point(f"metric_{number}", number / 3) for number in range(9)]
BATCH, ROUNDS = 100, 7


def entry() -> RunEntry:
    """Make a run that has ended."""
    now = int(time.time() * 1000)
    return RunEntry(
        run_id=uuid.uuid4().hex,
        name="run",
        tags=TAGS,
        params=PARAMS,
        metrics=METRICS,
        dataset=("digits", "d" * 36, "scikit-learn"),
        status="FINISHED",
        start_time=now - 5,
        end_time=now,
        is_new=True,
    )


def seconds_a_run(write: Callable[[], None]) -> float:
    """Give the processor time of a run: the median of several batches, after one that does not count."""
    times = []
    for _ in range(1 + ROUNDS):
        started = time.process_time()
        write()
        times.append((time.process_time() - started) / BATCH)
    return statistics.median(times[1:])


def main() -> None:
    """Measure both, and say what came out."""
    with tempfile.TemporaryDirectory() as folder:
        ours = prepare_store(f"sqlite:///{Path(folder) / 'ours.db'}", "study")
        theirs = prepare_store(f"sqlite:///{Path(folder) / 'theirs.db'}", "study")
        asked = open_client(theirs.uri)

        def with_client() -> None:
            for _ in range(BATCH):
                run_id = asked.create_run(theirs.experiment_id, tags=TAGS, run_name="run").info.run_id
                metrics = [Metric(point.name, point.value, 0, point.step) for point in METRICS]
                asked.log_batch(run_id, metrics, [Param(*param) for param in PARAMS.items()])
                asked.set_terminated(run_id)

        def as_rows() -> None:
            find_backend(ours.uri).record_runs(ours.experiment_id, [entry() for _ in range(BATCH)])

        mine, mlflows = seconds_a_run(as_rows), seconds_a_run(with_client)
    print(f"a run: {1000 * mine:.2f} ms as rows, {1000 * mlflows:.1f} ms by MlflowClient, {mlflows / mine:.0f} times")


if __name__ == "__main__":
    main()
