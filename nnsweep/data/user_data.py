"""Data of one's own: ``table`` is rows of a file or a database, ``text`` a folder or a column of texts."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from nnsweep.data import cache
from nnsweep.data import texts as folder_of_texts
from nnsweep.data.dataset import DATA_SETS, Dataset
from nnsweep.data.problems import list_first, show_name, show_value
from nnsweep.data.reading.read import Raw, add_test_part, digest_of_both, read_table
from nnsweep.data.reading.roles import explain_absent, find_column
from nnsweep.data.reading.table_columns import Understood, understand
from nnsweep.data.reading.table_file import suffix_of
from nnsweep.data.split import SplitSettings
from nnsweep.data.table import prepare_table, prepare_texts, sort_classes
from nnsweep.data.table_settings import AS_WRITTEN, CellFormat, ColumnKind, ColumnName, Layout, Mark, Missing, Policy
from nnsweep.data.texts import Weighing
from nnsweep.errors import DataError
from nnsweep.files import expand_home
from nnsweep.mlp.ranges import extended
from nnsweep.mlp.ranges import settings as settings_of

Make: TypeAlias = Callable[[Raw], Dataset]
_TRIES = 3


@DATA_SETS.register
@extended(SplitSettings, Weighing, Layout, CellFormat)
def table(
    *,
    path: str,
    test_path: str | None = None,
    target: ColumnName | None = None,
    query: str | None = None,
    columns: Mapping[str, ColumnKind] | None = None,
    ignore: tuple[ColumnName, ...] | None = None,
    missing: Missing | None = None,
    group: ColumnName | None = None,
    split: ColumnName | None = None,
    split_by: ColumnName | None = None,
    standardize: bool = True,
    **settings: Any,
) -> Dataset:
    """Read a table of somebody's own.

    Parameters
    ----------
    path : str
        A file: CSV, TSV, Parquet, Feather, ARFF, JSON, Excel, npz or svmlight, by its ending, perhaps packed; or the
        address of a database. It says where to look and does not change the data.
    test_path : str or None
        Another such file, whose rows are the test part.
    target : str or None
        The column with the labels.
    query : str or None
        What to ask a database.
    columns : mapping of str to {"number", "date", "category", "text", "ignore"} or None
        What columns are, where that shall not be inferred. A number may have a currency, a percent sign, a unit, or
        signs between its thousands; a date becomes the numbers of `nnsweep.data.reading.dates`.
    ignore : tuple of str or None
        More columns that are no features.
    missing : {"drop", "mean", "median", "most_frequent", "own"}, mapping of kinds to them, or None
        What to do about missing values, of every kind or of ``number``, ``category`` and ``label``; ``own`` makes a
        category of them. ``None`` to refuse them.
    group : str or None
        The column whose equal values stay in one part.
    split : str or None
        The column that says which part a row is of.
    split_by : str or None
        A column of numbers or dates: the last rows by its order are the test part, those before them the validation
        part.
    standardize : bool
        Bring every number to mean 0 and variance 1 over the training part.
    **settings
        Those of `nnsweep.data.split.SplitSettings`, of `nnsweep.data.texts.Weighing` for columns of texts, of
        `nnsweep.data.table_settings.Layout` and of `nnsweep.data.table_settings.CellFormat`.

    Returns
    -------
    Dataset
        Numbers, then one indicator for each category, then words; classes in the order of their names.

    Raises
    ------
    DataError
        If the table cannot be had, understood, divided or prepared.
    """
    how, weighing, layout, cell_format = divide_settings(settings)
    words, policy = weighing.settings(), Policy.of(missing)
    roles: dict[str, Any] = {"target": target, "columns": dict(columns or {}), "ignore": ignore, "missing": missing}
    roles |= {"group": group, "split": split, "split_by": split_by}

    def made(raw: Raw) -> Dataset:
        rows = understand(raw, **roles, cell_format=cell_format)
        return prepare_table(name_table(path), rows, how, missing=policy, standardize=standardize, text=words)

    made_of = {"factory": "table", **roles, "query": query, "standardize": standardize, "settings": settings}
    return make_from_content(Sources(path, test_path, query, layout), made_of, made)


class Sources(NamedTuple):
    """Where a table is, and how it is read.

    Attributes
    ----------
    path, test_path, query
        As for `table`.
    layout : Layout
        How texts and workbooks are laid out.
    """

    path: str
    test_path: str | None = None
    query: str | None = None
    layout: Layout = AS_WRITTEN

    def read(self) -> Raw:
        """Read the table, or both."""
        raw = read_table(self.path, query=self.query, layout=self.layout)
        if self.test_path is None:
            return raw
        return add_test_part(raw, read_table(self.test_path, layout=self.layout, key="data.test_path"))

    def digest(self) -> str | None:
        """Give the digest of the content; None if nobody knows it before the table is read."""
        files = [Path(expand_home(path)) for path in (self.path, self.test_path) if path is not None]
        if self.query is not None or not all(map(_is_file, files)):
            return None
        digests = [cache.content_digest(file) for file in files]
        return digests[0] if len(digests) == 1 else digest_of_both(*digests)


def divide_settings(settings: Mapping[str, Any]) -> tuple[SplitSettings, Weighing, Layout, CellFormat]:
    """Part settings into those of the division, of words, of the layout and of cells."""

    def of(record: type[Any]) -> Any:
        names = settings_of(record)
        return record(**{name: value for name, value in settings.items() if name in names})

    return of(SplitSettings), of(Weighing), of(Layout), of(CellFormat)


def make_from_content(sources: Sources, made_of: Mapping[str, Any], make: Make) -> Dataset:
    """Make a data set of a table, or take it from the cache if the same has been made of the same content.

    Parameters
    ----------
    sources : Sources
        Where the table is.
    made_of : mapping
        What the data set depends on besides the content.
    make : callable
        Makes it of the table.

    Raises
    ------
    DataError
        If the table cannot be had, or `make` refuses it.
    """
    path = sources.path
    for _ in range(_TRIES):
        known = sources.digest()
        raw = None if known else sources.read()
        digest = raw.digest if raw else known or ""
        endings = [suffix_of(each) for each in (path, sources.test_path) if each is not None]
        try:
            return cache.keep_in_cache(
                {**made_of, "content": digest, "endings": endings},
                partial(_made, make, sources, digest, raw),
                name=name_table(path),
                source=raw.source if raw else path,
            )
        except _Changed:
            continue
    raise DataError(f"{show_name(path)} changes while it is read; let whoever writes it finish first")


class _Changed(Exception):
    """A file is no longer what it was a moment ago."""


def _made(make: Make, sources: Sources, digest: str, raw: Raw | None) -> Dataset:
    there = sources.read() if raw is None else raw
    if there.digest != digest:
        raise _Changed
    return make(there)


def _is_file(file: Path) -> bool:
    """Tell whether it is a plain file that can be read; what is not is refused by who reads it."""
    try:
        return file.is_file() and os.access(file, os.R_OK)
    except (OSError, ValueError):
        return False


def name_table(path: str) -> str:
    """Name a table as its file is, without its endings.

    Examples
    --------
    >>> name_table("data/cats.csv.gz"), name_table("sqlite:///cats.db")
    ('cats', 'cats')
    """
    return Path(path).name.partition(".")[0] or "table"


COLUMN = "text"
"""The name of the column that the texts of a folder are in."""


@DATA_SETS.register
@extended(SplitSettings, Weighing, Layout)
def text(
    *,
    path: str,
    test_path: str | None = None,
    text: ColumnName | None = None,
    target: ColumnName | None = None,
    query: str | None = None,
    missing: Missing | None = None,
    missing_marks: tuple[Mark, ...] | None = None,
    group: ColumnName | None = None,
    split: ColumnName | None = None,
    split_by: ColumnName | None = None,
    vectorizer_fit: Literal["train", "train_and_test"] = "train",
    **settings: Any,
) -> Dataset:
    """Read texts of somebody's own, to be told apart by their words.

    Parameters
    ----------
    path : str
        A folder with one subfolder for each class, or a table as for `nnsweep.data.user_data.table`. It says where to
        look and does not change the data.
    test_path : str or None
        Another table, whose rows are the test part.
    text : str or None
        The table's column of texts; ``None`` for a folder.
    target, query, missing, missing_marks, group, split, split_by
        As for `nnsweep.data.user_data.table`; for a table alone.
    vectorizer_fit : {"train", "train_and_test"}
        Which texts words and their weights are taken from. ``train`` leaves out validation and test part.
    **settings
        Those of `nnsweep.data.split.SplitSettings`, `nnsweep.data.texts.Weighing` and
        `nnsweep.data.table_settings.Layout`.

    Returns
    -------
    Dataset
        CSR features (n_samples, n_words); classes in the order of their names.

    Raises
    ------
    DataError
        If the texts cannot be had, understood or divided, or no word is left.
    """
    how, weighing, layout, _ = divide_settings(settings)
    cell_format = CellFormat(missing_marks=missing_marks)
    options: dict[str, Any] = {"text": weighing.settings(), "fit_together": vectorizer_fit == "train_and_test"}
    roles = {"target": target, "missing": missing, "group": group, "split": split, "split_by": split_by}
    made_of: dict[str, Any] = {"factory": "text", "vectorizer_fit": vectorizer_fit, "settings": settings}
    if os.path.isdir(expand_home(path)):
        others = {"text": text, "query": query, "test_path": test_path, "missing_marks": missing_marks}
        _refuse_roles(others | roles, path)
        return _of_folder(path, how, made_of, options)
    if text is None:
        raise DataError(
            f"{show_name(path)} is no folder; name one with a subfolder for each class, or a table's column of texts "
            "with "
            "data.text and the one of labels with data.target"
        )

    def made(raw: Raw) -> Dataset:
        there = [*raw.frame.columns]
        if find_column(text, there) not in there:
            raise DataError(explain_absent(raw, f"data.text={show_value(text)}", text))
        names = [name for name in (text, target or raw.target, group, split, split_by) if name]
        used = {find_column(name, there) for name in names}
        others = {name: "ignore" for name in there if name not in used}
        rows = understand(raw, columns={**others, text: "text"}, **roles, cell_format=cell_format)  # type: ignore[arg-type]
        return prepare_texts(name_table(path), rows, how, **options)

    sources = Sources(path, test_path, query, layout)
    made_of |= {**roles, "missing_marks": missing_marks, "column": text, "query": query}
    return make_from_content(sources, made_of, made)


def _refuse_roles(roles: dict[str, Any], path: str) -> None:
    for name, value in roles.items():
        if value is not None:
            raise DataError(
                f"data.{name}={value}: is for tables, and {show_name(path)} is a folder of texts; leave it out"
            )


def _of_folder(path: str, how: SplitSettings, made_of: dict[str, Any], options: dict[str, Any]) -> Dataset:
    found = folder_of_texts.read_folder(path)
    name = os.path.basename(os.path.normpath(path)) or "text"

    def made() -> Dataset:
        return prepare_texts(name, _understood(found, path), how, **options)

    return cache.keep_in_cache({**made_of, "content": found.digest}, made, name=name, source=path)


def _understood(found: folder_of_texts.FolderOfTexts, path: str) -> Understood:
    import pandas as pd

    texts = folder_of_texts.decode_folder(found, path)
    labels = np.array([one.class_name for one in found.texts], dtype=object)
    sizes = [f"{name} {(labels == name).sum():,}" for name in sort_classes(labels)]
    return Understood(
        frame=pd.DataFrame({COLUMN: pd.Series(texts, dtype=object)}),
        kinds={COLUMN: "text"},
        labels=labels,
        groups=None,
        part=None,
        rows=np.arange(len(texts)),
        source=path,
        n_missing={},
        told=[f"label: {len(sizes):,} classes in {len(texts):,} texts ({list_first(sizes, len(sizes))})", *found.told],
    )
