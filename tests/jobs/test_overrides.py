"""Overrides are read back by Hydra as the values they were written from, and text as it was typed."""

import math
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, QuotedString
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnsweep.errors import ConfigError
from nnsweep.jobs import overrides as written
from nnsweep.jobs.overrides import explain_unreadable, make_override, make_overrides, quote_for_shell, quote_text

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]*", fullmatch=True).filter(
    lambda name: name.isascii() and name.lower() not in ("true", "false", "null", "inf", "nan")
)
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet="ab'\"\\ ,=:[]{}()$\n\t#~+@/.-01eE"),
    st.sampled_from(["true", "NULL", "nan", "-inf", "1", "1.0", "1e3", "", " ", "a b", "'", "\\", "\\'", "a\\",
                     "${seed}", "a=b", "a,b", "[a]", "{a: b}", "range(0,5)", "\u00fc\u4e2d\U0001f600", "it's",
                     "\\\\'", "~", "???"]),
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def read(line):
    return OverridesParser.create().parse_override(line)


def plain(value):
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return value


def same(one, other):
    if isinstance(one, dict):
        return isinstance(other, dict) and [*one] == [*other] and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    return type(one) is type(other) and one == other


@pytest.mark.slow
@settings(max_examples=500)
@example("a\\'b\\\\")
@example("\n")
@example([{"a": ["'", {"b": "\\"}]}])
@given(VALUES)
def test_a_value_is_read_back_as_it_was(value):
    line = make_override("some.key", value)
    parsed = read(line)
    assert parsed.key_or_group == "some.key"
    assert not parsed.is_sweep_override()
    assert same(plain(parsed.value()), value), line
    again = read(f"some.key={parsed.get_value_element_as_str()}")  # as the points of a grid are written
    assert same(plain(again.value()), value), line


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(VALUES, min_size=2, max_size=4))
def test_a_tuple_is_swept_over_value_by_value(values):
    parsed = read(make_override("key", tuple(values)))
    assert isinstance(parsed.value(), ChoiceSweep)
    assert same([plain(one) for one in parsed.value().list], values)
    each = [read(f"key={text}").value() for text in parsed.sweep_string_iterator()]
    assert same([plain(one) for one in each], values)


def test_a_range_is_swept_over_and_a_tuple_of_one_is_its_value():
    assert make_override("seed", range(0, 9, 3)) == "seed=0,3,6"
    assert make_override("seed", (7,)) == make_override("seed", 7) == "seed=7"
    assert make_override("arch.hidden_layer_sizes", ([20], [20, 20], [])) == "arch.hidden_layer_sizes=[20],[20,20],[]"


def test_setting_of_one_or_several_texts_is_swept_over_a_list():
    assert make_overrides({"data.target": ["height", "weight"]}) == ["data.target=height,weight"]
    assert make_overrides({"data.target": [["height", "weight"]]}) == ["data.target=[height,weight]"]


def test_words_stay_as_a_person_writes_them():
    assert make_override("arch", "shallow") == "arch=shallow"
    assert make_override("schedule", ("warmup_cosine", "one-cycle")) == "schedule=warmup_cosine,one-cycle"
    assert make_override("data", "null") == "data='null'"


def test_numbers_of_numpy_and_paths_are_values():
    given = (np.float64(0.1), np.int64(3), np.bool_(True), np.float32(0.5), np.str_("a b"), Path("a b/c"))
    assert make_override("key", given) == "key=0.1,3,true,0.5,'a b','a b/c'"


@pytest.mark.parametrize("empty", [(), range(0)])
def test_no_values_are_refused(empty):
    with pytest.raises(ConfigError, match=r"seed=.*: has no values; a tuple holds those to sweep over, a list is one"):
        make_override("seed", empty)


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, b"bytes", np.arange(3), [(1, 2)], {"a": (1,)}, {1: 2}, {"a b": 1}, {"true": 1}, {"": 1},
              ((1, 2), (3, 4)), 1j]
)  # fmt: skip
def test_what_no_configuration_can_hold_is_refused_by_its_key(value):
    with pytest.raises(ConfigError, match=r"^some\.key="):
        make_override("some.key", value)


def test_all_wrong_settings_are_told_together():
    with pytest.raises(ConfigError) as refused:
        make_overrides({"seed": (), "trainer__epochs": 5, "trainer__dropout": object()})
    assert [problem.partition("=")[0] for problem in refused.value.problems] == ["seed", "trainer.dropout"]


def test_two_underscores_stand_for_a_dot():
    assert make_overrides({"trainer__batch_size": None, "output_activation": "tanh", "a__b__c": 1}) == [
        "trainer.batch_size=null", "output_activation=tanh", "a.b.c=1"
    ]  # fmt: skip


def test_overrides_are_texts():
    assert (
        written.check_overrides("seed=1")
        == written.check_overrides(["seed=1"])
        == written.check_overrides(("seed=1",))
        == ["seed=1"]
    )
    for wrong in (["-m"], ["--multirun", "seed=1"], [""], [1], [None], [["seed=1"]]):
        with pytest.raises(ConfigError, match="is no override; they are written key=value"):
            written.check_overrides(wrong)


@pytest.mark.parametrize("wrong", [None, 3, pd.DataFrame(), object()])
def test_what_is_no_sequence_of_texts_is_told_in_one_line(wrong):
    with pytest.raises(
        TypeError, match=rf"^overrides is of the type {type(wrong).__name__}; pass one text or several, .*$"
    ):
        written.check_overrides(wrong)


