"""Gate A, gate B and the tolerances are those of the gradient checks that nnsweep promises."""

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import erf

from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.losses import compute_cross_entropy
from nnsweep.mlp.network import (
    Buffers,
    Layers,
    Network,
    Shapes,
    backward,
    copy_network,
    forward,
    n_parameters,
)
from nnsweep.mlp.parameters import BY_FEATURE, BY_NETWORK, BY_UNIT, Parameters

KINKED = ("relu", "leaky_relu")
N_FEATURES, WIDTH, WEIGHT_DECAY, H = 3, 3, 0.1, 1e-5
DEPTHS, CLASSES, BATCHES, REGULARIZATIONS = (0, 1, 2, 4), (2, 3, 10), (1, 2, 17), ("plain", "L2", "dropout")


@dataclass(frozen=True)
class Case:
    network: Network
    names: tuple[str, str]  # of the hidden and the output activation
    layers: Layers
    X: Any
    y: Any
    masks: list[Any]
    weight_decay: float


@pytest.fixture(scope="module")
def cases(network, draw_layers):
    """The 27 nets of one activation and depth; the output activation goes round."""

    def draw(activation: str, depth: int):
        outputs = itertools.cycle(ACTIVATIONS)
        for number, (n_classes, n_samples, kind) in enumerate(itertools.product(CLASSES, BATCHES, REGULARIZATIONS)):
            random = np.random.default_rng([list(ACTIVATIONS).index(activation), depth, number])
            hidden = (WIDTH,) * depth
            output = next(outputs)
            yield Case(
                network=network(hidden, activation, output, dropout=0.5 * (kind == "dropout")),
                names=(activation, output),
                layers=draw_layers(random, (N_FEATURES, *hidden, n_classes)),
                X=random.normal(size=(n_samples, N_FEATURES)),
                y=random.integers(n_classes, size=n_samples),
                masks=[2.0 * (random.random((1, n_samples, WIDTH)) < 0.5) for _ in hidden] if kind == "dropout" else [],
                weight_decay=WEIGHT_DECAY if kind == "L2" else 0.0,
            )

    return draw


@pytest.fixture(scope="module")
def analytic(member, stack_of):
    """The derivative of the cost; with weight decay it is read from a step that the trainer makes with rate 1."""

    def gradient(case: Case) -> Layers:
        if not case.weight_decay:
            return looked_at(case)[1]
        stack = stack_of(case.network, case.layers, [member(learning_rate=1.0, weight_decay=case.weight_decay)])
        costs = stack.train_costs(Examples(case.X, case.y), None)
        next(costs)
        next(costs)
        return [type(old)(old.W - new.W, old.b - new.b) for old, new in zip(case.layers, stack.layers, strict=True)]

    return gradient


@pytest.fixture(scope="module")
def numeric(member, stack_of, flat, unflat):
    """Central differences by every parameter, and which of the parameters keep away from a kink."""

    def differences(case: Case):
        point = flat(case.layers)
        steps = H * np.eye(point.shape[1])
        layers = unflat(np.concatenate([point + steps, point - steps]), case.layers)
        kept = forward(case.network, layers, prepare_inputs(case.X), case.masks)
        if case.weight_decay:
            stack = stack_of(case.network, layers, [member(weight_decay=case.weight_decay)] * len(layers[0].W))
            costs = next(stack.train_costs(Examples(case.X, case.y), None))
        else:
            costs = compute_cross_entropy(kept.a[-1], case.y)[0].mean(axis=1)
        above, below = np.split(costs, 2)
        return (above - below) / (2 * H), ~near_kink(case, kept)

    def near_kink(case: Case, kept) -> Any:
        near = np.zeros(2 * flat(case.layers).shape[1], dtype=bool)
        for number, z in enumerate(kept.z):
            if case.names[number == len(case.layers) - 1] in KINKED:
                entering = kept.signals[number - 1] if number else np.broadcast_to(case.X, (len(z), *case.X.shape))
                reach = 10 * H * np.linalg.norm(entering, axis=2, keepdims=True)
                near |= (np.abs(z) < reach).any(axis=(1, 2))
        return np.logical_or(*np.split(near, 2))

    return differences


