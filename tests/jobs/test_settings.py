from pathlib import Path

import pytest

from nnsweep.jobs.conf_tree import conf_dir, list_groups, read_remarks
from nnsweep.jobs.groups import GROUPS
from nnsweep.jobs.job import Job
from nnsweep.jobs.settings import describe_type, list_all_settings
from nnsweep.mlp.measures import MeasureNames

SETTINGS = list_all_settings()


def names(settings):
    return [f"{one.key} ({one.choice})" for one in settings]


def test_every_setting_says_what_it_means():
    assert names(one for one in SETTINGS if not one.meaning) == []


def test_every_setting_of_ours_says_what_it_takes():
    assert names(one for one in SETTINGS if not one.allowed and not one.group.startswith("hydra")) == []


def test_every_group_says_what_it_is_about():
    remarks = read_remarks([Path(conf_dir())], {})
    groups = [group for group in list_groups([Path(conf_dir())]) if "/" not in group]
    assert [group for group in groups if not remarks.get(f"defaults.{group}")] == []


def test_a_key_of_one_choice_is_listed_once():
    assert len(names(SETTINGS)) == len({*names(SETTINGS)})


@pytest.mark.parametrize("group", GROUPS)
def test_what_a_choice_takes_is_what_its_file_sets(group):
    for choice in list_groups([Path(conf_dir())])[group]:
        listed = {one.key.partition(".")[2] for one in SETTINGS if (one.group, one.choice) == (group, choice)}
        known = GROUPS[group].settings(choice if choice in GROUPS[group] else "join")
        assert {*known} <= listed, choice


def test_no_key_of_a_job_is_left_out():
    assert {one.group or one.key for one in SETTINGS if not one.group.startswith("hydra")} == {*Job.model_fields}


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("trainer.patience", "integer >= 1 or null"),
        ("trainer.class_weight", "balanced, or list of numbers >= 0, or null"),
        ("trainer.measures", "list of measures or null"),
        ("arch.hidden_layer_sizes", "list of integers >= 1"),
        ("arch.depth", "integer >= 0 and <= 1000"),
        ("schedule.pieces", "list of schedules"),
        ("data.thousands", """comma, point, apostrophe, blank, ',', '.', "'", ' ' or null"""),
        ("data.target", "column, list of columns, or null"),
        ("sweep.max_stack_memory", "size, such as 512MB or 2GiB"),
        ("rerun", "all, failed, none or null"),
    ],
)
def test_what_a_setting_takes_is_put_into_words(key, allowed):
    assert {one.allowed for one in SETTINGS if one.key == key} == {allowed}


def test_a_setting_that_words_or_a_mapping_fit_shows_both():
    (allowed,) = {one.allowed for one in SETTINGS if one.key == "data.missing"}
    assert allowed.startswith("drop, mean, median, most_frequent or own, or {number: drop, mean,")


def test_words_of_a_type_win_over_its_kind():
    assert describe_type(MeasureNames) == "of MEASURES"


def test_a_choice_of_ones_own_is_listed_with_what_it_takes(tmp_path):
    (tmp_path / "schedule").mkdir()
    (tmp_path / "schedule" / "mine.yaml").write_text("name: exp\ngamma: 0.5 # halved\nevery: 2\ncompound: false\n")
    mine = [one for one in list_all_settings([tmp_path]) if one.choice == "mine"]
    assert [(one.key, one.default, one.allowed, one.meaning) for one in mine] == [
        ("schedule.gamma", 0.5, "number > 0", "halved"),
        ("schedule.every", 2, "integer >= 1", ""),
        ("schedule.compound", False, "true or false", ""),
    ]
