"""A table of somebody's own becomes a data set: what scikit-learn gives by hand, whatever the table is made of."""

import gzip
import sqlite3

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.compose import make_column_transformer
from sklearn.datasets import fetch_20newsgroups, load_wine
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nnsweep.data.load import load
from nnsweep.data.reading import read, table_columns
from nnsweep.data.reading.read import read_table
from nnsweep.data.user_data import name_table, table, text
from nnsweep.errors import DataError

WORDS = ("orbit", "rocket", "moon", "belief", "reason", "doubt")


@pytest.fixture
def cats(tmp_path) -> pd.DataFrame:
    """Write cats.csv, with numbers, a category, a text, a class and an owner for each cat; give the table."""
    generator = np.random.default_rng(0)
    n_cats = 120
    frame = pd.DataFrame(
        {
            "age": generator.integers(1, 20, n_cats),
            "fur": generator.choice(["short", "long", "none"], n_cats),
            "weight": generator.normal(4, 1, n_cats).round(3),
            "note": [" ".join(generator.choice(WORDS, 12)) for _ in range(n_cats)],
            "owner": generator.integers(0, 30, n_cats),
            "breed": generator.choice(["siamese", "birman", "ragdoll"], n_cats),
        }
    )
    frame.to_csv(tmp_path / "cats.csv", index=False)
    return frame


@pytest.fixture
def made(tmp_path):
    """Give a function that makes the data set of cats.csv."""

    def make(**settings):
        return table(path=str(tmp_path / "cats.csv"), **({"target": "breed"} | settings))

    return make


ROLES = {"columns": {"note": "text", "owner": "ignore"}}


def test_it_is_what_scikit_learn_gives_by_hand(cats, made):
    data = made(**ROLES, val_fraction=0.25, split_seed=3, sublinear_tf=True, max_features=5, ngram_range=(1, 2))
    rest, test = train_test_split(np.arange(120), test_size=0.2, random_state=3, stratify=cats["breed"])
    train, val = train_test_split(rest, test_size=0.25, random_state=3, stratify=cats["breed"][rest])
    by_hand = make_column_transformer(
        (StandardScaler(), ["age", "weight"]),
        (OneHotEncoder(), ["fur"]),
        (TfidfVectorizer(sublinear_tf=True, max_features=5, ngram_range=(1, 2)), "note"),
    )
    cats = cats.astype({"age": float})
    X = by_hand.fit_transform(cats.iloc[train])
    assert data.class_names == ("birman", "ragdoll", "siamese")
    for part, rows, expected in [
        (data.train, train, X),
        (data.val, val, by_hand.transform(cats.iloc[val])),
        (data.test, test, by_hand.transform(cats.iloc[test])),
    ]:
        assert isinstance(part.X, csr_array)
        assert np.array_equal(
            part.X.toarray(), np.asarray(expected.todense() if hasattr(expected, "todense") else expected)
        )
        assert [data.class_names[number] for number in part.y] == cats["breed"].iloc[rows].tolist()
    assert data.example.frame()["note"].tolist() == cats["note"].iloc[test[:3]].tolist()


def test_its_preparation_takes_the_file_as_it_is_written(cats, made, tmp_path):
    data = made(**ROLES)
    raw = read_table(str(tmp_path / "cats.csv")).frame
    _, test = train_test_split(np.arange(120), test_size=0.2, random_state=0, stratify=cats["breed"])
    assert np.array_equal(data.preparation.transform(raw.iloc[test]).toarray(), data.test.X.toarray())
    assert [tuple(column) for column in data.preparation.columns] == [
        ("age", "number"),
        ("fur", "category"),
        ("weight", "number"),
        ("note", "text"),
    ]


def test_a_table_of_a_set_that_is_known_is_that_set(tmp_path):
    bunch = load_wine(as_frame=True)
    bunch.frame.to_csv(tmp_path / "wine.csv", index=False)
    settings = {"val_fraction": 0.2, "test_fraction": 0.3, "split_seed": 5}
    own, known = table(path=str(tmp_path / "wine.csv"), target="target", **settings), load("wine", **settings)
    for part, examples in known.parts.items():
        np.testing.assert_allclose(own.parts[part].X, examples.X, rtol=0, atol=1e-13)
        assert np.array_equal(own.parts[part].y, examples.y)


