"""A data set of somebody's own: a table or texts, understood, divided and prepared.

The division comes first; leaks are counted in the rows as they are, and what prepares them is fitted to the training
part alone.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data import division, leaks
from nnsweep.data.dataset import Dataset, Example
from nnsweep.data.division import Dividing, Division, Labels
from nnsweep.data.preparation import Preparation, fitted
from nnsweep.data.prepared import unseen
from nnsweep.data.rare import without_rare
from nnsweep.data.reading.advice import column_kind
from nnsweep.data.reading.column import LARGEST
from nnsweep.data.reading.dates import origin
from nnsweep.data.reading.missing import Policy
from nnsweep.data.reading.table_columns import Understood
from nnsweep.data.reading.table_problems import listing, named, shown, together
from nnsweep.data.tfidf import weighed
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples, Features

if TYPE_CHECKING:
    import pandas as pd


def of_table(
    name: str,
    rows: Understood,
    how: Dividing,
    *,
    missing: Policy,
    standardize: bool,
    text: Mapping[str, Any],
) -> Dataset:
    """Make a data set of a table's rows.

    Parameters
    ----------
    name : str
        The data set's name.
    rows : Understood
        What it is made of.
    how : Dividing
        How they are divided.
    missing : Policy
        What gaps are filled with.
    standardize : bool
        Whether numbers are brought to mean 0 and variance 1.
    text : mapping
        Settings of `sklearn.feature_extraction.text.TfidfVectorizer`.

    Returns
    -------
    Dataset
        Numbers first, then indicators of categories, then words; CSR where there are words.

    Raises
    ------
    DataError
        If the rows cannot be divided or prepared.
    """
    with _about(rows.source):
        rows = without_rare(_parted(rows, how), how)
        labels, found = _divided(rows, how)
        train = rows.frame.iloc[found.train]
        X, preparation = fitted(train, rows.kinds, missing=missing, standardize=standardize, text=text)
    preparation = preparation.told_how({}, ())  # these rows have been read: no text in them stands for a missing value
    with _about(rows.source):
        rows = replace(rows, told=[*rows.told, *_unseen(rows.frame, found, preparation)])
    features = {
        part: X if part == "train" else preparation.transform(rows.frame.iloc[its]) for part, its in found.parts.items()
    }
    for part, its in found.parts.items():
        _refuse_overflow(features[part], its, rows)
    preparation = preparation.told_how(rows.written, rows.marks)  # others are read by it as they are written
    return _made(name, rows, (labels, found, how), features=features, preparation=preparation)


def _unseen(frame: "pd.DataFrame", found: Division, preparation: Preparation) -> Iterator[str]:
    """Tell of the categories of other parts that the training part does not have; refuse columns with no other.

    Raises
    ------
    DataError
        Naming all such columns.
    """
    names = {"val": "validation", "test": "test"}
    told, problems = [], []
    for part in found.parts.keys() - {"train"}:
        for column, (n_unseen, n_values, words) in unseen(frame.iloc[found.parts[part]], preparation.values).items():
            few = f"{listing(map(shown, words[:3]), len(words[:3]))}{' ...' if len(words) > 3 else ''}"
            told.append(f"{named(column)} {n_unseen:,} of {n_values:,} {names[part]} values ({few})")
            if n_unseen == n_values:
                problems.append(
                    f"column {named(column)}: none of the {n_values:,} values of the {names[part]} part is a category "
                    f"of the training part ({few}); {column_kind(column, 'ignore')}, or divide the rows otherwise"
                )
    if problems:
        raise together(sorted(problems))
    if told:
        yield f"categories that the training part does not have: {listing(sorted(told), len(told))}"


def _refuse_overflow(X: Features, its: NDArray[np.intp], rows: Understood) -> None:
    """Refuse numbers of a part (n_samples, n_features) that standardising has brought beyond those of a network."""
    numbers = [name for name, kind in rows.kinds.items() if kind == "number"]
    block = X[:, : len(numbers)]
    block = block if isinstance(block, np.ndarray) else np.asarray(block.toarray())
    wrong = np.argwhere(np.abs(block) > LARGEST)
    if len(wrong) and rows.place is not None:
        raise together(
            f"{rows.place(int(rows.rows[its[row]]), origin(rows.written.get(numbers[column], {}), numbers[column]))}: "
            f"{shown(rows.frame[numbers[column]].iloc[its[row]])} is beyond what a network can take beside the values "
            f"of the training part; mend it, or {column_kind(numbers[column], 'ignore')}"
            for row, column in wrong
        )


def of_texts(name: str, rows: Understood, how: Dividing, *, text: dict[str, Any], fit_together: bool) -> Dataset:
    """Make a data set of texts, the only column of rows.

    Parameters
    ----------
    name, rows, how, text
        As for `of_table`.
    fit_together : bool
        Whether words and their weights come from all parts, and not from the training part alone.

    Returns
    -------
    Dataset
        CSR features.

    Raises
    ------
    DataError
        If the texts cannot be divided, or no word is left.
    """
    (column,) = rows.kinds
    with _about(rows.source):
        rows = without_rare(_parted(rows, how), how)
        texts = rows.frame[column].to_numpy()
        labels, found = _divided(rows, how)
        parts = [texts[its].tolist() for its in found.parts.values()]
        features, preparation = weighed(parts, column, text, together=fit_together)
    by_part = dict(zip(found.parts, features, strict=True))
    return _made(name, rows, (labels, found, how), features=by_part, preparation=preparation)


@contextlib.contextmanager
def _about(source: str) -> Iterator[None]:
    """Within it, what is wrong is told with where the rows come from."""
    try:
        yield
    except DataError as error:
        raise DataError(*(f"{named(source)}: {problem}" for problem in error.problems)) from error


def _parted(rows: Understood, how: Dividing) -> Understood:
    """Give rows their parts by their order, if they have one, and say where each part begins and ends."""
    if rows.ordering is None:
        return rows
    part, texts = division.by_order(rows.ordering.ranks, how), rows.ordering.texts
    spans = []
    for name, word in (("train", "training"), ("val", "validation"), ("test", "test")):
        if len(its := np.flatnonzero(part == name)):
            ranks = rows.ordering.ranks[its]
            spans.append(f"{word} {shown(texts[its[ranks.argmin()]])} to {shown(texts[its[ranks.argmax()]])}")
    told = f"parts by {named(rows.ordering.column)}: {', '.join(spans)}"
    return replace(rows, part=part, part_key="data.split_by", ordering=None, told=[*rows.told, told])


def _divided(rows: Understood, how: Dividing) -> tuple[Labels, Division]:
    class_names = sorted_classes(rows.labels)
    if len(class_names) < 2:
        raise DataError("there is one class only; there must be two or more to tell apart")
    numbers = {name: number for number, name in enumerate(class_names)}
    y = np.array([numbers[label] for label in rows.labels.tolist()], dtype=np.int64)
    labels = Labels(y, class_names, rows.groups)
    return labels, division.division(labels, how, part=rows.part, part_key=rows.part_key)


def sorted_classes(labels: NDArray[Any]) -> tuple[str, ...]:
    """Give the different labels in order: numbers as numbers, if all are.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,)
        Names of classes.

    Examples
    --------
    >>> sorted_classes(np.array(["10", "9", "-1"])), sorted_classes(np.array(["10", "9", "none"]))
    (('-1', '9', '10'), ('10', '9', 'none'))
    """
    names = sorted(set(labels.tolist()))
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(names)


def _made(
    name: str,
    rows: Understood,
    divided: tuple[Labels, Division, Dividing],
    *,
    features: Mapping[str, Features],
    preparation: Preparation,
) -> Dataset:
    labels, found, how = divided
    parts = {part: Examples(X, labels.y[found.parts[part]]) for part, X in features.items()}
    told = [*rows.told, f"features: {parts['train'].X.shape[1]:,}", *division.told(found, labels, how)]
    return Dataset(
        name,
        parts["train"],
        parts.get("val"),
        parts["test"],
        tuple(labels.class_names),
        rows.source,
        preparation,
        Example.of_frame(rows.frame.iloc[found.test]),
        tuple(told),
        leaks.leaks(rows.frame, labels.y, found.parts),
    )
