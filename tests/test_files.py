"""A file appears whole, or not."""

import errno
import os

import pytest

from nnsweep.errors import ConfigError
from nnsweep.files import whole_file


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
