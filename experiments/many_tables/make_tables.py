"""Make the tables of the study from scikit-learn: one of measured data, seven of its generators with fixed seeds.

python make_tables.py        # writes tables/NAME.csv, each with a column "label"
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets


def cut(values: np.ndarray, n_classes: int) -> np.ndarray:
    """Make classes of equal size of numbers, by their quantiles."""
    edges = np.quantile(values, np.arange(1, n_classes) / n_classes)
    return np.searchsorted(edges, values)


def make_tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Give features and classes of each table, by its name."""
    diabetes = datasets.load_diabetes()  # the only one that was measured
    friedman_X, friedman_y = datasets.make_friedman1(800, noise=1.0, random_state=1)
    roll_X, roll_t = datasets.make_swiss_roll(800, noise=1.0, random_state=2)
    return {
        "diabetes": (diabetes.data, cut(diabetes.target, 2)),
        "friedman": (friedman_X, cut(friedman_y, 3)),
        "swiss_roll": (roll_X, cut(roll_t, 5)),
        "circles": datasets.make_circles(800, noise=0.2, factor=0.5, random_state=3),
        "hastie": datasets.make_hastie_10_2(1000, random_state=4),
        "shells": datasets.make_gaussian_quantiles(n_samples=800, n_features=4, n_classes=4, random_state=5),
        "few_of_many": datasets.make_classification(
            800, 60, n_informative=6, n_redundant=6, n_classes=3, flip_y=0.05, random_state=6
        ),
        "clusters": datasets.make_classification(
            1000,
            12,
            n_informative=10,
            n_redundant=0,
            n_classes=5,
            n_clusters_per_class=4,
            class_sep=1.5,
            random_state=7,
        ),
    }


def main() -> None:
    """Write the tables into the folder ``tables`` beside this file."""
    folder = Path(__file__).parent / "tables"
    folder.mkdir(exist_ok=True)
    for name, (X, y) in make_tables().items():
        table = pd.DataFrame(np.round(X, 6), columns=[f"x{column}" for column in range(X.shape[1])])
        table.assign(label=[f"c{int(value)}" for value in y]).to_csv(folder / f"{name}.csv", index=False)
        print(f"{name}: {X.shape[0]} rows, {X.shape[1]} features, {len(set(y))} classes")


if __name__ == "__main__":
    main()
