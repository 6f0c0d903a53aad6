"""The data sets that ship inside scikit-learn's wheel: nothing is downloaded.

None of them has an official test part. Their settings are those of `nnsweep.data.table.divided`.
"""

from typing import Any

import numpy as np

from nnsweep.data.cache import kept
from nnsweep.data.dataset import Dataset
from nnsweep.data.split import OpenFraction, Seed
from nnsweep.data.table import divided
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.ranges import Fraction, ranged


@ranged
def digits(
    *,
    val_fraction: Fraction = 0.1,
    test_fraction: OpenFraction = 0.2,
    split_seed: Seed = 0,
    standardize: bool = False,
) -> Dataset:
    """Handwritten digits: 1797 images of 8 x 8 pixels, 10 classes.

    The pixels' grey values, 0 to 16, are divided by 16: features lie between 0 and 1, exactly.

    Raises
    ------
    DataError
        If a class would be missing from a part.
    """
    return _bundled(
        "digits",
        divisor=16,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        split_seed=split_seed,
        standardize=standardize,
    )


@ranged
def iris(
    *,
    val_fraction: Fraction = 0.2,
    test_fraction: OpenFraction = 0.2,
    split_seed: Seed = 0,
    standardize: bool = True,
) -> Dataset:
    """Three species of iris: 150 flowers, 4 measurements.

    Raises
    ------
    DataError
        If a class would be missing from a part.
    """
    return _bundled(
        "iris",
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        split_seed=split_seed,
        standardize=standardize,
    )


@ranged
def wine(
    *,
    val_fraction: Fraction = 0.2,
    test_fraction: OpenFraction = 0.2,
    split_seed: Seed = 0,
    standardize: bool = True,
) -> Dataset:
    """Wines of three growers: 178 wines, 13 chemical measurements.

    Raises
    ------
    DataError
        If a class would be missing from a part.
    """
    return _bundled(
        "wine",
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        split_seed=split_seed,
        standardize=standardize,
    )


@ranged
def breast_cancer(
    *,
    val_fraction: Fraction = 0.2,
    test_fraction: OpenFraction = 0.2,
    split_seed: Seed = 0,
    standardize: bool = True,
) -> Dataset:
    """Malignant and benign tumours: 569 patients, 30 measurements of cell nuclei.

    Raises
    ------
    DataError
        If a class would be missing from a part.
    """
    return _bundled(
        "breast_cancer",
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        split_seed=split_seed,
        standardize=standardize,
    )


def _bundled(name: str, **settings: Any) -> Dataset:
    """Take a data set from the cache, or from scikit-learn, whose import takes longer than a small training."""
    source = f"sklearn.datasets.load_{name}"
    return kept({"bundled": name, **settings}, lambda: _made(name, source, **settings), name=name, source=source)


def _made(name: str, source: str, **settings: Any) -> Dataset:
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    return divided(
        name,
        Examples(np.asarray(bunch.data, dtype=np.float64), bunch.target),
        columns=[str(column) for column in bunch.feature_names],
        class_names=tuple(str(class_name) for class_name in bunch.target_names),
        source=source,
        **settings,
    )
