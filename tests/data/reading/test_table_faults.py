"""Files that are wrong, one each: all are refused with the place and the way out, or read as they are meant."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import socket
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from nnsweep.data.reading.read import read_table
from nnsweep.data.reading.table_columns import TypedTable, infer_columns
from nnsweep.data.table_settings import ColumnSettings
from nnsweep.errors import DataError

GOOD = "age,colour,y\n" + "".join(f"{17 * i % 11},{'red' if i % 3 else 'blue'},{'ab'[i % 2]}\n" for i in range(12))
HEADER, *ROWS = GOOD.splitlines(keepends=True)


class Fault(NamedTuple):
    """A file, how it is asked for, and what must be said of it."""

    name: str
    file: str
    content: str | bytes | Callable[[Path], object]
    told: str | list[str]
    settings: Mapping[str, Any] = {}

    @property
    def fragments(self) -> list[str]:
        return [self.told] if isinstance(self.told, str) else self.told


def cell(value: str, *, column: int = 0, row: int = 4) -> str:
    """Give the good table with another cell in it: its line is 6."""
    rows = [line.rstrip("\n").split(",") for line in GOOD.splitlines()]
    rows[row + 1][column] = value
    return "".join(",".join(cells) + "\n" for cells in rows)


def column(name: str, values: list[object]) -> str:
    """Give the good table with another column in front."""
    lines = [line.rstrip("\n") for line in GOOD.splitlines()]
    return "".join(f"{value},{line}\n" for value, line in zip([name, *values], lines, strict=True))


def labels(*values: object, header: str = "y") -> str:
    """Give a table with these labels, over and over for twelve rows."""
    return f"age,{header}\n" + "".join(f"{17 * i % 11},{values[i % len(values)]}\n" for i in range(12))


CLASSES = "classification"


def packed(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def frame(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def astray() -> bytes:
    """Give a Feather file with a text that would begin far beyond the file's end."""
    starts = pa.py_buffer(np.array([0, 10**9, 3], dtype="int32").tobytes())
    texts = pa.Array.from_buffers(pa.string(), 2, [None, starts, pa.py_buffer(b"abc")])
    return packed(lambda file: feather.write_feather(pa.table({"a": texts, "y": ["a", "b"]}), file, "uncompressed"))


