import decimal
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.data.reading.cell_texts import MISSING, texts_of
from nnsweep.data.reading.column import column_of


def column(*cells, asked=None, dtype=object):
    return column_of(pd.Series([*cells], name="x", dtype=dtype), asked=asked)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.sampled_from(["{!r}", "{:.3e}", "{:+.17g}"]),
)
def test_numbers_are_read_as_python_reads_them(values, form):
    texts = [form.format(value) for value in values]
    read = column(*texts, asked="number")
    assert read.kind == "number"
    assert read.values.tobytes() == np.array([float(text) for text in texts]).tobytes()


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-3e-7", "+.5", "5."], "number"),
        ([" 1", "2 "], "number"),
        (["1", "", "?"], "number"),
        (["1", "2", "3", "4", "x"], "number"),
        (["1", "2", "3", "x"], "category"),
        (["01234", "99999"], "category"),
        (["0.5", "0"], "number"),
        (["1_000", "2_000"], "category"),
        (["0x10", "0x11"], "category"),
        (["٣", "٤"], "category"),
        (["true", "false"], "category"),
        (["2020-01-01", "2020-01-02"], "category"),
        (["red", "blue"], "category"),
        (
            ["a long text of many words that nobody would call a name", "and another one, as long and not the same"],
            "text",
        ),
        (["one long text of many words that everybody says over and over again"] * 5, "category"),
        ([True, False, None], "category"),
        ([1, 2.5, None], "number"),
        ([decimal.Decimal("1.5"), decimal.Decimal(2), None], "number"),
        ([1, "red", None], "category"),
        ([None, None], "category"),
    ],
)
def test_the_kind_of_cells(cells, kind):
    assert column(*cells).kind == kind


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "Int64", "int64[pyarrow]", "double[pyarrow]"])
def test_typed_numbers_are_numbers(dtype):
    read = column(1, 2, 3, dtype=dtype)
    assert (read.kind, read.values.tolist()) == ("number", [1, 2, 3])


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "float64", "int64[pyarrow]", "object"])
def test_typed_missing_values_are_missing(dtype):
    assert column(1, None, 3, dtype=dtype).is_missing.tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", ["object", "str", "string", "string[pyarrow]", "category"])
def test_categories_of_every_type_are_texts(dtype):
    read = column("red", None, "NA", " blue ", dtype=dtype)
    assert (read.kind, read.values.tolist()) == ("category", ["red", None, None, "blue"])


def test_numbers_that_are_declared_categories_are_named_as_whole_numbers():
    assert column(1.0, 2.0, np.nan, asked="category").values.tolist() == ["1", "2", None]
    assert column(1, 2, dtype="category").kind == "category"


@pytest.mark.parametrize("marker", MISSING)
def test_what_stands_for_a_missing_value(marker):
    read = column("red", f" {marker} ", "blue")
    assert read.values.tolist() == ["red", None, "blue"]


def test_a_minus_beside_a_plus_is_a_value():
    assert texts_of(pd.Series(["+", "-", "+", "?"])).tolist() == ["+", "-", "+", None]
    assert texts_of(pd.Series(["a", "-"])).tolist() == ["a", None]


def test_a_text_keeps_its_spaces_and_words_that_would_be_missing():
    assert column(" NA ", "-", "", None, "  ", asked="text").values.tolist() == [" NA ", "-", None, None, None]


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("1,5", "has a comma"),
        ("1,234,567.5", "has a comma"),
        ("1e999", "beyond the numbers of 64 bits"),
        ("-Infinity", "is infinite"),
        ("1.2.3", "is not a number"),
        ("12 years", "is not a number, as 9 other cells"),
    ],
)
def test_a_slip_among_numbers_is_told_and_makes_no_categories(cell, rule):
    read = column(*"123456789", cell)
    assert read.kind == "number"
    [misfit] = read.misfits
    assert (misfit.row, misfit.value) == (9, cell)
    assert rule in misfit.rule


def test_too_small_a_number_is_zero():
    assert column("1e-999", "1").values.tolist() == [0, 1]


@pytest.mark.parametrize("cell", ["a" * 10**6, "1" * 10**6, "1," * 10**6, "1e" * 10**6, " " * 10**6 + "1", "-" * 10**6])
def test_a_long_cell_takes_no_time(cell):
    began = time.process_time()
    column(*"123456789", cell)
    column(cell, cell + "a", "b")
    assert time.process_time() - began < 1


@given(st.lists(st.one_of(st.none(), st.text(st.characters(blacklist_categories=["Cs"]))), min_size=1))
def test_every_text_is_some_column(cells):
    read = column(*cells)
    assert len(read.values) == len(cells)
    if read.kind == "number":
        assert not np.isinf(np.delete(read.values, [misfit.row for misfit in read.misfits])).any()


def test_whole_numbers_are_one_category_however_they_are_written():
    def categories(*cells):
        return column_of(pd.Series(cells, name="code", dtype=object), asked="category").values.tolist()

    assert categories("1", "1.0", "+1", "x", "") == ["1", "1", "1", "x", None]
    assert categories("1.0", "2.0", "01", "1.50") == ["1.0", "2.0", "01", "1.50"]
