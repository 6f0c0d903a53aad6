"""Simulate seven ways to find the set of the best configurations, and the intervals of the one that is chosen.

    python experiments/statistics/best_set.py            # some minutes on one core; writes best_set.csv
    python experiments/statistics/best_set.py --quick    # a tenth of the sweeps, written nowhere
    python experiments/statistics/best_set.py --check    # does the package judge in the same way?

A sweep is an array of k configurations and n repeats, drawn around means that are known, in units of the spread of one
run (of the quietest, where spreads differ). Each method says which configurations are worse than the best.
"""

import argparse
import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, Values, tuple[int, int, int]], Values]

ALPHA = 0.05
SIZES_K, SIZES_N = (2, 5, 20, 150), (2, 3, 5, 10, 20)
SWEEPS = {2: 4000, 5: 4000, 20: 1500, 150: 200}
BOOTSTRAP_SWEEPS, RESAMPLES, LARGEST_BOOTSTRAP = 200, 199, 20
STEP = 1 / 360


def _draw_normal(generator: np.random.Generator, means: Values, shape: tuple[int, int, int]) -> Values:
    return means[:, None] + generator.normal(size=shape)


def _draw_growing(generator: np.random.Generator, means: Values, shape: tuple[int, int, int]) -> Values:
    return means[:, None] + (1 - means[:, None]) * generator.normal(size=shape)


def _draw_two_spreads(generator: np.random.Generator, means: Values, shape: tuple[int, int, int]) -> Values:
    spreads = np.where(np.arange(len(means)) % 2, 1.0, 10.0)  # the best, the first, is a noisy one
    return means[:, None] + spreads[:, None] * generator.normal(size=shape)


def _draw_exponential(generator: np.random.Generator, means: Values, shape: tuple[int, int, int]) -> Values:
    return means[:, None] + 1 - generator.exponential(size=shape)


def _draw_lognormal(generator: np.random.Generator, means: Values, shape: tuple[int, int, int]) -> Values:
    noise = generator.lognormal(size=shape)
    return means[:, None] - (noise - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)


def _draw_discrete(generator: np.random.Generator, means: Values, shape: tuple[int, int, int]) -> Values:
    accuracies = 0.97 + 0.003 * (means[:, None] + generator.normal(size=shape))
    return np.clip(np.round(accuracies / STEP) * STEP, 0, 1)


def _draw_correlated(generator: np.random.Generator, means: Values, shape: tuple[int, int, int]) -> Values:
    shared = generator.normal(size=(shape[0], 1, shape[2]))
    return means[:, None] + np.sqrt(0.5) * (shared + generator.normal(size=shape))


def _draw_collapsing(generator: np.random.Generator, means: Values, shape: tuple[int, int, int]) -> Values:
    values = 0.95 + 0.005 * (means[:, None] + generator.normal(size=shape))
    return np.where(generator.random(shape) < 0.1, 0.1, values)


NOISE: dict[str, Draw] = {
    "normal": _draw_normal,
    "growing": _draw_growing,
    "1 to 10": _draw_two_spreads,
    "exponential": _draw_exponential,
    "lognormal": _draw_lognormal,
    "discrete": _draw_discrete,
    "collapsing": _draw_collapsing,
    "correlated": _draw_correlated,
}
TRUTHS: dict[str, Callable[[int], Values]] = {
    "tied": np.zeros,
    "spread": lambda k: np.linspace(0, -3, k),
    "ahead": lambda k: np.where(np.arange(k) == 0, 0.0, -3.0),
}


def quantile(probability: float, degrees: Values) -> Values:
    """Give Student's quantile, interpolated between a thousand degrees of freedom: a tenth of the time."""
    inverse = np.linspace(1e-4, 1.0, 1000)
    logs = np.log(special.stdtrit(1 / inverse, probability))
    return np.exp(np.interp(1 / np.clip(degrees, 1.0, 1e4), inverse, logs))


