"""The data set ``table``: rows of a file or a database, with a column of labels."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nnsweep.data import cache, own
from nnsweep.data.dataset import Dataset
from nnsweep.data.division import Dividing
from nnsweep.data.reading.missing import Missing
from nnsweep.data.reading.raw import Raw, read
from nnsweep.data.reading.table_columns import understand
from nnsweep.data.reading.table_file import suffix_of
from nnsweep.data.reading.table_problems import named
from nnsweep.data.tfidf import Weighing
from nnsweep.errors import DataError
from nnsweep.mlp.ranges import extended, ranged
from nnsweep.mlp.ranges import settings as settings_of

Make: TypeAlias = Callable[[Raw], Dataset]
ColumnKind = Literal["number", "category", "text", "ignore"]
_TRIES = 3


@ranged
@extended(Dividing, Weighing)
def table(
    *,
    path: str,
    target: str | None = None,
    query: str | None = None,
    columns: Mapping[str, ColumnKind] | None = None,
    ignore: tuple[str, ...] | None = None,
    missing: Missing | None = None,
    group: str | None = None,
    split: str | None = None,
    standardize: bool = True,
    **settings: Any,
) -> Dataset:
    """Read a table of somebody's own.

    Parameters
    ----------
    path : str
        A file: CSV, TSV, Parquet, Feather, ARFF or JSON lines, by its ending, perhaps with ``.gz``; or the address of a
        database. It says where to look and does not change the data.
    target : str or None
        The column with the labels.
    query : str or None
        What to ask a database.
    columns : mapping of str to {"number", "category", "text", "ignore"} or None
        What columns are, where that shall not be inferred.
    ignore : tuple of str or None
        More columns that are no features.
    missing : {"drop", "mean", "most_frequent"} or None
        What to do about missing values; ``None`` to refuse them.
    group : str or None
        The column whose equal values stay in one part.
    split : str or None
        The column that says which part a row is of.
    standardize : bool
        Bring every number to mean 0 and variance 1 over the training part.
    **settings
        Those of `nnsweep.data.division.Dividing`, and of `nnsweep.data.tfidf.Weighing` for columns of texts.

    Returns
    -------
    Dataset
        Numbers, then one indicator for each category, then words; classes in the order of their names.

    Raises
    ------
    DataError
        If the table cannot be had, understood, divided or prepared.
    """
    how, weighing = parted(settings)
    words = weighing.settings()
    roles: dict[str, Any] = {"target": target, "columns": dict(columns or {}), "ignore": ignore, "missing": missing}
    roles |= {"group": group, "split": split}

    def made(raw: Raw) -> Dataset:
        rows = understand(raw, **roles)
        return own.of_table(name_of(path), rows, how, missing=missing, standardize=standardize, text=words)

    made_of = {"factory": "table", **roles, "query": query, "standardize": standardize, "settings": settings}
    return of_content(path, query, made_of, made)


def parted(settings: Mapping[str, Any]) -> tuple[Dividing, Weighing]:
    """Part settings into those of the division and those of words."""
    of_division = settings_of(Dividing)
    how = Dividing(**{name: value for name, value in settings.items() if name in of_division})
    return how, Weighing(**{name: value for name, value in settings.items() if name not in of_division})


def of_content(path: str, query: str | None, made_of: Mapping[str, Any], make: Make) -> Dataset:
    """Make a data set of a table, or take it from the cache if the same has been made of the same content.

    Parameters
    ----------
    path, query
        As for `table`.
    made_of : mapping
        What the data set depends on besides the content.
    make : callable
        Makes it of the table.

    Raises
    ------
    DataError
        If the table cannot be had, or `make` refuses it.
    """
    for _ in range(_TRIES):
        file = Path(os.path.expanduser(path))
        raw = None if query is None and _is_file(file) else read(path, query=query)
        digest = raw.digest if raw else cache.content_digest(file)
        try:
            return cache.kept(
                {**made_of, "content": digest, "ending": suffix_of(path)},
                partial(_made, make, path, digest, raw),
                name=name_of(path),
                source=raw.source if raw else path,
            )
        except _Changed:
            continue
    raise DataError(f"{named(path)} changes while it is read; let whoever writes it finish first")


class _Changed(Exception):
    """A file is no longer what it was a moment ago."""


def _made(make: Make, path: str, digest: str, raw: Raw | None) -> Dataset:
    there = read(path) if raw is None else raw
    if there.digest != digest:
        raise _Changed
    return make(there)


def _is_file(file: Path) -> bool:
    """Tell whether it is a plain file that can be read; what is not is refused by who reads it."""
    try:
        return file.is_file() and os.access(file, os.R_OK)
    except (OSError, ValueError):
        return False


def name_of(path: str) -> str:
    """Name a table as its file is, without its endings.

    Examples
    --------
    >>> name_of("data/cats.csv.gz"), name_of("sqlite:///cats.db")
    ('cats', 'cats')
    """
    return Path(path).name.partition(".")[0] or "table"
