import contextlib
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import IntegrityError, OperationalError

from nnsweep.errors import ConfigError, StoreError
from nnsweep.tracking import answers
from nnsweep.tracking.answers import (
    AWAY_SECONDS,
    ask_again,
    describe_proxy,
    explain_answer,
    explain_errors,
    is_full,
    listen,
    suggest_remedy,
)
from nnsweep.tracking.backend import forget_backends
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.store import find_store, find_store_if_any, prepare_store, require_store
from tests.outside import Answer, answering

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
    modules = "answers, connection, earlier, lock, owner, query, record, runs, sqlite, store, ui"
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


released = threading.Event()


def page(handler: BaseHTTPRequestHandler, status: int = 200, content: bytes = b"<html>\nWelcome\n</html>") -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def fails(handler: BaseHTTPRequestHandler) -> None:
    page(handler, 500)


def refuses(handler: BaseHTTPRequestHandler) -> None:
    page(handler, 401)


def answers_a_list(handler: BaseHTTPRequestHandler) -> None:
    page(handler, content=b"[]")


def answers_something_else(handler: BaseHTTPRequestHandler) -> None:
    page(handler, content=b'{"weather": "fine"}')


def hangs(handler: BaseHTTPRequestHandler) -> None:
    released.wait(30)


def hangs_when_asked(handler: BaseHTTPRequestHandler) -> None:
    if handler.path == "/health":
        page(handler)
    else:
        released.wait(30)


def drips(handler: BaseHTTPRequestHandler) -> None:
    while not released.wait(0.5):
        handler.wfile.write(b"H")


