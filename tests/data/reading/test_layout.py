"""Files whose many wrong lines have one cause: it is named once, and the setting that is offered reads the file."""

import re
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnsweep.data.reading.delimited import read_delimited
from nnsweep.data.reading.layout import find_row_as_header
from nnsweep.data.table_settings import Layout
from nnsweep.errors import DataError

CELLS = [(i % 7 + 0.5, i % 11, "red" if i % 3 else "blue", "ab"[i % 2]) for i in range(30)]
HEADER = "age,size,colour,y"
ROWS = [",".join(map(str, cells)) for cells in CELLS]
NUMBERED = [f'"{number}",{row}' for number, row in enumerate(ROWS)]
LATE = [*ROWS[:2], "# a note, in the middle, of all this", *ROWS[2:]]


def text(*lines):
    return "".join(f"{line}\n" for line in lines)


def blanks(rows):
    return [row.replace(",", "   ") + " " for row in rows]


CAUSES = {
    "comments": (text("# by me, today", "# at noon", HEADER, *ROWS), "line 1 and 1 more: '# by me,today' is a comment"),
    "percent": (text("% by me", HEADER, *ROWS), "line 1: '% by me' is a comment"),
    "a comment below": (text(HEADER, *LATE), "line 4: '# a note,in the middle,of all this' is a comment"),
    "a title": (text("My cats", HEADER, *ROWS), "line 1 ('My cats') is no part of the table, which begins at line 2"),
    "a title with commas": (text("My cats, of 2020", HEADER, *ROWS), "is no part of the table"),
    "a title, semicolons": (text("My cats", HEADER, *ROWS).replace(",", ";"), "line 1 ('My cats') is no part"),
    "a title of a sheet": (text("My cats,,,", HEADER, *ROWS), "line 1 ('My cats,,,') is no part of the table"),
    "titles": (text("My cats", "Place,Berlin", "", HEADER, *ROWS), "the first 3 lines ('My cats' ...) are no part"),
    "names of rows": (text(HEADER, *NUMBERED), "line 2: rows begin with a name, such as '0', that no column of the"),
    "names of rows, R": (text(*blanks(['"age","size","colour","y"', *NUMBERED])), "line 2: rows begin with a name"),
    "separators at ends": (text(HEADER, *(f"{row}," for row in ROWS)), "line 2: a comma ends each row and not the h"),
    "blanks, and a comma": (text("age   y   v", *["1  a  2", "2  b  3,4"] * 9, "1,2 a 3", "3   b"), None),
    "single quotes": (text(HEADER, *(row.replace("red", "'red, x'") for row in ROWS)), "values are in single quotes"),
    "all in single quotes": (text(HEADER, *(row.replace("e,", "e',").replace("d,", "d',").replace(",red", ",'red")
                             .replace(",blue", ",'blue") for row in ROWS)), "column 3: values are in single quotes"),
    "another separator": (text(HEADER, *ROWS).replace(",", "^"), "line 1: cells are divided by '^'"),
    "no header": (text(*ROWS), "line 1 looks like a row: '0.5' is above numbers; has the file no header?"),
    "no header, categories": (text("p,x,n", *["e,x,n", "p,y,m", "e,y,n"] * 5), "'p' is a value of column 1, too"),
    "no header, numbers": (text(*(f"{row},{row % 2}" for row in range(9))), "the header is all numbers ('0, 0')"),
    "a header of others": (text("age,size", *ROWS), "line 1: the header has 2 cells, but 30 of 30 rows have 4 cells: "
                           "they agree with each other and not with the header"),
}  # fmt: skip


def settings_of(message):
    """Give the settings that a message offers first, as they would be typed."""
    offered = re.findall(r"'?data\.\w+=(?:\"[^\"]*\"'|[^\s;,)]+)", message)
    pairs = dict(shlex.split(one)[0].removeprefix("data.").split("=", 1) for one in reversed(offered))
    values = {"true": True, "false": False}
    return {key: values.get(value, int(value) if value.isdigit() else value.strip('"')) for key, value in pairs.items()}


