"""A model file is read here and predicts: it has the best weights of a run, and the preparation of its data.

The file is an `.npz` of plain arrays, of which one is JSON; nothing is ever unpickled. This module imports nothing of
nnsweep but the activations, because it goes with every model, together with them (`bundle_predictor`): nnsweep itself
and a model that was copied to another machine predict by the same lines.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.arrays import Task

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 2
"""The version of the file's layout; a reader refuses a later one. Most networks are written in layout 1."""
ABOUT = "about"
"""The array that holds the JSON."""
NAMES = {"classification": "classes", "multilabel": "labels", "regression": "targets"}
"""What the names of outputs stand under, by task."""
PREPARATION = "preparation_"
"""What the names of the preparation's arrays begin with."""


Arrays: TypeAlias = tuple[NDArray[Any], ...]
"""A layer's weights and biases, and its gains where pre-activations are normalized."""
_KINDS = ("W", "b", "gain")
ADDED_VARIANCE = 1e-5
"""What is added to the variance of pre-activations before its root is taken."""


class ModelMember(NamedTuple):
    """One of the networks of a model.

    Attributes
    ----------
    about : mapping
        Its ``loss``, ``activation`` and ``output_activation``, and its ``temperature`` if it was calibrated.
    layers : list of (W, b) or (W, b, gain)
        Its part of the model's layers.
    share : float
        How much it counts in the mean of all members; the shares sum to 1.
    """

    about: Mapping[str, Any]
    layers: list[Arrays]
    share: float

    @property
    def activations(self) -> list[dict[str, Any]]:
        """The name and the settings of each layer's activation."""
        hidden = self.about["activation"]
        return [*hidden.get("layers", [hidden] * (len(self.layers) - 1)), self.about["output_activation"]]

    def is_residual(self, number: int) -> bool:
        """Tell whether the layer with that number adds what comes from the one before to its own values."""
        is_hidden = 0 < number < len(self.layers) - 1
        n_in, n_out = self.layers[number][0].shape
        return bool(self.about.get("residual", False)) and is_hidden and n_in == n_out


class Model(NamedTuple):
    """A trained network, or an ensemble of some, and all that it needs to be used.

    Attributes
    ----------
    about : dict
        What JSON can say of it: ``format``, ``task`` (classification if it is not there), the names of the outputs,
        which are ``classes``, ``labels`` or ``targets``, ``loss``, ``activation`` and ``output_activation`` (each a
        ``name`` and its settings; ``layers``, a list of such settings, where the hidden layers have activations of
        their own), ``preparation`` (its values), ``example`` (some rows as they are before the preparation) and ``run``
        (where it comes from). A network that was calibrated has its ``temperature``; one of a regression has
        ``target_mean`` and ``target_scale``, by which its outputs become predictions, and perhaps ``quantiles``; one
        with residual layers has ``residual``. ``training`` says what the training part held (``counts`` of classes or
        labels, or the ranges of ``targets``; the ranges of ``numbers``), and ``card`` is the model card. An ensemble
        has ``members``, each with its loss, activations, ``n_layers``, ``weight`` (a whole number) and ``run``.
    layers : list of (W, b) or (W, b, gain)
        Weights of shape (fan_in, fan_out), biases of shape (fan_out,) and, of layers that are normalized, gains of
        shape (fan_out,), in the precision that they were trained in; those of an ensemble's members one after the
        other.
    preparation : dict of str to ndarray
        The preparation's arrays.
    """

    about: dict[str, Any]
    layers: list[Arrays]
    preparation: dict[str, NDArray[Any]]

    @property
    def task(self) -> Task:
        """What it has learned."""
        task: Task = self.about.get("task", "classification")
        return task

    @property
    def names(self) -> list[str]:
        """The names of the classes, the labels or the targets."""
        return list(self.about[NAMES[self.task]])

    @property
    def quantiles(self) -> list[float]:
        """Which quantiles of each target it predicts; none where it predicts the target itself."""
        return list(self.about.get("quantiles", ()))

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
    about = model.about
    is_later = {"members", "temperature", "residual"} & about.keys() or "layers" in about.get("activation", {})
    is_later = is_later or any(len(layer) > 2 for layer in model.layers)
    about = {"format": 0} | about | {"format": 2 if is_later or model.task != "classification" else 1}
    arrays: dict[str, Any] = {ABOUT: np.array(json.dumps(about))}
    arrays |= {PREPARATION + name: array for name, array in model.preparation.items()}
    for number, layer in enumerate(model.layers):
        arrays |= {f"{kind}{number}": array for kind, array in zip(_KINDS, layer, strict=False)}
    np.savez_compressed(file, **arrays)


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
            [find_arrays("", number, file) for number in numbers],
            {name[len(PREPARATION) :]: file[name] for name in file.files if name.startswith(PREPARATION)},
        )


