"""A file appears whole, or not."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nnsweep import files, flock
from nnsweep.errors import ConfigError
from nnsweep.files import LEFT_SECONDS, remove_leftovers, temporary_folder, whole_file, whole_pair
from tests.outside import own_name, own_pids, wait_until


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


def test_names_are_written_through_up_to_the_root_of_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path)
    files.sync_path(tmp_path / "multirun" / "s1")
    assert synced == [tmp_path / "multirun" / "s1", tmp_path / "multirun", tmp_path]


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
def test_failed_replacement_of_a_pair_leaves_the_old_files(old, name, tmp_path, monkeypatch):
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


WRITE = """
import sys
from pathlib import Path
from nnsweep.files import temporary_folder, whole_file
with whole_file(Path(sys.argv[1]) / "a") as file, temporary_folder(Path(sys.argv[1])) as folder:
    file.write(b"all")
    (folder / "b").touch()
    print("begun", flush=True)
    input()
"""
NAMESPACES: dict[str, Callable[[], list[str]]] = {
    "here": list,
    "with numbers of its own": own_pids,
    "with a name of its own": lambda: own_name("c1"),
}


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Give a function that starts a process which writes a file and a folder, and waits before they are whole."""
    started = []

    def start(*prefix: str) -> subprocess.Popen[str]:
        command = [*prefix, sys.executable, "-c", WRITE, str(tmp_path)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == "begun\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("where", NAMESPACES)
def test_what_a_process_writes_is_left_alone_until_it_dies(where, write, tmp_path):
    writes, dies = write(*NAMESPACES[where]()), write(*NAMESPACES[where]())
    before = {*tmp_path.iterdir()}
    remove_leftovers([tmp_path])
    assert {*tmp_path.iterdir()} == before
    dies.kill()

    def is_removed() -> bool:
        remove_leftovers([tmp_path])
        return len([*tmp_path.iterdir()]) == 2

    wait_until(is_removed, "the end of the locks", 10)
    writes.communicate("go on\n")
    assert [*tmp_path.iterdir()] == [tmp_path / "a"]
    assert (tmp_path / "a").read_bytes() == b"all"


def test_file_removed_as_abandoned_while_being_made_is_remade(tmp_path, monkeypatch):
    take_lock, names = flock.take_lock, []

    def take_late(descriptor):
        names.extend(tmp_path.iterdir())
        if len(names) == 1:
            remove_leftovers([tmp_path])  # between its making and its lock
        return take_lock(descriptor)

    monkeypatch.setattr(flock, "take_lock", take_late)
    with whole_file(tmp_path / "a") as file:
        file.write(b"all")
    assert len(names) == 2
    assert [*tmp_path.iterdir()] == [tmp_path / "a"]


def aged(path: Path) -> Path:
    """Let nothing have changed in a file or folder for long enough."""
    long_ago = time.time() - LEFT_SECONDS - 60
    os.utime(path, (long_ago, long_ago))
    return path


def test_what_another_machine_may_write_is_left_alone_for_a_day(tmp_path):
    name = tmp_path / f".{8 * '0'}.17.{16 * 'a'}.tmp"
    name.touch()
    remove_leftovers([tmp_path])
    assert name.exists()
    remove_leftovers([aged(name).parent])
    assert not name.exists()


def test_without_locks_what_is_written_is_left_alone_for_a_day(tmp_path, no_locks):
    with temporary_folder(tmp_path) as folder, whole_file(tmp_path / "a") as file:
        file.write(b"all")
        remove_leftovers([tmp_path])
        assert folder.exists()
    assert [*tmp_path.iterdir()] == [tmp_path / "a"]
    folder.mkdir()
    remove_leftovers([aged(folder).parent])
    assert not folder.exists()


def test_files_of_other_names_are_nobodys_temporary_files(tmp_path):
    for name in (".mine.tmp", "a.tmp", f".{8 * 'x'}.17.{16 * 'a'}.tmp", f".{8 * '0'}.17.tmp"):
        (tmp_path / name).touch()
        aged(tmp_path / name)
    remove_leftovers([tmp_path])
    assert len([*tmp_path.iterdir()]) == 4


def test_a_file_written_anew_leaves_old_links_alone(tmp_path):
    old, linked = tmp_path / "old", tmp_path / "linked"
    files.write_anew(old, b"before")
    os.link(old, linked)
    files.write_anew(old, b"after")
    assert (old.read_bytes(), linked.read_bytes()) == (b"after", b"before")


def test_a_long_file_is_written_anew_whole(tmp_path):
    content = os.urandom(5_000_000)
    files.write_anew(tmp_path / "long", content)
    assert (tmp_path / "long").read_bytes() == content
