"""How often a number of further seeds keeps what it promises: that it tells the best from its nearest rival.

``python experiments/statistics/more_seeds.py`` writes more_seeds.csv; ``--quick`` simulates a tenth and only prints.
"""

import argparse
import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from nnsweep.results.statistics.power import bound_difference, count_more_seeds, count_seeds_needed

SEED = 20261202
LEVEL = 0.05
MANY = 1000
"""Beyond so many, a number of seeds is no advice any more."""


class Truth(NamedTuple):
    """True means of k configurations, in standard deviations of a run, and how many seeds each has."""

    name: str
    means: tuple[float, ...]
    n_seeds: int


def make_truths() -> Iterator[Truth]:
    """Make the truths: one ahead of equal others, all in a row, and none better than another."""
    for k in (2, 5, 20):
        for n_seeds in (5, 10):
            for lead in (0.0, 0.5, 1.0, 3.0):
                yield Truth(f"one leads by {lead:g} sd" if lead else "all equal", (lead,) + (0.0,) * (k - 1), n_seeds)
            if k > 2:
                yield Truth("0 to 2 sd in a row", tuple(np.linspace(2, 0, k).tolist()), n_seeds)


class Advice(NamedTuple):
    """What became of one study: what was said of the nearest rival, and whether it came true."""

    one_number: float
    fewest: float
    most: float
    needed: float
    came_true: float
    came_true_at_most: float


def simulate(truth: Truth, rng: np.random.Generator) -> Advice | None:
    """Simulate a study; None if the best can be told from all others already."""
    k, n = len(truth.means), truth.n_seeds
    alpha = 2 * LEVEL / (k - 1)  # of a two-sided test; the comparison with the best is one-sided
    means = rng.normal(truth.means, 1 / math.sqrt(n))
    variances = rng.chisquare(n - 1, size=k) / (n - 1)
    best = int(means.argmax())
    candidates = [one for one in range(k) if one != best and not is_told(means, variances, n, best, one, alpha)]
    if not candidates:
        return None
    rival = max(candidates, key=means.__getitem__)
    apart, std = float(means[best] - means[rival]), math.sqrt(variances[best] + variances[rival])
    one_number = max(1.0, count_seeds_needed(apart, std, alpha=alpha) - n)
    among = [best, *candidates]
    error = math.sqrt(float(variances[among].mean()) / n)
    bounds = bound_difference(means[among].tolist(), error, apart, std / math.sqrt(n))
    more = count_more_seeds(bounds, std, n, alpha=alpha)
    lead = truth.means[best] - truth.means[rival]
    needed = max(1.0, count_truly_needed(abs(lead), alpha) - n)
    came_true = [math.nan, math.nan]
    for place, number in enumerate((one_number, more.most)):
        if number <= MANY:
            came_true[place] = follow_advice(truth, means, variances, int(number), best, rival, alpha, rng)
    return Advice(one_number, more.fewest, more.most, needed, *came_true)


@functools.cache
def count_truly_needed(lead: float, alpha: float) -> float:
    """Count the seeds that the true difference needs."""
    return count_seeds_needed(lead, math.sqrt(2), alpha=alpha)


def is_told(means, variances, n: int, one: int, other: int, alpha: float) -> bool:  # type: ignore[no-untyped-def]
    """Tell whether Welch's test with n seeds each tells two configurations apart."""
    parts = np.array([variances[one], variances[other]]) / n
    degrees = parts.sum() ** 2 / (np.square(parts).sum() / (n - 1))
    return bool(abs(means[one] - means[other]) > -special.stdtrit(degrees, alpha / 2) * math.sqrt(parts.sum()))


def follow_advice(  # type: ignore[no-untyped-def]
    truth: Truth, means, variances, more: int, best: int, rival: int, alpha: float, rng: np.random.Generator
) -> bool:
    """Add so many seeds to both, and tell whether the test then tells them apart."""
    n, new = truth.n_seeds, {}
    for one in (best, rival):
        mean = rng.normal(truth.means[one], 1 / math.sqrt(more))
        squares = rng.chisquare(more - 1) if more > 1 else 0.0
        shift = (mean - means[one]) ** 2 * n * more / (n + more)
        total = ((n - 1) * variances[one] + squares + shift) / (n + more - 1)
        new[one] = (n * means[one] + more * mean) / (n + more), total
    both = np.array([new[best], new[rival]])
    return is_told(both[:, 0], both[:, 1], n + more, 0, 1, alpha)


def main() -> None:
    """Simulate, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="Simulate a tenth, and only print.")
    quick = parser.parse_args().quick
    rng, n_studies = np.random.default_rng(SEED), 40 if quick else 400
    rows = [summarize(truth, [simulate(truth, rng) for _ in range(n_studies)]) for truth in make_truths()]
    table = pd.DataFrame(rows)
    print(table.to_string())
    if not quick:
        table.to_csv(Path(__file__).with_suffix(".csv"), index=False, float_format="%.3f")


def summarize(truth: Truth, studies: list[Advice | None]) -> dict[str, object]:
    """Count how often what was said came true."""
    told = pd.DataFrame([one for one in studies if one is not None], columns=Advice._fields)
    holds = (told["fewest"] <= told["needed"]) & (told["needed"] <= told["most"])
    return {
        "k": len(truth.means),
        "n_seeds": truth.n_seeds,
        "truth": truth.name,
        "n_studies": len(studies),
        "n_with_rival": len(told),
        "one_number_given": (told["one_number"] <= MANY).mean(),
        "one_number_came_true": told["came_true"].mean(),
        "range_holds": holds.mean(),
        "upper_end_given": (told["most"] <= MANY).mean(),
        "upper_end_came_true": told["came_true_at_most"].mean(),
        "median_fewest": told["fewest"].median(),
        "median_needed": told["needed"].median(),
    }


if __name__ == "__main__":
    main()
