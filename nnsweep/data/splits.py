"""A split of samples into two parts that both have every class in proportion.

A split depends on the labels, the fraction and its own seed, never on a training seed: all jobs of a sweep
see the same parts. (scikit-learn is imported where it is used, here and in the rest of this room: its import
takes seconds, which reading the configuration should not cost.)
"""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples, IntArray
from nnsweep.mlp.ranges import Fraction, Range

OpenFraction = Annotated[float, Range(gt=0, lt=1)]
Seed = Annotated[int, Range(ge=0, lt=2**32)]
Rows: TypeAlias = NDArray[np.intp]


def split(
    examples: Examples, *, fraction: Fraction, seed: Seed, key: str, names: Sequence[Any] = ()
) -> tuple[Examples, Examples | None]:
    """Split examples into a rest and a part, stratified by class.

    Parameters
    ----------
    examples : Examples
        Features (n_samples, n_features), dense or CSR, and labels (n_samples,).
    fraction : float
        Size of the part as a fraction of all samples; 0 for no part.
    seed : int
        Which of the possible splits.
    key : str
        The setting that asks for the fraction, for messages.
    names : sequence
        The name of each class number, for messages.

    Returns
    -------
    rest, part : Examples, Examples or None
        CSR features stay CSR. Without a part, the rest is `examples` in their own order.

    Raises
    ------
    DataError
        If a class would be missing from the rest or from the part.
    """
    rest, part = split_rows(examples.y, fraction=fraction, seed=seed, key=key, names=names)
    return take(examples, rest), None if part is None else take(examples, part)


def split_rows(
    y: IntArray, *, fraction: Fraction, seed: Seed, key: str, names: Sequence[Any] = ()
) -> tuple[Rows, Rows | None]:
    """Give the row numbers of a stratified split.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        The labels.
    fraction, seed, key, names
        As in `split`.

    Returns
    -------
    rest, part : ndarray of shape (n_rest,), ndarray of shape (n_part,) or None
        Every row is in exactly one of them.

    Raises
    ------
    DataError
        If a class would be missing from the rest or from the part.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(y.shape[0])
    if fraction == 0:
        return rows, None
    _check_sizes(y, fraction, key, names)
    rest, part = train_test_split(rows, test_size=fraction, random_state=seed, stratify=y)
    _check_classes(y, (rest, part), fraction, key, names)
    return rest, part


def take(examples: Examples, rows: Rows) -> Examples:
    """Take those rows of the examples, in that order.

    Parameters
    ----------
    examples : Examples
        Features (n_samples, n_features) and labels (n_samples,).
    rows : ndarray of shape (n_rows,)
        Row numbers.

    Returns
    -------
    taken : Examples
        Features (n_rows, n_features) and labels (n_rows,).
    """
    return Examples(examples.X[rows], examples.y[rows])


def _check_sizes(y: IntArray, fraction: float, key: str, names: Sequence[Any]) -> None:
    labels, counts = np.unique(y, return_counts=True)
    if (counts < 2).any():
        lonely = _name(labels[counts < 2][0], names)
        raise DataError(f"{key}={fraction}: class {lonely} has one sample, a split needs two; take more samples")
    n_part = int(np.ceil(fraction * y.shape[0]))
    smaller = min(n_part, y.shape[0] - n_part)
    if smaller < len(labels):
        raise DataError(
            f"{key}={fraction} of {y.shape[0]} samples leaves a part of {smaller}, "
            f"fewer than the {len(labels)} classes; {_way_out(key)}"
        )


def _check_classes(y: IntArray, parts: tuple[Any, ...], fraction: float, key: str, names: Sequence[Any]) -> None:
    for part in parts:
        if missing := sorted(set(y.tolist()) - set(y[part].tolist())):
            lost = _name(missing[0], names)
            raise DataError(f"{key}={fraction} leaves a part without class {lost}; {_way_out(key)}")


def _name(number: int, names: Sequence[Any]) -> str:
    return repr(names[number]) if len(names) else str(number)


def _way_out(key: str) -> str:
    return f"bring {key} nearer to 0.5, take more samples" + (" or set it to 0" if key.endswith("val_fraction") else "")
