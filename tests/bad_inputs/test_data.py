"""Data that cannot be had, read or divided; nobody is asked for a download."""

import gzip
import pickle
import zlib
from pathlib import Path
from urllib.error import URLError

import pytest

from nnsweep.data.downloads import CACHE_FILE

CACHE = f"home/{CACHE_FILE}"
NEWS = ["data=newsgroups", "data.home=home"]


def wrong(name: str, data: str, setting: str, told: str | list[str] = "", files=None) -> tuple:
    return (name, [f"data={data}", setting], told or setting, 4, files)


def cache(name: str, content) -> tuple:
    return (f"newsgroups: a cache that is {name}", NEWS, [CACHE, "damaged or not readable"], 4, {CACHE: content})


def packed(value: object) -> bytes:
    return zlib.compress(pickle.dumps(value))


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


BAD = [
    wrong("iris: a test part without a class", "iris", "data.test_fraction=1e-9", "data.test_fraction=1e-09"),
    wrong("iris: a test part of all", "iris", "data.test_fraction=0.99999"),
    wrong("iris: a test part one too small", "iris", "data.test_fraction=0.013"),
    wrong("iris: a validation part without a class", "iris", "data.val_fraction=0.001"),
    wrong("iris: a validation part of all", "iris", "data.val_fraction=0.9999"),
    wrong("iris: a training part one too small", "iris", "data.val_fraction=0.984"),
    wrong("wine: a validation part of all", "wine", "data.val_fraction=0.999"),
    wrong("wine: a test part without a class", "wine", "data.test_fraction=0.001"),
    wrong("digits: a validation part without a class", "digits", "data.val_fraction=0.0001"),
    wrong("digits: a test part one too small", "digits", "data.test_fraction=0.005"),
    wrong("breast cancer: a validation part of one", "breast_cancer", "data.val_fraction=0.0001"),
    wrong("breast cancer: a test part of all", "breast_cancer", "data.test_fraction=0.9999"),
    wrong("moons: one sample", "moons", "data.n_samples=1", "take more samples"),
    wrong("moons: three samples", "moons", "data.n_samples=3", "take more samples"),
    wrong("moons: noise beyond all numbers", "moons", "data.noise=1e308", "infinite or not a number"),
    wrong("moons: more samples than memory", "moons", f"data.n_samples={10**17}"),
    wrong("moons: more samples than numbers", "moons", f"data.n_samples={10**40}"),
    wrong("spirals: one sample", "spirals", "data.n_samples=1", "take more samples"),
    wrong("spirals: more samples than memory", "spirals", f"data.n_samples={10**14}"),
    wrong("spirals: as many classes as samples", "spirals", "data.n_classes=1000", "take more samples"),
    wrong("spirals: more classes than numbers", "spirals", f"data.n_classes={10**30}"),
    wrong("spirals: noise beyond all numbers", "spirals", "data.noise=1e308", "infinite or not a number"),
    wrong("blobs: more classes than samples", "blobs", "data.n_classes=1001", "take more samples"),
    wrong("blobs: more samples than memory", "blobs", f"data.n_samples={10**15}"),
    wrong("blobs: more samples than numbers", "blobs", f"data.n_samples={10**34}"),
    wrong("blobs: more features than memory", "blobs", f"data.n_features={10**14}"),
    wrong("blobs: clusters beyond all numbers", "blobs", "data.cluster_std=1e308", "infinite or not a number"),
    ("one bad of four", ["data=iris,blobs", "data.test_fraction=0.2,1e-9"], "data.test_fraction=1e-09", 4),
    wrong("newsgroups: an unknown one", "newsgroups", "data.categories=[sci.spce,sci.med]", "mean 'sci.space'?"),
    wrong("newsgroups: no category", "newsgroups", "data.categories=[]", "data.categories=[]"),
    wrong("newsgroups: one category", "newsgroups", "data.categories=[sci.med]", "data.categories=['sci.med']"),
    wrong("newsgroups: a category twice", "newsgroups", "data.categories=[sci.med,sci.med]", "data.categories="),
    wrong("newsgroups: a category without a name", "newsgroups", "data.categories=[sci.med,'']", "data.categories=''"),
    wrong("newsgroups: another case", "newsgroups", "data.categories=[sci.med,Sci.Space]", "categories='Sci.Space'"),
    wrong("newsgroups: an unknown part to remove", "newsgroups", "data.remove=[header]", "did you mean 'headers'?"),
    wrong("newsgroups: a part to remove without a name", "newsgroups", "data.remove=['']", "data.remove=''"),
    wrong("newsgroups: a home that is not there", "newsgroups", "data.home=nowhere", "in nowhere"),
    wrong("newsgroups: an empty home", "newsgroups", "data.home=home", ["in home", CACHE_FILE], {"home/other": ""}),
    wrong("newsgroups: a home that is a file", "newsgroups", "data.home=mlflow.db", "in mlflow.db"),
    wrong("newsgroups: a home below a device", "newsgroups", "data.home=/dev/null/x", "in /dev/null/x"),
    wrong("newsgroups: a home with a NUL", "newsgroups", "data.home='a\0b'", "in a\\x00b"),
    wrong("newsgroups: a home with too long a name", "newsgroups", f"data.home={'x' * 300}", "in ...xxx"),
    wrong("newsgroups: a home that is a dangling link", "newsgroups", "data.home=home", "in home", {"home": dangling}),
    cache("empty", b""),
    cache("a text", b"no corpus"),
    cache("half of one", packed({"train": list(range(1000)), "test": []})[:30]),
    cache("compressed otherwise", gzip.compress(pickle.dumps({}))),
    cache("compressed nonsense", zlib.compress(b"no pickle")),
    cache("another object", packed([1, 2, 3])),
    cache("without its parts", packed({"train": None})),
    cache("a folder", Path.mkdir),
    cache("one whose bytes have turned over", bytes(255 - byte for byte in packed({"train": [], "test": []}))),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    """Let nobody answer."""

    def nobody(*_: object, **__: object) -> None:
        raise URLError("nobody is there")

    monkeypatch.setattr("sklearn.datasets._base.urlretrieve", nobody)


def test_bad_data_are_refused(bad, refused):
    refused(bad)


def test_home_named_by_the_environment_is_reported_too(refused, bad_input, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", "elsewhere")
    refused(bad_input("environment", "data=newsgroups", ["in elsewhere", "SCIKIT_LEARN_DATA"], 4))
