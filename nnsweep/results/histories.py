"""The histories: what every run's metrics were at each epoch, as one long table.

A run's history is a frame with a column ``epoch`` and one column a metric, NaN where it was not evaluated. In long
form each value has a row of its own, which is what plotting and statistics programs like to read.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.tracking.record import RunRecord


def long_form(histories: Mapping[str, pd.DataFrame], records: Sequence[RunRecord]) -> pd.DataFrame:
    """Put the histories of the given runs into one table with a value a row.

    Parameters
    ----------
    histories : mapping
        ``{run_id: history}``. Histories of other runs than those in `records` are left out.
    records : sequence of RunRecord
        The runs, in the order in which the table has them; those without a history are left out.

    Returns
    -------
    pandas.DataFrame
        Columns ``run_id, name, epoch, metric, value``: one run after the other, in it one metric after the other,
        by epoch. NaN, which means *not evaluated*, has no row.
    """
    curves = [
        (record.run_id, record.name, metric, *_evaluated(histories[record.run_id], metric))
        for record in records
        if record.run_id in histories
        for metric in histories[record.run_id].columns
        if metric != "epoch"
    ]
    lengths = [len(epochs) for *_, epochs, _ in curves]
    columns = {
        "run_id": _repeated([run_id for run_id, *_ in curves], lengths),
        "name": _repeated([name for _, name, *_ in curves], lengths),
        "epoch": np.concatenate([np.empty(0, dtype=np.int64), *(epochs for *_, epochs, _ in curves)]),
        "metric": _repeated([metric for _, _, metric, *_ in curves], lengths),
        "value": np.concatenate([np.empty(0), *(values for *_, values in curves)]),
    }
    return pd.DataFrame(columns)


def _evaluated(history: pd.DataFrame, metric: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    values = history[metric].to_numpy(dtype=np.float64, na_value=np.nan)
    there = ~np.isnan(values)
    return history["epoch"].to_numpy(dtype=np.int64)[there], values[there]


def _repeated(texts: Sequence[str], lengths: Sequence[int]) -> "pd.Series[Any]":
    column: pd.Series[Any] = pd.Series(np.repeat(np.array(texts, dtype=object), lengths), dtype="object")
    return column
