"""Cells come back out of every format, each where it was, and what differs between two tables is told."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from nnsweep.errors import DataError
from nnsweep.results.tables.differences import Difference, compare_cells, compare_lines, index_rows
from nnsweep.results.tables.formats import FORMATS, to_bytes
from tests.results.conftest import PAYLOADS

NUMBERS = [0.1, -0.5, 1e-300, 5e-324, 123456789.123, -1e22]
KEYED = {"index": ["k"], "dtype": object}
TEXTS = some.text(some.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize("format", FORMATS)
def test_numbers_and_names_come_back_digit_for_digit(format):
    table = pd.DataFrame({"name": [f"n{number}" for number in range(6)], "value": NUMBERS, "job": range(6)})
    read = FORMATS[format].read(to_bytes(table, format, "a caption"))
    assert [*read.columns] == ["name", "value", "job"]
    for row, (name, value, job) in zip(read.to_numpy(), table.itertuples(index=False), strict=True):
        assert (row[0], float(row[1].strip("$")), int(row[2])) == (name, value, job)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("where", ["cell", "column"])
def test_no_text_however_hostile_moves_a_cell(where, format):
    for payload in PAYLOADS:
        text = payload.encode(errors="backslashreplace").decode()
        column = text if where == "column" else "text"
        if column in ("before", "after", ""):
            continue
        table = pd.DataFrame({"before": ["b", "b2"], column: [text, "plain"], "after": [1, 2]})
        read = FORMATS[format].read(to_bytes(table, format))
        assert (len(read.columns), read.columns[0], read.columns[2]) == (3, "before", "after")
        assert [(row[0], row[2]) for row in read.to_numpy()] == [("b", "1"), ("b2", "2")], payload
        assert read.iat[1, 1] == "plain"


@pytest.mark.parametrize("format", FORMATS)
@given(texts=some.lists(TEXTS, min_size=1, max_size=4))
def test_table_equals_itself_and_a_changed_text_is_noticed(format, texts):
    table = pd.DataFrame({"run_id": [f"id{number}" for number in range(len(texts))], "text": texts})
    changed = table.assign(text=[*texts[:-1], texts[-1] + "x"])
    one, other = (index_rows(FORMATS[format].read(to_bytes(each, format)), ["run_id"], []) for each in (table, changed))
    assert one.index.tolist() == table["run_id"].tolist()
    assert list(compare_cells(one, one, str.upper)) == []
    (told,) = compare_cells(one, other, str.upper)
    assert (told.subject, told.column) == (one.index[-1].upper(), "text")


@given(TEXTS)
def test_a_csv_cell_comes_back_as_the_text_that_spreadsheets_see(text):
    read = FORMATS["csv"].read(to_bytes(pd.DataFrame({"name": ["a"], "text": [text]}), "csv"))
    name, cell = read.iloc[0]
    assert (name, cell.removeprefix("'")) == ("a", text)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_missing_is_empty(format):
    table = pd.DataFrame({"name": ["a", "b"], "value": [math.nan, 1.5], "reason": [None, "no"]})
    assert FORMATS[format].read(to_bytes(table, format)).iloc[0].tolist() == ["a", "", ""]


@pytest.mark.parametrize("format", FORMATS)
def test_rubbish_is_refused(format):
    with pytest.raises(DataError, match="cannot be read as"):
        FORMATS[format].read(b"\xff\xfe rubbish")


@pytest.mark.parametrize("start", range(4, 1600, 97))
def test_parquet_with_bytes_cut_out_is_refused(start):
    whole = to_bytes(pd.DataFrame({"name": ["a", "b"], "value": [0.5, 0.25]}), "parquet")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        FORMATS["parquet"].read(whole[:start] + whole[start + 89 :])


@pytest.mark.parametrize(("one", "other"), [("1.0", "1"), ("1e3", "1000.0"), ("", ""), ("inf", "inf")])
def test_the_same_number_is_equal_however_it_is_written(one, other):
    assert list(compare_cells(*(pd.DataFrame({"a": [cell]}, **KEYED) for cell in (one, other)), str.upper)) == []


@pytest.mark.parametrize(("one", "other"), [("0.1", "0.10000000000000002"), ("", "0"), ("nan", ""), ("a", "A")])
def test_anything_else_is_not(one, other):
    told = list(compare_cells(*(pd.DataFrame({"a": [cell]}, **KEYED) for cell in (one, other)), str.upper))
    assert told == [Difference("K", column="a", value=one, expected=other)]


def test_rows_without_an_id_match_by_order_if_none_is_missing():
    table = pd.DataFrame({"name": ["a", "b"]})
    assert index_rows(table, ["run_id"], ["1", "2"]).index.tolist() == ["1", "2"]
    with pytest.raises(DataError, match="it has 2 rows where 3 were exported, and no column run_id"):
        index_rows(table, ["run_id"], ["1", "2", "3"])


def test_lines_around_the_cells_are_compared_too():
    assert list(compare_lines(b"a\nb\n", b"a\nb\n")) == []
    (told,) = compare_lines(b"a\nb\n", b"a\nc\n")
    assert told.in_words() == "line 2: it is b in the table, c in the store"
    (told,) = compare_lines(b"a\r\nb\r\n", b"a\nb\n")
    assert "its lines end otherwise" in told.in_words()
