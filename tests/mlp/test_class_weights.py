import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.class_weights import class_weights, is_class_weight
from nnsweep.mlp.network import forward
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.train import Training, train
from tests.covering import pairwise

WEIGHTS = (0.2, 3.0, 1.0)


@pytest.fixture
def rows(run, network, member):
    """Train two networks, and give their rows and last layers."""

    def trained(data, class_weight, **how):
        net = network((5, 4), dropout=how.pop("dropout", 0.2))
        members = [member(seed=seed, weight_decay=0.01 * seed) for seed in range(2)]
        together = run(data, net, members, epochs=4, class_weight=class_weight, **how)
        return [(one.rows, [part.tolist() for layer in one.layers for part in layer]) for one in together.values()]

    return trained


def train_costs(rows):
    return [cost for _, _, cost, *_ in rows]


@pytest.fixture
def uneven(parts):
    """A training part of 25 samples of class 0, 8 of class 1 and 4 of class 2."""

    def build(**kind):
        data = parts(**kind)
        y = np.repeat([0, 1, 2], [25, 8, 4])
        data.train = Examples(data.train.X, np.random.default_rng(0).permutation(y))
        return data

    return build


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_balanced_weights_are_scikit_learns(y):
    labels = np.array(y)
    there = np.unique(labels)
    ours = class_weights("balanced", labels, len(there)) if len(there) == max(y) + 1 else None
    if ours is not None:
        np.testing.assert_allclose(ours, compute_class_weight("balanced", classes=there, y=labels), rtol=1e-15)
    among_more = class_weights("balanced", labels, 7)
    np.testing.assert_allclose((among_more * np.bincount(labels, minlength=7))[there], len(y) / 7, rtol=1e-15)
    assert not np.delete(among_more, there).any()


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0,) * 4, ()])
def test_there_is_one_weight_for_each_class(weights):
    with pytest.raises(ValueError, match=rf"one weight for each of 3 classes, got {len(weights)}"):
        class_weights(weights, np.array([0, 1, 2]), 3)


def test_some_sample_must_count():
    with pytest.raises(ValueError, match="above 0 for a class that training samples are of"):
        class_weights((0.0, 1.0), np.array([0, 0]), 2)


@pytest.mark.parametrize(
    "wrong", ["unbalanced", "", 1, True, (0, 0), (), (1, -1e-9), (float("nan"), 1), (float("inf"), 1), ("1", 1),
              (True, 1), (None, 1), {0: 1}]
)  # fmt: skip
def test_what_is_no_class_weight_is_refused(wrong):
    assert not is_class_weight(wrong)
    with pytest.raises(ValueError, match=r"`class_weight` must be null, balanced, or a list of weights >= 0"):
        Training(optimizer=OPTIMIZERS["momentum"], epochs=1, class_weight=wrong)


@pytest.mark.parametrize(
    ("weight", "batch_size", "dtype", "sparse"),
    pairwise([1.0, 0.1, 1e-300, 1e300], [None, 8, 1], ["float64", "float32"], [False, True]),
)
def test_equal_weights_change_no_bit(weight, batch_size, dtype, sparse, parts, rows):
    how = {"batch_size": batch_size, "dtype": dtype}
    assert rows(parts(sparse=sparse), (weight,) * 3, **how) == rows(parts(sparse=sparse), None, **how)


def test_balanced_weights_of_classes_of_equal_size_change_no_bit(parts, rows):
    data = parts(n=(36, 20, 30))
    assert rows(data, "balanced", batch_size=8) == rows(data, None, batch_size=8)


def test_only_the_ratios_matter(parts, rows):
    assert rows(parts(), (0.25, 4.0, 1.0), batch_size=8) == rows(parts(), (0.5, 8.0, 2.0), batch_size=8)


@pytest.mark.parametrize("batch_size", [None, 8])
def test_float32_follows_float64(batch_size, uneven, rows):
    single, double = (rows(uneven(), "balanced", batch_size=batch_size, dtype=kind) for kind in ("float32", "float64"))
    for (one, _), (other, _) in zip(single, double, strict=True):
        np.testing.assert_allclose(train_costs(one), train_costs(other), rtol=1e-5)


def mean(costs, weights):
    return np.sum(weights * costs) / np.sum(weights)


def costs_of(logits, y):
    return np.log(np.exp(logits).sum(axis=-1)) - np.take_along_axis(logits, y[:, np.newaxis], axis=-1)[:, 0]


def test_the_cost_is_the_weighted_mean_of_the_samples(network, draw_layers, stack_of, member, uneven):
    net, data = network((4,)), uneven()
    layers = draw_layers(np.random.default_rng(0), (6, 4, 3), n_networks=2)
    weights = np.array(WEIGHTS)
    for batch_size in (None, 8):
        stack = stack_of(net, layers, [member(), member(seed=1)], class_weights=weights)
        cost = next(stack.train_costs(data.train, batch_size))
        for k in range(2):
            hidden = np.tanh(data.train.X @ layers[0].W[k] + layers[0].b[k])
            each = costs_of(hidden @ layers[1].W[k] + layers[1].b[k], data.train.y)
            assert cost[k] == pytest.approx(mean(each, weights[data.train.y]), rel=1e-13)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("batch_size", [None, 37])
