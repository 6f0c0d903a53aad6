"""A table of OpenML's is fetched once, understood as any other, and told quickly where it cannot be had."""

import hashlib
import json
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets._openml

from nnsweep.data.openml import openml
from nnsweep.data.user_data import table
from nnsweep.errors import DataError

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
        body = ARFF if self.path.endswith("cats.arff") else json.dumps(ANSWERS.get(self.path, ""))
        self.send_response(200 if self.path in ANSWERS or self.path.endswith(".arff") else 412)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """Let a server of this machine answer for OpenML; gives what it was asked for."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as answering:
        answering.asked = []
        threading.Thread(target=answering.serve_forever, daemon=True).start()
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
