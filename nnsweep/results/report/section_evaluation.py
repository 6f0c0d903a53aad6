"""What the networks of the best configuration do on the test part: what they take for what, and how sure they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnsweep.results.report.content import Section, SectionContent
from nnsweep.results.statistics.evaluations import PooledEvaluation, find_confused_pairs
from nnsweep.results.wording import count, fixed, percent, write_digits
from nnsweep.tracking.record import calibration_error

if TYPE_CHECKING:
    from nnsweep.results.report.study import Study

MOST_NAMED = 3
"""Labels or targets that a section has a sentence for."""
NEGLIGIBLE = 0.005
"""The difference of confidence and accuracy that is not worth a word."""
WELL = 0.02
"""The calibration error up to which nothing has to be done."""


class Confusion(Section):
    """The classes that are taken for others most often, or the labels; the picture is put beside them."""

    order = 84

    def build(self, study: Study) -> SectionContent | None:
        pooled = study.pooled_evaluation
        if pooled is None or pooled.task == "regression":
            return None
        is_multilabel = pooled.task == "multilabel"
        sentences, points = _describe_labels(pooled) if is_multilabel else _describe_classes(study, pooled)
        heading = "Which labels are missed" if is_multilabel else "What is taken for what"
        return SectionContent(name="confusion", heading=heading, sentences=tuple(sentences), points=tuple(points))


class Calibration(Section):
    """Whether the best configuration is as often right as it is confident."""

    order = 86

    def build(self, study: Study) -> SectionContent | None:
        pooled = study.pooled_evaluation
        if pooled is None or pooled.task != "classification" or not pooled.reliability[0, :, 0].sum():
            return None
        sentences = describe_calibration(pooled, _name(study, pooled))
        return SectionContent(
            name="calibration", heading="How far its confidence can be trusted", sentences=tuple(sentences)
        )

    def method_notes(self, study: Study) -> list[str]:
        if self.build(study) is None:
            return []
        return [
            "Confidence is the probability of the class that is predicted; the expected calibration error is over 15 "
            "bins of equal width, with the test examples of all runs in one (Guo et al., 2017)."
        ]


class PredictedNumbers(Section):
    """How far the best configuration of a regression is off."""

    order = 85

    def build(self, study: Study) -> SectionContent | None:
        pooled = study.pooled_evaluation
        if pooled is None or pooled.task != "regression":
            return None
        n = count(len(pooled.errors), "test example")
        sentence = f"{_name(study, pooled, begins=True)} predicted {n}."
        return SectionContent(
            name="predictions",
            heading="How far predictions are off",
            sentences=(sentence,),
            points=tuple(list_errors(pooled)),
        )


def describe_calibration(pooled: PooledEvaluation, name: str) -> list[str]:
    """Say how far confidence and accuracy are apart, on average and within a bin, and what temperature scaling does.

    Parameters
    ----------
    pooled : PooledEvaluation
        Of classes, with an example or more.
    name : str
        What to call the network.
    """
    n, confidence, n_right = pooled.reliability[0].sum(axis=0)
    excess, before = (confidence - n_right) / n, calibration_error(pooled.reliability[0])
    leaning = "overconfident" if excess > 0 else "underconfident"
    average = f"The mean confidence of {name} is {fixed(confidence / n, 3)}, the accuracy {fixed(n_right / n, 3)}"
    if abs(excess) < NEGLIGIBLE:
        average += ": on average it is as sure as it should be."
    else:
        average += f": it is {leaning} by {fixed(abs(excess), 3)}."
    error = f"Within a bin of confidence, the two are {fixed(before, 3)} apart on average (expected calibration error)."
    return [average, error, *_describe_temperatures(pooled)]


def list_errors(pooled: PooledEvaluation) -> list[str]:
    """Say of each of the first targets how far its predictions are off, and what lies between predicted quantiles."""
    points = []
    for name, values in zip(pooled.names, pooled.errors[:, :MOST_NAMED].T, strict=False):
        half, most = np.quantile(np.abs(values), [0.5, 0.9])
        of = f"{name}: half" if len(pooled.names) > 1 else "Half"
        mean = write_digits(abs(float(values.mean())), 3)
        leaning = f"on average they are {mean} too {'high' if values.mean() > 0 else 'low'}"
        points.append(
            f"{of} of the predictions are off by at most {write_digits(float(half), 3)}, nine of ten by at most "
            f"{write_digits(float(most), 3)}; {leaning}."
        )
    return points + _describe_coverage(pooled)


def _name(study: Study, pooled: PooledEvaluation, *, begins: bool = False) -> str:
    """Name the configuration whose runs are pooled, or the only one there is."""
    label = study.name(pooled.label) if len(study.configurations) > 1 else ""
    if len(pooled.members) > 1:
        repeats = count(len(pooled.members), pooled.repeat)
        return f"{'T' if begins else 't'}he {repeats}{f' of {label}' if label else ''}"
    return label or f"{'T' if begins else 't'}he network"


def _describe_classes(study: Study, pooled: PooledEvaluation) -> tuple[list[str], list[str]]:
    """Say how much was wrong, and which classes were taken for which most often."""
    confusion = pooled.confusion
    n, n_wrong = int(confusion.sum()), int(confusion.sum() - confusion.trace())
    share = f"{n_wrong:,} of {count(n, 'test example')} wrong ({percent(n_wrong / n)})"
    points = list_confusions(pooled)
    most = "The most frequent mistakes:" if len(points) > 1 else "The only kind of mistake:"
    return [f"{_name(study, pooled, begins=True)} classified {share}.", *([most] if points else [])], points


def list_confusions(pooled: PooledEvaluation) -> list[str]:
    """Say which classes were taken for which most often, or which labels were wrong most often, and in what way."""
    if pooled.task == "multilabel":
        return _describe_labels(pooled)[1]
    return [
        f"{pair.true} was taken for {pair.predicted} in {pair.n:,} of {pair.n_true:,} ({percent(pair.n / pair.n_true)})"
        for pair in find_confused_pairs(pooled.confusion, pooled.names)
    ]


def _describe_labels(pooled: PooledEvaluation) -> tuple[list[str], list[str]]:
    """Say which labels were wrong most often, and in what way."""
    cells = pooled.confusion
    mistakes = cells[:, 0, 1] + cells[:, 1, 0]
    worst = [place for place in np.argsort(-mistakes, kind="stable")[:MOST_NAMED] if mistakes[place]]
    points = [
        f"{pooled.names[place]} was missed in {cells[place, 1, 0]:,} of {cells[place, 1].sum():,} examples that have "
        f"it, and seen in {cells[place, 0, 1]:,} of {cells[place, 0].sum():,} that do not"
        for place in worst
    ]
    return ["The labels that are wrong most often:" if worst else "No label is wrong."], points


def _describe_coverage(pooled: PooledEvaluation) -> list[str]:
    """Say how many targets lie between the outermost predicted quantiles; nothing unless there are two."""
    if len(pooled.quantiles) < 2:
        return []
    low, high = min(pooled.quantiles), max(pooled.quantiles)
    shares = zip(pooled.names[:MOST_NAMED], pooled.coverage, strict=False)
    return [
        f"{percent(share)} of the values of {name} lie between the predicted quantiles {low:g} and {high:g}; "
        f"it should be {percent(high - low)}."
        for name, share in shares
    ]


def _describe_temperatures(pooled: PooledEvaluation) -> list[str]:
    """Say what temperature scaling has changed, or that it may be worth trying."""
    if not pooled.temperatures:
        is_well = calibration_error(pooled.reliability[0]) <= WELL
        return (
            []
            if is_well
            else ["trainer.calibrate=temperature corrects it by one number, fitted on the validation part."]
        )
    low, high = min(pooled.temperatures), max(pooled.temperatures)
    temperatures = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    after = fixed(calibration_error(pooled.reliability[1]), 3)
    return [f"A temperature of {temperatures}, fitted on the validation part, makes that {after}."]