@pytest.mark.parametrize("name", [name for name, (_, told) in CAUSES.items() if told])
def test_one_cause_is_told_once_and_its_setting_reads(name):
    content, told = CAUSES[name]
    with pytest.raises(DataError) as refusal:
        read_delimited(content.encode(), "cats.csv")
    assert len(refusal.value.problems) == 1
    assert told in refusal.value.problems[0]
    assert "quote a value that has" not in refusal.value.problems[0]
    frame = read_delimited(content.encode(), "cats.csv", Layout(**settings_of(refusal.value.problems[0]))).frame
    n_rows = {"no header": 30, "no header, categories": 16, "no header, numbers": 9}
    assert len(frame) == n_rows.get(name, 30)
    if len(frame) == 30:
        cells = frame.to_numpy()[:, 1 if "names" in name else 0 :][:, :4].tolist()
        first = [*map(str, CELLS[0])]
        assert cells[0][:2] == first[:2]
        assert cells[0][-1] == first[-1]
    if frame.shape[1] == 4 and name not in ("no header", "a header of others"):
        assert list(frame.columns) == HEADER.split(",")


def test_blanks_divide_where_nothing_else_does():
    content = text(*blanks([HEADER, *ROWS]))
    for layout in (Layout(), Layout(separator="blank")):
        assert read_delimited(content.encode(), "cats.txt", layout).frame.to_numpy().tolist() == [
            [*map(str, cells)] for cells in CELLS
        ]
    quoted = read_delimited(b'name  age\n"a b"\t 1\n c  2\n', "cats.txt")
    assert quoted.frame.to_numpy().tolist() == [["a b", "1"], ["c", "2"]]


def test_lines_that_are_left_out_still_count():
    content = text("A title", "# note", "a,b", "1,2", "# more", '"x\n# y",3')
    cells = read_delimited(content.encode(), "cats.csv", Layout(skip_lines=1, comment="#"))
    assert cells.frame.to_numpy().tolist() == [["1", "2"], ["x\n# y", "3"]]
    assert cells.lines() == [4, 6]


def test_ragged_rows_below_a_good_header_are_told_line_by_line():
    with pytest.raises(DataError) as refusal:
        read_delimited(text(HEADER, *ROWS, "1,2", "1,2,red,a,b").encode(), "cats.csv")
    assert [problem.partition(";")[0] for problem in refusal.value.problems] == [
        "cats.csv, line 32: 2 cells, the header has 4",
        "cats.csv, line 33: 5 cells, the header has 4",
    ]


def test_a_setting_that_does_not_fit_is_refused():
    with pytest.raises(
        DataError, match=r"line 2: the header names all 2 cells of each row; leave data\.unnamed=first out"
    ):
        read_delimited(b"a,b\n1,2\n3,4\n", "cats.csv", Layout(unnamed="first"))


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (["country", "2019", "2020"], [["a", "1", "2"], ["b", "2020", "3"]]),
        (["word", "label"], [["word", "x"], ["other", "y"]]),
        (["age", "fur"], [["1", "fur"], ["2", "long"]]),
        (["a", "b"], [["x", "y"]]),
    ],
)
def test_a_header_is_not_taken_for_a_row(header, rows):
    assert find_row_as_header(header, rows) is None


@pytest.mark.parametrize("separator", ["\0", "ab", '"', "", "\n", "ü"])
def test_a_separator_that_can_be_none_is_refused(separator):
    with pytest.raises(DataError, match=r"^data\.separator=.*: must be one character, or comma, "):
        read_delimited(b"a,b\n1,2\n", "cats.csv", Layout(separator=separator))


@settings(max_examples=200)
@given(st.text(alphabet="a1 ,;'\"#\n\t.", max_size=60), st.sampled_from([None, "single", "none"]), st.booleans())
def test_whatever_the_text_it_is_read_or_refused(content, quote, has_header):
    for layout in (Layout(quote=quote), Layout(header=has_header, separator="blank", comment="#", unnamed="first")):
        try:
            cells = read_delimited(content.encode(), "cats.csv", layout)
        except DataError:
            continue
        assert len(cells.lines()) == len(cells.frame) > 0