@pytest.fixture(scope="module")
def gate_a(flat, unflat, analytic, numeric):
    """Tell whether the gradient passes, the norm-relative error, and how many parameters were kept of how many."""

    def check(case: Case):
        estimate, kept = numeric(case)
        exact = np.where(kept, flat(analytic(case))[0], 0)
        estimate = np.where(kept, estimate, 0)
        arrays = [
            zip(*(unflat(row[np.newaxis], case.layers)[number] for row in (exact, estimate)), strict=True)
            for number in range(len(case.layers))
        ]
        size, error = norm(exact) + norm(estimate), norm(exact - estimate)
        passes = error <= 1e-7 * size and all(
            norm(a - n) <= 1e-7 * (norm(a) + norm(n)) + 1e-9 for pairs in arrays for a, n in pairs
        )
        return passes, error / size if size else 0.0, kept.sum(), kept.size

    return check


def looked_at(case: Case) -> tuple[Any, Layers, Buffers]:
    """Mean cost, its gradient and the forward pass, without weight decay."""
    X = prepare_inputs(case.X)
    kept = forward(case.network, case.layers, X, case.masks)
    costs, kept.deltas[-1][...] = compute_cross_entropy(kept.a[-1], case.y)
    kept.deltas[-1][...] /= X.n_samples
    return costs.mean(axis=1), backward(case.network, case.layers, X, kept, masks=case.masks), kept


def norm(array) -> float:
    return float(np.linalg.norm(np.ravel(array)))


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_match_central_differences_for_every_network(activation, cases, gate_a):
    # 4 depths * 3 numbers of classes * 3 batches * 3 regularizations = 108 nets
    checks = [(case, gate_a(case)) for depth in DEPTHS for case in cases(activation, depth)]
    assert [(case.names, error) for case, (passes, error, _, _) in checks if not passes] == []
    assert sum(kept for _, (_, _, kept, _) in checks) >= 0.95 * sum(size for _, (_, _, _, size) in checks)


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "identity"])
def test_a_slope_that_is_wrong_by_one_part_in_100_000_is_caught(activation, cases, gate_a):
    right = ACTIVATIONS[activation]()
    wrong = right._replace(slope=lambda z, a, out: right.slope(z, a, out) * (1 + 1e-5))
    # the first net of each number of classes, which is not regularized
    plain = list(cases(activation, 1))[:: len(BATCHES) * len(REGULARIZATIONS)]
    networks = [replace(case.network, activation=wrong, output_activation=ACTIVATIONS["identity"]()) for case in plain]
    planted = [replace(case, network=network) for case, network in zip(plain, networks, strict=True)]
    assert [case.weight_decay for case in planted] == [0.0] * len(CLASSES)
    assert not any(gate_a(case)[0] for case in planted)


