"""Type checkers understand what a user writes: every public name, and the Python of README."""

import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nnsweep

ROOT = Path(nnsweep.__file__).parents[1]
USE = ROOT / "tests" / "typed_use.py"
PAGE = ROOT / "README.md"

pytestmark = pytest.mark.skipif(not (PAGE.is_file() and USE.is_file()), reason="this is not a checkout")


def read_page() -> str:
    """Read the first Python of README."""
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[0]


def test_every_public_name_is_used():
    used = {*re.findall(r"nnsweep\.(\w+)", USE.read_text(encoding="utf-8"))}
    assert {*nnsweep.__all__} == used


@pytest.mark.parametrize("name", [name for name in nnsweep.__all__ if inspect.isfunction(getattr(nnsweep, name))])
def test_every_argument_and_result_has_a_type(name):
    signature = inspect.signature(getattr(nnsweep, name))
    assert [one.name for one in signature.parameters.values() if one.annotation is one.empty] == []
    assert signature.return_annotation is not signature.empty


def test_mypy_is_content_with_what_users_write(tmp_path):
    pytest.importorskip("mypy")
    page = tmp_path / "page.py"
    page.write_text(read_page())
    command = [sys.executable, "-m", "mypy", str(USE), str(page)]  # as strict as the project's check, with its cache
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_pyright_knows_every_type(tmp_path):
    pyright = shutil.which("pyright", path=f"{Path(sys.executable).parent}:{Path('/usr/local/bin')}:/usr/bin")
    if pyright is None:
        pytest.skip("pyright is not installed")
    shutil.copy(USE, tmp_path)
    (tmp_path / "page.py").write_text(f"# pyright: standard\n{read_page()}")  # what it imports of others is not strict
    settings = {"typeCheckingMode": "strict", "include": ["*.py"], "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [pyright, "--outputjson", "--pythonpath", sys.executable]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if not told.stdout.lstrip().startswith("{"):
        pytest.skip("pyright cannot fetch what it needs")
    found = [
        f"{one['range']['start']['line'] + 1}: {one['message']}"
        for one in json.loads(told.stdout)["generalDiagnostics"]
    ]
    assert found == []
