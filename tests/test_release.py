"""A release is one version everywhere: in the package, in the changelog, and in the tag on its commit."""

import re
import subprocess
from pathlib import Path

import pytest

import nnsweep

ROOT = Path(nnsweep.__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "CHANGELOG.md").is_file(), reason="this is not a checkout")


def test_the_newest_release_of_the_changelog_is_this_version():
    headings = re.findall(r"^## (.+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    newest = next(heading for heading in headings if heading != "Unreleased")
    assert re.fullmatch(re.escape(nnsweep.__version__) + r" \u2013 \d{4}-\d\d-\d\d", newest)


def test_a_tag_on_this_commit_is_this_version():
    asked = subprocess.run(
        ["git", "tag", "--points-at", "HEAD", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert {*asked.stdout.split()} <= {f"v{nnsweep.__version__}"}
