"""The data set ``text``: texts in a folder, one subfolder for each class, or in a column of a table."""

import os
from typing import Any, Literal

import numpy as np

from nnsweep.data import cache, folder_of_texts
from nnsweep.data.dataset import Dataset
from nnsweep.data.own_table import Sources, name_of, of_content, parted
from nnsweep.data.reading.cells import CellFormat, Mark
from nnsweep.data.reading.layout import Layout
from nnsweep.data.reading.missing import Missing
from nnsweep.data.reading.problems import listing, named, shown
from nnsweep.data.reading.raw import Raw
from nnsweep.data.reading.roles import ColumnName, explain_absent, find_column
from nnsweep.data.reading.table_columns import Understood, understand
from nnsweep.data.split import SplitSettings
from nnsweep.data.table import prepare_texts, sort_classes
from nnsweep.data.tfidf import Weighing
from nnsweep.errors import DataError
from nnsweep.files import expand_home
from nnsweep.mlp.ranges import extended, ranged

COLUMN = "text"
"""The name of the column that the texts of a folder are in."""


@ranged
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
        A folder with one subfolder for each class, or a table as for `nnsweep.data.own_table.table`. It says where to
        look and does not change the data.
    test_path : str or None
        Another table, whose rows are the test part.
    text : str or None
        The table's column of texts; ``None`` for a folder.
    target, query, missing, missing_marks, group, split, split_by
        As for `nnsweep.data.own_table.table`; for a table alone.
    vectorizer_fit : {"train", "train_and_test"}
        Which texts words and their weights are taken from. ``train`` leaves out validation and test part.
    **settings
        Those of `nnsweep.data.split.SplitSettings`, `nnsweep.data.tfidf.Weighing` and
        `nnsweep.data.reading.layout.Layout`.

    Returns
    -------
    Dataset
        CSR features (n_samples, n_words); classes in the order of their names.

    Raises
    ------
    DataError
        If the texts cannot be had, understood or divided, or no word is left.
    """
    how, weighing, layout, _ = parted(settings)
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
            f"{named(path)} is no folder; name one with a subfolder for each class, or a table's column of texts with "
            "data.text and the one of labels with data.target"
        )

    def made(raw: Raw) -> Dataset:
        there = [*raw.frame.columns]
        if find_column(text, there) not in there:
            raise DataError(explain_absent(raw, f"data.text={shown(text)}", text))
        names = [name for name in (text, target or raw.target, group, split, split_by) if name]
        used = {find_column(name, there) for name in names}
        others = {name: "ignore" for name in there if name not in used}
        rows = understand(raw, columns={**others, text: "text"}, **roles, cell_format=cell_format)  # type: ignore[arg-type]
        return prepare_texts(name_of(path), rows, how, **options)

    sources = Sources(path, test_path, query, layout)
    made_of |= {**roles, "missing_marks": missing_marks, "column": text, "query": query}
    return of_content(sources, made_of, made)


def _refuse_roles(roles: dict[str, Any], path: str) -> None:
    for name, value in roles.items():
        if value is not None:
            raise DataError(f"data.{name}={value}: is for tables, and {named(path)} is a folder of texts; leave it out")


def _of_folder(path: str, how: SplitSettings, made_of: dict[str, Any], options: dict[str, Any]) -> Dataset:
    found = folder_of_texts.read_folder(path)
    name = os.path.basename(os.path.normpath(path)) or "text"

    def made() -> Dataset:
        return prepare_texts(name, _understood(found, path), how, **options)

    return cache.kept({**made_of, "content": found.digest}, made, name=name, source=path)


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
        told=[f"label: {len(sizes):,} classes in {len(texts):,} texts ({listing(sizes, len(sizes))})", *found.told],
    )
