"""Advice that can be pasted: settings written as a shell and the command line read them, whatever the column's name.

On the command line a column's name stands between ``data.columns.`` and the last ``=``, exactly as in the table.
"""

import re

from nnsweep.messages import is_broken, quote_argument

_LONGEST = 200


def setting(key: str, value: str) -> str:
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
    >>> print(setting("data.skip_lines", "3"), setting("data.comment", "#"))
    data.skip_lines=3 'data.comment="#"'
    """
    is_plain = re.fullmatch(r"[A-Za-z0-9_.+-]+", value)
    return quote_argument(f"{key}={value}" if is_plain else f"{key}={_hydra_text(value)}")


def column_kind(name: str, kind: str, *others: str) -> str:
    r"""Write what says of a column of what kind it is.

    Parameters
    ----------
    name : str
        The column's name, any text.
    kind : str
        ``ignore``, ``number``, ``category`` and so on.
    *others : str
        Kinds that would do as well; they are told after it.

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


def _hydra_text(value: str) -> str:
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f'"{escaped}{trailing * chr(92)}"'
