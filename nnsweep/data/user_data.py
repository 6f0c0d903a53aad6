"""Data of one's own: ``table`` is rows of a file or a database, ``text`` a folder or a column of texts.

What reads a table is imported by the factory that needs it: most sweeps read none.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from nnsweep.data.cache import content_digest, keep_in_cache
from nnsweep.data.dataset import DATA_SETS, Dataset
from nnsweep.data.problems import list_first, show_name, show_value
from nnsweep.data.split import SplitSettings
from nnsweep.data.table_settings import (
    AS_WRITTEN,
    CellFormat,
    ColumnName,
    ColumnSettings,
    Layout,
    Mark,
    Policy,
    RoleSettings,
    choose_scaling,
    pick_settings,
)
from nnsweep.data.texts import Weighing, decode_folder, read_folder
from nnsweep.errors import DataError
from nnsweep.files import expand_home
from nnsweep.mlp.choices import extended

if TYPE_CHECKING:
    from nnsweep.data.reading.read import RawTable

_MOST_TRIES = 3


@DATA_SETS.register
@extended(ColumnSettings, SplitSettings, Weighing, Layout, CellFormat)
def table(*, path: str, test_path: str | None = None, query: str | None = None, **settings: Any) -> Dataset:
    """Read a table of somebody's own.

    Parameters
    ----------
    path : str
        A file: CSV, TSV, Parquet, Feather, ARFF, JSON, Excel, npz or svmlight, by its ending, perhaps packed; or the
        address of a database. It says where to look and does not change the data.
    test_path : str or None
        Another such file, whose rows are the test part.
    query : str or None
        What to ask a database.
    **settings
        Those of `ColumnSettings`, `nnsweep.data.split.SplitSettings`, `Layout` and `CellFormat`, and for columns of
        texts those of `nnsweep.data.texts.Weighing`.

    Returns
    -------
    Dataset
        Numbers, then one indicator for each category, then words; classes in the order of their names, or labels or
        targets in the order in which they are named.

    Raises
    ------
    DataError
        If the table cannot be had, understood, split or prepared.
    """
    make = plan_table(settings)
    source = TableSource(path, test_path, query, pick_settings(Layout, settings))
    made_of = {"factory": "table", "query": query, "settings": settings}
    return make_from_content(source, made_of, partial(make, name_table(path)))


def plan_table(settings: Mapping[str, Any]) -> "Callable[[str, RawTable], Dataset]":
    """Check the settings of a table, and give the function that makes a data set of a name and a table.

    Parameters
    ----------
    settings : mapping
        As for `table`.

    Raises
    ------
    DataError
        If a setting of words cannot be.
    """
    columns, cell_format = pick_settings(ColumnSettings, settings), pick_settings(CellFormat, settings)
    split, words = pick_settings(SplitSettings, settings), pick_settings(Weighing, settings).settings()
    columns, policy = _name_task(columns, split), Policy.of(columns.missing)

    def make(name: str, raw: "RawTable") -> Dataset:
        from nnsweep.data.reading.table_columns import infer_columns
        from nnsweep.data.table import prepare_table

        rows = infer_columns(raw, columns, cell_format)
        scaling = choose_scaling(columns.scaling, standardize=columns.standardize)
        return prepare_table(name, rows, split, missing=policy, scaling=scaling, text=words)

    return make


def _name_task(columns: ColumnSettings, split: SplitSettings) -> ColumnSettings:
    """Name the task of whoever has not: who says what becomes of rare classes has classes."""
    return replace(columns, task="classification") if split.rare and columns.task is None else columns


class TableSource(NamedTuple):
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

    def read(self) -> "RawTable":
        """Read the table, or both."""
        from nnsweep.data.reading.read import add_test_part, read_table

        raw = read_table(self.path, query=self.query, layout=self.layout)
        if self.test_path is None:
            return raw
        return add_test_part(raw, read_table(self.test_path, layout=self.layout, key="data.test_path"))

    def digest(self) -> str | None:
        """Hash the content as `read` would; None if that needs the table, or if reading it will be refused."""
        from nnsweep.data.reading.read import digest_of_both

        files = [Path(expand_home(path)) for path in (self.path, self.test_path) if path is not None]
        try:
            if self.query is not None or not all(file.is_file() for file in files):
                return None
            digests = [content_digest(file) for file in files]
        except (OSError, ValueError):
            return None
        return digests[0] if len(digests) == 1 else digest_of_both(*digests)


class _ChangedError(Exception):
    """A file is no longer what it was a moment ago."""


def make_from_content(
    source: TableSource, made_of: Mapping[str, Any], make: "Callable[[RawTable], Dataset]"
) -> Dataset:
    """Make a data set of a table, or take it from the cache if the same has been made of the same content.

    Parameters
    ----------
    source : TableSource
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
    from nnsweep.data.reading.table_file import suffix_of

    endings = [suffix_of(path) for path in (source.path, source.test_path) if path is not None]

    def make_unchanged(raw: "RawTable | None", digest: str) -> Dataset:
        raw = raw or source.read()
        if raw.digest != digest:
            raise _ChangedError
        return make(raw)

    for _ in range(_MOST_TRIES):
        digest = source.digest()
        raw = None if digest else source.read()
        digest = raw.digest if raw else str(digest)
        try:
            return keep_in_cache(
                {**made_of, "content": digest, "endings": endings},
                partial(make_unchanged, raw, digest),
                name=name_table(source.path),
                source=raw.source if raw else source.path,
            )
        except _ChangedError:
            continue
    raise DataError(f"{show_name(source.path)} changes while it is read; let whoever writes it finish first")


