"""Data sets drawn at random: two moons, spirals, and blobs.

`sample_seed` decides which samples are drawn, `split_seed` how they are divided; neither is the seed of a
training. The settings they share are those of `nnsweep.data.table.divided`.
"""

from typing import Annotated, Any

import numpy as np

from nnsweep.data.dataset import Dataset
from nnsweep.data.split import OpenFraction, Seed
from nnsweep.data.table import divided
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.ranges import Count, Fraction, NonNegative, Positive, Range, ranged

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
    return divided(
        name,
        table,
        columns=[f"x{number}" for number in range(table.X.shape[1])],
        class_names=tuple(str(number) for number in range(n_classes)),
        source=f"nnsweep.data.synthetic.{name}",
        **settings,
    )
