"""Prepared features: what a preparation in its plain form, JSON values and arrays, makes of the rows of a table.

This file is shipped with every model. It knows NumPy, SciPy and pandas, scikit-learn where there is text, and nothing
of the program that fitted the preparation.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_array

VERSION, CLIPPED = 1, 2
"""Of the plain form, and of that with a clip, which earlier readers would not apply."""

_MOST_UNSEEN, _MOST_KNOWN, _LONGEST = 5, 20, 60
"""Categories that are listed, and characters that are shown of each."""


def features(
    frame: "pd.DataFrame", values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> "NDArray[np.float64] | csr_array":
    """Make features of rows: numbers, then categories as indicators, then the words of texts.

    A number x becomes ``z = (x - mean) / scale``, or with a ``clip`` ``z / sqrt(1 + (z / clip)**2)``. A category
    becomes one indicator for each value of the training part, in order; one that was not in it has none. A text becomes
    a row of TF-IDF weights over the training part's words. What is missing is filled as in the training part, or
    refused if nothing was missing there.

    Parameters
    ----------
    frame : DataFrame of n_samples rows
        The columns are found by their names; others than those of the preparation are ignored. Cells may be text as it
        is written in a file.
    values : mapping
        ``version``; ``columns``, each with ``name``, ``kind`` (``number``, ``category`` or ``text``), a category with
        its ``categories`` and, where it can be filled, ``fill``, a text with its ``words`` and, where it can be
        filled, ``fill``; ``text``, the settings of
        `sklearn.feature_extraction.text.TfidfVectorizer`; ``missing``, the texts that stand for no value; ``sparse``;
        perhaps ``clip``.
    arrays : mapping of str to ndarray
        ``fill``, ``mean`` and ``scale`` of the numbers, each (n_numbers,), with NaN in ``fill`` where missing numbers
        are refused; for the text column at place i ``idf_i`` and ``places_i``, each (n_words,): the words' weights, and
        which of the column's features each is.

    Returns
    -------
    ndarray or csr_array of shape (n_samples, n_features)
        Float64; CSR where ``values["sparse"]``.

    Raises
    ------
    ValueError
        If a column is absent, or a cell is none of its kind.

    Examples
    --------
    >>> import pandas as pd
    >>> values = {"version": 1, "missing": [""], "sparse": False, "text": {}, "columns": [
    ...     {"name": "age", "kind": "number"}, {"name": "fur", "kind": "category", "categories": ["long", "short"]}]}
    >>> arrays = {"fill": np.array([np.nan]), "mean": np.array([4.0]), "scale": np.array([2.0])}
    >>> features(pd.DataFrame({"fur": ["short", "none"], "age": [5, 4]}), values, arrays)
    array([[0.5, 0. , 1. ],
           [0. , 0. , 0. ]])
    """
    if values["version"] not in (VERSION, CLIPPED):
        raise ValueError(f"this preparation has version {values['version']}, and {VERSION} to {CLIPPED} are known here")
    columns: list[Mapping[str, Any]] = values["columns"]
    _require_columns(frame, [column["name"] for column in columns])
    missing = frozenset(values["missing"])
    numbers = [column["name"] for column in columns if column["kind"] == "number"]
    blocks: list[Any] = [_numbers(frame, numbers, arrays, missing, values.get("clip"))] if numbers else []
    for column in columns:
        if column["kind"] == "category":
            blocks.append(_indicators(frame[column["name"]], column, missing, is_sparse=values["sparse"]))
    for place, column in enumerate(columns):
        if column["kind"] == "text":
            weights = arrays[f"idf_{place}"], arrays[f"places_{place}"]
            blocks.append(_words(frame[column["name"]], column, values["text"], weights))
    if values["sparse"]:
        from scipy import sparse

        return sparse.csr_array(sparse.hstack([sparse.csr_array(block) for block in blocks], format="csr"))
    return np.hstack(blocks) if len(blocks) > 1 else np.asarray(blocks[0])


def scale_numbers(
    X: NDArray[np.float64], arrays: Mapping[str, NDArray[Any]], clip: float | None = None
) -> NDArray[np.float64]:
    """Scale numbers, (n_samples, n_numbers): ``z = (X - mean) / scale``, or ``z / sqrt(1 + (z / clip)**2)``."""
    moved: NDArray[np.float64] = X - arrays["mean"]
    moved /= arrays["scale"]
    if clip is not None:
        moved /= np.hypot(1, moved / clip)
    return moved


def _require_columns(frame: "pd.DataFrame", names: Sequence[str]) -> None:
    there = [str(name) for name in frame.columns]
    absent = [name for name in names if name not in there]
    if absent:
        more = f" (nor {len(absent) - 1} more)" if len(absent) > 1 else ""
        first = ", ".join(there[:20]) + (", ..." if len(there) > 20 else "")
        raise ValueError(f"the table has no column {absent[0]!r}{more}; it has: {first}")
    twice = [name for name in names if there.count(name) > 1]
    if twice:
        raise ValueError(f"the table has more than one column {twice[0]!r}")


def _numbers(
    frame: "pd.DataFrame",
    names: Sequence[str],
    arrays: Mapping[str, NDArray[Any]],
    missing: frozenset[str],
    clip: float | None,
) -> NDArray[np.float64]:
    X = np.empty((len(frame), len(names)))
    for place, (name, fill) in enumerate(zip(names, arrays["fill"].tolist(), strict=True)):
        X[:, place] = filled = _column_of_numbers(frame[name], missing)
        absent = np.isnan(filled)
        if absent.any() and math.isnan(fill):
            raise _refused(name, np.flatnonzero(absent), "there is no value, and the training part has no gaps")
        X[absent, place] = fill
    return scale_numbers(X, arrays, clip)


def _column_of_numbers(series: "pd.Series[Any]", missing: frozenset[str]) -> NDArray[np.float64]:
    """Read a column as numbers; NaN for what is missing."""
    if series.dtype.kind in "biuf":
        column = series.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        cells = [*_cells(series, missing)]
        column = np.array([math.nan if cell is None else _number(cell) for cell in cells])
        wrong = [row for row, cell in enumerate(cells) if cell is not None and math.isnan(column[row])]
        if wrong:
            raise _refused(str(series.name), wrong, f"{cells[wrong[0]]!r} is no number")
    if np.isinf(column).any():
        raise _refused(str(series.name), np.flatnonzero(np.isinf(column)), "an infinite number")
    return column


def _number(cell: Any) -> float:
    """Read a number; NaN if it is none."""
    try:
        return math.nan if isinstance(cell, str) and "_" in cell else float(cell)
    except (TypeError, ValueError):
        return math.nan


def _indicators(
    series: "pd.Series[Any]", column: Mapping[str, Any], missing: frozenset[str], *, is_sparse: bool
) -> "NDArray[np.float64] | csr_array":
    places = _places(column["categories"])
    cells = [*_cells(series, missing.difference(places))]
    gaps = [row for row, cell in enumerate(cells) if cell is None]
    if gaps and column.get("fill") is None:
        raise _refused(column["name"], gaps, "there is no value, and the training part has no gaps")
    indices = np.array([_place(column.get("fill") if cell is None else cell, places) for cell in cells], dtype=np.intp)
    rows = np.flatnonzero(indices >= 0)
    shape, ones = (len(cells), len(column["categories"])), np.ones(len(rows))
    where = (rows, indices[rows])
    if is_sparse:
        from scipy import sparse

        return sparse.csr_array((ones, where), shape=shape)
    X = np.zeros(shape)
    X[where] = 1.0
    return X


def _places(categories: Sequence[str]) -> dict[str, int]:
    """Give the place of each category, by its text and, if it is a whole number, by the plainest way to write it."""
    whole = {number: place for place, text in enumerate(categories) if (number := whole_number(text)) is not None}
    return whole | {category: place for place, category in enumerate(categories)}


def _place(cell: Any, places: Mapping[str, int]) -> int:
    """Find the place of a cell's category; -1 if there is none."""
    word = _word(cell)
    return places[word] if word in places else places.get(whole_number(word) or "", -1)


