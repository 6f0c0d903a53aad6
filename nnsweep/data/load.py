"""A data set by its name.

Each name stands for a factory whose keyword-only parameters, with their ranges, are the settings that the
configuration may give it. Nothing is kept: who loads a data set twice gets two.
"""

from typing import Any

from nnsweep.data import downloads, sources, user_data
from nnsweep.data.dataset import DATA_SETS, Dataset
from nnsweep.data.problems import require_known
from nnsweep.errors import DataError
from nnsweep.mlp.choices import Fraction

__all__ = ["DATA_SETS", "OWN", "load"]

DATA_SETS.arrange([sources.__name__, user_data.__name__, downloads.__name__])

OWN = ("table", "text", "openml")
"""Those that are read from somebody's own files, or fetched: they may be others the next time."""

_MOST = 2**48
"""More samples, features or classes than that cannot even be counted in an array."""


def load(name: str, *, val_fraction: Fraction, **settings: Any) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    name : str
        One of `DATA_SETS`.
    val_fraction : float
        Part of the training samples that becomes the validation part; 0 for none.
    **settings
        The data set's own settings.

    Returns
    -------
    Dataset
        Its features are float64, (n_samples, n_features) in each part.

    Raises
    ------
    DataError
        If there is no such data set or setting, or the data cannot be had or divided.
    ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> wines = load("wine", val_fraction=0.25)
    >>> wines.train.X.shape, wines.val.X.shape, wines.test.X.shape, wines.n_classes
    ((106, 13), (36, 13), (36, 13), 3)
    """
    factory = DATA_SETS[require_known("data.name", name, DATA_SETS)]
    for setting in settings:
        require_known(f"setting of {name}", setting, DATA_SETS.settings(name))
    sizes = {setting: value for setting, value in settings.items() if setting.startswith("n_") and setting != "n_folds"}
    try:
        if max(sizes.values(), default=0) > _MOST:
            raise MemoryError("no computer has that much")
        return factory(val_fraction=val_fraction, **settings)
    except MemoryError as error:
        asked = " ".join(f"data.{setting}={value}" for setting, value in sizes.items())
        raise DataError(
            f"{asked or f'data={name}'}: the data do not fit into memory ({error}); ask for less"
        ) from error
