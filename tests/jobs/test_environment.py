import json
import os
import platform
import shutil
import subprocess

import numpy as np
import pytest

from nnsweep.jobs.environment import compare_environments, describe_environment, encode_environment

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is absent")


def git(*arguments):
    identity = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b.c",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "core.hooksPath=none",
    ]
    said = subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True)
    return said.stdout.strip()


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Work in a folder that no repository holds."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def repository(outside):
    """Work in a repository with one commit."""
    git("init", "-q")
    (outside / "code.py").write_text("1\n")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return outside


def test_versions_and_machine_are_told_as_json(outside):
    told = describe_environment.__wrapped__()
    assert json.loads(json.dumps(told)) == told
    assert told["python"] == platform.python_version()
    assert told["packages"]["numpy"] == np.__version__
    assert told["processor"]
    assert told["blas"]


def test_outside_a_repository_there_is_no_commit(outside):
    assert not {"git_commit", "git_dirty"} & set(describe_environment.__wrapped__())


def test_a_repository_without_a_commit_has_none(outside):
    git("init", "-q")
    assert "git_commit" not in describe_environment.__wrapped__()


def test_without_git_there_is_no_commit(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    assert "git_commit" not in describe_environment.__wrapped__()


def test_a_clean_repository_tells_its_commit(repository):
    (repository / "mlflow.db").write_text("not code\n")
    told = describe_environment.__wrapped__()
    assert told["git_commit"] == git("rev-parse", "HEAD")
    assert told["git_dirty"] is False


@pytest.mark.parametrize("staged", [True, False])
def test_changed_code_is_dirty(staged, repository):
    (repository / "code.py").write_text("2\n")
    if staged:
        git("add", ".")
    assert describe_environment.__wrapped__()["git_dirty"] is True


def test_a_process_asks_once():
    assert describe_environment() is describe_environment()
    assert json.loads(encode_environment()) == describe_environment()


def test_more_memory_changes_no_number():
    told = describe_environment.__wrapped__()
    assert told["cores"] >= 1
    assert told["memory_bytes"] > 2**28
    assert not list(compare_environments(told, told | {"cores": 999, "memory_bytes": 1}))