def whole_number(text: str) -> str | None:
    """Write a whole number without a sign that says nothing and without a fraction of zero; None if it is none.

    Examples
    --------
    >>> whole_number("1.0"), whole_number("+1"), whole_number("01"), whole_number("1.5")
    ('1', '1', None, None)
    """
    match = re.fullmatch(r"([+-]?)(0|[1-9][0-9]*)(?:\.0*)?", text)
    return match and (match[2] if match[1] != "-" or match[2] == "0" else f"-{match[2]}")


def unseen(frame: "pd.DataFrame", values: Mapping[str, Any]) -> dict[str, tuple[int, int, list[str]]]:
    """Count the categories that the training part did not have.

    Parameters
    ----------
    frame : DataFrame of n_samples rows
        As for `features`.
    values : mapping
        As for `features`.

    Returns
    -------
    dict
        By column, if there are any: how many cells have such a category, of how many that have one, and the different
        ones in the order in which they come.
    """
    counts = {}
    for column in values["columns"]:
        if column["kind"] == "category":
            places = _places(column["categories"])
            cells = [*_cells(frame[column["name"]], frozenset(values["missing"]).difference(places))]
            words = [_word(cell) for cell in cells if cell is not None]
            if others := [word for word in words if _place(word, places) < 0]:
                counts[column["name"]] = len(others), len(words), list(dict.fromkeys(others))
    return counts


