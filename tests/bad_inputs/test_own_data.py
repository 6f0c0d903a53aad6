"""Tables and texts of somebody's own that cannot be used, as the command line tells them; nothing ran."""

import os
import pickle
from pathlib import Path

import pytest

ROWS = [
    (1, "short", 4.1, "siamese"),
    (2, "long", 3.9, "birman"),
    (5, "long", 5.2, "siamese"),
    (3, "short", 4.4, "birman"),
]
HEADER = "age,fur,weight,breed"


def csv(*rows, header=HEADER):
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


GOOD = csv(*ROWS * 10)
FILES = {"cats.csv": GOOD}


def table(name, settings, told, files=None, content=None):
    given = ["data=table", "data.path=cats.csv", *settings]
    return (name, given, told, 4, files if content is None else {"cats.csv": content})


def cats(name, settings, told, content=GOOD):
    return table(name, ["data.target=breed", *settings], told, content=content)


def wrong(name, settings, told):
    return (name, ["data=table", "data.path=cats.csv", "data.target=breed", *settings], told, 2, FILES)


def texts(name, settings, told, files):
    return (name, ["data=text", "data.path=posts", *settings], told, 4, files)


POSTS = {f"posts/{group}/{number}": f"{group} moon {number}" for group in ("sci", "alt") for number in range(10)}


def not_text(path: Path) -> None:
    path.write_bytes(b"caf\xe9")


