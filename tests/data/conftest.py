import hashlib
import tarfile

import pytest
import sklearn.datasets._twenty_newsgroups as twenty_newsgroups

POSTS = {"alt.atheism": "belief reason doubt", "sci.space": "orbit rocket moon"}


@pytest.fixture(scope="session")
def small_archive(tmp_path_factory):
    """An archive built like the corpus: two newsgroups of ten training and four test posts.

    A post has the three words of its newsgroup and one that no other post has.
    """
    folder = tmp_path_factory.mktemp("corpus")
    for part, n_posts in {"20news-bydate-train": 10, "20news-bydate-test": 4}.items():
        for group, words in POSTS.items():
            (folder / part / group).mkdir(parents=True)
            for post in range(n_posts):
                (folder / part / group / str(post)).write_text(
                    f"From: somebody\n\n{words} {words[:4]}{part.split('-')[-1]}{post}"
                )
    archive = folder / "20news-bydate.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for part in ("20news-bydate-train", "20news-bydate-test"):
            tar.add(folder / part, arcname=part)
    return archive


@pytest.fixture
def remote(monkeypatch):
    """Makes scikit-learn look for the corpus under another address."""

    def place(url, archive=None):
        checksum = hashlib.sha256(archive.read_bytes()).hexdigest() if archive else None
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(
            twenty_newsgroups, "ARCHIVE", twenty_newsgroups.ARCHIVE._replace(url=url, checksum=checksum)
        )

    return place


@pytest.fixture
def small_home(small_archive, remote, tmp_path):
    """An empty folder, with the small archive where scikit-learn looks for the corpus."""
    remote(small_archive.as_uri(), small_archive)
    return str(tmp_path / "home")
