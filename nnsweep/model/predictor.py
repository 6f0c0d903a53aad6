"""A model file is read here and gives probabilities: the best weights of a run, and the preparation of its data.

The file is an `.npz` of plain arrays, of which one is JSON; nothing is ever unpickled. This module imports nothing of
nnsweep but the activations, because it goes with every model, together with them (`bundle_predictor`): nnsweep itself
and a model that was copied to another machine predict by the same lines.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnsweep.mlp.activations import ACTIVATIONS

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 2
"""The version of the file's layout; a reader refuses a later one. A lone network is written in layout 1."""
ABOUT = "about"
"""The array that holds the JSON."""
PREPARATION = "preparation_"
"""What the names of the preparation's arrays begin with."""


class ModelMember(NamedTuple):
    """One of the networks of a model.

    Attributes
    ----------
    about : mapping
        Its ``activation`` and ``output_activation``.
    layers : list of (W, b)
        Its part of the model's layers.
    share : float
        How much it counts in the mean of all members; the shares sum to 1.
    """

    about: Mapping[str, Any]
    layers: list[tuple[NDArray[Any], NDArray[Any]]]
    share: float

    @property
    def activations(self) -> list[dict[str, Any]]:
        """The name and the settings of each layer's activation."""
        hidden = self.about["activation"]
        return [*hidden.get("layers", [hidden] * (len(self.layers) - 1)), self.about["output_activation"]]


class Model(NamedTuple):
    """A trained network, or an ensemble of some, and all that it needs to be used.

    Attributes
    ----------
    about : dict
        What JSON can say of it: ``format``, ``classes`` (their names, in the order of the probabilities),
        ``activation`` and ``output_activation`` (each a ``name`` and its settings; ``layers``, a list of such settings,
        where the hidden layers have activations of their own), ``preparation`` (its values), ``example`` (some rows as
        they are before the preparation) and ``run`` (where it comes from). An ensemble has ``members``, each with its
        activations, ``n_layers``, ``weight`` (a whole number) and ``run``.
    layers : list of (W, b)
        Weights of shape (fan_in, fan_out) and biases of shape (fan_out,), in the precision that they were trained in;
        those of an ensemble's members one after the other.
    preparation : dict of str to ndarray
        The preparation's arrays.
    """

    about: dict[str, Any]
    layers: list[tuple[NDArray[Any], NDArray[Any]]]
    preparation: dict[str, NDArray[Any]]

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.about["classes"])

    @property
    def columns(self) -> list[dict[str, str]]:
        """The ``name`` and ``kind`` (number, category or text) of each column that it wants."""
        return list(self.about["preparation"]["columns"])

    @property
    def members(self) -> list[ModelMember]:
        """The networks whose mean the model gives; a lone network is the only one."""
        if "members" not in self.about:
            return [ModelMember(self.about, self.layers, 1.0)]
        members, first = [], 0
        total = sum(one["weight"] for one in self.about["members"])
        for one in self.about["members"]:
            members.append(ModelMember(one, self.layers[first : first + one["n_layers"]], one["weight"] / total))
            first += one["n_layers"]
        return members


def write(model: Model, file: BinaryIO) -> None:
    """Write a model file, in the earliest layout that has a place for the model."""
    is_simple = "members" not in model.about and "layers" not in model.about.get("activation", {})
    about = model.about | {"format": 1 if is_simple else 2}
    arrays: dict[str, NDArray[Any]] = {ABOUT: np.array(json.dumps(about))}
    arrays |= {PREPARATION + name: array for name, array in model.preparation.items()}
    for number, (W, b) in enumerate(model.layers):
        arrays |= {f"W{number}": W, f"b{number}": b}
    np.savez_compressed(file, allow_pickle=False, **arrays)


def read(path: str | Path) -> Model:
    """Read a model file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is none, or one of a later layout.
    """
    with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
        if ABOUT not in file.files:
            raise ValueError(f"{path}: is no model file (it has no `{ABOUT}`)")
        about = json.loads(str(file[ABOUT]))
        if about["format"] > FORMAT:
            raise ValueError(f"{path}: has layout {about['format']}, this reader knows {FORMAT}; use its own version")
        numbers = range(sum(name[:1] == "W" and name[1:].isdigit() for name in file.files))
        return Model(
            about,
            [(file[f"W{number}"], file[f"b{number}"]) for number in numbers],
            {name[len(PREPARATION) :]: file[name] for name in file.files if name.startswith(PREPARATION)},
        )


def probabilities(model: Model, X: Any) -> NDArray[np.float64]:
    """Pass prepared features through the network.

    Parameters
    ----------
    model : Model
        The network.
    X : ndarray or CSR array of shape (n_samples, n_features)
        Features, as the preparation makes them.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Class probabilities, ``exp(z) / sum(exp(z))`` of the logits ``z``, and of an ensemble their weighted mean. A
        network works in its own precision, the probabilities are float64, so that the rows sum to 1 in either.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        shares = [member.share * _softmax(_logits(member, X)) for member in model.members]
    mean: NDArray[np.float64] = np.sum(shares, axis=0)
    return mean


def _logits(member: ModelMember, X: Any) -> NDArray[np.float64]:
    a = X.astype(member.layers[0][0].dtype, copy=False)
    for (W, b), settings in zip(member.layers, member.activations, strict=True):
        a = _activation(settings)(a @ W + b)
    return np.asarray(a, dtype=np.float64)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def predictions(model: Model, frame: "pd.DataFrame", features: Callable[..., Any]) -> "pd.DataFrame":
    """Predict the rows of a table.

    Parameters
    ----------
    model : Model
        The network.
    frame : DataFrame of n_samples rows
        Its columns are found by their names; others than the model's are ignored.
    features : callable
        `nnsweep.data.prepared.features`, which goes with every model as a file of its own.

    Returns
    -------
    DataFrame of n_samples rows
        ``label``, the most probable class (of several the first), and ``probability_NAME`` for each class.

    Raises
    ------
    ValueError
        If a column is absent, a cell is none of its kind, or a row lies so far from all training that the network
        has no finite number for it.
    """
    import pandas as pd

    shares = probabilities(model, features(frame, model.about["preparation"], model.preparation))
    if len(beyond := np.flatnonzero(~np.isfinite(shares).all(axis=1))):
        more = f", and {len(beyond) - 1} more rows" if len(beyond) > 1 else ""
        raise ValueError(f"row {beyond[0] + 1}: its numbers are too large for the network{more}")
    names = [model.classes[number] for number in shares.argmax(axis=1)]
    columns = [pd.Series(names, name="label", dtype=object)]
    columns += [pd.Series(shares[:, place], name=name) for place, name in enumerate(output_columns(model)[1:])]
    return pd.concat(columns, axis=1)


def output_columns(model: Model) -> list[str]:
    """Name the columns of `predictions`."""
    return ["label", *(f"probability_{name}" for name in model.classes)]


def _activation(settings: Mapping[str, Any]) -> Callable[..., NDArray[Any]]:
    constants = dict(settings)
    return ACTIVATIONS[constants.pop("name")](**constants).value
