"""What a report says of settings averaged over the others."""

from nnsweep.results.frame import frame, rows
from nnsweep.results.report.report import findings
from nnsweep.results.report.section_marginal_means import describe_marginal_means
from nnsweep.results.report.study import Study

from .conftest import runs_of, spread


def study_of_two(**options):
    """Give a study of two layers and three activations; layers make a difference of 0.05, one activation of 0.02."""
    runs = [
        record
        for turn, (activation, shift) in enumerate({"tanh": 0.02, "relu": 0.0, "gelu": 0.0199}.items())
        for record in runs_of(
            {"8": spread(0.90 + shift, turn=turn), "20": spread(0.95 + shift, turn=turn + 9)},
            settings={"activation": activation},
        )
    ]
    return Study(runs=frame(runs), **options)


def test_the_best_value_of_each_setting_is_told():
    """Errors by hand: 0.004 / √10 / √3 · √2 = 0.00103 for the layers, 0.00126 for an activation."""
    (said,) = describe_marginal_means(study_of_two())
    assert said == (
        "On average over the other settings, 20 beats 8 by 0.050 (95 % interval 0.048 to 0.052); tanh beats relu by "
        "0.020 (0.017 to 0.023) but does not differ significantly from gelu."
    )


def test_what_makes_no_difference_is_told():
    runs = [
        *runs_of({"8": spread(0.90), "20": spread(0.95, turn=1)}, settings={"activation": "tanh"}),
        *runs_of({"8": spread(0.90, turn=2), "20": spread(0.95, turn=3)}, settings={"activation": "relu"}),
    ]
    (said,) = describe_marginal_means(Study(runs=frame(runs), confidence=0.9))
    assert said.endswith("0.052); no value of activation differs significantly from the best one.")
    assert "90 % interval" in said


def test_settings_that_depend_on_each_other_are_told():
    """Of 8 and 20 one is better with tanh, the other with relu: 40 runs, all of whose spread but seeds' is theirs."""
    runs = [
        *runs_of({"8": spread(0.90), "20": spread(0.95, turn=1)}, settings={"activation": "tanh"}),
        *runs_of({"8": spread(0.95, turn=2), "20": spread(0.90, turn=3)}, settings={"activation": "relu"}),
    ]
    (said,) = describe_marginal_means(Study(runs=frame(runs)))
    assert said == (
        "On average over the other settings, no value of hidden_layer_sizes or activation differs significantly from "
        "the best one. But the interaction hidden_layer_sizes \N{MULTIPLICATION SIGN} activation explains 98 % of the "
        "variance: which value of one setting is best depends on the other."
    )


def test_a_single_setting_is_left_to_the_comparison(study_of):
    study = study_of({"8": spread(0.9), "20": spread(0.95, turn=1)})
    assert describe_marginal_means(study) == []
    assert findings(study).section("marginal_means") is None


def test_the_section_has_means_and_differences():
    section = findings(study_of_two()).section("marginal_means")
    levels, contrasts = section.tables
    first = next(iter(rows(levels.frame)))
    assert [column.text(first) for column in levels.columns] == ["hidden_layer_sizes", "8", "0.913 ± 0.002", "3", "30"]
    cells = [[column.text(row) for column in contrasts.columns] for row in rows(contrasts.frame)]
    assert cells[0][:5] == ["hidden_layer_sizes", "20", "8", "+0.050", "+0.048 to +0.052"]
    assert [row[:3] for row in cells[1:]] == [["activation", "tanh", "gelu"], ["activation", "tanh", "relu"]]
    assert contrasts.indistinguishable == {1}
    assert section.points == ()


def test_a_study_without_results_says_nothing(study_of):
    study = study_of({"8": [None, None], "20": [None, None]})
    assert describe_marginal_means(study) == []
