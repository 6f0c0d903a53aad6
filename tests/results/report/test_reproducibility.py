"""The reproducibility statement says what is recorded, and of the rest that it is not."""

import pytest

from nnsweep.results.frame import frame
from nnsweep.results.report.latex import latex
from nnsweep.results.report.markdown import markdown
from nnsweep.results.report.reproducibility import Circumstances, make_reproducibility, split_off_appendix
from nnsweep.results.report.study import Study
from tests.latex import compile_latex, make_article, needs_pdflatex

from ..conftest import PAYLOADS
from .conftest import runs_of, spread

ENVIRONMENT = {
    "nnsweep": "1.2.3",
    "python": "3.11.7",
    "platform": "Linux-6",
    "processor": "A processor",
    "cores": 8,
    "memory_bytes": 16_000_000_000,
    "packages": {"numpy": "2.4.6"},
    "git_commit": "abc123",
    "git_dirty": True,
}
CIRCUMSTANCES = Circumstances(
    commands=("nnsweep -m arch=a,b",),
    environments=(ENVIRONMENT, dict(ENVIRONMENT)),
    digests=("0123456789abcdef0123",),
    checks=("nnsweep verify table.csv",),
)
SETTINGS = {"trainer.epochs": 40, "data.val_fraction": 0.1, "data.standardize": True, "data.split_seed": 0}


def make_study(*more, **options) -> Study:
    records = [*runs_of({"20-20": spread(0.96), "8": [*spread(0.8, 9), None]}, settings=SETTINGS), *more]
    for record in records:
        record.metrics.update(n_train_samples=1293.0, n_val_samples=144.0, n_test_samples=360.0, chance_accuracy=0.1)
    return Study(runs=frame(records), **options)


def answer(found, item: str) -> str:
    points = found.section("checklist").points
    return next(point.removeprefix(f"{item}: ") for point in points if point.startswith(f"{item}: "))


def test_the_statement_says_what_was_done():
    statement = " ".join(make_reproducibility(make_study(), CIRCUMSTANCES).section("statement").sentences)
    for words in (
        "We trained 20 networks on digits: 2 configurations, each with 10 seeds (0 to 9).",
        "We varied hidden layer sizes (8, 20-20); all other settings were fixed.",
        "There were 1,293 training, 144 validation and 360 test examples",
        "the split was the same for all runs.",
        "A seed determines the initial weights and the order of the training examples.",
        "Each network is measured on the 360 test examples at the epoch of its best validation accuracy.",
        "The 95 % interval of a mean is Student's t on the scale of log odds; with Bonferroni's correction, all 2 hold",
        "It covers the mean over all possible seeds on this test set, not on other test sets.",
        "1 of 20 runs failed or diverged and is counted as guessing.",
        "Training took 20 s in all, summed over runs, on A processor, 8 cores, 16 GB of memory.",
        "We used nnsweep 1.2.3, Python 3.11.7 and NumPy 2.4.6.",
    ):
        assert words in statement
    assert len(statement.split()) <= 160


def test_dropout_is_named_where_it_is_used():
    records = runs_of({"20": spread(0.9)}, settings=SETTINGS | {"trainer.dropout": 0.2})
    statement = make_reproducibility(Study(runs=frame(records)), CIRCUMSTANCES).section("statement").sentences
    assert "A seed determines the initial weights, the order of the training examples, and dropout." in statement


def test_an_article_has_the_paragraph_and_its_appendix_the_rest():
    found = make_reproducibility(make_study(), CIRCUMSTANCES)
    paragraph, appendix = split_off_appendix(found)
    text = latex(paragraph, fragment=True)
    assert "We trained 20 networks" in text
    assert "subsection" not in text
    assert r"95\,\% interval" in text
    assert [section.name for section in appendix.sections] == ["checklist", "commands"]
    assert r"\section{Reproducibility checklist}" in latex(appendix, fragment=True)


def test_the_checklist_answers_what_reviewers_ask():
    found = make_reproducibility(make_study(), CIRCUMSTANCES)
    assert answer(found, "Commands that made the runs") == "1 command, see below."
    assert answer(found, "How the range was chosen") == "not recorded; to be stated by the authors."
    assert "trainer.epochs=40" in answer(found, "Fixed settings")
    assert answer(found, "How the configuration was selected") == "by validation accuracy; it is 20-20."
    assert answer(found, "Number of runs") == "20: 19 finished and 1 diverged."
    assert answer(found, "Data") == "digits; SHA-256 0123456789abcdef."
    assert answer(found, "Preprocessing") == "data.standardize=True."
    assert answer(found, "Split") == "the same for all runs (val_fraction=0.1, split_seed=0)."
    assert answer(found, "Processor and memory") == "A processor, 8 cores, 16 GB of memory, Linux-6."
    assert answer(found, "Compute") == "20 s in all, summed over runs (1 s a run, at most 1 s)."
    assert answer(found, "Code") == "commit abc123 with uncommitted changes."
    assert found.section("commands").commands == ("nnsweep -m arch=a,b", "nnsweep verify table.csv")


def test_what_is_not_recorded_is_said_to_be_so():
    study = Study(runs=frame(runs_of({"20": [0.9], "8": [0.8]})).drop(columns="duration_seconds"))
    found = make_reproducibility(study, Circumstances())
    assert answer(found, "Commands that made the runs") == "not recorded."
    assert answer(found, "Number of examples").count("not recorded") == 2
    assert answer(found, "Compute") == "a time that is not recorded."
    assert answer(found, "Processor and memory") == "a machine that is not recorded."
    assert answer(found, "Software") == "not recorded."
    assert answer(found, "Error bars") == "none, for lack of repeats."
    assert "not recorded" in answer(found, "Data")


def test_a_grid_that_is_not_full_is_told():
    records = runs_of({"8": [0.9]}, settings={"activation": "relu"})
    records += runs_of({"8": [0.8]}, settings={"activation": "tanh"})
    records += runs_of({"20": [0.7]}, settings={"activation": "relu"})
    found = make_reproducibility(Study(runs=frame(records)), Circumstances())
    assert answer(found, "Range of hyperparameters").endswith("in 3 of 4 combinations.")


def test_several_data_sets_have_no_common_interval():
    other = runs_of({"20-20": spread(0.9), "8": spread(0.7)}, settings=SETTINGS | {"data": "iris"})
    found = make_reproducibility(make_study(*other), CIRCUMSTANCES)
    statement = " ".join(found.section("statement").sentences)
    assert "We trained 40 networks on digits and iris: 2 configurations" in statement
    assert "interval" not in statement
    assert answer(found, "How the configuration was selected") == "by each data set for itself."


@needs_pdflatex
@pytest.mark.parametrize("two_columns", [False, True])
def test_it_goes_into_an_article(two_columns, tmp_path):
    texts = [text for text in PAYLOADS if text and text.isprintable()]
    hostile = CIRCUMSTANCES._replace(
        commands=tuple(texts), environments=(ENVIRONMENT | {"processor": "".join(texts)},), digests=tuple(texts)
    )
    for place, circumstances in enumerate((CIRCUMSTANCES, hostile)):
        found = make_reproducibility(make_study(), circumstances)
        folder = tmp_path / str(place)
        folder.mkdir()
        compile_latex(make_article(latex(found, fragment=True), two_columns=two_columns), folder)
        assert markdown(found).startswith("# Reproducibility")
