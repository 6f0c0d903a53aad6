"""The names a setting may have.

A name that does not exist is refused with the key it was given for, the nearest name that does exist and
the whole list, so that the next try can succeed.
"""

from collections.abc import Iterable

from nnsweep.errors import DataError
from nnsweep.text import suggest_nearest


def require_known(key: str, name: str, names: Iterable[str]) -> str:
    """`name` itself, if it is one of `names`.

    Parameters
    ----------
    key : str
        The setting that `name` was given for, such as ``data.categories``.
    name : str
        The name to look up.
    names : iterable of str
        The names that exist.

    Returns
    -------
    str
        The name.

    Raises
    ------
    DataError
        If it does not exist.

    Examples
    --------
    >>> require_known("data.name", "irsi", ["digits", "iris"])
    Traceback (most recent call last):
    nnsweep.errors.DataError: data.name='irsi' does not exist; did you mean 'iris'? Known: digits, iris
    """
    allowed = list(names)
    if name in allowed:
        return name
    raise DataError(f"{key}={name!r} does not exist; {suggest_nearest(str(name), allowed)}")
