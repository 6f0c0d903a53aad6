import shlex
import subprocess

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nnsweep.data.problems import column_kind, require_known, write_setting
from nnsweep.errors import DataError
from nnsweep.jobs.arguments import read_command_line
from nnsweep.jobs.overrides import COLUMNS, make_column_key, make_overrides, read_column_name
from nnsweep.text import is_broken, printable

SIGNS = st.characters(exclude_characters="\0")  # which no argument of a process can hold
NAMES = st.text(SIGNS, min_size=1, max_size=12).map(str.strip).filter(lambda name: name and not is_broken(name))


def read(argument: str) -> tuple[str, str]:
    """Give the name and the kind that an argument leads to."""
    (line,) = read_command_line([argument]).overrides
    key, _, kind = line.partition("=")
    return read_column_name(key.removeprefix(f"++{COLUMNS}")), kind


@pytest.mark.slow
@settings(max_examples=300)
@given(NAMES)
def test_the_kind_of_any_column_can_be_given(name):
    assert read(f"data.columns.{name}=ignore") == (name, "ignore")
    key = make_column_key(name)
    assert read(f"{key}=ignore") == (name, "ignore")  # what has been prepared stays
    (line,) = read_command_line(make_overrides({"data__columns": {name: "category", "other": "text"}})).overrides[:1]
    if "{" not in line:
        assert read_column_name(line.removeprefix(f"++{COLUMNS}").partition("=")[0]) == name


@settings(max_examples=60)
@given(NAMES)
def test_advice_is_one_printable_line_for_any_name(name):
    advice = column_kind(name, "ignore", "text")
    assert advice == printable(advice)
    argument = advice.removesuffix(" (or text)")
    if argument.startswith("$"):
        assume("\0" not in name)
        told = subprocess.run(["bash", "-c", f"printf %s {argument}"], capture_output=True, check=True).stdout.decode()
    else:
        (told,) = shlex.split(argument)
    assert read(told) == (name, "ignore")


def test_advice_on_settings_is_quoted_where_it_must_be():
    assert write_setting("data.unnamed", "first") == "data.unnamed=first"
    assert write_setting("data.comment", '"') == """'data.comment="\\""'"""


def test_a_known_name_is_itself():
    assert require_known("data.name", "iris", ["digits", "iris"]) == "iris"


def test_unknown_name_is_refused_with_the_nearest_and_all_names():
    with pytest.raises(DataError, match=r"data\.name='igits' .*did you mean 'digits'\? Known: digits, iris"):
        require_known("data.name", "igits", ["digits", "iris"])


def test_a_name_like_none_of_them_gets_the_list_alone():
    with pytest.raises(DataError, match=r"^data\.name='zzz' does not exist; known: digits, iris$"):
        require_known("data.name", "zzz", ["digits", "iris"])
