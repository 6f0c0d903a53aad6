"""A table of OpenML's is fetched once, understood as any other, and told quickly where it cannot be had."""

import hashlib
import json
import pickle
import socket
import threading
import time
import zlib
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets._openml
from scipy.sparse import csr_array
from sklearn.datasets import fetch_20newsgroups
from sklearn.feature_extraction.text import TfidfVectorizer

import nnsweep.data.downloads
from nnsweep.data.downloads import CACHE_FILE, CATEGORIES, NOTEBOOK_CATEGORIES, load_corpus, newsgroups, openml
from nnsweep.data.user_data import table
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
    monkeypatch.setattr(nnsweep.data.downloads, "ANSWER_SECONDS", 0.2)
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


@pytest.fixture(scope="session")
def notebook(corpus_home):
    """The notebook's first cell: features and labels of the training and the test part."""
    train, test = (
        fetch_20newsgroups(data_home=corpus_home, subset=subset, categories=list(NOTEBOOK_CATEGORIES))
        for subset in ("train", "test")
    )
    X = TfidfVectorizer(max_features=100).fit_transform(train.data + test.data)
    return X[: len(train.data)], train.target, X[len(train.data) :], test.target


@pytest.fixture(scope="session")
def as_notebook(corpus_home):
    return newsgroups(home=corpus_home, max_features=100, vectorizer_fit="train_and_test", val_fraction=0)


@pytest.mark.slow
def test_the_notebooks_arrays_to_the_last_bit(as_notebook, notebook):
    X_train, y_train, X_test, y_test = notebook
    assert as_notebook.val is None
    assert (X_train.shape, X_test.shape) == ((2034, 100), (1353, 100))
    for part, X, y in [(as_notebook.train, X_train, y_train), (as_notebook.test, X_test, y_test)]:
        assert np.array_equal(part.X.toarray(), X.toarray())
        assert np.array_equal(part.y, y)


def test_features_stay_sparse(as_notebook):
    for part in as_notebook.parts.values():
        assert isinstance(part.X, csr_array)
        assert part.X.has_sorted_indices
        assert part.X.indices.dtype == np.int32
        assert part.X.nnz < 0.5 * np.prod(part.X.shape)
        assert not part.X.data.flags.writeable


@pytest.mark.slow
def test_a_fit_on_the_training_posts_alone_is_another_data_set(as_notebook, corpus_home):
    alone = newsgroups(home=corpus_home, max_features=100, vectorizer_fit="train", val_fraction=0)
    assert np.array_equal(alone.train.y, as_notebook.train.y)
    assert alone.digest != as_notebook.digest


def test_the_corpus_has_the_categories_we_name(corpus_home):
    bunch = fetch_20newsgroups(data_home=corpus_home, subset="test")
    assert tuple(bunch.target_names) == CATEGORIES


SMALL = {"categories": ("sci.space", "alt.atheism"), "max_features": None, "remove": ("headers",)}


def test_words_of_validation_and_test_posts_are_not_learned(small_home):
    data = newsgroups(home=small_home, val_fraction=0.2, **SMALL)
    assert data.n_features == 2 * 3 + data.train.n_samples
    words_per_post = {name: set(np.diff(part.X.indptr).tolist()) for name, part in data.parts.items()}
    assert words_per_post == {"train": {4}, "val": {3}, "test": {3}}


@pytest.mark.parametrize(("vectorizer_fit", "n_posts"), [("train", 20), ("train_and_test", 28)])
def test_the_fit_decides_the_vocabulary(small_home, vectorizer_fit, n_posts):
    data = newsgroups(home=small_home, val_fraction=0, vectorizer_fit=vectorizer_fit, **SMALL)
    assert data.n_features == 2 * 3 + n_posts


def test_no_more_words_than_asked_for(small_home):
    assert newsgroups(home=small_home, **(SMALL | {"max_features": 5})).n_features == 5


@pytest.mark.parametrize("vectorizer_fit", ["train", "train_and_test"])
def test_labels_follow_the_posts_through_the_split(small_home, vectorizer_fit):
    data = newsgroups(home=small_home, val_fraction=0.3, split_seed=3, vectorizer_fit=vectorizer_fit, **SMALL)
    assert data.class_names == ("alt.atheism", "sci.space")
    assert [part.n_samples for part in data.parts.values()] == [14, 6, 8]
    for part in data.parts.values():
        likeness = (part.X @ part.X.T).toarray()
        assert np.array_equal(likeness > 0, part.y[:, np.newaxis] == part.y)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"categories": ("sci.spaec", "sci.med")}, r"data\.categories='sci\.spaec'.*'sci\.space'\? Known: alt"),
        ({"categories": ("sci.space",)}, "two or more different"),
        ({"categories": ("sci.space", "sci.space")}, "two or more different"),
        ({"categories": ()}, "two or more different"),
        ({"remove": ("header",)}, r"data\.remove='header'.*'headers'\? Known: headers, footers, quotes"),
        ({"vectorizer_fit": "test"}, r"data\.vectorizer_fit='test'"),
    ],
)
def test_nonexistent_names_are_refused_before_anything_is_read(settings, problem, tmp_path):
    with pytest.raises(DataError, match=problem):
        newsgroups(home=str(tmp_path), **settings)
    assert not any(tmp_path.iterdir())