def name_table(path: str) -> str:
    """Name a table as its file is, without its endings.

    Examples
    --------
    >>> name_table("data/cats.csv.gz"), name_table("sqlite:///cats.db")
    ('cats', 'cats')
    """
    return Path(path).name.partition(".")[0] or "table"


@DATA_SETS.register
@extended(RoleSettings, SplitSettings, Weighing, Layout)
def text(
    *,
    path: str,
    test_path: str | None = None,
    text: ColumnName | None = None,
    query: str | None = None,
    missing_marks: tuple[Mark, ...] | None = None,
    vectorizer_fit: Literal["train", "train_and_test"] = "train",
    **settings: Any,
) -> Dataset:
    """Read texts of somebody's own, to be classified by their words.

    Parameters
    ----------
    path : str
        A folder with one subfolder for each class, or a table as for `table`. It says where to look and does not change
        the data.
    test_path : str or None
        Another table, whose rows are the test part.
    text : str or None
        The table's column of texts; ``None`` for a folder.
    query, missing_marks
        As for `table`; for a table alone.
    vectorizer_fit : {"train", "train_and_test"}
        Which texts words and their weights are taken from. ``train`` leaves out validation and test part.
    **settings
        Those of `RoleSettings` and `Layout`, for a table alone, `nnsweep.data.split.SplitSettings` and
        `nnsweep.data.texts.Weighing`.

    Returns
    -------
    Dataset
        CSR features (n_samples, n_words); classes in the order of their names.

    Raises
    ------
    DataError
        If the texts cannot be had, understood or split, or no word is left.
    """
    roles, split = pick_settings(RoleSettings, settings), pick_settings(SplitSettings, settings)
    options: dict[str, Any] = {"text": pick_settings(Weighing, settings).settings()}
    options["fit_together"] = vectorizer_fit == "train_and_test"
    made_of: dict[str, Any] = {"factory": "text", "vectorizer_fit": vectorizer_fit, "settings": settings}
    if os.path.isdir(expand_home(path)):
        others = {"text": text, "query": query, "test_path": test_path, "missing_marks": missing_marks, **vars(roles)}
        for name, value in others.items():
            if value is not None:
                raise DataError(
                    f"data.{name}={value}: is for tables, and {show_name(path)} is a folder of texts; leave it out"
                )
        return _make_from_folder(path, split, made_of, options)
    if text is None:
        raise DataError(
            f"{show_name(path)} is no folder; name one with a subfolder for each class, or a table's column of texts "
            "with data.text and the one of labels with data.target"
        )

    def make(raw: "RawTable") -> Dataset:
        from nnsweep.data.reading.roles import explain_absent, find_column
        from nnsweep.data.reading.table_columns import infer_columns
        from nnsweep.data.table import prepare_texts

        names = [*raw.frame.columns]
        if find_column(text, names) not in names:
            raise DataError(explain_absent(raw, f"data.text={show_value(text)}", text))
        target = roles.target or raw.target or ()
        targets = (target,) if isinstance(target, str) else target
        special = (text, *targets, roles.weight, roles.group, roles.split, roles.split_by)
        used = {find_column(name, names) for name in special if name}
        kinds: dict[str, Any] = {name: "ignore" for name in names if name not in used} | {text: "text"}
        columns = _name_task(ColumnSettings(columns=kinds, **vars(roles)), split)
        rows = infer_columns(raw, columns, CellFormat(missing_marks=missing_marks))
        return prepare_texts(name_table(path), rows, split, **options)

    source = TableSource(path, test_path, query, pick_settings(Layout, settings))
    made_of |= {"missing_marks": missing_marks, "column": text, "query": query}
    return make_from_content(source, made_of, make)


def _make_from_folder(path: str, split: SplitSettings, made_of: Mapping[str, Any], options: dict[str, Any]) -> Dataset:
    folder = read_folder(path)
    name = os.path.basename(os.path.normpath(path)) or "text"

    def make() -> Dataset:
        import pandas as pd

        from nnsweep.data.reading.table_columns import TypedTable
        from nnsweep.data.table import prepare_texts, sort_classes

        texts = decode_folder(folder, path)
        labels = np.array([one.class_name for one in folder.texts], dtype=object)
        sizes = [f"{name} {(labels == name).sum():,}" for name in sort_classes(labels)]
        classes = f"label: {len(sizes):,} classes in {len(texts):,} texts ({list_first(sizes, len(sizes))})"
        rows = TypedTable(
            frame=pd.DataFrame({"text": pd.Series(texts, dtype=object)}),
            kinds={"text": "text"},
            targets=labels,
            groups=None,
            part=None,
            rows=np.arange(len(texts)),
            source=path,
            n_missing={},
            notes=[classes, *folder.notes],
        )
        return prepare_texts(name, rows, split, **options)

    return keep_in_cache({**made_of, "content": folder.digest}, make, name=name, source=path)
