from collections.abc import Mapping
from typing import Annotated, Literal

import pytest
from pydantic import ValidationError

from nnsweep.jobs.schema import Part, Settings, one_choice, one_group, one_of, within
from nnsweep.mlp.choices import Count, Finite, Positive, Range


def circle(*, radius: Positive, turns: Count = 3):
    """Take a number and a count."""


def path(*, corners: tuple[Finite, ...], ends: Literal["round", "flat"] = "flat", width: Positive | None = None):
    """Take a list, a word and a number that may be absent."""


def filled(*, colours: Mapping[str, Literal["red", "blue"]] | None = None):
    """Take a mapping."""


class Drawing(Settings):
    shape: Annotated[
        Part, one_choice({"circle": circle, "path": path, "filled": filled}, more={"colour": (str, "red")})
    ]
    pen: Annotated[Settings, one_group("pen", circle, without={"turns"})]
    name: Annotated[str, one_of(["a", "b"])] = "a"


PAIRS = [("left", "red"), ("right", "blue")]


def drawing(shape, pen=None, **more):
    return Drawing.model_validate({"shape": shape, "pen": pen or {"radius": 1.0}, **more})


def test_choice_has_the_settings_and_defaults_of_its_function():
    shape = drawing({"name": "circle", "radius": 2.0}).shape
    assert shape.name == "circle"
    assert shape.settings() == {"radius": 2.0, "turns": 3, "colour": "red"}


def test_a_group_has_the_settings_that_are_not_left_out():
    assert drawing({"name": "circle", "radius": 2.0}, pen={"radius": 5.0}).pen.settings() == {"radius": 5.0}
    with pytest.raises(ValidationError, match="extra_forbidden"):
        drawing({"name": "circle", "radius": 2.0}, pen={"radius": 5.0, "turns": 3})


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"name": "circle"}, "missing"),
        ({"name": "circle", "radius": 0.0}, "range"),
        ({"name": "circle", "radius": "1"}, "float_type"),
        ({"name": "circle", "radius": 1.0, "turns": 0}, "range"),
        ({"name": "circle", "radius": 1.0, "corners": ()}, "extra_forbidden"),
        ({"name": "path", "corners": (1.0, float("inf"))}, "range"),
        ({"name": "path", "corners": (), "width": -1.0}, "range"),
        ({"name": "path", "corners": (), "ends": "sharp"}, "literal_error"),
        ({"name": "square"}, "union_tag_invalid"),
        ({}, "union_tag_not_found"),
    ],
)
def test_what_the_function_would_not_take_is_refused(wrong, kind):
    with pytest.raises(ValidationError) as refused:
        drawing(wrong)
    assert [error["type"] for error in refused.value.errors()] == [kind]


def test_a_range_is_checked_however_deep_it_is():
    assert drawing({"name": "path", "corners": (1.0,), "width": None}).shape.settings()["width"] is None
    with pytest.raises(ValidationError, match="must be > 0"):
        drawing({"name": "path", "corners": (), "width": 0.0})


def test_a_word_is_one_of_the_known():
    assert drawing({"name": "circle", "radius": 1.0}, name="b").name == "b"
    with pytest.raises(ValidationError, match="one_of"):
        drawing({"name": "circle", "radius": 1.0}, name="c")


def test_equal_parts_are_one_key_and_never_change():
    first, second = (drawing({"name": "circle", "radius": 2.0}).shape for _ in range(2))
    assert len({first, second}) == 1
    with pytest.raises(ValidationError, match="frozen"):
        first.radius = 3.0


def test_an_annotation_can_stand_for_another():
    class Pair(Settings):
        part: Annotated[Part, one_choice({"circle": circle}, replace={Positive: Annotated[float, within(Range(lt=0))]})]

    assert Pair.model_validate({"part": {"name": "circle", "radius": -1.0}}).part.settings()["radius"] == -1.0


def test_mapping_is_matched_in_any_order_and_returned_unchanged():
    one, other = (drawing({"name": "filled", "colours": dict(pairs)}) for pairs in (PAIRS, PAIRS[::-1]))
    assert one == other
    assert hash(one.shape) == hash(other.shape)
    assert dict(one.shape.settings()["colours"]) == dict(PAIRS)
    again = Drawing.model_validate_json(one.model_dump_json())
    assert (again, again.model_dump(mode="json")["shape"]["colours"]) == (one, dict(PAIRS))
    assert drawing({"name": "filled"}).shape.settings() == {"colours": None, "colour": "red"}


def test_what_is_wrong_in_a_mapping_is_told_with_its_key():
    with pytest.raises(ValidationError) as refused:
        drawing({"name": "filled", "colours": {"left": "red", "right": "green"}})
    (error,) = refused.value.errors()
    assert (error["type"], error["loc"]) == ("literal_error", ("shape", "colours", "right"))