ROWS = [(age, fur, weight, breed) for age in range(1, 11) for fur, weight, breed in (
    ("short", 4.5, "siamese"), ("long", 3.25, "birman"), ("short", 5.0, "birman"))]  # fmt: skip
ARFF = """@relation cats
@attribute age integer
@attribute fur {short, long}
@attribute weight real
@attribute breed {siamese, birman}
@data
""" + "\n".join(",".join(map(str, row)) for row in ROWS)


def feature(index, name, kind, *, target=False):
    truth = {True: "true", False: "false"}
    return {
        "index": str(index),
        "name": name,
        "data_type": kind,
        "is_target": truth[target],
        "is_ignore": "false",
        "is_row_identifier": "false",
        "number_of_missing_values": "0",
    }


ANSWERS = {
    "/api/v1/json/data/list/data_name/cats/limit/2/data_version/1": {
        "data": {"dataset": [{"did": 7, "name": "cats", "version": 1, "status": "active"}]}
    },
    "/api/v1/json/data/7": {
        "data_set_description": {
            "id": "7",
            "name": "cats",
            "version": "1",
            "description": "of a test",
            "format": "ARFF",
            "url": "https://www.openml.org/data/v1/download/70/cats.arff",
            "file_id": "70",
            "status": "active",
            "md5_checksum": hashlib.md5(ARFF.encode()).hexdigest(),
        }
    },
    "/api/v1/json/data/features/7": {
        "data_features": {
            "feature": [
                feature(0, "age", "numeric"),
                feature(1, "fur", "nominal"),
                feature(2, "weight", "numeric"),
                feature(3, "breed", "nominal", target=True),
            ]
        }
    },
    "/api/v1/json/data/qualities/7": {
        "data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(len(ROWS))}]}
    },
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        is_table = self.path.endswith(("cats.arff", "download/70"))  # scikit-learn 1.6 asks for a number
        body = ARFF if is_table else json.dumps(ANSWERS.get(self.path, ""))
        self.send_response(200 if is_table or self.path in ANSWERS else 412)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """Let a server of this machine answer for OpenML; gives what it was asked for."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as answering:
        answering.asked = []
        threading.Thread(target=answering.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("no_proxy", "*")

        def ask(request, *_, **__):
            return urlopen(f"http://127.0.0.1:{answering.server_port}{urlparse(request.full_url).path}")

        monkeypatch.setattr(sklearn.datasets._openml, "urlopen", ask)
        yield answering.asked
        answering.shutdown()


@pytest.fixture
def fetch(tmp_path):
    return partial(openml, dataset="cats", home=str(tmp_path / "home"), val_fraction=0.25)


def test_it_is_the_same_as_the_same_table_in_a_file(server, fetch, tmp_path):
    pd.DataFrame(ROWS, columns=["age", "fur", "weight", "breed"]).to_csv(tmp_path / "cats.csv", index=False)
    data = fetch()
    assert data.digest == table(path=str(tmp_path / "cats.csv"), target="breed", val_fraction=0.25).digest
    assert (data.name, data.source) == ("cats", "openml.org: cats, version 1")
    assert data.class_names == ("birman", "siamese")


def test_several_targets_of_openml_are_learned_together(server, fetch, monkeypatch):
    features = [feature(0, "age", "numeric", target=True), feature(1, "fur", "nominal")]
    features += [feature(2, "weight", "numeric", target=True), feature(3, "breed", "nominal")]
    monkeypatch.setitem(ANSWERS, "/api/v1/json/data/features/7", {"data_features": {"feature": features}})
    data = fetch()
    assert (data.task, data.target_names) == ("regression", ("age", "weight"))
    assert [column.name for column in data.preparation.columns] == ["fur", "breed"]


def test_another_label_may_be_chosen(server, fetch):
    assert fetch(target="fur").class_names == ("long", "short")


def test_it_is_fetched_once(server, fetch, monkeypatch):
    first = fetch()
    n_asked = len(server)

    def nobody(*_, **__):
        raise URLError("nobody is there")

    monkeypatch.setattr(sklearn.datasets._openml, "urlopen", nobody)
    assert fetch().digest == first.digest
    assert np.array_equal(fetch(split_seed=1).test.X.shape, first.test.X.shape)
    assert len(server) == n_asked


def test_missing_network_is_reported_at_once_and_leaves_nothing(fetch, tmp_path, monkeypatch):
    def nobody(*_, **__):
        raise URLError("nobody is there")

    monkeypatch.setattr(sklearn.datasets._openml, "urlopen", nobody)
    began = time.monotonic()
    with pytest.raises(
        DataError, match=r"data\.dataset='cats' data\.version=1: is not in .*home/openml.*data\.home or"
    ):
        fetch()
    assert time.monotonic() - began < 2
    assert [*tmp_path.iterdir()] == []


def test_what_openml_does_not_have_is_told(server, fetch, tmp_path):
    with pytest.raises(DataError, match=r"data\.dataset='dogs' data\.version=3: cannot be had.*not found.*look up its"):
        fetch(dataset="dogs", version=3)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["../../cats", "a/b", "", ".hidden", "a b", "x" * 300, "a\0", "%2e%2e"])
def test_what_is_no_name_is_never_asked_for(server, fetch, tmp_path, name):
    with pytest.raises(DataError, match=r"no data set of OpenML's has such a name"):
        fetch(dataset=name)
    assert server == []
    assert [*tmp_path.iterdir()] == []
