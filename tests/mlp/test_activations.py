import mpmath
import numpy as np
import pytest

from nnsweep.mlp.activations import ACTIVATIONS, elu, leaky_relu

GRID = np.linspace(-50, 50, 10_001)
EXTREMES = np.array([sign * size for size in (0, 1e-300, 1e-8, 700, 1e4, 1e300) for sign in (1, -1)])
POINTS = np.concatenate([GRID, EXTREMES])


def distribution(z):
    return mpmath.mpf(z > 0) if abs(z) > 1000 else mpmath.ncdf(z)


def gate(z):
    return mpmath.tanh(z + mpmath.log1p(mpmath.exp(-z)) if z > 0 else mpmath.log1p(mpmath.exp(z)))


ALPHA, SCALE = mpmath.mpf("1.6732632423543772848170429916717"), mpmath.mpf("1.0507009873554804934193349852946")
EXACT = {  # value and derivative, with mpmath
    "identity": (lambda z: z, lambda z: 1),
    "tanh": (mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + mpmath.exp(-z)), lambda z: 1 / ((1 + mpmath.exp(-z)) * (1 + mpmath.exp(z)))),
    "relu": (lambda z: max(z, 0), lambda z: int(z > 0)),
    "leaky_relu": (lambda z: z if z > 0 else 0.01 * z, lambda z: 1 if z > 0 else 0.01),
    "elu": (lambda z: z if z > 0 else mpmath.expm1(z), lambda z: 1 if z > 0 else mpmath.exp(z)),
    "selu": (lambda z: SCALE * (z if z > 0 else ALPHA * mpmath.expm1(z)),
             lambda z: SCALE * (1 if z > 0 else ALPHA * mpmath.exp(z))),
    "softplus": (lambda z: z + mpmath.log1p(mpmath.exp(-z)) if z > 0 else mpmath.log1p(mpmath.exp(z)),
                 lambda z: 1 / (1 + mpmath.exp(-z))),
    "gelu": (lambda z: z * distribution(z), lambda z: distribution(z) + z * mpmath.npdf(z)),
    "swish": (lambda z: z / (1 + mpmath.exp(-z)),
              lambda z: (1 + z / (1 + mpmath.exp(z))) / (1 + mpmath.exp(-z))),
    "mish": (lambda z: z * gate(z), lambda z: gate(z) + z * (1 - gate(z) ** 2) / (1 + mpmath.exp(-z))),
}  # fmt: skip


@pytest.fixture(params=ACTIVATIONS)
def name(request):
    return request.param


@pytest.fixture
def activation(name):
    return ACTIVATIONS[name]()


@pytest.fixture(autouse=True)
def no_overflow():
    with np.errstate(all="raise", under="ignore"), mpmath.workdps(50):
        yield


@pytest.mark.slow
def test_values_are_right_to_4_units_in_the_last_place(name, activation):
    exact = [EXACT[name][0](mpmath.mpf(z)) for z in POINTS]
    errors = np.array([float(abs(mpmath.mpf(a) - e)) for a, e in zip(activation.value(POINTS), exact, strict=True)])
    sizes = np.abs(np.array(exact, dtype=float))
    # gelu to 1e-14 of its value; the smallest normal number bounds what can be held to digits at all
    allowed = np.maximum(1e-14 * sizes, np.finfo(float).tiny * 1e-14) if name == "gelu" else 4 * np.spacing(sizes)
    assert POINTS[errors > allowed].tolist() == []


@pytest.mark.slow
def test_slopes_are_the_derivatives(name, activation):
    slopes = activation.slope(POINTS, activation.value(POINTS))
    exact = np.array([float(EXACT[name][1](mpmath.mpf(z))) for z in POINTS])
    assert np.isfinite(slopes).all()
    np.testing.assert_array_less(np.abs(slopes - exact), 1e-14 * np.maximum(1, np.abs(exact)))


def test_value_and_slope_keep_precision_and_shape(activation):
    z = np.array([[-1e30, -30, -1], [0, 1, 1e30]], dtype=np.float32)
    a = activation.value(z)
    slope = activation.slope(z, a)
    assert (a.dtype, slope.dtype, a.shape, slope.shape) == (np.float32, np.float32, z.shape, z.shape)
    exact = activation.value(z.astype(float))
    np.testing.assert_allclose(a, exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "slope"),
    [("identity", 1), ("tanh", 1), ("sigmoid", 0.25), ("relu", 0), ("leaky_relu", 0.01), ("elu", 1),
     ("selu", 1.0507009873554805 * 1.6732632423543772), ("softplus", 0.5),
     ("gelu", 0.5), ("swish", 0.5), ("mish", 0.6)],
)  # fmt: skip
def test_the_slope_at_exactly_0_is_as_declared(name, slope):
    zeros = np.array([0.0, -0.0])
    activation = ACTIVATIONS[name]()
    assert activation.slope(zeros, activation.value(zeros)).tolist() == [slope, slope]


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in ("gelu", "swish", "mish")])
def test_all_but_gelu_swish_and_mish_never_fall(name):
    assert (np.diff(ACTIVATIONS[name]().value(np.sort(POINTS))) >= 0).all()


@pytest.mark.parametrize("name", ["identity", "tanh"])
def test_odd_functions_are_odd(name):
    value = ACTIVATIONS[name]().value
    np.testing.assert_array_equal(value(-POINTS), -value(POINTS))


@pytest.mark.parametrize("name", ["relu", "softplus", "gelu", "swish", "mish"])
def test_rectifiers_end_at_0_and_at_z(name):
    assert ACTIVATIONS[name]().value(EXTREMES[-4:]).tolist() == [1e4, 0, 1e300, 0]


def test_leaky_relu_and_elu_take_their_constants():
    z = np.array([-1.0, 0.0, 2.0])
    assert leaky_relu(negative_slope=0.25).value(z).tolist() == [-0.25, 0, 2]
    assert leaky_relu(negative_slope=0.25).slope(z, z).tolist() == [0.25, 0.25, 1]
    np.testing.assert_allclose(elu(alpha=2.0).value(z), [2 * np.expm1(-1), 0, 2], rtol=1e-15)
    np.testing.assert_allclose(elu(alpha=2.0).slope(z, z), [2 * np.exp(-1), 2, 1], rtol=1e-15)


def test_leaky_relu_does_not_overflow_where_it_is_z():
    assert leaky_relu(negative_slope=10.0).value(np.array([1e308])).tolist() == [1e308]


def test_elu_refuses_a_negative_alpha():
    with pytest.raises(ValueError, match="`alpha` must be >= 0, got -1"):
        elu(alpha=-1.0)
