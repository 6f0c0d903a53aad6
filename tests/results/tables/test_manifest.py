"""A manifest comes back as it was written, or is refused in a line."""

import json
from dataclasses import asdict

import pytest

from nnsweep.errors import ConfigError, DataError
from nnsweep.results.tables.manifest import (
    ListedRun,
    Manifest,
    hash_content,
    place_beside,
    read_manifest,
    write_manifest,
)

MADE = Manifest(
    experiment="Größe \ud800",
    store="sqlite:///mlflow.db",
    asked={"filter": "depth > 1", "columns": ["name"], "sort": [], "sweep": None, "histories": False},
    runs=[ListedRun(run_id="ab", name="20-20-tanh-inv-s0", key="k", data_digest="d")],
    columns=["name"],
    n_rows=1,
    format="csv",
    sha256=hash_content(b"name\n20-20-tanh-inv-s0\n"),
    exported="2026-01-01T00:00:00Z",
)


@pytest.fixture
def table(tmp_path):
    write_manifest(tmp_path / "table.csv", b"name\n20-20-tanh-inv-s0\n", MADE)
    return tmp_path / "table.csv"


def test_table_and_manifest_are_written_together_and_come_back(table):
    assert read_manifest(table) == MADE
    assert hash_content(table.read_bytes()) == MADE.sha256
    assert sorted(path.name for path in table.parent.iterdir()) == ["table.csv", "table.csv.manifest.json"]


@pytest.mark.parametrize("in_the_way", ["table.csv", "table.csv.manifest.json"])
def test_if_one_cannot_be_written_neither_is(in_the_way, tmp_path):
    (tmp_path / in_the_way).mkdir()
    with pytest.raises(ConfigError, match="it is a folder"):
        write_manifest(tmp_path / "table.csv", b"x", MADE)
    assert [path.name for path in tmp_path.iterdir()] == [in_the_way]


def test_a_table_without_a_manifest_is_told_what_would_leave_one(tmp_path):
    (tmp_path / "table.csv").write_text("name\n")
    with pytest.raises(ConfigError, match=r"table.csv has no manifest: .* nnsweep export EXPERIMENT --output"):
        read_manifest(tmp_path / "table.csv")


@pytest.mark.parametrize("name", sorted(asdict(MADE).keys() - {"formula_version", "nnsweep", "shared", "digest"}))
def test_a_manifest_with_a_missing_or_wrong_field_is_refused(name, table):
    whole = asdict(MADE)
    for damaged in ({key: whole[key] for key in whole if key != name}, whole | {name: 1.5}):
        place_beside(table).write_text(json.dumps(damaged))
        with pytest.raises(DataError, match=rf"is no manifest \({name}: .*\); export the table again"):
            read_manifest(table)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"runs": [{}]}', b"[" * 100_000])
def test_whatever_else_lies_there_is_refused_in_a_line(content, table):
    place_beside(table).write_bytes(content)
    with pytest.raises(DataError, match="is no manifest") as refusal:
        read_manifest(table)
    assert str(refusal.value).isprintable()
