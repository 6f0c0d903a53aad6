import numpy as np
import pytest

from nnsweep.mlp.accuracy import Accuracy
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.inputs import inputs
from nnsweep.mlp.network import Layer
from nnsweep.mlp.passes import forward


def share(stack, part, number):
    logits = forward(stack.network, stack.layers, inputs(part.X)).a[-1][number]
    return float((logits.argmax(axis=1) == part.y).mean())


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("val", [False, True])
def test_both_parts_are_measured_as_each_alone(val, sparse, network, parts, member, stack_of, draw_layers):
    data, net = parts(sparse=sparse, val=val), network((5,))
    stack = stack_of(net, draw_layers(np.random.default_rng(0), (6, 5, 3), n_networks=3), [member()] * 3)
    on_val, on_test, right, score = Accuracy(data.val, data.test)(stack)
    assert on_test.tolist() == [share(stack, data.test, number) for number in range(3)]
    assert right.mean(axis=1).tolist() == on_test.tolist()
    assert (on_val is None) == (not val)
    assert score is on_val
    if val:
        assert on_val.tolist() == [share(stack, data.val, number) for number in range(3)]


def test_it_goes_on_with_the_networks_that_stay(network, parts, member, stack_of, draw_layers):
    data = parts()
    stack = stack_of(network((5,)), draw_layers(np.random.default_rng(0), (6, 5, 3), n_networks=3), [member()] * 3)
    accuracy = Accuracy(data.val, data.test)
    before = accuracy(stack)[1]
    stack.keep(np.array([True, False, True]))
    assert accuracy(stack)[1].tolist() == before[[0, 2]].tolist()


def test_of_equal_logits_the_first_wins(network, member, stack_of):
    stack = stack_of(network(()), [Layer(np.zeros((1, 2, 2)), np.zeros((1, 1, 2)))], [member()])
    X = np.ones((4, 2))
    assert Accuracy(None, Examples(X, np.zeros(4, int)))(stack)[1].tolist() == [1]
    assert Accuracy(None, Examples(X, np.ones(4, int)))(stack)[1].tolist() == [0]
