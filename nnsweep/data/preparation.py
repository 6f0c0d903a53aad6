"""A preparation: what was learned from the training part in order to turn a table's rows into features.

scikit-learn's pipelines learn it; what they learned is then brought into a plain form, JSON values and arrays, which
`nnsweep.data.prepared.features` applies wherever a model goes, with the same bits and without a pickle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnsweep.data import prepared
from nnsweep.data.problems import column_kind
from nnsweep.data.table_settings import MISSING, OWN, Kind, Missing, Policy, Scaling
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Features

if TYPE_CHECKING:  # imported where it is used: reading the configuration should not cost its import
    import pandas as pd

_LEARNING = ("max_features", "min_df", "max_df", "use_idf", "smooth_idf")  # done with once words have their weights
_WIDE = 10  # times more features than cells a row: most of them are zero, and CSR is smaller


Scales: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64], float | None]
"""What is subtracted from numbers, what they are then divided by, (n_numbers,) each, and what the results tend to."""


class PreparedColumn(NamedTuple):
    """A column that features are made of.

    Attributes
    ----------
    name : str
        Its name in the table.
    kind : {"number", "category", "text"}
        What its cells are.
    """

    name: str
    kind: Kind


@dataclass(frozen=True, eq=False)
class Preparation:
    """What is done to a table's columns, in plain form.

    Attributes
    ----------
    values : dict
        JSON values, see `nnsweep.data.prepared.features`.
    arrays : dict of str to ndarray
        Numbers, as they are described there; no array of objects.
    """

    values: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    @property
    def columns(self) -> tuple[PreparedColumn, ...]:
        """The columns that features are made of, in the table's order."""
        return tuple(PreparedColumn(column["name"], column["kind"]) for column in self.values["columns"])

    def with_notation(self, written: Mapping[str, Mapping[str, Any]], marks: Sequence[str]) -> "Preparation":
        """Give the same with how the cells of its columns are written, for whoever reads other tables for it.

        Parameters
        ----------
        written : mapping of str to mapping
            By column, as in `nnsweep.data.reading.table_columns.TypedTable`.
        marks : sequence of str
            The texts that stand for a missing value.
        """
        columns = []
        for column in self.values["columns"]:
            notation = dict(written.get(column["name"], {}))
            if values := [category for category in column.get("categories", ()) if category in marks]:
                notation["values"] = values
            columns.append(column | ({"written": notation} if notation else {}))
        return Preparation({**self.values, "missing": [*marks], "columns": columns}, self.arrays)

    def transform(self, frame: "pd.DataFrame") -> Features:
        """Make features of a table's rows.

        Parameters
        ----------
        frame : DataFrame of n_samples rows
            The columns are found by their names.

        Returns
        -------
        ndarray or csr_array of shape (n_samples, n_features)
            Numbers first, then indicators of categories, then words.

        Raises
        ------
        ValueError
            If a column is absent, or a cell is none of its kind.
        """
        return prepared.features(frame, self.values, self.arrays)


def prepare_numbers(
    names: Sequence[str], mean: NDArray[np.float64], scale: NDArray[np.float64], clip: float | None = None
) -> Preparation:
    """Describe numbers that are scaled, see `nnsweep.data.prepared.scale_numbers`; none is missing.

    Parameters
    ----------
    names : sequence of str
        The columns, n_features of them.
    mean, scale : ndarray of shape (n_features,)
        What is subtracted, and then divided by.
    clip : float or None
        What the results tend to; None if they are not clipped.
    """
    arrays = {"fill": np.full(len(names), np.nan), "mean": mean, "scale": scale}
    return _make_plain([{"name": name, "kind": "number"} for name in names], arrays, clip=clip)


def prepare_words(name: str, vectorizer: Any, *, fitted_with_all: bool = False) -> Preparation:
    """Describe one column of texts whose words a fitted `TfidfVectorizer` weighs.

    Parameters
    ----------
    name : str
        The column.
    vectorizer : TfidfVectorizer
        It has been fitted.
    fitted_with_all : bool
        Whether the features of all texts came from `fit_transform`, which adds up a row's squares in the order in which
        words were first met and not in that of the columns: the last bit of a weight depends on it.
    """
    words, arrays = _list_words(vectorizer, 0, as_met=fitted_with_all)
    columns = [{"name": name, "kind": "text", "words": words}]
    return _make_plain(columns, arrays, text=_list_settings(vectorizer), is_sparse=True)


