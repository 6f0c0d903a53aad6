import numpy as np
import pandas as pd
import pytest

from nnsweep.data.reading.read import RawTable, read_table
from nnsweep.data.reading.table_columns import infer_columns, read_features
from nnsweep.data.table_settings import ColumnSettings
from nnsweep.errors import DataError

N = 12


def raw(**columns):
    return RawTable(
        pd.DataFrame(columns, dtype=object), "cats.csv", typed=False, digest="", lines=lambda: range(2, N + 2)
    )


def table(**columns):
    """Give a table with a number that is no index and two classes, and these columns."""
    return raw(age=[str(17 * row % 11) for row in range(N)], **columns, y=["a", "b", "c"] * 4)


def numbers(*values):
    return [str(values[row % len(values)]) for row in range(N)]


def test_kinds_are_inferred_and_told(tmp_path):
    (tmp_path / "cats.csv").write_text(
        "id,age,colour,note,y\n"
        + "".join(
            f"{row},{17 * row % 11},{'red' if row % 3 else 'blue'},{'many words ' * 5}{row},{'ab'[row % 2]}\n"
            for row in range(N)
        )
    )
    understood = infer_columns(read_table(str(tmp_path / "cats.csv")), ColumnSettings(target="y"))
    assert understood.kinds == {"age": "number", "colour": "category", "note": "text"}
    assert understood.notes == [
        "label y: 2 classes in 12 rows (a 6, b 6)",
        "1 number column: age",
        "1 category column: colour",
        "1 text column: note",
        "left out: id is an index: it counts the rows from 0",
    ]
    assert understood.frame["age"].dtype == np.float64
    assert understood.frame["colour"].dtype == understood.frame["note"].dtype == object
    assert understood.rows.tolist() == list(range(N))
    assert understood.n_missing == {}
    assert understood.groups is understood.part is None


def test_what_is_inferred_can_be_overruled():
    columns = {"zip": "category", "age": "category", "note": "text", "other": "ignore"}
    given = table(zip=numbers(1, 2, 3), note=numbers("x", "y"), other=numbers(1, 2), id=[str(row) for row in range(N)])
    understood = infer_columns(given, ColumnSettings(target="y", columns={**columns, "id": "number"}))
    assert understood.kinds == {"age": "category", "zip": "category", "note": "text", "id": "number"}
    assert "ignored: other" in understood.notes


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("constant", ["5"] * N, "constant is constant ('5')"),
        ("half", ["5", ""] * 6, "half is constant ('5')"),
        ("empty", [""] * N, "empty is without any value"),
        ("word", ["x"] * N, "word is constant ('x')"),
        ("Unnamed: 0", numbers(4, 2, 9), "Unnamed: 0 is an index"),
        ("row", [str(row) for row in range(N)], "row is an index: it counts the rows from 0"),
        ("row", [str(row + 1) for row in range(N)][::-1], "row is an index: it counts the rows from 1"),
        ("customer_id", [str(row**3) for row in range(N)], "customer_id is an identifier: every row has another"),
        ("PassengerId", [str(row**3) for row in range(N)], "PassengerId is an identifier"),
    ],
)
def test_uninformative_columns_are_left_out_and_reported(name, values, why):
    understood = infer_columns(table(**{name: values}), ColumnSettings(target="y"))
    assert list(understood.kinds) == ["age"]
    assert any(why in line for line in understood.notes)


def test_names_of_rows_are_left_out():
    names = [f"row{row}" for row in range(30)]
    given = pd.DataFrame({"name": names, "x": [f"{row % 7}" for row in range(30)], "y": ["a", "b"] * 15})
    understood = infer_columns(RawTable(given, "cats.csv", typed=False, digest=""), ColumnSettings(target="y"))
    assert understood.kinds == {"x": "number"}
    assert "left out: name is an identifier: every row has another, and it is called like one" in understood.notes


def test_an_index_from_a_frame_written_with_it_is_left_out(tmp_path):
    pd.DataFrame({"x": [3, 1, 4, 1, 5, 9], "y": list("ababab")}).to_csv(tmp_path / "cats.csv")
    assert list(infer_columns(read_table(str(tmp_path / "cats.csv")), ColumnSettings(target="y")).kinds) == ["x"]


