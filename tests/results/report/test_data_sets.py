"""A report on several data sets compares within data sets, and says how to have the report of one."""

import numpy as np
import pytest

from nnsweep.results.frame import frame, rows
from nnsweep.results.report import section_data_sets
from nnsweep.results.report.report import findings
from nnsweep.results.report.section_trainings import describe_unfinished
from nnsweep.results.report.study import Study

from .conftest import runs_of


def study_on(n_data_sets, means, *, validation=0.0, size=0.003, **options):
    """Make a study on data sets of growing difficulty: architectures with means, three seeds each."""
    random = np.random.default_rng(0)
    records = []
    for place in range(n_data_sets):
        values = {
            layers: [mean - 0.03 * place + size * random.normal() for _ in range(3)] for layers, mean in means.items()
        }
        records += runs_of(values, validation=validation, settings={"data": f"set{place:02}"})
    return Study(runs=frame(records), **options)


@pytest.fixture
def clear() -> Study:
    return study_on(9, {"20-20": 0.96, "20": 0.93, "8": 0.90})


def test_the_answer_is_over_data_sets(clear):
    answer = findings(clear).section("answer")
    assert answer.sentences == (
        "Use 20-20 (2 layers of 20 units): mean rank 1.0 of 3 by test accuracy over 9 data sets, best on all of them.",
    )
    assert answer.points[0] == (
        "It was chosen by validation accuracy (mean rank 1.0) and also ranks first on the test sets."
    )
    assert answer.points[1].startswith("Compared with 20, 20-20 is better on 9 of the data sets (mean difference +0.0")
    assert answer.points[2:4] == (
        "Over these data sets 20-20 differs significantly from all 2 others.",
        "Overall, the ranks of the configurations differ significantly (Friedman's test, p < 0.001).",
    )
    assert answer.points[-1].endswith("is in the report with --filter 'data == \"set00\"'.")


def test_what_would_compare_the_data_is_left_out(clear):
    assert [section.name for section in findings(clear).sections] == [
        *("answer", "question", "data_sets", "pictures", "origin", "methods")
    ]
    question = findings(clear).section("question")
    assert question.sentences[0] == "81 runs of 3 configurations on 9 data sets."
    assert question.tables[0].frame["setting"].tolist() == ["hidden_layer_sizes"]


def test_the_report_of_one_data_set_is_as_before(clear):
    one = Study(runs=clear.runs[clear.runs["data"] == "set00"])
    assert "configurations" in [section.name for section in findings(one).sections]
    named = Study(runs=clear.runs, by=["data", "hidden_layer_sizes"])
    assert "configurations" in [section.name for section in findings(named).sections]


def test_two_data_sets_are_said_to_be_too_few():
    study = study_on(2, {"20-20": 0.96, "20": 0.93, "8": 0.90})
    assert section_data_sets.list_rivals_over_data_sets(study) == [
        "2 data sets are too few for any two of 3 configurations to differ significantly: even if one were better on "
        "all of them, p (adjusted for 3 pairs) would be 1. At least 7 are needed."
    ]
    pair = study_on(5, {"20-20": 0.96, "8": 0.90})
    assert section_data_sets.list_rivals_over_data_sets(pair) == [
        "5 data sets are too few for the two to differ significantly: even if one were better on all of them, p would "
        "be 0.062. At least 6 are needed."
    ]


def test_another_choice_of_validation_is_told_first():
    study = study_on(9, {"20-20": 0.96, "8": 0.90})
    is_small = (study.runs["hidden_layer_sizes"] == "8").to_numpy()
    study.runs["best_val_accuracy"] = np.where(is_small, 0.99, study.runs["test_accuracy"].astype(float))
    assert section_data_sets.name_best_over_data_sets(study) == [
        "Use 8 (1 layer of 8 units), chosen by validation accuracy: mean rank 2.0 of 2 by test accuracy over 9 data "
        "sets, best on none of them.",
        "It was chosen by validation accuracy (mean rank 1.0). On the test sets 20-20 ranks first (mean rank 1.0).",
    ]
    assert section_data_sets.describe_runner_up(study)[0].startswith("Compared with 20-20, 8 is worse on 9 of the")


