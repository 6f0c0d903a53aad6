"""LaTeX that pdflatex compiles as it is."""

import ast
from pathlib import Path

import pytest

import nnsweep
from nnsweep.results.report.latex import SYMBOLS, latex, typeset
from nnsweep.results.report.report import findings
from tests.latex import compile_latex, make_article, needs_pdflatex

from .conftest import CORRECT, spread
from .test_html import hostile


def test_the_choice_is_bold_and_the_untold_gets_a_dagger(study_of):
    close = spread(0.963, size=0.02, turn=2)
    text = latex(findings(study_of({"20-20": spread(0.964), "20": close, "8": spread(0.8, turn=1)})))
    assert r"\textbf{\boldmath 20{-}20} & \textbf{\boldmath 0.964 (0.960 to 0.968)}" in text
    assert r"20 & 0.963 (0.939 to 0.978) & 10 & 1,510 & unsettled \\" in text
    by_example = latex(findings(study_of({"20-20": [0.95], "20": [0.94], "8": [0.5]}, correct=CORRECT)))
    assert r"20$^\dagger$ & " in by_example
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\midrule")


def test_letters_that_a_latin_font_lacks_are_told_by_their_codes():
    assert typeset("é 中 a\u0301 ð") == "é (U+4E2D) a(U+0301) (U+00F0)"


def list_signs() -> set[str]:
    """List the signs beyond ASCII in whatever a report can say: in all texts of the sources that are no docstring."""
    signs: set[str] = set()
    for file in (Path(nnsweep.__file__).parent / "results").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        docstrings = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)}
        texts = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        signs |= {char for text in texts - docstrings for char in text if ord(char) > 126}
    return signs - set("＝＋－＠中ÐÞðþ✗") - {"\ufeff"}  # noqa: RUF001


def test_every_sign_of_a_report_is_typeset():
    signs = list_signs()
    assert {"±", "χ", "²", "†"} & signs
    lacking = {char for char in signs if typeset(char).startswith("(U+")}
    assert not lacking


@needs_pdflatex
def test_every_sign_that_is_known_compiles(tmp_path):
    signs = [*SYMBOLS, *map(chr, range(0xA1, 0x100)), *map(chr, range(0x391, 0x3CA))]
    paragraphs = "\n\n".join(f"\\footnotesize a{typeset(char)}b" for char in signs)
    compile_latex(make_article(paragraphs), tmp_path)


@needs_pdflatex
@pytest.mark.parametrize("n", [1, 9, 200])
def test_it_compiles_without_lines_that_stick_out(study_of, tmp_path, n):
    many = {"-".join(["64"] * (1 + row % 5) + [str(row)]): spread(0.9, 3, turn=row) for row in range(n)}
    log = compile_latex(latex(findings(study_of(many))), tmp_path)
    assert "Overfull" not in log


@needs_pdflatex
@pytest.mark.parametrize("n", [1, 9, 60])
def test_a_fragment_goes_into_an_article(study_of, tmp_path, n):
    many = {"-".join(["64"] * (1 + row % 5) + [str(row)]): spread(0.9, 3, turn=row) for row in range(n)}
    text = latex(findings(study_of(many, settings={"data.a_long_name_of_a_setting": "value"})), fragment=True)
    assert not [line for line in text.splitlines() if line.startswith((r"\documentclass", r"\usepackage"))]
    assert r"% \usepackage{booktabs,float}" in text.splitlines()
    compile_latex(make_article(text), tmp_path)


@needs_pdflatex
@pytest.mark.parametrize("fragment", [False, True])
def test_hostile_text_compiles_to_text(tmp_path, fragment):
    text = latex(hostile(), fragment=fragment)
    compile_latex(make_article(text) if fragment else text, tmp_path)


def test_a_report_begins_with_the_overview(study_of):
    found = findings(study_of({"20": spread(0.9), "8": spread(0.8)}))
    text = latex(found, {found.overview.picture.name: "map.pdf"} if found.overview.picture else {})
    first, _, _ = text.partition(r"\subsection*")
    assert typeset(found.overview.answer) in first
    assert all(typeset(number.value) in first for number in found.overview.key_numbers)
    assert "What to do next" in first
    assert (r"\begin{figure}[H]" in first) == bool(found.overview.picture)


def test_floats_stay_under_their_headings(study_of):
    text = latex(findings(study_of({"20": spread(0.9), "8": spread(0.8)})))
    assert text.count(r"\begin{table}[H]") == text.count(r"\begin{table}") > 2
