import os
import shutil
import sys
import urllib.request
from pathlib import Path

import pytest

from nnsweep.errors import StoreError
from nnsweep.tracking import ui
from tests.outside import begin, free_port, kill, wait_until


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], dict[str, str]]]:
    """Keep what this process would have become: program, command line, environment."""
    kept: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(ui.os, "execve", lambda *given: kept.append(given))
    return kept


def test_a_store_that_does_not_exist_is_not_served(tmp_path: Path, executed):
    with pytest.raises(StoreError, match="there is no store"):
        ui.serve_ui(f"sqlite:///{tmp_path}/mlflow.db", 5000)
    assert executed == []
    assert [*tmp_path.iterdir()] == []


def test_a_damaged_store_is_not_served(tmp_path: Path, executed):
    (tmp_path / "mlflow.db").write_text("not a store")
    with pytest.raises(StoreError, match="it is not an SQLite database"):
        ui.serve_ui(f"sqlite:///{tmp_path}/mlflow.db", 5000)
    assert executed == []


def test_a_store_is_served_to_this_machine_alone(uri: str, tmp_path: Path, executed):
    ui.serve_ui(uri, 5123)
    ((program, line, environment),) = executed
    assert program == line[0] == sys.executable
    given = dict(zip(line[4::2], line[5::2], strict=True))
    assert given["--host"] == "127.0.0.1"
    assert given["--port"] == "5123"
    assert environment["MLFLOW_BACKEND_STORE_URI"] == uri
    assert given["--default-artifact-root"] == str(tmp_path / "mlartifacts")


def test_requested_store_wins_over_the_environments(uri: str, executed, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "sqlite:///another.db")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    ui.serve_ui(uri, 5123)
    ((_, _, environment),) = executed
    assert environment["MLFLOW_BACKEND_STORE_URI"] == uri
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "false"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc to read command lines from")
def test_no_command_line_of_the_server_names_the_store(ready_store_file: Path, tmp_path: Path):
    shutil.copy(ready_store_file, tmp_path / "planted.db")
    port = free_port()
    server = begin(tmp_path, "ui", "--port", str(port), "--uri", "sqlite:///planted.db")

    def answers() -> bool:
        assert server.poll() is None
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
        except OSError:
            return False
        return True

    try:
        wait_until(answers, "an answer of the server")
        lines = [line for line in command_lines(server.pid) if "mlflow" in line]
        assert lines
        assert "planted" not in "".join(lines)
    finally:
        kill(server)


def command_lines(session: int) -> list[str]:
    """Read the command lines of all processes of a session."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == session:
                found.append((process / "cmdline").read_text())
        except OSError:  # it has just ended
            continue
    return found