def find_worse_by_holm(values: Values) -> NDArray[np.bool_]:
    """Compare all pairs, paired and two-sided, by Holm: what is told from the highest mean."""
    n_sweeps, k, n = values.shape
    means, first, second = values.mean(axis=2), *np.triu_indices(k, 1)
    variances = _pair_variances(values)[:, first, second]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(means[:, first] - means[:, second]) / np.sqrt(variances / n)
    t[(variances < 1e-20) | np.isnan(t)] = 0
    order, m = np.argsort(-t, axis=1), len(first)
    # rejecting by Holm compares the j-th largest t with the quantile of its own level
    limits = special.stdtrit(n - 1, 1 - ALPHA / 2 / (m - np.arange(m)))
    rejected = np.logical_and.accumulate(np.take_along_axis(t, order, axis=1) > limits, axis=1)
    told = np.zeros((n_sweeps, m), dtype=bool)
    np.put_along_axis(told, order, rejected, axis=1)
    table = np.zeros((n_sweeps, k, k), dtype=bool)
    table[:, first, second] = table[:, second, first] = told
    return table[np.arange(n_sweeps), means.argmax(axis=1)]


def find_worse_by_welch(values: Values) -> NDArray[np.bool_]:
    """Compare with the best as Hsu does; variances as each configuration has them."""
    return _compare_with_best(values, values.var(axis=2, ddof=1), values.shape[2] - 1.0)


def find_worse_paired(values: Values) -> NDArray[np.bool_]:
    """Compare with the best as Hsu does; repeats are paired."""
    _, k, n = values.shape
    half = special.stdtrit(n - 1, 1 - ALPHA / (k - 1)) * np.sqrt(_pair_variances(values) / n)
    return _exclude(values, half, one_in=2.0**n)


def find_worse_moderated(values: Values) -> NDArray[np.bool_]:
    """Compare with the best as Hsu does; variances drawn towards each other (Smyth 2004)."""
    moderated, degrees = _moderate(values)
    return _compare_with_best(values, moderated, degrees)


def find_worse_raised(values: Values) -> NDArray[np.bool_]:
    """Compare with moderated variances, of which none is less than its own; half of what they know is counted."""
    moderated, degrees = _moderate(values)
    own = values.shape[2] - 1
    return _compare_with_best(values, np.maximum(moderated, values.var(axis=2, ddof=1)), own + (degrees - own) / 2)


def _moderate(values: Values) -> tuple[Values, Values]:
    """Give moderated variances, shape (n_sweeps, k), and their degrees of freedom."""
    variances, degrees = values.var(axis=2, ddof=1), values.shape[2] - 1
    floor = 1e-5 * np.median(variances, axis=1, keepdims=True)
    safe = np.maximum(variances, np.maximum(floor, 1e-20))
    logs = np.log(safe) - special.digamma(degrees / 2) + np.log(degrees / 2)
    excess = logs.var(axis=1, ddof=1) - special.polygamma(1, degrees / 2)
    grid = np.geomspace(1e-2, 1e4, 2000)  # of prior degrees of freedom; trigamma falls
    prior = np.interp(np.maximum(excess, 1e-4), special.polygamma(1, grid / 2)[::-1], grid[::-1])[:, None]
    centre = np.exp(logs.mean(axis=1, keepdims=True) + special.digamma(prior / 2) - np.log(prior / 2))
    return (prior * centre + degrees * variances) / (prior + degrees), prior + degrees


