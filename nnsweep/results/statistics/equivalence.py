"""Equivalence: whether two configurations are equal enough for the difference not to matter.

A test that sees no difference does not show that there is none. Equivalence needs a margin, the region of practical
equivalence (rope), and asks how sure it is that the true difference lies within it.
"""

import math

from nnsweep.errors import ConfigError

USUAL_ROPE = 0.01
"""The margin of an accuracy (Benavoli et al., Journal of Machine Learning Research 18, 2017)."""


def choose_rope(rope: float | None, metric: str) -> float | None:
    """Choose the margin within which two means of a metric are as good as each other.

    Parameters
    ----------
    rope : float or None
        What was asked for.
    metric : str
        The metric, in whose units it is.

    Returns
    -------
    float or None
        What was asked for, or else 0.01 for an accuracy and None for another metric, which has no usual margin.

    Raises
    ------
    ConfigError
        If it is not a positive number.

    Examples
    --------
    >>> choose_rope(None, "test_accuracy"), choose_rope(None, "train_cost"), choose_rope(0.2, "train_cost")
    (0.01, None, 0.2)
    """
    if rope is None:
        return USUAL_ROPE if metric.endswith("_accuracy") else None
    if not 0 < rope < math.inf:
        raise ConfigError(f"rope={rope} is not a positive number; {USUAL_ROPE} is usual for an accuracy")
    return rope
