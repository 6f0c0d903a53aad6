"""What every peer of work (b) trains: scikit-learn's digits in three parts, and a grid of depth, width and seed."""

import json
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

ARCHITECTURES = tuple((width,) * depth for depth in (1, 2, 3) for width in (32, 64, 128))
N_CLASSES = 10
EPOCHS, BATCH_SIZE, LEARNING_RATE, MOMENTUM = 40, 32, 0.1, 0.9


class Examples(NamedTuple):
    """Features (n_samples, n_features) and class numbers (n_samples,)."""

    X: NDArray[np.float32]
    y: NDArray[np.int64]


class Parts(NamedTuple):
    """What is learned from, what decides when training is best, and what is only looked at."""

    train: Examples
    val: Examples
    test: Examples


def load() -> Parts:
    """Load digits, grey values from 0 to 1, divided as nnsweep divides them by default."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0, stratify=y)
    train, val = train_test_split(rest, test_size=0.1, random_state=0, stratify=y[rest])
    return Parts(*(Examples(X[rows], y[rows]) for rows in (train, val, test)))


def name(hidden_layer_sizes: tuple[int, ...]) -> str:
    """Name an architecture, such as ``64-64``."""
    return "-".join(map(str, hidden_layer_sizes))


def report(accuracies: Iterable[tuple[tuple[int, ...], float]], **seconds: float) -> None:
    """Print, as one line of JSON, the seconds and the mean final test accuracy of each architecture."""
    found: dict[str, list[float]] = {}
    for hidden_layer_sizes, accuracy in accuracies:
        found.setdefault(name(hidden_layer_sizes), []).append(accuracy)
    means = {key: float(np.mean(values)) for key, values in found.items()}
    print(json.dumps({**seconds, "accuracies": means}))
