import numpy as np
import pytest

from nnsweep.mlp.network import BY_FEATURE, BY_NETWORK, BY_UNIT, Parameters

SIZES = (5, 4, 3)
ORDERS = {"by network": BY_NETWORK, "by unit": BY_UNIT, "by feature": BY_FEATURE}


@pytest.fixture(params=ORDERS.values(), ids=ORDERS)
def order(request):
    return request.param


@pytest.fixture
def drawn(order, draw_layers):
    parameters = Parameters(SIZES, 3, np.dtype(float), order)
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
    np.testing.assert_array_equal(flat(drawn.arranged(other).layers), flat(drawn.layers))


def test_features_decide_how_the_first_weights_lie():
    def first(order):
        return Parameters(SIZES, 3, np.dtype(float), order).layers[0].W

    assert first(BY_UNIT).swapaxes(1, 2).flags.c_contiguous
    assert first(BY_FEATURE).swapaxes(0, 1).flags.c_contiguous


def test_removed_networks_are_gone_and_the_rest_are_unchanged(drawn, order, flat):
    before = flat(drawn.layers)
    drawn.keep(np.array([True, False, True]))
    assert drawn.n_networks == 2
    np.testing.assert_array_equal(flat(drawn.layers), before[[0, 2]])
    assert [block.strides for block in drawn.blocks] == [
        block.strides for block in Parameters(SIZES, 2, np.dtype(float), order).blocks
    ]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_non_finite_number_is_reported_for_its_network_alone(drawn, odd):
    assert drawn.finite().all()
    drawn.layers[0].W[0, 1, 2] = odd
    drawn.layers[1].b[2, 0, 1] = odd
    assert drawn.finite().tolist() == [False, True, False]
