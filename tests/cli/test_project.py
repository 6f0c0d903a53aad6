"""A project of one's own: it runs when what is told is pasted, it is the same everywhere, and it harms nothing."""

import csv
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
import yaml

from nnsweep.cli import project

FILES = {
    ".gitignore", "README.md", "conf/arch/mine.yaml", "conf/data/mine.yaml", "conf/experiment/first.yaml",
    "data/mine.csv",
}  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def working(tmp_path, monkeypatch):
    """Work in an empty folder; a test asks for it last."""
    folder = tmp_path / "working"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> str:
    """Give a folder with a program `nnsweep`, which is this checkout's, for the beginning of PATH."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "nnsweep").write_text(
        f'#!/bin/sh\nPYTHONPATH="{os.pathsep.join(filter(None, sys.path))}" exec "{sys.executable}" -m nnsweep "$@"\n'
    )
    (folder / "nnsweep").chmod(0o755)
    return str(folder)


def pasted(command: str, folder: Path, program: str) -> str:
    environment = os.environ | {"PATH": f"{program}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    said = subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    return said.stdout


def shell_block(text: str) -> list[str]:
    (block,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return block.splitlines()


# ---- it runs


def test_printed_and_documented_commands_work_when_pasted(working, program):
    told = pasted("nnsweep init 'my flowers'", working, program)
    out = pasted(told.splitlines()[-1], working, program)
    assert "15 jobs: 15 finished" in out
    folder = working / "my flowers"
    first, report, ui = shell_block((folder / "README.md").read_text())
    again = pasted(f"{first} dry_run=true", folder, program)
    assert "15 finished before" in again
    pasted(report, folder, program)
    assert (folder / "report.html").stat().st_size > 10_000
    assert ui == "nnsweep ui"
    ignored = subprocess.run(
        ["bash", "-c", "git init -q && git add -A && git ls-files"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {*ignored.stdout.split()} - {"report.html"} == FILES


def test_its_architecture_is_a_choice_and_its_preset_a_grid(nnsweep, study):
    assert nnsweep("init", "own").code == 0
    said = nnsweep("--config-dir", "own/conf", "experiment=first", "data=iris", "trainer.epochs=1", "seed=0,1")
    assert said.code == 0, said.err
    assert "6 jobs: 6 finished" in said.out
    table = nnsweep("export", "first", "--columns", "arch,hidden_layer_sizes", "--sort", "arch").out
    assert table.count("mine,24-12") == 2
    assert nnsweep("--config-dir", "own/conf", "--cfg", "job", "arch=mine").out


# ---- what it is


def test_it_has_these_files_and_they_are_the_same_wherever_it_is(nnsweep, working):
    (working / "elsewhere").mkdir()
    assert nnsweep("init", "one").code == nnsweep("init", "elsewhere/two").code == 0
    one, two = contents(working / "one"), contents(working / "elsewhere" / "two")
    assert {*one} == FILES
    assert one == two
    for text in one.values():
        assert str(working).encode() not in text
        assert text.isascii()


def test_its_files_have_the_permissions_that_new_files_have(nnsweep, working):
    assert nnsweep("init", "one").code == 0
    (working / "plain").mkdir()
    (working / "plain" / "file").touch()
    assert (working / "one").stat().st_mode == (working / "plain").stat().st_mode
    assert (working / "one" / "README.md").stat().st_mode == (working / "plain" / "file").stat().st_mode


def test_its_table_is_balanced_with_numbers_category_and_class():
    rows = [*csv.DictReader(project.list_project_files()["data/mine.csv"].splitlines())]
    target = yaml.safe_load(project.list_project_files()["conf/data/mine.yaml"])["target"]
    assert len(rows) == 150
    assert [*rows[0]] == ["length", "width", "colour", "kind"]
    assert {*Counter(row[target] for row in rows).values()} == {50}
    assert len({tuple(row.values()) for row in rows}) == 150
    assert {row["colour"] for row in rows} == {"white", "violet", "yellow"}
    assert all(float(row["length"]) > float(row["width"]) > 0 for row in rows)
    assert [row[target] for row in rows] != sorted(row[target] for row in rows)


def test_its_page_names_every_file():
    page = project.list_project_files()["README.md"]
    assert all(f"`{name}`" in page for name in FILES - {"README.md"})
    assert f"\n{project.RUN}\n" in page


# ---- it harms nothing


def test_an_empty_folder_is_filled_and_stays_the_folder_it_is(nnsweep, working):
    here = working.stat().st_ino
    said = nnsweep("init", ".")
    assert said.code == 0, said.err
    assert working.stat().st_ino == here
    assert {*contents(working)} == FILES
    assert said.out.splitlines()[-1].strip().endswith(project.RUN)
    assert "cd " not in said.out


@pytest.mark.parametrize("inside", ["file", ".hidden", "folder/"])
def test_a_folder_with_anything_in_it_is_left_alone(inside, nnsweep, working):
    (working / "own").mkdir()
    if inside.endswith("/"):
        (working / "own" / inside).mkdir()
    else:
        (working / "own" / inside).write_text("mine")
    before = [*working.rglob("*")]
    said = nnsweep("init", "own")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"nnsweep: error: cannot make a project in own: it is not empty ({inside.strip('/')} is in it); "
        "name a new folder, or an empty one\n"
    )
    assert [*working.rglob("*")] == before


def refused_names(working: Path) -> dict[str, str]:
    (working / "file").write_text("mine")
    (working / "link").symlink_to("nowhere")
    return {
        "file": "it is there, and no folder",
        "link": "it is there, and no folder",
        "a/b/c": "there is no folder a/b; create it first",
        "file/sub": "there is no folder file; create it first",
        "what?": "its path holds `?`",
        "100%25": "its path holds `?` or `%` with two digits",
        "two\nlines": "no project can have this name",
        "right\u202eleft": "no project can have this name",
        "half\udcff": "no project can have this name",
        "a\0b": "no project can have this name",
        "x" * 300: "no project can have this name",
        "/dev/null/x": "there is no folder /dev/null",
        "/proc/x": "No such file or directory",
    }


def test_useless_name_is_refused_and_nothing_is_made(nnsweep, working):
    names = refused_names(working)
    before = sorted(working.rglob("*"))
    for name, told in names.items():
        said = nnsweep("init", "--", name)
        assert (said.code, said.out) == (2, ""), name
        assert told in said.err
        assert said.err.startswith("nnsweep: error: cannot make a project in ")
        assert len(said.err.splitlines()) == 1
        assert sorted(working.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["-x", "with space", "it's", 'quo"te', "$HOME", "caf\u00e9", "a;b", "#1", "a~b", "a&&b"]
)
def test_odd_names_are_fine_and_can_be_entered_as_told(name, nnsweep, working, program):
    said = nnsweep("init", "--", name)
    assert said.code == 0, said.err
    enter = said.out.splitlines()[-1].partition(" && ")[0]
    assert pasted(f"{enter} && ls", working, program).split() == ["README.md", "conf", "data"]
    assert {*contents(working / name)} == FILES


@pytest.mark.parametrize("there", [False, True])
def test_a_disk_that_takes_no_more_leaves_nothing(there, working):
    if there:
        (working / "own").mkdir()
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); "
        "from nnsweep.cli.main import main; sys.exit(main(['init', 'own']))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == ("nnsweep: error: cannot make a project in own: File too large; choose another folder\n")
    assert [path.name for path in working.rglob("*")] == (["own"] if there else [])
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 2000


@pytest.mark.parametrize("name", ["own", "."])
def test_a_folder_that_may_not_be_written_to_is_told(name):
    code = (
        "import os, sys, nnsweep.cli.setup, nnsweep.cli.project, nnsweep.tracking.sqlite; "
        "from nnsweep.cli.main import main; os.geteuid() or os.seteuid(65534); "  # root may write everywhere
        f"sys.exit(main(['init', '{name}']))"
    )
    with tempfile.TemporaryDirectory() as closed:  # not below pytest's, where only its owner may look
        os.chmod(closed, 0o555)
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=closed)
        assert os.listdir(closed) == []
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == f"nnsweep: error: cannot make a project in {name}: Permission denied; choose another folder\n"


def test_one_that_was_killed_leaves_what_the_next_one_removes(nnsweep, working):
    code = (
        "import os, signal; from pathlib import Path; from nnsweep.cli import project; "
        "project._write_files = lambda workshop: "
        f"((workshop / 'project').mkdir(), os.kill(os.getpid(), {signal.SIGKILL:d})); "
        "project.write_project(Path('own'))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert not (working / "own").exists()
    assert len([*working.iterdir()]) == 1
    assert nnsweep("init", "own").code == 0
    assert [path.name for path in working.iterdir()] == ["own"]
