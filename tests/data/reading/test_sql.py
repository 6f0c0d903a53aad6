import os
import sqlite3
from contextlib import closing

import pandas as pd
import pytest

from nnsweep.data.reading import sql
from nnsweep.data.reading.read import read_table
from nnsweep.data.reading.table_columns import infer_columns
from nnsweep.data.table_settings import ColumnSettings
from nnsweep.errors import DataError

ADDRESS = "sqlite:///cats.db"
ALL = "SELECT age, colour, y FROM cats"
HUSH = "hush-hush-hush"


@pytest.fixture(autouse=True)
def database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("cats.db")) as connection:
        connection.execute("CREATE TABLE cats (age REAL, colour TEXT, y INTEGER, photo BLOB)")
        connection.executemany(
            "INSERT INTO cats VALUES (?, ?, ?, ?)",
            [(17 * i % 11 if i != 4 else None, "red" if i % 3 else "blue", i % 2, b"\0") for i in range(12)],
        )
        connection.commit()
    return tmp_path / "cats.db"


def refusal(path, query=None):
    with pytest.raises(DataError) as error:
        read_table(path, query=query)
    told = "\n".join(error.value.problems)
    assert HUSH not in told
    return told


def test_a_query_is_a_table():
    raw = read_table(ADDRESS, query=ALL)
    assert raw.typed
    assert list(raw.frame.columns) == ["age", "colour", "y"]
    assert raw.frame["age"].tolist()[:3] == [0, 6, 1]
    table = infer_columns(raw, ColumnSettings(target="y", missing="mean"))
    assert table.kinds == {"age": "number", "colour": "category"}
    assert table.targets.tolist() == ["0", "1"] * 6
    assert table.n_missing == {"age": 1}


def test_a_place_in_a_result_is_its_row():
    with pytest.raises(DataError, match=r"sqlite:///cats\.db, row 5, column 1 \(age\): '' is a missing value"):
        infer_columns(read_table(ADDRESS, query=ALL), ColumnSettings(target="y"))


def test_the_digest_is_that_of_the_cells():
    digests = [
        read_table(ADDRESS, query=query).digest for query in (ALL, f" {ALL} ;", f"{ALL} -- all", f"{ALL} LIMIT 5")
    ]
    assert digests[0] == digests[1] == digests[2] != digests[3]


@pytest.mark.parametrize(
    "query",
    [
        "WITH red AS (SELECT * FROM cats WHERE colour = 'red') SELECT age, y FROM red",
        "SELECT replace(colour, 'red', 'a;b') AS \"update\", y FROM cats -- delete nothing; really",
        "/* ; drop */ select age, y from cats where colour <> 'it''s; insert into'",
    ],
)
def test_words_and_semicolons_in_quotes_or_comments_are_harmless(query):
    assert len(read_table(ADDRESS, query=query).frame) > 3


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM cats",
        "SELECT 1; DELETE FROM cats",
        "WITH x AS (SELECT 1) DELETE FROM cats",
        "SELECT * INTO dogs FROM cats",
        "PRAGMA user_version = 7",
        "ATTACH 'dogs.db' AS dogs",
        "VACUUM INTO 'dogs.db'",
        "/* SELECT */ DROP TABLE cats",
        "EXPLAIN SELECT 1",
        "'SELECT'",
        "SELECT 1 /* ; */ ; SELECT 2",
    ],
)
def test_only_one_select_is_taken(query, database):
    before = database.read_bytes()
    told = refusal(ADDRESS, query)
    assert "must be one SELECT" in told or "must only read" in told
    assert database.read_bytes() == before
    assert os.listdir() == ["cats.db"]


def test_the_database_itself_is_opened_read_only(database, monkeypatch):
    monkeypatch.setattr("nnsweep.data.reading.sql._check_query", lambda query, *_: query)
    before = database.read_bytes()
    assert "readonly" in refusal(ADDRESS, "DELETE FROM cats")
    assert database.read_bytes() == before


