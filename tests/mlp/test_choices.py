import inspect
import math
import sys
from typing import Annotated

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.choices import Count, Fraction, Positive, Range, extended, interval, ranged, settings
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import SCHEDULES


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        (Range(), [0, -sys.float_info.max, sys.float_info.max], []),
        (Range(gt=0), [5e-324, 1], [0, -0.0, -1]),
        (Range(ge=0), [0, -0.0, 1], [-5e-324]),
        (Range(ge=0, lt=1), [0, math.nextafter(1, 0)], [1, 2, -1]),
        (Range(gt=0, le=1), [1, 0.5], [0, math.nextafter(1, 2)]),
        (Range(ge=1), [1, 10**300], [0]),
    ],
)
def test_a_bound_is_inside_or_outside_as_its_sign_says(range_, inside, outside):
    assert [value in range_ for value in inside] == [True] * len(inside)
    assert [value in range_ for value in (*outside, math.nan, math.inf, -math.inf, 10**400, -(10**400))] == (
        [False] * (len(outside) + 5)
    )


@for_all(st.floats(), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_an_interval_holds_the_finite_numbers_between_its_bounds(value, low, high):
    assert (value in Range(ge=low, le=high)) == (math.isfinite(value) and low <= value <= high)


@pytest.mark.parametrize(
    ("range_", "text"),
    [(Range(), "finite"), (Range(gt=0), "> 0"), (Range(ge=0, lt=1), ">= 0 and < 1"), (Range(le=5), "<= 5")],
)
def test_a_range_is_written_as_a_rule(range_, text):
    assert str(range_) == text


def test_the_range_of_an_annotation_is_found_also_beside_none():
    assert interval(Positive) == interval(Positive | None) == Range(gt=0)
    assert interval(Annotated[float, "a note", Range(lt=0)]) == Range(lt=0)
    assert interval(float) is interval(float | None) is interval(Annotated[float, "a note"]) is None


@ranged
def maker(first=0, *, size: Count, share: Fraction = 0.5, limit: Positive | None = None):
    """Make nothing."""
    return first, size, share, limit


def test_a_factory_takes_what_is_within_its_ranges():
    assert maker(7, size=1, share=0, limit=None) == (7, 1, 0, None)
    assert (maker.__name__, maker.__doc__) == ("maker", "Make nothing.")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 0}, "`size` must be >= 1, got 0"),
        ({"size": 1, "share": 1.0}, r"`share` must be >= 0 and < 1, got 1\.0"),
        ({"size": 1, "limit": 0.0}, r"`limit` must be > 0, got 0\.0"),
        ({"size": math.nan}, "`size` must be >= 1, got nan"),
    ],
)
def test_factory_error_names_the_parameter_rule_and_value(values, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        maker(**values)


def test_settings_are_the_keyword_only_parameters():
    assert settings(maker) == {
        "size": (Count, inspect.Parameter.empty),
        "share": (Fraction, 0.5),
        "limit": (Positive | None, None),
    }


MAKERS = [maker for choices in (ACTIVATIONS, OPTIMIZERS, SCHEDULES) for maker in choices.signatures.values()]


@pytest.mark.parametrize("factory", MAKERS)
def test_every_default_is_within_its_own_range(factory):
    found = [(interval(hint), default) for hint, default in settings(factory).values()]
    assert all(default in range_ for range_, default in found if range_ and default is not inspect.Parameter.empty)


def test_settings_that_are_passed_on_are_shown_with_their_ranges():
    @ranged
    @extended(maker)
    def outer(*, depth: Count = 1, **more):
        return depth, maker(**more)

    assert [*settings(outer)] == ["depth", "size", "share", "limit"]
    assert settings(outer)["share"] == (Fraction, 0.5)
    assert outer(depth=2, size=3) == (2, maker(size=3))
    with pytest.raises(ValueError, match=r"`share` must be >= 0 and < 1, got 1\.0"):
        outer(size=1, share=1.0)
