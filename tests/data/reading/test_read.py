import gzip
import os
import subprocess
import sys
import time

import pytest

from nnsweep.data.reading.read import LAID_OUT, READERS, RawTable, read_table
from nnsweep.errors import DataError


@pytest.fixture
def cats(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cats.csv").write_text('age,the\ncolour\n17,"re\nd"\n18,blue\n'.replace("the\ncolour", '"the\ncolour"'))
    return read_table("cats.csv")


def test_a_place_is_a_line_and_a_column(cats):
    assert cats.place(0) == "cats.csv, line 3"
    assert cats.place(1, "the\ncolour") == r"cats.csv, line 5, column 2 (the\ncolour)"


def test_a_place_without_lines_is_a_row(cats):
    assert RawTable(cats.frame, "sqlite:///cats.db", typed=True, digest="").place(0, "age") == (
        "sqlite:///cats.db, row 1, column 1 (age)"
    )


def test_many_places_are_found_in_one_reading(tmp_path):
    (tmp_path / "cats.csv").write_text("age,y\n" + "17,a\n" * 200_000)
    raw = read_table(str(tmp_path / "cats.csv"))
    began = time.process_time()
    assert all(raw.place(row).endswith(f"line {row + 2}") for row in range(199_000, 200_000))
    assert time.process_time() - began < 2


def test_the_home_folder_may_be_meant(cats, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    raw = read_table("~/cats.csv")
    assert (raw.source, raw.digest) == ("~/cats.csv", cats.digest)


@pytest.mark.parametrize(
    ("key", "way_out"),
    [
        ("data.path", "name the table with data.path"),
        ("DATA", "name the table with DATA"),
        ("data.test_path", "write data.test_path=null for none"),
    ],
)
def test_a_file_that_is_not_there_is_told_with_what_names_it(key, way_out, cats):
    with pytest.raises(DataError) as refusal:
        read_table("none", key=key)
    assert refusal.value.problems == (f"none: there is no such file; {way_out}",)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for the superuser")
def test_an_unreadable_file_is_told(cats, tmp_path):
    (tmp_path / "cats.csv").chmod(0)
    with pytest.raises(DataError, match=r"cats\.csv cannot be read: Permission denied"):
        read_table("cats.csv")


def test_what_the_machine_refuses_is_told(cats, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "cats.csv")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(DataError, match=r"cats\.csv cannot be read: Permission denied"):
        read_table("cats.csv")


def test_what_unpacks_to_something_enormous_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("nnsweep.data.reading.table_file._MOST_UNPACKED", 2**20)
    (tmp_path / "cats.csv.gz").write_bytes(gzip.compress(bytes(2**22)))
    with pytest.raises(DataError, match="unpacks to more than 1,048,576 bytes"):
        read_table(str(tmp_path / "cats.csv.gz"))


@pytest.mark.parametrize("suffix", [*READERS, *LAID_OUT])
def test_every_format_refuses_nonsense_with_its_name(suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"cats{suffix}").write_bytes(b"\x01\x02\xff\xfe" * 100)
    with pytest.raises(DataError, match=rf"^cats{suffix}"):
        read_table(f"cats{suffix}")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [*READERS, *LAID_OUT])
def test_no_format_takes_long_over_one_long_line(suffix, tmp_path):
    path = tmp_path / f"cats{suffix}"
    for piece in (b"a", b'"', b",", b"'", b"[", b'{"a":', b" ", b"\\", b"%", b"1", b"@attribute "):
        path.write_bytes(b"PAR1" * (suffix == ".parquet") + piece * (10**6 // len(piece)))
        began = time.process_time()
        with pytest.raises(DataError):
            read_table(str(path))
        assert time.process_time() - began < 1.5


def test_what_reads_imports_no_heavy_library():
    modules = "nnsweep.data.reading.read, nnsweep.data.reading.table_columns"
    code = f"import sys, {modules}; print(*sorted({{'pandas', 'pyarrow', 'sklearn', 'sqlalchemy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