@pytest.mark.parametrize(
    "path", ["sqlite:///dogs.db", "sqlite:////no/where/dogs.db", "sqlite:///", "sqlite:///:memory:"]
)
def test_a_file_that_is_not_there_is_not_made(path):
    assert "there is no file" in refusal(path, ALL)
    assert os.listdir() == ["cats.db"]


@pytest.mark.parametrize("path", ["sqlite://", "sqlite+pysqlite:///dogs.db", "SQLITE:///dogs.db"])
def test_sqlite_has_one_spelling(path):
    assert "write sqlite:///FILE" in refusal(path, ALL)
    assert os.listdir() == ["cats.db"]


def test_without_a_query_the_tables_are_told():
    assert "data.query is missing" in refusal(ADDRESS)
    assert "its tables: cats" in refusal(ADDRESS, " ")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT age FROM dogs", "no such table: dogs"),
        ("SELECT age, FROM cats", "syntax error"),
        ("SELECT age, age FROM cats", "columns of the result have one name: age; use AS"),
        ("SELECT age FROM cats WHERE age > 100", "no rows as its result"),
    ],
)
def test_what_the_database_refuses_is_told(query, told):
    assert told in refusal(ADDRESS, query)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "dogs.db").write_text("age,y\n1,a\n" * 100)
    assert "file is not a database" in refusal("sqlite:///dogs.db", ALL)


def test_pictures_are_no_features():
    with pytest.raises(DataError, match=r"column 1 \(photo\): .* is of a type that is not read \(bytes\)"):
        infer_columns(read_table(ADDRESS, query="SELECT photo, y FROM cats"), ColumnSettings(target="y"))


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://me:{HUSH}@host/db",
        f"postgresql://me:{HUSH}@/@host/db",
        f"postgresql+psycopg://:{HUSH}@host/db",
        f"mysql://me@host/db?password={HUSH}",
        f"postgresql://host/db?sslpassword={HUSH}",
        f"mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3D{HUSH}%3B",
        f"sqlite:///cats.db?key={HUSH}",
        f"snowflake://host/db?token={HUSH}",
    ],
)
def test_a_password_is_refused_and_not_repeated(address):
    assert "give it in the driver's own way" in refusal(address, ALL)


def test_a_user_without_a_password_is_taken():
    assert "password" not in refusal("nosuch://me@host/db", ALL)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://host/cats.csv", "is no database; download the file"),
        ("file:///cats.csv", "is no database"),
        ("posgresql://host/db", "did you mean 'postgresql'"),
        ("nosuch://host/db", "known: sqlite, postgresql"),
        ("oracle+cx_oracle://host/db", "driver is not installed"),
    ],
)
def test_an_address_of_something_else_is_told(address, told):
    assert told in refusal(address, ALL)


def test_a_query_for_a_file_is_told(tmp_path):
    (tmp_path / "cats.csv").write_text("age,y\n1,a\n")
    assert "data.query is for databases" in refusal("cats.csv", ALL)


def test_a_database_that_writes_ahead_is_read(database):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    before = database.read_bytes()
    assert len(read_table(ADDRESS, query=ALL).frame) == 12
    assert database.read_bytes() == before
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("UPDATE cats SET age = 5")
        writer.commit()
        assert read_table(ADDRESS, query=ALL).frame["age"].tolist() == [5] * 12


def test_other_databases_go_through_sqlalchemy_and_roll_back(database):
    def answer(query):
        return sql._answer(sql._connect(ADDRESS, "cats"), query, "cats")

    pd.testing.assert_frame_equal(answer(ALL), sql._answer(sql._open(database), ALL, "cats"))
    before = read_table(ADDRESS, query=ALL).digest
    assert len(answer("DELETE FROM cats RETURNING age")) == 12
    assert read_table(ADDRESS, query=ALL).digest == before
    with pytest.raises(DataError, match=r"the database refuses data\.query: no such table: dogs"):
        answer("SELECT * FROM dogs")