BAD = [
    ("no path", ["data=table"], "data.path: must be given, as in data.path=cats.csv", 2),
    ("no path of texts", ["data=text"], "data.path: must be given, as in data.path=cats.csv", 2),
    ("no name of a set of OpenML's", ["data=openml"], "data.dataset: must be given, as in data.dataset=credit-g", 2),
    # the label
    table("no label", [], ["cats.csv: data.target names no column", "Known: age, fur, weight, breed"], FILES),
    table("an unknown label", ["data.target=bred"], ["data.target='bred'", "did you mean 'breed'"], FILES),
    table("no file", ["data.target=breed"], ["cats.csv: there is no such file"]),
    cats("one class", [], ["all 40 rows are 'siamese'", "two classes"], csv(*[ROWS[0], ROWS[2]] * 20)),
    cats("a class in a row", [], ["class 'manx' has one row", "data.test_fraction=0.2"], GOOD + "4,long,4.0,manx\n"),
    cats("no label in a row", [], ["cats.csv, line 42, column 4 (breed)", "missing value"], GOOD + "4,long,4.0,\n"),
    table("a label among roles", ["data.target=fur", "data.group=fur"], "named by data.target and data.group", FILES),
    table("as many classes as rows", ["data.target=n"], "are no classes",
          content=csv(*((n, f"k{n}") for n in range(60)), header="age,n")),
    # numbers and weights
    cats("texts as numbers", ["data.task=regression"], ["line 2, column 4 (breed)", "data.task=classification"]),
    table("texts among numbers", ["data.target=[age,fur]"], ["which must all be numbers", "fur has 'short'"], FILES),
    cats("rare classes of numbers", ["data.task=regression", "data.rare=drop"],
         "data.rare=drop: is for classes, and the task is regression; leave it out",
         csv(*((n % 9, n / 2) for n in range(40)), header="age,breed")),
    cats("weights in words", ["data.weight=fur"], ["column 2 (fur): 'short' is not a number", "data.weight out"]),
    cats("an unknown weight", ["data.weight=wight"], "data.weight='wight': there is no such column; did you mean"),
    # columns
    cats("nothing but a label", [], "there is no feature besides the label",
         csv(*[["a"], ["b"]] * 20, header="breed")),
    cats("constants alone", [], ["there is no feature besides the label", "constant"],
         csv(*[[1, "a"], [1, "b"]] * 20, header="age,breed")),
    cats("an unknown column", ["data.columns={frr: text}"], ["data.columns.frr", "did you mean 'fur'"]),
    cats("numbers that are none", ["data.columns={fur: number}"], ["cats.csv, line 2, column 2 (fur): 'short'"]),
    cats("an unknown group", ["data.group=owner"], ["data.group='owner'", "known: age, fur, weight, breed"]),
    cats("a gap", [], ["line 42, column 3 (weight)", "data.missing=drop, mean"], GOOD + "4,long,,birman\n"),
    cats("a slip in a number", [], ["line 42, column 3 (weight): '4,0'", "comma"], GOOD + '4,long,"4,0",birman\n'),
    cats("ragged rows", [], "cats.csv, line 42", GOOD + "4,long\n"),
    cats("a header alone", [], "cats.csv", HEADER + "\n"),
    cats("no byte", [], "cats.csv is empty", ""),
    cats("one row", [], "cats.csv", csv(ROWS[0])),
    cats("a pickle under a false name", [], ["cats.csv is a pickle", "nothing is ever unpickled"], pickle.dumps([1])),
    # parts
    cats("a fold too many", ["data.fold=0", "data.n_folds=21"], "data.n_folds=21: class 'birman' has 20 rows"),
    cats("too small a test part", ["data.test_fraction=0.01"], "data.test_fraction=0.01 of 40 rows leaves a part of 1"),
    cats("one group", ["data.group=one"], "data.group names one group, this needs 2",
         csv(*[(1, *row) for row in ROWS * 10], header=f"one,{HEADER}")),
    cats("no test part in the table", ["data.split=part"], "no row is of the test part",
         csv(*[("train", *row) for row in ROWS * 10], header=f"part,{HEADER}")),
    cats("an unknown part", ["data.split=fur"], ["cats.csv, line 2, column 2 (fur): 'short' is no part"]),
    cats("a fold of parts in the table", ["data.split=part", "data.fold=1"], "data.split names the test rows already",
         csv(*[(part, *row) for row in ROWS * 5 for part in ("train", "test")], header=f"part,{HEADER}")),
    cats("words of no column", ["data.ngram_range=[2,1]"], "data.ngram_range=[2, 1]: must be the fewest"),
    # texts
    texts("no folder", [], "posts is no folder", None),
    texts("an empty folder", [], "one subfolder for each class", {"posts": Path.mkdir}),
    texts("one class of texts", [], "there is only a", {"posts/a/1": "moon"}),
    texts("no UTF-8", [], "posts/b/1, byte 4 (line 1): 0xe9 is no UTF-8", {"posts/a/1": "moon", "posts/b/1": not_text}),
    texts("one text of a class", [], "class 'b' has one row", {"posts/a/1": "m", "posts/a/2": "m", "posts/b/1": "n"}),
    texts("no words", ["data.token_pattern=xyz"], "no word is left of the texts", POSTS),
    texts("too rare words", ["data.min_df=100"], ["no word is left", "lower min_df"], POSTS),
    texts("a role of a table", ["data.target=sci"], "data.target=sci: is for tables", POSTS),
    # settings
    wrong("a fold beyond the last", ["data.fold=5"],
          "data.fold=5: must be below data.n_folds=5; folds count from 0, as in data.fold='range(0,5)'"),
    wrong("one bad fold of six", ["data.fold=range(0,6)"], "data.fold=5: must be below data.n_folds=5"),
    wrong("a fold below the first", ["data.fold=-1"], "data.fold=-1: must be >= 0"),
    wrong("a fold of one", ["data.n_folds=1"], "data.n_folds=1: must be >= 2"),
    wrong("an unknown kind", ["data.columns={age: integer}"],
          "data.columns.age=integer: must be 'number', 'date', 'category', 'text' or 'ignore'"),
    wrong("an unknown kind of one column", ["data.columns.age=integer"], "data.columns.age=integer: must be 'number'"),
    wrong("a target of settings", ["data.target={a: b}"],
          "data.target={'a': 'b'}: must be the name of a column, or a list of names"),
    wrong("an unknown task", ["data.task=regress"],
          "data.task=regress: must be 'classification', 'multilabel' or 'regression'"),
    wrong("columns that are a list", ["data.columns=[age]"], "data.columns=['age']: must be settings"),
    wrong("an unknown way with gaps", ["data.missing=zero"], "data.missing=zero: must be 'drop', 'mean', 'median', "),
    wrong("an unknown setting", ["data.targt=breed"], "data.targt: there is no such key; did you mean 'target'"),
    wrong("a share of nothing", ["data.max_df=0"], "data.max_df=0: must be > 0"),
    wrong("a patience without a validation part", ["data.val_fraction=0", "trainer.patience=3"], "data.val_fraction"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_bad_tables_are_refused(bad, refused):
    refused(bad)


def test_all_gaps_of_a_table_are_told_together(refused, bad_input):
    rows = [(1, "", 4.0, "birman"), ("", "short", "", "siamese")]
    bad = bad_input(
        "gaps", ["data=table", "data.path=cats.csv", "data.target=breed"], "", 4, {"cats.csv": csv(*ROWS * 10, *rows)}
    )
    lines = refused(bad)
    assert [line.partition("(")[2].partition(")")[0] for line in lines] == ["age", "fur", "weight"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(refused, bad_input):
    def closed(path):
        path.write_text(GOOD)
        path.chmod(0)

    refused(bad_input("closed", ["data=table", "data.path=cats.csv"], "cannot be read", 4, {"cats.csv": closed}))
