"""What a training leaves behind: each network's curves, its end, its best and last parameters, what the best got right.

The best epoch is the first with the highest validation accuracy (weighted, if classes weigh); where there is no
validation part, the first with the highest test accuracy, which makes that accuracy an optimistic number; where there
is neither, the last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.mlp.arrays import BoolArray, FloatArray
from nnsweep.mlp.network import Layers, of_network
from nnsweep.mlp.snapshot import Plain, named_array, named_arrays, named_layers, require_names, sayable, sizes_of
from nnsweep.mlp.train import Ending, Epoch

COLUMNS = ("epoch", "learning_rate", "train_cost", "val_accuracy", "test_accuracy")


@dataclass(kw_only=True, eq=False)
class Trained:
    """One network's training, as far as it has come.

    Attributes
    ----------
    rows : list of tuple
        One row an epoch, in the order of `COLUMNS`; NaN where an accuracy was not measured.
    ending : {"finished", "stopped", "diverged"} or None
        How it ended; None while it goes on.
    best_epoch : int
        The epoch that is chosen; see the module.
    best_layers, layers : list of Layer
        Parameters at the best and at the last epoch, with K = 1. There are no best ones before there is such an epoch,
        and of a network that diverges without anything to choose an epoch by.
    best_accuracy : float
        The accuracy that the best epoch was chosen by; ``-inf`` before there is one.
    best_right : ndarray of bool, shape (n_test,)
        Which test examples the network gets right at the best epoch; its mean is that epoch's test accuracy. Empty
        before there is one.
    """

    rows: list[tuple[float, ...]] = field(default_factory=list)
    ending: Ending | None = None
    best_epoch: int = 0
    best_layers: Layers = field(default_factory=list)
    layers: Layers = field(default_factory=list)
    best_accuracy: float = -np.inf
    best_right: BoolArray = field(default_factory=lambda: np.empty(0, dtype=bool))

    def history(self) -> dict[str, FloatArray]:
        """Return the curves: an array of shape (n_epochs + 1,) for each of `COLUMNS` that was measured."""
        columns = dict(zip(COLUMNS, np.array(self.rows, dtype=float).T, strict=True))
        return {name: column for name, column in columns.items() if not np.isnan(column).all() or name == "train_cost"}

    def plain(self) -> Plain:
        """Take a training that goes on apart, to put it down next to the network's `Snapshot`.

        Returns
        -------
        arrays : dict of str to ndarray
            ``rows`` (n_epochs + 1, 5), ``best_right`` (n_test,), and ``best_W0``, ``best_b0`` and so on; see
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
        rows = np.array(self.rows, dtype=float).reshape(-1, len(COLUMNS))
        return {"rows": rows, "best_right": self.best_right, **named_arrays("best", self.best_layers)}, {
            "best_epoch": self.best_epoch,
            "best_accuracy": sayable(self.best_accuracy),
            "best_sizes": sizes_of(self.best_layers),
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
        require_names(("best_epoch", "best_accuracy", "best_sizes", "n_test"), values)
        rows = named_array("rows", (None, len(COLUMNS)), arrays)
        return cls(
            rows=[(int(epoch), *others) for epoch, *others in rows.tolist()],
            best_epoch=values["best_epoch"],
            best_accuracy=float(values["best_accuracy"]),
            best_layers=named_layers("best", values["best_sizes"], arrays),
            best_right=named_array("best_right", (values["n_test"],), arrays).astype(bool),
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
    for index, number in enumerate(epoch.members):
        _add(trained.setdefault(int(number), Trained()), epoch, index)


def _add(network: Trained, epoch: Epoch, index: int) -> None:
    val, test = (
        np.nan if accuracy is None else float(accuracy[index]) for accuracy in (epoch.val_accuracy, epoch.test_accuracy)
    )
    network.rows.append((epoch.epoch, float(epoch.learning_rate[index]), float(epoch.train_cost[index]), val, test))
    network.ending = epoch.endings.get(int(epoch.members[index]))
    chosen = test if epoch.val_score is None else float(epoch.val_score[index])
    if chosen > network.best_accuracy and network.ending != "diverged":
        network.best_accuracy, network.best_epoch = chosen, epoch.epoch
        network.best_layers = of_network(epoch.layers, index)
        if epoch.test_right is not None:
            network.best_right = epoch.test_right[index].copy()  # a view would hold those of the whole stack
    if network.ending:
        network.layers = of_network(epoch.layers, index)
        if not network.best_layers and network.ending != "diverged":
            network.best_epoch, network.best_layers = epoch.epoch, network.layers
