"""Holm's correction: known answers, and what holds for any p values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.results.statistics.tests import correct_by_holm

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("raw", "corrected"),
    [
        # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
        ([0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.08, 0.09, 0.09, 0.09]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([], []),
    ],
)
def test_known_answers(raw, corrected):
    assert correct_by_holm(raw) == pytest.approx(corrected, abs=1e-15)


@given(p_values)
def test_corrected_values_are_never_smaller_and_keep_the_order(raw):
    corrected = correct_by_holm(raw)
    assert (corrected >= raw).all()
    assert (corrected <= 1).all()
    assert (np.diff(corrected[np.argsort(raw, kind="stable")]) >= 0).all()


@given(p_values, st.randoms(use_true_random=False))
def test_the_order_changes_nothing(raw, random):
    order = list(range(len(raw)))
    random.shuffle(order)
    assert correct_by_holm([raw[i] for i in order]).tolist() == correct_by_holm(raw)[order].tolist()


@given(p_values)
def test_a_larger_family_corrects_more_but_never_more_than_bonferroni(raw):
    wider = correct_by_holm(raw, len(raw) + 3)
    assert (wider >= correct_by_holm(raw)).all()
    bonferroni = np.minimum(1, np.array(raw) * (len(raw) + 3))
    assert wider.min() == bonferroni.min()
    assert (wider <= bonferroni).all()


@given(p_values, st.integers(1, 20))
def test_a_part_of_a_family_gets_no_less_than_it_would_with_the_whole(raw, n):
    picked = raw[:n]
    assert (correct_by_holm(picked, len(raw)) >= correct_by_holm(raw)[:n] - 1e-15).all()


def test_comparisons_that_were_not_made_do_not_count():
    assert correct_by_holm([0.01, math.nan, 0.02]).tolist() == pytest.approx([0.02, math.nan, 0.02], nan_ok=True)
    assert np.isnan(correct_by_holm([math.nan])).all()
