"""What a training leaves behind: each network's curves, its end, its best and last parameters, what the best got right.

Which epoch is the best, `nnsweep.mlp.measurements` says; where there is neither a validation nor a test part, it is the
last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.mlp.arrays import BoolArray, FloatArray
from nnsweep.mlp.curves import CURVES, Row
from nnsweep.mlp.early_stopping import Score, is_better, score
from nnsweep.mlp.network import Layers, copy_network
from nnsweep.mlp.snapshot import Plain, find_array, find_layers, list_sizes, name_arrays, require_names, to_json
from nnsweep.mlp.train import Ending, Epoch


@dataclass(kw_only=True, eq=False)
class Trained:
    """One network's training, as far as it has come.

    Attributes
    ----------
    rows : list of Row
        One an epoch.
    ending : {"finished", "stopped", "diverged"} or None
        How it ended; None while it goes on.
    best_epoch : int
        The epoch that is chosen; see `nnsweep.mlp.measurements`.
    best_layers, layers : list of Layer
        Parameters at the best and at the last epoch, with K = 1. There are no best ones before there is such an epoch,
        and of a network that diverges without anything to choose an epoch by.
    best_accuracy, best_cost : float
        The accuracy and the cost that the best epoch was chosen by; ``-inf`` and ``inf`` before there is one.
    best_right : ndarray of bool, shape (n_test,)
        Which test examples the network gets right at the best epoch; its mean is that epoch's test accuracy. Empty
        before there is one.
    """

    rows: list[Row] = field(default_factory=list)
    ending: Ending | None = None
    best_epoch: int = 0
    best_layers: Layers = field(default_factory=list)
    layers: Layers = field(default_factory=list)
    best_accuracy: float = -np.inf
    best_cost: float = np.inf
    best_right: BoolArray = field(default_factory=lambda: np.empty(0, dtype=bool))

    def history(self) -> dict[str, FloatArray]:
        """Return the curves: an array of shape (n_epochs + 1,) for each of `Row` that was measured."""
        columns = dict(zip(Row._fields, np.array(self.rows, dtype=float).T, strict=True))
        return {name: column for name, column in columns.items() if not np.isnan(column).all() or name == "train_cost"}

    def plain(self) -> Plain:
        """Take a training that goes on apart, to put it down next to the network's `Snapshot`.

        Returns
        -------
        arrays : dict of str to ndarray
            ``rows`` (n_epochs + 1, 9), ``best_right`` (n_test,), and ``best_W0``, ``best_b0`` and so on; see
            `Snapshot.plain`.
        values : dict
            All else, as JSON can say it.

        Raises
        ------
        ValueError
            If it has ended.
        """
        if self.ending:
            raise ValueError(f"a training that has {self.ending} does not go on")
        rows = np.array(self.rows, dtype=float).reshape(-1, len(Row._fields))
        return {"rows": rows, "best_right": self.best_right, **name_arrays("best", self.best_layers)}, {
            "best_epoch": self.best_epoch,
            "best_accuracy": to_json(self.best_accuracy),
            "best_cost": to_json(self.best_cost),
            "best_sizes": list_sizes(self.best_layers),
            "n_test": len(self.best_right),
        }

    @classmethod
    def of_plain(cls, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> "Trained":
        """Put a training together from what `plain` returned; other arrays may lie among these.

        Raises
        ------
        ValueError
            If an array or a value is missing, or an array has not the shape that the values say.
        """
        require_names(("best_epoch", "best_accuracy", "best_cost", "best_sizes", "n_test"), values)
        rows = find_array("rows", (None, len(Row._fields)), arrays)
        return cls(
            rows=[Row(int(epoch), *others) for epoch, *others in rows.tolist()],
            best_epoch=values["best_epoch"],
            best_accuracy=float(values["best_accuracy"]),
            best_cost=float(values["best_cost"]),
            best_layers=find_layers("best", values["best_sizes"], arrays),
            best_right=find_array("best_right", (values["n_test"],), arrays).astype(bool),
        )


def collect(epochs: Iterable[Epoch]) -> dict[int, Trained]:
    """Drive a training to its end.

    Parameters
    ----------
    epochs : iterable of Epoch
        What `train` yields.

    Returns
    -------
    dict
        A `Trained` for each network, by number.
    """
    trained: dict[int, Trained] = {}
    for epoch in epochs:
        add(trained, epoch)
    return trained


def add(trained: dict[int, Trained], epoch: Epoch) -> None:
    """Add an epoch to the training of each network that is still in it, by number."""
    scores = score(vars(epoch))
    for index, number in enumerate(epoch.members):
        network = trained.setdefault(int(number), Trained())
        measured = (getattr(epoch, name) for name in CURVES)
        network.rows.append(
            Row(epoch.epoch, *(np.nan if values is None else float(values[index]) for values in measured))
        )
        network.ending = epoch.endings.get(int(number))
        _choose(network, epoch, index, scores)


def _choose(network: Trained, epoch: Epoch, index: int, scores: Score | None) -> None:
    """Keep the layers of a network's epoch if it is the best so far, or the last."""
    one = None if scores is None else Score(scores.accuracy[index], scores.cost[index])
    best = Score(network.best_accuracy, network.best_cost)
    if one is not None and network.ending != "diverged" and is_better(one, best):
        network.best_accuracy, network.best_cost = float(one.accuracy), float(one.cost)
        network.best_epoch, network.best_layers = epoch.epoch, copy_network(epoch.layers, index)
        if epoch.test_right is not None:
            network.best_right = epoch.test_right[index].copy()  # a view would hold those of the whole stack
    if network.ending:
        network.layers = copy_network(epoch.layers, index)
        if not network.best_layers and network.ending != "diverged":
            network.best_epoch, network.best_layers = epoch.epoch, network.layers
