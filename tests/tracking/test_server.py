import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest

from nnsweep.errors import StoreError
from nnsweep.tracking import server
from nnsweep.tracking.client import open_client
from nnsweep.tracking.store import find_store, find_store_if_any, prepare_store, require_store
from tests.outside import Answer, answering

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
    most = 10.5 - server.ANSWER_SECONDS  # what all else may take
    assert most > 1
    monkeypatch.setattr(server, "ANSWER_SECONDS", 2.0)
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
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.3)
    problem, seconds = refusal(start(drips), prepare_store)
    assert "does not answer (nothing came within 0.3 seconds)" in problem
    assert seconds < 5


def test_present_server_is_asked_only_for_its_health(start):
    require_store(start(page))


def test_what_the_question_raises_is_raised_here(start):
    def ask() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        server.ask_first(start(page), ask)


def test_the_answer_comes_back(start):
    assert server.ask_first(start(page), lambda: 42) == 42


@pytest.mark.parametrize(
    ("uri", "is_one"),
    [("http://host", True), ("https://host/x", True), ("sqlite:///http.db", False), ("httpx://h", False)],
)
def test_a_server_is_known_by_its_scheme(uri: str, is_one: bool):
    assert server.is_server(uri) is is_one


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
