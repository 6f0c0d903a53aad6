import dataclasses
import math

import numpy as np
import pytest

from nnsweep.data.load import load
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.descent import StepRule
from nnsweep.mlp.initializers import INITIALIZERS
from nnsweep.mlp.network import Layer, forward
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.stack import Stack
from tests.covering import pairwise


def assert_same(one, other):
    assert (one.ending, one.best_epoch) == (other.ending, other.best_epoch)
    left, right = one.history(), other.history()
    assert set(left) == set(right)
    for name, curve in left.items():
        np.testing.assert_array_equal(curve, right[name])
    for layer, its in zip(one.layers, other.layers, strict=True):
        assert all((a == b).all() for a, b in zip(layer, its, strict=True))


HIDDEN = {"none": (), "narrow": (8,), "three": (64, 64, 64), "wide": (300,)}
WAYS = [  # activation, optimizer, batch size, dropout, clip_norm, whether features are sparse
    (activation, list(OPTIMIZERS)[n % 6], (None, 5, 1)[n % 3], (0, 0.3)[n // 2 % 2], (None, 0.5)[n % 2], n >= 9)
    for n, activation in enumerate([*ACTIVATIONS, *ACTIVATIONS])
]


@pytest.mark.parametrize(("activation", "optimizer", "batch_size", "dropout", "clip_norm", "sparse"), WAYS)
def test_a_network_in_a_stack_trains_as_it_does_alone(
    activation, optimizer, batch_size, dropout, clip_norm, sparse, network, parts, differing, run
):
    net, data, members = network((5, 4), activation, dropout=dropout), parts(sparse=sparse), differing(optimizer)
    how = {"optimizer": optimizer, "batch_size": batch_size, "clip_norm": clip_norm, "epochs": 4}
    together = run(data, net, members, **how)
    for number, one in enumerate(members):
        assert_same(together[number], run(data, net, [one], **how)[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hidden", "batch_size", "dtype"), pairwise(HIDDEN, [None, 32], ["float32", "float64"]), ids=str
)
def test_no_bit_depends_on_how_many_others_there_are(hidden, batch_size, dtype, network, member, run):
    # of the sizes of real work: BLAS takes other ways for large products, and sums are parted into tiles
    data, net = load("digits", val_fraction=0.1), network(HIDDEN[hidden], "relu")
    members = [member(seed=seed, initializer=INITIALIZERS["he_uniform"], learning_rate=0.02) for seed in range(24)]
    how = {"batch_size": batch_size, "dtype": dtype, "epochs": 2}
    among_all, among_few = run(data, net, members, **how), run(data, net, members[20:23], **how)
    alone = run(data, net, members[22:23], **how)[0]
    assert_same(among_all[22], alone)
    assert_same(among_few[2], alone)


@pytest.mark.parametrize(
    ("optimizer", "batch_size", "dropout", "sparse"), pairwise(OPTIMIZERS, [None, 8], [0, 0.3], [False, True])
)
def test_a_neighbour_that_diverges_changes_no_bit(
    optimizer, batch_size, dropout, sparse, network, parts, differing, run
):
    data, net = parts(sparse=sparse), network((5, 4), "relu", dropout=dropout)
    calm = differing(optimizer)
    wild = [dataclasses.replace(one, schedule=lambda epoch: 1e6 if epoch < 2 else math.inf) for one in calm]
    how = {"optimizer": optimizer, "batch_size": batch_size, "epochs": 8}
    among_wild = run(data, net, [wild[0], calm[1], wild[2], calm[3]], **how)
    among_calm = run(data, net, calm, **how)
    assert [among_wild[number].ending for number in range(4)] == ["diverged", "finished"] * 2
    for number in (1, 3):
        assert_same(among_wild[number], among_calm[number])


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_neighbour_that_stops_early_changes_no_bit(optimizer, batch_size, network, parts, differing, run):
    data, net, members = parts(), network((5, 4), dropout=0.2), differing(optimizer)
    still = dataclasses.replace(members[0], schedule=lambda epoch: 0.0, weight_decay=0.0)
    how = {"optimizer": optimizer, "batch_size": batch_size, "epochs": 12, "patience": 3}
    together = run(data, net, [still, *members[1:]], **how)
    assert together[0].ending == "stopped"
    assert len(together[0].rows) == 4
    assert max(len(trained.rows) for trained in together.values()) > 4
    for number in (1, 2, 3):
        assert_same(together[number], run(data, net, [members[number]], **how)[0])


def descent(stack, examples, batch_size=None):
    """The parameters before and after the first epoch, one row a network."""

    def row(layers):
        return np.concatenate([part.reshape(len(part), -1) for layer in layers for part in layer], axis=1)

    costs = stack.train_costs(examples, batch_size)
    next(costs)
    before = row(stack.layers)
    next(costs)
    return before, row(stack.layers)


@pytest.fixture
def small(network, draw_layers, parts):
    """A network, the layers of three of its kind, and training examples."""
    return network((4,)), draw_layers(np.random.default_rng(0), (6, 4, 3), n_networks=3), parts().train


@pytest.mark.parametrize("clip_norm", [0.01, 0.3, 10.0])
def test_clipped_step_is_bounded_and_keeps_its_direction(clip_norm, small, member, stack_of):
    net, layers, examples = small
    members = [member(learning_rate=1.0)] * 3
    before, free = descent(stack_of(net, layers, members), examples)
    _, clipped = descent(stack_of(net, layers, members, clip_norm=clip_norm), examples)
    long, short = free - before, clipped - before
    lengths = np.linalg.norm(long, axis=1, keepdims=True)
    np.testing.assert_allclose(short, long * np.minimum(1, clip_norm / lengths), rtol=1e-9, atol=1e-14)


def test_a_gradient_of_0_can_be_clipped(network, member, stack_of):
    layers = [Layer(np.zeros((1, 2, 2)), np.zeros((1, 1, 2)))]
    stack = stack_of(network(()), layers, [member()], clip_norm=1.0)
    before, after = descent(stack, Examples(np.zeros((2, 2)), np.array([0, 1])))
    assert (before == after).all()


def test_gradient_too_long_to_measure_ends_its_network(network, member, stack_of):
    stack = stack_of(network(()), [Layer(np.zeros((1, 2, 2)), np.zeros((1, 1, 2)))], [member()], clip_norm=1.0)
    descent(stack, Examples(np.array([[1e200, 0], [0, 1]]), np.array([0, 1])))
    assert not stack.finite().any()


def test_weight_decay_adds_half_the_squared_weights_to_the_cost(small, member, stack_of):
    net, layers, examples = small
    plain = next(stack_of(net, layers, [member()] * 3).train_costs(examples, None))
    decays = (0.0, 0.1, 2.0)
    decayed = next(stack_of(net, layers, [member(weight_decay=d) for d in decays]).train_costs(examples, None))
    squares = sum((W**2).sum(axis=(1, 2)) for W, _ in layers)
    np.testing.assert_allclose(decayed, plain + 0.5 * np.array(decays) * squares, rtol=1e-14)


def test_decoupled_decay_shrinks_weights_but_leaves_the_cost(small, member, stack_of, hyperparameters):
    net, layers, examples = small
    constants = hyperparameters["adamw"]
    plain = [member(hyperparameters=constants)] * 3
    decayed = [member(hyperparameters=constants, weight_decay=0.5)] * 3
    without, with_decay = (stack_of(net, layers, members, "adamw") for members in (plain, decayed))
    costs = [next(stack.train_costs(examples, None)) for stack in (without, with_decay)]
    assert (costs[0] == costs[1]).all()
    descent(without, examples)
    descent(with_decay, examples)
    for start, free, shrunk in zip(layers, without.layers, with_decay.layers, strict=True):
        np.testing.assert_allclose(shrunk.W, free.W - 0.1 * 0.5 * start.W, rtol=0, atol=1e-14)
        np.testing.assert_array_equal(shrunk.b, free.b)


@pytest.mark.parametrize("dropout", [0.2, 0.5, 0.9])
def test_dropout_omits_its_share_of_units_and_keeps_the_mean(dropout, network, member, stack_of):
    # identity, weights 1, no bias, one feature that is 1: logit 0 less logit 1 is the mean of the masks
    width, n_samples = 500, 40
    last = np.zeros((1, width, 2))
    last[..., 0] = 1 / width
    layers = [Layer(np.ones((1, 1, width)), np.zeros((1, 1, width))), Layer(last, np.zeros((1, 1, 2)))]
    stack = stack_of(network((width,), "identity", dropout=dropout), layers, [member()])
    examples = Examples(np.ones((n_samples, 1)), np.zeros(n_samples, dtype=int))
    costs = np.array([next(stack.train_costs(examples, None))[0] for _ in range(20)])
    means = -np.log(np.expm1(costs))  # of the difference of the logits, nearly
    assert abs(means.mean() - 1) < 4 * np.sqrt(dropout / (1 - dropout) / (width * n_samples * 20)) + 0.01
    assert len(set(costs)) == 20
    assert (forward(stack.network, stack.layers, prepare_inputs(examples.X)).a[-1][0, :, 0].round(12) == 1).all()


@pytest.mark.parametrize("dropout", [0, 0.5])
@pytest.mark.parametrize("batch_size", [None, 5])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
def test_float32_is_computed_in_float32(dropout, batch_size, sparse, network, parts, member, run, monkeypatch):
    seen = set()
    update = OPTIMIZERS["momentum"].update

    def watched(w, g, slots, step, **constants):
        seen.update(array.dtype for array in (w, g, *slots, *constants.values()))
        update(w, g, slots, step, **constants)

    monkeypatch.setitem(OPTIMIZERS, "momentum", OPTIMIZERS["momentum"]._replace(update=watched))
    members = [member(hyperparameters={"momentum": 0.9}, weight_decay=0.1)] * 2
    how = {"optimizer": "momentum", "dtype": "float32", "batch_size": batch_size, "clip_norm": 1.0}
    trained = run(parts(sparse=sparse), network((5,), dropout=dropout), members, **how)
    assert seen == {np.dtype(np.float32)}
    assert trained[0].layers[0].W.dtype == np.float32


def test_initial_weights_order_and_dropout_have_separate_streams(small, member, stack_of):
    net, layers, _ = small
    learners = [stack_of(net, layers, [member(seed=5)] * 3).learners[0] for _ in range(2)]
    learners[0].first_weights.random(100)
    learners[0].order.permutation(100)
    assert learners[0].dropout.random() == learners[1].dropout.random() != learners[1].order.random()
    learners[1].order.permutation(100)
    assert learners[0].order.random() != learners[0].first_weights.random()


def test_members_that_are_let_go_are_gone(small, member, stack_of):
    net, layers, examples = small
    stack = stack_of(net, layers, [member(learning_rate=rate) for rate in (0.1, 0.2, 0.3)], "gradient_descent")
    stack.keep(np.array([True, False, True]))
    assert stack.numbers.tolist() == [0, 2]
    assert stack.learning_rates.tolist() == [0.1, 0.3]
    assert next(stack.train_costs(examples, None)).shape == (2,)


def test_non_finite_parameters_are_noticed_despite_a_finite_cost(small, member, stack_of):
    net, layers, _ = small
    stack = stack_of(net, layers, [member()] * 3)
    stack.layers[0].W[1, 0, 0] = np.inf
    stack.layers[1].b[2, 0, 0] = np.nan
    assert stack.finite().tolist() == [True, False, False]


@pytest.mark.parametrize("batch_size", [None, 8])
def test_given_layers_start_a_network_without_affecting_others(batch_size, network, parts, differing, run):
    data, net, members = parts(), network((5, 4)), differing("momentum")
    how = {"optimizer": "momentum", "batch_size": batch_size, "epochs": 3}
    drawn = run(data, net, members, **how)
    begun = [dataclasses.replace(members[0], layers=drawn[1].layers), *members[1:]]
    together = run(data, net, begun, **how)
    assert together[0].rows[0] == run(data, net, [begun[0]], **how)[0].rows[0] != drawn[0].rows[0]
    for number in (1, 2, 3):
        assert_same(together[number], drawn[number])


@pytest.mark.parametrize("batch_size", [None, 37])
def test_measured_parameters_are_the_average_of_all_steps(batch_size, network, parts, member, flat):
    stack = Stack(
        network((5, 4)),
        [member(seed=seed, learning_rate=0.5) for seed in range(3)],
        rule=StepRule(optimizer=OPTIMIZERS["gradient_descent"], ema=0.7),
        sizes=(6, 5, 4, 3),
        dtype=np.dtype(float),
    )
    costs = stack.train_costs(parts().train, batch_size)
    next(costs)
    np.testing.assert_array_equal(flat(stack.measured_layers), flat(stack.layers))
    seen = []
    for n_steps in range(1, 6):
        next(costs)
        seen.append(flat(stack.layers).copy())
        shares = 0.7 ** np.arange(n_steps)[::-1]  # the latest counts most
        expected = np.average(seen, axis=0, weights=shares)
        np.testing.assert_allclose(flat(stack.measured_layers), expected, rtol=1e-13)
    assert np.ptp(seen, axis=0).max() > 0.1
