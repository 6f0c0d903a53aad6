"""A folder of texts: its subfolders are the classes, and what is wrong is told with file and byte."""

import os

import pytest

from nnsweep.data.texts import decode_folder, read_folder
from nnsweep.errors import DataError


def lay(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(folder)


def test_subfolders_are_classes_and_their_files_texts(tmp_path):
    path = lay(tmp_path / "posts", {"sci/2": "moon", "sci/10": "\ufeffgröße", "alt/x.txt": "", "alt/y": "a\r\nb"})
    found = read_folder(path)
    assert [(text.class_name, text.file) for text in found.texts] == [
        ("alt", "x.txt"),
        ("alt", "y"),
        ("sci", "10"),
        ("sci", "2"),
    ]
    assert decode_folder(found, path) == ["", "a\r\nb", "größe", "moon"]
    assert found.notes == []


def test_what_is_no_text_is_told_or_nobodys(tmp_path):
    files = {
        "a/1": "x",
        "b/1": "y",
        "README": "not a class",
        "b/deep/1": "z",
        ".git/config": "",
        "a/.DS_Store": b"\xff",
    }
    found = read_folder(lay(tmp_path, files))
    assert [text.content for text in found.texts] == [b"x", b"y"]
    assert found.notes == ["left out: README, b/deep, which is no file of a class"]


def test_digest_covers_classes_names_contents_but_not_location(tmp_path):
    files = {"a/1": "x", "a/2": "y", "b/1": "z"}
    variants = [
        files,
        {**files, "b/1": "other"},
        {**files, "b/2": ""},
        {"a/1": "x", "a/3": "y", "b/1": "z"},
        {"c/1": "x", "c/2": "y", "b/1": "z"},
        {"a/1": "xy", "a/2": "", "b/1": "z"},
    ]
    digests = [read_folder(lay(tmp_path / str(number), variant)).digest for number, variant in enumerate(variants)]
    assert len(set(digests)) == len(variants)
    assert read_folder(lay(tmp_path / "elsewhere", files)).digest == digests[0]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"README": ""}, r"one subfolder for each class, two or more, and there is none"),
        ({"a/1": "x"}, r"one subfolder for each class, two or more, and there is only a"),
        ({"a/1": "x", "b/.hidden": ""}, r"there is no text in b; each subfolder of data\.path is a class"),
        ({"train/a/1": "x", "test/a/1": "y"}, r"there is no text in test, train; each subfolder"),
    ],
)
def test_a_folder_of_another_kind_is_refused(tmp_path, files, problem):
    with pytest.raises(DataError, match=problem):
        read_folder(lay(tmp_path, files))


def test_all_invalid_utf8_is_reported_with_file_byte_and_line(tmp_path):
    path = lay(tmp_path / "posts", {"a/1": "größe", "a/2": b"ok\n\xe4rger", "b/1": b"\xff\xfeh\0", "b/2": b"cut \xc3"})
    with pytest.raises(DataError) as caught:
        decode_folder(read_folder(path), path)
    assert caught.value.problems == (
        f"{path}/a/2, byte 4 (line 2): 0xe4 is no UTF-8; save the file as UTF-8",
        f"{path}/b/1, byte 1 (line 1): 0xff is no UTF-8; save the file as UTF-8",
        f"{path}/b/2, byte 5 (line 1): 0xc3 is no UTF-8; save the file as UTF-8",
    )


def test_of_very_many_wrong_files_twenty_are_told(tmp_path):
    path = lay(tmp_path, {"a/1": "x"} | {f"b/{number}": b"\xff" for number in range(50)})
    with pytest.raises(DataError) as caught:
        decode_folder(read_folder(path), path)
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == "and 30 more"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path):
    path = lay(tmp_path, {"a/1": "x", "b/1": "y"})
    (tmp_path / "b/1").chmod(0)
    with pytest.raises(DataError, match=r"b/1: cannot be read \(Permission denied\)"):
        read_folder(path)


def test_a_pipe_is_no_text_and_nobody_waits_for_it(tmp_path):
    path = lay(tmp_path, {"a/1": "x", "b/1": "y"})
    os.mkfifo(tmp_path / "b" / "pipe")
    assert read_folder(path).notes == ["left out: b/pipe, which is no file of a class"]