@pytest.mark.parametrize("ending", ["csv.gz", "tsv", "parquet", "feather", "sqlite"])
def test_the_same_table_in_another_format_is_the_same_data(cats, made, tmp_path, ending):
    path, query = tmp_path / f"cats.{ending}", None
    if ending == "csv.gz":
        path.write_bytes(gzip.compress((tmp_path / "cats.csv").read_bytes()))
    elif ending == "tsv":
        cats.to_csv(path, sep="\t", index=False)
    elif ending == "sqlite":
        with sqlite3.connect(path) as connection:
            cats.to_sql("cats", connection, index=False)
        connection.close()
        path, query = f"sqlite:///{path}", "SELECT * FROM cats"
    else:
        getattr(cats, f"to_{ending}")(path)
    data = table(path=str(path), target="breed", query=query, **ROLES)
    assert data.digest == made(**ROLES).digest
    assert data.name == "cats"


@pytest.mark.slow
def test_groups_stay_together_in_every_fold(cats, made):
    tests = []
    for fold in range(4):
        data = made(group="owner", fold=fold, n_folds=4, columns={"note": "ignore"}, standardize=False)
        ages = [part.X[:, :2].tolist() for part in data.parts.values()]
        owners = [
            {owner for row in rows for owner in cats["owner"][(cats[["age", "weight"]] == row).all(axis=1)]}
            for rows in ages
        ]
        assert sum(map(len, owners)) == cats["owner"].nunique()
        assert f"{cats['owner'].nunique()} groups kept together" in data.notes[-1]
        tests += ages[-1]
    assert sorted(map(tuple, tests)) == sorted(map(tuple, cats[["age", "weight"]].astype(float).to_numpy().tolist()))


def test_the_table_may_name_the_parts(cats, made, tmp_path):
    cats["part"] = np.where(np.arange(120) < 30, "test", np.where(np.arange(120) < 50, "validation", "train"))
    cats.to_csv(tmp_path / "cats.csv", index=False)
    data = made(**ROLES, split="part")
    assert [part.n_samples for part in data.parts.values()] == [70, 20, 30]
    assert data.example.frame()["weight"].tolist() == cats["weight"][:3].tolist()


def test_rows_in_two_parts_are_counted(cats, made, tmp_path):
    cats["part"] = np.where(np.arange(120) < 30, "test", "train")
    cats.iloc[:3, :6] = cats.iloc[60:63, :6].to_numpy()
    cats.loc[0, "breed"] = "birman" if cats.loc[60, "breed"] != "birman" else "ragdoll"
    cats.to_csv(tmp_path / "cats.csv", index=False)
    leak = made(**ROLES, split="part", val_fraction=0).leaks["test"]
    assert (leak.n_same, leak.n_contrary, leak.n_rows) == (2, 1, 30)


def test_value_that_overflows_outside_training_data_is_refused(cats, made, tmp_path):
    cats["part"] = np.where(np.arange(120) < 30, "test", "train")
    cats["weight"] = [1e35, *np.linspace(1, 2, 119) * 1e-9]
    cats.to_csv(tmp_path / "cats.csv", index=False)
    with pytest.raises(DataError, match=r"cats\.csv, line 2, column 3 \(weight\): '1e\+35' is beyond what a network"):
        made(**ROLES, split="part")


def test_date_and_unit_become_features_that_the_model_knows(cats, made, tmp_path):
    cats["born"] = [f"{day % 28 + 1}.{day % 12 + 1}.2024" for day in range(120)]
    cats["weight"] = [f"{weight} kg" for weight in cats["weight"]]
    cats.to_csv(tmp_path / "cats.csv", index=False)
    columns = {"note": "ignore", "owner": "ignore", "born": "date", "weight": "number"}
    data = made(columns=columns, missing={"number": "median", "category": "own"}, standardize=False)
    written = {column["name"]: column.get("written") for column in data.preparation.values["columns"]}
    assert written == {
        "age": None,
        "fur": None,
        "weight": {"affix": "kg"},
        **{
            f"born ({part})": {"of": "born", "part": part, "format": "%d.%m.%Y"} for part in ("day", "month", "weekday")
        },
    }
    days = pd.to_datetime(cats["born"], format="%d.%m.%Y").iloc[_train(cats)]
    assert data.train.X[:, 3].tolist() == days.dt.month.tolist()
    assert data.train.X[:, 4].tolist() == days.dt.day_of_week.tolist()


