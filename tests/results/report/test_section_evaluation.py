"""What a report says of the test examples: what is taken for what, and how sure it is."""

import numpy as np

from nnsweep.results.report.report import findings
from nnsweep.results.report.study import Study


def test_the_most_confused_classes_are_named_with_their_counts(evaluated):
    runs, evaluations = evaluated(["cat", "dog", "emu"], n=150)
    study = Study(runs=runs, evaluations=evaluations)
    section = findings(study).section("confusion")
    confusion = study.pooled_evaluation.confusion
    n_wrong = confusion.sum() - confusion.trace()
    share = f"{100 * n_wrong / 450:.2g} %"
    assert section.sentences[0] == f"The 3 seeds of 20 classified {n_wrong} of 450 test examples wrong ({share})."
    assert len(section.points) == 3
    assert section.points[0].endswith(f"of 150 ({100 * confusion[confusion < 100].max() / 150:.2g} %)")
    assert [picture.name for picture in section.pictures] == ["confusion"]


def test_one_network_is_not_called_a_seed(evaluated):
    runs, evaluations = evaluated(seeds=1)
    section = findings(Study(runs=runs[:1], evaluations=evaluations)).section("confusion")
    assert section.sentences[0].startswith("The network classified ")


def test_without_evaluations_nothing_is_said(evaluated):
    runs, _ = evaluated()
    assert findings(Study(runs=runs)).section("confusion") is None


def test_the_calibration_says_in_which_direction_it_errs(evaluated):
    study = Study(runs=evaluated()[0], evaluations=evaluated()[1])
    section = findings(study).section("calibration")
    n, confidence, right = study.pooled_evaluation.reliability[0].sum(axis=0)
    assert section.sentences[0] == (
        f"The mean confidence of the 3 seeds of 20 is {confidence / n:.3f}, the accuracy {right / n:.3f}: it is "
        f"{'over' if confidence > right else 'under'}confident by {abs(confidence - right) / n:.3f}."
    )
    assert [picture.name for picture in section.pictures] == ["reliability"]
    assert "trainer.calibrate=temperature" in section.sentences[-1]


def test_a_temperature_is_told_with_what_it_changes(evaluated):
    runs, evaluations = evaluated(temperature=3.0)
    section = findings(Study(runs=runs, evaluations=evaluations)).section("calibration")
    assert section.sentences[-1].startswith("A temperature of 3.00, fitted on the validation part, makes that 0.")


def test_predictions_are_off_by_so_much(evaluated_numbers):
    errors = np.concatenate([np.full((95, 1), -2.0), np.full((5, 1), 20.0)])
    runs, evaluations = evaluated_numbers(targets=np.zeros((100, 1)), errors=errors)
    found = findings(Study(runs=runs, evaluations=evaluations))
    section = found.section("predictions")
    assert section.sentences == ("The 3 seeds predicted 300 test examples.",)
    assert section.points == (
        "Half of the predictions are off by at most 2, nine of ten by at most 2; on average they are 0.9 too low.",
    )
    assert [picture.name for picture in section.pictures] == ["predictions"]
    assert found.section("calibration") is found.section("confusion") is None


def test_quantiles_hold_as_many_values_as_they_should(evaluated_numbers):
    errors = np.stack([np.repeat([-1.0, 1.0], [90, 10]), np.zeros(100), np.repeat([1.0, -1.0], [95, 5])], axis=1)
    runs, evaluations = evaluated_numbers(targets=np.zeros((100, 1)), errors=errors, quantiles=(0.1, 0.5, 0.9))
    section = findings(Study(runs=runs, evaluations=evaluations)).section("predictions")
    said = "90 % of the values of y lie between the predicted quantiles 0.1 and 0.9; it should be 80 %."
    assert section.points[-1] == said


def test_the_worst_labels_are_named(evaluated_numbers):
    cells = np.array([[[50, 10], [4, 36]], [[90, 0], [7, 3]], [[50, 0], [0, 50]]])
    runs, evaluations = evaluated_numbers(["sad", "funny", "new"], task="multilabel", confusion=cells)
    section = findings(Study(runs=runs, evaluations=evaluations)).section("confusion")
    assert section.points == (
        "sad was missed in 12 of 120 examples that have it, and seen in 30 of 180 that do not",
        "funny was missed in 21 of 30 examples that have it, and seen in 0 of 270 that do not",
    )
