import decimal
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnsweep.data.reading.cells import read_cell_texts
from nnsweep.data.reading.column import make_column
from nnsweep.data.table_settings import MISSING, CellFormat


def column(*cells, asked=None, dtype=object, **settings):
    return make_column(pd.Series([*cells], name="x", dtype=dtype), asked=asked, cell_format=CellFormat(**settings))


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
        (["2020-01-01", "2020-01-02"], "date"),
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


def test_declared_category_numbers_are_named_as_whole_numbers():
    assert column(1.0, 2.0, np.nan, asked="category").values.tolist() == ["1", "2", None]
    assert column(1, 2, dtype="category").kind == "category"


@pytest.mark.parametrize("marker", MISSING)
def test_what_stands_for_a_missing_value(marker):
    read = column("red", f" {marker} ", "blue")
    assert read.values.tolist() == ["red", None, "blue"]


def test_a_minus_beside_a_plus_is_a_value():
    assert read_cell_texts(pd.Series(["+", "-", "+", "?"])).tolist() == ["+", "-", "+", None]
    assert read_cell_texts(pd.Series(["a", "-"])).tolist() == ["a", None]


def test_text_keeps_its_spaces_and_words_that_look_missing():
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
def test_typo_among_numbers_is_reported_and_makes_no_categories(cell, rule):
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


@settings(deadline=None)  # the first example imports what the others have
@given(st.lists(st.one_of(st.none(), st.text(st.characters(blacklist_categories=["Cs"]))), min_size=1))
def test_every_text_is_some_column(cells):
    read = column(*cells)
    assert len(read.values) == len(cells)
    if read.kind == "number":
        assert not np.isinf(np.delete(read.values, [misfit.row for misfit in read.misfits])).any()


def test_whole_numbers_are_one_category_however_they_are_written():
    def categories(*cells):
        return make_column(pd.Series(cells, name="code", dtype=object), asked="category").values.tolist()

    assert categories("1", "1.0", "+1", "x", "") == ["1", "1", "1", "x", None]
    assert categories("1.0", "2.0", "01", "1.50") == ["1.0", "2.0", "01", "1.50"]


@pytest.mark.parametrize(
    ("cells", "rule", "values"),
    [
        (["$1,234.50", "$3"], "has a currency and a comma", [1234.5, 3]),
        (["12 EUR", "3,50 EUR"], "has a currency", [12, 3.5]),
        (["US$5", "US$7"], "has a currency", [5, 7]),
        (["45%", "3.5 %"], "has a percent sign", [45, 3.5]),
        (["12 kg", "3.5 kg"], "has a unit", [12, 3.5]),
        (["3.5cm", "2cm"], "has a unit", [3.5, 2]),
        (["1 furlong", "2 furlong", "3 furlong", "4 furlong", "5 furlong"], "has a unit", [1, 2, 3, 4, 5]),
        (["1 234", "12 345.5"], "has blanks between its thousands", [1234, 12345.5]),
        (["1\u00a0234", "1\u202f234"], "has blanks between its thousands", [1234, 1234]),
        (["1'234", "12\u2019345.50"], "has apostrophes between its thousands", [1234, 12345.5]),
        (["1.234,56", "2,5"], "has points between its thousands and a comma", [1234.56, 2.5]),
        (["1,234.5", "1,234"], "has a comma", [1234.5, 1234]),
        (["1,00,000", "2,34,567"], "has a comma", [100000, 234567]),
        (["\u22125", "\u22122.5"], "has a minus sign of its own (U+2212)", [-5, -2.5]),
        (["(5.00)", "3"], "has brackets for a minus", [-5, 3]),
    ],
)
def test_a_near_number_is_refused_or_read_when_asked(cells, rule, values):
    unasked = column(*cells)
    assert (unasked.kind, unasked.misfits[0][:2], unasked.misfits[0].rule) == ("number", (0, cells[0]), rule)
    assert "data.columns.x=number reads it" in unasked.way_out
    asked = column(*cells, asked="number")
    assert (asked.values.tolist(), asked.misfits) == (values, [])
    again = make_column(pd.Series(cells[:1], name="x"), asked="number", written=asked.written)
    assert again.values.tolist() == values[:1]


@pytest.mark.parametrize(
    ("cells", "settings", "values"),
    [
        (["1.234,56", "2,5"], {"decimal": "comma", "thousands": "point"}, [1234.56, 2.5]),
        (["1.234,56", "2,5"], {"decimal": ",", "thousands": "."}, [1234.56, 2.5]),
        (["1,234", "5"], {"thousands": "comma"}, [1234, 5]),
        (["1,234", "5"], {"decimal": "comma"}, [1.234, 5]),
        (["1 234", "5.5"], {"thousands": "blank"}, [1234, 5.5]),
        (["1'234", "5.5"], {"thousands": "'"}, [1234, 5.5]),
        (["1.5", "2"], {"decimal": "point"}, [1.5, 2]),
    ],
)
def test_settings_say_how_the_numbers_of_all_columns_are_written(cells, settings, values):
    read = column(*cells, **settings)
    assert (read.kind, read.values.tolist(), read.misfits) == ("number", values, [])