@pytest.mark.parametrize(
    ("values", "warned"),
    [(["u", "v", "w"], True), (["2", "0", "1"], True), (["u", "v", "v"], False), (["u", "v", "w", "u"], False)],
)
def test_a_label_under_another_name_is_warned_of(values, warned):
    understood = infer_columns(table(copy=numbers(*values)), ColumnSettings(target="y"))
    assert any(line.startswith("WARNING: copy alone tells the label y") for line in understood.notes) == warned


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["yes", "no"], ["yes", "no"]),
        (["0.0", "1.0"], ["0", "1"]),
        (["0", "1.0", "1"], ["0", "1", "1"]),
        (["-0", "+1", "1."], ["0", "1", "1"]),
        (["1e1", "10"], None),
        (["1e1", "2.5"], ["10", "2.5"]),
        (["007", "7"], ["007", "7"]),
        (["1", "a"], ["1", "a"]),
        (["True", "False"], ["True", "False"]),
        ([" a", "a ", "b"], ["a", "a", "b"]),
        (["größe", "猫", "🐈"], ["größe", "猫", "🐈"]),
        (["+", "-"], ["+", "-"]),
        (["9007199254740993", "9007199254740992"], ["9007199254740993", "9007199254740992"]),
        (["a\nb\x1b[2J", "b"], ["a\nb\x1b[2J", "b"]),
    ],
)
def test_labels_of_any_type_are_class_names(labels, names):
    given = raw(age=[str(17 * row % 11) for row in range(N)], y=numbers(*labels))
    if names is None:
        with pytest.raises(Exception, match="all 12 rows are '10'"):
            infer_columns(given, ColumnSettings(target="y"))
    else:
        understood = infer_columns(given, ColumnSettings(target="y"))
        assert understood.targets.tolist() == [names[row % len(names)] for row in range(N)]
        assert all(line.isprintable() for line in understood.notes)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([True, False], ["True", "False"]),
        ([0.0, 1.0], ["0", "1"]),
        ([1, "a"], ["1", "a"]),
        ([0.5, 1.5], ["0.5", "1.5"]),
    ],
)
def test_typed_labels_are_class_names(labels, names):
    frame = pd.DataFrame({"x": [float(17 * row % 11) for row in range(N)], "y": [labels[row % 2] for row in range(N)]})
    assert (
        infer_columns(
            RawTable(frame, "cats.parquet", typed=True, digest=""), ColumnSettings(target="y")
        ).targets.tolist()
        == names * 6
    )


def test_a_class_with_one_row_is_warned_of():
    given = raw(age=[str(17 * row % 11) for row in range(N)], y=["a"] * 6 + ["b"] * 5 + ["c"])
    [warning] = [line for line in infer_columns(given, ColumnSettings(target="y")).notes if line.startswith("WARNING")]
    assert "one row alone" in warning
    assert warning.endswith(": c")


def test_rows_with_missing_values_are_dropped_and_counted():
    size = ["1", "", "3", "?", *["5"] * 8]
    understood = infer_columns(
        table(size=size, other=["7", *["NA"] * 11]),
        ColumnSettings(target="y", missing="drop", columns={"other": "ignore"}),
    )
    assert understood.rows.tolist() == [0, 2, *range(4, 12)]
    assert understood.n_missing == {"size": 2}
    assert understood.frame["size"].tolist() == [1, 3, *[5] * 8]
    assert "missing values: size 2; 2 rows are left out" in understood.notes


def test_missing_values_that_are_filled_in_later_stay():
    given = table(size=numbers("1", "", "3"), colour=numbers("red", "", "blue"), note=numbers("x", "", "y"))
    understood = infer_columns(given, ColumnSettings(target="y", missing="most_frequent", columns={"note": "text"}))
    assert np.isnan(understood.frame["size"].to_numpy()[1::3]).all()
    assert understood.frame["colour"].tolist() == ["red", None, "blue"] * 4
    assert understood.frame["note"].tolist() == ["x", "", "y"] * 4
    assert understood.n_missing == {"size": 4, "colour": 4, "note": 4}


def test_groups_and_parts_are_no_features():
    parts = ["train", " Validation ", "test", "VAL"]
    understood = infer_columns(
        table(owner=numbers(1, 2, 3, 4), part=numbers(*parts)), ColumnSettings(target="y", group="owner", split="part")
    )
    assert list(understood.kinds) == ["age"]
    assert understood.groups.tolist() == numbers(1, 2, 3, 4)
    assert understood.part.tolist() == ["train", "val", "test", "val"] * 3


def test_spellings_of_one_class_are_told():
    given = raw(age=[str(17 * row % 11) for row in range(N)], y=numbers("a", " a", "b"))
    notes = infer_columns(given, ColumnSettings(target="y")).notes
    assert "WARNING: 3 spellings of the label are 2 classes" in notes[1]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("population", [row**3 + 17 for row in range(30)]),
        ("year", range(1990, 2020)),
        ("depth", [row / 7 + 0.01 for row in range(30)]),
        ("id", [row / 7 + 0.01 for row in range(30)]),
    ],
)
def test_measurement_with_all_distinct_values_is_no_identifier(name, values):
    given = pd.DataFrame({name: [*map(str, values)], "y": ["a", "b"] * 15})
    assert infer_columns(RawTable(given, "cats.csv", typed=False, digest=""), ColumnSettings(target="y")).kinds == {
        name: "number"
    }


