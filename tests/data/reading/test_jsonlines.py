import pytest

from nnsweep.data.reading.jsonlines import read_json


def columns(text):
    return read_json(text.encode(), "cats.jsonl").frame.to_dict("list")


def test_cells_are_as_they_are_written():
    assert columns('{"age": 1.50, "y": "a"}\n{"age": 12345678901234567890, "y": true}\n{"age": 1e5, "y": null}\n') == {
        "age": ["1.50", "12345678901234567890", "1e5"],
        "y": ["a", "True", ""],
    }


def test_columns_follow_first_appearance_and_may_be_missing():
    assert columns('{"b": "x"}\n{"a": 2, "b": "y"}\n') == {"b": ["x", "y"], "a": ["", "2"]}


def test_empty_lines_count():
    assert read_json(b'\n{"a": 1}\r\n\r\n{"a": 2}', "cats.jsonl").lines() == [2, 4]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1" * 10**5])
def test_numbers_stay_as_written_until_numbers_are_asked_for(number):
    assert columns(f'{{"a": {number}}}') == {"a": [number]}
