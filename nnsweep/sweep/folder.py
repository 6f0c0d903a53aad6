"""A job's folder: the full record of a run, written here before anything is sent to the store.

Each file is there whole or not at all; `record.json` comes last, so that a folder that has it is complete.
"""

import json
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import yaml
from pyarrow import parquet

from nnsweep.files import whole_file
from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.history import Trained
from nnsweep.mlp.network import Layers
from nnsweep.tracking.record import RunRecord

RECORD = "record.json"
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def write_config(folder: Path, config: Mapping[str, Any]) -> Path:
    """Write the resolved configuration as ``config.yaml``."""
    return _write(folder / "config.yaml", yaml.dump(dict(config), Dumper=_Dumper, sort_keys=False).encode())


def write_environment(folder: Path, environment: Mapping[str, Any]) -> Path:
    """Write the versions as ``environment.json``."""
    return _write(folder / "environment.json", json.dumps(environment, indent=2).encode())


def write_history(folder: Path, history: Mapping[str, FloatArray]) -> Path:
    """Write the curves of every epoch as ``history.parquet``; NaN where nothing was measured."""
    path = folder / "history.parquet"
    columns = {name: curve.astype(np.int64) if name == "epoch" else curve for name, curve in history.items()}
    with whole_file(path) as file:
        parquet.write_table(pyarrow.table(columns), file)
    return path


def frame(history: Mapping[str, FloatArray]) -> pd.DataFrame:
    """Lay curves side by side, with the epoch as a whole number."""
    return pd.DataFrame(dict(history)).astype({"epoch": "int64"})


def write_weights(folder: Path, trained: Trained) -> Path:
    """Write the parameters as ``weights.npz``: ``best_W0``, ``best_b0``, ... and ``final_W0``, ``final_b0``, ....

    The weights have shape (fan_in, fan_out), the biases (fan_out,); ``best_epoch`` is beside them.
    """
    path = folder / "weights.npz"
    arrays = {"best_epoch": np.array(trained.best_epoch)}
    arrays |= _named("best", trained.best_layers) | _named("final", trained.layers)
    with whole_file(path) as file:
        np.savez(file, allow_pickle=False, **arrays)  # weights hardly compress
    return path


def _named(prefix: str, layers: Layers) -> dict[str, FloatArray]:
    named: dict[str, FloatArray] = {}
    for number, (W, b) in enumerate(layers):
        named |= {f"{prefix}_W{number}": W[0], f"{prefix}_b{number}": b[0, 0]}
    return named


def write_traceback(folder: Path) -> Path:
    """Write the exception that is being handled as ``traceback.txt``."""
    return _write(folder / "traceback.txt", traceback.format_exc().encode(errors="backslashreplace"))


def write_record(folder: Path, record: RunRecord) -> Path:
    """Write the record of an ended run, the last file of a folder."""
    return _write(folder / RECORD, json.dumps(asdict(record), indent=2).encode())


def read_record(folder: Path) -> RunRecord | None:
    """Read a folder's record; None if its job has not ended, or the file is not whole."""
    try:
        return RunRecord(**json.loads((folder / RECORD).read_text()))
    except (FileNotFoundError, ValueError):  # a copied folder may hold half a file
        return None


def _write(path: Path, content: bytes) -> Path:
    with whole_file(path) as file:
        file.write(content)
    return path