@pytest.mark.parametrize(("missing", "fur"), [("mean", None), ("most_frequent", ""), ("drop", "")])
def test_gaps_are_filled_from_the_training_part_or_left_out(cats, made, tmp_path, missing, fur):
    cats = cats.astype({"weight": object})
    cats.loc[::10, "weight"] = ""
    if fur is not None:
        cats.loc[::15, "fur"] = fur
    cats.to_csv(tmp_path / "cats.csv", index=False)
    data = made(**ROLES, missing=missing, standardize=False)
    n_rows = sum(part.n_samples for part in data.parts.values())
    assert n_rows == (104 if missing == "drop" else 120)
    filled = data.preparation.arrays["fill"]
    assert np.isnan(filled).all() == (missing == "drop")
    if missing == "mean":
        known = cats["weight"].iloc[_train(cats)]
        assert filled[1] == pytest.approx(np.mean([float(weight) for weight in known if weight != ""]), rel=1e-15)


def _train(cats):
    rest, _ = train_test_split(np.arange(120), test_size=0.2, random_state=0, stratify=cats["breed"])
    train, _ = train_test_split(rest, test_size=0.2, random_state=0, stratify=cats["breed"].iloc[rest])
    return train


def test_the_same_content_elsewhere_is_not_prepared_again(cats, made, tmp_path, monkeypatch):
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "cache"))
    first = made(**ROLES)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "pets.csv").write_bytes((tmp_path / "cats.csv").read_bytes())

    def never(*_, **__):
        raise AssertionError("it was understood again")

    monkeypatch.setattr(table_columns, "infer_columns", never)
    again = table(path=str(tmp_path / "elsewhere" / "pets.csv"), target="breed", **ROLES)
    assert (again.digest, again.folder) == (first.digest, first.folder)
    assert (again.name, again.source) == ("pets", str(tmp_path / "elsewhere" / "pets.csv"))
    with pytest.raises(AssertionError, match="understood again"):
        made(**ROLES, split_seed=1)


@pytest.mark.parametrize("missing", ["drop", None])
def test_a_mark_that_is_a_value_may_be_in_the_test_part_alone(missing, tmp_path):
    """In typed files `?` is a value; one that the training part lacks is unseen, and no gap."""
    table = pd.DataFrame({"colour": ["red", "blue", "grey", "red"] * 10, "y": ["a", "a", "b", "b"] * 10})
    table.loc[[3, 17], "colour"] = "?"
    table["part"] = "train"
    table.loc[[0, 2, 3, 17], "part"] = "test"
    table.to_parquet(tmp_path / "cats.parquet")
    asked = {"path": str(tmp_path / "cats.parquet"), "target": "y", "split": "part", "missing": missing}
    data = load("table", val_fraction=0.0, **asked)
    assert [column["categories"] for column in data.preparation.values["columns"] if "categories" in column] == [
        ["blue", "grey", "red"]
    ]
    assert data.test.X.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert any("'?'" in line for line in data.notes)


def test_file_changed_during_reading_never_keeps_its_old_digest(cats, made, tmp_path, monkeypatch):
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "cache"))
    changes = []

    def changing(path, **_):
        if not changes:
            changes.append(path)
            cats.iloc[::-1].to_csv(path, index=False)
        return read_table(path)

    monkeypatch.setattr(read, "read_table", changing)
    changed = made(**ROLES)
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "another"))
    assert made(**ROLES).digest == changed.digest
    cats.to_csv(tmp_path / "cats.csv", index=False)
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "cache"))
    assert made(**ROLES).digest != changed.digest