COMPLEX_ACTIVATIONS = {
    "identity": lambda z: z,
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "leaky_relu": lambda z: np.where(z.real > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z.real > 0, z, np.expm1(z)),
    "selu": lambda z: 1.0507009873554805 * np.where(z.real > 0, z, 1.6732632423543772 * np.expm1(z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "gelu": lambda z: (
        z * (1 + erf(z.real / np.sqrt(2)) + 1j * z.imag * np.sqrt(2 / np.pi) * np.exp(-(z.real**2) / 2)) / 2
    ),
    "swish": lambda z: z / (1 + np.exp(-z)),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
}


def complex_costs(case: Case, layers: Layers):
    """The cost once more, written apart from the package, for parameters with an imaginary part."""
    signal = case.X
    for number, (W, b) in enumerate(layers):
        last = number == len(layers) - 1
        signal = COMPLEX_ACTIVATIONS[case.names[last]](signal @ W + b)
        if case.masks and not last:
            signal = signal * case.masks[number]
    powers = np.exp(signal - signal.real.max(axis=2, keepdims=True))
    probabilities = powers / powers.sum(axis=2, keepdims=True)
    data = -np.log(probabilities[:, np.arange(len(case.y)), case.y]).mean(axis=1)
    return data + case.weight_decay / 2 * sum((W**2).sum(axis=(1, 2)) for W, _ in layers)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_agree_with_complex_steps(activation, cases, analytic, flat, unflat):
    errors = {}
    for depth in DEPTHS:
        for number, case in enumerate(cases(activation, depth)):
            point = flat(case.layers)
            costs = complex_costs(case, unflat(point + 1e-30j * np.eye(point.shape[1]), case.layers))
            exact, estimate = flat(analytic(case))[0], costs.imag / 1e-30
            errors[depth, number] = norm(exact - estimate) / ((norm(exact) + norm(estimate)) or 1)
    assert {where: error for where, error in errors.items() if error > 1e-12} == {}


def test_layers_with_their_own_activations_have_right_gradients(network, draw_layers, gate_a):
    random = np.random.default_rng(4)
    net = replace(network((3, 4)), layer_activations=(ACTIVATIONS["softplus"](), ACTIVATIONS["gelu"]()))
    X, y = random.normal(size=(9, 5)), random.integers(3, size=9)
    assert gate_a(Case(net, ("", ""), draw_layers(random, (5, 3, 4, 3)), X, y, [], 0.0))[0]


def test_sparse_and_dense_products_agree_forward_and_backward(network, draw_layers, flat):
    random = np.random.default_rng(3)
    X = random.normal(size=(9, 7)) * (random.random((9, 7)) < 0.4)
    net, layers, y = network((4, 4)), draw_layers(random, (7, 4, 4, 3), n_networks=3), np.arange(9) % 3
    gradients = []
    for features in (X, csr_array(X), [csr_array(X)] * 3, np.stack([X] * 3)):
        case = Case(net, ("tanh", "identity"), layers, features, y, [], 0.0)
        gradients.append(flat(looked_at(case)[1]))
    for gradient in gradients[1:]:
        assert norm(gradient - gradients[0]) <= 1e-13 * norm(gradients[0])


@pytest.fixture(scope="module")
def looked(flat):
    """Cost, gradient (flat) and logits of a case without masks and weight decay."""

    def look(case: Case):
        cost, gradient, kept = looked_at(case)
        return cost, flat(gradient), kept.a[-1]

    return look


@pytest.fixture(params=["tanh", "relu", "gelu"])
def case(request, network, draw_layers):
    """A stack of three nets on 12 samples."""
    random = np.random.default_rng(7)
    return Case(
        network=network((4, 5), request.param),
        names=(request.param, "identity"),
        layers=draw_layers(random, (6, 4, 5, 3), n_networks=3),
        X=random.normal(size=(12, 6)),
        y=random.integers(3, size=12),
        masks=[],
        weight_decay=0.0,
    )


def equal(one, other) -> bool:
    return all(norm(a - b) <= 1e-13 * max(norm(a), norm(b)) for a, b in zip(one, other, strict=True))


def with_hidden(layers: Layers, order) -> Layers:
    """Give the units of the first hidden layer another order."""
    first, second, *others = layers
    return [type(first)(first.W[:, :, order], first.b[:, :, order]), type(first)(second.W[:, order], second.b), *others]


def test_a_stack_computes_what_its_networks_compute_alone(case, looked):
    alone = [looked(replace(case, layers=copy_network(case.layers, index))) for index in range(3)]
    assert equal(looked(case), [np.concatenate(parts) for parts in zip(*alone, strict=True)])


def test_the_gradient_is_the_weighted_mean_of_its_minibatches(case, looked):
    batches = (slice(0, 5), slice(5, 10), slice(10, 12))
    mean = sum(looked(replace(case, X=case.X[rows], y=case.y[rows]))[1] * len(case.y[rows]) / 12 for rows in batches)
    assert equal([looked(case)[1]], [mean])


def test_the_order_of_the_rows_does_not_matter(case, looked):
    order = np.random.default_rng(0).permutation(12)
    cost, gradient, logits = looked(case)
    permuted = looked(replace(case, X=case.X[order], y=case.y[order]))
    assert equal(permuted, (cost, gradient, logits[:, order]))
    assert (permuted[2].argmax(axis=2) == logits[:, order].argmax(axis=2)).all()


def test_every_row_twice_is_every_row_once(case, looked):
    twice = looked(replace(case, X=np.repeat(case.X, 2, axis=0), y=np.repeat(case.y, 2)))
    assert equal(twice[:2], looked(case)[:2])


def test_the_order_of_the_features_does_not_matter(case, looked):
    order = np.random.default_rng(0).permutation(6)
    first, *others = case.layers
    permuted = [type(first)(first.W[:, order], first.b), *others]
    (cost, _, logits), again = looked(case), looked(replace(case, X=case.X[:, order], layers=permuted))
    assert equal([again[0], again[2]], [cost, logits])


def test_the_order_of_the_hidden_units_does_not_matter(case, looked):
    (cost, _, logits), again = looked(case), looked(replace(case, layers=with_hidden(case.layers, [2, 0, 3, 1])))
    assert equal([again[0], again[2]], [cost, logits])


def test_renamed_classes_rename_the_logits(case, looked):
    order = np.array([2, 0, 1])
    *others, last = case.layers
    renamed = [*others, type(last)(last.W[:, :, order], last.b[:, :, order])]
    (cost, _, logits), again = looked(case), looked(replace(case, layers=renamed, y=np.argsort(order)[case.y]))
    assert equal([again[0], again[2]], [cost, logits[:, :, order]])


def test_float32_stays_float32(case, flat):
    layers = [type(layer)(*(part.astype(np.float32) for part in layer)) for layer in case.layers]
    _, gradients, kept = looked_at(replace(case, layers=layers, X=case.X.astype(np.float32)))
    assert {array.dtype for array in (*kept.z, *kept.a, flat(gradients))} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("hidden", "expected"), [((), 404), ((20, 20), 2524), ((8,), 844), ((4, 6, 4), 482), ((4, 6, 6, 4), 524)]
)
def test_parameters_are_weights_and_biases(hidden, expected):
    assert n_parameters(100, hidden, 4) == expected


SIZES = (5, 4, 3)
SHAPES: list[Shapes] = [{"W": (5, 4), "b": (1, 4)}, {"W": (4, 3), "b": (1, 3)}]
ORDERS = {"by network": BY_NETWORK, "by unit": BY_UNIT, "by feature": BY_FEATURE}


@pytest.fixture(params=ORDERS.values(), ids=ORDERS)
def order(request):
    return request.param


@pytest.fixture
def drawn(order, draw_layers):
    parameters = Parameters(SHAPES, 3, np.dtype(float), order)
    parameters.assign(draw_layers(np.random.default_rng(0), SIZES, n_networks=3))
    return parameters


def test_layers_have_the_shapes_of_weights_and_biases(drawn):
    assert [(W.shape, b.shape) for W, b in drawn.layers] == [((3, 5, 4), (3, 1, 4)), ((3, 4, 3), (3, 1, 3))]


def test_blocks_are_the_same_numbers_and_hold_each_once(drawn, flat):
    assert sum(block.size for block in drawn.blocks) == flat(drawn.layers).size
    for block in drawn.blocks:
        block *= 2
    doubled = np.sort(flat(drawn.layers), axis=None)
    np.testing.assert_array_equal(doubled, np.sort(np.concatenate([block.ravel() for block in drawn.blocks])))


@pytest.mark.parametrize("other", ORDERS.values(), ids=ORDERS)
def test_another_order_in_memory_has_the_same_numbers(drawn, other, flat):
    np.testing.assert_array_equal(flat(drawn.arrange(other).layers), flat(drawn.layers))


def test_features_decide_how_the_first_weights_lie():
    def first(order):
        return Parameters(SHAPES, 3, np.dtype(float), order).layers[0].W

    assert first(BY_UNIT).swapaxes(1, 2).flags.c_contiguous
    assert first(BY_FEATURE).swapaxes(0, 1).flags.c_contiguous


def test_removed_networks_are_gone_and_the_rest_are_unchanged(drawn, order, flat):
    before = flat(drawn.layers)
    drawn.keep(np.array([True, False, True]))
    assert drawn.n_networks == 2
    np.testing.assert_array_equal(flat(drawn.layers), before[[0, 2]])
    assert [block.strides for block in drawn.blocks] == [
        block.strides for block in Parameters(SHAPES, 2, np.dtype(float), order).blocks
    ]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_non_finite_number_is_reported_for_its_network_alone(drawn, odd):
    assert drawn.finite().all()
    drawn.layers[0].W[0, 1, 2] = odd
    drawn.layers[1].b[2, 0, 1] = odd
    assert drawn.finite().tolist() == [False, True, False]
