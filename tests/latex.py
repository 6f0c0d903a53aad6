"""pdflatex, for tests: what is written has to compile, and nothing may stick out of a line."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PDFLATEX = shutil.which("pdflatex")
needs_pdflatex = pytest.mark.skipif(
    not PDFLATEX, reason="pdflatex is absent: apt-get install texlive-latex-recommended"
)
STICKS_OUT = 2.0
"""Points by which a line may be too long: less than a reader sees."""
ARTICLE = r"""\documentclass[10pt{options}]{{article}}
\usepackage[utf8]{{inputenc}}
\usepackage{{booktabs,float,graphicx}}
\begin{{document}}
\section{{An article}}
See Table~\ref{{{label}}}.
{body}
\end{{document}}
"""


def make_article(body: str, label: str = "", *, two_columns: bool = False) -> str:
    """Put a text into an article that refers to one of its tables."""
    text = ARTICLE.format(options=",twocolumn" * two_columns, body=body, label=label)
    return text if label else text.replace("See Table~\\ref{}.\n", "")


def compile_latex(text: str, folder: Path) -> str:
    """Compile a document until its references are known, check it, and give the log."""
    (folder / "document.tex").write_text(text, encoding="utf-8")
    command = [str(PDFLATEX), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "document.tex"]
    for _ in range(2):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
        assert done.returncode == 0, done.stdout[-3000:]
        log = (folder / "document.log").read_text(encoding="utf-8", errors="replace")
        if "Rerun to get" not in log and "undefined references" not in log:
            break
    widths = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(widths, default=0.0) <= STICKS_OUT, log
    assert ".600pk" not in log, f"a bitmap font, which publishers refuse: {log}"
    for problem in ("undefined references", "Float too large", "Overfull \\vbox", "Missing character"):
        assert problem not in log, log
    return log
