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
def test_hostile_text_compiles_to_text(tmp_path):
    compile_latex(latex(hostile()), tmp_path)