def find_worse_by_bootstrap(values: Values) -> NDArray[np.bool_]:
    """Step down with the bootstrap's largest studentised difference (Romano and Wolf 2005)."""
    generator, worse = np.random.default_rng(1), np.zeros(values.shape[:2], dtype=bool)
    for sweep, results in enumerate(values):
        k, n = results.shape
        picked = generator.integers(n, size=(RESAMPLES, k, n))
        again = np.take_along_axis(results[None], picked, axis=2)
        lead = int(results.mean(axis=1).argmax())
        others = np.flatnonzero(np.arange(k) != lead)
        error = np.sqrt((results.var(axis=1, ddof=1)[others] + results[lead].var(ddof=1)) / n) + 1e-12
        spread = again.var(axis=2, ddof=1)
        error_again = np.sqrt((spread[:, others] + spread[:, [lead]]) / n) + 1e-12
        apart = results[lead].mean() - results[others].mean(axis=1)
        centre = again.mean(axis=2) - results.mean(axis=1)
        t, t_again = apart / error, (centre[:, [lead]] - centre[:, others]) / np.maximum(error_again, error / 10)
        left = np.ones(len(others), dtype=bool)
        while left.any():
            told = left & (t > np.quantile(t_again[:, left].max(axis=1), 1 - ALPHA))
            if not told.any():
                break
            left &= ~told
        worse[sweep, others[~left]] = True
    return worse


def find_worse_by_confidence_set(values: Values) -> NDArray[np.bool_]:
    """Find the model confidence set: take away the worst while means differ, by the bootstrap (Hansen et al. 2011)."""
    generator, worse = np.random.default_rng(1), np.zeros(values.shape[:2], dtype=bool)
    for sweep, results in enumerate(values):
        k, n = results.shape
        again = results[:, generator.integers(n, size=(RESAMPLES, n))].mean(axis=2)  # shape (k, RESAMPLES)
        means, left = results.mean(axis=1), np.ones(k, dtype=bool)
        while left.sum() > 1:
            behind = means[left].mean() - means[left]
            behind_again = again[left].mean(axis=0) - again[left] - behind[:, None]
            error = np.sqrt(np.square(behind_again).mean(axis=1)) + 1e-12
            t = behind / error
            if np.mean((behind_again / error[:, None]).max(axis=0) >= t.max()) >= ALPHA:
                break
            left[np.flatnonzero(left)[t.argmax()]] = False
        worse[sweep] = ~left
    return worse


def _pair_variances(values: Values) -> Values:
    """Give the variance of the difference of each pair, shape (n_sweeps, k, k)."""
    apart = values - values.mean(axis=2, keepdims=True)
    products = np.matmul(apart, apart.transpose(0, 2, 1)) / (values.shape[2] - 1)
    own = np.diagonal(products, axis1=1, axis2=2)
    return np.maximum(own[:, :, None] + own[:, None, :] - 2 * products, 0)


def _compare_with_best(values: Values, variances: Values, degrees: Values | float) -> NDArray[np.bool_]:
    """Compare with the best, given the variance of each configuration and its degrees of freedom."""
    _, k, n = values.shape
    total = variances[:, :, None] + variances[:, None, :]
    part = np.square(variances) / degrees
    with np.errstate(divide="ignore", invalid="ignore"):
        combined = np.square(total) / (part[:, :, None] + part[:, None, :])
    half = quantile(1 - ALPHA / (k - 1), np.nan_to_num(combined, nan=1.0)) * np.sqrt(total / n)
    return _exclude(values, half, one_in=special.comb(2 * n, n))


def _exclude(values: Values, half: Values, *, one_in: float) -> NDArray[np.bool_]:
    """Tell what is worse than some other by more than half an interval.

    Where neither of two varies, one order of so many must be rare enough.
    """
    means, k = values.mean(axis=2), values.shape[1]
    rounding = 1e-12 * np.abs(values).max()
    without_spread = 0.0 if 1 / one_in <= ALPHA / (k - 1) else np.inf
    half = np.where(half <= rounding, without_spread, half)
    return (means[:, :, None] - means[:, None, :] + half < -rounding).any(axis=2)


METHODS: dict[str, Callable[[Values], NDArray[np.bool_]]] = {
    "Holm, all pairs": find_worse_by_holm,
    "best, Welch": find_worse_by_welch,
    "best, paired": find_worse_paired,
    "best, moderated": find_worse_moderated,
    "best, raised": find_worse_raised,
    "step-down bootstrap": find_worse_by_bootstrap,
    "confidence set": find_worse_by_confidence_set,
}


