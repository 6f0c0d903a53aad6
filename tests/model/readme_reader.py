# What `nnsweep save RUN --output model.npz` writes, read with NumPy alone: probabilities of the rows of a table
import json, math, numpy as np
VALUES = {
    "identity": lambda z: z,
    "tanh": np.tanh,
    "sigmoid": lambda z: (1 + np.tanh(z / 2)) / 2,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z, negative_slope: np.where(z > 0, z, negative_slope * z),
    "elu": lambda z, alpha: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0))),
    "softplus": lambda z: np.logaddexp(0, z),
    "gelu": lambda z: z * np.vectorize(math.erfc, "d")(-z / math.sqrt(2)) / 2,
    "swish": lambda z: z * (1 + np.tanh(z / 2)) / 2,
}
def probabilities(path, table):  # {column: its cells}, numbers or categories; None for a cell without a value
    file = np.load(path, allow_pickle=False)
    about, n_rows = json.loads(str(file["about"])), len(next(iter(table.values())))
    columns = about["preparation"]["columns"]
    fill, mean, scale = (file[f"preparation_{name}"] for name in ("fill", "mean", "scale"))
    numbers = [table[column["name"]] for column in columns if column["kind"] == "number"]
    X = np.array(numbers, dtype=float).reshape(len(numbers), n_rows).T
    a = (np.where(np.isnan(X), fill, X) - mean) / scale
    for column in [column for column in columns if column["kind"] == "category"]:
        cells = [column["fill"] if cell is None else cell for cell in table[column["name"]]]
        a = np.hstack([a, np.array(cells)[:, None] == np.array(column["categories"])])
    layers = [(file[f"W{n}"], file[f"b{n}"]) for n in range(sum(name[0] == "W" for name in file.files))]
    for number, (W, b) in enumerate(layers, 1):
        settings = dict(about["activation" if number < len(layers) else "output_activation"])
        a = VALUES[settings.pop("name")](a.astype(W.dtype) @ W + b, **settings)
    powers = np.exp(a.astype(float) - a.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