@pytest.mark.parametrize(
    ("cells", "asked", "told"),
    [
        (["1,234", "5,678"], None, "say what the comma is: data.thousands=comma or data.decimal=comma"),
        (["1,234", "5,678"], "number", "say what the comma is: data.thousands=comma or data.decimal=comma"),
        (["1.234,5", "2,5"], None, "data.decimal=comma data.thousands=point reads all such columns"),
        (["1/2/2024", "3/2/2024"], "date", "data.date_format="),
        (["tomorrow", "today"], "date", "say how the dates are written"),
    ],
)
def test_what_may_be_meant_is_said(cells, asked, told):
    assert told in column(*cells, asked=asked).way_out


@pytest.mark.parametrize(
    "cells",
    [
        ["2WD", "4WD", "4WD"],
        ["1st", "2nd", "3rd"],
        ["12A", "12C", "30F", "1B"],
        ["0-10", "10-20"],
        ["0", "1", "2", "3+", "3+"],
        ["1.2.3", "4.5.6"],
        ["12 Main Street", "5 Oak Avenue"],
        ["5", "7", "9", "old"],
    ],
)
def test_codes_and_ranges_are_categories(cells):
    read = column(*cells)
    assert (read.kind, read.misfits) == ("category", ())


@pytest.mark.parametrize(
    ("cell", "told"), [("14", "has nothing where others have 'kg'"), ("14 lb", "has 'lb' where others have 'kg'")]
)
def test_a_cell_without_the_unit_of_the_others_is_refused(cell, told):
    [misfit] = column("12 kg", "13 kg", cell, asked="number").misfits
    assert (misfit.row, misfit.rule) == (2, told)


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-01-31", "2024-02-01"],
        ["31.12.2024", "1.1.2024"],
        ["12/31/2024", "01/02/2024"],
        ["5 January 2024", "6 Feb 2024"],
        ["Jan 5, 2024", "Feb 6, 2024"],
        ["2024-01-05 12:00", "2024-01-06"],
        ["12:30", "08:15"],
    ],
)
def test_dates_are_no_categories(cells):
    read = column(*cells)
    assert (read.kind, len(read.misfits)) == ("date", 2)
    assert read.way_out.startswith("data.columns.x=date makes ")


def test_a_date_becomes_numbers_when_asked():
    read = column("31.12.2024 06:00", "", "1.1.1970 00:00", asked="date")
    assert [feature.name for feature in read.features()] == ["x (day)", "x (month)", "x (weekday)", "x (hour)"]
    np.testing.assert_array_equal(
        np.array([feature.values for feature in read.features()]).T,
        [[20088.25, 12, 1, 6], [np.nan] * 4, [0, 1, 3, 0]],
    )
    assert [feature.name for feature in column("12:30", "08:15", asked="date").features()] == ["x (hour)"]
    typed = column(*pd.to_datetime(["2024-01-01", "1969-12-31"]), asked="date", dtype="datetime64[ns]")
    assert typed.values.tolist() == [19723, -1]


@pytest.mark.parametrize(
    ("gap", "share"),
    [(mark, 0.4) for mark in ("NULL", "#N/A", "n/a", "<NA>", ".", "--", "missing", "unknown", "NaT")]
    + [("keine Angabe", 0.4), ("keine Angabe", 0.9), ("unknown", 0.9), ("Unknown", 0.1)],
)
def test_a_text_that_repeats_among_numbers_is_a_missing_value(gap, share):
    n_gaps = round(40 * share)
    read = column(*[gap] * n_gaps, *map(str, range(40 - n_gaps)))
    assert (read.kind, int(read.is_missing.sum()), list(read.misfits)) == ("number", n_gaps, [])


def test_many_numbers_and_some_words_are_no_categories():
    read = column(*map(str, range(25)), *["refused", "does not know"] * 6)
    assert read.kind == "number"
    assert len(read.misfits) == 12


@pytest.mark.parametrize(
    ("marks", "values"),
    [
        (None, ["Mild", None, None, "unknown"]),
        (("not None",), ["Mild", "None", None, "unknown"]),
        (("unknown", -999), ["Mild", None, None, None]),
        (("not None", "not NA", "unknown"), ["Mild", "None", "NA", None]),
    ],
)
def test_missing_marks_add_and_take_away(marks, values):
    cell_format = CellFormat(missing_marks=marks)
    series = pd.Series(["Mild", "None", "NA", "unknown"], name="x", dtype=object)
    assert make_column(series, cell_format=cell_format, marks=cell_format.marks()).values.tolist() == values
    kept = ["Mild", "None", "NA", None if marks and "unknown" in marks else "unknown"]
    assert make_column(series, marks=cell_format.marks(has_nulls=True)).values.tolist() == kept


@pytest.mark.parametrize("cell", ["1e300", "-1e39", 1e300, 10**400, 3.5e38])
def test_a_number_that_no_network_can_take_is_refused(cell):
    [misfit] = column(*([1, 2, 3] if not isinstance(cell, str) else "123"), cell).misfits
    assert misfit.row == 3
    assert "is beyond the numbers of 32 bits (3.4e38)" in misfit.rule or misfit.rule == "is infinite"


def test_a_hundred_thousand_cells_are_understood_in_a_moment():
    generator = np.random.default_rng(0)
    cells = pd.Series(generator.normal(size=10**5).round(4).astype(str), name="x", dtype=object)
    began = time.process_time()
    make_column(cells)
    make_column("$" + cells.str.removeprefix("-"), asked="number")
    make_column(pd.Series(generator.choice(["red", "blue", "unknown"], 10**5), name="x"))
    assert time.process_time() - began < 3
