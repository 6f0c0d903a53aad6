"""The facts of a model: all that is known of it when its card is written, as values from the record of its run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nnsweep.mlp.measures import find_measure
from nnsweep.results.metrics import split_metric
from nnsweep.tracking.record import Evaluation, RunRecord


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What is known of a model.

    Attributes
    ----------
    record : RunRecord
        Of its run, which has finished.
    about : mapping
        What the model says of itself; see `nnsweep.model.predictor.Model`.
    fill : sequence of float
        What a missing number becomes, by number column; NaN where it is refused.
    network : str
        What was trained, in sentences.
    weights : str
        SHA-256 of its weights.
    evaluation : Evaluation or None
        What it does on the test part.
    place, n_runs, n_equal : int
        Its place among the finished runs of its sweep, how many there are, and how many others have the same result on
        the validation part.
    repeats : sequence of RunRecord
        The finished runs of its configuration in that sweep, its own among them.
    exposure : str
        How often the test part has been looked at, in a sentence.
    environment : mapping
        Versions and processor; see `nnsweep.jobs.environment`.
    command : str
        What has asked for its sweep.
    ensemble : mapping
        How the members of an ensemble were chosen and what it gains; empty for a network.
    version, date : str
        Of nnsweep, and when the card is written.
    """

    record: RunRecord
    about: Mapping[str, Any]
    fill: Sequence[float] = ()
    network: str = ""
    weights: str = ""
    evaluation: Evaluation | None = None
    place: int = 1
    n_runs: int = 1
    n_equal: int = 0
    repeats: Sequence[RunRecord] = ()
    exposure: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    ensemble: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    date: str = ""

    @property
    def task(self) -> str:
        """What it has learned."""
        return str(self.about.get("task", "classification"))

    @property
    def names(self) -> list[str]:
        """The names of the classes, labels or targets."""
        return list(self.about[{"multilabel": "labels", "regression": "targets"}.get(self.task, "classes")])

    @property
    def columns(self) -> list[Mapping[str, Any]]:
        """The columns that it takes; see `nnsweep.data.prepared.features`."""
        return list(self.about["preparation"]["columns"])

    @property
    def has_test(self) -> bool:
        """Whether it was measured on the test part."""
        return any(name.startswith("test_") for name in self.record.metrics)

    @property
    def metric(self) -> str:
        """What it is judged by: on the test part, or on the validation part if the test part is sealed."""
        return f"{'test' if self.has_test else 'best_val'}_{self.record.measure}"

    @property
    def measures(self) -> list[str]:
        """The measures of its results, that by which its epoch was chosen first."""
        named = [split_metric(name) for name in self.record.metrics]
        found = {one.measure for one in named if one and (one.moment, one.part) in (("best", "val"), ("", "test"))}
        known = sorted(name for name in found if name != "cost" and find_measure(f"test_{name}"))
        return sorted(known, key=lambda name: name != self.record.measure)

    def setting(self, name: str) -> Any:
        """Give a setting of the data; None if there is none."""
        return self.record.settings.get(f"data.{name}")

    @property
    def n_right(self) -> int | None:
        """How many test rows were predicted rightly; None where that is not known, as where rows have weights."""
        n, share = self.count_rows("test"), self.record.metrics.get("test_accuracy")
        if not n or share is None or self.setting("weight") is not None:
            return None
        return round(n * share) if math.isclose(round(n * share), n * share, rel_tol=1e-4) else None

    def count_rows(self, part: str) -> int:
        """Give how many rows a part has; 0 if it has none, or that is not known."""
        return int(self.record.metrics.get(f"n_{part}_samples", 0))
