"""How much sooner a search over an `NNClassifier` ends if its fits are trained as stacks: scikit-learn against ours.

Both search the same 24 candidates on the same five folds of the digits, in turns, with one BLAS thread a process. Every
score must be equal, bit for bit; what is told is the medians of their times and of the ratios of these.

    OMP_NUM_THREADS=1 python experiments/search/measure.py 3
"""

import platform
import statistics
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV

from nnsweep import NNClassifier, StackedHalvingSearchCV, StackedSearchCV

CANDIDATES = {
    "learning_rate_init": [0.01, 0.03, 0.1, 0.3],
    "weight_decay": [0.0, 1e-4, 1e-3],
    "solver": [{"name": "momentum", "momentum": momentum} for momentum in (0.8, 0.9)],
}
PAIRS = {"grid": (GridSearchCV, StackedSearchCV), "halving": (HalvingGridSearchCV, StackedHalvingSearchCV)}
HALVING = {"factor": 3, "random_state": 0}
WORKS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("grid", "(16,), 30 epochs, batches of 32", {"hidden_layer_sizes": (16,), "max_iter": 30}, {}),
    ("grid", "(16,), 30 epochs, two processes", {"hidden_layer_sizes": (16,), "max_iter": 30}, {"n_jobs": 2}),
    ("grid", "(32,), 40 epochs: the defaults", {}, {}),
    ("grid", "(16,), 200 epochs, full batch", {"hidden_layer_sizes": (16,), "max_iter": 200, "batch_size": None}, {}),
    ("halving", "(16,), 30 epochs, batches of 32", {"hidden_layer_sizes": (16,), "max_iter": 30}, HALVING),
]


def timed(search: Any, X: Any, y: Any) -> tuple[float, Any]:
    """Give the seconds of a search, and its scores."""
    start = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - start, search.cv_results_["mean_test_score"]


def ratios(kind: str, network: dict[str, Any], options: dict[str, Any], times: int) -> list[tuple[float, ...]]:
    """Give scikit-learn's seconds, ours, and their ratio, of each time."""
    X, y = load_digits(return_X_y=True)
    rows = []
    for _ in range(times):
        theirs, ours = (timed(one(NNClassifier(**network), CANDIDATES, **options), X / 16, y) for one in PAIRS[kind])
        np.testing.assert_array_equal(theirs[1], ours[1])
        rows.append((theirs[0], ours[0], theirs[0] / ours[0]))
    return rows


def main(times: int) -> None:
    """Print a row for each work, and what it was measured on."""
    warnings.filterwarnings("ignore", category=UserWarning, module="joblib")
    print("| search | network | scikit-learn | stacked | ratio |")
    print("| --- | --- | ---: | ---: | ---: |")
    for kind, name, network, options in WORKS:
        columns = zip(*ratios(kind, network, options, times), strict=True)
        theirs, ours, ratio = (statistics.median(column) for column in columns)
        print(f"| {kind} | {name} | {theirs:.1f} s | {ours:.1f} s | {ratio:.1f} |", flush=True)
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn", "joblib"))
    print(f"\nPython {platform.python_version()}, {versions}; medians of {times}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
