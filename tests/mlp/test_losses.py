import itertools

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logsumexp
from sklearn._loss.loss import AbsoluteError, HalfBinomialLoss, HalfSquaredError, PinballLoss

from nnsweep.mlp.losses import (
    DEFAULT_LOSSES,
    absolute_error,
    binary_cross_entropy,
    compute_cross_entropy,
    cross_entropy,
    first_places,
    huber,
    make_loss,
    quantile,
    softmax,
    squared_error,
)

SIZES = (0, 1e-308, 1, 88, 709, 710, 745, 1e4, 1e300)
ENDS = sorted({sign * size for size in SIZES for sign in (1, -1)})
ULP = np.finfo(float).eps
logits = arrays(float, (2, 3, 4), elements=st.floats(-700, 700))
labels = arrays(np.int64, 3, elements=st.integers(0, 3))


@pytest.fixture(autouse=True)
def no_overflow():
    with np.errstate(all="raise", under="ignore"):
        yield


def test_no_logit_is_too_large():
    z = np.array([list(itertools.product(ENDS, repeat=3))])
    for label in range(3):
        y = np.full(z.shape[1], label)
        for sample in np.array_split(np.arange(z.shape[1]), 50):
            cost, delta = compute_cross_entropy(z[:, sample], y[sample])
            assert np.isfinite(cost).all()
            assert np.isfinite(delta).all()
    probabilities = softmax(z)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_array_less(np.abs(probabilities.sum(axis=-1) - 1), 4 * ULP)


@pytest.mark.parametrize(
    ("z", "expected", "cost"),
    [
        ([1e300, -1e300], [1, 0], 0),
        ([-1e300, 1e300], [0, 1], 2e300),
        ([1e4, 0], [1, 0], 0),
        ([0, 745], [np.exp(-745), 1], 745),
        ([0, 1e4], [0, 1], 1e4),
        ([1e300, 1e300], [0.5, 0.5], np.log(2)),
        ([-1e-308, 1e-308], [0.5, 0.5], np.log(2)),
    ],
)
def test_the_ends_are_exact(z, expected, cost):
    # 0, 1 and 1e-320 (nearly) as probabilities of the label: the cost is finite
    assert softmax(np.array(z)).tolist() == expected
    assert compute_cross_entropy(np.array([[z]], dtype=float), np.array([0]))[0].tolist() == [[cost]]


def test_the_largest_doubles_give_probabilities_too():
    assert softmax(np.array([1.7e308, -1.7e308])).tolist() == [1, 0]


def test_logits_that_are_not_finite_give_a_cost_that_is_not():
    with np.errstate(invalid="ignore"):
        cost, _ = compute_cross_entropy(np.array([[[np.inf, 0]], [[np.nan, 0]], [[1.0, 0]]]), np.array([0]))
    assert np.isfinite(cost).tolist() == [[False], [False], [True]]


@for_all(logits, labels)
def test_the_cost_is_logsumexp_less_the_logit_of_the_label(z, y):
    expected = logsumexp(z, axis=2) - z[:, np.arange(3), y]
    np.testing.assert_allclose(compute_cross_entropy(z, y)[0], expected, rtol=1e-14, atol=1e-12)


