"""Equal enough: the margin."""

import math

import pytest

from nnsweep.errors import ConfigError
from nnsweep.results.statistics.equivalence import choose_rope


@pytest.mark.parametrize("rope", [0.0, -0.01, math.nan, math.inf])
def test_a_margin_is_a_positive_number(rope):
    with pytest.raises(ConfigError, match=rf"rope={rope} is not a positive number; 0\.01 is usual for an accuracy"):
        choose_rope(rope, "test_accuracy")


def test_only_an_accuracy_has_a_usual_margin():
    assert choose_rope(None, "best_val_accuracy") == 0.01
    assert choose_rope(None, "final_train_cost") is None
    assert choose_rope(0.2, "final_train_cost") == 0.2
