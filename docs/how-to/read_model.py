"""Predict with a model that `nnsweep save RUN --output model.npz` wrote; NumPy is all it needs.

Copy this file into your own program, or port it to another language: it is the whole arithmetic of a network that reads
numbers and categories.
"""

import json
import math

import numpy as np

VALUES = {
    "identity": lambda z: z,
    "tanh": np.tanh,
    "sigmoid": lambda z: (1 + np.tanh(z / 2)) / 2,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z, negative_slope: np.where(z > 0, z, negative_slope * z),
    "elu": lambda z, alpha: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0))),
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0))),
    "softplus": lambda z: np.logaddexp(0, z),
    "gelu": lambda z: z * np.vectorize(math.erfc, "d")(-z / math.sqrt(2)) / 2,
    "swish": lambda z: z * (1 + np.tanh(z / 2)) / 2,
    "mish": lambda z: z * np.tanh(np.logaddexp(0, z)),
}


def predict(path, table):
    """Give class probabilities, label probabilities or numbers: a row for each row of the table.

    The table is ``{column: its cells}``, numbers or categories, with None for a cell without a value.
    """
    file = np.load(path, allow_pickle=False)
    about = json.loads(str(file["about"]))
    numbers = map(str, range(sum(name[0] == "W" for name in file.files)))
    layers = [[file[kind + n] for kind in ("W", "b", "gain") if kind + n in file] for n in numbers]
    members = about.get("members", [{**about, "n_layers": len(layers), "weight": 1}])  # an ensemble has several
    features, values = prepare(file, about, table), []
    for member in members:
        own, layers = layers[: member["n_layers"]], layers[member["n_layers"] :]
        values.append(interpret(compute_outputs(member, own, features), about))
    return np.average(values, axis=0, weights=[member["weight"] for member in members])


def prepare(file, about, table):
    """Make features of cells: numbers are filled and scaled, categories become a column of 0 and 1 for each value."""
    columns, n_rows = about["preparation"]["columns"], len(next(iter(table.values())))
    fill, mean, scale = (file[f"preparation_{name}"] for name in ("fill", "mean", "scale"))
    X = np.array([table[one["name"]] for one in columns if one["kind"] == "number"], float).reshape(-1, n_rows).T
    a = (np.where(np.isnan(X), fill, X) - mean) / scale
    a = a / np.hypot(1, a / about["preparation"].get("clip", np.inf))
    for column in [column for column in columns if column["kind"] == "category"]:
        cells = [column["fill"] if cell is None else cell for cell in table[column["name"]]]
        a = np.hstack([a, np.array(cells)[:, None] == np.array(column["categories"])])
    return a


def compute_outputs(member, layers, a):
    """Pass features through the layers of one network."""
    hidden = member["activation"].get("layers", [member["activation"]] * (len(layers) - 1))
    for n, (W, b, *gains) in enumerate(layers):
        settings = dict([*hidden, member["output_activation"]][n])
        z = a.astype(W.dtype) @ W
        for gain in gains:  # of a layer normalization
            z = z - z.mean(axis=1, keepdims=True)
            z = z / np.sqrt((z**2).mean(axis=1, keepdims=True) + 1e-5) * gain
        z = VALUES[settings.pop("name")](z + b, **settings)
        is_residual = member.get("residual") and 0 < n < len(layers) - 1 and a.shape == z.shape
        a = a + z if is_residual else z
    return a.astype(float) / member.get("temperature", 1)


def interpret(z, about):
    """Make predictions of a network's outputs."""
    if "targets" in about:
        n_each = z.shape[1] // len(about["targets"])  # several where quantiles are predicted
        return z * np.repeat(about["target_scale"], n_each) + np.repeat(about["target_mean"], n_each)
    if "classes" in about:
        powers = np.exp(z - z.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    return 1 / (1 + np.exp(-z))
