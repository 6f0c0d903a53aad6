"""Looks: how often results were there to be seen before more repeats were added, and what error each look may spend.

Who tests at 5 %, adds seeds if nothing was found, and tests again, errs in more than 5 % of the cases: in 10 % with two
looks and in a fifth with ten. So the error is spent over the looks: the first one takes most of it, and what is left is
spread over all that may follow, however many there will be (Lan and DeMets, Biometrika 70, 1983).
"""

import math
from collections.abc import Hashable, Sequence
from itertools import pairwise
from statistics import median

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.errors import ConfigError
from nnsweep.results.frame import plain
from nnsweep.results.grouping import Configuration
from nnsweep.results.statistics.intervals import check_confidence

FIRST_SHARE = 0.7
"""What part of the error the first look spends; see experiments/statistics/looks.md."""


def count_looks(runs: pd.DataFrame, configurations: Sequence[Configuration]) -> tuple[int, ...]:
    """Count the looks at some configurations: sweeps after which a later one has added repeats.

    A sweep adds to a configuration if it has a repeat of it that no earlier sweep with this configuration had at all.
    So a sweep that only finishes what an earlier one has left, runs failed jobs again or has new configurations is no
    look. Sweeps are taken in the order of their ids, which begin with the time.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs; without a column ``sweep`` there was one look.
    configurations : sequence of Configuration
        Its configurations, from `nnsweep.results.grouping.group_runs`.

    Returns
    -------
    tuple of int
        How many repeats a configuration had at each look, the last one being now: their median, over the
        configurations that some sweep has added to, or else over all.
    """
    sweeps = [str(sweep) for sweep in plain(runs["sweep"])] if "sweep" in runs.columns else [""] * len(runs)
    repeats: dict[str, set[Hashable]] = {}
    for one in configurations:
        for repeat, row in one.sources.items():
            repeats.setdefault(sweeps[row], set()).add(repeat)
    adding: set[str] = set()
    extended = []
    for one in configurations:
        added = _find_adding_sweeps([(sweeps[row], repeat) for repeat, row in one.sources.items()], repeats)
        adding |= added
        extended += [one] if added else []
    counted = extended or [one for one in configurations if one.values] or [*configurations]
    if not counted:
        return ()
    numbers = [
        int(median(sum(sweeps[row] < sweep for row in one.sources.values()) for one in counted))
        for sweep in sorted(adding)
    ]
    numbers.append(int(median(len(one.sources) for one in counted)))
    looks: list[int] = []
    for number in numbers:
        looks.append(max(number, looks[-1] + 1 if looks else 1))
    return tuple(looks)


def _find_adding_sweeps(own: Sequence[tuple[str, Hashable]], repeats: dict[str, set[Hashable]]) -> set[str]:
    """Find the sweeps that have added repeats to a configuration, given the sweep and repeat of each of its runs."""
    known: set[Hashable] = set()
    adding = set()
    for sweep in sorted({sweep for sweep, _ in own}):
        if known and any(repeat not in known for of, repeat in own if of == sweep):
            adding.add(sweep)
        known |= repeats[sweep]
    return adding


def spend_error(n_units_by_look: Sequence[int], confidence: float = 0.95, *, family: int = 1) -> float:
    """Give the confidence at which the present look is made, so that all looks together err as seldom as is promised.

    By a look with n units, ``(1 - confidence) (1 - (1 - FIRST_SHARE) n_1 / n)`` of error has been spent, where n_1 is
    the first look's: a spending function that needs no planned end, and that a small addition costs little. The level
    of each look follows from it by integrating over what was not told apart before (Armitage, McPherson and Rowe,
    Journal of the Royal Statistical Society A 132, 1969), for a mean whose variance is known; used for t tests it keeps
    the promise, too (experiments/statistics/looks.md).

    Parameters
    ----------
    n_units_by_look : sequence of int
        How many independent results there were at each look, rising; the last is the present one.
    confidence : float
        What is promised for all looks together.
    family : int
        Over how many comparisons the error will be divided after this.

    Returns
    -------
    float
        More than `confidence`.

    Raises
    ------
    ConfigError
        If the numbers do not rise, or the confidence is not between 0 and 1.

    Examples
    --------
    >>> [round(spend_error(looks), 4) for looks in [(10,), (10, 20), (10, 20, 30)]]
    [0.965, 0.9868, 0.9939]
    """
    check_confidence(confidence)
    if not n_units_by_look:
        return confidence
    if n_units_by_look[0] < 1 or any(b <= a for a, b in pairwise(n_units_by_look)):
        raise ConfigError(f"n_units_by_look={[*n_units_by_look]}: must rise; leave out looks that had nothing new")
    error, first = (1 - confidence) / family, n_units_by_look[0]
    spent = [error * (1 - (1 - FIRST_SHARE) * first / n) for n in n_units_by_look]
    return 1 - family * compute_levels(n_units_by_look, spent)[-1]


def compute_levels(n_units_by_look: Sequence[int], spent: Sequence[float]) -> list[float]:
    """Compute the two-sided level of each look from the error that has been spent up to it.

    The sum of n standard normal values walks on; given its density where nothing was told apart yet, the next bound is
    the one beyond which exactly the next part of the error lies.

    Parameters
    ----------
    n_units_by_look : sequence of int
        Rising.
    spent : sequence of float
        Rising, between 0 and 1.

    Returns
    -------
    list of float
        The probability that a standard normal value is beyond the bound, on either side.
    """
    nodes, masses = np.zeros(1), np.ones(1)  # of the sums that have not crossed a bound
    levels, before, used = [], 0, 0.0
    for n, total in zip(n_units_by_look, spent, strict=True):
        step = math.sqrt(n - before)
        bound = _find_bound(nodes, masses, step, total - used)
        levels.append(math.erfc(bound / math.sqrt(2 * n)))
        points, weights = np.polynomial.legendre.leggauss(64 + int(8 * bound / step))
        kernel = np.exp(-0.5 * ((bound * points[:, None] - nodes) / step) ** 2) / (step * math.sqrt(2 * math.pi))
        nodes, masses, before, used = bound * points, bound * weights * (kernel @ masses), n, total
    return levels


def _find_bound(nodes: NDArray[np.float64], masses: NDArray[np.float64], step: float, error: float) -> float:
    """Find the bound that a sum crosses with a given probability, by a normal step from one of the nodes."""
    from scipy import optimize, special

    def exceed(bound: float) -> float:
        beyond = special.ndtr((nodes - bound) / step) + special.ndtr((-nodes - bound) / step)
        return math.log(float(masses @ beyond) / error)

    farthest = float(np.max(np.abs(nodes))) + 20 * step
    return float(optimize.brentq(exceed, 0.0, farthest, xtol=1e-12 * farthest))
