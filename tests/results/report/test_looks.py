"""The sentence on looks: said where repeats were added, and only there."""

from dataclasses import replace

import pytest

from nnsweep.results.frame import frame
from nnsweep.results.report.report import findings
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.looks import spend_error
from tests.results.report.conftest import runs_of, spread


def study_of_sweeps(*seeds_by_sweep: range) -> Study:
    """Give a study of two configurations, to which sweeps have added seeds."""
    records = runs_of({"8": spread(0.9, 12), "20": spread(0.91, 12, turn=1)})
    sweep_of = {seed: f"2026010{day}-120000-abcd" for day, seeds in enumerate(seeds_by_sweep) for seed in seeds}
    kept = [record for record in records if record.settings["seed"] in sweep_of]
    return Study(runs=frame([replace(one, sweep=sweep_of[one.settings["seed"]]) for one in kept]))


def test_what_one_look_tells_apart_a_second_may_not():
    """The same twelve seeds, once from one sweep and once from three."""
    once, thrice = study_of_sweeps(range(12)), study_of_sweeps(range(4), range(4, 8), range(8, 12))
    assert 0.95 < once.decision_confidence < thrice.decision_confidence
    widths = [float((one.comparison["high"] - one.comparison["low"]).iloc[0]) for one in (once, thrice)]
    assert widths[0] < widths[1]


def said(study: Study) -> list[str]:
    answer = findings(study).section("answer")
    return [point for point in answer.points if " look at these " in point]


def test_one_look_is_not_mentioned():
    assert said(study_of_sweeps(range(10))) == []


@pytest.mark.parametrize(
    ("seeds", "looks", "words"),
    [
        ([range(5), range(5, 10)], (5, 10), "the second look at these configurations, which had 5 seeds before"),
        ([range(4), range(4, 8), range(8, 12)], (4, 8, 12), "the third look at these configurations, which had 4 and"),
    ],
)  # fmt: skip
def test_later_looks_are_told_with_their_level(seeds, looks, words):
    study = study_of_sweeps(*seeds)
    (sentence,) = said(study)
    assert words in sentence
    assert f"this one uses {100 * spend_error(looks):.2f} % confidence to keep 95 % over" in sentence
    assert any("Lan and DeMets" in note for note in findings(study).section("methods").points)