def find_arrays(prefix: str, number: int, file: Mapping[str, NDArray[Any]]) -> Arrays:
    """Find the arrays of a layer by its number, among arrays whose names begin with a prefix."""
    names = [f"{prefix}{kind}{number}" for kind in _KINDS]
    return tuple(file[name] for name in names if name in file or not name.startswith(f"{prefix}gain"))


def predict_values(model: Model, X: Any) -> NDArray[np.float64]:
    """Pass prepared features through the network.

    Parameters
    ----------
    model : Model
        The network.
    X : ndarray or CSR array of shape (n_samples, n_features)
        Features, as the preparation makes them.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs)
        Class probabilities, ``exp(z) / sum(exp(z))`` of the logits ``z``; or for each label ``1 / (1 + exp(-z))``; or
        the targets in their own units, all quantiles of the first target before those of the second. An ensemble gives
        the weighted mean of its members. A network works in its own precision, the values are float64, so that
        probabilities of classes sum to 1 in either.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        values = [member.share * _interpret(model, member, _outputs(member, X)) for member in model.members]
    mean: NDArray[np.float64] = np.sum(values, axis=0)
    return mean


def _outputs(member: ModelMember, X: Any) -> NDArray[np.float64]:
    a = X.astype(member.layers[0][0].dtype, copy=False)
    for number, ((W, b, *gains), settings) in enumerate(zip(member.layers, member.activations, strict=True)):
        z = a @ W
        for gain in gains:
            z = z - z.mean(axis=1, keepdims=True)
            z = z / np.sqrt(np.square(z).mean(axis=1, keepdims=True) + ADDED_VARIANCE) * gain
        values = _activation(settings)(z + b)
        a = values + a if member.is_residual(number) else values
    return np.asarray(a, dtype=np.float64)


def _interpret(model: Model, member: ModelMember, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make probabilities of logits, or predictions in the targets' units of standardized ones."""
    if model.task == "regression":
        mean, scale = restoration(model)
        return np.asarray(outputs * scale + mean)
    logits = outputs / member.about.get("temperature", 1.0)
    if model.task == "multilabel":
        return np.asarray(np.exp(-np.logaddexp(0, -logits)))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def restoration(model: Model) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give mean and scale of each output of a regression: ``outputs * scale + mean`` are in the targets' units."""
    n_each = max(1, len(model.quantiles))
    mean, scale = (np.repeat(np.array(model.about[name], float), n_each) for name in ("target_mean", "target_scale"))
    return mean, scale


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
        ``label``, the most probable class (of several the first), and ``probability_NAME`` for each class; or for
        several labels ``label_NAME``, 1 where the label is more probable than not and else 0, and ``probability_NAME``;
        or for a regression ``prediction``, of several targets ``prediction_NAME``, of quantiles ``prediction_q10`` or
        ``prediction_NAME_q10`` and so on.

    Raises
    ------
    ValueError
        If a column is absent, a cell is none of its kind, or a row lies so far from all training that the network
        has no finite number for it.
    """
    import pandas as pd

    values = predict_values(model, features(frame, model.about["preparation"], model.preparation))
    if len(beyond := np.flatnonzero(~np.isfinite(values).all(axis=1))):
        more = f", and {len(beyond) - 1} more rows" if len(beyond) > 1 else ""
        raise ValueError(f"row {beyond[0] + 1}: its numbers are too large for the network{more}")
    labels: list[Any] = []
    if model.task == "classification":
        labels = [pd.Series([model.names[number] for number in values.argmax(axis=1)], dtype=object)]
    elif model.task == "multilabel":
        labels = [*(values > 0.5).astype(np.int64).T]
    columns = zip([*labels, *values.T], output_columns(model), strict=True)
    return pd.concat([pd.Series(cells, name=name) for cells, (name, _) in columns], axis=1)


def output_columns(model: Model) -> list[tuple[str, str]]:
    """Name the columns of `predictions`, each with the type of its cells: ``string``, ``long`` or ``double``."""
    if model.task == "regression":
        stems = ["prediction"] if len(model.names) == 1 else [f"prediction_{name}" for name in model.names]
        ends = [f"_q{100 * quantile:g}" for quantile in model.quantiles] or [""]
        return [(stem + end, "double") for stem in stems for end in ends]
    labels = (
        [(f"label_{name}", "long") for name in model.names] if model.task == "multilabel" else [("label", "string")]
    )
    return [*labels, *((f"probability_{name}", "double") for name in model.names)]


def _activation(settings: Mapping[str, Any]) -> Callable[..., NDArray[Any]]:
    constants = dict(settings)
    return ACTIVATIONS[constants.pop("name")](**constants).value