def test_a_file_that_never_rests_is_refused(cats, made, tmp_path, monkeypatch):
    numbers = iter(range(100))

    def changing(path, **_):
        with open(path, "a") as file:
            file.write(f"{next(numbers)},short,4.0,moon,3,birman\n")
        return read_table(path)

    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(read, "read_table", changing)
    with pytest.raises(DataError, match=r"cats\.csv changes while it is read; let whoever writes it finish first"):
        made(**ROLES)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"ngram_range": (2, 1)}, r"data\.ngram_range=\[2, 1\]: must be the fewest and the most"),
        ({"ngram_range": (1,)}, r"data\.ngram_range=\[1\]: must be the fewest and the most"),
        ({"min_df": 2.5}, r"data\.min_df=2\.5: must be a share of the texts, up to 1, or a whole number"),
        ({"max_df": 1.5}, r"data\.max_df=1\.5: must be a share"),
        ({"token_pattern": "("}, r"data\.token_pattern=\(: is no regular expression"),
        ({"token_pattern": "(a)(b)"}, r"data\.token_pattern=\(a\)\(b\): must have one group at most"),
    ],
)
def test_settings_of_words_are_refused_before_the_table_is_read(settings, problem):
    with pytest.raises(DataError, match=problem):
        table(path="nowhere.csv", **settings)


@pytest.mark.parametrize(
    ("path", "name"),
    [("cats.csv", "cats"), ("a/cats.tar.gz", "cats"), ("sqlite:///b/cats.db", "cats"), (".csv", "table")],
)
def test_a_table_is_named_as_its_file(path, name):
    assert name_table(path) == name


def test_categories_of_other_parts_alone_are_told(cats, made, tmp_path):
    part = ["train"] * 60 + ["val"] * 20 + ["test"] * 40
    cats.assign(part=part, fur=["long", "short"] * 30 + ["long", "bald"] * 10 + ["none", "long"] * 20).to_csv(
        tmp_path / "cats.csv", index=False
    )
    data = made(split="part", **ROLES)
    assert [line for line in data.notes if line.startswith("categories")] == [
        "categories that the training part does not have: fur 10 of 20 validation values ('bald'), "
        "fur 20 of 40 test values ('none')"
    ]
    cats.assign(part=part, fur=["long", "short"] * 30 + ["bald"] * 20 + ["none"] * 40).to_csv(
        tmp_path / "cats.csv", index=False
    )
    with pytest.raises(DataError) as refusal:
        made(split="part", **ROLES)
    assert [problem.partition("cats.csv: ")[2] for problem in refusal.value.problems] == [
        "column fur: none of the 20 values of the validation part is a category of the training part ('bald'); "
        "data.columns.fur=ignore, or divide the rows otherwise",
        "column fur: none of the 40 values of the test part is a category of the training part ('none'); "
        "data.columns.fur=ignore, or divide the rows otherwise",
    ]


def test_a_test_file_has_the_test_part(cats, made, tmp_path):
    cats[:90].to_csv(tmp_path / "cats.csv", index=False)
    cats[90:][cats.columns[::-1]].to_csv(tmp_path / "test.csv", index=False)
    data = made(test_path=str(tmp_path / "test.csv"), val_fraction=0.1, **ROLES)
    in_one = cats.assign(part=["train"] * 90 + ["test"] * 30)
    in_one.to_csv(tmp_path / "both.csv", index=False)
    both = table(path=str(tmp_path / "both.csv"), target="breed", split="part", val_fraction=0.1, **ROLES)
    assert data.digest == both.digest
    assert data.test.n_samples == 30
    again = made(test_path=str(tmp_path / "test.csv"), val_fraction=0.1, **ROLES)
    assert again.digest == data.digest  # from the cache
    cats[100:].to_csv(tmp_path / "test.csv", index=False)
    assert made(test_path=str(tmp_path / "test.csv"), val_fraction=0.1, **ROLES).test.n_samples == 20


@pytest.mark.parametrize(
    ("change", "settings", "told"),
    [
        (lambda test: test.drop(columns="fur"), {}, "test.csv: there is no column 'fur', which .*cats.csv has"),
        (lambda test: test.assign(more=1), {}, "test.csv: column 'more' is not in .*cats.csv"),
        (
            lambda test: test.assign(age=["old", *test["age"][1:]]),
            {},
            r"test.csv, line 2, column 1 \(age\): 'old'",
        ),
        (lambda test: test.assign(breed="manx"), {}, "class 'manx' is not in the training part"),
        (lambda test: test, {"split": "fur"}, "data.test_path and data.split='fur' both say which rows are tested"),
        (lambda test: test.assign(age=""), {"missing": "drop"}, "data.test_path: no row is of the test part"),
        (lambda test: test, {"fold": 0}, "data.fold=0: data.test_path names the test rows already"),
        (lambda test: test, {"group": "owner"}, "data.test_path: .* groups of data.group are in more than one part"),
    ],
)
def test_a_test_file_that_does_not_fit_is_refused(change, settings, told, cats, made, tmp_path):
    cats[:90].to_csv(tmp_path / "cats.csv", index=False)
    change(cats[90:]).to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match=told):
        made(test_path=str(tmp_path / "test.csv"), columns={"note": "text"}, **settings)


