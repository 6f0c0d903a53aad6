"""LaTeX that pdflatex compiles as it is."""

import shutil
import subprocess

import pytest

from nnsweep.results.report.latex import latex, typeset
from nnsweep.results.report.report import findings

from .conftest import CORRECT, spread
from .test_html import hostile

PDFLATEX = shutil.which("pdflatex")


def test_the_choice_is_bold_and_the_untold_gets_a_dagger(study_of):
    close = spread(0.963, size=0.02, turn=2)
    text = latex(findings(study_of({"20-20": spread(0.964), "20": close, "8": spread(0.8, turn=1)})))
    assert r"\textbf{\boldmath 20{-}20} & \textbf{\boldmath 0.964 (0.960 to 0.968)}" in text
    assert r"20 & 0.963 (0.939 to 0.978) & 10 & 1,510 & unsettled \\" in text
    by_example = latex(findings(study_of({"20-20": [0.95], "20": [0.94], "8": [0.5]}, correct=CORRECT)))
    assert r"20$^\dagger$ & " in by_example
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\midrule")


def test_letters_that_a_latin_font_lacks_are_told_by_their_codes():
    assert typeset("é 中 a\u0301") == "é (U+4E2D) a(U+0301)"


def compiled(text: str, folder) -> str:
    (folder / "report.tex").write_text(text, encoding="utf-8")
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (folder / "report.pdf").stat().st_size > 10_000
    return done.stdout


@pytest.mark.skipif(not PDFLATEX, reason="pdflatex is absent: apt-get install texlive-latex-recommended")
@pytest.mark.parametrize("n", [1, 9, 200])
def test_it_compiles_without_lines_that_stick_out(study_of, tmp_path, n):
    many = {"-".join(["64"] * (1 + row % 5) + [str(row)]): spread(0.9, 3, turn=row) for row in range(n)}
    log = compiled(latex(findings(study_of(many))), tmp_path)
    assert "Overfull" not in log


@pytest.mark.skipif(not PDFLATEX, reason="pdflatex is absent: apt-get install texlive-latex-recommended")
def test_hostile_text_compiles_to_text(tmp_path):
    compiled(latex(hostile()), tmp_path)
