"""A stream of metrics: what the networks of a stack measure while they train is reported a few seconds apart.

It is thinned from the start, so that a curve never has more points in the store than it may have. Where the points go
from here, and when, is the recorder's to say.
"""

import time
from collections.abc import Iterable, Set

import numpy as np

from nnsweep.mlp.history import Trained
from nnsweep.sweep.job import Job
from nnsweep.tracking import runs
from nnsweep.tracking.record import Point

EVERY_SECONDS = 3.0
RESERVED = 3
"""Points of a curve that are kept for its end: the best epoch, the last, and the value that closes it."""


class MetricStream:
    """The points that are reported of one job, however often it is begun anew.

    Parameters
    ----------
    job : Job
        How long it trains, and how many points a curve may have.

    Attributes
    ----------
    reported : set of int
        The epochs that have been reported.
    """

    def __init__(self, job: Job) -> None:
        trainer = job.trainer.settings()
        self._points = job.tracking.max_points
        n_measured = trainer["epochs"] // trainer["evaluate_every"] + 1
        self._stride = trainer["evaluate_every"] * -(-n_measured // max(1, self._points - RESERVED))
        self.reported: set[int] = set()

    def due(self, network: Trained) -> list[Point]:
        """Give the points that can be reported by now and were not yet; they count as reported."""
        epochs = [epoch for epoch in range(0, len(network.rows), self._stride) if epoch not in self.reported]
        self.reported.update(epochs)
        return _points(network, epochs) if epochs else []

    def rest(self, network: Trained) -> list[Point]:
        """Give the points that a network's curves still lack at its end: always the first, the last and the best."""
        if not self.reported:
            return runs.thin_curves(network.history(), keep=[network.best_epoch], points=self._points - 1)
        wanted = {*range(0, len(network.rows), self._stride), network.best_epoch}
        return _points(network, wanted, but=self.reported, last=True)


class Clock:
    """Tells when a stack's points are due."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def is_due(self) -> bool:
        """Tell whether enough time has passed since it was told so."""
        if time.monotonic() - self._last < EVERY_SECONDS:
            return False
        self._last = time.monotonic()
        return True


def _points(network: Trained, epochs: Iterable[int], *, but: Set[int] = frozenset(), last: bool = False) -> list[Point]:
    """Give the points of some epochs, and each curve's last one if asked for."""
    history = network.history()
    del history["epoch"]
    return [
        Point(name, float(curve[epoch]), epoch)
        for name, curve in history.items()
        for measured in [np.flatnonzero(np.isfinite(curve)).tolist()]
        for epoch in sorted({*epochs, *(measured[-1:] if last else [])}.intersection(measured) - but)
    ]
