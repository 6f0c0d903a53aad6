"""The data sets that need no file: those inside scikit-learn's wheel, and those that are drawn at random.

Each is one function whose keyword-only parameters are its settings; `nnsweep.data.load` registers them.
"""

from typing import Annotated, Any

import numpy as np

from nnsweep.data.cache import keep_in_cache
from nnsweep.data.dataset import Dataset
from nnsweep.data.split import OpenFraction, Seed
from nnsweep.data.table import split_table
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.ranges import Count, Fraction, NonNegative, Positive, Range, ranged


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
    return keep_in_cache(
        {"bundled": name, **settings}, lambda: _made(name, source, **settings), name=name, source=source
    )


def _made(name: str, source: str, **settings: Any) -> Dataset:
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    return split_table(
        name,
        Examples(np.asarray(bunch.data, dtype=np.float64), bunch.target),
        columns=[str(column) for column in bunch.feature_names],
        class_names=tuple(str(class_name) for class_name in bunch.target_names),
        source=source,
        **settings,
    )


ClassCount = Annotated[int, Range(ge=2)]


@ranged
def moons(
    *,
    n_samples: Count = 1000,
    noise: NonNegative = 0.2,
    sample_seed: Seed = 0,
    val_fraction: Fraction = 0.2,
    test_fraction: OpenFraction = 0.2,
    split_seed: Seed = 0,
    standardize: bool = False,
) -> Dataset:
    """Draw two interleaved half circles in the plane, with normal noise of standard deviation `noise`.

    Raises
    ------
    DataError
        If a class would be missing from a part.
    """
    from sklearn.datasets import make_moons

    return _drawn(
        "moons",
        Examples(*make_moons(n_samples=n_samples, noise=noise, random_state=sample_seed)),
        2,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        split_seed=split_seed,
        standardize=standardize,
    )


@ranged
def spirals(
    *,
    n_samples: Count = 1000,
    n_classes: ClassCount = 3,
    turns: Positive = 0.75,
    noise: NonNegative = 0.03,
    sample_seed: Seed = 0,
    val_fraction: Fraction = 0.2,
    test_fraction: OpenFraction = 0.2,
    split_seed: Seed = 0,
    standardize: bool = False,
) -> Dataset:
    """Draw spirals in the unit disc, one arm a class, each winding `turns` times around the origin.

    A sample at distance r along its arm has radius r and angle ``2 pi (turns r + arm / n_classes)``;
    normal noise of standard deviation `noise` is added to both coordinates.

    Raises
    ------
    DataError
        If a class would be missing from a part.
    """
    generator = np.random.default_rng(sample_seed)
    arm = np.arange(n_samples) % n_classes
    radius = generator.uniform(size=n_samples)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told of the data set
        angle = 2 * np.pi * (turns * radius + arm / n_classes)
        arms = radius[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)])
        X = arms + noise * generator.standard_normal((n_samples, 2))
    return _drawn(
        "spirals",
        Examples(X, arm),
        n_classes,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        split_seed=split_seed,
        standardize=standardize,
    )


@ranged
def blobs(
    *,
    n_samples: Count = 1000,
    n_features: Count = 2,
    n_classes: ClassCount = 3,
    cluster_std: Positive = 1.0,
    sample_seed: Seed = 0,
    val_fraction: Fraction = 0.2,
    test_fraction: OpenFraction = 0.2,
    split_seed: Seed = 0,
    standardize: bool = False,
) -> Dataset:
    """Draw normal clusters of standard deviation `cluster_std` around random centres, one a class.

    Raises
    ------
    DataError
        If a class would be missing from a part.
    """
    from sklearn.datasets import make_blobs

    X, y = make_blobs(n_samples, n_features, centers=n_classes, cluster_std=cluster_std, random_state=sample_seed)
    return _drawn(
        "blobs",
        Examples(X, y),
        n_classes,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        split_seed=split_seed,
        standardize=standardize,
    )


def _drawn(name: str, table: Examples, n_classes: int, **settings: Any) -> Dataset:
    return split_table(
        name,
        table,
        columns=[f"x{number}" for number in range(table.X.shape[1])],
        class_names=tuple(str(number) for number in range(n_classes)),
        source=f"nnsweep.data.sources.{name}",
        **settings,
    )
