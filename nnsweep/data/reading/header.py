"""The header of a table: one name a column, all different, and names at all."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from nnsweep.data.reading.problems import combine_problems, show_name, show_value, write_setting
from nnsweep.errors import DataError

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
MOST_COLUMNS = 100_000
"""More are a table lying on its side, or no table."""
UNNAMED = "Unnamed: "
"""What pandas calls a column without a name, its number following."""


def check_width(n_columns: int, place: str) -> None:
    """Refuse a table of too many columns.

    Raises
    ------
    DataError
        If there are more than `MOST_COLUMNS`.
    """
    if n_columns > MOST_COLUMNS:
        raise DataError(
            f"{place}: {n_columns:,} columns, at most {MOST_COLUMNS:,} are read; "
            "write samples as rows, or the features as one text column"
        )


def find_repeated_names(names: Iterable[str], source: str) -> list[str]:
    """Tell the names that several columns of a file have, a line each.

    Examples
    --------
    >>> find_repeated_names(["age", "fur", "age"], "cats.arff")
    ['cats.arff: 2 columns are called age; rename them']
    """
    counts = Counter(names).items()
    return [
        f"{show_name(source)}: {count} columns are called {show_name(name)}; rename them"
        for name, count in counts
        if count > 1
    ]


def are_numbers(written: Sequence[str]) -> bool:
    """Tell whether the cells of a first line are all numbers, and hardly names."""
    return all(re.fullmatch(NUMBER, name.strip()) for name in written)


def name_columns(written: Sequence[str], place: str, *, sure: bool = False) -> list[str]:
    """Make names of a header's cells.

    Parameters
    ----------
    written : sequence of str
        The cells.
    place : str
        Where the header is, for messages.
    sure : bool
        Whether numbers may be names, because somebody has said that this is a header.

    Returns
    -------
    list of str
        All different, without spaces around them; a column without a name is called as pandas does.

    Raises
    ------
    DataError
        If there are too many, names are there twice, or all of them are numbers: then the file has no header.

    Examples
    --------
    >>> name_columns(["", "age", " species "], "cats.csv, line 1")
    ['Unnamed: 0', 'age', 'species']
    """
    check_width(len(written), place)
    names = [name.strip() or f"{UNNAMED}{number}" for number, name in enumerate(written)]
    if not sure and are_numbers(names):
        raise DataError(
            f"{place}: the header is all numbers ({show_value(', '.join(names[:10]))}), so there is none; "
            f"write a first line that names every column, or {write_setting('data.header', 'false')} calls them 0, 1, "
            "2 and "
            f"so on; {write_setting('data.header', 'true')} takes the numbers for names"
        )
    numbers: dict[str, list[int]] = {name: [] for name, count in Counter(names).items() if count > 1}
    for number, name in enumerate(names, start=1):
        if name in numbers:
            numbers[name].append(number)
    if numbers:
        raise combine_problems(
            f"{place}: columns {', '.join(map(str, columns[:10]))} are all called {show_name(name)}; rename them"
            for name, columns in numbers.items()
        )
    return names
