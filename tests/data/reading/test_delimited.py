import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.data.reading import delimited
from nnsweep.data.reading.delimited import read_delimited, sniff_separator, split_records
from nnsweep.data.table_settings import AS_WRITTEN, SEPARATORS

characters = st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\0")
texts = st.text(characters | st.sampled_from('",;\t|\n\r '), max_size=8)


@st.composite
def tables(draw, cells=texts):
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=6))
    return [[f"c{number}" for number in range(width)], *rows]


def text_of(table, **settings):
    file = io.StringIO(newline="")
    csv.writer(file, **settings).writerows(table)
    return file.getvalue()


@given(
    tables(),
    st.sampled_from(list(SEPARATORS)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_what_a_writer_has_quoted_is_read_as_it_was(table, separator, line_end, quoting):
    text = text_of(table, delimiter=separator, lineterminator=line_end, quoting=quoting)
    assert read_delimited(text.encode(), "cats.csv").frame.to_numpy().tolist() == table[1:]


@given(tables(), st.sampled_from(list(SEPARATORS)))
def test_the_quick_reader_reads_as_the_slow_one_or_not_at_all(table, separator):
    text = text_of(table, delimiter=separator)
    slow = [cells for _, cells in split_records(text, separator)]
    divided = delimited._Text(text, separator, '"')
    quick = delimited._read_with_arrow(divided, slow[0], slow[0], AS_WRITTEN)
    if quick is not None:
        assert [[cell.lstrip(" ") for cell in row] for row in quick.to_numpy().tolist()] == [
            [cell.lstrip(" ") for cell in row] for row in slow[1:]
        ]


@given(st.lists(st.integers(0, 3), min_size=2, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_row_has_the_line_at_which_it_begins(n_extra_lines, line_end):
    rows = [[f"row{number}", "x" + n_extra * line_end] for number, n_extra in enumerate(n_extra_lines)]
    text = text_of([["name", "note"], *rows], lineterminator=line_end)
    lines = io.StringIO(text, newline=None).read().split("\n")
    cells = read_delimited(text.encode(), "cats.csv")
    assert [lines[line - 1].partition(",")[0] for line in cells.lines()] == [row[0] for row in rows]


def test_empty_lines_are_no_rows_but_count():
    cells = read_delimited(b"\n\na,b\r\n\r\n1,2\r\n\n3,4", "cats.csv")
    assert cells.frame.to_numpy().tolist() == [["1", "2"], ["3", "4"]]
    assert cells.lines() == [5, 7]


def test_nothing_is_taken_for_missing_or_for_a_number():
    cells = read_delimited(b"a,b\nNA,007\n,1e5\n", "cats.csv")
    assert cells.frame.to_dict("list") == {"a": ["NA", ""], "b": ["007", "1e5"]}


def test_spaces_after_a_separator_may_stand_before_a_quote():
    assert read_delimited(b'a, b\n1, "x, y"\n', "cats.csv").frame.to_dict("list") == {"a": ["1"], "b": ["x, y"]}


def test_a_quote_inside_an_unquoted_value_is_a_quote():
    assert read_delimited(b'size,y\n5" pipe,a\n6" pipe,b\n', "pipes.csv").frame["size"].tolist() == [
        '5" pipe',
        '6" pipe',
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_tells_the_encoding(encoding):
    content = "größe,y\n5,ä\n".encode(encoding)
    assert read_delimited(content, "cats.csv").frame.to_dict("list") == {"größe": ["5"], "y": ["ä"]}


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a\tb\n1,5\t2;5\n", "\t"),
        ("a|b|c\n1,2|3|4\n", "|"),
        ("a,b;c\n1,2;3\n1,3;3\n", ","),
        ('a;b\n"x\n,,,";1\n', ";"),
        ("note\none, two\n", ","),
        ("a,b\n" + "x" * 10**6 + ",2\n", ","),
    ],
)
def test_the_separator_divides_header_and_rows_alike(text, separator):
    assert sniff_separator(text) == separator


def test_the_usual_separator_decides_between_equals():
    assert [sniff_separator("a,b\tc\n1,2\t3\n", usual) for usual in (",", "\t")] == [",", "\t"]


def test_the_limit_of_cells_is_as_it_was():
    limit = csv.field_size_limit()
    assert [len(cells[0]) for _, cells in split_records("a,b\n" + "x" * 10**6, ",")] == [1, 10**6]
    assert csv.field_size_limit() == limit