def explain_unseen(frame: "pd.DataFrame", values: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Say in which columns there are categories that the training part did not have; parameters as for `unseen`.

    Returns
    -------
    list of str, list of str
        A line for each column of which some values are such, which are none of its categories; and for each column of
        which all are, so that whatever a model says of it would be a guess.
    """
    categories = {column["name"]: column.get("categories", ()) for column in values["columns"]}
    warned, refused = [], []
    for name, (n_unseen, n_values, words) in unseen(frame, values).items():
        others = _listed(words, _MOST_UNSEEN)
        if n_unseen < n_values:
            warned.append(
                f"column {name}: {n_unseen:,} of {n_values:,} values are categories that the model has never seen "
                f"({others}); for it they are none of its {len(categories[name]):,}"
            )
        else:
            none = "its value is no" if n_values == 1 else f"none of its {n_values:,} values is a"
            refused.append(
                f"column {name}: {none} category that the model has seen ({others}); it knows "
                f"{_listed(categories[name], _MOST_KNOWN)}: write the column as it was in training"
            )
    return warned, refused


def _listed(words: Sequence[str], n_most: int) -> str:
    few = [repr(word if len(word) <= _LONGEST else word[: _LONGEST - 3] + "...") for word in words[:n_most]]
    return ", ".join(few) + (f" and {len(words) - n_most:,} more" if len(words) > n_most else "")


def _word(cell: Any) -> str:
    """Write a category as a file does: a whole number without a point."""
    is_whole = isinstance(cell, float | np.floating) and float(cell).is_integer() and abs(float(cell)) < 2**53
    return str(int(cell)) if is_whole else str(cell)


def _cells(series: "pd.Series[Any]", missing: frozenset[str]) -> Iterator[Any]:
    """Give a column's cells; None for those that stand for no value, and texts without spaces around them."""
    absent = series.isna().to_numpy()
    for cell, is_absent in zip(series.tolist(), absent, strict=True):
        text = cell.strip() if isinstance(cell, str) else cell
        yield None if is_absent or (isinstance(text, str) and text in missing) else text


def _words(
    series: "pd.Series[Any]",
    column: Mapping[str, Any],
    settings: Mapping[str, Any],
    weights: tuple[NDArray[np.float64], NDArray[Any]],
) -> "csr_array":
    absent = series.isna().to_numpy() if "fill" in column else np.zeros(len(series), dtype=bool)
    texts = [column["fill"] if is_absent else text for text, is_absent in zip(series.tolist(), absent, strict=True)]
    wrong = [row for row, text in enumerate(texts) if not isinstance(text, str)]
    if wrong:
        raise _refused(column["name"], wrong, "there is no text")
    from scipy import sparse

    if not texts:
        return sparse.csr_array((0, len(column["words"])))
    from sklearn.feature_extraction.text import TfidfVectorizer

    idf, places = weights
    vocabulary = {word: place for place, word in enumerate(column["words"])}
    plain = {name: tuple(value) if name == "ngram_range" else value for name, value in settings.items()}
    vectorizer = TfidfVectorizer(vocabulary=vocabulary, **plain)
    vectorizer.idf_ = idf
    X = sparse.csr_array(vectorizer.transform(texts))
    X = sparse.csr_array((X.data, places[X.indices], X.indptr), shape=X.shape)
    X.sort_indices()
    return X


def _refused(name: str, rows: Sequence[int] | NDArray[np.intp], rule: str) -> ValueError:
    more = f", and {len(rows) - 1} more rows" if len(rows) > 1 else ""
    return ValueError(f"column {name!r}, row {rows[0] + 1}: {rule}{more}")
