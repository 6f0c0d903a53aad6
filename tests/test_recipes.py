"""Each recipe in docs/architecture.md is complete: who follows it has a program that works."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### (.+?)\n(.*?)(?=^###? |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


def blocks(recipe: str, kinds: str) -> list[str]:
    return re.findall(rf"^```(?:{kinds})\n(.*?)^```$", recipe, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """Copy the package as a checkout has it."""
    copy = tmp_path_factory.mktemp("copy")
    for folder in ("nnsweep", "hydra_plugins", "conf"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_there_are_recipes_for_the_common_changes():
    names = {"A schedule", "A data set", "A table format", "An optimizer", "A launcher", "A section of the report"}
    assert names <= RECIPES.keys()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_complete(name, package, study):
    recipe = RECIPES[name]
    if "joblib" in recipe:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="the extra joblib is not installed")
    for block in blocks(recipe, "python|yaml"):
        place, _, content = block.removeprefix("# ").partition("\n")
        path = package / place
        path.write_text((path.read_text() + "\n\n" if path.exists() else "") + content)
    commands = [line for block in blocks(recipe, "sh") for line in block.splitlines()]
    for command in commands:
        words = [sys.executable, *shlex.split(command)[1:]]
        words += ["tracking.pictures=false"] if "trainer.epochs" in command else []  # no recipe is about pictures
        told = subprocess.run(
            words, cwd=study, env=os.environ | {"PYTHONPATH": str(package)}, capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, (command, told.stdout, told.stderr)
    assert commands


def test_every_module_that_the_page_names_is_there():
    named = re.findall(r"`((?:\w+/)+\w+\.py)`", PAGE)
    assert len(named) > 15
    assert [path for path in named if not ((ROOT / path).exists() or (ROOT / "nnsweep" / path).exists())] == []
