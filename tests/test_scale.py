"""A store of ten thousand runs: planning and exporting stay quick and small. Without the soak, of a tenth of that."""

import re
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.outside import QUICK, begin_python, ended, run

N_MODELS = 50
POINTS = 100
"""Rows of metrics of each run that is made up."""
PLAN_SECONDS, EXPORT_SECONDS, MOST_MEMORY = 10.0, 60.0, 1024**3
SWEEP = ("data=iris", "arch=linear", "trainer.epochs=20", "trainer.evaluate_every=20", "sweep.workers=1", QUICK)


class Full(NamedTuple):
    folder: Path
    n_runs: int


@pytest.fixture(
    scope="module", params=[1_000, pytest.param(10_000, marks=pytest.mark.soak)], ids=["a tenth", "the whole"]
)
def full(request, tmp_path_factory) -> Full:
    """Fill a store: fifty runs are real, all others are made up after them."""
    folder = tmp_path_factory.mktemp("full")
    assert run(folder, *SWEEP, f"seed=range(0,{N_MODELS})").code == 0
    began = time.monotonic()
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        _fill(connection, request.param - N_MODELS)
    size = (folder / "mlflow.db").stat().st_size
    print(f"\n{request.param:,} runs made in {time.monotonic() - began:.1f} s, {size / 1e6:.0f} MB")
    return Full(folder, request.param)


def _fill(connection: sqlite3.Connection, n_runs: int) -> None:
    """Add runs as the real ones are, with keys of their own and longer curves."""
    asked = "SELECT run_uuid FROM tags WHERE key = 'nnsweep.kind' AND value = 'job'"
    models = [run_id for (run_id,) in connection.execute(asked)]
    made = [(uuid.uuid4().hex, models[number % len(models)]) for number in range(n_runs)]
    connection.execute("CREATE TEMP TABLE made (new TEXT, model TEXT)")
    connection.executemany("INSERT INTO made VALUES (?, ?)", made)
    for name in ("runs", "params", "tags", "latest_metrics", "metrics"):
        _copy(connection, name)
    connection.execute(
        "UPDATE tags SET value = run_uuid || run_uuid WHERE key = 'nnsweep.key' AND run_uuid IN (SELECT new FROM made)"
    )
    sealed = "key IN ('nnsweep.seal', 'nnsweep.config') AND run_uuid IN (SELECT new FROM made)"
    connection.execute(f"DELETE FROM tags WHERE {sealed}")  # these keys are invented
    step = "WITH RECURSIVE steps(step) AS (SELECT 1000 UNION ALL SELECT step + 1 FROM steps WHERE step < ?) "
    rows = "SELECT 'train_cost', 0.5, 0, new, step, 0 FROM made, steps"
    columns = "(key, value, timestamp, run_uuid, step, is_nan)"
    connection.execute(f"{step} INSERT INTO metrics {columns} {rows}", (1000 + POINTS - 1,))


def _copy(connection: sqlite3.Connection, name: str) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
    listed = ", ".join(columns)
    chosen = ", ".join("made.new" if column == "run_uuid" else f"{name}.{column}" for column in columns)
    connection.execute(
        f"INSERT INTO {name} ({listed}) SELECT {chosen} FROM made JOIN {name} ON {name}.run_uuid = made.model"
    )


class Measured(NamedTuple):
    code: int
    out: str
    err: str
    seconds: float  # of the processor: others may be at work
    peak: int


_MEASURING = """
import re, sys, time
from nnsweep.cli.main import main
code = main(sys.argv[1:])
with open("/proc/self/status") as status:
    peak = int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read())[1])
print(f"used={time.process_time()},{peak * 1024}", file=sys.stderr)
sys.exit(code)
"""
"""The peak is this program's own: ``ru_maxrss`` is never below what the process that started it had."""


def measured(folder: Path, *arguments: str) -> Measured:
    """Run the program; measure how long it takes, and the most memory that it has."""
    began = time.monotonic()
    said = ended(begin_python(folder, "-c", _MEASURING, *arguments))
    found = re.search(r"used=([\d.]+),(\d+)\n", said.err)
    assert found is not None, said.err
    took = Measured(said.code, said.out, said.err.replace(found[0], ""), float(found[1]), int(found[2]))
    passed = time.monotonic() - began
    print(f"\n{arguments[0]}: {took.seconds:.1f} s ({passed:.1f} s passed), {took.peak / 1e6:.0f} MB")
    return took


def test_a_grid_half_of_which_is_known_is_planned_quickly(full):
    planned = measured(full.folder, *SWEEP, f"seed=range(0,{2 * N_MODELS})", "dry_run=true")
    assert (planned.code, planned.err) == (0, "")
    assert f"{2 * N_MODELS} jobs: {N_MODELS} finished before, {N_MODELS} new" in planned.out
    assert planned.seconds <= PLAN_SECONDS
    assert planned.peak <= MOST_MEMORY


def test_all_runs_are_exported_quickly(full):
    exported = measured(full.folder, "export", "nnsweep", "--output", "all.csv")
    assert (exported.code, exported.err) == (0, "")
    assert len((full.folder / "all.csv").read_text().splitlines()) == full.n_runs + 1
    assert exported.seconds <= EXPORT_SECONDS
    assert exported.peak <= MOST_MEMORY


@pytest.fixture
def spare(full) -> Iterator[Path]:
    """Give a folder with a copy of the store."""
    folder = full.folder / "spare"
    folder.mkdir()
    shutil.copy(full.folder / "mlflow.db", folder)
    yield folder
    shutil.rmtree(folder)


def test_a_sweep_into_a_full_store_takes_little_longer(spare):
    extended = measured(spare, *SWEEP, f"seed=range(0,{N_MODELS + 5})")
    assert extended.code == 0
    assert f"{N_MODELS} finished before, 5 new" in extended.out
    assert extended.seconds <= 2 * PLAN_SECONDS
    assert extended.peak <= MOST_MEMORY