def test_a_dict_is_told_how_to_be_passed():
    with pytest.raises(TypeError, match=r"settings of a dict as sweep\(\*\*settings\)$"):
        written.check_overrides({"arch": "wide"})


def test_a_value_that_fills_lines_is_told_in_one():
    with pytest.raises(ConfigError, match="of the type DataFrame") as refused:
        make_overrides({"arch": pd.DataFrame()})
    assert "\n" not in str(refused.value)


ODD = [
    *(
        "a=b",
        "a#b",
        "~b",
        "my (new) study",
        "study(2)",
        "a,b",
        "it's",
        'say "hi"',
        'it\'s "it"',
        "{a",
        "[1",
        "a;b",
        "!x",
    ),
    *(
        "a\\",
        "\u00fc=\u4e2d",
        " a ",
        "",
        "a\nb",
        "*",
        "$5",
        "`ls`",
        "a&b",
        "<a>",
        "x:y",
        "a'",
        '"',
        "\\'",
        "true",
        "1e3",
    ),
]


@pytest.mark.parametrize("shell", ["bash", "sh", "zsh", "fish"])
def test_a_shell_gives_what_is_shown_as_that_value(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    odd = [value for value in ODD if "\n" not in value and not (shell == "fish" and "\\" in value)]
    script = "\n".join(f"printf '%s\\n' {quote_for_shell('tracking.experiment', value)}" for value in odd)
    lines = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    read = [OverridesParser.create().parse_override(quote_text(line)).value() for line in lines]
    assert [getattr(value, "text", value) for value in read] == odd


@pytest.mark.parametrize("value", ["a=b", "a#b", "~b", "my (new) study", "study(2)", "it's"])
def test_an_unreadable_name_is_refused_with_quotes_that_work(value, nnsweep):
    said = nnsweep(f"tracking.experiment={value}")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert "token" not in said.err
    shown = re.search(r"in a shell (.*)$", said.err.strip())[1]
    line = subprocess.run(["sh", "-c", f"printf %s {shown}"], capture_output=True, text=True, check=True).stdout
    again = nnsweep(line, "data=iris", "dry_run=true")
    assert (again.code, again.err) == (0, "")


TYPED = [  # what is typed, what Hydra reads
    ("tracking.experiment=2024", "2024"),
    ("tracking.experiment=true", "true"),
    ("tracking.experiment=1e3", "1e3"),
    ("tracking.experiment=007", "007"),
    ("tracking.experiment=null", "null"),
    ("+data.target=1.50", "1.50"),
    ("data.target=null", None),
    ("data.group=NaN", "NaN"),
    ("data.path=~/cats.csv", "~/cats.csv"),
    ("tracking.uri=sqlite:///~/cats.db", "sqlite:///~/cats.db"),
    ("hydra.sweep.dir=~/runs", os.path.expanduser("~/runs")),
    ("data.stop_words=[1,true,null,a]", ["1", "true", "null", "a"]),
    ("data.stop_words=null", None),
    ("seed=1", 1),
    ("trainer.patience=null", None),
    ("tracking.pictures=true", True),
    ("sweep.max_jobs=7", 7),
]


@pytest.mark.parametrize(("line", "value"), TYPED)
def test_what_a_setting_takes_as_text_is_read_as_typed(line, value):
    read = OverridesParser.create().parse_override(quote_text(line)).value()
    plain = [getattr(one, "text", one) for one in read] if isinstance(read, list) else getattr(read, "text", read)
    assert plain == value
    assert type(plain) is type(value)


def test_several_texts_are_swept_over_as_typed():
    assert quote_text("data.target=2024,kind,'1'") == "data.target='2024',kind,'1'"
    assert quote_text("data.target=choice(2024,2025)") == "data.target=choice('2024','2025')"
    assert quote_text("data.target=range(0,3)") == "data.target=range(0,3)"


@pytest.mark.parametrize("none", ["none", "None", "nil", "~"])
@pytest.mark.parametrize(
    "key", ["trainer.patience", "trainer.batch_size", "data.max_features", "rerun", "sweep.workers"]
)
def test_stand_ins_for_null_are_refused_suggesting_null(none, key, nnsweep):
    if (key, none) == ("rerun", "none"):
        return  # a value of its own
    said = nnsweep(f"{key}={none}", "data=newsgroups")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert f"write {key}=null for none" in said.err


def test_an_experiment_is_named_as_typed_from_everywhere(nnsweep, study):
    (study / "mine" / "experiment").mkdir(parents=True)
    (study / "mine" / "experiment" / "year.yaml").write_text("# @package _global_\ntracking: {experiment: 2024}\n")
    for arguments in (["tracking.experiment=2024"], ["--config-dir", "mine", "experiment=year"]):
        assert nnsweep(*arguments, "data=iris", "trainer.epochs=1", "tracking.pictures=false").code == 0
    assert nnsweep("export", "2024").out.count("\n") == 2


def test_what_is_unreadable_in_a_number_is_told_without_a_lexer():
    assert explain_unreadable("seed=1,,2") == (
        "cannot be read as a value; several are written seed=a,b or, of numbers, seed='range(0,5)'"
    )
    assert explain_unreadable("sead") == "cannot be read; settings are written key=value"
