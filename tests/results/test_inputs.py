"""Wrong arguments of the public functions are told in one line, in words of the user and not of the inside."""

import inspect
import re
from pathlib import Path

import pandas as pd
import pytest

import nnsweep
from nnsweep.errors import UserError
from nnsweep.results.inputs import WANTED, check_inputs

from .test_runs import make_runs

FUNCTIONS = [name for name in nnsweep.__all__ if inspect.isfunction(getattr(nnsweep, name)) and name != "sweep"]
CHECKED = [
    (name, argument)
    for name in FUNCTIONS
    for argument in inspect.signature(getattr(nnsweep, name)).parameters
    if argument in WANTED
]
RIGHT = {
    "runs": make_runs(),
    "histories": {},
    "correct": {},
    "evaluations": {},
    "comparison": None,
    "effects": pd.DataFrame({"term": []}),
    "levels": pd.DataFrame({"factor": []}),
    "experiment": "digits",
}
WRONG = (
    None,
    Path("table.csv"),
    ["0af31", "c0ffee"],
    make_runs()["name"],
    3,
    object(),
    pd.DataFrame({"a": [1], "b": [2]}),
    pd.DataFrame({"label": ["wide"], "mean": [0.9]}),
)
"""What none of the arguments can be."""
TEXTS = ("experiment", "metric", "uri")
"""Arguments of which a text may be right."""


def call(name, argument, value):
    function = getattr(nnsweep, name)
    needed = [one for one in inspect.signature(function).parameters.values() if one.default is one.empty]
    return function(**{one.name: RIGHT.get(one.name) for one in needed} | {argument: value})


def assert_one_line(error, argument):
    told = str(error)
    assert "\n" not in told
    assert len(told) < 400
    assert not re.search(r"Traceback|object at 0x|has no attribute|subscriptable|sqlalchemy|<class", told)
    assert told.startswith(f"{argument} must be ") or "runs has no" in told, told


def test_every_function_of_runs_is_checked():
    assert {name for name, _ in CHECKED} == {*FUNCTIONS}


@pytest.mark.parametrize(("name", "argument"), CHECKED)
def test_what_cannot_be_meant_is_told_in_one_line(name, argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    may_be_none = inspect.signature(getattr(nnsweep, name)).parameters[argument].default is None
    for value in WRONG:
        if value is None and may_be_none:
            continue
        with pytest.raises((TypeError, UserError)) as told:
            call(name, argument, value)
        is_frame_for_report = name == "report" and argument == "experiment" and isinstance(value, pd.DataFrame)
        assert_one_line(told.value, "runs" if is_frame_for_report else argument)
        assert told.value.__cause__ is None


@pytest.mark.parametrize(("name", "argument"), [one for one in CHECKED if one[1] not in TEXTS])
def test_a_name_is_told_how_to_load_what_it_names(name, argument):
    with pytest.raises(TypeError, match=f"^{argument} must be .* not the text 'digits'") as told:
        call(name, argument, "digits")
    if argument == "runs":
        assert str(told.value).endswith("load them: nnsweep.load_results('digits')")


def test_a_frame_where_a_name_is_wanted_is_told_its_experiment():
    with pytest.raises(TypeError, match=r"^experiment must be .*, not a Runs; these runs are of 'shapes'$"):
        nnsweep.confirm(make_runs())
    with pytest.raises(TypeError, match=r"these runs are of 'shapes'$"):
        nnsweep.load_results(make_runs())


def test_columns_that_a_function_needs_are_named():
    with pytest.raises(UserError, match=r"^runs has no column run_id; pass all columns, as they were returned$"):
        nnsweep.load_histories(make_runs().drop(columns="run_id"))
    with pytest.raises(UserError, match=r"^runs has no column name and run_id"):
        nnsweep.optimism(make_runs().drop(columns=["name", "run_id"]))


def test_what_is_right_is_let_through():
    mine = pd.DataFrame({"arch": ["a", "b"], "f1": [0.5, 0.6]})
    check_inputs(runs=mine, metric="f1", uri=None, histories={}, experiment="digits")
    check_inputs(runs=pd.DataFrame())
    check_inputs(["run_id"], runs=make_runs().iloc[:0])
