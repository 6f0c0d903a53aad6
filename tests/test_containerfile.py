"""The Containerfile is read, not built: what it copies is there, its versions are held, and nothing runs as root."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

import nnsweep

CHECKOUT = Path(nnsweep.__file__).parents[1]
PYTHON = {"debian:trixie-slim": "3.13.5"}
"""The Python of the images that it may begin with."""

pytestmark = pytest.mark.quick
if not (CHECKOUT / "Containerfile").is_file():
    pytest.skip("this is not a checkout", allow_module_level=True)

TEXT = (CHECKOUT / "Containerfile").read_text(encoding="utf-8")
STEPS = re.findall(r"^([A-Z]+) (.*)$", TEXT.replace("\\\n", ""), re.MULTILINE)
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def list_copied() -> list[str]:
    """Give what is copied from the checkout."""
    copied = [shlex.split(rest)[:-1] for word, rest in STEPS if word == "COPY" and "--from" not in rest]
    return [path for paths in copied for path in paths]


def test_what_is_copied_is_there_and_not_ignored():
    ignored = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == {*list_copied()}
    assert [path for path in list_copied() if not (CHECKOUT / path).exists()] == []


def test_all_that_the_wheel_needs_is_copied():
    configured = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = configured["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], PROJECT["readme"], *PROJECT["license-files"]}
    assert needed | {"pyproject.toml"} <= {*list_copied()}


def test_versions_are_those_of_the_constraints():
    assert re.search(r"^ENV PIP_CONSTRAINT=/source/constraints\.txt\b", TEXT, re.MULTILINE)
    (extras,) = re.findall(r"install '\.\[(.*)\]'", TEXT)
    assert {*extras.split(",")} <= PROJECT["optional-dependencies"].keys()


def test_its_python_is_one_that_is_allowed():
    images = {rest.split()[0] for word, rest in STEPS if word == "FROM"}
    assert [PYTHON[image] in SpecifierSet(PROJECT["requires-python"]) for image in images] == [True]


def test_it_runs_nnsweep_and_not_as_root():
    last = dict(STEPS)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert last["ENTRYPOINT"] == '["tini", "--", "nnsweep"]'
    assert [rest for word, rest in STEPS if word in ("ADD", "ARG")] == []