def fit_preparation(
    frame: "pd.DataFrame",
    kinds: Mapping[str, Kind],
    *,
    missing: Missing | Policy | None = None,
    scaling: Scaling = "standard",
    text: Mapping[str, Any] | None = None,
    weight: NDArray[np.float64] | None = None,
) -> tuple[Features, Preparation]:
    """Fit a preparation to a training part.

    Parameters
    ----------
    frame : DataFrame of n_samples rows
        Numbers as float64 with NaN for what is missing, categories and texts as str, with None for a missing category.
    kinds : mapping of str to {"number", "category", "text"}
        The columns to use, in order.
    missing : Policy, or what `Policy.of` takes
        What missing numbers and categories are replaced by. Where it is None or ``drop`` there are none.
    scaling : Scaling
        How numbers are scaled.
    text : mapping or None
        Settings of `sklearn.feature_extraction.text.TfidfVectorizer`.
    weight : ndarray of shape (n_samples,) or None
        How much each row counts in mean and variance, and in what fills gaps; quartiles and the weights of words are
        learned of all rows alike.

    Returns
    -------
    X : ndarray or csr_array of shape (n_samples, n_features)
        What scikit-learn's pipeline makes of the training part.
    preparation : Preparation
        It makes the same of other rows as the pipeline does, bit for bit.

    Raises
    ------
    DataError
        If a column has no value at all, or no word is left of a text.
    """
    policy = missing if isinstance(missing, Policy) else Policy.of(missing)
    if empty := [name for name in kinds if frame[name].isna().all()]:
        more = f", nor have {len(empty) - 1} more columns" if len(empty) > 1 else ""
        raise DataError(
            f"column {empty[0]!r} has no value in the training part{more}; leave it out with "
            f"{column_kind(empty[0], 'ignore')}"
        )
    n_features = sum(frame[name].nunique() if kind == "category" else 1 for name, kind in kinds.items())
    # features of texts are CSR always, those of categories where there are very many values
    is_sparse = "text" in kinds.values() or n_features > _WIDE * max(len(kinds), _WIDE)
    pipeline = make_transformer(kinds, missing=policy, scaling=scaling, text=text or {}, is_sparse=is_sparse)
    try:
        X = pipeline.fit_transform(frame) if weight is None else _fit_weighted(pipeline, frame, weight)
    except ValueError as error:
        raise DataError(without_words(error, [name for name, kind in kinds.items() if kind == "text"])) from error
    preparation = _describe_pipeline(pipeline, kinds, is_sparse=is_sparse)
    if policy.text == "empty":  # scikit-learn would not know what to do about a missing text; an empty one has no words
        for column in preparation.values["columns"]:
            column |= {"fill": ""} if column["kind"] == "text" else {}
    if is_sparse:
        from scipy.sparse import csr_array

        return csr_array(X), preparation
    return np.asarray(X), preparation


def _fit_weighted(pipeline: Any, frame: "pd.DataFrame", weight: NDArray[np.float64]) -> Any:
    """Fit a pipeline of which the steps that can count rows as they weigh do so."""
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        steps = [step for _, its, _ in pipeline.transformers for step in getattr(its, "named_steps", {}).values()]
        weighing = [step for step in steps if "sample_weight" in signature(step.fit).parameters]
        for step in weighing:
            step.set_fit_request(sample_weight=True)
        return pipeline.fit_transform(frame, **({"sample_weight": weight} if weighing else {}))


