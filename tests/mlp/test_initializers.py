import numpy as np
import pytest

from nnsweep.mlp.initializers import INITIALIZERS, notebook

FAN_IN, FAN_OUT = 300, 200
VARIANCES = {"glorot": 2 / (FAN_IN + FAN_OUT), "he": 2 / FAN_IN, "lecun": 1 / FAN_IN}
DRAWN = [name for name in INITIALIZERS if name != "notebook"]


@pytest.mark.parametrize("name", DRAWN)
def test_weights_have_mean_0_and_the_named_variance(name):
    W = INITIALIZERS[name](np.random.default_rng(0), FAN_IN, FAN_OUT)
    variance = VARIANCES[name.split("_")[0]]
    assert W.shape == (FAN_IN, FAN_OUT)
    assert abs(W.mean()) < 4 * np.sqrt(variance / W.size)  # four standard errors
    assert abs(W.var() / variance - 1) < 4 * np.sqrt(2 / W.size)


@pytest.mark.parametrize("name", [name for name in DRAWN if name.endswith("uniform")])
def test_uniform_weights_fill_their_interval_and_stay_in_it(name):
    W = INITIALIZERS[name](np.random.default_rng(0), FAN_IN, FAN_OUT)
    limit = np.sqrt(3 * VARIANCES[name.split("_")[0]])
    assert 0.999 * limit < np.abs(W).max() <= limit


@pytest.mark.parametrize("name", [name for name in DRAWN if name.endswith("normal")])
def test_normal_weights_have_normal_tails(name):
    W = INITIALIZERS[name](np.random.default_rng(0), FAN_IN, FAN_OUT)
    outside = (np.abs(W) > 2 * np.sqrt(VARIANCES[name.split("_")[0]])).mean()
    assert 0.0435 < outside < 0.0475  # 4.55 %


@pytest.mark.parametrize("name", DRAWN)
def test_generator_repeats_its_draw_only_from_the_same_state(name):
    draw, random = INITIALIZERS[name], np.random.default_rng(3)
    first = draw(random, 4, 5)
    assert (first == draw(np.random.default_rng(3), 4, 5)).all()
    assert (first != draw(random, 4, 5)).all()


def test_the_notebooks_weights_are_those_of_its_init_layer():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    weights = notebook(np.random.default_rng(9), 100, 20)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert (weights == np.random.RandomState(0).randn(100, 20) / np.sqrt(100)).all()
    assert float(notebook(np.random.default_rng(1), 1, 1)[0, 0]) == 1.764052345967664


def test_the_notebook_starts_anew_for_every_layer():
    random = np.random.default_rng(0)
    assert (notebook(random, 4, 4) == notebook(random, 4, 4)).all()
