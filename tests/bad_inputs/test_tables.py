"""Tables of somebody's own that are wrong, given to the program: told before any job, and nothing is left behind.

All that can be wrong with a file is in ``tests/data/test_table_faults.py``; these few go the whole way.
"""

import gzip
import os
import pickle
import sqlite3
from pathlib import Path

GOOD = "age,colour,y\n" + "".join(f"{17 * i % 11},{'red' if i % 3 else 'blue'},{'ab'[i % 2]}\n" for i in range(40))
HUSH = "hush-hush-hush"


class Canary:
    """An object whose unpickling makes a folder."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ("unpickled",)


def database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cats (age, y)")
    connection.close()


def table(name: str, content, told: str | list[str], *settings: str, file: str = "cats.csv") -> tuple:
    arguments = ["data=table", f"data.path={file}", "data.target=y", *settings]
    return (name, arguments, told, 4, {} if content is None else {file.removeprefix("sqlite:///"): content})


def asked(name: str, query: str, told: str | list[str]) -> tuple:
    settings = ["data.path='sqlite:///cats.db'", "data.target=y", f'data.query="{query}"']
    return (name, ["data=table", *settings], told, 4, {"cats.db": database})


BAD = [
    table("missing", None, "cats.csv: there is no such file"),
    table("a folder", Path.mkdir, "cats.csv is a folder"),
    table("a pipe", os.mkfifo, "is no ordinary file"),
    table("empty", "", "cats.csv is empty"),
    table("only a header", "age,y\n", "has a header and no rows"),
    table("no header", "1,2\n3,4\n", "the header is all numbers"),
    table("ragged rows", GOOD + "1,2\n3\n", ["line 42: 2 cells, the header has 3", "line 43: 1 cell"]),
    table("hundreds of problems", GOOD + 133 * "1,2\n", ["line 61: 2 cells", "and 113 more"]),
    table("latin-1", GOOD.replace("red", "grün").encode("latin-1"), ["line 3: byte 0xfc", "cp1252 would fit"]),
    table("gzip cut off", gzip.compress(GOOD.encode())[:-9], "is cut off", file="cats.csv.gz"),
    table(
        "a missing value",
        GOOD.replace("\n6,", "\n?,", 1),
        ["line 3, column 1 (age): '?' is a missing", "data.missing=drop"],
    ),
    table("beyond all numbers", GOOD.replace("\n6,", "\n1e999,", 1), "line 3, column 1 (age): '1e999' is beyond"),
    table(
        "a fake line", GOOD.replace("\n6,", '\n"6\nnnsweep: x\x1b[2J",', 1), r"'6\nnnsweep: x\x1b[2J' is not a number"
    ),
    table("another target", GOOD, "data.target='yy': there is no such column", "data.target=yy"),
    table("one class", GOOD.replace("b\n", "a\n"), "all 40 rows are 'a'; there must be two classes or more"),
    table("a pickle", pickle.dumps(Canary()), "object arrays are not loaded"),
    table("a pickle by name", pickle.dumps(Canary()), "object arrays are not loaded", file="cats.pkl"),
    asked("a query that deletes", "DELETE FROM cats", "must be one SELECT"),
    asked("two queries", "SELECT 1; SELECT 2", "must be one SELECT"),
    asked("a table that is not there", "SELECT y FROM dogs", "no such table: dogs"),
    asked("no rows", "SELECT age, y FROM cats", "no rows as its result"),
    table("a database that is not there", None, "there is no file", "data.query='SELECT 1'", file="sqlite:///dogs.db"),
    table("a password", None, "give it in the driver's own way", f"data.path='postgresql://me:{HUSH}@host/db'"),
]


def test_bad_tables_are_refused(bad, refused, study):
    told = refused(bad)
    assert HUSH not in "\n".join(told)
    assert not (study / "unpickled").exists()
