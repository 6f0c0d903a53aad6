"""The same table in every format is understood alike."""

import gzip
import hashlib
import io
import json
import sqlite3
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import dump_svmlight_file

from nnsweep.data.reading.read import read_table
from nnsweep.data.reading.table_columns import infer_columns, read_features
from nnsweep.data.table_settings import ColumnSettings, Layout
from nnsweep.errors import DataError

WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=6).map(
    "k".__add__
)
NUMBERS = st.one_of(st.integers(-(2**53), 2**53).map(float), st.floats(-3e38, 3e38))  # more are refused


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
    "cats.csv.bz2": lambda frame, path: frame.to_csv(path, index=False),
    "cats.csv.xz": lambda frame, path: frame.to_csv(path, index=False),
    "cats.csv.zip": lambda frame, path: frame.to_csv(path, index=False),
    "cats.json": lambda frame, path: path.write_text(json.dumps(frame.to_dict("records"), indent=1)),
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


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(frame=frames())
def test_a_table_is_understood_alike_in_every_format(name, frame, tmp_path):
    path = tmp_path / name
    path.unlink(missing_ok=True)
    FORMATS[name](frame, path)
    raw = read_table(f"sqlite:///{path}", query="SELECT * FROM cats") if name == "cats.db" else read_table(str(path))
    columns = {name: "number" for name in ("number", "zéro")} | ({"flag": "category"} if name == "cats.db" else {})
    table = infer_columns(raw, ColumnSettings(target="label", columns=columns))
    n_different = frame.drop(columns="label").nunique()
    expected = {"number": "number", "zéro": "number", "colour, or not": "category", "flag": "category"}
    assert table.kinds == {name: kind for name, kind in expected.items() if n_different[name] > 1}
    assert table.targets.tolist() == frame["label"].tolist()
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
        assert read_table(str(tmp_path / name)).digest == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_a_packed_file_needs_no_name_that_says_so(tmp_path):
    packed = io.BytesIO()
    pd.DataFrame({"age": [1, 2], "y": ["a", "b"]}).to_csv(packed, index=False, compression="gzip")
    (tmp_path / "cats.csv").write_bytes(packed.getvalue())
    assert read_table(str(tmp_path / "cats.csv")).frame["y"].tolist() == ["a", "b"]


def test_one_file_in_a_zip_is_the_table(tmp_path):
    with zipfile.ZipFile(tmp_path / "cats.zip", "w") as archive:
        archive.writestr("folder/cats.tsv", "age\ty\n17\ta\n")
        archive.writestr("__MACOSX/folder/._cats.tsv", b"\0")
    raw = read_table(str(tmp_path / "cats.zip"))
    assert raw.frame.to_dict("list") == {"age": ["17"], "y": ["a"]}
    assert raw.place(0, "age").endswith("cats.zip, line 2, column 1 (age)")


def test_an_array_has_the_lines_of_its_objects(tmp_path):
    (tmp_path / "cats.json").write_text('\n[ {"age": 1,\n "y": "a"},\n{"age": 1e400, "y": null} ]\n')
    raw = read_table(str(tmp_path / "cats.json"))
    assert raw.frame.to_dict("list") == {"age": ["1", "1e400"], "y": ["a", ""]}
    assert raw.lines() == [2, 4]


def test_arrays_have_columns_by_number(tmp_path):
    X, y = np.arange(40.0).reshape(20, 2) % 7, np.array(["a", "b"] * 10)
    np.savez(tmp_path / "cats.npz", X=X, y=y)
    table = infer_columns(read_table(str(tmp_path / "cats.npz")), ColumnSettings(target=None))
    assert table.targets.tolist() == y.tolist()
    assert table.frame.to_numpy().tolist() == X.tolist()
    assert list(table.frame) == ["0", "1"]


def test_arrays_with_foreign_byte_order_are_read_correctly(tmp_path):
    X, y = np.arange(40.0).reshape(20, 2) % 7, np.arange(20) % 2
    np.savez(tmp_path / "cats.npz", X=X.astype(">f8"), y=y.astype(">i4"))
    table = infer_columns(read_table(str(tmp_path / "cats.npz")), ColumnSettings(target=None))
    assert (table.targets.tolist(), table.frame.to_numpy().tolist()) == ([str(label) for label in y], X.tolist())


