import sys
from pathlib import Path

import pytest

from nnsweep.errors import StoreError
from nnsweep.tracking import ui


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Keep the command lines that this process would have become."""
    kept: list[list[str]] = []
    monkeypatch.setattr(ui.os, "execv", lambda program, arguments: kept.append([program, *arguments]))
    return kept


def test_a_store_that_does_not_exist_is_not_served(tmp_path: Path, executed):
    with pytest.raises(StoreError, match="there is no store"):
        ui.serve(f"sqlite:///{tmp_path}/mlflow.db", 5000)
    assert executed == []
    assert [*tmp_path.iterdir()] == []


def test_a_damaged_store_is_not_served(tmp_path: Path, executed):
    (tmp_path / "mlflow.db").write_text("not a store")
    with pytest.raises(StoreError, match="it is not an SQLite database"):
        ui.serve(f"sqlite:///{tmp_path}/mlflow.db", 5000)
    assert executed == []


def test_a_store_is_served_to_this_machine_alone(uri: str, tmp_path: Path, executed):
    ui.serve(uri, 5123)
    (line,) = executed
    assert line[:2] == [sys.executable, sys.executable]
    given = dict(zip(line[5::2], line[6::2], strict=True))
    assert given["--host"] == "127.0.0.1"
    assert given["--port"] == "5123"
    assert given["--backend-store-uri"] == uri
    assert given["--default-artifact-root"] == str(tmp_path / "mlartifacts")
