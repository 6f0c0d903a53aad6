"""Live curves: what a run's networks have measured goes to the store while they train.

It goes in batches, a few seconds apart and further where the store is slow, and thinned from the start, so
that a curve never has more points in the store than it may have. A batch whose receipt has not come may have arrived
or not; before more is sent, the store is asked what it has.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np

from nnsweep.errors import StoreError
from nnsweep.mlp.history import Trained
from nnsweep.sweep import sending
from nnsweep.sweep.job import Job
from nnsweep.tracking import run as runs
from nnsweep.tracking.record import Point, RunRecord
from nnsweep.tracking.store import Store

log = logging.getLogger(__name__)

EVERY_SECONDS = 3.0
SELDOM_SECONDS = 15.0
"""The same, where the store has refused."""
LARGEST_SHARE = 0.05
"""Of the time of a training that sending may take."""
RESERVED = 3
"""Points of a curve that are kept for its end: the best epoch, the last, and the value that closes it."""


class Live:
    """Sends the curves of the runs of one stack.

    Parameters
    ----------
    store : Store
        Where the runs are.
    records : sequence of RunRecord
        Of the run of each network, by number; their settings are sent with their first points.
    job : Job
        Any of the stack: how long it trains, and how many points a curve may have.

    Attributes
    ----------
    sent : dict of int to set of int
        The epochs that the store has for certain, by the number of the network.
    unsure : set of int
        The numbers of the networks whose last batch may have arrived or not, wholly or in part.
    """

    def __init__(self, store: Store, records: Sequence[RunRecord], job: Job) -> None:
        trainer = job.trainer.settings()
        self._store, self._records, self._points = store, records, job.tracking.max_points
        n_measured = trainer["epochs"] // trainer["evaluate_every"] + 1
        self._stride = trainer["evaluate_every"] * -(-n_measured // max(1, self._points - RESERVED))
        self.sent: dict[int, set[int]] = {number: set() for number in range(len(records))}
        self.unsure: set[int] = set()
        self._last = time.monotonic()
        self._pause = self._least = EVERY_SECONDS

    def __call__(self, trained: Mapping[int, Trained]) -> None:
        """Look whether it is time, and send; a store that refuses is asked again, but seldom."""
        if time.monotonic() - self._last < self._pause:
            return
        started = time.monotonic()
        try:
            for number, network in trained.items():
                self._send(number, network)
        except StoreError as refused:
            log.warning("the curves wait: %s", refused)
            self._least = SELDOM_SECONDS
        self._last = time.monotonic()
        self._pause = max(self._least, (self._last - started) / LARGEST_SHARE)

    def _send(self, number: int, network: Trained) -> None:
        sent = self.sent[number]
        due = [epoch for epoch in range(0, len(network.rows), self._stride) if epoch not in sent]
        record = self._records[number]
        if not due or not record.run_id:  # the store was away when it began
            return
        points = _points(network, due)
        if number in self.unsure:
            points = sending.lacking(points, runs.steps(self._store, record.run_id))
        self.unsure.add(number)
        runs.log(self._store, record.run_id, points=points, settings=None if sent else record.settings)
        self.unsure.remove(number)
        sent.update(due)

    def resume(self, number: int, earlier: "Live", its_number: int) -> None:
        """Take note of what an earlier attempt has sent of a network, which had another number then."""
        self.sent[number] = earlier.sent[its_number]
        if its_number in earlier.unsure:
            self.unsure.add(number)

    def rest(self, number: int, network: Trained) -> list[Point]:
        """Give the points that a network's curves still lack, at its end: always the first, the last and the best.

        Of a network that is `unsure` nobody knows; its record is sent by `nnsweep.sweep.sending.resend`.
        """
        sent, n_epochs = self.sent[number], len(network.rows)
        if not sent:
            return runs.curves(network.history(), keep=[network.best_epoch], points=self._points - 1)
        wanted = {*range(0, n_epochs, self._stride), network.best_epoch}
        return _points(network, wanted, but=sent, last=True)


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
