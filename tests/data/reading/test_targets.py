"""What is to be learned of a table: classes, labels or numbers, as it is told or as it looks."""

import numpy as np
import pandas as pd
import pytest

from nnsweep.data.reading.read import RawTable
from nnsweep.data.reading.table_columns import infer_columns
from nnsweep.data.reading.targets import read_target
from nnsweep.data.table_settings import CellFormat, ColumnSettings
from nnsweep.errors import DataError

N = 60


def raw(typed=False, **columns):
    frame = pd.DataFrame({"x": [17 * row % 11 for row in range(N)], **columns})
    frame = frame if typed else frame.map(str).astype(object)
    return RawTable(frame, "cats.csv", typed=typed, digest="")


def over(*values):
    return [values[row % len(values)] for row in range(N)]


ALL = np.arange(N)
FLOATS = [row / 7 for row in range(N)]
AGES = [*over(*range(30, 55))[:-1], 99]  # 26 different values, one of which is there once

INFERRED = [
    ("names", over("a", "b"), False, "classification", None),
    ("two numbers", over(1, 2), False, "classification", None),
    ("class numbers", over(0, 1, 2, 3), False, "classification", None),
    ("whole numbers of a scale", over(3, 4, 5, 7), False, "classification", "its 4 numbers are taken for classes"),
    ("halves", over(0.5, 1, 1.5), False, "classification", "data.task=regression predicts numbers"),
    ("codes", [f"00{row}" for row in over(*range(7))], False, "classification", None),
    ("a measurement", FLOATS, False, "regression", "60 different numbers in 60 rows, so the task is regression"),
    ("a typed measurement", FLOATS, True, "regression", "data.task=classification makes classes of them"),
    ("many whole numbers, one of them once", AGES, False, "regression", "26 different numbers in 60 rows"),
    ("few whole numbers, one of them once", [*over(1, 2, 3)[:-1], 9], False, "classification", "its 4 numbers"),
    ("a measurement as texts of a typed table", [str(one) for one in AGES], True, "classification", "its 26 numbers"),
]


@pytest.mark.parametrize(
    ("values", "typed", "task", "told"), [case[1:] for case in INFERRED], ids=[c[0] for c in INFERRED]
)
def test_the_task_is_as_the_target_looks(values, typed, task, told):
    target = read_target(raw(typed, y=values), ["y"], None, CellFormat(), rows=ALL, is_drawn=True)
    assert target.task == task
    assert told in target.notes[0] if told else target.notes == ()


def test_lonely_numbers_stay_classes_where_the_table_names_parts():
    given = raw(y=AGES)
    assert read_target(given, ["y"], None, CellFormat(), rows=ALL, is_drawn=False).task == "classification"
    part = over("train", "train", "test")
    split = infer_columns(raw(y=AGES, part=part), ColumnSettings(target="y", split="part"))
    assert split.task == "classification"


def test_a_lonely_number_whose_row_is_left_out_decides_nothing():
    given = raw(y=AGES, z=[*over("1.5", "2")[:-1], ""])
    assert infer_columns(given, ColumnSettings(target="y", missing="drop")).task == "classification"
    assert infer_columns(given, ColumnSettings(target="y", missing="mean")).task == "regression"


@pytest.mark.parametrize(
    ("columns", "task"),
    [
        ({"a": over("yes", "no"), "b": over("No", "Yes", "Yes")}, "multilabel"),
        ({"a": over(0, 1), "b": over(1.0, 0.0, 1.0)}, "multilabel"),
        ({"a": over(True, False), "b": over(1, 0, 0)}, "multilabel"),
        ({"a": over(0, 1), "b": over(1, 0, 2)}, "regression"),
        ({"a": FLOATS, "b": over(1, 0, 2)}, "regression"),
    ],
)
@pytest.mark.parametrize("typed", [False, True])
def test_several_targets_are_labels_or_numbers(columns, task, typed):
    target = read_target(raw(typed, **columns), ["a", "b"], None, CellFormat(), rows=ALL, is_drawn=True)
    assert target.task == task
    assert f"the task is {task}" in target.notes[0]
    expected = [[{"yes": 1, "no": 0}.get(str(one).lower(), one) for one in values] for values in columns.values()]
    assert target.take(np.arange(N)).T.tolist() == np.array(expected, dtype=float).tolist()


def test_numbers_are_read_as_they_are_written():
    written = raw(y=[f"{one:.2f} kg".replace(".", ",") for one in FLOATS])
    table = infer_columns(written, ColumnSettings(target="y", task="regression"), CellFormat(decimal="comma"))
    assert table.targets.tolist() == [[round(one, 2)] for one in FLOATS]
    assert table.target_names == ("y",)
    assert table.notes[0] == "target y: numbers from 0 to 8.43 in 60 rows"


def test_classes_may_be_numbers_if_told():
    table = infer_columns(raw(y=AGES), ColumnSettings(target="y", task="classification"))
    assert (table.task, table.targets[0]) == ("classification", "30")


def test_one_column_may_be_one_label():
    table = infer_columns(raw(y=over("yes", "no", "no")), ColumnSettings(target="y", task="multilabel"))
    assert table.targets.dtype == np.int64
    assert table.targets.tolist() == [[one] for one in over(1, 0, 0)]
    assert table.notes[0] == "labels: y 20 of 60 rows"


def test_labels_that_never_hold_are_warned_of():
    table = infer_columns(raw(a=over(0, 1), b=over(0)), ColumnSettings(target=("a", "b")))
    assert "WARNING: labels that are the same in all rows: b" in table.notes


def test_rows_without_a_target_or_a_weight_are_left_out_if_told():
    given = raw(y=[*FLOATS[:-2], "", 5.5], w=["", *over(2.0)[1:]])
    table = infer_columns(given, ColumnSettings(target="y", weight="w", missing="drop"))
    assert table.rows.tolist() == [*range(1, N - 2), N - 1]
    assert "missing values: y 1, w 1; 2 rows are left out" in table.notes


def test_rows_that_weigh_nothing_are_left_out():
    table = infer_columns(raw(y=over("a", "b"), w=over(0.5, 1, 0)), ColumnSettings(target="y", weight="w"))
    assert table.weight.tolist() == [one for one in over(0.5, 1, 0) if one]
    assert len(table.frame) == len(table.targets) == 40
    assert list(table.frame) == ["x"]
    assert "weight w: 20 rows weigh 0 and are left out" in table.notes


def test_a_number_in_another_unit_is_warned_of():
    given = raw(
        y=FLOATS, pounds=[2.2 * one - 1 for one in FLOATS], near=[one + row % 3 for row, one in enumerate(FLOATS)]
    )
    warnings = [line for line in infer_columns(given, ColumnSettings(target="y")).notes if line.startswith("WARNING")]
    assert warnings == [
        "WARNING: pounds alone tells the target y in every row: it may be the target under another name; "
        "data.columns.pounds=ignore leaves it out"
    ]


def test_a_target_is_no_feature_and_has_one_role():
    with pytest.raises(DataError, match=r"column 'y' is named by data\.target and data\.weight"):
        infer_columns(raw(y=FLOATS), ColumnSettings(target="y", weight="y"))
    with pytest.raises(DataError, match=r"column 'a' is named by data\.target and data\.columns"):
        infer_columns(raw(a=FLOATS, b=FLOATS), ColumnSettings(target=("a", "b"), columns={"a": "number"}))
    with pytest.raises(DataError, match=r"column 'a' is named by data\.target twice; name it once"):
        infer_columns(raw(a=FLOATS), ColumnSettings(target=("a", "-1")))
