import math

import numpy as np
import pytest

from nnsweep.mlp.optimizers import OPTIMIZERS

GRADIENTS = np.random.default_rng(0).normal(size=(30, 2, 3, 4))


@pytest.fixture
def follow():
    """Follow the fixed gradients from the same start, and return the parameter after every step."""

    def steps(name: str, **constants):
        optimizer = OPTIMIZERS[name]
        w = np.ones((2, 3, 4))
        slots = [np.zeros_like(w) for _ in range(optimizer.n_slots)]
        path = []
        for number, gradient in enumerate(GRADIENTS, start=1):
            optimizer.update(w, gradient.copy(), slots, number, **constants)
            path.append(w.copy())
        return np.array(path)

    return steps


def by_recurrence(update):
    """The same path, one number at a time."""
    path = np.empty_like(GRADIENTS)
    for place in np.ndindex(GRADIENTS.shape[1:]):
        w, memory = 1.0, {}
        for number, g in enumerate(GRADIENTS[(slice(None), *place)]):
            w = update(w, g, memory, number + 1)
            path[(number, *place)] = w
    return path


def plain(w, g, memory, t):
    return w - 0.1 * g


def heavy_ball(w, g, memory, t):
    memory["v"] = 0.9 * memory.get("v", 0) - 0.1 * g
    return w + memory["v"]


def looking_ahead(w, g, memory, t):
    """Nesterov in the form of its source: the parameter is the look-ahead point w + 0.9 v."""
    v = memory.get("v", 0)
    here = w - 0.9 * v
    memory["v"] = 0.9 * v - 0.1 * g
    return here + memory["v"] + 0.9 * memory["v"]


def root_mean_square(w, g, memory, t):
    memory["s"] = 0.9 * memory.get("s", 0) + 0.1 * g**2
    return w - 0.1 * g / (math.sqrt(memory["s"]) + 1e-3)


def two_moments(w, g, memory, t):
    memory["m"] = 0.8 * memory.get("m", 0) + 0.2 * g
    memory["s"] = 0.95 * memory.get("s", 0) + 0.05 * g**2
    m_hat, s_hat = memory["m"] / (1 - 0.8**t), memory["s"] / (1 - 0.95**t)
    return w - 0.1 * m_hat / (math.sqrt(s_hat) + 1e-3)


RECURRENCES = {
    "gradient_descent": (plain, {}),
    "momentum": (heavy_ball, {"momentum": 0.9}),
    "nesterov": (looking_ahead, {"momentum": 0.9}),
    "rmsprop": (root_mean_square, {"decay": 0.9, "epsilon": 1e-3}),
    "adam": (two_moments, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    "adamw": (two_moments, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rule_follows_its_recurrence(name, follow):
    update, constants = RECURRENCES[name]
    np.testing.assert_allclose(follow(name, learning_rate=0.1, **constants), by_recurrence(update), rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_network_may_have_constants_of_its_own(name, follow):
    own = {key: np.array([0.1, 0.3]).reshape(2, 1, 1) for key in OPTIMIZERS.settings(name)}
    together = follow(name, **own)
    for network in range(2):
        alone = follow(name, **{key: value[network : network + 1] for key, value in own.items()})
        np.testing.assert_array_equal(together[:, network], alone[:, network])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_gradient_of_0_from_the_start_leaves_the_parameter(name):
    w = np.ones((1, 2, 2))
    optimizer = OPTIMIZERS[name]
    slots = [np.zeros_like(w) for _ in range(optimizer.n_slots)]
    defaults = {key: default for key, (_, default) in OPTIMIZERS.settings(name).items() if key != "learning_rate"}
    optimizer.update(w, np.zeros_like(w), slots, 1, learning_rate=0.1, **defaults)
    assert (w == 1).all()


def test_the_notebooks_sgd_momentum_example_comes_out():
    w, v = np.array(0.12), np.zeros(())
    OPTIMIZERS["momentum"].update(w, np.array(0.01), [v], 1, learning_rate=1e-2, momentum=0.9)
    assert (float(w), float(v)) == (0.11989999999999999, -0.0001)


def test_without_momentum_it_is_plain_gradient_descent(follow):
    descent = follow("gradient_descent", learning_rate=0.1)
    for name in ("momentum", "nesterov"):
        np.testing.assert_allclose(follow(name, learning_rate=0.1, momentum=0.0), descent, rtol=0, atol=1e-14)


def test_first_adam_step_is_the_learning_rate_for_any_gradient():
    for size in (1e-4, 1.0, 1e4):
        w = np.zeros((1, 1, 1))
        slots = [np.zeros_like(w) for _ in range(OPTIMIZERS["adam"].n_slots)]
        OPTIMIZERS["adam"].update(w, np.full_like(w, size), slots, 1, learning_rate=0.1, epsilon=1e-300)
        assert float(w[0, 0, 0]) == pytest.approx(-0.1, rel=1e-12)


def test_adamw_alone_of_the_two_decouples_weight_decay():
    assert (OPTIMIZERS["adam"].decoupled, OPTIMIZERS["adamw"].decoupled) == (False, True)
