import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import IntegrityError, OperationalError

from nnsweep.errors import ConfigError, StoreError
from nnsweep.tracking.backend import forget_backends
from nnsweep.tracking.client import AWAY_SECONDS, ask_again, explain_errors, listen, open_client

URI = "postgresql://me:secret@host/db"


@pytest.fixture(autouse=True)
def no_silence() -> Iterator[None]:
    """Let no test find the store silent that another one had not answer."""
    yield
    ask_again(URI)


@pytest.mark.parametrize(
    "raised",
    [
        MlflowException(f"first line about {URI}\nsecond line"),
        OperationalError("SELECT 1", {}, Exception(f"first line about {URI}\nsecond line")),
        OSError(f"first line about {URI}\r\nsecond line"),
        ValueError(f"\n\nfirst line about {URI}\n\nsecond line"),
    ],
    ids=lambda raised: type(raised).__name__,
)
def test_what_is_raised_becomes_one_line_without_a_password(raised: Exception):
    with pytest.raises(StoreError) as error, explain_errors(URI):
        raise raised
    (problem,) = error.value.problems
    assert problem.startswith("the store postgresql://***@host/db cannot be used (")
    assert "first line about postgresql://***@host/db" in problem
    assert "second" not in problem
    assert "secret" not in problem
    assert len(problem.splitlines()) == 1


def test_an_error_without_a_message_is_told_by_its_name():
    with pytest.raises(StoreError, match=re.escape("(TimeoutError)")), explain_errors(URI):
        raise TimeoutError


def test_a_page_in_one_line_is_cut_short():
    with pytest.raises(StoreError) as error, explain_errors(URI):
        raise MlflowException("<html>" * 10_000)
    assert len(str(error.value)) < 600


def test_an_older_store_is_told_how_to_upgrade():
    with (
        pytest.raises(StoreError, match=r"mlflow db upgrade sqlite:////study/mlflow\.db"),
        explain_errors("sqlite:////study/mlflow.db"),
    ):
        raise MlflowException("Detected out-of-date database schema (found version 1, but expected 2)")


def test_the_cause_is_told_and_not_when_it_was_met():
    said = "(raised as a result of Query-invoked autoflush; …)\n(sqlite3.OperationalError) database or disk is full"
    with pytest.raises(StoreError, match="disk is full") as told, explain_errors("sqlite:////study/mlflow.db"):
        raise MlflowException(said)
    assert "autoflush" not in str(told.value)


def test_a_file_that_sqlite_cannot_open_is_no_wrong_setting():
    with pytest.raises(StoreError, match="full, read-only or broken"), explain_errors("sqlite:////study/mlflow.db"):
        raise MlflowException("(sqlite3.OperationalError) unable to open database file")


SILENT = [
    ConnectionRefusedError("refused"),
    TimeoutError(),
    OperationalError("SELECT 1", {}, Exception("locked")),
    MlflowException("API request to http://host/api failed"),
]
SAYS_NO = [
    MlflowException("no such run"),
    ValueError("not JSON"),
    IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed")),
    FileNotFoundError(2, "No such file or directory", "weights.npz"),
]


def raised(error: Exception, uri: str = URI) -> None:
    with pytest.raises(StoreError), explain_errors(uri):
        raise error


@pytest.mark.parametrize("error", SILENT, ids=lambda error: type(error).__name__)
def test_silent_store_is_not_asked_again_for_a_while(error: Exception, monkeypatch: pytest.MonkeyPatch):
    raised(error)
    asked = []
    silent = r"^the store .*@host/db did not answer a moment ago \(.*\)\. Check"
    with pytest.raises(StoreError, match=silent) as told, explain_errors(URI):
        asked.append(True)
    assert asked == []
    assert "secret" not in str(told.value)
    later = time.monotonic() + AWAY_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    with explain_errors(URI):
        asked.append(True)
    assert asked == [True]


def test_it_is_asked_again_at_once_where_that_is_wanted():
    raised(TimeoutError())
    ask_again(URI)
    with explain_errors(URI):
        ask_again("sqlite:////never/asked.db")


def test_the_silence_of_a_store_is_no_other_ones():
    raised(TimeoutError())
    with explain_errors("postgresql://other/db"):
        pass


@pytest.mark.parametrize("error", SAYS_NO, ids=lambda error: type(error).__name__)
def test_a_store_that_says_no_has_answered(error: Exception):
    raised(error)
    with explain_errors(URI):
        pass


def test_listener_hears_of_every_question_answered_or_not():
    news: list[tuple[str, str]] = []
    with listen(lambda *told: news.append(told)):
        with explain_errors(URI):
            pass
        raised(ValueError("not JSON"))
        raised(TimeoutError("secret"))
        raised(TimeoutError())  # it is not asked
        ask_again(URI)
        with explain_errors("postgresql://other/db"):
            pass
    with explain_errors(URI):
        pass
    assert news == [(URI, ""), (URI, ""), (URI, "secret"), ("postgresql://other/db", "")]


def test_our_own_errors_pass():
    with pytest.raises(ConfigError, match=r"^mine$"), explain_errors(URI):
        raise ConfigError("mine")


def test_there_is_one_client_for_a_store(uri: str):
    assert open_client(uri) is open_client(uri)


def test_what_the_user_set_is_kept(uri: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    open_client(uri)
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_importing_the_room_does_not_import_mlflow():
    modules = "client, earlier, lock, owner, query, record, runs, server, sqlite, store, ui"
    program = f"import sys; from nnsweep.tracking import {modules}; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_store_replaced_by_another_file_is_reopened(tmp_path, ready_store_file):
    database = tmp_path / "mlflow.db"
    uri = f"sqlite:///{database}"
    for name in ("first", "second"):
        for path in tmp_path.glob("mlflow.db*"):
            path.unlink()
        shutil.copy(ready_store_file, database)
        forget_backends()
        open_client(uri).create_experiment(name)
        with contextlib.closing(sqlite3.connect(database)) as connection:
            names = {found for (found,) in connection.execute("select name from experiments")}
        assert names == {"Default", name}
