"""Stores that are none: wrong addresses, files that are something else, servers that speak otherwise or not at all."""

import json
import os
import shutil
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from nnsweep.tracking.connection import open_client
from tests.outside import Answer, answering

SECRET = "hunter2"
ENDED = threading.Event()


def uri(name: str, address: str, told: str, code: int = 5, files=None) -> tuple:
    return (name, f"tracking.uri='{address}'", told, code, files)


def file(name: str, make: Callable[[Path], object] | str | bytes, told: str = "store.db cannot be read") -> tuple:
    return uri(f"a file: {name}", "sqlite:///store.db", told, 5, {"store.db": make})


def half(path: Path) -> None:
    whole = Path("mlflow.db").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def flipped(path: Path) -> None:
    content = bytearray(Path("mlflow.db").read_bytes())
    for place in range(100, len(content), 97):
        content[place] ^= 0xFF
    path.write_bytes(content)


def zeroed_tail(path: Path) -> None:
    content = Path("mlflow.db").read_bytes()
    path.write_bytes(content[:8192] + bytes(len(content) - 8192))


def other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmarks (title TEXT)")
        database.commit()


def old(path: Path) -> None:
    shutil.copy("mlflow.db", path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = '0c779009ac13'")
        database.commit()


def newer(path: Path) -> None:
    shutil.copy("mlflow.db", path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        database.commit()


KIND = "must be sqlite:///FILE, http(s)://HOST or a database URI"
MASKED = f"me:{SECRET}@"
BAD = [
    *[
        uri(f"a kind that MLflow has not: {address}", address, f"tracking.uri={told or address}: {KIND}", 2)
        for address, told in [
            ("./mlruns", ""), ("mlruns", ""), ("file:///x", ""), ("ftp://x", ""), ("databricks", ""), ("s3://x/y", ""),
            ("uc:x", ""), ("sqlite://x.db", ""), ("sqlite:x.db", ""), ("SQLITE:///x.db", ""), ("http://", ""),
            ("https://", ""), ("http:x", ""), ("postgresql://", ""), ("oracle://h/db", ""), ("http://a b", "http://ab"),
            (f"oracle://{MASKED}h/db", "oracle://***@h/db"), (f"ftp://{MASKED}h/x?password={SECRET}", "ftp://***@h/x?password=***"),
        ]
    ],
    uri("a file with a question mark", "sqlite:///a?b.db", "a?b.db: the path holds", 2),
    uri("a file with an escape", "sqlite:///a%20b.db", "a%20b.db: the path holds", 2),
    uri("a file with a NUL", "sqlite:///a\0b.db", "a\\x00b.db", 2),
    uri("a file with too long a name", f"sqlite:///{'x' * 300}", "xxx", 2),
    uri("no file", "sqlite:///", "it is not a file"),
    uri("a file below a device", "sqlite:////dev/null/x/mlflow.db", "/dev/null/x/mlflow.db cannot be made"),
    uri("a file below a file", "sqlite:///mlflow.db/store.db", "mlflow.db/store.db cannot be made"),
    uri("a device", "sqlite:////dev/null", "/dev/null cannot be read"),
    file("a folder", Path.mkdir),
    file("a link to nowhere", lambda path: path.symlink_to("nowhere.db")),
    file("a link to itself", lambda path: path.symlink_to(path)),
    file("a pipe", os.mkfifo),
    file("empty", b""),
    file("one byte", b"S"),
    file("a text", "no store\n" * 1000),
    file("only SQLite's first words", b"SQLite format 3\0"),
    file("half a database", half),
    file("flipped bytes", flipped),
    file("a tail of zeros", zeroed_tail),
    file("an old file store", lambda path: (path.mkdir(), (path / "meta.yaml").write_text("experiment_id: 0"))),
    file("another program's", other_program, "store.db"),
    file("of an older MLflow", old, "mlflow db upgrade"),
    file("of a newer MLflow", newer, "store.db"),
    *[
        uri(f"a database: {name}", f"{kind}://{MASKED}127.0.0.1:9/db?password={SECRET}", f"{kind}://***@127.0.0.1:9/db?password=***")
        for name, kind in [
            ("PostgreSQL without a driver", "postgresql"), ("MySQL without a driver", "mysql"),
            ("SQL Server without a driver", "mssql"), ("MySQL with a driver that is absent", "mysql+pymysql"),
            ("a dialect that does not exist", "postgresql+nosuch"),
        ]
    ],
    uri("a server that is not there", f"http://{MASKED}127.0.0.1:9", "http://***@127.0.0.1:9 does not answer"),
    uri("a port that no server has", "http://127.0.0.1:99999", "http://127.0.0.1:99999 does not answer"),
    uri("a port that is a word", "http://127.0.0.1:port", "http://127.0.0.1:port does not answer"),
    uri("a server without a host", "http:///x", "http:///x does not answer"),
    uri("half an address", "http://[::1", "http://[::1"),
    ("artifacts below a device", "tracking.artifact_root=/dev/null/x", "tracking.artifact_root=/dev/null/x", 2),
    ("artifacts below a file", "tracking.artifact_root=mlflow.db", "tracking.artifact_root=mlflow.db", 2),
    ("artifacts with a NUL", "tracking.artifact_root='a\0b'", "tracking.artifact_root=a\\x00b", 2),
    ("artifacts of an unknown kind", "tracking.artifact_root=nosuch://x", "tracking.artifact_root=nosuch://x", 2),
]  # fmt: skip


def answers(status: int, content: bytes, kind: str = "text/html") -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def healthy(otherwise: Callable[[BaseHTTPRequestHandler], object]) -> Callable[[BaseHTTPRequestHandler], None]:
    well = answers(200, b"OK")
    return lambda handler: well(handler) if handler.path == "/health" else otherwise(handler)


def hangs(_: BaseHTTPRequestHandler) -> None:
    ENDED.wait(20)


def drips(handler: BaseHTTPRequestHandler) -> None:
    while not ENDED.wait(0.2):
        handler.wfile.write(b"H")


def drops(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def promises_more(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


def greets_as_mail(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 mail.example.org ESMTP\r\n")


JSON = "application/json"
DENIED = json.dumps({"error_code": "PERMISSION_DENIED", "message": "no entry"}).encode()
SERVERS = {
    "speaks HTML": answers(200, b"<html>\nWelcome\n</html>"),
    "speaks HTML when asked": healthy(answers(200, b"<html>\nWelcome\n</html>")),
    "speaks other JSON": answers(200, b'{"weather": "fine"}', JSON),
    "speaks a list": answers(200, b"[]", JSON),
    "speaks null": healthy(answers(200, b"null", JSON)),
    "speaks nothing": answers(200, b""),
    "speaks half of JSON": healthy(answers(200, b'{"experiment": {', JSON)),
    "speaks binary": healthy(answers(200, bytes(range(256)), JSON)),
    "has an experiment without an id": healthy(answers(200, b'{"experiment": {}}', JSON)),
    **{f"says {status}": answers(status, b"<html>no</html>") for status in (401, 403, 404, 413)},
    **{f"says {status} when asked": healthy(answers(status, b"no")) for status in (400, 401, 403, 404, 409, 413, 418)},
    "says 403 as MLflow does": healthy(answers(403, DENIED, JSON)),
    "drops": drops,
    "drops when asked": healthy(drops),
    "promises more than it says": healthy(promises_more),
    "greets as mail": greets_as_mail,
}  # fmt: skip
RETRIED = {f"says {status}": healthy(answers(status, b"no")) for status in (429, 500, 502, 503, 504)}
SILENT = {"hangs": hangs, "hangs when asked": healthy(hangs), "drips": drips, "drips when asked": healthy(drips)}


@pytest.fixture
def start() -> Iterator[Callable[[Answer], str]]:
    """Give a function that starts a server on this machine, given how it answers, and returns where it is."""
    ENDED.clear()
    with answering() as begin:
        yield begin
        ENDED.set()


@pytest.fixture
def refused_by(start, refused, bad_input) -> Callable[..., None]:
    """Give a function that runs a sweep against a server, with a password in its address, and checks the refusal."""

    def run(answer: Callable[[BaseHTTPRequestHandler], None], told: str = "") -> None:
        place = start(answer)
        given = f"tracking.uri='http://{MASKED}{place}/?token={SECRET}'"
        wanted = [f"http://***@{place}/?token=***", "tracking.uri", told]
        (line,) = refused(bad_input("a server", given, wanted, 5))
        assert SECRET not in line
        assert len(line) < 700

    return run


def test_a_bad_store_is_refused(bad, refused):
    assert not any(SECRET in line for line in refused(bad))


@pytest.mark.parametrize("command", [["export", "Default"], ["ui"]], ids=lambda command: command[0])
def test_no_command_shows_a_password(command, refused, bad_input):
    address, told = f"oracle://{MASKED}h/db?password={SECRET}", "tracking.uri=oracle://***@h/db?password=***"
    (line,) = refused(bad_input("a password", [*command, "--uri", address], told))
    assert SECRET not in line


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_none_is_refused(name, refused_by):
    refused_by(SERVERS[name])


@pytest.mark.parametrize("name", RETRIED)
def test_a_server_that_fails_is_refused(name, refused_by, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    refused_by(RETRIED[name])


def test_busy_server_is_given_up_on_within_ten_seconds(refused_by):
    refused_by(RETRIED["says 503"])


@pytest.mark.parametrize("name", SILENT)
def test_a_silent_server_is_given_up(name, refused_by, monkeypatch):
    monkeypatch.setattr("nnsweep.tracking.answers.ANSWER_SECONDS", 0.5)
    refused_by(SILENT[name], told="nothing came within 0.5 seconds")


def test_a_store_that_the_environment_names_is_told(refused, bad_input, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"ftp://{MASKED}host")
    (line,) = refused(bad_input("environment", "seed=0", f"MLFLOW_TRACKING_URI=ftp://***@host: {KIND}"))
    assert "tracking.uri=" not in line


def test_a_deleted_experiment_is_told_with_how_to_restore_it(refused, bad_input, study):
    mlflow = open_client(f"sqlite:///{study / 'mlflow.db'}")
    number = mlflow.create_experiment("gone")
    mlflow.delete_experiment(number)
    told = ["tracking.experiment=gone: this experiment is deleted", f"--experiment-id {number}"]
    refused(bad_input("a deleted experiment", "tracking.experiment=gone", told))
