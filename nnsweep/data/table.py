"""A table of samples that nobody has divided yet: features and labels without an official test part.

It is divided into test, validation and training part, in this order, before anything is fitted; what is
fitted then sees the training part alone.
"""

from collections.abc import Sequence

import numpy as np

from nnsweep.data.dataset import EXAMPLE_ROWS, Dataset, Example
from nnsweep.data.preparation import Preparation, of_numbers
from nnsweep.data.prepared import scaled
from nnsweep.data.splits import OpenFraction, Seed, split
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.ranges import Fraction


def divided(
    name: str,
    table: Examples,
    *,
    columns: Sequence[str],
    class_names: tuple[str, ...],
    source: str,
    divisor: int = 1,
    val_fraction: Fraction,
    test_fraction: OpenFraction,
    split_seed: Seed,
    standardize: bool,
) -> Dataset:
    """Divide a table and make a data set of its parts.

    Parameters
    ----------
    name : str
        The data set's name.
    table : Examples
        Dense features (n_samples, n_features) and labels (n_samples,).
    columns : sequence of str
        The name of each feature.
    class_names : tuple of str
        The name of each class number.
    source : str
        Where the table comes from.
    divisor : int
        A power of two that every feature is divided by first.
    val_fraction : float
        Part of the training samples that becomes the validation part; 0 for none.
    test_fraction : float
        Part of all samples that becomes the test part; it does not depend on `val_fraction`.
    split_seed : int
        Which of the possible splits, the same for every training seed.
    standardize : bool
        Bring every feature to mean 0 and variance 1 over the training part.

    Returns
    -------
    Dataset
        Its parts together are the whole table.

    Raises
    ------
    DataError
        If a class would be missing from a part.
    """
    rest, test = split(table, fraction=test_fraction, seed=split_seed, key="data.test_fraction", names=class_names)
    train, val = split(rest, fraction=val_fraction, seed=split_seed, key="data.val_fraction", names=class_names)
    assert test is not None, "test_fraction is positive"
    preparation = _preparation(train, columns, divisor=divisor, standardize=standardize)
    example = Example([*columns], np.asarray(test.X[:EXAMPLE_ROWS]).tolist())
    if standardize or divisor != 1:
        train, test = _scaled(train, preparation), _scaled(test, preparation)
        val = None if val is None else _scaled(val, preparation)
    return Dataset(name, train, val, test, class_names, source, preparation, example)


def _preparation(train: Examples, columns: Sequence[str], *, divisor: int, standardize: bool) -> Preparation:
    from sklearn.preprocessing import StandardScaler

    if not standardize:
        return of_numbers(columns, None, np.full(len(columns), float(divisor)))
    scaler = StandardScaler().fit(train.X / divisor)
    return of_numbers(columns, scaler.mean_ * divisor, scaler.scale_ * divisor)  # exact, as it is a power of two


def _scaled(examples: Examples, preparation: Preparation) -> Examples:
    return Examples(scaled(np.asarray(examples.X), preparation.arrays), examples.y)