def speaks_otherwise(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 mail.example.org ESMTP\r\n")


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    pass


ANSWERS = [
    page, fails, refuses, answers_a_list, answers_something_else,
    hangs, hangs_when_asked, drips, speaks_otherwise, hangs_up,
]  # fmt: skip


@pytest.fixture
def start() -> Iterator[Callable[[Answer], str]]:
    """Give a function that starts a server on this machine, given how it answers, and returns its address."""
    released.clear()
    with answering() as begin:
        yield lambda answer: f"http://{begin(answer)}"
        released.set()


@pytest.fixture
def nobody() -> str:
    """Give an address that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def refusal(address: str, ask: Callable[..., object]) -> tuple[str, float]:
    open_client(address)
    begin = time.monotonic()
    with pytest.raises(StoreError) as error:
        ask(address, "study")
    (problem,) = error.value.problems
    return problem, time.monotonic() - begin


def test_wrong_server_is_refused_in_one_line_in_ten_seconds(start, nobody: str, monkeypatch):
    most = 10.5 - answers.ANSWER_SECONDS  # what all else may take
    assert most > 1
    monkeypatch.setattr(answers, "ANSWER_SECONDS", 2.0)
    addresses = [one.replace("://", "://me:secret@") for one in (nobody, *map(start, ANSWERS))]
    tasks = [(address, ask) for address in addresses for ask in (prepare_store, find_store, find_store_if_any)]
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda task: refusal(*task), tasks))
    for (address, _), (problem, seconds) in zip(tasks, told, strict=True):
        assert address.replace("me:secret", "***") in problem
        assert "secret" not in problem
        assert "tracking.uri" in problem
        assert len(problem.splitlines()) == 1
        assert len(problem) < 600
        assert seconds < 2 + most


def test_a_hanging_server_is_given_up(start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(answers, "ANSWER_SECONDS", 0.3)
    problem, seconds = refusal(start(drips), prepare_store)
    assert "does not answer (nothing came within 0.3 seconds)" in problem
    assert seconds < 5


def test_present_server_is_asked_only_for_its_health(start):
    require_store(start(page))


def test_what_the_question_raises_is_raised_here(start):
    def ask() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        answers.ask_first(start(page), ask)


def test_the_answer_comes_back(start):
    assert answers.ask_first(start(page), lambda: 42) == 42


@pytest.mark.parametrize(
    ("uri", "is_one"),
    [("http://host", True), ("https://host/x", True), ("sqlite:///http.db", False), ("httpx://h", False)],
)
def test_a_server_is_known_by_its_scheme(uri: str, is_one: bool):
    assert answers.is_server(uri) is is_one


def forbids(handler: BaseHTTPRequestHandler) -> None:
    page(handler, 403)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refuses, "it answers 401 Unauthorized"),
        (refuses, "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        (forbids, "it answers 403 Forbidden"),
        (fails, "it answers 500 Internal Server Error"),
        (speaks_otherwise, "Something else than an MLflow server answers there"),
    ],
)
def test_a_refusal_names_its_cause(answer, told, start):
    assert told in refusal(start(answer), find_store)[0]


def test_a_dead_proxy_is_named(start, nobody, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", nobody)
    problem, _ = refusal(start(page), find_store)
    assert f"It is asked through the proxy {nobody} (http_proxy); if it needs none, set no_proxy=127.0.0.1" in problem
    assert "Start it" not in problem


SERVER, FILE = "https://track.example.org/base", "sqlite:////study/mlflow.db"
POSTGRESQL = "postgresql://me@host/db"


def api(status: int, body: str = "") -> str:
    return f"API request to endpoint /api/2.0/mlflow/x failed with error code {status} != 200. Response body: '{body}'"


CAUSES = [
    (FILE, "(sqlite3.OperationalError) database or disk is full", "The disk of /study is full: make room there"),
    (FILE, "[Errno 28] No space left on device: '/study/mlartifacts/x'", "The disk of /study is full"),
    (FILE, "[Errno 27] File too large", "Allow larger files: ulimit -f unlimited"),
    (FILE, "attempt to write a readonly database", "It may only be read"),
    (SERVER, api(401), "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
    (SERVER.replace("//", "//me:hush@"), api(401), "is wrong: check MLFLOW_TRACKING_USERNAME and"),
    (SERVER, api(403, "Permission denied"), "ask for permission"),
    (SERVER, api(403, "Invalid Host header - possible DNS rebinding attack"), "start it with --allowed-hosts"),
    (SERVER, api(404, "<html>"), "no MLflow server under this path"),
    (SERVER, api(503), "an error of its own: see its log"),
    (SERVER, "<urlopen error [Errno -2] Name or service not known>", "No machine of this name"),
    (SERVER, "SSLError: CERTIFICATE_VERIFY_FAILED certificate verify failed", "MLFLOW_TRACKING_SERVER_CERT_PATH"),
    (SERVER, "<urlopen error [SSL: WRONG_VERSION_NUMBER] wrong version number>", "write http:// in place of https://"),
    (SERVER, "BadStatusLine: 220 mail.example.org ESMTP", "Something else than an MLflow server"),
    (POSTGRESQL, 'FATAL:  password authentication failed for user "me"', "Check user and password"),
    (POSTGRESQL, "(psycopg.errors.InsufficientPrivilege) permission denied for table runs", "may only read"),
    (POSTGRESQL, "When an mlflow-artifacts URI was supplied, the tracking URI must be", "name that server"),
    (SERVER, "something new", "Check tracking.uri or MLFLOW_TRACKING_URI"),
]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(("uri", "said", "way"), CAUSES)
def test_each_cause_has_its_own_way_out(uri, said, way):
    assert way in suggest_remedy(uri, said)


def test_a_user_in_the_environment_is_known(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    assert "It wants to know who asks" in suggest_remedy(SERVER, api(401))  # without a password MLflow sends neither
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "guessed")
    assert "The user or the password is wrong" in suggest_remedy(SERVER, api(401))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (api(401, "You are not\n authenticated"), "it answers 401 Unauthorized: You are not authenticated"),
        (api(502, "<html>Bad"), "it answers 502 Bad Gateway"),
        (api(599), "it answers 599"),
        ("database is locked", "database is locked"),
    ],
)
def test_a_status_is_told_in_words(said, words):
    assert explain_answer(said) == words


def test_half_an_address_has_no_proxy():
    assert describe_proxy("http://[::1") == ""


def test_no_room_is_known_by_its_words():
    assert is_full(OSError(28, "No space left on device"))
    assert not is_full("disk I/O error")


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, ""),
        ({"HTTP_PROXY": "http://127.0.0.1:9"}, ""),
        ({"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "example.org"}, ""),
        ({"https_proxy": "http://me:hush@127.0.0.1:9"}, "proxy http://***@127.0.0.1:9 (https_proxy); if it needs none"),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, "(HTTPS_PROXY); if it needs none, set no_proxy=track.example.org"),
    ],
)
def test_a_proxy_is_named_with_its_variable(environment, told, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert told in describe_proxy(SERVER)
    assert bool(told) == bool(describe_proxy(SERVER))
