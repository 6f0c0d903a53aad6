"""How often looking again and again errs, and what spending the error over the looks costs.

``python experiments/statistics/looks.py`` writes looks.csv; ``--quick`` simulates a twentieth and only prints.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from nnsweep.results.statistics.looks import compute_levels, spend_error

SEED = 20261201
ALPHA = 0.05
EQUAL = [10 * look for look in range(1, 11)]
SMALL = [5 * look for look in range(1, 11)]

Rule = Callable[[Sequence[int], int], list[float]]
"""Gives the level of each look from the number of seeds at each, and the number of comparisons."""


def look_uncorrected(n_by_look: Sequence[int], family: int) -> list[float]:
    """Test at the same level at each look."""
    return [ALPHA] * len(n_by_look)


def spend(n_by_look: Sequence[int], family: int) -> list[float]:
    """Spend the error as nnsweep does."""
    return [1 - spend_error(n_by_look[: look + 1], 1 - ALPHA, family=family) for look in range(len(n_by_look))]


def spend_by_information(first: float) -> Rule:
    """Let what is left fall with the number of seeds."""
    return _levels(lambda look, n, n_first: 1 - (1 - first) * n_first / n)


def spend_by_logarithm(first: float) -> Rule:
    """Let what is left fall with the logarithm of the number of seeds."""
    return _levels(lambda look, n, n_first: 1 - (1 - first) / (1 + math.log(n / n_first)))


def spend_by_look(first: float) -> Rule:
    """Let what is left fall with the number of looks."""
    return _levels(lambda look, n, n_first: 1 - (1 - first) / look)


def _levels(share: Callable[[int, int, int], float]) -> Rule:
    def rule(n_by_look: Sequence[int], family: int) -> list[float]:
        spent = [ALPHA / family * share(look, n, n_by_look[0]) for look, n in enumerate(n_by_look, start=1)]
        return [family * level for level in compute_levels(n_by_look, spent)]

    return rule


def simulate(rule: Rule, n_by_look: Sequence[int], *, k: int, n_studies: int, rng: np.random.Generator) -> list[float]:
    """Simulate studies of k equal configurations; give the share in which one was told from the best by each look.

    Pairs are compared by the paired t test, and p values corrected for all pairs, as `nnsweep.compare` does.
    """
    pairs, places = [*combinations(range(k), 2)], np.array(n_by_look) - 1
    levels = np.array(rule(n_by_look, len(pairs)))
    critical = special.stdtrit(places, 1 - levels / len(pairs) / 2)
    results = rng.normal(size=(n_studies, k, n_by_look[-1]))
    best = results.cumsum(axis=2)[:, :, places].argmax(axis=1)
    told = np.zeros(best.shape, dtype=bool)
    for one, other in pairs:
        apart = results[:, one] - results[:, other]
        sums, squares = (values.cumsum(axis=1)[:, places] for values in (apart, apart**2))
        t = sums / np.sqrt((places + 1) * (squares - sums**2 / (places + 1)) / places)
        told |= (np.abs(t) > critical) & ((best == one) | (best == other))
    return [float(share) for share in np.maximum.accumulate(told, axis=1).mean(axis=0)]


def simulate_adaptive(rule: Rule, *, n_first: int, n_looks: int, n_studies: int, rng: np.random.Generator) -> float:
    """Simulate two equal configurations to which 1 to 20 seeds are added, as many as the data seem to need."""
    n_told = 0
    for _ in range(n_studies):
        n_by_look, apart = [n_first], rng.normal(size=n_first)
        for _ in range(n_looks):
            n, seen = len(apart), abs(apart.mean() / apart.std(ddof=1))
            p = 2 * special.stdtr(n - 1, -seen * math.sqrt(n))
            if p < ALPHA and p < rule(n_by_look, 1)[-1]:
                n_told += 1
                break
            needed = ((special.ndtri(0.975) + special.ndtri(0.8)) / max(seen, 1e-9)) ** 2
            more = int(np.clip(math.ceil(needed) - len(apart), 1, 20))
            n_by_look.append(len(apart) + more)
            apart = np.concatenate([apart, rng.normal(size=more)])
    return n_told / n_studies


def measure_errors(n_studies: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Measure the error by each of ten looks where nothing differs."""
    for name, rule in (("today", look_uncorrected), ("spent", spend)):
        for k, n_by_look in ((2, SMALL), (2, EQUAL), (5, SMALL), (5, EQUAL)):
            shares = simulate(rule, n_by_look, k=k, n_studies=n_studies, rng=rng)
            for look, share in enumerate(shares, start=1):
                yield {
                    "measured": "error",
                    "rule": name,
                    "k": k,
                    "n": n_by_look[look - 1],
                    "looks": look,
                    "rate": share,
                }
        n_adaptive = n_studies // 4
        share = simulate_adaptive(rule, n_first=5, n_looks=6, n_studies=n_adaptive, rng=rng)
        yield {"measured": "error, seeds added as needed", "rule": name, "k": 2, "n": 5, "looks": 6, "rate": share}


def measure_power() -> Iterator[dict[str, object]]:
    """Compute how often a difference is told that one look at the last number of seeds would tell with 80 %."""
    rules = {"today": look_uncorrected, "spent": spend, "1/k(k+1)": spend_by_look(0.5)}
    rules |= {f"information, first {share:.1f}": spend_by_information(share) for share in (0.5, 0.6, 0.8, 0.9)}
    rules |= {f"logarithm, first {share:.1f}": spend_by_logarithm(share) for share in (0.5, 0.7)}
    for name, rule in rules.items():
        for n_by_look in ([10], [10, 20], [10, 20, 30], [5, 10, 20, 40], [10, 100], EQUAL):
            looks = {"n": "-".join(map(str, n_by_look)), "looks": len(n_by_look)}
            rate = compute_power_of_looks(n_by_look, rule(n_by_look, 1))
            yield {"measured": "power", "rule": name, "k": 2, **looks, "rate": rate}


def compute_power_of_looks(n_by_look: Sequence[int], levels: Sequence[float]) -> float:
    """Integrate over the sums of normal values that have crossed no bound, as `compute_levels` does, with a drift."""
    drift = (special.ndtri(1 - ALPHA / 2) + special.ndtri(0.8)) / math.sqrt(n_by_look[-1])
    nodes, masses, before, told = np.zeros(1), np.ones(1), 0, 0.0
    for n, level in zip(n_by_look, levels, strict=True):
        step, bound, moved = math.sqrt(n - before), -special.ndtri(level / 2) * math.sqrt(n), drift * (n - before)
        told += masses @ (special.ndtr((nodes + moved - bound) / step) + special.ndtr((-nodes - moved - bound) / step))
        points, weights = np.polynomial.legendre.leggauss(64 + int(8 * bound / step))
        kernel = np.exp(-0.5 * ((bound * points[:, None] - nodes - moved) / step) ** 2) / step / math.sqrt(2 * math.pi)
        nodes, masses, before = bound * points, bound * weights * (kernel @ masses), n
    return float(told)


def main() -> None:
    """Simulate, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="Simulate a twentieth, and only print.")
    quick = parser.parse_args().quick
    rng, n_studies = np.random.default_rng(SEED), 500 if quick else 10_000
    table = pd.DataFrame([*measure_errors(n_studies, rng), *measure_power()]).assign(n_studies=n_studies)
    print(table.to_string())
    if not quick:
        table.to_csv(Path(__file__).with_suffix(".csv"), index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
