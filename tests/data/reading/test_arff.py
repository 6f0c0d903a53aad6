import io
import time

import numpy as np
import pytest
from scipy.io import arff as scipy_arff

from nnsweep.data.reading.arff import _split_cells, read_arff
from nnsweep.data.reading.read import RawTable
from nnsweep.data.reading.table_columns import infer_columns
from nnsweep.data.table_settings import ColumnSettings

WEIGHTS = np.random.default_rng(0).normal(size=20).tolist()
CATS = """% Cats and
% what they weigh
@RELATION 'all cats'

@attribute age NUMERIC
@Attribute "the weight" real
@ATTRIBUTE colour {red, 'dark blue', "it's"}
@attribute y {0,1}

@DATA
1, 2.5 ,red,0
2,?,'dark blue',1
% a comment
3,1e-3,'it\\'s', 0
4 , 7,"it's" ,1
"""


def test_a_table_with_declared_kinds():
    cells = read_arff(CATS.encode(), "cats.arff")
    assert cells.kinds == {"age": "number", "the weight": "number", "colour": "category", "y": "category"}
    assert cells.frame.to_dict("list") == {
        "age": ["1", "2", "3", "4"],
        "the weight": ["2.5", "?", "1e-3", "7"],
        "colour": ["red", "dark blue", "it's", "it's"],
        "y": ["0", "1", "0", "1"],
    }
    assert cells.lines() == [11, 12, 14, 15]


def test_the_same_as_scipy_reads():
    plain = "@relation r\n@attribute 'the weight' real\n@attribute c {red,blue}\n@attribute y {0,1}\n@data\n"
    plain += "".join(f"{weight!r},{'red' if weight > 0 else 'blue'},{row % 2}\n" for row, weight in enumerate(WEIGHTS))
    rows, about = scipy_arff.loadarff(io.StringIO(plain + "?,?,1\n"))
    cells = read_arff((plain + "?,?,1\n").encode(), "cats.arff")
    raw = RawTable(cells.frame, "cats.arff", typed=False, digest="", kinds=cells.kinds)
    table = infer_columns(raw, ColumnSettings(target="y", missing="most_frequent"))
    assert [*table.frame.columns, "y"] == about.names()
    np.testing.assert_array_equal(table.frame["the weight"], rows["the weight"])
    assert [(name or "?").encode() for name in table.frame["c"]] == rows["c"].tolist()
    assert [name.encode() for name in table.targets] == rows["y"].tolist()


def test_declared_numbers_and_categories_keep_their_kinds():
    content = b"@attribute zip {1,2,3}\n@attribute age real\n@attribute y string\n@data\n1,5,a\n2,6,'b c'\n3,7,a\n"
    cells = read_arff(content, "cats.arff")
    table = infer_columns(
        RawTable(cells.frame, "cats.arff", False, "", cells.lines, cells.kinds), ColumnSettings(target="y")
    )
    assert table.kinds == {"zip": "category", "age": "number"}
    assert table.targets.tolist() == ["a", "b c", "a"]


def test_declared_row_counter_is_an_index_unless_asked_for():
    rows = "".join(f"{row + 1},{row % 7},{'ab'[row % 2]}\n" for row in range(20))
    cells = read_arff(
        f"@attribute row numeric\n@attribute age real\n@attribute y {{a,b}}\n@data\n{rows}".encode(), "cats.arff"
    )
    raw = RawTable(cells.frame, "cats.arff", False, "", cells.lines, cells.kinds)
    table = infer_columns(raw, ColumnSettings(target="y"))
    assert table.kinds == {"age": "number"}
    assert "left out: row is an index: it counts the rows from 1" in table.notes
    assert infer_columns(raw, ColumnSettings(target="y", columns={"row": "number"})).kinds == {
        "row": "number",
        "age": "number",
    }


def test_declared_dates_are_read_like_those_of_other_tables():
    days = "'1970-01-02T12:00:00',a\n?,b\n'1970-02-01T00:00:00',a\n'1971-02-01T00:00:00',b\n"
    content = f"@attribute born date \"yyyy-MM-dd'T'HH:mm:ss\"\n@attribute y {{a,b}}\n@data\n{days}".encode()
    cells = read_arff(content, "cats.arff")
    table = infer_columns(
        RawTable(cells.frame, "cats.arff", False, "", cells.lines, cells.kinds),
        ColumnSettings(target="y", missing="drop"),
    )
    assert table.frame.to_dict("list") == {
        "born (day)": [1.5, 31.0, 396.0],
        "born (month)": [1.0, 2.0, 2.0],
        "born (weekday)": [4.0, 6.0, 0.0],
        "born (hour)": [12.0, 0.0, 0.0],
    }
    texts = infer_columns(
        RawTable(cells.frame, "cats.arff", False, "", cells.lines, cells.kinds),
        ColumnSettings(target="y", missing="drop", columns={"born": "category"}),
    )
    assert texts.kinds == {"born": "category"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", ["'" * 10**6, "\\" * 10**6, "'" + "\\'" * 10**6, " " * 10**6 + "'", "a" * 10**6, "," * 10**6]
)
def test_long_lines_take_no_time(line):
    began = time.process_time()
    _split_cells(line)
    assert time.process_time() - began < 2
