import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as some
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from nnsweep.errors import ConfigError, StoreError
from nnsweep.masking import masked, without_credentials
from nnsweep.tracking.client import client, explained

SCHEMES = some.sampled_from(["http", "https", "postgresql", "mysql+pymysql", "mssql+pyodbc"])
USERS = some.from_regex(r"[a-z_.%+-]{0,12}", fullmatch=True)
PASSWORDS = some.from_regex(r"[0-9A-Z#$%&!*:/@?]{6,20}", fullmatch=True)
TEXTS = some.text(some.characters(exclude_characters="0123456789", exclude_categories=["Lu", "Cs"]), max_size=400)


@given(SCHEMES, USERS, PASSWORDS, TEXTS, TEXTS)
def test_no_password_survives(scheme: str, user: str, password: str, before: str, after: str):
    said = masked(f"{before} {scheme}://{user}:{password}@host/db {after}")
    assert f"{scheme}://***@host/db" in said
    assert password not in said


@given(some.lists(PASSWORDS, min_size=2, max_size=6), some.sampled_from([" ", ", ", "\n", "' '"]))
def test_no_password_survives_among_many(passwords: list[str], between: str):
    said = masked(between.join(f"http://me:{password}@host" for password in passwords))
    assert said == between.join(["http://***@host"] * len(passwords))


def test_no_password_survives_in_a_very_long_message():
    address = "mysql+pymysql://me:p/a:s@s@host/db"
    said = masked(f"{'a' * 200_000} {f'<p>{address}</p> ' * 2000}")
    assert "p/a" not in said
    assert said.count("mysql+pymysql://***@host/db") == 2000


@pytest.mark.parametrize(
    "name", ["password", "sslpassword", "api_key", "X-Amz-Credential", "Token", "client_secret", "pwd"]
)
def test_a_secret_in_a_query_is_hidden(name: str):
    said = masked(f"postgresql://host/db?a=1&{name}=hush&b=2 and more")
    assert said == f"postgresql://host/db?a=1&{name}=***&b=2 and more"


def test_an_address_without_its_credentials_leads_to_the_same_place():
    assert without_credentials("https://me:se@cret@host:80/a?b=c") == "https://host:80/a?b=c"
    assert without_credentials("http://host/a@b") == "http://host/a@b"


def test_a_token_without_a_user_is_hidden():
    assert masked("https://token@host") == "https://***@host"


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////home/me@work/mlflow.db",
        "http://127.0.0.1:5000/mlflow",
        "https://host/me@example.org",
        "ask me@example.org",
        "",
    ],
)
def test_what_is_not_a_credential_stays(text: str):
    assert masked(text) == text


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