@pytest.mark.parametrize(
    ("path", "told"),
    [("none", "write data.test_path=null for none"), ("pigs.csv", "name the table with data.test_path")],
)
def test_missing_test_file_is_reported_with_its_own_setting(path, told, cats, made):
    with pytest.raises(DataError, match=f"^{path}: there is no such file; {told}"):
        made(test_path=path, columns={"note": "text"})


@pytest.fixture
def visits(tmp_path) -> pd.DataFrame:
    """Write visits.csv: ten visits on each of ten days, in no order; give the table."""
    days = [f"2020-{month:02}-01" for month in range(1, 11)]
    frame = pd.DataFrame({"when": days * 10, "age": range(0, 300, 3), "breed": list("aabba") * 20})
    frame = frame.sample(frac=1, random_state=0)
    frame.to_csv(tmp_path / "visits.csv", index=False)
    return frame


@pytest.mark.parametrize(
    ("form", "columns"),
    [
        (str, None),
        (lambda day: day[5:7].lstrip("0"), None),
        (lambda day: f"{day} 10:00:30", {"when": "ignore"}),
        (lambda day: f"28.{day[5:7]}.{day[:4]}", None),
    ],
)
def test_the_last_rows_by_time_are_tested(form, columns, visits, tmp_path):
    visits.assign(when=visits["when"].map(form)).to_csv(tmp_path / "visits.csv", index=False)
    data = table(path=str(tmp_path / "visits.csv"), target="breed", split_by="when", standardize=False, columns=columns)
    days = {
        part: set(visits.set_index("age")["when"][part_of.X[:, 0].astype(int)]) for part, part_of in data.parts.items()
    }
    assert {part: len(its) for part, its in days.items()} == {"train": 6, "val": 2, "test": 2}
    assert max(days["train"]) < min(days["val"]) <= max(days["val"]) < min(days["test"])
    assert [column.name for column in data.preparation.columns] == ["age"]
    assert [line.partition(":")[0] for line in data.notes if "by when" in line] == ["parts by when"]


def test_a_column_that_divides_is_a_feature_if_asked(visits, tmp_path):
    visits.assign(when=visits["when"].str[5:7].astype(int)).to_csv(tmp_path / "visits.csv", index=False)
    data = table(path=str(tmp_path / "visits.csv"), target="breed", split_by="when", columns={"when": "number"})
    assert [column.name for column in data.preparation.columns] == ["when", "age"]


@pytest.mark.parametrize(
    ("change", "settings", "told"),
    [
        (lambda rows: rows.assign(when="soon"), {}, "line 2, column 1 .when.: 'soon' cannot be ordered, it is neither"),
        (lambda rows: rows.assign(when="4/1/2020"), {}, "day and month cannot be told apart, as in '4/1/2020'; say wh"),
        (lambda rows: rows.assign(when=1), {}, "too few values differ to make a test part"),
        (lambda rows: rows.assign(when=(rows["age"] > 150).astype(int)), {}, "make a validation part"),
        (lambda rows: rows, {"fold": 1}, "data.split_by names the test rows already"),
        (lambda rows: rows, {"split": "age"}, "is no part|both say which rows"),
        (lambda rows: rows, {"group": "when"}, "is named by data.split_by and has another role"),
        (lambda rows: rows.assign(owner=rows["age"] % 7), {"group": "owner"}, "data.split_by: 7 groups of data.group"),
    ],
)
def test_an_order_that_divides_nothing_is_refused(change, settings, told, visits, tmp_path):
    change(visits).to_csv(tmp_path / "visits.csv", index=False)
    with pytest.raises(DataError, match=told):
        table(path=str(tmp_path / "visits.csv"), target="breed", split_by="when", **settings)