def test_names_of_things_are_no_identifier_even_if_all_differ():
    for cars in ([f"car {row}a" for row in range(30)], [f"car {row % 29}a" for row in range(30)]):
        given = pd.DataFrame({"make": cars, "y": ["a", "b"] * 15})
        with pytest.raises(DataError, match="different texts in 30 rows"):
            infer_columns(RawTable(given, "cats.csv", typed=False, digest=""), ColumnSettings(target="y"))


def test_missing_values_are_treated_by_kind():
    given = table(size=numbers("1", "", "3"), colour=numbers("red", "", "blue"))
    understood = infer_columns(given, ColumnSettings(target="y", missing={"number": "median", "category": "own"}))
    assert len(understood.rows) == N
    assert "missing values: size 4, colour 4; filled in: median, own" in understood.notes
    dropped = infer_columns(given, ColumnSettings(target="y", missing={"number": "drop", "category": "own"}))
    assert len(dropped.rows) == N - 4


def test_a_lost_class_is_warned_of():
    given = raw(age=[str(17 * row % 11) for row in range(N)], y=numbers("None", "a", "b"))
    told = "\n".join(infer_columns(given, ColumnSettings(target="y", missing="drop")).notes)
    assert "WARNING: taken for missing labels: 'None' in 4 rows; if that is a class: 'data.missing_marks=[" in told


@pytest.mark.parametrize("ending", ["parquet", "feather", "jsonl", "arff"])
def test_a_format_with_types_says_itself_what_is_missing(ending, tmp_path):
    severity = ["None", "NA", "-", "Mild", None, "Mild"]
    frame = pd.DataFrame({"severity": severity, "y": ["None", "b"] * 3})
    path = tmp_path / f"cats.{ending}"
    if ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif ending == "arff":
        rows = "".join(f"{cell or '?'},{label}\n" for cell, label in zip(severity, frame["y"], strict=True))
        path.write_text(f"@attribute severity {{None,NA,-,Mild}}\n@attribute y {{None,b}}\n@data\n{rows}")
    else:
        getattr(frame, f"to_{ending}")(path)
    understood = infer_columns(read_table(str(path)), ColumnSettings(target="y", missing="own"))
    assert understood.frame["severity"].tolist() == severity
    assert understood.targets.tolist() == ["None", "b"] * 3


def test_prediction_reads_numbers_and_dates_as_training_did():
    given = table(
        price=numbers("$1,100.50", "$7", "$12"),
        born=[f"{row + 13}.1.2024" for row in range(N)],
        weight=["unknown" if row % 3 else f"{row}.5" for row in range(N)],
    )
    understood = infer_columns(
        given, ColumnSettings(target="y", columns={"price": "number", "born": "date"}, missing="mean")
    )
    cells = {"price": ["$1,234"], "born": ["1.2.2024"], "weight": ["unknown"], "age": ["3"]}
    row = read_features(RawTable(pd.DataFrame(cells), "one", False, ""), understood.kinds, understood.written)
    assert row.columns.tolist() == ["age", "price", "born (day)", "born (weekday)", "weight"]
    assert row.iloc[0, :4].tolist() == [3, 1234, 19754, 3]
    assert np.isnan(row["weight"][0])


def test_prediction_features_are_read_like_training_features():
    given = table(size=numbers("1", " 2 ", "?"), colour=numbers("red", "NA", " blue "), note=numbers("x", "-"))
    columns = {"note": "text", "age": "category"}
    understood = infer_columns(given, ColumnSettings(target="y", missing="most_frequent", columns=columns))
    pd.testing.assert_frame_equal(read_features(given, understood.kinds), understood.frame)


def test_unusable_prediction_input_is_reported_with_its_place():
    with pytest.raises(DataError, match=r"there is no column 'size'; its columns: age, y"):
        read_features(table(), {"size": "number", "age": "number"})
    with pytest.raises(DataError, match=r"cats\.csv, line 3, column 2 \(colour\): 'red' is not a number"):
        read_features(table(colour=numbers(1, "red", 2)), {"colour": "number"})


def test_many_columns_are_understood_in_reasonable_time():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(20, 2000)), columns=[f"x{number}" for number in range(2000)])
    understood = infer_columns(
        RawTable(frame.assign(y=list("ab") * 10), "wide", typed=True, digest=""), ColumnSettings(target="y")
    )
    assert len(understood.kinds) == 2000
    assert understood.notes[1].endswith(", x18, x19 and 1,980 others")


def test_kinds_may_be_pairs_as_a_job_has_them():
    settings = ColumnSettings(target="y", columns=(("age", "category"),))
    assert infer_columns(raw(age=numbers(1, 2, 3), y=numbers("a", "b")), settings).kinds == {"age": "category"}
