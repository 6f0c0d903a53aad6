import os
import re
import subprocess
import sys

import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from nnsweep.errors import ConfigError, StoreError
from nnsweep.tracking.client import client, explained

URI = "postgresql://me:secret@host/db"


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
    with pytest.raises(StoreError) as error, explained(URI):
        raise raised
    (problem,) = error.value.problems
    assert problem.startswith("the store postgresql://***@host/db cannot be used (")
    assert "first line about postgresql://***@host/db" in problem
    assert "second" not in problem
    assert "secret" not in problem
    assert len(problem.splitlines()) == 1


def test_an_error_without_a_message_is_told_by_its_name():
    with pytest.raises(StoreError, match=re.escape("(TimeoutError)")), explained(URI):
        raise TimeoutError


def test_a_page_in_one_line_is_cut_short():
    with pytest.raises(StoreError) as error, explained(URI):
        raise MlflowException("<html>" * 10_000)
    assert len(str(error.value)) < 600


def test_an_older_store_is_told_how_to_upgrade():
    with (
        pytest.raises(StoreError, match=r"mlflow db upgrade sqlite:////study/mlflow\.db"),
        explained("sqlite:////study/mlflow.db"),
    ):
        raise MlflowException("Detected out-of-date database schema (found version 1, but expected 2)")


def test_our_own_errors_pass():
    with pytest.raises(ConfigError, match=r"^mine$"), explained(URI):
        raise ConfigError("mine")


def test_there_is_one_client_for_a_store(uri: str):
    assert client(uri) is client(uri)


def test_what_the_user_set_is_kept(uri: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    client(uri)
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_importing_the_room_does_not_import_mlflow():
    modules = "client, links, reading, record, run, server, store, ui"
    program = f"import sys; from nnsweep.tracking import {modules}; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
