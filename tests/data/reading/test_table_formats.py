"""The same table in every format is understood alike."""

import gzip
import hashlib
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnsweep.data.reading.raw import read
from nnsweep.data.reading.table_columns import understand

WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=6).map(
    "k".__add__
)
NUMBERS = st.one_of(st.integers(-(2**53), 2**53).map(float), st.floats(allow_nan=False, allow_infinity=False, width=64))


def sql(frame: pd.DataFrame, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        frame.to_sql("cats", database, index=False)


FORMATS = {
    "cats.csv": lambda frame, path: frame.to_csv(path, index=False),
    "cats.csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "semicolons.csv": lambda frame, path: frame.to_csv(path, index=False, sep=";"),
    "utf16.csv": lambda frame, path: frame.to_csv(path, index=False, encoding="utf-16"),
    "cats.tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "cats.jsonl": lambda frame, path: path.write_text(lines(frame)),
    "cats.jsonl.gz": lambda frame, path: path.write_bytes(gzip.compress(lines(frame).encode())),
    "cats.parquet": lambda frame, path: frame.to_parquet(path, index=False),
    "cats.feather": lambda frame, path: frame.to_feather(path),
    "cats.db": sql,
}


def lines(frame: pd.DataFrame) -> str:
    return "".join(json.dumps(row) + "\n" for row in frame.to_dict("records"))


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    n_rows = draw(st.integers(6, 12))
    levels = draw(st.lists(WORDS, min_size=2, max_size=3, unique=True))
    labels = draw(st.lists(st.one_of(WORDS, st.integers(-9, 9)), min_size=2, max_size=3, unique_by=str))
    some = st.lists
    return pd.DataFrame(
        {
            "number": draw(some(NUMBERS, min_size=n_rows, max_size=n_rows)),
            "zéro": [*draw(some(st.integers(-9, 9), min_size=n_rows - 2, max_size=n_rows - 2)), 100, 200],
            "colour, or not": [levels[row % len(levels)] for row in range(n_rows)],
            "flag": [row % 3 > 0 for row in range(n_rows)],
            "label": [str(labels[row % len(labels)]) for row in range(n_rows)],
        }
    )


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(frame=frames())
def test_a_table_is_understood_alike_in_every_format(name, frame, tmp_path):
    path = tmp_path / name
    path.unlink(missing_ok=True)
    FORMATS[name](frame, path)
    raw = read(f"sqlite:///{path}", query="SELECT * FROM cats") if name == "cats.db" else read(str(path))
    columns = {name: "number" for name in ("number", "zéro")} | ({"flag": "category"} if name == "cats.db" else {})
    table = understand(raw, target="label", columns=columns)
    n_different = frame.drop(columns="label").nunique()
    expected = {"number": "number", "zéro": "number", "colour, or not": "category", "flag": "category"}
    assert table.kinds == {name: kind for name, kind in expected.items() if n_different[name] > 1}
    assert table.labels.tolist() == frame["label"].tolist()
    for name_of_column, kind in table.kinds.items():
        cells = table.frame[name_of_column].tolist()
        if kind == "number":
            written = frame[name_of_column].to_numpy(np.float64) + (0.0 if name == "cats.db" else -0.0)
            assert np.array(cells).tobytes() == written.tobytes()  # SQLite has no -0.0
        elif name_of_column == "flag" and name == "cats.db":  # SQLite has no truth values
            assert cells == [str(int(cell)) for cell in frame["flag"]]
        elif kind == "category":
            assert cells == frame[name_of_column].map(str).tolist()


def test_the_digest_is_that_of_the_bytes(tmp_path):
    frame = pd.DataFrame({"age": [1, 2], "y": ["a", "b"]})
    for name in ("cats.csv", "cats.csv.gz", "cats.parquet"):
        FORMATS[name](frame, tmp_path / name)
        assert read(str(tmp_path / name)).digest == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_a_packed_file_needs_no_name_that_says_so(tmp_path):
    packed = io.BytesIO()
    pd.DataFrame({"age": [1, 2], "y": ["a", "b"]}).to_csv(packed, index=False, compression="gzip")
    (tmp_path / "cats.csv").write_bytes(packed.getvalue())
    assert read(str(tmp_path / "cats.csv")).frame["y"].tolist() == ["a", "b"]
