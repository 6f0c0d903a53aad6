"""Which rows are in two parts."""

import time
from collections import defaultdict

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.data.leaks import Leak, count_leaks, describe_leaks

ROW = st.tuples(
    st.sampled_from([0.0, 1.0, float("nan")]), st.sampled_from(["red", "None", None]), st.sampled_from(["moon", ""])
)


def by_looking(rows, y, parts):
    labels = defaultdict(set)
    key = [tuple("nan" if cell != cell else cell for cell in row) for row in rows]
    for row in parts["train"]:
        labels[key[row]].add(y[row])
    found = {}
    for name in ("val", "test"):
        same = sum(y[row] in labels.get(key[row], ()) for row in parts[name])
        known = sum(key[row] in labels for row in parts[name])
        found[name] = Leak(same, known - same, len(parts[name]))
    return found


@given(st.lists(st.tuples(ROW, st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_they_are_counted_as_by_looking_at_every_pair(drawn):
    rows, y, part = zip(*drawn, strict=True)
    frame = pd.DataFrame([*rows], columns=["age", "colour", "note"]).astype({"colour": object, "note": object})
    parts = {name: np.flatnonzero(np.array(part) == number) for number, name in enumerate(["train", "val", "test"])}
    frame["colour"] = frame["colour"].astype(object).where(frame["colour"].notna(), None)
    assert count_leaks(frame, np.array(y), parts) == by_looking([*rows], y, parts)


def test_targets_of_several_columns_are_compared_as_a_whole():
    frame = pd.DataFrame({"x": [1.0, 2.0, 1.0, 2.0, 3.0]})
    y = np.array([[0.5, 1.0], [0.5, 2.0], [0.5, 1.0], [0.5, 1.0], [0.5, 1.0]])
    parts = {"train": np.array([0, 1]), "test": np.array([2, 3, 4])}
    assert count_leaks(frame, y, parts) == {"test": Leak(1, 1, 3)}
    assert describe_leaks({"test": Leak(1, 1, 3)}, "regression") == (
        "in the training part too: 2 of 3 test rows (1 with other targets); results may be too good"
    )


def test_many_rows_take_a_moment():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": generator.integers(0, 10**12, 200_000).astype(float), "y": generator.normal(size=200_000)}
    )
    frame.iloc[-10:] = frame.iloc[:10].to_numpy()
    parts = {"train": np.arange(100_000), "test": np.arange(100_000, 200_000)}
    began = time.process_time()
    assert count_leaks(frame, np.zeros(200_000, dtype=np.int64), parts) == {"test": Leak(10, 0, 100_000)}
    assert time.process_time() - began < 2


def test_nothing_is_told_of_nothing():
    assert describe_leaks({"test": Leak(0, 0, 10)}) == ""


def test_both_parts_are_told_in_one_line():
    line = describe_leaks({"val": Leak(1, 0, 20), "test": Leak(2, 3, 1000)})
    assert line == (
        "in the training part too: 1 of 20 validation rows, 5 of 1,000 test rows (3 with another label); "
        "accuracies may be too good"
    )
