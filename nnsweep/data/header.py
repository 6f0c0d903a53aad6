"""The header of a table: one name a column, all different, and names at all."""

import re
from collections import Counter
from collections.abc import Sequence

from nnsweep.data.table_problems import named, shown, together
from nnsweep.errors import DataError

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
UNNAMED = "Unnamed: "
"""What pandas calls a column without a name, its number following."""


def column_names(written: Sequence[str], place: str) -> list[str]:
    """Make names of a header's cells.

    Parameters
    ----------
    written : sequence of str
        The cells.
    place : str
        Where the header is, for messages.

    Returns
    -------
    list of str
        All different, without spaces around them; a column without a name is called as pandas does.

    Raises
    ------
    DataError
        If names are there twice, or all of them are numbers: then the file has no header.

    Examples
    --------
    >>> column_names(["", "age", " species "], "cats.csv, line 1")
    ['Unnamed: 0', 'age', 'species']
    """
    names = [name.strip() or f"{UNNAMED}{number}" for number, name in enumerate(written)]
    if all(re.fullmatch(NUMBER, name) for name in names):
        raise DataError(
            f"{place}: the header is all numbers ({shown(', '.join(names[:10]))}), so there is none; "
            "write a first line that names every column"
        )
    numbers: dict[str, list[int]] = {name: [] for name, count in Counter(names).items() if count > 1}
    for number, name in enumerate(names, start=1):
        if name in numbers:
            numbers[name].append(number)
    if numbers:
        raise together(
            f"{place}: columns {', '.join(map(str, columns[:10]))} are all called {named(name)}; rename them"
            for name, columns in numbers.items()
        )
    return names
