"""What a report says of the test examples: which classes are taken for which."""

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
