"""What a report says of configurations that are neither as good as the best nor clearly worse."""

from nnsweep.results.frame import rows
from nnsweep.results.report.report import findings
from nnsweep.results.report.section_equivalence import describe_equivalence

from .conftest import spread


def study_of_three(study_of, **options):
    """Give a study in which the error of a difference is 0.009 √(2/10) = 0.004, of a best, a near and a farther one."""
    near, far = spread(0.948, size=0.009, turn=1), spread(0.943, size=0.009, turn=2)
    return study_of({"20-20": spread(0.95, size=0.009), "20": near, "8": far, "64-64": spread(0.8)}, **options)


def test_what_is_equal_enough_by_itself_is_named(study_of):
    """With all others at once 20 may be 0.0113 worse; by itself, P(t₁₈ < -1.99) = 0.03 that it is more than 0.01."""
    assert describe_equivalence(study_of_three(study_of)) == [
        "With at least 95 % probability, 20 is within 0.01 of 20-20; these probabilities hold one at a time, not for "
        "all at once."
    ]
    assert describe_equivalence(study_of_three(study_of, rope=0.005)) == []
    assert describe_equivalence(study_of_three(study_of, confidence=0.99)) == []


def test_what_is_unsettled_has_its_probabilities(study_of):
    """P(t₁₈ < -0.745) is 0.233 that 8 is more than 0.01 worse."""
    (table,) = findings(study_of_three(study_of)).section("equivalence").tables
    cells = [[column.text(row) for column in table.columns] for row in rows(table.frame)]
    assert [[row[0], row[1], row[3], row[-1]] for row in cells] == [
        ["20", "\N{MINUS SIGN}0.002", "96.5 %", "equal enough"],
        ["8", "\N{MINUS SIGN}0.007", "76.7 %", "equal or worse"],
    ]
    assert [column.heading for column in table.columns][2:5] == ["worse", "within 0.01", "better"]


def test_what_is_as_good_or_clearly_worse_needs_no_probability(study_of):
    study = study_of({"20-20": spread(0.95, size=0.001), "20": spread(0.9499, size=0.001, turn=1), "8": spread(0.8)})
    assert findings(study).section("equivalence") is None
    assert describe_equivalence(study) == []


def test_another_metric_needs_a_margin(study_of):
    results = {"20-20": spread(0.95, size=0.009), "20": spread(0.948, size=0.009, turn=1)}
    study = study_of(results, metric="n_parameters")
    assert study.rope is None
    assert describe_equivalence(study) == []
