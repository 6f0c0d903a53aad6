"""A preparation in plain form, applied to rows as people have them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnsweep.data import prepared
from nnsweep.data.preparation import fit_preparation


def frame_of(rows, kinds):
    frame = pd.DataFrame(rows, columns=[*kinds], dtype=object)
    return frame.astype({name: float for name, kind in kinds.items() if kind == "number"})


def test_a_category_that_is_new_has_no_indicator():
    kinds = {"colour": "category"}
    _, preparation = fit_preparation(frame_of([("red",), ("blue",)], kinds), kinds)
    assert preparation.transform(frame_of([("pink",), ("red",)], kinds)).tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        ({"age": [1]}, r"no column 'colour'; it has: age"),
        ({"age": [1, "x"], "colour": ["red", "red"]}, r"column 'age', row 2: 'x' is no number"),
        ({"age": ["x", "y"], "colour": ["red", "red"]}, r"column 'age', row 1: 'x' is no number, and 1 more rows"),
        ({"age": [1, None], "colour": ["red", "red"]}, r"column 'age', row 2: there is no value"),
        ({"age": [1, "NA"], "colour": ["red", "red"]}, r"column 'age', row 2: there is no value"),
        ({"age": [1, "1_0"], "colour": ["red", "red"]}, r"column 'age', row 2: '1_0' is no number"),
        ({"age": [1, float("inf")], "colour": ["red", "red"]}, r"column 'age', row 2: an infinite number"),
        ({"age": [1, "inf"], "colour": ["red", "red"]}, r"column 'age', row 2: an infinite number"),
        ({"age": [1, 2], "colour": [None, "red"]}, r"column 'colour', row 1: there is no value"),
    ],
)
def test_what_cannot_be_prepared_is_told_with_column_and_row(frame, problem):
    kinds = {"age": "number", "colour": "category"}
    _, preparation = fit_preparation(frame_of([(1.0, "red"), (2.0, "blue")], kinds), kinds)
    with pytest.raises(ValueError, match=problem):
        preparation.transform(pd.DataFrame(frame))


def test_a_text_that_is_none_is_told():
    _, preparation = fit_preparation(frame_of([("moon",), ("orbit",)], {"post": "text"}), {"post": "text"})
    with pytest.raises(ValueError, match="column 'post', row 2: there is no text"):
        preparation.transform(pd.DataFrame({"post": ["moon", None]}))


def test_numbers_are_read_from_text_as_a_file_has_them():
    kinds = {"age": "number", "zip": "category"}
    _, preparation = fit_preparation(frame_of([(1.0, "8000"), (3.0, "0123")], kinds), kinds)
    written = pd.DataFrame({"age": ["1", " 3e0 "], "zip": ["8000", "0123"]})
    typed = pd.DataFrame({"age": [1, 3], "zip": [8000.0, "0123"]})
    assert preparation.transform(written).tobytes() == preparation.transform(typed).tobytes()


def test_no_rows_have_no_features():
    kinds = {"post": "text", "age": "number", "colour": "category"}
    frame = frame_of([("moon", 1.0, "red"), ("orbit", 2.0, "blue")], kinds)
    X, preparation = fit_preparation(frame, kinds)
    assert preparation.transform(frame[:0]).shape == (0, X.shape[1])


def test_a_missing_text_has_no_words_where_gaps_are_filled():
    kinds = {"post": "text"}
    _, preparation = fit_preparation(frame_of([("moon",), ("",)], kinds), kinds, missing="most_frequent")
    assert preparation.transform(pd.DataFrame({"post": ["moon", None]})).toarray().tolist() == [[1], [0]]


def test_a_dash_is_a_category_where_it_was_one():
    kinds = {"sign": "category"}
    _, preparation = fit_preparation(frame_of([("+",), ("-",)], kinds), kinds)
    assert preparation.transform(frame_of([("-",)], kinds)).tolist() == [[0, 1]]


def test_a_column_that_is_there_twice_is_refused():
    kinds = {"age": "number"}
    _, preparation = fit_preparation(frame_of([(1.0,), (2.0,)], kinds), kinds)
    with pytest.raises(ValueError, match="more than one column 'age'"):
        preparation.transform(pd.DataFrame([[1, 2]], columns=["age", "age"]))


def test_another_version_of_the_plain_form_is_refused():
    with pytest.raises(ValueError, match="version 3, and 1 to 2 are known here"):
        prepared.features(pd.DataFrame(), {"version": 3}, {})


@pytest.mark.slow
def test_file_works_alone_and_needs_scikit_learn_only_for_text(tmp_path):
    kinds = {"age": "number", "colour": "category"}
    X, preparation = fit_preparation(frame_of([(1.0, "red"), (2.0, "blue")], kinds), kinds)
    (tmp_path / "prepared.py").write_text(Path(prepared.__file__).read_text())
    (tmp_path / "values.json").write_text(json.dumps(preparation.values))
    np.savez(tmp_path / "arrays.npz", **preparation.arrays)
    code = (
        "import json, sys, numpy, pandas, prepared\n"
        "X = prepared.features(pandas.DataFrame({'age': [1, 2], 'colour': ['red', 'blue']}),\n"
        "    json.load(open('values.json')), numpy.load('arrays.npz'))\n"
        "assert not {'nnsweep', 'sklearn'} & sys.modules.keys()\n"
        "print(X.tolist())"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env={}, check=True
    )
    assert json.loads(said.stdout) == X.tolist()
