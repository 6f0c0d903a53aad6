"""Our statistics beside the libraries that have them, on the same numbers.

Writes ``instruments.csv`` beside this file, a row for each number: the instrument, the library's call, our value and
theirs. It fails if any two differ by more than 1e-8. The tests hold our side with the libraries' values written down.

    pip install baycomp==1.0.3 statsmodels==0.15.0 rliable==1.2.0
    python experiments/statistics/instruments.py
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import nnsweep

LARGEST = 1e-8


class Value(NamedTuple):
    """A number that we and a library give."""

    instrument: str
    library: str
    case: str
    ours: float
    theirs: float


def draw_pairs(n_folds: int, seed: int) -> tuple[pd.DataFrame, list[float], list[float]]:
    """Draw accuracies of two networks on the same folds or seeds, rounded so that they can be written down."""
    random = np.random.default_rng(seed)
    both = random.normal(0.9, 0.01, n_folds)
    first, second = (np.round(both + random.normal(shift, 0.008, n_folds), 4).tolist() for shift in (0.0, 0.006))
    return pd.DataFrame({"schedule": ["a"] * n_folds + ["b"] * n_folds, "test_accuracy": first + second}), first, second


def compare_with_baycomp() -> Iterator[Value]:
    """Compare the Bayesian correlated t test, for which baycomp has results on the folds of one cross-validation."""
    from baycomp import two_on_single

    for n_folds, rope, seed in ((5, 0.01, 0), (10, 0.01, 1), (10, 0.003, 2), (20, 0.005, 3)):
        runs, first, second = draw_pairs(n_folds, seed)
        runs = runs.assign(**{"data.fold": [*range(n_folds)] * 2, "data.n_folds": n_folds})
        (ours,) = nnsweep.compare_equivalence(runs, reference="b", rope=rope).to_dict("records")
        worse, equal, better = two_on_single(np.array(second), np.array(first), rope=rope)  # first minus second
        case = f"{n_folds} folds, rope {rope}"
        for name, theirs in {"p_better": better, "p_equal": equal, "p_worse": worse}.items():
            yield Value(f"correlated t test: {name}", "baycomp.two_on_single", case, ours[name], theirs)


def compare_with_statsmodels() -> Iterator[Value]:
    """Compare two one-sided t tests over seeds, paired and not, and contrasts of marginal means."""
    from statsmodels.stats.weightstats import ttost_ind, ttost_paired

    for n, rope, seed in ((3, 0.01, 4), (10, 0.01, 5), (10, 0.003, 6)):
        runs, first, second = draw_pairs(n, seed)
        (paired,) = nnsweep.compare_equivalence(runs.assign(seed=[*range(n)] * 2), reference="b", rope=rope)["p_tost"]
        (unpaired,) = nnsweep.compare_equivalence(runs.assign(seed=range(2 * n)), reference="b", rope=rope)["p_tost"]
        case = f"{n} seeds, rope {rope}"
        yield Value(
            "TOST", "ttost_paired", case, paired, ttost_paired(np.array(first), np.array(second), -rope, rope)[0]
        )
        theirs = ttost_ind(np.array(first), np.array(second), -rope, rope, usevar="unequal")[0]
        yield Value("TOST", "ttost_ind", case, unpaired, theirs)
    yield from _compare_contrasts()


def _compare_contrasts() -> Iterator[Value]:
    """Compare with the model that has a mean for each cell and HC2 errors, which allow for unequal variances."""
    from statsmodels.formula.api import ols

    random = np.random.default_rng(7)
    cells = pd.MultiIndex.from_product([range(3), range(4), range(5)], names=["depth", "width", "seed"]).to_frame(
        index=False
    )
    spread = 0.01 * (1 + cells["depth"])
    runs = cells.assign(test_accuracy=np.round(0.9 - 0.01 * cells["depth"] + spread * random.normal(size=60), 4))
    fit = ols("test_accuracy ~ 0 + C(depth):C(width)", runs).fit(cov_type="HC2")
    names = [f"C(depth)[{depth}]:C(width)[{width}]" for depth in range(3) for width in range(4)]
    order = [fit.model.exog_names.index(name) for name in names]
    contrasts = nnsweep.marginal_means(runs).contrasts
    for _, row in contrasts[contrasts["factor"] == "depth"].iterrows():
        weights = np.zeros(12)
        for depth, sign in ((row["level"], 0.25), (row["reference"], -0.25)):
            weights[[order[4 * int(depth) + width] for width in range(4)]] = sign
        test, case = fit.t_test(weights), f"depth {row['level']} - {row['reference']}"
        yield Value("marginal means: difference", "OLS.t_test", case, row["difference"], float(test.effect[0]))
        yield Value("marginal means: error", "OLS.t_test, HC2", case, row["standard_error"], float(np.squeeze(test.sd)))


def compare_with_rliable() -> Iterator[Value]:
    """Compare the interquartile mean of one configuration's runs, of which some collapse."""
    from rliable.metrics import aggregate_iqm

    for n, seed in ((4, 7), (5, 8), (10, 9), (11, 10)):
        accuracies = np.random.default_rng(seed).normal(0.95, 0.01, n).round(4)
        accuracies[0] = 0.1
        runs = pd.DataFrame({"arch": "wide", "seed": range(n), "test_accuracy": accuracies})
        (ours,) = nnsweep.configurations(runs, by=["arch"])["iqm"]
        yield Value(
            "interquartile mean", "rliable.aggregate_iqm", f"{n} seeds", ours, aggregate_iqm(accuracies[:, None])
        )


COMPARISONS: tuple[Callable[[], Iterator[Value]], ...] = (
    compare_with_baycomp,
    compare_with_statsmodels,
    compare_with_rliable,
)


def main() -> None:
    """Compare, print and write the table, and fail if anything differs."""
    table = pd.DataFrame([value for comparison in COMPARISONS for value in comparison()])
    table["difference"] = (table["ours"] - table["theirs"]).abs()
    print(table.to_string(index=False))
    table.to_csv(Path(__file__).with_suffix(".csv"), index=False)
    different = table[~(table["difference"] <= LARGEST)]
    if len(different):
        raise SystemExit(f"{len(different)} of {len(table)} values differ by more than {LARGEST}")


if __name__ == "__main__":
    main()
