"""Compare the RealMLP recipe with nnsweep's defaults and with scikit-learn, on the tables of `make_tables.py`.

Every method sees the same five folds of every table, prepared by nnsweep. Networks hold a fifth of the rest out to
choose their best epoch; scikit-learn's models learn from these rows, too.

    python experiments/recipe/make_tables.py tables
    python experiments/recipe/study.py tables scores.csv
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of HistGradientBoosting

import argparse
import platform
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from make_tables import CLASSES, NUMBERS
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor

import nnsweep
from nnsweep.data.load import load

N_FOLDS = 5
TABLE = {
    "target": "target",
    "missing": {"number": "median", "category": "own"},
    "n_folds": N_FOLDS,
    "val_fraction": 0.2,
}
TABLE_OVERRIDES = [
    "data=table",
    "data.target=target",
    "data.missing={number: median, category: own}",
    f"data.n_folds={N_FOLDS}",
    f"data.fold=range(0,{N_FOLDS})",
    f"seed=range(0,{N_FOLDS})",
    "sweep.zip=[[data.fold,seed]]",
    "tracking.pictures=false",
    "tracking.models=none",
]
RECIPES = {
    "defaults": ["arch=shallow", "arch.hidden_layer_sizes=[100]"],
    "defaults, 3 x 256": ["arch=custom", "arch.hidden_layer_sizes=[256,256,256]"],
    "RealMLP": ["experiment=realmlp"],
}
OF_NUMBERS = {"RealMLP": ["loss=auto", "activation=mish", "optimizer.learning_rate=0.07"]}
"""What the recipe has otherwise for regression."""
THEIRS = {
    "MLP": (MLPClassifier, MLPRegressor),
    "HistGradientBoosting": (HistGradientBoostingClassifier, HistGradientBoostingRegressor),
}
REFERENCE = "RealMLP"


def main() -> None:
    """Measure every method on every table, write the scores and print the tables of README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path, help="what make_tables.py has written")
    parser.add_argument("scores", type=Path, help="where each method's error in each fold goes, as CSV")
    parser.add_argument("--only", nargs="*", default=[*CLASSES, *NUMBERS], help="the tables to take")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    start = time.perf_counter()
    paths = [arguments.tables / f"{name}.csv" for name in arguments.only]
    scores = pd.concat([run_recipes(paths), *map(run_scikit_learn, paths)], ignore_index=True)
    scores.sort_values([*scores.columns]).to_csv(arguments.scores, index=False, float_format="%.6g")
    print(f"Python {platform.python_version()}, scikit-learn {sklearn.__version__}, {_read_processor()}\n")
    for name in ("error", "log_loss"):
        print("\n".join([*describe(scores.dropna(subset=[name]), name), ""]))
    print(f"{time.perf_counter() - start:.0f} s")


def run_recipes(paths: list[Path]) -> pd.DataFrame:
    """Run a sweep for each recipe and task over all tables and folds, with a seed for each fold."""
    frames = []
    for method, overrides in RECIPES.items():
        for kind, measures in ((CLASSES, "[accuracy,log_loss]"), (NUMBERS, "[r2]")):
            its = [str(path) for path in paths if path.stem in kind]
            others = OF_NUMBERS.get(method, []) if kind is NUMBERS else []
            if its:
                runs = nnsweep.sweep(
                    [
                        *overrides,
                        *others,
                        *TABLE_OVERRIDES,
                        f"data.path={','.join(its)}",
                        f"trainer.measures={measures}",
                    ],
                    experiment=f"{method}, {'classes' if kind is CLASSES else 'numbers'}",
                )
                frames.append(read_runs(runs, method))
    return pd.concat(frames)


def read_runs(runs: pd.DataFrame, method: str) -> pd.DataFrame:
    """Take the errors of a sweep's runs."""
    score = runs["test_accuracy"] if "test_accuracy" in runs else runs["test_r2"]
    return pd.DataFrame(
        {
            "table": [Path(path).stem for path in runs["data.path"]],
            "method": method,
            "fold": runs["data.fold"],
            "error": 1 - score,
            "log_loss": runs.get("test_log_loss", np.nan),
        }
    )


def run_scikit_learn(path: Path) -> pd.DataFrame:
    """Fit scikit-learn's models with their defaults to each fold of a table."""
    rows = []
    for fold in range(N_FOLDS):
        data = load("table", path=str(path), fold=fold, **TABLE)
        assert data.val is not None
        X = np.concatenate([np.asarray(data.train.X), np.asarray(data.val.X)])
        y = np.concatenate([data.train.y, data.val.y])
        for method, kinds in THEIRS.items():
            model = kinds[data.task == "regression"](random_state=fold).fit(X, y.ravel())
            rows.append({"table": path.stem, "method": method, "fold": fold, **measure(model, data)})
    return pd.DataFrame(rows)


def measure(model: Any, data: Any) -> dict[str, float]:
    """Give the share of wrong answers and the log loss, or the share of the variance that is not explained."""
    X, y = np.asarray(data.test.X), data.test.y
    if data.task == "regression":
        return {"error": 1 - model.score(X, y.ravel()), "log_loss": np.nan}
    return {"error": 1 - model.score(X, y), "log_loss": log_loss(y, model.predict_proba(X), labels=model.classes_)}


def describe(scores: pd.DataFrame, name: str) -> Iterator[str]:
    """Yield a table of means over folds, and the mean ratio of each method to the reference with its interval."""
    means = scores.groupby(["table", "method"])[name].mean().unstack()[[*RECIPES, *THEIRS]]
    means = means.loc[[table for table in (*CLASSES, *NUMBERS) if table in means.index]]
    yield f"| {name.replace('_', ' ')} | " + " | ".join(means.columns) + " |"
    yield "| --- |" + " ---: |" * means.shape[1]
    for table, row in means.iterrows():
        yield f"| {table} | " + " | ".join(f"**{x:.4f}**" if x == row.min() else f"{x:.4f}" for x in row) + " |"
    ratios = np.log(means.drop(columns=REFERENCE).rdiv(means[REFERENCE], axis=0))
    yield "| mean rank | " + " | ".join(f"{rank:.2f}" for rank in means.rank(axis=1).mean()) + " |"
    yield ""
    for method in ratios:
        values = ratios[method].to_numpy()
        mean = values.mean()
        half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        low, high = np.exp(mean - half), np.exp(mean + half)
        won = int((values < 0).sum())
        p = stats.wilcoxon(values).pvalue
        yield (
            f"- {REFERENCE} against {method}: {name.replace('_', ' ')} {np.exp(mean):.3f} times as large "
            f"(95 % from {low:.3f} to {high:.3f}), smaller on {won} of {len(values)} tables, Wilcoxon p = {p:.2g}"
        )


def _read_processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
