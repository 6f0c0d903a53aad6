"""The table of an article is exported with a manifest, by which it is verified."""

import re
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from nnsweep.cli.main import main
from nnsweep.results.tables.manifest import read_manifest
from tests.latex import compile_latex, needs_pdflatex
from tests.outside import copy_store

ARTICLE = Path(__file__).parents[2] / "docs" / "how-to" / "article.md"
QUICK = ("data=iris", "trainer.epochs=3", "tracking.pictures=false")
FORMATS = (".tex", ".md", ".csv", ".html")


@pytest.fixture(scope="module")
def trained(new_study):
    """Give the store of a small sweep."""
    with new_study("paper") as folder:
        assert main(["arch=linear,shallow", "seed=0,1,2", *QUICK]) == 0
    return folder / "mlflow.db"


@pytest.fixture
def swept(nnsweep, study, trained):
    """Give the program and a folder in which the store of a small sweep is."""
    copy_store(trained, study / "mlflow.db")
    return nnsweep, study


def change_store(study, statement: str) -> None:
    with closing(sqlite3.connect(study / "mlflow.db", timeout=30)) as connection:
        assert connection.execute(statement).rowcount > 0
        connection.commit()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_table_that_nobody_has_touched_is_verified(suffix, swept):
    nnsweep, study = swept
    asked = ("--filter", "seed < 2", "--two-column", "--confidence", "0.9")
    assert nnsweep("export", "nnsweep", "--to", "paper", *asked, "-o", f"table{suffix}").code == 0
    manifest = read_manifest(study / f"table{suffix}")
    assert (manifest.n_rows, len(manifest.runs), manifest.asked["to"]) == (2, 4, "paper")
    assert "90 % interval" in manifest.columns
    said = nnsweep("verify", f"table{suffix}")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        f"table{suffix}: the table of 4 runs is what the store gives, line by line",
        "made with --filter 'seed < 2': 2 of the experiment's 6 runs are left out",
    ]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_number_that_was_changed_is_found(suffix, swept):
    nnsweep, study = swept
    assert nnsweep("export", "nnsweep", "--to", "paper", "-o", f"table{suffix}").code == 0
    path = study / f"table{suffix}"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[0.", "[0.0", 1).replace("{[}0.", "{[}0.0", 1), encoding="utf-8")
    said = nnsweep("verify", f"table{suffix}")
    assert said.code == 6
    assert "line " in said.out
    assert "the file was changed after it was exported" in said.err


def test_a_store_that_was_changed_is_found(swept):
    nnsweep, study = swept
    assert nnsweep("export", "nnsweep", "--to", "paper", "-o", "table.tex").code == 0
    change_store(study, "UPDATE latest_metrics SET value = 0.125 WHERE key = 'test_accuracy'")
    said = nnsweep("verify", "table.tex")
    assert said.code == 6
    assert "the store has changed since" in said.err


def test_a_run_that_is_new_is_named(swept):
    nnsweep, _ = swept
    assert nnsweep("export", "nnsweep", "--to", "paper", "-o", "table.md").code == 0
    assert main(["arch=linear", "seed=7", *QUICK]) == 0
    said = nnsweep("verify", "table.md")
    assert said.code == 6
    assert "this run is new, the table would have it" in said.out


def test_on_the_terminal_it_is_latex(swept):
    nnsweep, study = swept
    said = nnsweep("export", "nnsweep", "--to", "paper")
    assert (said.code, said.out.splitlines()[1]) == (0, r"\begin{table}[!tb]\centering")
    assert [*study.glob("*.manifest.json")] == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--to", "paper", "--columns", "name"), "--columns is for --to data tables only"),
        (("--to", "paper", "--histories"), "--histories is for --to data tables only"),
        (("--metric", "val_accuracy"), "--measure is for --to paper tables only"),
        (("--two-column",), "--two-column is for --to paper tables only"),
        (("--to", "paper", "-o", "table.parquet"), "cannot be written as parquet; use one of latex"),
        (("--to", "paper", "--filter", "seed > 99"), "no run finished with a test accuracy"),
        (("--to", "paper", "--metric", "wrong"), "wrong"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(arguments, problem, swept):
    nnsweep, study = swept
    said = nnsweep("export", "nnsweep", *arguments)
    assert said.code == 2
    assert problem in said.err
    assert len(said.err.splitlines()) == 1
    assert not [*study.glob("table*")]


def test_means_are_not_trained_again(swept):
    nnsweep, _ = swept
    assert nnsweep("export", "nnsweep", "--to", "paper", "-o", "table.tex").code == 0
    said = nnsweep("verify", "table.tex", "--retrain", "1")
    assert said.code == 2
    assert "--retrain compares runs; export them as well, without --to paper" in said.err


def test_runs_that_no_page_holds_get_a_hint(swept):
    nnsweep, _ = swept
    said = nnsweep("export", "nnsweep", "--columns", "name,test_accuracy", "-o", "few.tex")
    assert (said.code, said.err) == (0, "")
    said = nnsweep("export", "nnsweep", "-o", "all.tex")
    assert said.code == 0
    assert "more than a page shows; --to paper makes a table for an article" in said.err


def test_a_report_is_a_fragment_where_one_is_asked_for(swept):
    nnsweep, study = swept
    assert nnsweep("report", "nnsweep", "--fragment", "-o", "report.tex").code == 0
    text = (study / "report.tex").read_text(encoding="utf-8")
    assert r"\documentclass" not in text
    assert text.startswith(r"% To be \input into an article")
    said = nnsweep("report", "nnsweep", "--fragment", "-o", "report.md")
    assert said.code == 2
    assert "only LaTeX has fragments: name a .tex file instead of 'report.md'" in said.err


def test_a_statement_is_read_from_the_record(swept):
    nnsweep, study = swept
    said = nnsweep("report", "nnsweep", "--reproducibility")
    assert (said.code, said.err) == (0, "")
    text = said.out.replace("\\", "")
    assert "We trained 6 networks on iris: 2 configurations, each with 3 seeds (0 to 2)." in text
    assert "96 training, 24 validation and 30 test examples" in text
    assert "nnsweep -m arch=linear,shallow seed=0,1,2 data=iris trainer.epochs=3 tracking.pictures=false" in text
    assert "of memory" in text
    assert nnsweep("report", "nnsweep", "--reproducibility", "-o", "statement.tex").code == 0
    statement, checklist = ((study / f"statement{part}.tex").read_text(encoding="utf-8") for part in ("", "_checklist"))
    assert r"\documentclass" not in statement + checklist
    assert "We trained 6 networks" in statement
    assert "Fixed settings" not in statement
    assert "Fixed settings" in checklist


def test_a_statement_takes_no_options_of_a_report(swept):
    nnsweep, _ = swept
    said = nnsweep("report", "nnsweep", "--reproducibility", "--baseline", "8")
    assert said.code == 2
    assert "--baseline has no meaning for --reproducibility" in said.err
    said = nnsweep("report", "nnsweep", "--reproducibility", "--filter", "seed > 99")
    assert said.code == 2
    assert "there are no such runs" in said.err


@pytest.mark.parametrize("suffix", FORMATS)
def test_each_data_set_has_a_table(suffix, swept):
    nnsweep, study = swept
    assert main(["arch=linear,shallow", "seed=0,1,2", *QUICK, "data=wine"]) == 0
    assert nnsweep("export", "nnsweep", "--to", "paper", "-o", f"table{suffix}").code == 0
    text = (study / f"table{suffix}").read_text(encoding="utf-8")
    manifest = read_manifest(study / f"table{suffix}")
    assert (manifest.n_rows, manifest.columns[0]) == (4, "Data")
    if suffix == ".tex":
        assert [line for line in text.splitlines() if line.startswith(r"\label")] == [
            r"\label{tab:nnsweep-iris}",
            r"\label{tab:nnsweep-wine}",
        ]
    elif suffix == ".csv":
        assert [line.partition(",")[0] for line in text.splitlines()] == ["Data", "iris", "iris", "wine", "wine"]
    assert nnsweep("verify", f"table{suffix}").code == 0


@needs_pdflatex
def test_the_recipe_for_an_article_works(nnsweep, study):
    sizes = ("arch=uniform", "arch.depth=1,2", "arch.width=4,8", "seed=0,1")
    assert main([*sizes, *QUICK, "tracking.experiment=depth_width"]) == 0
    commands, article = re.findall(r"```(?:sh|tex)\n(.*?)```", ARTICLE.read_text(encoding="utf-8"), flags=re.DOTALL)
    for line in commands.splitlines():
        assert nnsweep(*shlex.split(line)[1:]).code == 0
    log = compile_latex(article, study)
    assert "Output written on document.pdf (2 pages" in log
    if shutil.which("pdffonts"):
        fonts = subprocess.run(
            ["pdffonts", "document.pdf"], cwd=study, capture_output=True, text=True, check=True
        ).stdout
        assert "DejaVuSans" in fonts
        assert "Type 3" not in fonts
