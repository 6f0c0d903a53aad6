"""Who is in which part: by class, by group, by fold, or as the table says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold, train_test_split

from nnsweep.data.split import Labels, SplitSettings, describe_split, draw_part, split_rows
from nnsweep.errors import DataError

NAMES = ("a", "b", "c")
Y = np.arange(300) % 3
PATIENTS = np.array([f"patient {number}" for number in np.random.default_rng(0).integers(0, 60, 300)])
KEY = "data.val_fraction"


def labels(y=Y, groups=None):
    return Labels(np.asarray(y), NAMES, groups)


def samples(y, names=range(4)):
    return Labels(np.asarray(y), names, unit="sample")


@st.composite
def grouped(draw):
    n_groups = draw(st.integers(12, 30))
    rows = draw(st.lists(st.tuples(st.integers(0, n_groups - 1), st.integers(0, 2)), min_size=80, max_size=120))
    every = [(group, number) for group in range(n_groups) for number in range(3)]
    groups, y = zip(*every, *rows, strict=True)
    return labels(y, np.array(groups))


@given(grouped(), st.floats(0.1, 0.5), st.just(0) | st.floats(0.2, 0.4), st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_every_row_is_in_one_part_and_every_group_too(drawn, test_fraction, val_fraction, seed):
    how = SplitSettings(test_fraction=test_fraction, val_fraction=val_fraction, split_seed=seed)
    found = split_rows(drawn, how)
    assert sorted(np.concatenate([*found.parts.values()]).tolist()) == list(range(len(drawn.y)))
    groups = [set(drawn.groups[rows].tolist()) for rows in found.parts.values()]
    assert sum(map(len, groups)) == len(set(drawn.groups.tolist()))


@given(st.floats(0.05, 0.5), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_without_groups_the_parts_are_those_of_scikit_learn(fraction, seed):
    found = split_rows(labels(), SplitSettings(test_fraction=fraction, val_fraction=0, split_seed=seed))
    train, test = train_test_split(np.arange(300), test_size=fraction, random_state=seed, stratify=Y)
    assert (found.train.tolist(), found.test.tolist()) == (train.tolist(), test.tolist())


@pytest.mark.parametrize("groups", [None, PATIENTS], ids=["rows", "groups"])
def test_folds_match_scikit_learn_and_cover_the_table_once(groups):
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    splits = [*kind(4, shuffle=True, random_state=7).split(Y, Y, groups)]
    tests = []
    for fold, (rest, test) in enumerate(splits):
        found = split_rows(labels(groups=groups), SplitSettings(fold=fold, n_folds=4, split_seed=7))
        assert found.test.tolist() == test.tolist()
        assert sorted([*found.train, *found.val]) == rest.tolist()
        tests += test.tolist()
    assert sorted(tests) == list(range(300))


def test_groups_keep_classes_and_sizes_nearly_as_requested():
    found = split_rows(labels(groups=PATIENTS), SplitSettings(test_fraction=0.15, val_fraction=0.25))
    assert abs(len(found.test) / 300 - 0.15) < 0.03
    assert abs(len(found.val) / (300 - len(found.test)) - 0.25) < 0.04
    for rows in found.parts.values():
        assert abs(np.bincount(Y[rows]) / len(rows) - 1 / 3).max() < 0.1


def test_validation_fraction_does_not_change_the_test_part():
    for groups in (None, PATIENTS):
        parts = [split_rows(labels(groups=groups), SplitSettings(val_fraction=fraction)).test for fraction in (0, 0.5)]
        assert parts[0].tolist() == parts[1].tolist()


def test_the_table_may_say_itself_what_is_what():
    part = np.array(["train", "train", "val", "train", "test", "train"], dtype=object)
    found = split_rows(Labels(np.array([0, 1, 0, 1, 1, 0]), NAMES[:2]), SplitSettings(), part=part)
    assert [rows.tolist() for rows in found.parts.values()] == [[0, 1, 3, 5], [2], [4]]


def test_unnamed_validation_rows_come_from_the_training_rows():
    part = np.array(["test"] * 30 + ["train"] * 270, dtype=object)
    found = split_rows(labels(), SplitSettings(val_fraction=0.1), part=part)
    assert found.test.tolist() == list(range(30))
    assert len(found.val) == 27
    assert not set(found.val) & set(range(30))


@pytest.mark.parametrize(
    ("divided", "problem"),
    [
        ({"y": [0] * 9 + [1]}, r"data\.test_fraction=0\.2: class 'b' has one row, this needs 2; add rows"),
        ({"y": Y[:6]}, r"data\.test_fraction=0\.2 of 6 rows leaves a part of 2, fewer than the 3 classes"),
        ({"y": Y, "fold": 5}, r"data\.fold=5: must be below data\.n_folds=5; folds count from 0"),
        (
            {"y": Y[:12], "fold": 0},
            r"data\.n_folds=5: class 'a' has 4 rows, this needs 5 \(others have too few, 3 classes in all",
        ),
        ({"y": Y, "part": np.full(300, "train")}, r"data\.split: no row is of the test part"),
        ({"y": Y, "part": np.full(300, "test")}, r"data\.split: no row is of the train part"),
        (
            {"y": Y, "part": np.where(Y == 1, "test", "train")},
            r"class 'b' is not in the training part.*cannot be learn",
        ),
        ({"y": Y, "part": np.full(300, "train"), "fold": 1}, r"data\.fold=1: data\.split names the test rows already"),
        (
            {"y": Y, "groups": np.zeros(300, int)},
            r"data\.test_fraction=0\.2: data\.group names one group, this needs 2",
        ),
        ({"y": Y, "groups": Y}, r"class '.' is not in the training part.*its rows are of few groups"),
        (
            {"y": Y, "groups": np.arange(300) // 2, "part": np.where(np.arange(300) % 2, "test", "train")},
            r"data\.split: 150 groups of data\.group are in more than one part, the first is '0'",
        ),
    ],
)
def test_what_cannot_be_divided_is_told_with_its_setting(divided, problem):
    y, groups, part = np.asarray(divided.pop("y")), divided.pop("groups", None), divided.pop("part", None)
    with pytest.raises(DataError, match=problem):
        split_rows(Labels(y, NAMES[: y.max() + 1], groups), SplitSettings(**divided), part=part)


def test_sizes_are_told_and_what_groups_leave_uneven():
    how = SplitSettings(fold=1, n_folds=3)
    (line,) = describe_split(split_rows(labels(), how), labels(), how)
    assert line == "fold 1 of 3: training 160, validation 40, test 100 rows"
    (line,) = describe_split(split_rows(labels(groups=PATIENTS), how), labels(groups=PATIENTS), how)
    assert "; 60 groups kept together, which leaves class '" in line
    assert line.endswith("% of all")


def test_a_class_that_is_not_in_the_test_part_is_warned_of():
    part = np.array(["train", "train", "train", "test", "train", "val"], dtype=object)
    both = Labels(np.array([0, 1, 0, 0, 1, 1]), ("no", "yes"))
    lines = [*describe_split(split_rows(both, SplitSettings(), part=part), both, SplitSettings())]
    assert lines[0] == "parts: training 4, validation 1, test 1 rows"
    assert lines[1:] == [
        "WARNING: parts: the validation part has no row of class 'no'",
        "WARNING: parts: the test part has no row of class 'yes'",
    ]


@given(st.lists(st.integers(10, 40), min_size=2, max_size=4), st.floats(0.2, 0.8), st.integers(0, 2**32 - 1))
def test_samples_are_drawn_with_every_class_in_proportion(counts, fraction, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    rest, part = draw_part(samples(y), fraction, seed, KEY)
    assert sorted([*rest, *part]) == list(range(len(y)))
    assert len(part) == np.ceil(fraction * len(y))
    shares = np.bincount(y[part], minlength=len(counts))
    assert np.abs(shares - fraction * np.array(counts)).max() <= 2


def test_the_seed_decides_and_nothing_else():
    y = np.arange(100) % 3
    first, again, other = (draw_part(samples(y), 0.3, seed, KEY)[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_split_is_what_it_was():
    rest, part = draw_part(samples(np.arange(12) % 2), 0.25, 0, KEY)
    assert part.tolist() == [11, 0, 10]
    assert len(rest) == 9


def test_no_fraction_no_part_and_the_order_is_kept():
    rest, part = draw_part(samples([0, 1, 1]), 0, 0, KEY)
    assert part is None
    assert rest.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("y", "fraction", "problem"),
    [
        ([0, 0, 0, 1], 0.5, "class 1 has one sample, this needs 2; take more samples"),
        ([0, 1] * 10, 0.01, "leaves a part of 1, fewer than the 2 classes; bring .* or set it to 0"),
        ([0, 1] * 10, 0.99, "leaves a part of 0, fewer than the 2 classes"),
        ([0] * 96 + [1] * 4, 0.1, "leaves a part without class 1; bring"),
    ],
)
def test_a_part_without_a_class_is_refused(y, fraction, problem):
    with pytest.raises(DataError, match=rf"data\.val_fraction={fraction}.*{problem}"):
        draw_part(samples(y), fraction, 0, KEY)


@pytest.mark.parametrize("y", [[0, 0, 0, 1], [0] * 9 + [1] * 3])
def test_a_class_is_named_by_its_label(y):
    with pytest.raises(DataError, match="class 'virginica'"):
        draw_part(samples(y, ("setosa", "virginica")), 0.1 if len(y) > 4 else 0.5, 0, KEY)


def test_a_test_part_cannot_be_set_to_zero():
    with pytest.raises(DataError, match=r"data\.test_fraction=0\.01.*more samples$"):
        draw_part(samples(np.arange(20) % 2), 0.01, 0, "data.test_fraction")


def test_rows_without_classes_are_drawn_as_scikit_learn_does():
    rows, settings = Labels.of_rows(50), SplitSettings(split_seed=3)
    rest, test = train_test_split(np.arange(50), test_size=0.2, random_state=3)
    train, val = train_test_split(rest, test_size=0.2, random_state=3)
    split = split_rows(rows, settings)
    assert [part.tolist() for part in split] == [train.tolist(), val.tolist(), test.tolist()]
    for fold, (_, its) in enumerate(KFold(4, shuffle=True, random_state=3).split(np.arange(50))):
        settings = SplitSettings(split_seed=3, fold=fold, n_folds=4)
        assert split_rows(rows, settings).test.tolist() == its.tolist()
    assert [*describe_split(split, rows, SplitSettings())] == ["parts: training 32, validation 8, test 10 rows"]


def test_numbers_with_too_few_rows_may_be_quantities():
    few = Labels(np.array([0, 0, 0, 0, 1]), ("3", "4.5"))
    with pytest.raises(
        DataError, match=r"class '4\.5' has one row.*, or data\.task=regression if they are quantities$"
    ):
        split_rows(few, SplitSettings())


def test_groups_without_classes_stay_together():
    rows = Labels.of_rows(300, PATIENTS)
    split = split_rows(rows, SplitSettings())
    patients = [set(PATIENTS[its]) for its in split.parts.values()]
    assert sum(map(len, patients)) == len(set(PATIENTS))
    assert 40 < len(split.test) < 80
    (line,) = describe_split(split, rows, SplitSettings())
    assert line.endswith("60 groups kept together")


@pytest.mark.parametrize(
    ("n_rows", "settings", "problem"),
    [
        (1, {}, r"data\.test_fraction=0\.2: the table has one row, this needs 2; take more rows"),
        (4, {"fold": 0}, r"data\.n_folds=5: the table has 4 rows, this needs 5; take more rows"),
        (3, {"test_fraction": 0.9}, r"data\.test_fraction=0\.9 of 3 rows leaves a part of 0; bring"),
    ],
)
def test_too_few_rows_without_classes_are_refused(n_rows, settings, problem):
    with pytest.raises(DataError, match=problem):
        split_rows(Labels.of_rows(n_rows), SplitSettings(**settings))