def make_transformer(
    kinds: Mapping[str, Kind],
    *,
    missing: Missing | Policy | None,
    scaling: Scaling,
    text: Mapping[str, Any],
    is_sparse: bool,
) -> Any:
    """Make the pipeline that `fit_preparation` fits, a `sklearn.compose.ColumnTransformer`; see there."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    from nnsweep.data.pipeline_steps import WeightedImputer

    policy = missing if isinstance(missing, Policy) else Policy.of(missing)
    numbers: list[tuple[str, Any]] = []
    if policy.number not in (None, "drop"):
        numbers.append(("impute", WeightedImputer(strategy=policy.number)))
    numbers.append(("scale", _make_scaler(scaling)))
    categories: list[tuple[str, Any]] = []
    # where numbers alone are filled in, training refuses a category's gap, but a later table may have one
    way = policy.category or ("most_frequent" if policy.text == "empty" else None)
    if way not in (None, "drop"):
        strategy = "constant" if way == "own" else way
        categories.append(("impute", WeightedImputer(strategy=strategy, missing_values=None, fill_value=OWN)))
    categories.append(("encode", OneHotEncoder(handle_unknown="ignore", sparse_output=is_sparse)))
    named = {kind: [name for name, its in kinds.items() if its == kind] for kind in ("number", "category", "text")}
    steps: list[tuple[str, Any, Any]] = []
    if named["number"]:
        steps.append(("numbers", Pipeline(numbers), named["number"]))
    if named["category"]:
        steps.append(("categories", Pipeline(categories), named["category"]))
    steps += [(f"text {number}", TfidfVectorizer(**text), name) for number, name in enumerate(named["text"])]
    return ColumnTransformer(steps, sparse_threshold=1.0 if is_sparse else 0.0)


def _make_scaler(scaling: Scaling) -> Any:
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    if scaling == "robust_smooth_clip":
        from nnsweep.data.pipeline_steps import RobustSmoothClip

        return RobustSmoothClip()
    return StandardScaler() if scaling == "standard" else FunctionTransformer()


def fit_scaling(X: NDArray[np.float64], scaling: Scaling) -> Scales:
    """Learn how to scale numbers.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_numbers)
        The training part.
    scaling : Scaling
        How they are scaled.

    Returns
    -------
    Scales
        No clip unless the results are clipped.
    """
    return _read_scaler(_make_scaler(scaling).fit(X), X.shape[1])


def _read_scaler(scaler: Any, n_numbers: int) -> Scales:
    mean = np.asarray(getattr(scaler, "mean_", np.zeros(n_numbers)), np.float64)
    scale = np.asarray(getattr(scaler, "scale_", np.ones(n_numbers)), np.float64)
    return mean, scale, getattr(scaler, "clip", None)


def _describe_pipeline(pipeline: Any, kinds: Mapping[str, Kind], *, is_sparse: bool) -> Preparation:
    """Bring a fitted pipeline into plain form."""
    fitted = pipeline.named_transformers_
    numbers = fitted["numbers"].named_steps if "numbers" in fitted else {}
    n_numbers = sum(kind == "number" for kind in kinds.values())
    imputer, (mean, scale, clip) = numbers.get("impute"), _read_scaler(numbers.get("scale"), n_numbers)
    arrays: dict[str, NDArray[Any]] = {
        "fill": np.full(n_numbers, np.nan) if imputer is None else np.asarray(imputer.statistics_, np.float64),
        "mean": mean,
        "scale": scale,
    }
    columns: list[dict[str, Any]] = []
    text: dict[str, Any] = {}
    n_before = {"number": 0, "category": 0, "text": 0}  # columns of the same kind before this one
    for place, (name, kind) in enumerate(kinds.items()):
        column: dict[str, Any] = {"name": name, "kind": kind}
        if kind == "category":
            steps = fitted["categories"].named_steps
            column["categories"] = [str(category) for category in steps["encode"].categories_[n_before[kind]]]
            if "impute" in steps:
                column["fill"] = str(steps["impute"].statistics_[n_before[kind]])
        elif kind == "text":
            vectorizer = fitted[f"text {n_before[kind]}"]
            column["words"], weights = _list_words(vectorizer, place)
            text = _list_settings(vectorizer)
            arrays |= weights
        n_before[kind] += 1
        columns.append(column)
    return _make_plain(columns, arrays, text=text, is_sparse=is_sparse, clip=clip)


def _list_words(vectorizer: Any, place: int, *, as_met: bool = False) -> tuple[list[str], dict[str, NDArray[Any]]]:
    """Give a vectorizer's words, in the order of its features or as they were first met, with weights and places."""
    vocabulary = vectorizer.vocabulary_  # keeps the order in which words were met
    words = [*vocabulary] if as_met else sorted(vocabulary, key=vocabulary.__getitem__)
    places = np.array([vocabulary[word] for word in words], dtype=np.int32)
    idf = vectorizer.idf_[places] if vectorizer.use_idf else np.ones(len(words))
    return words, {f"idf_{place}": idf, f"places_{place}": places}


def _list_settings(vectorizer: Any) -> dict[str, Any]:
    """Give the settings by which words are found and weighed, as JSON values, without those that are the default."""
    default = type(vectorizer)().get_params()
    settings = {name: value for name, value in vectorizer.get_params().items() if name not in _LEARNING}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
        if value != default[name]
    }


def _make_plain(
    columns: list[dict[str, Any]],
    arrays: Mapping[str, NDArray[Any]],
    *,
    text: Mapping[str, Any] | None = None,
    is_sparse: bool = False,
    clip: float | None = None,
) -> Preparation:
    values = {
        "version": prepared.VERSION if clip is None else prepared.CLIPPED,
        "missing": [*MISSING],
        "sparse": is_sparse,
        "text": dict(text or {}),
        "columns": columns,
    } | ({} if clip is None else {"clip": clip})
    for array in arrays.values():
        array.setflags(write=False)
    return Preparation(values, dict(arrays))


def without_words(error: ValueError, texts: Sequence[str]) -> str:
    """Say why no words are left of texts.

    Parameters
    ----------
    error : ValueError
        What scikit-learn raised.
    texts : sequence of str
        The columns of texts.
    """
    cause = str(error)
    where = f"no word is left of the texts in {', '.join(texts)}" if texts else "the columns cannot be prepared"
    if "max_df corresponds to" in cause:
        return f"{where}: data.max_df and data.min_df leave nothing between them; raise max_df or lower min_df"
    if "no terms remain" in cause:
        return f"{where}: each is rarer than data.min_df or commoner than data.max_df; lower min_df or raise max_df"
    if "empty vocabulary" in cause:
        return f"{where}: data.token_pattern and data.stop_words leave nothing; change one of them"
    return f"{where}: {cause}"
