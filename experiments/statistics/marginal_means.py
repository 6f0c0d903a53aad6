"""Intervals for all differences between the levels of a factor: which hold at once where spreads differ.

Simulates a grid of levels x other settings x seeds under six kinds of noise, compares four procedures, and writes
``marginal_means.csv`` beside this file: how often all differences of a factor were covered, and how wide the intervals
were. ``--quick`` makes a hundredth of the grids and writes nothing.

    python experiments/statistics/marginal_means.py
"""

import sys
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

Array = NDArray[np.float64]
SEED, N_GRIDS, CONFIDENCE = 20261201, 5000, 0.95
LEVELS, OTHERS, SEEDS = (3, 5), (1, 5), (2, 3, 5, 10)
DEGREES = 1 / np.linspace(1, 1 / 400, 60)
"""Where the studentized range is computed; between them it is interpolated in 1/df."""


def draw(noise: str, shape: tuple[int, int, int, int], random: np.random.Generator) -> tuple[Array, Array]:
    """Draw results of shape (n_grids, n_levels, n_others, n_seeds), and give the true mean of each level, too."""
    y, truth = random.normal(size=shape), np.zeros(shape[1])
    if noise == "unequal":
        y *= np.linspace(1, 10, shape[1])[:, None, None]
    elif noise == "skewed":
        y = 1 - random.exponential(size=shape)
    elif noise == "skewed and unequal":
        y = (1 - random.exponential(size=shape)) * np.linspace(1, 10, shape[1])[:, None, None]
    elif noise == "last level collapses":  # a run in five is lost, as of the deepest networks
        y[:, -1] -= 20 * (random.random(y[:, -1].shape) < 0.2)
        truth[-1] = -4
    elif noise == "seeds correlate":
        y = np.sqrt(0.7) * y + np.sqrt(0.3) * random.normal(size=(shape[0], 1, 1, shape[3]))
    return y, truth


def find_intervals(y: Array) -> Iterator[tuple[str, Array, Array]]:
    """Give the differences of all pairs of levels and half of each procedure's intervals, shape (n_grids, n_pairs)."""
    n_levels, n_others, n = y.shape[1:]
    pairs = np.array([*combinations(range(n_levels), 2)])
    means, alpha = y.mean(axis=(2, 3)), 1 - CONFIDENCE
    apart = means[:, pairs[:, 0]] - means[:, pairs[:, 1]]
    variances = y.var(axis=-1, ddof=1) / n / n_others**2
    pooled = variances.mean(axis=(1, 2)) * n_others
    q = _studentized_range(n_levels, np.array(n_levels * n_others * (n - 1)))
    yield "Tukey-Kramer", apart, np.broadcast_to((q * np.sqrt(pooled))[:, None], apart.shape)
    total = variances.sum(axis=2)
    quarter = (variances**2 / (n - 1)).sum(axis=2)
    both, df = (part[:, pairs[:, 0]] + part[:, pairs[:, 1]] for part in (total, quarter))
    df = both**2 / df
    yield "Games-Howell", apart, _studentized_range(n_levels, df) * np.sqrt(both / 2)
    yield "Welch, Bonferroni", apart, -special.stdtrit(df, alpha / 2 / len(pairs)) * np.sqrt(both)
    by_seed = y.mean(axis=2)
    of_seeds = by_seed[:, pairs[:, 0]] - by_seed[:, pairs[:, 1]]
    error = of_seeds.std(axis=-1, ddof=1) / np.sqrt(n)
    yield "paired, Bonferroni", apart, -special.stdtrit(n - 1, alpha / 2 / len(pairs)) * error


_RANGES: dict[int, Array] = {}


def _studentized_range(k: int, df: Array) -> Array:
    """Give the quantile of the studentized range of k means."""
    if k not in _RANGES:
        _RANGES[k] = stats.studentized_range.ppf(CONFIDENCE, k, DEGREES)
    return np.interp(1 / np.minimum(df, DEGREES[-1]), 1 / DEGREES[::-1], _RANGES[k][::-1])


def simulate(n_grids: int) -> pd.DataFrame:
    """Give a row for each noise, size of the grid and procedure: ``covered`` of all grids, and the ``width``.

    The width is the median half, divided by the error that the difference really has.
    """
    rows = []
    noises = ("normal", "unequal", "skewed", "skewed and unequal", "last level collapses", "seeds correlate")
    for noise, n_levels, n_others, n in product(noises, LEVELS, OTHERS, SEEDS):
        random = np.random.default_rng([SEED, n_levels, n_others, n, noises.index(noise)])
        y, truth = draw(noise, (n_grids, n_levels, n_others, n), random)
        true = np.array([truth[first] - truth[second] for first, second in combinations(range(n_levels), 2)])
        for procedure, apart, half in find_intervals(y):
            covered = (np.abs(apart - true) <= half).all(axis=1)
            width = float(np.median(half / apart.std(axis=0)))
            names = {"noise": noise, "levels": n_levels, "others": n_others, "seeds": n, "procedure": procedure}
            rows.append(names | {"covered": covered.mean(), "width": round(width, 3)})
    return pd.DataFrame(rows)


def main() -> None:
    """Simulate, print a summary and write the table."""
    quick = "--quick" in sys.argv[1:]
    found = simulate(N_GRIDS // 100 if quick else N_GRIDS)
    summary = found.pivot_table(index=["noise", "seeds"], columns="procedure", values=["covered", "width"])
    print(summary.round(3).to_string())
    if not quick:
        found.to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
