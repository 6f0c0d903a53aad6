"""The data sets that need no file: those inside scikit-learn's wheel, and those that are drawn at random.

Each is one function whose keyword-only parameters, with those of `ArraySettings`, are its settings; all of them refuse
a split in which a class would be missing from a part. `diabetes` and `friedman` are regression, the others have
classes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.cache import keep_in_cache
from nnsweep.data.dataset import DATA_SETS, EXAMPLE_ROWS, Dataset, Example
from nnsweep.data.preparation import fit_scaling, prepare_numbers
from nnsweep.data.prepared import scale_numbers
from nnsweep.data.split import Labels, PartSettings, Seed, SplitSettings, split_rows, take_rows
from nnsweep.data.table_settings import Scaling, choose_scaling
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.choices import Count, Fraction, NonNegative, Positive, Range, extended

ClassCount = Annotated[int, Range(ge=2)]
FriedmanFeatureCount = Annotated[int, Range(ge=5)]


@dataclass(frozen=True, kw_only=True)
class ArraySettings(PartSettings):
    """How arrays of features and labels become a data set.

    Attributes
    ----------
    standardize : bool
        Bring every feature to mean 0 and variance 1 over the training part.
    scaling : {"standard", "robust_smooth_clip", "none"} or None
        How features are scaled; None for what `standardize` says.
    """

    standardize: bool = False
    scaling: Scaling | None = None


@DATA_SETS.register
@extended(ArraySettings)
def digits(*, val_fraction: Fraction = 0.1, **settings: Any) -> Dataset:
    """Handwritten digits: 1797 images of 8 x 8 pixels, 10 classes.

    The pixels' grey values, 0 to 16, are divided by 16: features lie between 0 and 1, exactly.
    """
    return _load_bundled("digits", ArraySettings(val_fraction=val_fraction, **settings), divisor=16)


@DATA_SETS.register
@extended(ArraySettings)
def iris(*, standardize: bool = True, **settings: Any) -> Dataset:
    """Three species of iris: 150 flowers, 4 measurements."""
    return _load_bundled("iris", ArraySettings(standardize=standardize, **settings))


@DATA_SETS.register
@extended(ArraySettings)
def wine(*, standardize: bool = True, **settings: Any) -> Dataset:
    """Wines of three growers: 178 wines, 13 chemical measurements."""
    return _load_bundled("wine", ArraySettings(standardize=standardize, **settings))


@DATA_SETS.register
@extended(ArraySettings)
def breast_cancer(*, standardize: bool = True, **settings: Any) -> Dataset:
    """Malignant and benign tumours: 569 patients, 30 measurements of cell nuclei."""
    return _load_bundled("breast_cancer", ArraySettings(standardize=standardize, **settings))


@DATA_SETS.register
@extended(ArraySettings)
def diabetes(*, standardize: bool = True, **settings: Any) -> Dataset:
    """Predict how far diabetes has progressed in a year: 442 patients, 10 measurements.

    The target is a number from 25 to 346.
    Source: Efron, Hastie, Johnstone and Tibshirani, Least angle regression, Annals of Statistics 32, 2004.
    """
    return _load_bundled("diabetes", ArraySettings(standardize=standardize, **settings), target="progression")


@DATA_SETS.register
@extended(ArraySettings)
def moons(*, n_samples: Count = 1000, noise: NonNegative = 0.2, sample_seed: Seed = 0, **settings: Any) -> Dataset:
    """Draw two interleaved half circles in the plane, with normal noise of standard deviation `noise`."""
    from sklearn.datasets import make_moons

    X, y = make_moons(n_samples, noise=noise, random_state=sample_seed)
    return split_drawn("moons", X, y, 2, **settings)


@DATA_SETS.register
@extended(ArraySettings)
def spirals(
    *,
    n_samples: Count = 1000,
    n_classes: ClassCount = 3,
    turns: Positive = 0.75,
    noise: NonNegative = 0.03,
    sample_seed: Seed = 0,
    **settings: Any,
) -> Dataset:
    """Draw spirals in the unit disc, one arm a class, each winding `turns` times around the origin.

    A sample at distance r along its arm has radius r and angle ``2 pi (turns r + arm / n_classes)``;
    normal noise of standard deviation `noise` is added to both coordinates.
    """
    generator = np.random.default_rng(sample_seed)
    arm = np.arange(n_samples) % n_classes
    radius = generator.uniform(size=n_samples)
    with np.errstate(over="ignore", invalid="ignore"):  # the data set refuses features that are not finite
        angle = 2 * np.pi * (turns * radius + arm / n_classes)
        arms = radius[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)])
        X = arms + noise * generator.standard_normal((n_samples, 2))
    return split_drawn("spirals", X, arm, n_classes, **settings)


@DATA_SETS.register
@extended(ArraySettings)
def blobs(
    *,
    n_samples: Count = 1000,
    n_features: Count = 2,
    n_classes: ClassCount = 3,
    cluster_std: Positive = 1.0,
    sample_seed: Seed = 0,
    **settings: Any,
) -> Dataset:
    """Draw normal clusters of standard deviation `cluster_std` around random centres, one a class."""
    from sklearn.datasets import make_blobs

    X, y = make_blobs(n_samples, n_features, centers=n_classes, cluster_std=cluster_std, random_state=sample_seed)
    return split_drawn("blobs", X, y, n_classes, **settings)


@DATA_SETS.register
@extended(ArraySettings)
def friedman(
    *,
    n_samples: Count = 1000,
    n_features: FriedmanFeatureCount = 10,
    noise: NonNegative = 1.0,
    sample_seed: Seed = 0,
    **settings: Any,
) -> Dataset:
    """Draw Friedman's first regression problem, of which only the first five features tell something.

    Features are uniform between 0 and 1; the target is ``10 sin(pi x0 x1) + 20 (x2 - 0.5)**2 + 10 x3 + 5 x4`` with
    normal noise of standard deviation `noise`.
    Source: Friedman, Multivariate adaptive regression splines, Annals of Statistics 19, 1991.
    """
    from sklearn.datasets import make_friedman1

    X, y = make_friedman1(n_samples, n_features, noise=noise, random_state=sample_seed)
    return split_drawn("friedman", X, y, None, **settings)


def _load_bundled(name: str, settings: ArraySettings, *, divisor: int = 1, target: str | None = None) -> Dataset:
    """Take a data set from the cache, or from scikit-learn, whose import takes longer than a small training."""
    source = f"sklearn.datasets.load_{name}"

    def make() -> Dataset:
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"load_{name}")(**({} if target is None else {"scaled": False}))
        return split_table(
            name,
            Examples(
                np.asarray(bunch.data, dtype=np.float64), bunch.target if target is None else bunch.target[:, None]
            ),
            settings,
            columns=[str(column) for column in bunch.feature_names],
            class_names=tuple(map(str, bunch.target_names)) if target is None else (),
            target_names=() if target is None else (target,),
            source=source,
            divisor=divisor,
        )

    made_of = {"bundled": name, "divisor": divisor, **asdict(settings)}
    return keep_in_cache(made_of, make, name=name, source=source)


def split_drawn(name: str, X: NDArray[np.float64], y: NDArray[Any], n_classes: int | None, **settings: Any) -> Dataset:
    """Split examples that were drawn at random.

    Parameters
    ----------
    name : str
        The data set's name.
    X : ndarray of shape (n_samples, n_features)
        The features.
    y : ndarray of shape (n_samples,)
        Class numbers, or the target of regression.
    n_classes : int or None
        How many classes there are; None for regression.
    **settings
        Those of `ArraySettings`.
    """
    return split_table(
        name,
        Examples(X, y[:, np.newaxis] if n_classes is None else y),
        ArraySettings(**settings),
        columns=[f"x{number}" for number in range(X.shape[1])],
        class_names=tuple(map(str, range(n_classes or 0))),
        target_names=("y",) if n_classes is None else (),
        source=f"nnsweep.data.sources.{name}",
    )


def split_table(
    name: str,
    table: Examples,
    settings: ArraySettings,
    *,
    columns: Sequence[str],
    class_names: tuple[str, ...] = (),
    target_names: tuple[str, ...] = (),
    source: str,
    divisor: int = 1,
) -> Dataset:
    """Split a table of numbers and make a data set of its parts.

    Parameters
    ----------
    name : str
        The data set's name.
    table : Examples
        Dense features (n_samples, n_features), and class numbers (n_samples,) or targets (n_samples, n_targets).
    settings : ArraySettings
        How the table is split, and how features are scaled.
    columns : sequence of str
        The name of each feature.
    class_names : tuple of str
        The name of each class number; empty for regression.
    target_names : tuple of str
        The name of each target; empty for classification.
    source : str
        Where the table comes from.
    divisor : int
        A power of two that every feature is divided by first.

    Returns
    -------
    Dataset
        Its parts together are the whole table.

    Raises
    ------
    DataError
        If a class would be missing from a part.
    """
    fractions = asdict(settings)
    scaling = choose_scaling(fractions.pop("scaling"), standardize=fractions.pop("standardize"))
    is_classed = len(class_names) > 0
    labels = Labels(table.y, class_names, unit="sample") if is_classed else Labels.of_rows(len(table.y), unit="sample")
    split = split_rows(labels, SplitSettings(**fractions))
    parts = {part: take_rows(table, rows) for part, rows in split.parts.items()}
    mean, scale, clip = fit_scaling(np.asarray(parts["train"].X) / divisor, scaling)
    # exact, as the divisor is a power of two
    preparation = prepare_numbers(columns, mean * divisor, scale * divisor, clip)
    example = Example([*columns], np.asarray(parts["test"].X[:EXAMPLE_ROWS]).tolist())
    if scaling != "none" or divisor != 1:
        parts = {
            part: its._replace(X=scale_numbers(np.asarray(its.X), preparation.arrays, clip))
            for part, its in parts.items()
        }
    return Dataset(
        name,
        parts["train"],
        parts.get("val"),
        parts["test"],
        class_names,
        source,
        preparation,
        example,
        task="classification" if is_classed else "regression",
        target_names=target_names,
    )
