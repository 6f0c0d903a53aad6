"""The oracle: what a study's store and folders hold, read without the product, to be compared with an undisturbed one.

Ids, times, attempts, sweep ids and folders may differ; nothing else may.
"""

import io
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet

_RUNS = "SELECT run_uuid, name, status, artifact_uri FROM runs"
_MAY_DIFFER = {"duration_seconds"}


@dataclass(frozen=True)
class Run:
    """A run of the store."""

    run_id: str
    name: str
    status: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: list[tuple[str, int, float]]
    artifacts: Path

    @property
    def key(self) -> str:
        return self.tags.get("nnsweep.key", "")


def runs(folder: Path, *, real: Path | None = None) -> list[Run]:
    """Read all runs of a study.

    Parameters
    ----------
    folder : Path
        The study's.
    real : Path or None
        A copy of it, if it is on a disk that only its processes see.
    """
    database = (real or folder) / "mlflow.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as connection:
        return [
            Run(run_id, name, status, *_described(connection, run_id), _found(uri, folder, real))
            for run_id, name, status, uri in connection.execute(_RUNS).fetchall()
        ]


def _described(connection: sqlite3.Connection, run_id: str) -> tuple[Any, ...]:
    def asked(statement: str) -> list[Any]:
        return connection.execute(statement, (run_id,)).fetchall()

    tags = dict(asked("SELECT key, value FROM tags WHERE run_uuid = ?"))
    params = dict(asked("SELECT key, value FROM params WHERE run_uuid = ?"))
    points = asked("SELECT key, step, value FROM metrics WHERE run_uuid = ?")
    return tags, params, sorted(point for point in points if point[0] not in _MAY_DIFFER)


def seconds(folder: Path, run: Run) -> list[float]:
    """Tell how long a run was trained, which no two trainings have in common."""
    asked = "SELECT value FROM metrics WHERE run_uuid = ? AND key = 'duration_seconds'"
    with closing(sqlite3.connect(f"file:{folder / 'mlflow.db'}?mode=ro", uri=True, timeout=20)) as connection:
        return [value for (value,) in connection.execute(asked, (run.run_id,))]


def _found(uri: str, folder: Path, real: Path | None) -> Path:
    path = Path(uri.removeprefix("file://"))
    return real / path.relative_to(folder) if real else path


def table(folder: Path, *, real: Path | None = None) -> dict[str, Any]:
    """Give everything about the finished run of every key that must not differ.

    Raises
    ------
    AssertionError
        If a job has finished twice.
    """
    finished = [run for run in runs(folder, real=real) if run.key and run.tags.get("nnsweep.state") == "finished"]
    twice = [key for key, number in Counter(run.key for run in finished).items() if number > 1]
    assert not twice, f"jobs that finished more than once: {twice}"
    return {run.key: _plain(run) for run in finished}


def _plain(run: Run) -> dict[str, Any]:
    note = run.tags.get("mlflow.note.content")
    same = {name: run.tags.get(name) for name in ("nnsweep.reason", "nnsweep.data_digest", "nnsweep.numerics")}
    return {
        "name": run.name,
        "status": run.status,
        "params": run.params,
        "points": run.metrics,
        "note": note,
        **same,
        "files": sorted(path.name for path in run.artifacts.glob("[!.]*") if path.suffix != ".png"),
        "history": _history(run.artifacts / "history.parquet"),
        "weights": _arrays(run.artifacts / "weights.npz"),
        "correct": _arrays(run.artifacts / "correct.npz"),
        "config": (run.artifacts / "config.yaml").read_text() if (run.artifacts / "config.yaml").exists() else None,
    }


def _history(path: Path) -> dict[str, bytes] | None:
    if not path.exists():
        return None
    read = parquet.read_table(io.BytesIO(path.read_bytes()))
    return {name: read[name].to_numpy().tobytes() for name in read.column_names}


def _arrays(path: Path) -> dict[str, tuple[tuple[int, ...], str, bytes]] | None:
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        return {name: (file[name].shape, str(file[name].dtype), file[name].tobytes()) for name in file.files}


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Say in what two tables differ."""
    told = [f"job {wanted[key]['name']} is missing" for key in wanted.keys() - found.keys()]
    told += [f"job {found[key]['name']} is too much" for key in found.keys() - wanted.keys()]
    for key in wanted.keys() & found.keys():
        told += [
            f"{wanted[key]['name']}: {name}{_detail(found[key][name], wanted[key][name])}"
            for name in wanted[key]
            if wanted[key][name] != found[key][name]
        ]
    return told


def left_running(folder: Path, *, real: Path | None = None) -> list[str]:
    """Name the runs that have not ended."""
    return [f"{run.name} is {run.status}" for run in runs(folder, real=real) if run.status in ("RUNNING", "SCHEDULED")]


def unsound(folder: Path, *, real: Path | None = None) -> list[str]:
    """Say what SQLite finds wrong with the store."""
    database = (real or folder) / "mlflow.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as connection:
        said = [text for (text,) in connection.execute("PRAGMA integrity_check")]
    return [] if said == ["ok"] else said


def temporary_files(folder: Path) -> list[str]:
    """Name the temporary files and folders that were left."""
    patterns: Sequence[str] = ("**/*.tmp", "**/.artifact.uploading.*", "**/.nnsweep-*.lock")
    return sorted(str(path.relative_to(folder)) for pattern in patterns for path in folder.glob(pattern))


def wrong(folder: Path, wanted: dict[str, Any], *, real: Path | None = None) -> list[str]:
    """Say all that is not as after an undisturbed run; temporary files are another question."""
    try:
        different = differences(table(folder, real=real), wanted)
    except AssertionError as error:
        different = [str(error)]
    return different + left_running(folder, real=real) + unsound(folder, real=real)


def _detail(found: Any, wanted: Any) -> str:
    if not isinstance(found, list):
        return ""
    more, less = Counter(found), Counter(wanted)
    return f", too much: {[*(more - less).elements()][:5]}, missing: {[*(less - more).elements()][:5]}"
