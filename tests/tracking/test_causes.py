import os

import pytest

from nnsweep.tracking.client import describe_proxy, explain_answer, is_full, suggest_remedy

SERVER, FILE = "https://track.example.org/base", "sqlite:////study/mlflow.db"


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
    ("postgresql://me@host/db", 'FATAL:  password authentication failed for user "me"', "Check user and password"),
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
