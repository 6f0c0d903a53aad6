"""``nnsweep compare`` on real sweeps."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from nnsweep.cli.main import main

GRID = ("-m", "data=iris", "tracking.pictures=false", "seed=range(0,4)")
FIRST = (*GRID, "trainer.epochs=3", "arch=linear,shallow", "tracking.experiment=monday")
SECOND = (*GRID, "trainer.epochs=60", "arch=shallow,wide", "tracking.experiment=friday")
THIRD = (*GRID, "trainer.epochs=3", "data=wine", "arch=linear", "tracking.experiment=wine")


@pytest.fixture(scope="module")
def swept(new_study: Callable[[str], contextlib.AbstractContextManager[Path]]) -> Path:
    with new_study("compare") as folder:
        assert [main([*sweep]) for sweep in (FIRST, SECOND, THIRD)] == [0, 0, 0]
    return folder


@pytest.fixture
def told(swept, capfd, monkeypatch):
    monkeypatch.chdir(swept)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def run(*arguments):
        code = main(["compare", *arguments])
        return code, *capfd.readouterr()

    return run


def test_two_studies_are_told_side_by_side(told):
    code, out, err = told("monday", "friday")
    assert (code, err) == (0, "")
    assert out.startswith("# How do monday and friday differ?\n")
    assert "- monday (8 runs of 2 configurations): " in out
    assert "Both are on the same data, iris." in out
    assert "| trainer.epochs | 3 | 60 |" in out
    assert out.splitlines()[2] == "**The configuration that both have, 32, has moved beyond chance.**"
    assert "- Only monday has 1 configuration: linear." in out
    assert "- Only friday has 1 configuration: 256." in out
    assert out.rstrip().endswith("nnsweep compare monday friday\n```")


def test_studies_of_other_data_are_not_compared(told):
    code, out, _ = told("monday", "wine")
    assert code == 0
    assert "They have no data in common: monday is on iris, wine on wine." in out
    assert "difference" not in out


def test_each_study_is_compared_with_the_first(told):
    code, out, _ = told("monday", "friday", "wine")
    assert code == 0
    assert out.startswith("# How do monday, friday and wine differ?\n")
    assert "## What both have: monday and friday" in out
    assert "## What differs: monday and wine" in out
    assert "friday and wine\n##" not in out


def test_names_in_a_page_are_unique(told, swept):
    said = told("monday", "friday", "wine", "--output", "page.html")
    assert said == (0, f"page.html: {(swept / 'page.html').as_uri()}\n", "")
    ids = re.findall(r'\bid="([^"]+)"', (swept / "page.html").read_text(encoding="utf-8"))
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("suffix", "begins"), [("html", "<!DOCTYPE html>"), ("tex", r"\documentclass"), ("md", "# ")])
def test_a_comparison_is_a_file_of_any_kind(told, swept, suffix, begins):
    code, out, err = told("monday", "friday", "--output", f"compared.{suffix}")
    assert (code, out.partition(":")[0].strip(), err) == (0, f"compared.{suffix}", "")
    text = (swept / f"compared.{suffix}").read_text(encoding="utf-8")
    assert text.startswith(begins)
    assert "friday" in text


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "two or more experiments"),
        (("monday",), "two or more experiments"),
        (("monday", "monday"), "each named once"),
        (("monday", "tuesday"), "no experiment 'tuesday'"),
        (("monday", "friday", "--filter", "depth > 9"), "has no run that fulfils depth > 9"),
        (("monday", "friday", "--output", "compared.pdf"), "cannot tell the format"),
        (("monday", "friday", "--metric", "acuracy"), "acuracy"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line(told, arguments, problem):
    code, out, err = told(*arguments)
    assert (code, out) == (2, "")
    assert problem in err
    assert "Traceback" not in err