def test_a_step_follows_the_slope_of_the_weighted_cost(
    batch_size, sparse, network, draw_layers, stack_of, member, uneven, flat, unflat
):
    # central differences of the cost itself
    net, examples, h = network((4,)), uneven(sparse=sparse).train, 1e-5
    layers = draw_layers(np.random.default_rng(1), (6, 4, 3))
    weights = np.array(WEIGHTS)

    def cost(row):
        stack = stack_of(net, unflat(row, layers), [member()], class_weights=weights)
        return next(stack.train_costs(examples, batch_size))[0]

    stack = stack_of(net, layers, [member(learning_rate=1.0)], class_weights=weights)
    costs = stack.train_costs(examples, batch_size)
    next(costs), next(costs)
    start = flat(layers)
    steps = h * np.eye(start.shape[1])
    slopes = [(cost(start + step) - cost(start - step)) / (2 * h) for step in steps]
    np.testing.assert_allclose((start - flat(stack.layers))[0], slopes, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("batch_size", [None, 37])
def test_a_sample_of_twice_the_weight_counts_as_two(batch_size, sparse, parts, rows):
    data, twice = parts(sparse=sparse), parts(sparse=sparse)
    order = np.concatenate([np.arange(37), np.flatnonzero(data.train.y == 1)])
    twice.train = Examples(data.train.X[order], data.train.y[order])
    weighted = rows(data, (1.0, 2.0, 1.0), batch_size=batch_size, dropout=0)
    plain = rows(twice, None, batch_size=batch_size and len(order), dropout=0)
    for (one, _), (other, _) in zip(weighted, plain, strict=True):
        np.testing.assert_allclose(train_costs(one), train_costs(other), rtol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 8, 1])
def test_classes_of_weight_0_are_as_if_they_were_not_there(batch_size, parts, rows):
    data, relabelled = parts(), parts()
    free = data.train.y == 2
    relabelled.train.X[free] += 100
    weighted = (1.0, 2.0, 0.0)
    assert rows(data, weighted, batch_size=batch_size) == rows(relabelled, weighted, batch_size=batch_size)


def test_a_minibatch_that_weighs_nothing_moves_nothing(network, parts, member, run):
    data = parts()
    data.train = Examples(data.train.X[:4], np.array([0, 1, 1, 1]))
    (trained,) = run(data, network(), [member()], batch_size=1, epochs=1, class_weight=(1.0, 0.0, 0.0)).values()
    alone = parts()
    alone.train = Examples(data.train.X[:1], np.array([0]))
    (one,) = run(alone, network(), [member()], batch_size=1, epochs=1).values()
    assert all((a.W == b.W).all() and (a.b == b.b).all() for a, b in zip(trained.layers, one.layers, strict=True))


@pytest.mark.parametrize(
    ("optimizer", "batch_size", "class_weight", "dtype", "sparse"),
    pairwise(
        ["momentum", "adam"],
        [(None, "balanced"), (8, WEIGHTS), (1, (1.0, 0.0, 2.0))],
        ["float64", "float32"],
        [False, True],
    ),
)
def test_a_network_in_a_stack_trains_as_it_does_alone(
    optimizer, batch_size, class_weight, dtype, sparse, network, uneven, differing, run
):
    net, data, members = network((5, 4), dropout=0.3), uneven(sparse=sparse), differing(optimizer)
    how = {"optimizer": optimizer, "batch_size": batch_size, "dtype": dtype, "class_weight": class_weight}
    together = run(data, net, members, **how)
    for number, one in enumerate(members):
        alone = run(data, net, [one], **how)[0]
        assert together[number].rows == alone.rows
        for layer, its in zip(together[number].layers, alone.layers, strict=True):
            assert all((a == b).all() for a, b in zip(layer, its, strict=True))


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [None, 8])
def test_training_resumed_from_a_snapshot_ends_bit_identical(batch_size, dtype, sparse, network, uneven, differing):
    net, data, members = network((5, 4), dropout=0.3), uneven(sparse=sparse), differing("adam")
    training = Training(
        optimizer=OPTIMIZERS["adam"], epochs=6, batch_size=batch_size, dtype=dtype, class_weight="balanced"
    )
    snapshots, through = [], []
    for epoch in train(data, net, members, training):
        if epoch.epoch == 3:
            snapshots = [epoch.snapshot(number) for number in range(4)]
        through.append((epoch.epoch, epoch.train_cost.tolist(), [layer.W.tolist() for layer in epoch.layers]))
    resumed = [
        (epoch.epoch, epoch.train_cost.tolist(), [layer.W.tolist() for layer in epoch.layers])
        for epoch in train(data, net, members, training, resumed=snapshots)
    ]
    assert resumed == through[4:]


@pytest.mark.parametrize("weights", [(1.0, 0.001, 0.001), "balanced"], ids=str)
def test_best_epoch_is_chosen_by_accuracy_weighted_like_the_cost(weights, network, parts, member, run):
    data, net = parts(n=(60, 40, 30)), network(())
    keep = (data.train.y < 2) | (np.arange(60) % 4 == 0)  # the third class is rare
    data.train = Examples(data.train.X[keep], data.train.y[keep])
    trained = run(data, net, [member(learning_rate=0.05)], epochs=30, batch_size=8, class_weight=weights)[0]
    of_class = class_weights(weights, data.train.y, 3)[data.val.y]
    right = forward(net, trained.best_layers, prepare_inputs(data.val.X)).a[-1][0].argmax(axis=1) == data.val.y
    assert trained.best_value == pytest.approx((right * of_class).sum() / of_class.sum(), rel=1e-12)
    assert trained.history()["val_accuracy"][trained.best_epoch] == right.mean()
    if weights != "balanced":
        assert trained.history()["val_accuracy"].max() > right.mean()  # all samples alike, another epoch is best