class Canary:
    """An object whose unpickling makes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("unpickled",)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(path.name)


def objects(values: list[object]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def zipped(**files: str) -> bytes:
    def write(file: io.BytesIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in files.items():
                archive.writestr(f"{name}.csv", content)

    return packed(write)


PARQUET = packed(lambda file: frame(age=[1, 2, 3, 4], y=list("abab")).to_parquet(file))
FEATHER = packed(lambda file: frame(age=[1, 2, 3, 4], y=list("abab")).to_feather(file))
ARCHIVE = packed(lambda file: zipfile.ZipFile(file, "w").writestr("xl/workbook.xml", "<workbook/>"))
NUMBERS = packed(lambda file: np.save(file, np.eye(3)))
PICKLED_ARRAY = packed(lambda file: np.save(file, objects([Canary()]), allow_pickle=True))
PICKLED_ARRAYS = packed(lambda file: np.savez(file, a=objects([Canary()])))
PLAIN_ARRAYS = packed(lambda file: np.savez(file, a=np.eye(3)))
ARFF = "@relation cats\n@attribute age numeric\n@attribute y {a,b}\n@data\n"
NO_UNPICKLING = ["object arrays are not loaded", "nothing is ever unpickled"]

REFUSED = [
    # What there is no table in.
    Fault("missing", "cats.csv", lambda path: None, "cats.csv: there is no such file; name the table with data.path"),
    Fault("missing, another is there", "cats.csv", lambda path: Path("cat.csv").touch(), "did you mean 'cat.csv'?"),
    Fault("missing, quite another is there", "cats.csv", lambda path: Path("dogs.csv").touch(), "name the table with"),
    Fault("missing with its folder", "no/where/cats.csv", lambda path: None, "there is no folder no/where either"),
    Fault("below a file", "file.txt/cats.csv", lambda path: Path("file.txt").touch(), "there is no such file"),
    Fault("a directory", "cats.csv", Path.mkdir, ["cats.csv is a folder", "data=text"]),
    Fault("a pipe", "cats.csv", fifo, "is no ordinary file but a pipe"),
    Fault("a socket", "cats.csv", listening, "is no ordinary file"),
    Fault("a device", "/dev/zero", lambda path: None, "/dev/zero is no ordinary file"),
    Fault("a link to nowhere", "cats.csv", lambda path: path.symlink_to("nowhere"), "there is no such file"),
    Fault("a link to itself", "cats.csv", lambda path: path.symlink_to(path), "cannot be read"),
    Fault("a name with NUL", "ca\0ts.csv", lambda path: None, "ca\\x00ts.csv: no file can have this name"),
    Fault("a name beyond all length", f"{'x' * 300}.csv", lambda path: None, "no file can have this name"),
    Fault("a name with a fake line", "a\nb\x1b[2J.csv", lambda path: None, "a\\nb\\x1b[2J.csv: there is no such file"),
    Fault("empty", "cats.csv", "", "cats.csv is empty"),
    Fault("empty lines", "cats.csv", "\n\r\n\n", "nothing but empty lines"),
    Fault("a mark and nothing", "cats.csv", b"\xef\xbb\xbf", "nothing but empty lines"),
    Fault("only a header", "cats.csv", HEADER, "has a header and no rows"),
    Fault("a header without a line end", "cats.csv", HEADER.strip(), "has a header and no rows"),
    Fault(
        "names twice", "cats.csv", "a,b,a,b,y\n1,2,3,4,a\n", ["line 1: columns 1, 3 are all called a", "columns 2, 4"]
    ),
    Fault("names twice but for a space", "cats.csv", "a, a,y\n1,2,b\n", "columns 1, 2 are all called a"),
    Fault(
        "no header", "cats.csv", "1,2.5,0\n2,3.5,1\n", ["line 1: the header is all numbers ('1, 2.5, 0')", "first line"]
    ),
    Fault("a million columns", "cats.csv", "," * 10**6 + "\n", "1,000,001 columns, at most 100,000 are read"),
    Fault("no header, label a text", "iris.csv", "5.1,3.5,setosa\n4.9,3.0,virginica\n", "has the file no header?"),
    Fault("an ending that is not known", "cats.cvs", GOOD, ["the ending .cvs", "did you mean '.csv'?"]),
    Fault("no ending", "cats", GOOD, "the ending (none)"),
    # Bytes.
    Fault("gzip cut off", "cats.csv.gz", gzip.compress(GOOD.encode())[:-12], "is cut off: its gzip stream has no end"),
    Fault("gzip of which only the mark is left", "cats.csv.gz", b"\x1f\x8b", "is cut off"),
    Fault(
        "gzip damaged", "cats.csv.gz", gzip.compress(GOOD.encode())[:-8] + b"\0" * 8, "is damaged: gzip cannot unpack"
    ),
    Fault("gzip in name only", "cats.csv.gz", GOOD, "is not packed by gzip, as its name says"),
    Fault("gzip of nothing", "cats.csv.gz", gzip.compress(b""), "nothing but empty lines"),
    Fault("CSV called a spreadsheet", "cats.xlsx", GOOD, "is no xlsx file, as its first bytes tell"),
    Fault("a spreadsheet cut off", "cats.xlsx", ARCHIVE[:-30], "is damaged or cut off"),
    Fault("a spreadsheet under another name", "cats.csv", ARCHIVE, "is a zip archive or a spreadsheet"),
    Fault("an old spreadsheet", "cats.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a spreadsheet"),
    Fault("Parquet under another name", "cats.csv", PARQUET, "let its name end in .parquet"),
    Fault("CSV called Parquet", "cats.parquet", GOOD, "is no parquet file, as its first bytes tell"),
    Fault("Feather called Parquet", "cats.parquet", FEATHER, "let its name end in .feather"),
    Fault("Parquet cut off", "cats.parquet", PARQUET[:-20], "is damaged or cut off"),
    Fault("Parquet of which only the mark is left", "cats.parquet", b"PAR1", "is damaged or cut off"),
    Fault("Parquet with other bytes in it", "cats.parquet", PARQUET[:4] + b"\xff" * 40 + PARQUET[44:], "is damaged"),
    Fault("Feather whose texts lie beyond it", "cats.feather", astray(), "is damaged or cut off"),
    Fault("Feather cut off", "cats.feather", FEATHER[:-20], "is damaged or cut off"),
    Fault("an SQLite file as a table", "cats.csv", b"SQLite format 3\0" + b"\0" * 100, "data.path=sqlite:///FILE"),
    Fault("an SQLite file by its name", "cats.db", b"whatever", "data.path=sqlite:///FILE"),
    Fault("xz cut off", "cats.csv.xz", lzma.compress(GOOD.encode())[:-20], "is cut off: its xz stream has no end"),
    Fault(
        "bzip2 cut off", "cats.csv.bz2", bz2.compress(GOOD.encode())[:-20], "is cut off: its bzip2 stream has no end"
    ),
    Fault("bzip2 damaged", "cats.csv.bz2", b"BZh9" + bytes(50), "is damaged: bzip2 cannot unpack it"),
    Fault("bzip2 in name only", "cats.csv.bz2", GOOD, "is not packed by bzip2, as its name says"),
    Fault("another packer", "cats.csv.zst", b"\x28\xb5\x2f\xfd\0", "is compressed in a way that is not read"),
    Fault("two files in a zip", "cats.zip", zipped(a=GOOD, b=GOOD), "cats.zip holds 2 files (a.csv, b.csv); unpack it"),
    Fault(
        "a zip of nothing but a hidden file",
        "cats.zip",
        zipped(**{".cats": GOOD}),
        "cats.zip holds no file; name another",
    ),
    Fault("a zip cut off", "cats.zip", zipped(a=GOOD)[:-30], "cats.zip is damaged: zip cannot unpack it"),
    Fault("NUL bytes", "cats.csv", cell("1\0\0"), "line 6: 2 NUL characters"),
    Fault("binary", "cats.csv", bytes(range(255)) * 20, "the file is no text"),
    Fault(
        "latin-1", "cats.csv", cell("grün", column=1).encode("latin-1"), ["line 6: byte 0xfc after 4 b", "cp1252 would"]
    ),
    Fault(
        "latin-1 with what cp1252 has not", "cats.csv", cell("\x81", column=1).encode("latin-1"), "latin-1 would fit"
    ),
    Fault("UTF-8 cut off", "cats.csv", (GOOD + "7,grün").encode()[:-2], "line 14: byte 0xc3"),
    Fault("UTF-16 without its mark", "cats.csv", GOOD.encode("utf-16-le"), "as in UTF-16 without its mark"),
    Fault("UTF-16 cut off", "cats.csv", GOOD.encode("utf-16")[:-1], "is not UTF-16"),
    Fault(
        "a quote that is never closed", "cats.csv", cell('"red', column=1), "line 6, column 2: a quote is not closed"
    ),
    Fault(
        "a quote that swallows a line",
        "cats.csv",
        cell('"red', column=1) + '1,"blue,a\n',
        "line 6, column 2: a quote is not closed before the next comma",
    ),
    Fault(
        "mixed separators",
        "cats.csv",
        HEADER + "1;red;a\n" + ROWS[0],
        ["line 2: 1 cell, the header has 3", "semicolon"],
    ),
    Fault(
        "ragged rows",
        "cats.csv",
        GOOD + "1,red\n1,red,a,4\n",
        ["line 14: 2 cells", "line 15: 4 cells, the header has 3"],
    ),
    Fault("a row of one cell", "cats.csv", GOOD + "total\n", "line 14: 1 cell"),
    Fault("cut off in the last row", "cats.csv", GOOD + "5,re", ["line 14: 2 cells", "may be cut off"]),
    Fault(
        "a million bad rows",
        "cats.csv",
        HEADER + "1,2\n" * 10**5,
        ["but 999 of 999 rows have 2 cells", "agree"],
    ),
    Fault("a long line", "cats.csv", cell("a" * 10**6 + ",b", column=1), "line 6: 4 cells, the header has 3"),
    Fault("a long number", "cats.csv", cell("1" * 10**6), "is beyond the numbers of 64 bits"),
    # Missing values and numbers that are none.
    *[
        Fault(
            f"missing: {marker or 'empty'}",
            "cats.csv",
            cell(marker),
            [f"line 6, column 1 (age): '{marker}' is a missing value, one of 1 in the column", "data.missing=drop"],
        )
        for marker in ("", " ", "NA", "N/A", "NaN", "nan", "null", "None", "?", "-")
        if marker != " "
    ],
    Fault("missing: spaces", "cats.csv", cell("  "), "is a missing value"),
    Fault("missing in two columns", "cats.csv", cell("").replace("red", "?", 2), ["(age)", "(colour)"]),
    Fault(
        "a category is missing and a mean is asked for",
        "cats.csv",
        cell("", column=1),
        ["line 6, column 2 (colour)", "categories have no mean"],
        {"missing": "mean"},
    ),
    *(
        Fault(
            f"missing in column {number}, and {missing} is asked for",
            "cats.csv",
            cell("", column=number),
            told,
            {"missing": missing},
        )
        for number, missing, told in (
            (0, "own", "numbers are no categories: 'data.missing={category: own, number: median}'"),
            (
                0,
                {"label": "drop"},
                "data.missing says nothing of kind number: 'data.missing={label: drop, number: median}'",
            ),
            (1, {"label": "drop"}, "data.missing says nothing of kind category: "),
            (1, {"number": "drop"}, "data.missing says nothing of kind category: "),
        )
    ),
    Fault(
        "single quotes around a long value",
        "cats.csv",
        GOOD.replace("red", "'red'").replace("blue", "'" + "a" * 1000 + "'"),
        "values are in single quotes, such as 'aaa" + "a" * 53 + "...; data.quote=single",
    ),
    Fault(
        "a label is missing",
        "cats.csv",
        cell("", column=2),
        "a label or group cannot be filled in",
        {"missing": "mean"},
    ),
    Fault("a label is NaN", "cats.csv", cell("NaN", column=2), "line 6, column 3 (y): 'NaN' is a missing value"),
    Fault(
        "no row is left",
        "cats.csv",
        "age,size,y\n1,,a\n,2,b\n3,,a\n,4,b\n",
        "data.missing=drop leaves no row",
        {"missing": "drop"},
    ),
    Fault("a decimal comma", "cats.csv", cell('"1,5"'), "line 6, column 1 (age): '1,5' has a comma"),
    Fault("decimal commas", "cats.csv", "age;y\n1,5;a\n2,5;b\n", ["line 2, column 1 (age): '1,5'", "line 3"]),
    Fault("thousands", "cats.csv", cell('"1,234,567"'), "'1,234,567' has a comma"),
    Fault(
        "beyond all numbers", "cats.csv", cell("1e999"), "line 6, column 1 (age): '1e999' is beyond the numbers of 64"
    ),
    Fault("beyond all numbers below", "cats.csv", cell("-1e999"), "'-1e999' is beyond"),
    Fault("infinite", "cats.csv", cell("inf"), "line 6, column 1 (age): 'inf' is infinite"),
    Fault("infinite below", "cats.csv", cell("-Infinity"), "'-Infinity' is infinite"),
    Fault(
        "infinite in Parquet",
        "cats.parquet",
        packed(lambda file: frame(age=[1, np.inf], y=["a", "b"]).to_parquet(file)),
        "row 2, column 1 (age): 'inf' is infinite",
    ),
    Fault(
        "a text among numbers",
        "cats.csv",
        cell("old"),
        ["'old' is not a number, as 11 other", "data.columns.age=category"],
    ),
    Fault(
        "a fake line among numbers", "cats.csv", cell('"1\n2\x1b[2J"'), "line 6, column 1 (age): '1\\n2\\x1b[2J' is not"
    ),
    Fault(
        "categories asked to be numbers", "cats.csv", GOOD, "'blue' is not a number", {"columns": {"colour": "number"}}
    ),
    Fault(
        "currency",
        "cats.csv",
        column("price", [f"${i}.50" for i in range(12)]),
        ["line 2, column 1 (price): '$0.50' has a currency; data.columns.price=number reads it", "(12 cells of"],
    ),
    Fault(
        "dates",
        "cats.csv",
        column("born", [f"{i + 13}.1.2024" for i in range(12)]),
        "line 2, column 1 (born): '13.1.2024' is a date; data.columns.born=date",
    ),
    Fault(
        "a mark among numbers",
        "cats.csv",
        column("weight", [*"12345678", *["unknown"] * 4]),
        ["line 10, column 1 (weight): 'unknown' is a missing value, one of 4", "data.columns.weight=category if"],
    ),
    Fault(
        "a value that is called None",
        "cats.csv",
        column("severity", ["None", "Mild", "Severe"] * 4),
        ["(severity): 'None' is a missing value", """'data.missing_marks=["not None"]' if 'None' is a value"""],
    ),
    Fault(
        "a class that is called None",
        "cats.csv",
        labels("None", "a", "b"),
        ["a label or group cannot be filled in", """'data.missing_marks=["not None"]' if 'None' is a value"""],
    ),
    Fault(
        "a label is missing and others are filled in",
        "cats.csv",
        cell("", column=2),
        "'data.missing={number: median, category: own, label: drop}' leaves its rows out",
        {"missing": {"number": "median", "category": "own"}},
    ),
    Fault("1e300", "cats.csv", cell("1e300"), "line 6, column 1 (age): '1e300' is beyond the numbers of 32 bits"),
    Fault(
        "1e300 in Parquet",
        "cats.parquet",
        packed(lambda file: frame(age=[1, 1e300], y=["a", "b"]).to_parquet(file)),
        "row 2, column 1 (age): '1e+300' is beyond",
    ),
    Fault(
        "everything at once",
        "cats.csv",
        "price,age,born,colour,y\n"
        + "".join(f"${i},{i * 17 % 11 or ''},2024-01-{i + 10},{['red', 'blue', ''][i % 3]},a\n" for i in range(12)),
        [
            "data.group='owner': there is no such column",
            "data.columns.colour='categry'",
            "(price): '$0' has a currency",
            "(born): '2024-01-10' is a date",
            "(age): '' is a missing value",
            "(colour): '' is a missing value",
            "all 12 rows are 'a'",
        ],
        {"group": "owner", "columns": {"colour": "categry"}},
    ),
    Fault(
        "cells beside a target that is not there",
        "cats.csv",
        cell("1x"),
        ["data.target='kind': there is no such column", "'1x' is not a number"],
        {"target": "kind"},
    ),
    # Which column is what.
    Fault("no target", "cats.csv", GOOD, "data.target names no column", {"target": None}),
    Fault(
        "a target that is not there",
        "cats.csv",
        GOOD,
        ["data.target='color'", "did you mean 'colour'? Known: age, colour, y"],
        {"target": "color"},
    ),
    *(
        Fault(
            f"{key}={word}",
            "cats.csv",
            GOOD,
            f"{key}={word!r}: there is no such column; write {key}=null",
            {name: word},
        )
        for name, word in (("group", "none"), ("split", "None"), ("split_by", "off"))
        for key in [f"data.{name}"]
    ),
    Fault(
        "a target called none",
        "cats.csv",
        GOOD,
        "data.target='none': there is no such column; known",
        {"target": "none"},
    ),
    Fault(
        "a kind for no column",
        "cats.csv",
        GOOD,
        "cats.csv: data.columns.edge='number': there is no such column; did you mean 'age'?",
        {"columns": {"edge": "number"}},
    ),
    Fault("a target in another case", "cats.csv", GOOD, "data.target='Y': there is no such column", {"target": "Y"}),
    Fault(
        "three names that are not there",
        "cats.csv",
        GOOD,
        ["data.target='a'", "data.group='b'", "data.columns.c="],
        {"target": "a", "group": "b", "columns": {"c": "number"}},
    ),
    Fault(
        "a kind that is not there",
        "cats.csv",
        GOOD,
        ["data.columns.age='numeric'", "did you mean 'number'"],
        {"columns": {"age": "numeric"}},
    ),
    Fault("a target that is ignored", "cats.csv", GOOD, "one role alone", {"columns": {"y": "ignore"}}),
    Fault("a group that is the target", "cats.csv", GOOD, "data.target and data.group", {"group": "y"}),
    Fault(
        "a part that is none",
        "cats.csv",
        column("part", ["train", "dev", "test"] * 4),
        ["line 3, column 1 (part): 'dev' is no part", "line 6"],
        {"split": "part"},
    ),
    Fault(
        "a part that is missing",
        "cats.csv",
        column("part", ["train", "", "test"] * 4),
        "'' is no part",
        {"split": "part"},
    ),
    Fault("nothing but the label", "cats.csv", "y\na\nb\na\n", "there is no feature besides the label y"),
    Fault(
        "constants and an index",
        "cats.csv",
        "id,c,y\n" + "".join(f"{i},5,{'ab'[i % 2]}\n" for i in range(6)),
        ["there is no feature", "id is an index", "c is constant ('5')"],
    ),
    Fault(
        "as many categories as rows",
        "cats.csv",
        column("code", [f"k{i % 30}" for i in range(12)])
        + "".join(f"c{i},1,red,a\n" for i in range(40))
        + "c1,2,red,b\n",
        ["code has 52 different", "data.columns.code=ignore"],
    ),
    Fault(
        "a thousand categories",
        "cats.csv",
        "c,y\n" + "".join(f"k{i % 1001},{'ab'[i % 2]}\n" for i in range(5000)),
        "c has 1,001 different texts in 5,000 rows (such as 'k0')",
    ),
    Fault(
        "ten thousand categories on demand",
        "cats.csv",
        "c,y\n" + "".join(f"k{i},{'ab'[i % 2]}\n" for i in range(10_001)),
        "too many for categories",
        {"columns": {"c": "category"}},
    ),
    # Labels.
    Fault("one class", "cats.csv", labels("a"), "all 12 rows are 'a'; there must be two classes or more"),
    Fault("one class after all", "cats.csv", labels("0", "0.0"), "all 12 rows are '0'"),
    Fault("one row", "cats.csv", "age,y\n1,a\n", "all 1 rows are 'a'"),
    Fault(
        "100,000 classes",
        "cats.csv",
        "x,y\n" + "".join(f"{i % 7},c{i % 10**5}\n" for i in range(2 * 10**5)),
        "100,000 different",
    ),
    Fault(
        "a measurement as label",
        "cats.csv",
        "x,y\n" + "".join(f"{i % 7},{i / 7}\n" for i in range(50)),
        ["are no classes", "or group the values, or choose data.task=regression"],
        {"task": "classification"},
    ),
    Fault("several classes", "cats.csv", labels("a", "b"), "has one target", {"target": ("age", "y"), "task": CLASSES}),
    # Numbers and several labels.
    Fault(
        "a text among numbers to learn",
        "cats.csv",
        labels(1.5, "much", 3),
        ["line 3, column 2 (y): 'much' is not a number", "name another data.target, or choose data.task=class"],
        {"task": "regression"},
    ),
    Fault("an infinite number to learn", "cats.csv", labels(1.5, "inf"), "'inf' is infinite", {"task": "regression"}),
    Fault("texts to learn", "cats.csv", labels("a", "b"), "'a' is not a number; mend it, name", {"task": "regression"}),
    Fault("dates to learn", "cats.csv", labels("2020-12-31"), "is not a number; mend it, name", {"task": "regression"}),
    Fault("one number to learn", "cats.csv", labels(2.5), "all 12 rows are 2.5; there is no", {"task": "regression"}),
    Fault(
        "a gap among numbers to learn",
        "cats.csv",
        labels(1.5, "", 3),
        ["line 3, column 2 (y): '' is a missing value", "a target or weight cannot be filled in: data.missing=drop"],
        {"task": "regression"},
    ),
    Fault(
        "classes and numbers to learn",
        "cats.csv",
        labels("a,1", "b,2", header="y,z"),
        "must all be numbers, or all be labels of 0 and 1 or no and yes; y has 'a'",
        {"target": ("y", "z")},
    ),
    Fault(
        "a label that is none",
        "cats.csv",
        labels("yes,1", "maybe,0", header="y,z"),
        "line 3, column 2 (y): 'maybe' is neither 0 nor 1, no nor yes, false nor true; mend it",
        {"target": ("y", "z"), "task": "multilabel"},
    ),
    Fault("labels alike", "cats.csv", labels("no,1", header="y,z"), "all 12 rows are 0", {"target": ("y", "z")}),
    Fault("no such target", "cats.csv", labels("a", "b"), "data.target='z': there is no", {"target": ("y", "z")}),
    # Weights.
    Fault(
        "a negative weight",
        "cats.csv",
        labels("a,1", "b,-2.5", header="y,w"),
        "line 3, column 3 (w): '-2.5' is a negative weight; mend it, or leave data.weight out",
        {"weight": "w"},
    ),
    Fault("a weight in words", "cats.csv", labels("a,1", "b,much", header="y,w"), "'much' is not", {"weight": "w"}),
    Fault("no weight", "cats.csv", labels("a,1", "b,", header="y,w"), "(w): '' is a missing value", {"weight": "w"}),
    Fault("weights of 0", "cats.csv", labels("a,0", "b,0", header="y,w"), "all weights are 0", {"weight": "w"}),
    Fault(
        "a weight as group",
        "cats.csv",
        labels("a,1", "b,2", header="y,w"),
        "data.weight and data.group",
        {"weight": "w", "group": "w"},
    ),
    # Pickles.
    Fault("a pickle", "cats.pkl", pickle.dumps(Canary()), NO_UNPICKLING),
    Fault("a pickle called CSV", "cats.csv", pickle.dumps(Canary()), NO_UNPICKLING),
    Fault("an old pickle", "cats.pickle", pickle.dumps(Canary(), protocol=0), NO_UNPICKLING),
    Fault("joblib", "cats.joblib", pickle.dumps(Canary()), NO_UNPICKLING),
    Fault("a packed pickle", "cats.pkl.gz", gzip.compress(pickle.dumps(Canary())), NO_UNPICKLING),
    Fault("an array of objects", "cats.npy", PICKLED_ARRAY, NO_UNPICKLING),
    Fault("arrays of objects", "cats.npz", PICKLED_ARRAYS, NO_UNPICKLING),
    Fault("an array of objects called CSV", "cats.csv", PICKLED_ARRAY, "is a NumPy array"),
    Fault("an array", "cats.npy", NUMBERS, "a NumPy array, without labels"),
    Fault("arrays", "cats.npz", PLAIN_ARRAYS, "has no array X; its arrays: a"),
    Fault("arrays that do not fit", "cats.npz", packed(lambda file: np.savez(file, X=np.eye(3), y=[0])), "X of shape"),
    Fault(
        "arrays with fields",
        "cats.npz",
        packed(lambda file: np.savez(file, X=np.eye(2), y=np.array([(0,), (1,)], dtype=[("a", int)]))),
        "y of shape (2,) and type [('a', '<i8')]",
    ),
    Fault(
        "arrays with half a character",
        "cats.npz",
        packed(lambda file: np.savez(file, X=np.array([["a\ud800"], ["b"]]), y=["k", "l"])),
        "half a character",
    ),
    Fault(
        "no labels",
        "cats.npz",
        packed(lambda file: np.savez(file, X=np.eye(3))),
        "data.target names no column; say which has the labels. Known: 0, 1, 2",
        {"target": None},
    ),
    Fault("no svmlight", "cats.svmlight", GOOD, ["is no file of svmlight or libsvm", "LABEL NUMBER:VALUE"]),
    Fault("arrays cut off", "cats.npz", PLAIN_ARRAYS[:-30], "is damaged or cut off"),
    Fault("an array cut off", "cats.npy", NUMBERS[:-30], "is damaged"),
    # The other formats.
    Fault("ARFF, sparse", "cats.arff", ARFF + "{0 1, 1 b}\n1,a\n", "line 5: a sparse row"),
    Fault(
        "ARFF, a relation", "cats.arff", "@attribute d relational\n@data\n1\n", ["line 1: attribute d", "relational"]
    ),
    Fault(
        "ARFF, no date",
        "cats.arff",
        "@attribute d date 'yyyy-MM-dd'\n@attribute y {a,b}\n@data\n1999-01-31,a\n1999-01-32,b\n",
        "line 5, column 1 (d): '1999-01-32' is no date",
    ),
    Fault("ARFF without data", "cats.arff", ARFF.partition("@data")[0], "has no @data"),
    Fault("ARFF without rows", "cats.arff", ARFF + "% nothing\n", "no rows after @data"),
    Fault("ARFF, ragged", "cats.arff", ARFF + "1,a\n2\n% 3\n4,b,c\n", ["line 6: 1 cells", "line 8: 3 cells"]),
    Fault(
        "ARFF, a value that is not declared",
        "cats.arff",
        ARFF + "1,c\n",
        "line 5: column y: 'c' is none of its declared",
    ),
    Fault("ARFF, a quote that is not closed", "cats.arff", ARFF + "'1,a\n", "line 5: a quote is not closed"),
    Fault("ARFF, no number", "cats.arff", ARFF + "1,a\nold,b\n", "line 6, column 1 (age): 'old' is not a number"),
    Fault(
        "ARFF, names twice",
        "cats.arff",
        "@attribute a real\n@attribute a real\n@data\n1,2\n",
        "2 columns are called a",
    ),
    Fault("JSON, an array cut off", "cats.json", '[{"age": 1},\n{"ag', "line 2: no JSON at character"),
    Fault(
        "JSON, an array without a comma", "cats.json", '[{"age": 1}\n{"age": 2}]', "line 2: a comma or ] must follow"
    ),
    Fault("JSON, an array of numbers", "cats.json", "[1, 2]", "line 1: '1' is no object"),
    Fault("JSON, more than an array", "cats.json", '[{"age": 1}]\n[]', "line 2: '[]' follows the array"),
    Fault("JSON, an empty array", "cats.json", "[]", "holds an array of nothing"),
    Fault("JSON, no object", "cats.jsonl", '{"age": 1, "y": "a"}\n5\n', "line 2: '5' is no object"),
    Fault("JSON, cut off", "cats.jsonl", '{"age": 1, "y": "a"}\n\n{"age": 2, "y', "line 3: no JSON at character"),
    Fault("JSON, nested", "cats.jsonl", '{"age": [1], "y": "a"}\n', "line 1: column age is a nested value"),
    Fault("JSON, nested for ever", "cats.jsonl", '{"a":' * 10**5 + "\n", "line 1"),
    Fault("JSON, a name twice", "cats.jsonl", '{"age": 1, "age": 2}\n', "line 1: 'age' is there twice"),
    Fault("JSON, half a character", "cats.jsonl", '{"age": "\\ud800"}\n', "line 1: half a character"),
    Fault(
        "JSON, every line its own column",
        "cats.jsonl",
        "".join(f'{{"c{i}": 1}}\n' for i in range(5000)),
        "nearly all cells",
    ),
    Fault(
        "Parquet, nested",
        "cats.parquet",
        packed(lambda file: frame(v=[[1], [2]], y=["a", "b"]).to_parquet(file)),
        "nested",
    ),
    Fault(
        "Parquet, dates",
        "cats.parquet",
        packed(lambda file: frame(d=[*pd.date_range("2020", periods=2)], y=["a", "b"]).to_parquet(file)),
        "(datetime64)",
    ),
    Fault(
        "Parquet, dates after a gap",
        "cats.parquet",
        packed(lambda file: frame(d=[pd.NaT, pd.Timestamp("2020-02-01")], y=["a", "b"]).to_parquet(file)),
        "row 2, column 1 (d): '2020-02-01 00:00:00' is of a type that is not read (datetime64)",
    ),
    Fault(
        "Parquet without rows",
        "cats.parquet",
        packed(lambda file: frame(a=[], y=[]).to_parquet(file)),
        "2 columns and no",
    ),
]


def put(path: Path, content: str | bytes | Callable[[Path], object]) -> None:
    if callable(content):
        content(path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def understood(fault: Fault) -> TypedTable:
    put(Path(fault.file), fault.content)
    return infer_columns(read_table(fault.file), ColumnSettings(**{"target": "y", **fault.settings}))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_fault_has_a_name_of_its_own():
    names = [fault.name for fault in REFUSED]
    assert len(set(names)) == len(names) > 85


@pytest.mark.parametrize("fault", REFUSED, ids=lambda fault: fault.name)
def test_what_is_wrong_is_told_with_its_place(fault):
    began = time.process_time()
    with pytest.raises(DataError) as refusal:
        understood(fault)
    assert refusal.value.exit_code == 4
    told = "\n".join(refusal.value.problems)
    for fragment in fault.fragments:
        assert fragment in told
    assert len(refusal.value.problems) <= 21
    assert all(problem.isprintable() and len(problem) < 600 for problem in refusal.value.problems)
    assert time.process_time() - began < 3
    assert not Path("unpickled").exists()