def test_without_validation_the_test_sets_rank(clear):
    study = study_on(9, {"20-20": 0.96, "8": 0.90}, validation=None)
    assert section_data_sets.name_best_over_data_sets(study) == [
        "20-20 ranks first: mean rank 1.0 of 2 by test accuracy over 9 data sets, best on all of them."
    ]
    assert "chosen by validation" not in {column.heading for column in data_sets_table(study).columns}
    assert "chosen by validation" in {column.heading for column in data_sets_table(clear).columns}


def test_those_that_share_the_first_place_are_named_together():
    runs = [
        *runs_of({"8": [0.9], "20": [0.8], "20-20": [0.7]}, validation=None),
        *runs_of({"8": [0.8], "20": [0.9], "20-20": [0.7]}, validation=None, settings={"data": "iris"}),
    ]
    (said,) = section_data_sets.name_best_over_data_sets(Study(runs=frame(runs)))
    assert said in {
        f"{pair} rank first: mean rank 1.5 of 3 by test accuracy over 2 data sets." for pair in ("8 and 20", "20 and 8")
    }
    validated = [
        *runs_of({"8": [0.9], "20": [0.8]}, settings={"data": "digits"}),
        *runs_of({"8": [0.8], "20": [0.9]}, settings={"data": "iris"}),
    ]
    _, said = section_data_sets.name_best_over_data_sets(Study(runs=frame(validated)))
    assert " also ranks first on the test sets, together with " in said


def data_sets_table(study):
    (table,) = [one for one in findings(study).section("data_sets").tables if one.name == "data_sets"]
    return table


def test_equal_configurations_cannot_be_told_apart():
    study = study_on(9, {"20-20": 0.93, "20": 0.93, "8": 0.93}, size=0.01)
    chosen = study.data_sets_by_validation.labels[0]
    assert section_data_sets.list_rivals_over_data_sets(study) == [
        f"Over these data sets {chosen} does not differ significantly from any of the 2 others."
    ]
    (said,) = section_data_sets.describe_friedman(study)
    assert said.startswith("Overall, the ranks of the configurations do not differ")
    assert any("significant differences" in point for point in findings(study).section("data_sets").points)


def test_each_data_set_has_its_row(clear):
    table = data_sets_table(clear)
    cells = [[column.text(row) for column in table.narrow_columns] for row in rows(table.frame)]
    assert len(cells) == 9
    assert cells[0][0] == "set00"
    assert cells[0][1] == cells[0][3] == "20-20"


def test_configurations_that_nothing_compares_are_told():
    disjoint = [*runs_of({"8": [0.9, 0.91]}), *runs_of({"20": [0.99, 0.98]}, settings={"data": "iris"})]
    answer = findings(Study(runs=frame(disjoint))).section("answer")
    assert answer.sentences == (
        "Each of 2 data sets (digits and iris) has only one configuration, so there is nothing to compare.",
    )
    more = [*disjoint, *runs_of({"64-64": [0.9]})]
    assert findings(Study(runs=frame(more))).section("answer").sentences == (
        "No two configurations have a result on all 2 data sets (digits and iris), so none can be called the best.",
    )
    lost = [*runs_of({"8": [None], "20": [None]}), *runs_of({"8": [None], "20": [None]}, settings={"data": "iris"})]
    assert findings(Study(runs=frame(lost))).section("answer").sentences == (
        "No run finished with a test accuracy, so there is no answer yet.",
    )


def test_failures_are_told_over_data_sets_too(clear):
    runs = frame(
        [*runs_of({"8": [0.9, None], "20": [0.9, 0.8]}), *runs_of({"8": [0.9], "20": [0.8]}, settings={"data": "iris"})]
    )
    found = findings(Study(runs=runs))
    assert any(point.startswith("1 of 6 runs did not finish (1 diverged)") for point in found.section("answer").points)
    assert found.section("failures") is not None


def test_a_failed_run_counts_as_guessing_on_its_own_data():
    runs = frame([*runs_of({"8": [0.9, None]}), *runs_of({"8": [0.9, 0.8]}, settings={"data": "iris"})])
    runs["chance_accuracy"] = [0.1, 0.1, 0.33, 0.33]
    (said,) = describe_unfinished(Study(runs=runs))
    assert said == (
        "1 of 4 runs did not finish (1 diverged); each counts as guessing (accuracy 0.100) in means, ranking and tests."
    )
