"""A file appears whole, or not."""

import errno
import os

import pytest

from nnsweep.errors import ConfigError
from nnsweep.files import whole_file, whole_pair


def test_what_was_written_is_there(tmp_path):
    with whole_file(tmp_path / "a") as file:
        file.write(b"all")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"all"


@pytest.mark.parametrize("name", ["", "missing/a.csv", "nul\0.csv", "\ud800/a.csv", "x" * 300, "two\nlines/a.csv"])
def test_a_place_where_nothing_can_be_is_told_in_one_line(tmp_path, name):
    with pytest.raises(ConfigError) as refusal, whole_file(f"{tmp_path}/{name}") as file:
        file.write(b"x")
    message = str(refusal.value)
    assert message.startswith("cannot write ")
    assert message.isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"), whole_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_block_leaves_nothing(tmp_path):
    def interrupted():
        with whole_file(tmp_path / "a") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def failing_at(monkeypatch, path):
    """Let no file take this place."""
    replace = os.replace

    def refused(source, target):
        if target == path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refused)


def pair(folder, table=b"new", beside=b"new too"):
    with whole_pair(folder / "a", folder / "b") as (file, small):
        file.write(table)
        small.write(beside)


def test_a_pair_appears_together(tmp_path):
    pair(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new", "b": b"new too"}


@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize("old", [{}, {"a": b"old"}, {"b": b"old too"}, {"a": b"old", "b": b"old too"}])
def test_if_one_of_a_pair_cannot_take_its_place_what_was_there_is_left(old, name, tmp_path, monkeypatch):
    for each, content in old.items():
        (tmp_path / each).write_bytes(content)
    failing_at(monkeypatch, tmp_path / name)
    with pytest.raises(ConfigError, match="Input/output error"):
        pair(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old


def test_an_interrupted_pair_leaves_what_was_there(tmp_path):
    pair(tmp_path)

    def interrupted():
        with whole_pair(tmp_path / "a", tmp_path / "b") as (file, small):
            file.write(b"half")
            small.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new", "b": b"new too"}
