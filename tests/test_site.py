"""The site can be built, strictly: every link leads somewhere, and nothing is fetched."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT

if not (ROOT / "mkdocs.yml").is_file():
    pytest.skip("this is not a checkout: there is no site to build", allow_module_level=True)


@pytest.fixture(scope="module")
def site() -> Path:
    """Build the site."""
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    told = subprocess.run([sys.executable, ROOT / "tools" / "site.py"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    return ROOT / "build" / "site"


def test_it_has_a_page_for_each_source(site):
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert [str(page) for page in pages if not (site / page).is_file()] == []