def test_numbers_are_regression_as_scikit_learn_divides_them(cats, made):
    data = made(target="weight", columns={"note": "ignore", "owner": "ignore"}, split_seed=3)
    rest, test = train_test_split(np.arange(120), test_size=0.2, random_state=3)
    train, val = train_test_split(rest, test_size=0.2, random_state=3)
    assert (data.task, data.target_names, data.class_names, data.n_outputs) == ("regression", ("weight",), (), 1)
    for part, rows in (("train", train), ("val", val), ("test", test)):
        assert data.parts[part].y.tolist() == cats[["weight"]].iloc[rows].to_numpy().tolist()
    assert [column.name for column in data.preparation.columns] == ["age", "fur", "breed"]
    assert data.example.columns == ["age", "fur", "breed"]
    assert data.notes[-1] == "parts: training 76, validation 20, test 24 rows"


def test_arrays_may_have_several_targets(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(60.0).reshape(30, 2) / 7
    np.savez(tmp_path / "cats.npz", X=X, y=y)
    data = table(path=str(tmp_path / "cats.npz"), standardize=False)
    assert (data.task, data.target_names, data.n_features) == ("regression", ("y0", "y1"), 2)
    rows = {(*features, *targets) for part in data.parts.values() for features, targets in zip(*part[:2], strict=True)}
    assert rows == {*map(tuple, np.column_stack([X, y]).tolist())}


def test_several_targets_are_no_features(cats, made):
    data = made(target=("weight", "age"), columns={"note": "ignore"}, group="owner")
    rows = {tuple(row) for part in data.parts.values() for row in part.y.tolist()}
    assert rows == {*map(tuple, cats[["weight", "age"]].astype(float).to_numpy().tolist())}
    assert data.target_names == ("weight", "age")
    assert data.notes[-1].endswith("groups kept together")


def test_labels_and_folds(cats, made, tmp_path):
    cats.assign(tame=cats["age"] > 9, chipped=cats["owner"] % 2).to_csv(tmp_path / "cats.csv", index=False)
    data = made(target=("tame", "chipped"), columns={"note": "ignore"}, fold=1, n_folds=4)
    assert (data.task, data.label_names, data.n_outputs) == ("multilabel", ("tame", "chipped"), 2)
    (_, test) = [*KFold(4, shuffle=True, random_state=0).split(cats)][1]
    expected = np.column_stack([cats["age"] > 9, cats["owner"] % 2])[test]
    assert data.test.y.tolist() == expected.tolist()


def test_what_becomes_of_rare_classes_is_for_classes_alone(cats, made, tmp_path):
    with pytest.raises(DataError, match=r"cats\.csv: data\.rare=drop: is for classes, and the task is regression"):
        made(target="weight", task="regression", rare="drop", columns={"note": "ignore"})
    ages = made(target="age", rare="drop", columns={"note": "ignore"})
    assert ages.task == "classification"
    posts = text(path=str(tmp_path / "cats.csv"), text="note", target="age", rare="drop", val_fraction=0.25)
    assert posts.task == "classification"


def _parts(n_rows):
    return np.where(np.arange(n_rows) % 4 == 0, "test", np.where(np.arange(n_rows) % 4 == 1, "val", "train"))


@pytest.mark.parametrize("missing", [None, "mean", "median", "most_frequent"])
def test_weight_two_is_a_row_given_twice(cats, made, tmp_path, missing):
    cats["part"], cats["count"] = _parts(120), np.arange(120) % 3 + 1
    if missing:
        cats.loc[::7, "weight"] = np.nan
    settings = {"columns": {"note": "ignore", "owner": "ignore"}, "split": "part", "missing": missing}
    cats.to_csv(tmp_path / "cats.csv", index=False)
    weighted = made(weight="count", **settings)
    cats.loc[cats.index.repeat(cats["count"])].drop(columns="count").to_csv(tmp_path / "cats.csv", index=False)
    repeated = made(**settings)
    assert repeated.train.weight is None
    for part, examples in weighted.parts.items():
        expected = np.repeat(examples.X, examples.weight.astype(int), axis=0)
        np.testing.assert_allclose(repeated.parts[part].X, expected, rtol=0, atol=1e-13)
        assert repeated.parts[part].y.tolist() == np.repeat(examples.y, examples.weight.astype(int)).tolist()
    assert weighted.preparation.arrays["mean"] != pytest.approx(cats["age"].mean())


def test_weight_zero_is_a_row_left_out(cats, made, tmp_path):
    cats["part"], cats["count"] = _parts(120), np.where(np.arange(120) % 5 == 0, 0.0, 1.5)
    settings = {"columns": {"note": "text", "owner": "ignore"}, "split": "part", "weight": "count"}
    cats.to_csv(tmp_path / "cats.csv", index=False)
    with_zeros = made(**settings)
    cats[cats["count"] > 0].to_csv(tmp_path / "cats.csv", index=False)
    assert made(**settings).digest == with_zeros.digest


def test_equal_weights_change_no_feature(cats, made, tmp_path):
    cats.assign(count=2).to_csv(tmp_path / "cats.csv", index=False)
    weighted = made(columns={"note": "ignore"}, weight="count")
    plain = made(columns={"note": "ignore", "count": "ignore"})
    for part, examples in plain.parts.items():
        np.testing.assert_allclose(weighted.parts[part].X, examples.X, rtol=0, atol=1e-14)


@pytest.fixture
def rare(cats, tmp_path):
    """Write cats.csv with two rows of manx and one of sphynx."""
    cats["breed"] = [*cats["breed"][:117], "manx", "manx", "sphynx"]
    cats.to_csv(tmp_path / "cats.csv", index=False)


def test_rare_classes_are_refused_dropped_or_one_class(rare, made):
    for settings in ({}, {"rare": "refuse"}):
        with pytest.raises(
            DataError, match=r"class 'sphynx' has one row, this needs 2.*; add rows, or choose data.rare=d"
        ):
            made(**ROLES, **settings)
    dropped, other = made(**ROLES, rare="drop"), made(**ROLES, rare="other")
    assert dropped.class_names == ("birman", "ragdoll", "siamese")
    assert sum(part.n_samples for part in dropped.parts.values()) == 117
    assert other.class_names == ("birman", "other", "ragdoll", "siamese")
    assert sum((part.y == 1).sum() for part in other.parts.values()) == 3
    told = "rare classes, with fewer than 3 rows: sphynx 1, manx 2; "
    assert f"{told}their 3 rows are left out" in dropped.notes
    assert f"{told}they are one class, 'other'" in other.notes


def test_rare_is_what_a_division_cannot_divide(rare, made, cats, tmp_path):
    assert made(**ROLES, rare="drop", fold=0, n_folds=3, val_fraction=0).n_classes == 3
    part = ["train"] * 60 + ["test"] * 60
    cats.assign(part=part).to_csv(tmp_path / "cats.csv", index=False)
    data = made(**ROLES, split="part", rare="drop")
    assert (
        "rare classes, with fewer than 2 rows in the training part: manx 0, sphynx 0; their 3 rows are left out"
        in data.notes
    )
    with pytest.raises(DataError, match=r"have 0 rows together in the training part, this needs 2; data.rare=drop"):
        made(**ROLES, split="part", rare="other")


TWO = ("alt.atheism", "sci.space")


@pytest.fixture(scope="module")
def posts(corpus_home, tmp_path_factory):
    """Write real posts of two newsgroups as a folder; give it with texts and classes, in the order of the files."""
    bunch = fetch_20newsgroups(data_home=corpus_home, subset="train", categories=TWO, shuffle=False)
    folder = tmp_path_factory.mktemp("posts")
    order = np.argsort(bunch.target, kind="stable")
    for place, number in enumerate(order):
        (folder / TWO[bunch.target[number]]).mkdir(exist_ok=True)
        (folder / TWO[bunch.target[number]] / f"{place:05}").write_text(
            bunch.data[number], encoding="utf-8", newline=""
        )
    return folder, [bunch.data[number] for number in order], bunch.target[order]


def parts(y, **settings):
    rest, test = train_test_split(np.arange(len(y)), test_size=0.25, random_state=1, stratify=y)
    train, val = train_test_split(rest, test_size=0.1, random_state=1, stratify=y[rest])
    return {"train": train, "val": val, "test": test}


SETTINGS = {
    "max_features": 500,
    "ngram_range": (1, 2),
    "stop_words": ("english",),
    "sublinear_tf": True,
    "min_df": 2,
    "max_df": 0.5,
    "strip_accents": "unicode",
}


@pytest.mark.slow
def test_folder_of_real_posts_matches_scikit_learn_by_hand(posts):
    folder, texts, y = posts
    data = text(path=str(folder), test_fraction=0.25, val_fraction=0.1, split_seed=1, **SETTINGS)
    by_hand = TfidfVectorizer(**(SETTINGS | {"stop_words": "english"}))
    taken = {part: [texts[row] for row in rows] for part, rows in parts(y).items()}
    X = {"train": by_hand.fit_transform(taken["train"])}
    X |= {part: by_hand.transform(taken[part]) for part in ("val", "test")}
    assert data.class_names == TWO
    for part, rows in parts(y).items():
        assert np.array_equal(data.parts[part].X.toarray(), X[part].toarray())
        assert np.array_equal(data.parts[part].y, y[rows])
    assert data.notes[0] == "label: 2 classes in 1,073 texts (alt.atheism 480, sci.space 593)"
    assert data.example.frame()["text"].tolist() == taken["test"][:3]


@pytest.mark.slow
def test_words_may_come_from_all_posts_as_in_the_notebook(posts):
    folder, texts, y = posts
    data = text(
        path=str(folder),
        test_fraction=0.25,
        val_fraction=0,
        split_seed=1,
        vectorizer_fit="train_and_test",
        max_features=100,
    )
    rows = parts(y)
    train, test = train_test_split(np.arange(len(y)), test_size=0.25, random_state=1, stratify=y)
    X = TfidfVectorizer(max_features=100).fit_transform([texts[row] for row in [*train, *test]])
    assert rows["test"].tolist() == test.tolist()
    assert np.array_equal(data.test.X.toarray(), X.toarray()[len(train) :])
    again = data.preparation.transform(pd.DataFrame({"text": [texts[row] for row in test]}))
    assert np.array_equal(again.toarray(), data.test.X.toarray())


@pytest.mark.slow
def test_a_column_of_a_table_is_the_same_as_a_folder(posts, tmp_path):
    folder, texts, y = posts
    table = pd.DataFrame({"id": range(len(y)), "post": texts, "group": [TWO[number] for number in y]})
    table.to_parquet(tmp_path / "posts.parquet")
    settings = {"max_features": 50, "split_seed": 2}
    data = text(path=str(tmp_path / "posts.parquet"), text="post", target="group", **settings)
    assert isinstance(data.train.X, csr_array)
    assert data.digest == text(path=str(folder), **settings).digest
    assert [column.name for column in data.preparation.columns] == ["post"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"target": "x"}, r"data\.target=x: is for tables, and .* is a folder of texts; leave it out"),
        ({"text": "x"}, r"data\.text=x: is for tables"),
        ({"fold": 0, "n_folds": 3}, r"data\.n_folds=3: class 'a' has 2 rows, this needs 3"),
        (
            {"token_pattern": "[0-9]+"},
            r"no word is left of the texts in text: data\.token_pattern and data\.stop_words",
        ),
    ],
)
def test_what_a_folder_cannot_be_is_told(tmp_path, settings, problem):
    for name in ("a/1", "a/2", "b/1", "b/2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"moon orbit {name[0]}")
    with pytest.raises(DataError, match=problem):
        text(path=str(tmp_path), val_fraction=0, test_fraction=0.5, **settings)


def test_texts_may_tell_a_number(cats, tmp_path):
    data = text(path=str(tmp_path / "cats.csv"), text="note", target="weight", weight="age", val_fraction=0.25)
    assert (data.task, data.target_names, data.n_features) == ("regression", ("weight",), len(WORDS))
    pairs = {tuple(pair) for part in data.parts.values() for pair in zip(part.y[:, 0], part.weight, strict=True)}
    assert pairs == {*zip(cats["weight"], cats["age"].astype(float), strict=True)}


def test_a_path_that_is_no_folder_needs_a_column(tmp_path):
    with pytest.raises(
        DataError, match=r"nowhere is no folder; name one with a subfolder for each class, or a table's"
    ):
        text(path="nowhere")


def test_missing_text_column_is_reported_with_its_own_setting(tmp_path):
    pd.DataFrame({"post": ["a b", "c d"], "y": ["k", "l"]}).to_csv(tmp_path / "posts.csv", index=False)
    with pytest.raises(DataError, match=r"posts.csv: data\.text='pots': there is no such column; did you mean 'post'"):
        text(path=str(tmp_path / "posts.csv"), text="pots", target="y")
