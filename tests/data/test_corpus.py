import pickle
import socket
import time
import zlib
from pathlib import Path

import pytest

import nnsweep.data.texts
from nnsweep.data.texts import CACHE_FILE, load_corpus
from nnsweep.errors import DataError


@pytest.fixture
def silent_address():
    """A server that takes a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/corpus"


@pytest.fixture
def closed_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}/corpus"


def test_the_corpus_is_fetched_once_and_then_read(small_home, remote, closed_address):
    train, test = load_corpus(small_home)
    assert (len(train.data), len(test.data), train.target_names) == (20, 8, ("alt.atheism", "sci.space"))
    assert [path.name for path in Path(small_home).iterdir()] == [CACHE_FILE]
    remote(closed_address)
    assert load_corpus(small_home)[0].data == train.data


def test_the_environment_names_the_folder_and_the_setting_wins(small_home, monkeypatch, tmp_path):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "environment"))
    load_corpus(small_home)
    assert not (tmp_path / "environment").exists()
    load_corpus(None)
    assert (tmp_path / "environment" / CACHE_FILE).exists()


def test_unreachable_corpus_is_reported_with_folder_and_remedy(tmp_path, remote, closed_address):
    remote(closed_address)
    with pytest.raises(DataError, match=r"is missing.*data\.home or SCIKIT_LEARN_DATA") as caught:
        load_corpus(str(tmp_path / "home"))
    assert str(tmp_path / "home") in str(caught.value)
    assert CACHE_FILE in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "home").exists()


def test_a_host_that_never_answers_is_given_up(tmp_path, remote, silent_address, monkeypatch):
    monkeypatch.setattr(nnsweep.data.texts, "ANSWER_SECONDS", 0.2)
    remote(silent_address)
    patience, start = socket.getdefaulttimeout(), time.monotonic()
    with pytest.raises(DataError, match="timed out"):
        load_corpus(str(tmp_path))
    assert time.monotonic() - start < 5
    assert socket.getdefaulttimeout() == patience


def test_a_folder_that_cannot_be_made_is_told(small_home, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="missing"):
        load_corpus(str(tmp_path / "file"))


def test_folder_with_a_newline_in_its_name_is_told_in_one_line(tmp_path, remote, closed_address):
    remote(closed_address)
    with pytest.raises(DataError, match=r"a\\nb, and fetching it failed") as caught:
        load_corpus(str(tmp_path / "a\nb"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"rubbish", zlib.compress(b"rubbish"), zlib.compress(pickle.dumps({"train": 1})), zlib.compress(b"")[:-1]],
)
def test_a_damaged_cache_is_told_in_silence_and_left_alone(content, small_home, capsys):
    Path(small_home).mkdir()
    (Path(small_home) / CACHE_FILE).write_bytes(content)
    with pytest.raises(DataError, match="damaged or not readable"):
        load_corpus(small_home)
    assert capsys.readouterr() == ("", "")
    assert (Path(small_home) / CACHE_FILE).read_bytes() == content
