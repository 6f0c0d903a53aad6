"""A snapshot: everything needed to resume the training of one network of a stack after an epoch.

It can be taken apart into named arrays and values that JSON can hold, and put together again, so that its caller can
save it in a file. A training resumed from a snapshot ends as if it had never stopped, bit for bit.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from numpy.typing import NDArray

from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.network import Layer, Layers, array_shapes
from nnsweep.mlp.schedules import Plateau

Plain: TypeAlias = tuple[dict[str, NDArray[Any]], dict[str, Any]]
"""Arrays by name, and values that JSON can say."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """One network's training after an epoch.

    Attributes
    ----------
    epoch, steps : int
        Epochs and steps of training so far.
    layers : list of Layer
        The parameters, with K = 1.
    slots : list of list of Layer
        What the update rule remembers, one list of layers a slot; then the running average of the parameters, if there
        is one.
    gradient : list of Layer
        Full batch, the gradient of `layers`, for which dropout has been drawn already; empty with minibatches.
    learning_rate : float
        Of the last descent; the base rate at epoch 0.
    plateau : Plateau or None
        What `ReduceOnPlateau` knows, this epoch's cost included; None with any other schedule.
    order, dropout : dict
        States of the bit generators that shuffle the samples and leave out units.
    best_value, best_cost : float
        The `nnsweep.mlp.early_stopping.Score` that counted last as a rise; ``-inf`` and ``inf`` where nobody waits for
        one.
    best_epoch : int
        When that was.
    """

    epoch: int
    steps: int
    layers: Layers
    slots: list[Layers]
    gradient: Layers
    learning_rate: float
    plateau: Plateau | None
    order: dict[str, Any]
    dropout: dict[str, Any]
    best_value: float = -math.inf
    best_cost: float = math.inf
    best_epoch: int = 0

    def plain(self) -> Plain:
        """Take the snapshot apart.

        Returns
        -------
        arrays : dict of str to ndarray
            ``layer_W0`` (fan_in, fan_out), ``layer_b0`` (fan_out,), ``slot0_W0``, ``gradient_b1`` and so on: the
            snapshot's own memory.
        values : dict
            All else, as JSON can say it.
        """
        arrays = name_arrays("layer", self.layers) | name_arrays("gradient", self.gradient)
        for number, slot in enumerate(self.slots):
            arrays |= name_arrays(f"slot{number}", slot)
        return arrays, {
            "epoch": self.epoch,
            "steps": self.steps,
            "sizes": list_sizes(self.layers),
            "n_slots": len(self.slots),
            "has_gradient": bool(self.gradient),
            "learning_rate": to_json(self.learning_rate),
            "plateau": self.plateau and [to_json(number) for number in self.plateau],
            "order": self.order,
            "dropout": self.dropout,
            "best_value": to_json(self.best_value),
            "best_cost": to_json(self.best_cost),
            "best_epoch": self.best_epoch,
        }

    @classmethod
    def of_plain(cls, arrays: Mapping[str, FloatArray], values: Mapping[str, Any]) -> "Snapshot":
        """Put a snapshot together from what `plain` returned; other arrays may lie among these.

        Raises
        ------
        ValueError
            If an array or a value is missing, or an array has not the shape that the values say.
        """
        require_names(cls.__dataclass_fields__.keys() - {"layers", "slots", "gradient"}, values)
        require_names(("sizes", "n_slots", "has_gradient"), values)
        sizes, plateau = values["sizes"], values["plateau"]
        return cls(
            epoch=values["epoch"],
            steps=values["steps"],
            layers=find_layers("layer", sizes, arrays),
            slots=[find_layers(f"slot{number}", sizes, arrays) for number in range(values["n_slots"])],
            gradient=find_layers("gradient", sizes, arrays) if values["has_gradient"] else [],
            learning_rate=float(values["learning_rate"]),
            plateau=Plateau(float(plateau[0]), float(plateau[1]), plateau[2]) if plateau else None,
            order=values["order"],
            dropout=values["dropout"],
            best_value=float(values["best_value"]),
            best_cost=float(values["best_cost"]),
            best_epoch=values["best_epoch"],
        )


def list_sizes(layers: Layers) -> list[int]:
    """Return n_features, the hidden sizes, n_classes; nothing of no layers."""
    return [layer.W.shape[1] for layer in layers[:1]] + [layer.W.shape[2] for layer in layers]


def name_arrays(name: str, layers: Layers) -> dict[str, FloatArray]:
    """Name the arrays of one network's layers: ``name_W0`` (fan_in, fan_out), ``name_b0`` (fan_out,), ..."""
    return {
        f"{name}_{kind}{number}": array[0] if kind == "W" else array[0].ravel()
        for number, layer in enumerate(layers)
        for kind, array in zip(layer.names, layer, strict=True)
    }


def find_layers(name: str, sizes: Collection[int], arrays: Mapping[str, FloatArray]) -> Layers:
    """Find the layers of one network, with K = 1, among named arrays.

    Parameters
    ----------
    name : str
        What their names begin with.
    sizes : collection of int
        n_features, the hidden sizes, n_classes; none for no layers.
    arrays : mapping of str to ndarray
        Where they are.

    Raises
    ------
    ValueError
        If one is missing or has another shape.
    """
    layers = []
    for number, ends in enumerate(pairwise(sizes)):
        found = {}
        for kind, shape in array_shapes(*ends).items():
            array_name = f"{name}_{kind}{number}"
            if kind in ("W", "b") or array_name in arrays:
                written = shape if kind == "W" else (math.prod(shape),)
                found[kind] = find_array(array_name, written, arrays).reshape(1, *shape)
        layers.append(Layer(**found))
    return layers


def find_array(name: str, shape: tuple[int | None, ...], arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return the array of that name.

    Parameters
    ----------
    name : str
        Its name.
    shape : tuple of int or None
        The shape that it must have; None where an axis may have any length.
    arrays : mapping of str to ndarray
        Where it is.

    Raises
    ------
    ValueError
        If it is missing or has another shape.
    """
    require_names((name,), arrays)
    array = arrays[name]
    if len(array.shape) != len(shape) or any(
        length not in (None, n) for length, n in zip(shape, array.shape, strict=True)
    ):
        raise ValueError(f"`{name}` must have shape {shape}, got {array.shape}")
    return array


def require_names(names: Collection[str], mapping: Mapping[str, Any]) -> None:
    """Refuse a mapping without all of these names.

    Raises
    ------
    ValueError
        If one is missing.
    """
    missing = sorted(set(names) - mapping.keys())
    if missing:
        raise ValueError(f"`{'`, `'.join(missing)}` missing")


def to_json(number: float) -> float | str:
    """Return a number as JSON can say it; `float` undoes that.

    Examples
    --------
    >>> to_json(0.1), to_json(-math.inf)
    (0.1, '-inf')
    """
    return number if math.isfinite(number) else str(number)
