"""What a training leaves behind: each network's curves, its end, its best and last parameters, what the best got right.

Which epoch is the best, `nnsweep.mlp.early_stopping` says; where there is neither a validation nor a test part, it is
the last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.mlp.arrays import BoolArray, FloatArray
from nnsweep.mlp.curves import Row
from nnsweep.mlp.early_stopping import DEFAULT_SELECTION, Score, Selection, is_better
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
    curves : tuple of str
        What the rows' measured values are.
    selection : Selection
        What the best epoch is chosen by.
    ending : {"finished", "stopped", "diverged"} or None
        How it ended; None while it goes on.
    best_epoch : int
        The epoch that is chosen; see `nnsweep.mlp.early_stopping`.
    best_layers, layers : list of Layer
        Parameters at the best and at the last epoch, with K = 1. There are no best ones before there is such an epoch,
        and of a network that diverges without anything to choose an epoch by.
    best_value, best_cost : float
        The `Score` that the best epoch was chosen by; ``-inf`` and ``inf`` before there is one.
    best_right : ndarray of bool, shape (n_test,)
        Which test examples the network gets right at the best epoch; its mean is that epoch's test accuracy. Empty
        before there is one.
    """

    rows: list[Row] = field(default_factory=list)
    curves: tuple[str, ...] = ()
    selection: Selection = DEFAULT_SELECTION
    ending: Ending | None = None
    best_epoch: int = 0
    best_layers: Layers = field(default_factory=list)
    layers: Layers = field(default_factory=list)
    best_value: float = -np.inf
    best_cost: float = np.inf
    best_right: BoolArray = field(default_factory=lambda: np.empty(0, dtype=bool))

    def history(self) -> dict[str, FloatArray]:
        """Return the curves: an array of shape (n_epochs + 1,) for each of `Row` and of what was ever measured."""
        names, table = (*Row._fields[:3], *self.curves), self._table()
        is_empty: BoolArray = np.logical_and.reduce(np.isnan(table), axis=0)
        columns = zip(names, table.T, is_empty, strict=True)
        return {name: column for name, column, empty in columns if not empty or name == "train_cost"}

    def value(self, curve: str, epoch: int) -> float:
        """Return what was measured at an epoch of a training that began at epoch 0; NaN if it was not."""
        return self.rows[epoch].measured[self.curves.index(curve)] if curve in self.curves else np.nan

    def _table(self) -> FloatArray:
        """Lay the rows out flat: (n_epochs + 1, 3 + n_curves)."""
        return np.array([(*row[:3], *row.measured) for row in self.rows], float).reshape(-1, 3 + len(self.curves))

    def plain(self) -> Plain:
        """Take a training that goes on apart, to put it down next to the network's `Snapshot`.

        Returns
        -------
        arrays : dict of str to ndarray
            ``rows`` (n_epochs + 1, 3 + n_curves), ``best_right`` (n_test,), and ``best_W0``, ``best_b0`` and so on; see
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
        return {"rows": self._table(), "best_right": self.best_right, **name_arrays("best", self.best_layers)}, {
            "curves": self.curves,
            "selection": self.selection,
            "best_epoch": self.best_epoch,
            "best_value": to_json(self.best_value),
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
        names = ("curves", "selection", "best_epoch", "best_value", "best_cost", "best_sizes", "n_test")
        require_names(names, values)
        rows = find_array("rows", (None, 3 + len(values["curves"])), arrays)
        return cls(
            rows=[Row(int(epoch), rate, cost, tuple(measured)) for epoch, rate, cost, *measured in rows.tolist()],
            curves=tuple(values["curves"]),
            selection=Selection(*values["selection"]),
            best_epoch=values["best_epoch"],
            best_value=float(values["best_value"]),
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
    scores = epoch.selection.score(epoch.values)
    for index, number in enumerate(epoch.members):
        network = trained.setdefault(int(number), Trained())
        network.curves, network.selection = epoch.curves, epoch.selection
        rate, cost = (float(values[index]) for values in (epoch.learning_rate, epoch.train_cost))
        measured = (float(epoch.values[name][index]) if name in epoch.values else np.nan for name in epoch.curves)
        network.rows.append(Row(epoch.epoch, rate, cost, tuple(measured)))
        network.ending = epoch.endings.get(int(number))
        _choose(network, epoch, index, scores)


def _choose(network: Trained, epoch: Epoch, index: int, scores: Score | None) -> None:
    """Keep the layers of a network's epoch if it is the best so far, or the last."""
    one = None if scores is None else Score(scores.value[index], scores.cost[index])
    best = Score(network.best_value, network.best_cost)
    if one is not None and network.ending != "diverged" and is_better(one, best):
        network.best_value, network.best_cost = float(one.value), float(one.cost)
        network.best_epoch, network.best_layers = epoch.epoch, copy_network(epoch.layers, index)
        if epoch.test_right is not None:
            network.best_right = epoch.test_right[index].copy()  # a view would hold those of the whole stack
    if network.ending:
        network.layers = copy_network(epoch.layers, index)
        if not network.best_layers and network.ending != "diverged":
            network.best_epoch, network.best_layers = epoch.epoch, network.layers