def test_sparse_rows_are_those_that_scikit_learn_wrote(tmp_path):
    X, y = np.arange(60.0).reshape(20, 3) % 7 * (np.arange(60).reshape(20, 3) % 2), np.arange(20) % 3
    for zero_based, names in ((True, ["0", "1", "2"]), (False, ["1", "2", "3"])):
        dump_svmlight_file(X, y, str(tmp_path / "cats.svmlight"), zero_based=zero_based)
        raw = read_table(str(tmp_path / "cats.svmlight"))
        table = infer_columns(raw, ColumnSettings(target=None))
        assert table.frame.to_numpy().tolist() == X[:, X.any(axis=0)].tolist()
        assert table.targets.tolist() == [str(label) for label in y]
        assert set(table.frame) <= set(names)
    (tmp_path / "few.svmlight").write_text("1 1:5\n")
    assert read_features(read_table(str(tmp_path / "few.svmlight")), table.kinds).to_numpy().tolist() == [
        [5.0 if name == "1" else 0.0 for name in table.frame]
    ]


def test_columns_are_found_by_number_unless_one_is_called_so(tmp_path):
    (tmp_path / "cats.csv").write_text(
        "1,fur,y\n" + "".join(f"{i % 5},{'ab'[i % 2]},{'cd'[i % 2]}\n" for i in range(9))
    )
    raw = read_table(str(tmp_path / "cats.csv"))
    assert infer_columns(raw, ColumnSettings(target="-1")).targets[0] == "c"
    assert list(infer_columns(raw, ColumnSettings(target="2", ignore=["1"])).frame) == [
        "fur"
    ]  # called 1, though fur is column 1
    assert list(infer_columns(raw, ColumnSettings(target="2", columns={"-2": "ignore"})).frame) == ["1"]


def test_a_workbook_may_have_titles_and_no_header(tmp_path):
    pytest.importorskip("openpyxl")
    frame = pd.DataFrame({"age": [1.5, 2, 3, 4], "y": list("abab"), "z": [1, 2, 3, 5]})
    with pd.ExcelWriter(tmp_path / "cats.xlsx") as book:
        frame.to_excel(book, index=False, startrow=2)
        book.sheets["Sheet1"].cell(1, 1, "My cats")
    with pytest.raises(
        DataError, match=r"line 1 \('My cats'\) is no part of the table; data\.skip_lines=1 leaves it out"
    ):
        read_table(str(tmp_path / "cats.xlsx"))
    raw = read_table(str(tmp_path / "cats.xlsx"), layout=Layout(skip_lines=1))
    assert raw.frame.to_dict("list") == frame.to_dict("list")
    assert raw.place(0).endswith("line 4")
    raw = read_table(str(tmp_path / "cats.xlsx"), layout=Layout(skip_lines=3, header=False))
    assert list(raw.frame) == ["0", "1", "2"]
    assert len(raw.frame) == 4


def test_one_sheet_of_a_workbook_is_the_table(tmp_path):
    pytest.importorskip("openpyxl")
    cats = pd.DataFrame({"age": [1, None, 2.5], "seen": [True, False, True], "note": ["a", "007", None]})
    with pd.ExcelWriter(tmp_path / "cats.xlsx") as book:
        cats.to_excel(book, sheet_name="cats", index=False)
        cats[:1].to_excel(book, sheet_name="my dogs", index=False)
    with pytest.raises(DataError, match=r"has 2 sheets \(cats, my dogs\); choose one: data\.sheet=cats$"):
        read_table(str(tmp_path / "cats.xlsx"))
    with pytest.raises(DataError, match=r"data.sheet='cat': there is no such sheet; did you mean 'cats'"):
        read_table(str(tmp_path / "cats.xlsx"), layout=Layout(sheet="cat"))
    frame = read_table(str(tmp_path / "cats.xlsx"), layout=Layout(sheet="cats")).frame
    assert frame.astype(object).where(frame.notna(), None).to_dict("list") == {
        "age": [1, None, 2.5],
        "seen": [True, False, True],
        "note": ["a", "007", None],
    }
    assert len(read_table(str(tmp_path / "cats.xlsx"), layout=Layout(sheet="my dogs")).frame) == 1


def test_what_is_no_workbook_is_refused(tmp_path):
    pytest.importorskip("openpyxl")
    with zipfile.ZipFile(tmp_path / "cats.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(DataError, match="is damaged, or no workbook"):
        read_table(str(tmp_path / "cats.xlsx"))


def test_without_openpyxl_a_workbook_is_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "cats.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataError, match=r"pip install 'nnsweep\[excel\]', or save the sheet as CSV"):
        read_table(str(tmp_path / "cats.xlsx"))