def simulate(
    noise: str, truth: str, k: int, n: int, *, share: float = 1.0, seed: int = 0
) -> Iterator[dict[str, object]]:
    """Simulate sweeps of one kind and say of each method how often it was right."""
    means = TRUTHS[truth](k)
    generator = np.random.default_rng([seed, k, n, list(NOISE).index(noise), list(TRUTHS).index(truth)])
    values = NOISE[noise](generator, means, (max(20, int(share * SWEEPS[k])), k, n))
    is_best = means == 0
    for name, find in METHODS.items():
        is_slow = find in (find_worse_by_bootstrap, find_worse_by_confidence_set)
        if is_slow and k > LARGEST_BOOTSTRAP:
            continue
        worse = find(values[: max(20, int(share * BOOTSTRAP_SWEEPS))] if is_slow else values)
        yield {
            "noise": noise,
            "truth": truth,
            "k": k,
            "n": n,
            "method": name,
            "sweeps": len(worse),
            "coverage": round(float(1 - worse[:, is_best].mean()), 4),
            "any_best_called_worse": round(float(worse[:, is_best].any(axis=1).mean()), 4),
            "set_size": round(float((~worse).sum(axis=1).mean()), 3),
        }


def simulate_choice(
    k: int, n: int, correlation: float, *, share: float = 1.0, seed: int = 0
) -> Iterator[dict[str, object]]:
    """Simulate the interval of one configuration that was picked by its test or by its validation accuracy.

    The two accuracies of one run have the same mean and so much correlation over seeds; noise is normal.
    """
    generator = np.random.default_rng([seed, k, n, int(100 * correlation)])
    n_sweeps = max(200, int(share * 4000))
    shared, *own = generator.normal(size=(3, n_sweeps, k, n))
    test, validation = (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * noise for noise in own)
    means, errors = test.mean(axis=2), test.std(axis=2, ddof=1) / np.sqrt(n)
    for truth, make in TRUTHS.items():
        centre = make(k)
        for picked_by, accuracies in (("test", test), ("validation", validation)):
            picked = (centre + accuracies.mean(axis=2)).argmax(axis=1)
            rows = np.arange(n_sweeps)
            apart, error = means[rows, picked], errors[rows, picked]
            for interval, level in (("alone", ALPHA), ("simultaneous", ALPHA / k)):
                covered = np.abs(apart) <= special.stdtrit(n - 1, 1 - level / 2) * error
                yield {
                    "truth": truth,
                    "k": k,
                    "n": n,
                    "correlation": correlation,
                    "picked_by": picked_by,
                    "interval": interval,
                    "sweeps": n_sweeps,
                    "coverage": round(float(covered.mean()), 4),
                    "bias": round(float(apart.mean()), 4),
                }


def check_package() -> None:
    """Print how many sweeps the package judges as the procedures here that it is meant to be."""
    import pandas as pd

    import nnsweep

    procedures = {(5, 5): find_worse_raised, (20, 5): find_worse_raised}
    procedures |= {(4, 5): find_worse_by_welch, (8, 3): find_worse_by_welch}
    n_equal = n_sweeps = 0
    for (k, n), find in procedures.items():
        for noise in ("normal", "1 to 10", "discrete", "collapsing"):
            values = NOISE[noise](np.random.default_rng(k * n), TRUTHS["spread"](k), (25, k, n))
            if noise in ("normal", "1 to 10"):
                values = np.clip(0.8 + 0.01 * values, 0, 1)
            for results, worse in zip(values, find(values), strict=True):
                rows = [{"arch": row, "seed": seed} for row in range(k) for seed in range(n)]
                runs = pd.DataFrame(rows).assign(state="finished", test_accuracy=results.ravel())
                kept = {str(row) for row in np.flatnonzero(~worse)}
                n_equal += set(nnsweep.indistinguishable(runs)) == kept
                n_sweeps += 1
    print(f"{n_equal} of {n_sweeps} sweeps are judged alike")


