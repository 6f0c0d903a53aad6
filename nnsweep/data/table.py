"""How a table becomes a data set: its rows are split, and a preparation is fitted to the training part.

`prepare_table` is for columns of any kind, `prepare_texts` for one column of texts. Both split first; leaks are
counted in the rows as they are.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.dataset import Dataset, Example
from nnsweep.data.leaks import count_leaks
from nnsweep.data.preparation import Preparation, fit_preparation
from nnsweep.data.prepared import unseen
from nnsweep.data.problems import column_kind, combine_problems, list_first, show_name, show_value
from nnsweep.data.reading.column import LARGEST
from nnsweep.data.reading.dates import origin
from nnsweep.data.reading.table_columns import TypedTable
from nnsweep.data.split import (
    PART_NAMES,
    Labels,
    Split,
    SplitSettings,
    describe_split,
    split_by_order,
    split_rows,
)
from nnsweep.data.table_settings import Policy, Scaling
from nnsweep.data.texts import weigh_words
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples, Features

if TYPE_CHECKING:
    import pandas as pd


OTHER = "other"
"""The class of all rare ones together."""


def prepare_table(
    name: str,
    rows: TypedTable,
    settings: SplitSettings,
    *,
    missing: Policy,
    scaling: Scaling,
    text: Mapping[str, Any],
) -> Dataset:
    """Make a data set of a table's rows.

    Parameters
    ----------
    name : str
        The data set's name.
    rows : TypedTable
        What it is made of.
    settings : SplitSettings
        How they are split.
    missing : Policy
        What gaps are filled with.
    scaling : Scaling
        How numbers are scaled.
    text : mapping
        Settings of `sklearn.feature_extraction.text.TfidfVectorizer`.

    Returns
    -------
    Dataset
        Numbers first, then indicators of categories, then words; CSR where there are words.

    Raises
    ------
    DataError
        If the rows cannot be split or prepared.
    """
    with _naming(rows.source):
        rows, labels, split = _split(rows, settings)
        train = rows.frame.iloc[split.train]
        weight = None if rows.weight is None else rows.weight[split.train]
        X, preparation = fit_preparation(train, rows.kinds, missing=missing, scaling=scaling, text=text, weight=weight)
        preparation = preparation.with_notation({}, ())  # these rows have been read: no text in them is a missing value
        rows = replace(rows, notes=[*rows.notes, *_compare_categories(rows.frame, split, preparation)])
    features = {
        part: X if part == "train" else preparation.transform(rows.frame.iloc[its]) for part, its in split.parts.items()
    }
    for part, its in split.parts.items():
        _refuse_overflow(features[part], its, rows)
    preparation = preparation.with_notation(rows.written, rows.marks)  # others are read by it as they are written
    return _assemble(name, rows, labels, split, settings, features, preparation)


def prepare_texts(
    name: str, rows: TypedTable, settings: SplitSettings, *, text: dict[str, Any], fit_together: bool
) -> Dataset:
    """Make a data set of texts, the only column of rows.

    Parameters
    ----------
    name, rows, settings, text
        As for `prepare_table`.
    fit_together : bool
        Whether words and their weights come from all parts, and not from the training part alone.

    Returns
    -------
    Dataset
        CSR features.

    Raises
    ------
    DataError
        If the texts cannot be split, or no word is left.
    """
    (column,) = rows.kinds
    with _naming(rows.source):
        rows, labels, split = _split(rows, settings)
        texts = rows.frame[column].to_numpy()
        by_part = {part: texts[its].tolist() for part, its in split.parts.items()}
        features, preparation = weigh_words(by_part, column, text, together=fit_together)
    return _assemble(name, rows, labels, split, settings, features, preparation)


@contextlib.contextmanager
def _naming(source: str) -> Iterator[None]:
    """Put where the rows come from before whatever is wrong within."""
    try:
        yield
    except DataError as error:
        raise DataError(*(f"{show_name(source)}: {problem}" for problem in error.problems)) from error


def _split(rows: TypedTable, settings: SplitSettings) -> tuple[TypedTable, Labels, Split]:
    """Split rows, by their order if they have one, without those of rare classes if that is asked for.

    The labels are those of the rows that stay; only classification has classes to split by.
    """
    if rows.ordering is not None:
        column, ranks, texts = rows.ordering
        part = split_by_order(ranks, settings)
        spans = []
        for name, word in PART_NAMES.items():
            if len(its := np.flatnonzero(part == name)):
                first, last = its[ranks[its].argmin()], its[ranks[its].argmax()]
                spans.append(f"{word} {show_value(texts[first])} to {show_value(texts[last])}")
        note = f"parts by {show_name(column)}: {', '.join(spans)}"
        rows = replace(rows, part=part, part_key="data.split_by", notes=[*rows.notes, note])
    if rows.task != "classification":
        if settings.rare is not None:
            raise DataError(f"data.rare={settings.rare}: is for classes, and the task is {rows.task}; leave it out")
        labels = Labels.of_rows(len(rows.frame), rows.groups)
        return rows, labels, split_rows(labels, settings, part=rows.part, part_key=rows.part_key)
    rows = merge_rare(rows, settings)
    class_names = sort_classes(rows.targets)
    if len(class_names) < 2:
        raise DataError("there is one class only; there must be two or more to tell apart")
    numbers = {name: number for number, name in enumerate(class_names)}
    y = np.array([numbers[label] for label in rows.targets.tolist()], dtype=np.int64)
    labels = Labels(y, class_names, rows.groups)
    return rows, labels, split_rows(labels, settings, part=rows.part, part_key=rows.part_key)


def merge_rare(rows: TypedTable, settings: SplitSettings) -> TypedTable:
    """Leave out the rows of rare classes, or give them one class together, as `SplitSettings.rare` has it.

    Parameters
    ----------
    rows : TypedTable
        A table.
    settings : SplitSettings
        How it will be split.

    Returns
    -------
    TypedTable
        With a note on what was done.

    Raises
    ------
    DataError
        If the rare classes together are still rare.
    """
    if settings.rare not in ("drop", OTHER):
        return rows
    n_fewest = settings.count_fewest(rows.part)
    counted: Counter[str] = Counter(
        (rows.targets if rows.part is None else rows.targets[rows.part == "train"]).tolist()
    )
    sizes = {name: counted[name] for name in rows.targets.tolist()}
    rare = sorted((name for name, size in sizes.items() if size < n_fewest), key=lambda name: (sizes[name], name))
    if not rare:
        return rows
    is_rare = np.isin(rows.targets, rare)
    counts = list_first((f"{name} {sizes[name]:,}" for name in rare), len(rare))
    where = " in the training part" if rows.part is not None else ""
    note = f"rare classes, with fewer than {n_fewest} rows{where}: {counts}; "
    if settings.rare == "drop":
        return _keep(rows, ~is_rare, note + f"their {int(is_rare.sum()):,} rows are left out")
    # a class that is called "other" already takes the rare ones in
    if (size := counted[OTHER] * (OTHER not in rare) + sum(sizes[name] for name in rare)) < n_fewest:
        raise DataError(
            f"data.rare=other: the rare classes ({counts}) have {size} rows together{where}, this needs {n_fewest}; "
            "data.rare=drop leaves them out"
        )
    labels = np.where(is_rare, OTHER, rows.targets)
    return replace(rows, targets=labels, notes=[*rows.notes, note + f"they are one class, {OTHER!r}"])


def _keep(rows: TypedTable, keep: NDArray[np.bool_], note: str) -> TypedTable:
    return replace(
        rows,
        frame=rows.frame[keep].reset_index(drop=True),
        targets=rows.targets[keep],
        groups=None if rows.groups is None else rows.groups[keep],
        part=None if rows.part is None else rows.part[keep],
        weight=None if rows.weight is None else rows.weight[keep],
        rows=rows.rows[keep],
        notes=[*rows.notes, note],
    )


def sort_classes(labels: NDArray[Any]) -> tuple[str, ...]:
    """Give the different labels in order: numbers as numbers, if all are.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,)
        Names of classes.

    Examples
    --------
    >>> sort_classes(np.array(["10", "9", "-1"])), sort_classes(np.array(["10", "9", "none"]))
    (('-1', '9', '10'), ('10', '9', 'none'))
    """
    names = sorted(set(labels.tolist()))
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(names)


def _compare_categories(frame: "pd.DataFrame", split: Split, preparation: Preparation) -> Iterator[str]:
    """Note the categories of other parts that the training part does not have; refuse columns with no other.

    Raises
    ------
    DataError
        Naming all such columns.
    """
    notes, problems = [], []
    for part in split.parts.keys() - {"train"}:
        its = frame.iloc[split.parts[part]]
        for column, (n_unseen, n_values, words) in unseen(its, preparation.values).items():
            few = f"{list_first(map(show_value, words[:3]), len(words[:3]))}{' ...' if len(words) > 3 else ''}"
            notes.append(f"{show_name(column)} {n_unseen:,} of {n_values:,} {PART_NAMES[part]} values ({few})")
            if n_unseen == n_values:
                problems.append(
                    f"column {show_name(column)}: none of the {n_values:,} values of the {PART_NAMES[part]} part is a "
                    f"category of the training part ({few}); {column_kind(column, 'ignore')}, or divide the rows "
                    "otherwise"
                )
    if problems:
        raise combine_problems(sorted(problems))
    if notes:
        yield f"categories that the training part does not have: {list_first(sorted(notes), len(notes))}"


def _refuse_overflow(X: Features, its: NDArray[np.intp], rows: TypedTable) -> None:
    """Refuse numbers of a part (n_samples, n_features) that standardizing has brought beyond those of a network."""
    numbers = [name for name, kind in rows.kinds.items() if kind == "number"]
    block = X[:, : len(numbers)]
    block = block if isinstance(block, np.ndarray) else np.asarray(block.toarray())
    wrong = np.argwhere(np.abs(block) > LARGEST)
    if len(wrong) and rows.place is not None:
        raise combine_problems(
            f"{rows.place(int(rows.rows[its[row]]), origin(rows.written.get(numbers[column], {}), numbers[column]))}: "
            f"{show_value(rows.frame[numbers[column]].iloc[its[row]])} is beyond what a network can take beside the "
            f"values of the training part; mend it, or {column_kind(numbers[column], 'ignore')}"
            for row, column in wrong
        )


def _assemble(
    name: str,
    rows: TypedTable,
    labels: Labels,
    split: Split,
    settings: SplitSettings,
    features: Mapping[str, Features],
    preparation: Preparation,
) -> Dataset:
    y, weight = labels.y if rows.task == "classification" else rows.targets, rows.weight
    parts = {
        part: Examples(X, y[its], None if weight is None else weight[its])
        for part, X in features.items()
        for its in [split.parts[part]]
    }
    n_features = f"features: {parts['train'].X.shape[1]:,}"
    return Dataset(
        name,
        parts["train"],
        parts.get("val"),
        parts["test"],
        tuple(labels.class_names),
        rows.source,
        preparation,
        Example.of_frame(rows.frame.iloc[split.test]),
        (*rows.notes, n_features, *describe_split(split, labels, settings)),
        count_leaks(rows.frame, y, split.parts),
        task=rows.task,
        label_names=rows.target_names if rows.task == "multilabel" else (),
        target_names=rows.target_names if rows.task == "regression" else (),
    )
