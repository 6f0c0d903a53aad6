"""Each recipe in docs/how-to/extend.md is complete: who follows it has a program that works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "how-to" / "extend.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
PICTURE_OF_THE_HOUSE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def blocks(recipe: str, kinds: str) -> list[str]:
    return re.findall(rf"^```(?:{kinds})\n(.*?)^```$", recipe, flags=re.MULTILINE | re.DOTALL)


PROGRAM = """
import sys, shlex
from nnsweep.cli.main import main

for line in sys.stdin.read().splitlines():
    sys.argv = ["nnsweep"]
    print("CODE", main(shlex.split(line)), line, flush=True)
"""


@pytest.fixture(scope="module")
def followed(tmp_path_factory, new_study) -> str:
    """Follow all recipes in a copy of the package, then give their commands; tell what the program has said."""
    copy = tmp_path_factory.mktemp("copy")
    for folder in ("nnsweep", "hydra_plugins", "conf"):
        shutil.copytree(ROOT / folder, copy / folder)
    for recipe in RECIPES.values():
        for block in blocks(recipe, "python|yaml"):
            place, _, content = block.removeprefix("# ").partition("\n")
            path = copy / place
            path.write_text((path.read_text() + "\n\n" if path.exists() else "") + content)
    lines = "\n".join(line for recipe in RECIPES for line in commands(recipe))
    with new_study("recipes") as study:
        told = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=study, env=os.environ | {"PYTHONPATH": str(copy)}, input=lines, capture_output=True, text=True,
        )  # fmt: skip
    return told.stderr + told.stdout


def commands(name: str) -> list[str]:
    """Give the words of a recipe's commands for the program."""
    lines = [line for block in blocks(RECIPES[name], "sh") for line in block.splitlines()]
    assert all(line.startswith("python -m nnsweep ") for line in lines)
    quick = " tracking.pictures=false"  # no recipe is about pictures
    return [line.removeprefix("python -m nnsweep ") + quick * ("trainer.epochs" in line) for line in lines]


def test_there_are_recipes_for_the_common_changes():
    names = {"A schedule", "A data set", "A table format", "An optimizer", "A launcher", "A section of the report"}
    names |= {"A loss", "A measure", "A statistic", "An activation", "An initializer"}
    assert names <= RECIPES.keys()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_complete(name, followed):
    if "joblib" in RECIPES[name]:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="the extra joblib is not installed")
    assert commands(name)
    for line in commands(name):
        assert f"CODE 0 {line}\n" in followed, followed


def test_every_module_that_the_architecture_names_is_there():
    named = re.findall(r"`((?:\w+/)+\w+\.py)`", PICTURE_OF_THE_HOUSE)
    assert len(named) > 15
    assert [path for path in named if not ((ROOT / path).exists() or (ROOT / "nnsweep" / path).exists())] == []