def simulate_as_good(noise: str, n: int, *, share: float = 1.0, seed: int = 0) -> dict[str, object]:
    """Count how often `nnsweep.judge` calls as good what is a little more than the margin behind, or equal.

    One of five configurations is the best. Of the others three are 0.0101 behind, and the margin is 0.01.
    """
    import pandas as pd

    import nnsweep

    generator, n_sweeps = np.random.default_rng([seed, n, len(noise)]), max(20, int(share * 600))
    called_best = called_behind = 0
    for _ in range(n_sweeps):
        values = generator.normal(0.95, 0.008, size=(5, n))
        mean = 0.95
        if noise == "the best collapses":
            mean = 0.9 * 0.96 + 0.1 * 0.1
            values[0] = np.where(generator.random(n) < 0.1, 0.1, 0.96)
        values[1:4] += mean - 0.95 - 0.0101
        if noise == "a rival collapses":
            values[4] = np.where(generator.random(n) < 0.2, 0.1, 0.945)
        else:
            values[4] -= 0.1
        rows = [{"arch": row, "seed": seed} for row in range(5) for seed in range(n)]
        runs = pd.DataFrame(rows).assign(state="finished", test_accuracy=values.ravel(), chance_accuracy=0.1)
        verdicts = nnsweep.judge(runs.assign(n_test_samples=360)).set_index("label")["verdict"]
        called_best += verdicts["0"] == "as good"
        called_behind += (verdicts[["1", "2", "3"]] == "as good").any()
    return {
        "noise": noise,
        "n": n,
        "sweeps": n_sweeps,
        "best_called_as_good": round(called_best / n_sweeps, 4),
        "any_behind_called_as_good": round(called_behind / n_sweeps, 4),
    }


def write_table(path: Path, rows: list[dict[str, object]]) -> None:
    """Write a table as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def print_summary(rows: list[dict[str, object]]) -> None:
    """Print the lowest coverage over all noise and truths, and the mean size of the set, for each k and n."""
    print(f"{'k':>4}{'n':>4}  {'method':<22}{'coverage':>9}  {'in':<22}{'set (spread, normal)':>22}")
    for k in SIZES_K:
        for n in SIZES_N:
            for method in METHODS:
                mine = [row for row in rows if (row["k"], row["n"], row["method"]) == (k, n, method)]
                if not mine:
                    continue
                worst = min(mine, key=lambda row: float(str(row["coverage"])))
                size = next(
                    (row["set_size"] for row in mine if (row["truth"], row["noise"]) == ("spread", "normal")), "-"
                )
                where = f"{worst['noise']}, {worst['truth']}"
                print(f"{k:>4}{n:>4}  {method:<22}{worst['coverage']:>9}  {where:<22}{size:>22}", flush=True)


def main() -> None:
    """Run all simulations and keep their tables beside this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sweeps; nothing is written")
    parser.add_argument("--check", action="store_true", help="compare with the package instead")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.check:
        return check_package()
    share, start = 0.1 if options.quick else 1.0, time.process_time()
    as_good = [
        simulate_as_good(noise, n, share=share, seed=options.seed)
        for noise in ("normal", "the best collapses", "a rival collapses")
        for n in (5, 10, 20)
    ]
    for row in as_good:
        print(*row.values(), sep="  ")
    rows = [
        row
        for k in SIZES_K
        for n in SIZES_N
        for noise in NOISE
        for truth in TRUTHS
        for row in simulate(noise, truth, k, n, share=share, seed=options.seed)
    ]
    choices = [
        row
        for k in (2, 5, 20)
        for n in (3, 5, 10)
        for correlation in (0.0, 0.2, 0.5, 0.8)
        for row in simulate_choice(k, n, correlation, share=share, seed=options.seed)
    ]
    print_summary(rows)
    print(f"{time.process_time() - start:.0f} s of processor time")
    if not options.quick:
        write_table(Path(__file__).with_suffix(".csv"), rows)
        write_table(Path(__file__).with_name("best_set_choice.csv"), choices)
        write_table(Path(__file__).with_name("best_set_as_good.csv"), as_good)


if __name__ == "__main__":
    main()
