"""What is wrong with data, in lines that name place, value and way out.

A file of somebody's own may be wrong in a million places: the first twenty are listed and the others counted. A way
out is a setting as a shell and the command line read it. A column's name stands in it exactly as in the table, between
``data.columns.`` and the last ``=``.
"""

import re
from collections.abc import Iterable
from itertools import islice

from nnsweep.errors import DataError
from nnsweep.text import is_broken, printable, quote_argument, shorten, suggest_nearest

MOST_LISTED = 20
_LONGEST = 200


def show_value(value: object) -> str:
    r"""Quote a value of unknown origin: at most 60 characters of it, in one printable line.

    Examples
    --------
    >>> show_value("two\nlines") == r"'two\nlines'"
    True
    >>> len(show_value(10**6 * "a"))
    62
    """
    return f"'{printable(shorten(str(value)))}'"


def show_name(name: str) -> str:
    """Show a column's or a file's name without quotes, at most 200 characters of it.

    Examples
    --------
    >>> show_name("age"), len(show_name(10**6 * "a"))
    ('age', 200)
    """
    return printable(name if len(name) <= 200 else "..." + name[-197:])


def list_first(names: Iterable[object], n_names: int) -> str:
    """List names, the first twenty of them.

    Parameters
    ----------
    names : iterable
        At least the first twenty.
    n_names : int
        How many there are.

    Examples
    --------
    >>> list_first(["age", "size"], 2)
    'age, size'
    >>> list_first(range(1000), 1000)[-25:]
    '17, 18, 19 and 980 others'
    """
    more = f" and {n_names - MOST_LISTED:,} others" if n_names > MOST_LISTED else ""
    return ", ".join(printable(shorten(str(name))) for name in islice(names, MOST_LISTED)) + more


def counted_cells(n_cells: int) -> str:
    """Count cells.

    Examples
    --------
    >>> counted_cells(1), counted_cells(2)
    ('1 cell', '2 cells')
    """
    return "1 cell" if n_cells == 1 else f"{n_cells} cells"


def combine_problems(problems: Iterable[str], n_problems: int | None = None) -> DataError:
    """Make one error of all problems of a kind.

    Parameters
    ----------
    problems : iterable of str
        At least the first twenty problems, a line each.
    n_problems : int, optional
        How many there are, if not all of them were written out.

    Returns
    -------
    DataError
        Its `problems` are at most twenty lines, and one that counts the rest.

    Examples
    --------
    >>> combine_problems(f"line {number} is wrong" for number in range(2, 135)).problems[-2:]
    ('line 21 is wrong', 'and 113 more')
    """
    iterator = iter(problems)
    first = list(islice(iterator, MOST_LISTED))
    n_more = sum(1 for _ in iterator) if n_problems is None else n_problems - len(first)
    return DataError(*first, *([f"and {n_more:,} more"] if n_more > 0 else []))


def write_setting(key: str, value: str) -> str:
    """Write a setting as an argument for a shell.

    Parameters
    ----------
    key : str
        Its key, such as ``data.comment``.
    value : str
        Its value; text that Hydra would misread is quoted for it, too.

    Returns
    -------
    str
        One word for a POSIX shell.

    Examples
    --------
    >>> print(write_setting("data.skip_lines", "3"), write_setting("data.comment", "#"))
    data.skip_lines=3 'data.comment="#"'
    """
    if not re.fullmatch(r"[A-Za-z0-9_.+-]+", value):
        # Hydra takes a backslash for itself but before a quote
        escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
        trailing = len(escaped) - len(escaped.rstrip("\\"))
        value = f'"{escaped}{trailing * chr(92)}"'
    return quote_argument(f"{key}={value}")


def column_kind(name: str, kind: str, *others: str) -> str:
    r"""Write what says of a column of what kind it is.

    Parameters
    ----------
    name : str
        The column's name, any text.
    kind : str
        ``ignore``, ``number``, ``category`` and so on.
    *others : str
        Kinds that would do as well; they are listed after it.

    Returns
    -------
    str
        An argument for bash, zsh or any other shell (control characters need ``$'...'``, which bash, zsh and ksh
        have), and what else it may end in.

    Examples
    --------
    >>> print(column_kind("age", "ignore"))
    data.columns.age=ignore
    >>> print(column_kind("Individual ID", "ignore", "category"))
    'data.columns.Individual ID=ignore' (or category)
    """
    more = f" (or {', '.join(others)})" if others else ""
    if is_broken(name) or len(name) > _LONGEST:
        return f"data.columns.NAME={kind}{more}, with the column's name"
    return quote_argument(f"data.columns.{name}={kind}") + more


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
