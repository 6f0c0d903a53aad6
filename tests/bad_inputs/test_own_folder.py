"""A folder of the user's own configurations, with files that cannot be read or do not fit."""

import os
from pathlib import Path

from nnsweep.cli.main import main

ARCH, PRESET, MAIN = "mine/arch/bad.yaml", "mine/experiment/bad.yaml", "mine/config.yaml"
CHOSEN = {ARCH: "arch=bad", PRESET: "experiment=bad", MAIN: "seed=0"}


def link(target: str):
    return lambda path: path.symlink_to(target)


def unreadable(path: Path) -> None:
    path.write_text("name: bad\n")
    path.chmod(0)


FILES = [  # name, file, content, what is told
    ("a tab", ARCH, "name: bad\n\thidden_layer_sizes: [3]\n", f"{ARCH}:2:"),
    ("a duplicate key", ARCH, "name: bad\nname: bad\n", [f"{ARCH}:2:", "duplicate key name"]),
    ("an unclosed bracket", ARCH, "name: bad\nhidden_layer_sizes: [3\n", f"{ARCH}:3:"),
    ("an unclosed brace", ARCH, "name: {a\n", f"{ARCH}:2:"),
    ("an unclosed quote", ARCH, "name: 'bad\n", f"{ARCH}:2:"),
    ("an alias of nothing", ARCH, "name: *nowhere\n", [f"{ARCH}:1:", "nowhere"]),
    ("an alias within itself", ARCH, "name: &a [*a]\n", [ARCH, "within itself"]),
    ("a merge of a number", ARCH, "<<: 5\nname: bad\n", f"{ARCH}:1:"),
    ("wrong indentation", ARCH, "name: bad\n  hidden_layer_sizes: []\n", f"{ARCH}:2:"),
    ("a colon within a value", ARCH, "name: a: b\n", f"{ARCH}:1:"),
    ("a reserved character", ARCH, "name: @x\n", f"{ARCH}:1:"),
    ("a key that is a list", ARCH, "? [1,2]\n: x\n", f"{ARCH}:1:"),
    ("a key that is null", ARCH, "null: x\nname: bad\nhidden_layer_sizes: []\n", ARCH),
    ("a key that is a number", ARCH, "5: x\nname: bad\nhidden_layer_sizes: []\n", "arch.5=x: there is no such key"),
    ("a key with a dot", ARCH, "name: bad\nhidden_layer_sizes: []\na.b: 3\n", "arch.a.b=3: there is no such key"),
    ("two documents", ARCH, "name: a\n---\nname: b\n", f"{ARCH}:2:"),
    ("another version of YAML", ARCH, "%YAML 9.9\n---\nname: a\n", f"{ARCH}:1:"),
    ("an object of Python", ARCH, "name: !!python/object/apply:os.system [exit]\n", [f"{ARCH}:1:", "os.system"]),
    ("an unknown tag", ARCH, "name: !mine x\n", [f"{ARCH}:1:", "!mine"]),
    ("lists nested two thousand deep", ARCH, f"name: {'[' * 2000}{']' * 2000}\n", [ARCH, "nested too deeply"]),
    (
        "a default that is too long for a file's name",
        ARCH,
        f"defaults:\n- linear\n- {'a' * 66000}\n",
        ["arch/aaa", "no file can have a name of 66,0"],
    ),
    ("binary", ARCH, bytes(range(256)), ARCH),
    ("a NUL", ARCH, b"name: a\0b\n", ARCH),
    ("a control character", ARCH, "name: \x07\n", ARCH),
    ("Latin-1", ARCH, b"name: caf\xe9\n", [ARCH, "0xe9"]),
    ("UTF-16 with a byte order mark", ARCH, "name: bad\n".encode("utf-16"), ARCH),
    ("UTF-16 without", ARCH, "name: bad\n".encode("utf-16-be"), ARCH),
    (
        "a byte order mark is fine, the value is told",
        ARCH,
        b"\xef\xbb\xbfname: b\nhidden_layer_sizes: [-3]\n",
        "sizes.0=-3",
    ),
    ("Windows' line ends are fine, the value is told", ARCH, b"name: b\r\nhidden_layer_sizes: [-3]\r\n", "sizes.0=-3"),
    ("empty", ARCH, "", "arch.name: is missing"),
    ("only a comment", ARCH, "# later\n", "arch.name: is missing"),
    ("a list at the top", ARCH, "- 1\n- 2\n", "arch=[1, 2]: must be settings"),
    ("a number at the top", ARCH, "5\n", ARCH),
    ("a text at the top", ARCH, "hello\n", ["arch.name: is missing", "arch.hello"]),
    ("a date for a name", ARCH, "name: b\nhidden_layer_sizes: []\nmade: 2020-01-01\n", "arch.made=2020-01-01"),
    (
        "an import",
        ARCH,
        "_target_: os.system\nname: b\nhidden_layer_sizes: []\n",
        ["arch._target_=os.system", "never imports"],
    ),
    (
        "an import deep within",
        ARCH,
        "name: b\nhidden_layer_sizes: [{x: {_target_: os.system}}]\n",
        "sizes.0.x._target_=os.system",
    ),
    ("an interpolation that is not closed", ARCH, "name: ${\n", ARCH),
    ("an interpolation of nothing", ARCH, "name: ${nosuch.key}\nhidden_layer_sizes: []\n", "arch.name"),
    ("a missing default", ARCH, "defaults: [nosuch]\nname: bad\n", ["arch/bad", "arch/nosuch"]),
    (
        "a missing default of another group",
        ARCH,
        "defaults: [/data: nosuch]\nname: bad\n",
        "data=nosuch: there is no such choice",
    ),
    ("defaults that are a number", ARCH, "defaults: 5\nname: bad\n", "arch/bad"),
    ("defaults that are settings", ARCH, "defaults: {a: b}\nname: bad\n", "arch/bad"),
    ("a default with two keys", ARCH, "defaults: [{a: b, c: d}]\n", "arch/bad"),
    ("a default that is null", ARCH, "defaults: [null]\n", "arch=bad"),
    ("defaults that lead back", ARCH, "defaults: [bad]\nname: bad\n", "bad: its defaults lead back to itself"),
    ("a folder in its place", f"{ARCH}/x", "x", "arch=bad: there is no such choice"),
    ("another suffix", "mine/arch/bad.yml", "name: bad\n", "arch=bad: there is no such choice"),
    ("a link to nowhere", ARCH, link("nowhere"), "arch=bad: there is no such choice"),
    ("a link to itself", ARCH, link("bad.yaml"), "arch=bad: there is no such choice"),
    ("a pipe in its place", ARCH, os.mkfifo, "arch=bad: there is no such choice"),
    (
        "a preset that overrides an unknown group",
        PRESET,
        "# @package _global_\ndefaults: [override /archh: wide]\n",
        "archh",
    ),
    ("a preset with an unknown choice", PRESET, "# @package _global_\ndefaults: [{override /arch: wid}]\n", "arch=wid"),
    ("a preset with an unknown package", PRESET, "# @package _nosuch_\nseed: 1\n", "_nosuch_"),
    ("a preset without its package", PRESET, "seed: 1\n", "experiment={'seed': 1}"),
    (
        "a preset whose grid is no text",
        PRESET,
        "# @package _global_\nhydra: {sweeper: {params: {seed: [x, {}]}}}\n",
        "seed",
    ),
    (
        "a preset with an import",
        PRESET,
        "# @package _global_\nactivation: {_target_: os.system}\n",
        "activation._target_=os.system",
    ),
    ("a main file that is a list", MAIN, "- 1\n", "'config'"),
    ("a main file that is a number", MAIN, "5\n", MAIN),
    ("a main file that is not closed", MAIN, "a: [\n", f"{MAIN}:2:"),
    ("a main file with a job without parts", MAIN, "hydra: {mode: MULTIRUN}\n", "seed"),
]
BAD = [
    (name, ["--config-dir", "mine", CHOSEN.get(file, "arch=bad")], told, 2, {file: content})
    for name, file, content, told in FILES
]
BAD += [
    ("the folder is not there", ["--config-dir", "nowhere"], "--config-dir nowhere: there is no such folder"),
    ("the folder is a file", ["--config-dir", "mlflow.db"], "--config-dir mlflow.db: there is no such folder"),
    ("the folder has no name", ["--config-dir", ""], "--config-dir"),
    ("the folder's name has a NUL", ["--config-dir", "a\0b"], "--config-dir a\\x00b"),
    ("the folder's name is too long", ["--config-dir", "x" * 300], "--config-dir xxx"),
    ("the folder is given without a name", ["--config-dir"], "--config-dir"),
]


def test_a_bad_folder_of_ones_own_is_refused(bad, refused):
    refused(bad)


def test_a_file_that_may_not_be_read_is_named(study, capfd, monkeypatch):
    monkeypatch.setattr("sys.argv", ["nnsweep"])
    (study / "mine" / "arch").mkdir(parents=True)
    unreadable(study / ARCH)
    if os.access(study / ARCH, os.R_OK):  # as root may
        (study / ARCH).write_bytes(b"\xff")
    assert main(["--config-dir", "mine", "arch=bad"]) == 2
    assert f"nnsweep: error: {ARCH}: cannot be read" in capfd.readouterr().err
