"""Simulate how often 95 % intervals of a mean accuracy hold the true mean, and how wide they are.

    python experiments/statistics/intervals.py [--quick]

Every interval is tried on the same samples: n results of one configuration whose true mean is known. What is said where
runs collapse, where splits and seeds vary, and for new test examples is tried, too. The tables go to `intervals*.csv`
beside this file; `intervals.md` reads them.
"""

import argparse
import itertools
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from nnsweep.results.statistics.intervals import estimate_mean, estimate_share
from nnsweep.results.statistics.variance_components import bound_error, estimate_errors

Floats: TypeAlias = NDArray[np.float64]
Ends: TypeAlias = tuple[Floats, Floats]

SEED = 20261201
CONFIDENCE = 0.95
SIZES = (2, 3, 5, 10, 20)
CHANCE = 0.1
HERE = Path(__file__).parent


def draw_collapsing(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw results of which one in ten is a collapse to chance."""
    return np.where(generator.random(shape) < 0.1, CHANCE, generator.normal(0.95, 0.01, shape))


NOISES: dict[str, tuple[float, Callable[[np.random.Generator, tuple[int, ...]], Floats]]] = {
    "normal": (0.95, lambda generator, shape: generator.normal(0.95, 0.01, shape)),
    "normal, wide": (0.80, lambda generator, shape: generator.normal(0.80, 0.05, shape).clip(0, 1)),
    "uniform": (0.90, lambda generator, shape: generator.uniform(0.85, 0.95, shape)),
    "beta(19, 1)": (0.95, lambda generator, shape: generator.beta(19, 1, shape)),
    "left tail near 1": (0.98, lambda generator, shape: 1 - generator.exponential(0.02, shape).clip(max=1)),
    "left tail at 0.9": (0.90, lambda generator, shape: 0.91 - generator.exponential(0.01, shape)),
    "right tail at 0.2": (0.20, lambda generator, shape: 0.18 + generator.exponential(0.02, shape)),
    "steps of 1/360": (350 / 360, lambda generator, shape: generator.binomial(360, 350 / 360, shape) / 360),
    "steps of 1/30": (29 / 30, lambda generator, shape: generator.binomial(30, 29 / 30, shape) / 30),
    "collapses": (0.1 * CHANCE + 0.9 * 0.95, draw_collapsing),
}
"""The true mean and what draws results, by name."""


def bound_by_student(values: Floats, confidence: float = CONFIDENCE) -> Ends:
    """Bound the mean by Student's t."""
    n = values.shape[-1]
    half = special.stdtrit(n - 1, (1 + confidence) / 2) * values.std(axis=-1, ddof=1) / np.sqrt(n)
    mean = values.mean(axis=-1)
    return mean - half, mean + half


def bound_by_clipped_student(values: Floats) -> Ends:
    """Bound the mean by Student's t, cut off at 0 and 1."""
    low, high = bound_by_student(values)
    return low.clip(0, 1), high.clip(0, 1)


def bound_on_logits(values: Floats, confidence: float = CONFIDENCE) -> Ends:
    """Bound the mean by Student's t on the scale of logits, with the standard error of the mean's logit."""
    low, high = bound_by_student(values, confidence)
    mean = values.mean(axis=-1)
    slope = np.maximum(mean * (1 - mean), np.finfo(float).tiny)
    half = (high - low) / 2 / slope
    return special.expit(special.logit(mean) - half), special.expit(special.logit(mean) + half)


def bound_wider(values: Floats) -> Ends:
    """Take the further of Student's end and that on the scale of logits, on either side."""
    plain, logits = bound_by_clipped_student(values), bound_on_logits(values)
    return np.minimum(plain[0], logits[0]), np.maximum(plain[1], logits[1])


def bound_mean_of_logits(values: Floats) -> Ends:
    """Bound the mean of the logits by Student's t: transformed back it is near the median, not the mean."""
    edge = 1 / 720
    low, high = bound_by_student(special.logit(values.clip(edge, 1 - edge)))
    return special.expit(low), special.expit(high)


def bound_by_johnson(values: Floats) -> Ends:
    """Bound the mean by Student's t, shifted by the skewness (Johnson 1978)."""
    n = values.shape[-1]
    low, high = bound_by_student(values)
    variance = np.maximum(values.var(axis=-1, ddof=1), np.finfo(float).tiny)
    shift = ((values - values.mean(axis=-1, keepdims=True)) ** 3).mean(axis=-1) / (6 * variance * n)
    return low + shift, high + shift


def bound_by_hall(values: Floats) -> Ends:
    """Bound the mean by Hall's monotone transformation of t (1992), which takes the sample's skewness away."""
    n = values.shape[-1]
    mean, std = values.mean(axis=-1), np.maximum(values.std(axis=-1, ddof=1), np.finfo(float).tiny)
    skewness = ((values - mean[..., None]) ** 3).mean(axis=-1) / np.maximum(std**3, np.finfo(float).tiny)
    skewness = np.where(np.abs(skewness) < 1e-9, 1e-9, skewness)
    quantile = special.stdtrit(n - 1, (1 + CONFIDENCE) / 2) / np.sqrt(n)

    def undo(z: float) -> Floats:
        return 3 / skewness * (np.cbrt(1 + skewness * (z - skewness / (6 * n))) - 1)

    return mean - std * undo(quantile), mean - std * undo(-quantile)


def bound_by_bootstrap(values: Floats) -> Ends:
    """Bound the mean by SciPy's bias-corrected and accelerated bootstrap (BCa)."""
    generator, ends = np.random.default_rng(SEED), []
    with np.errstate(invalid="ignore", divide="ignore"):
        for batch in np.array_split(values, max(1, len(values) // 200)):
            found = stats.bootstrap(
                (batch,), np.mean, axis=-1, n_resamples=999, confidence_level=CONFIDENCE, rng=generator
            ).confidence_interval
            ends.append((found.low, found.high))
    low, high = (np.concatenate(parts) for parts in zip(*ends, strict=True))
    mean = values.mean(axis=-1)  # SciPy gives NaN where all values are the same
    return np.where(np.isnan(low), mean, low), np.where(np.isnan(high), mean, high)


def bound_by_likelihood(values: Floats) -> Ends:
    """Bound the mean by empirical likelihood (Owen 1988), with the quantile of F instead of chi squared."""
    n = values.shape[-1]
    limit = stats.f.ppf(CONFIDENCE, 1, n - 1) / 2
    mean, ends = values.mean(axis=-1), []
    for edge in (values.min(axis=-1), values.max(axis=-1)):
        inside, outside = mean.copy(), edge.copy()
        for _ in range(25):
            middle = (inside + outside) / 2
            is_inside = _compute_log_ratio(values - middle[:, None]) < limit
            inside, outside = np.where(is_inside, middle, inside), np.where(is_inside, outside, middle)
        ends.append(inside)
    return ends[0], ends[1]


def _compute_log_ratio(centred: Floats) -> Floats:
    """Give minus the logarithm of the empirical likelihood ratio of mean 0, by bisecting for its multiplier."""
    n = centred.shape[-1]
    low = (1 / n - 1) / np.maximum(centred.max(axis=-1), 1e-300)
    high = (1 / n - 1) / np.minimum(centred.min(axis=-1), -1e-300)
    for _ in range(40):
        middle = (low + high) / 2
        rises = (centred / (1 + middle[:, None] * centred)).sum(axis=-1) > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    ratio: Floats = np.log(np.maximum(1 + ((low + high) / 2)[:, None] * centred, 1e-300)).sum(axis=-1)
    return ratio


def bound_by_hoeffding(values: Floats) -> Ends:
    """Bound the mean by Hoeffding's inequality (1963), which holds for any noise within 0 and 1."""
    mean, half = values.mean(axis=-1), np.sqrt(np.log(2 / (1 - CONFIDENCE)) / (2 * values.shape[-1]))
    return (mean - half).clip(0, 1), (mean + half).clip(0, 1)


def bound_by_anderson(values: Floats) -> Ends:
    """Bound the mean by a band around the distribution function (Anderson 1969); it holds for any noise within 0, 1."""
    n = values.shape[-1]
    moved = np.sqrt(np.log(2 / (1 - CONFIDENCE)) / (2 * n))
    above = np.minimum(1, np.arange(1, n + 1) / n + moved)
    rising = np.sort(values, axis=-1)
    lower_ends = []
    for ordered in (rising, np.sort(1 - values, axis=-1)):
        steps = np.diff(ordered, axis=-1, prepend=0.0)  # the mean is the integral of 1 minus the distribution function
        lower_ends.append((steps * (1 - np.concatenate([[min(1.0, moved)], above[:-1]]))).sum(axis=-1))
    return lower_ends[0], 1 - lower_ends[1]


def bound_by_betting(values: Floats) -> Ends:
    """Bound the mean by the hedged capital of Waudby-Smith and Ramdas (2024), for any noise within 0 and 1."""
    n = values.shape[-1]
    means = np.linspace(0.0005, 0.9995, 1000)
    count = np.arange(1, n + 1)
    running = (0.5 + np.cumsum(values, axis=-1)) / (count + 1)
    squares = (0.25 + np.cumsum((values - running) ** 2, axis=-1)) / (count + 1)
    before = np.concatenate([np.full((len(values), 1), 0.25), squares[:, :-1]], axis=-1)
    bets = np.sqrt(2 * np.log(2 / (1 - CONFIDENCE)) / (n * before))
    is_inside = np.empty((len(values), len(means)), dtype=bool)
    for place, mean in enumerate(means):
        up = np.prod(1 + np.minimum(bets, 0.5 / mean) * (values - mean), axis=-1)
        down = np.prod(1 - np.minimum(bets, 0.5 / (1 - mean)) * (values - mean), axis=-1)
        is_inside[:, place] = np.maximum(up, down) / 2 < 1 / (1 - CONFIDENCE)
    low, high = means[is_inside.argmax(axis=1)], means[::-1][is_inside[:, ::-1].argmax(axis=1)]
    return np.where(low < 0.001, 0.0, low), np.where(high > 0.999, 1.0, high)


METHODS: dict[str, Callable[[Floats], Ends]] = {
    "Student": bound_by_student,
    "Student, clipped": bound_by_clipped_student,
    "logit": bound_on_logits,
    "wider of Student and logit": bound_wider,
    "mean of logits": bound_mean_of_logits,
    "Johnson": bound_by_johnson,
    "Hall": bound_by_hall,
    "BCa": bound_by_bootstrap,
    "empirical likelihood": bound_by_likelihood,
    "Hoeffding": bound_by_hoeffding,
    "Anderson": bound_by_anderson,
    "betting": bound_by_betting,
}
SLOW = ("BCa", "empirical likelihood", "betting")


def simulate_intervals(
    n_samples: int, *, n_slow: int | None = None, methods: Collection[str] = tuple(METHODS)
) -> pd.DataFrame:
    """Try every interval on every noise: coverage, misses on either side, median and 95th percentile of the width."""

    def measure() -> Iterator[dict[str, object]]:
        for noise, (mean, draw) in NOISES.items():
            for n in SIZES:
                values = draw(np.random.default_rng([SEED, n]), (n_samples, n))
                for method in methods:
                    some = values[:n_slow] if method in SLOW else values
                    low, high = METHODS[method](some)
                    below, above = np.mean(high < mean - 1e-12), np.mean(low > mean + 1e-12)
                    width = high - low
                    yield {
                        **{"noise": noise, "n": n, "method": method, "n_samples": len(some)},
                        **{"coverage": 1 - below - above, "below": below, "above": above},
                        **{"width": float(np.median(width)), "width_95": float(np.quantile(width, 0.95))},
                        "impossible": float(np.mean((low < -1e-12) | (high > 1 + 1e-12))),
                    }

    return pd.DataFrame(measure())


def simulate_at_once(n_samples: int) -> pd.DataFrame:
    """Try the intervals of k equal configurations at once (Bonferroni), and that of the one with the highest mean."""

    def measure() -> Iterator[dict[str, object]]:
        for noise in ("normal", "left tail near 1"):
            mean, draw = NOISES[noise]
            for k, n in itertools.product((5, 25, 135), (3, 5, 10)):
                values = draw(np.random.default_rng([SEED, k, n, 4]), (n_samples, k, n))
                low, high = bound_on_logits(values, 1 - (1 - CONFIDENCE) / k)
                holds = (low <= mean) & (mean <= high)
                best = np.arange(n_samples), values.mean(axis=-1).argmax(axis=-1)
                own_low, own_high = (end[best] for end in bound_on_logits(values))
                yield {
                    **{"noise": noise, "k": k, "n": n, "n_samples": n_samples, "all": holds.all(axis=-1).mean()},
                    "the best": holds[best].mean(),
                    "the best, not corrected": np.mean((own_low <= mean) & (mean <= own_high)),
                }

    return pd.DataFrame(measure())


def simulate_collapses(n_samples: int) -> pd.DataFrame:
    """Try what is said instead of a mean where one run in ten collapses: share of successes, and the mean of these."""

    def measure() -> Iterator[dict[str, object]]:
        for n in SIZES:
            values = draw_collapsing(np.random.default_rng([SEED, n, 1]), (n_samples, n))
            successes = [sample[sample > 2 * CHANCE].tolist() for sample in values]
            shares = [estimate_share(len(some), n, CONFIDENCE) for some in successes]
            means = [estimate_mean(some, CONFIDENCE, bounds=(0, 1)) for some in successes if len(some) > 1]
            whole = [estimate_mean(sample.tolist(), CONFIDENCE, bounds=(0, 1)) for sample in values]
            mean = NOISES["collapses"][0]
            yield {
                **{"n": n, "n_samples": n_samples},
                "mean of all": np.mean([one.low <= mean <= one.high for one in whole]),
                "share of successes": np.mean([low <= 0.9 <= high for low, high in shares]),
                "mean of successes": np.mean([one.low <= 0.95 <= one.high for one in means]),
            }

    return pd.DataFrame(measure())


def simulate_repeats(n_samples: int) -> pd.DataFrame:
    """Try two intervals of a mean over J splits with n seeds each: from all runs, and from the means of splits."""

    def measure() -> Iterator[dict[str, object]]:
        for n_splits, n_seeds in ((3, 3), (5, 3), (5, 10), (10, 5)):
            for split, seed, rest in ((1, 0, 0.5), (1, 0, 1), (1, 0, 2), (0, 0, 1), (1, 0.3, 1), (1, 1, 1)):
                generator = np.random.default_rng([SEED, n_splits, n_seeds, 2])
                values = split * generator.normal(size=(n_samples, n_splits, 1))
                values = values + seed * generator.normal(size=(n_samples, 1, n_seeds))
                values = values + rest * generator.normal(size=(n_samples, n_splits, n_seeds))
                row = {"n_splits": n_splits, "n_seeds": n_seeds, "sd split": split, "sd seed": seed, "sd rest": rest}
                for name, some in (
                    ("all runs", values.reshape(n_samples, -1)),
                    ("means of splits", values.mean(axis=2)),
                ):
                    low, high = bound_by_student(some)
                    row[name] = np.mean((low <= 0) & (high >= 0))
                yield row

    return pd.DataFrame(measure())


def simulate_examples(n_samples: int) -> pd.DataFrame:
    """Try three intervals of an accuracy for new seeds and new test examples, and two of a difference."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()

    def measure() -> Iterator[dict[str, object]]:
        for n, m in ((2, 360), (5, 100), (5, 360), (10, 360), (10, 1000)):
            for ease, of_seed, of_example in ((4.0, 0.1, 2.0), (4.0, 0.5, 2.0), (1.5, 0.5, 1.0)):
                generator = np.random.default_rng([SEED, n, m, 3])
                truth = float(weights @ special.expit(ease + np.hypot(of_seed, of_example) * nodes))
                held = dict.fromkeys(("seeds alone", "examples alone", "both", "difference, examples", "difference"), 0)
                for _ in range(n_samples):
                    hard = of_example * generator.normal(size=m)
                    some, others = (
                        generator.random((n, m)) < special.expit(ease + of_seed * generator.normal(size=(n, 1)) + hard)
                        for _ in range(2)
                    )
                    found, apart = estimate_errors(some), estimate_errors(some, others)
                    share = some.mean(axis=0)
                    ends = {
                        "seeds alone": (found.for_seeds, n - 1, (0, 1), found.estimate, truth),
                        "examples alone": (share.std(ddof=1) / np.sqrt(m), m - 1, (0, 1), found.estimate, truth),
                        "both": (found.for_both, found.both_freedom, (0, 1), found.estimate, truth),
                        "difference, examples": (
                            (share - others.mean(axis=0)).std(ddof=1) / np.sqrt(m), m - 1, (-np.inf, np.inf),
                            apart.estimate, 0.0,
                        ),
                        "difference": (apart.for_both, apart.both_freedom, (-np.inf, np.inf), apart.estimate, 0.0),
                    }  # fmt: skip
                    for name, (error, freedom, bounds, estimate, true) in ends.items():
                        low, high = bound_error(estimate, error, freedom, CONFIDENCE, bounds)
                        held[name] += low <= true <= high
                yield {
                    **{"n_seeds": n, "n_examples": m, "accuracy": truth, "sd seed": of_seed, "n_samples": n_samples},
                    **{name: number / n_samples for name, number in held.items()},
                }

    return pd.DataFrame(measure())


def main() -> None:
    """Simulate, print the coverage and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the samples, and nothing is written")
    is_quick = parser.parse_args().quick
    part = 20 if is_quick else 1
    found = simulate_intervals(20_000 // part, n_slow=2000 // part)
    for name in ("coverage", "width"):
        table = found.pivot_table(index=["noise", "n"], columns="method", values=name, sort=False)
        print(name, table.round(3).to_string(), sep="\n")
    tables = {
        "intervals": found,
        "intervals_at_once": simulate_at_once(2000 // part),
        "intervals_collapses": simulate_collapses(5000 // part),
        "intervals_repeats": simulate_repeats(20_000 // part),
        "intervals_examples": simulate_examples(2000 // part),
    }
    for name, table in tables.items():
        if name != "intervals":
            print(table.round(3).to_string())
        if not is_quick:
            table.to_csv(HERE / f"{name}.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