@for_all(arrays(float, (5, 4), elements=st.floats(-30, 30)), arrays(np.int64, 5, elements=st.integers(0, 3)))
def test_notebook_softmax_and_loss_agree_where_nothing_overflows(Z, y):
    exp_scores = np.exp(Z)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    loss = 1.0 / 5 * np.sum(-np.log(probs[range(5), y]))
    np.testing.assert_allclose(softmax(Z), probs, rtol=1e-14)
    np.testing.assert_allclose(compute_cross_entropy(Z[np.newaxis], y)[0].mean(), loss, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("n_classes", [2, 3, 10, 1000])
def test_equal_logits_cost_the_logarithm_of_the_class_count(n_classes):
    cost, _ = compute_cross_entropy(np.zeros((1, 7, n_classes)), np.zeros(7, dtype=int))
    np.testing.assert_allclose(cost, np.log(n_classes), rtol=1e-15)


@for_all(logits, labels)
def test_derivatives_sum_to_0_and_probabilities_to_1_per_sample(z, y):
    _, delta = compute_cross_entropy(z, y)
    np.testing.assert_array_less(np.abs(delta.sum(axis=2)), 4 * ULP)
    np.testing.assert_array_less(np.abs(softmax(z).sum(axis=2) - 1), 4 * ULP)


@for_all(logits, labels)
def test_the_derivative_is_the_probability_less_1_at_the_label(z, y):
    expected = softmax(z)
    expected[:, np.arange(3), y] -= 1
    np.testing.assert_array_equal(compute_cross_entropy(z, y)[1], expected)


@for_all(arrays(float, (3, 4), elements=st.floats(-100, 100)), st.floats(-1e8, 1e8))
def test_a_constant_added_to_all_logits_does_not_matter(z, constant):
    np.testing.assert_allclose(softmax(z + constant), softmax(z), rtol=0, atol=1e-15 * max(1, abs(constant)))


@for_all(arrays(float, (50, 2), elements=st.floats(-100, 100)))
def test_with_two_classes_it_is_the_sigmoid_of_the_difference(z):
    np.testing.assert_allclose(softmax(z)[:, 1], expit(z[:, 1] - z[:, 0]), rtol=0, atol=1e-15)


@for_all(logits, labels, st.permutations(range(4)))
def test_renamed_classes_have_the_same_cost(z, y, order):
    renamed = np.argsort(order)[y]
    np.testing.assert_allclose(
        compute_cross_entropy(z[..., order], renamed)[0], compute_cross_entropy(z, y)[0], rtol=1e-13, atol=1e-13
    )


def test_each_network_may_have_labels_of_its_own():
    z, y = np.random.default_rng(0).normal(size=(3, 5, 4)), np.random.default_rng(1).integers(4, size=(3, 5))
    cost, delta = compute_cross_entropy(z, y)
    for network in range(3):
        alone, its_delta = compute_cross_entropy(z[network : network + 1], y[network])
        np.testing.assert_array_equal(cost[network], alone[0])
        np.testing.assert_array_equal(delta[network], its_delta[0])


def test_class_major_logits_give_the_same_in_a_given_array():
    z, y = np.random.default_rng(0).normal(size=(3, 5, 4)), np.random.default_rng(1).integers(4, size=(3, 5))
    by_class = np.ascontiguousarray(z.swapaxes(1, 2)).swapaxes(1, 2)
    out = np.empty_like(by_class)
    costs, delta = compute_cross_entropy(by_class, y, out=out, places=first_places(out))
    assert delta is out
    for one, other in zip(compute_cross_entropy(z, y), (costs, delta), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-15)


def test_float32_stays_float32():
    z = np.array([[[1e30, -1e30, 0], [0, 88, 89]]], dtype=np.float32)
    cost, delta = compute_cross_entropy(z, np.array([1, 0]))
    assert (cost.dtype, delta.dtype, softmax(z).dtype) == (np.float32,) * 3
    assert np.isfinite(cost).all()


SMOOTHED = cross_entropy(label_smoothing=0.2)
DIFFERENT = {
    "squared_error": squared_error(),
    "absolute_error": absolute_error(),
    "huber": huber(delta=0.7),
    "quantile": quantile(quantiles=(0.1, 0.5, 0.8)),
    "binary_cross_entropy": binary_cross_entropy(),
    "smoothed labels": binary_cross_entropy(label_smoothing=0.2),
    "cross_entropy": cross_entropy(),
    "smoothed classes": SMOOTHED,
}


def draw_case(loss, n_samples=40, own=False):
    """Draw outputs of three networks and targets that fit the loss, shared or each network's own."""
    draw, n_targets = np.random.default_rng(0), 2
    outputs = draw.normal(size=(3, n_samples, loss.count_outputs(n_targets)))
    shape = (3, n_samples) if own else (n_samples,)
    if loss.task == "classification":
        return outputs, draw.integers(n_targets, size=shape)
    y = draw.normal(size=(*shape, n_targets))
    return outputs, y if loss.task == "regression" else (y > 0).astype(np.int64)


@pytest.mark.parametrize("loss", DIFFERENT.values(), ids=DIFFERENT)
@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
def test_slopes_are_those_of_the_costs(loss, own):
    outputs, y = draw_case(loss, own=own)
    costs, slopes = loss.costs_and_slopes(outputs, y)
    for number in range(outputs.shape[2]):
        step = np.zeros(outputs.shape[2])
        step[number] = 1e-6
        rise = loss.costs_and_slopes(outputs + step, y)[0] - loss.costs_and_slopes(outputs - step, y)[0]
        np.testing.assert_allclose(slopes[..., number], rise / 2e-6, atol=1e-8)
    if not own:
        np.testing.assert_allclose(loss.costs(outputs, y), costs, rtol=1e-13)


@pytest.mark.parametrize("loss", DIFFERENT.values(), ids=DIFFERENT)
def test_a_network_costs_alone_what_it_costs_in_a_stack(loss):
    outputs, y = draw_case(loss)
    costs, slopes = loss.costs_and_slopes(outputs, y)
    for number in range(len(outputs)):
        alone, its = loss.costs_and_slopes(outputs[number : number + 1], y)
        assert (alone[0] == costs[number]).all()
        assert (its[0] == slopes[number]).all()


@pytest.mark.parametrize("loss", DIFFERENT.values(), ids=DIFFERENT)
def test_slopes_are_written_where_they_are_wanted(loss):
    outputs, y = draw_case(loss)
    out = np.empty((3, outputs.shape[2], 40)).swapaxes(1, 2)
    np.testing.assert_array_equal(loss.costs_and_slopes(outputs, y, out=out)[1], loss.costs_and_slopes(outputs, y)[1])
    np.testing.assert_array_equal(out, loss.costs_and_slopes(outputs, y)[1])


SCIKIT_LEARNS = {
    "squared_error": HalfSquaredError(),
    "absolute_error": AbsoluteError(),
    "binary_cross_entropy": HalfBinomialLoss(),
}


@pytest.mark.parametrize("name", SCIKIT_LEARNS)
def test_losses_are_scikit_learns(name):
    outputs, y = draw_case(DIFFERENT[name])
    each = [SCIKIT_LEARNS[name].loss(y[:, one].astype(float), outputs[0, :, one].copy()) for one in range(2)]
    np.testing.assert_allclose(DIFFERENT[name].costs(outputs[:1], y)[0], np.sum(each, axis=0), rtol=1e-13)


def test_quantiles_cost_what_scikit_learns_pinball_loss_says():
    outputs, y = draw_case(DIFFERENT["quantile"])
    each = [
        PinballLoss(quantile=q).loss(y[:, target].copy(), outputs[0, :, 3 * target + place].copy())
        for target in range(2)
        for place, q in enumerate((0.1, 0.5, 0.8))
    ]
    np.testing.assert_allclose(DIFFERENT["quantile"].costs(outputs[:1], y)[0], np.sum(each, axis=0), rtol=1e-13)


def test_hubers_loss_is_square_near_the_target_only():
    costs = huber(delta=0.5).costs(np.array([[[0.5], [0.2], [-3.0]]]), np.zeros((3, 1)))
    np.testing.assert_allclose(costs, [[0.125, 0.02, 0.5 * (3 - 0.25)]], rtol=1e-15)


def test_smoothing_is_the_cross_entropy_with_softened_targets():
    z, y = draw_case(SMOOTHED)
    targets = np.full((40, 2), 0.1)
    targets[np.arange(40), y] = 0.9
    expected = logsumexp(z, axis=2) - (targets * z).sum(axis=2)
    np.testing.assert_allclose(SMOOTHED.costs(z, y), expected, rtol=1e-13)
    np.testing.assert_allclose(
        SMOOTHED.costs_and_slopes(z, y)[1], np.exp(z) / np.exp(z).sum(2, keepdims=True) - targets
    )


@pytest.mark.parametrize("z", [1e300, -1e300, 1e4, -745.0, 0.0])
@pytest.mark.parametrize("label", [0, 1])
def test_no_logit_of_a_label_is_too_large(z, label):
    cost, slope = binary_cross_entropy().costs_and_slopes(np.array([[[z]]]), np.array([[label]]))
    assert cost[0, 0] == pytest.approx(np.logaddexp(0, z) - label * z if abs(z) < 1e5 else max(z, 0) - label * z)
    assert slope[0, 0, 0] == pytest.approx(expit(z) - label, abs=1e-15)


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        (lambda: quantile(quantiles=(0.5, 0.1)), "must be different and rise"),
        (lambda: quantile(quantiles=()), "must be different and rise"),
        (lambda: huber(delta=0.0), "`delta` must be > 0"),
        (lambda: cross_entropy(label_smoothing=1.0), "`label_smoothing` must be >= 0 and < 1"),
        (lambda: make_loss(huber(), "classification"), "loss=huber is for regression, and this is classification"),
    ],
)
def test_losses_refuse_what_makes_no_sense(made, rule):
    with pytest.raises(ValueError, match=rule):
        made()


def test_every_task_has_a_usual_loss():
    assert {task: make_loss(None, task).task for task in DEFAULT_LOSSES} == {task: task for task in DEFAULT_LOSSES}
