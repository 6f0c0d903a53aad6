"""A table of samples that nobody has divided yet: features and labels without an official test part.

It is divided into test, validation and training part, in this order, before anything is fitted; what is
fitted then sees the training part alone.
"""

from nnsweep.data.dataset import Dataset
from nnsweep.data.splits import OpenFraction, Seed, split
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.ranges import Fraction


def divided(
    name: str,
    table: Examples,
    *,
    class_names: tuple[str, ...],
    source: str,
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
    class_names : tuple of str
        The name of each class number.
    source : str
        Where the table comes from.
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
    rest, test = split(table, fraction=test_fraction, seed=split_seed, key="data.test_fraction")
    train, val = split(rest, fraction=val_fraction, seed=split_seed, key="data.val_fraction")
    assert test is not None, "test_fraction is positive"
    if standardize:
        train, val, test = _standardized(train, val, test)
    return Dataset(name, train, val, test, class_names, source)


def _standardized(train: Examples, val: Examples | None, test: Examples) -> tuple[Examples, Examples | None, Examples]:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train.X)

    def scaled(examples: Examples) -> Examples:
        return Examples(scaler.transform(examples.X), examples.y)

    return scaled(train), None if val is None else scaled(val), scaled(test)
