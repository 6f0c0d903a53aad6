"""Multiplicity: p values made sound for the number of comparisons they were picked from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float] | NDArray[np.float64], family: int | None = None) -> NDArray[np.float64]:
    """Correct p values for the number of comparisons by Holm's method.

    With the p values in rising order, ``p_holm(j) = max over i <= j of min(1, (m - i + 1) p(i))``: the probability of
    any wrong rejection is at most alpha if what has ``p_holm < alpha`` is rejected, however the comparisons depend on
    each other (Holm, Scandinavian Journal of Statistics 6, 1979).

    Parameters
    ----------
    p_values : array of shape (n,)
        NaN is a comparison that was not made: it stays NaN and does not count.
    family : int, optional
        The number m of comparisons, if only some of them are given, for example those that somebody picked. The
        others are taken to be larger, which can only make the result larger than it would be with all of them.

    Returns
    -------
    array of shape (n,)
        Corrected p values, in the order given.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(raw.shape, np.nan)
    order = np.argsort(raw, kind="stable")[: np.count_nonzero(~np.isnan(raw))]
    factors = max(family or 0, len(order)) - np.arange(len(order))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * raw[order]))
    return corrected


def n_pairs_of(n_configurations: int) -> int:
    """Count the pairs that can be made of some configurations.

    Examples
    --------
    >>> n_pairs_of(4)
    6
    """
    return n_configurations * (n_configurations - 1) // 2
