"""An optimizer is an update rule over arrays: it moves a parameter in place, given its gradient.

Every hyperparameter is one number or an array with one value a network of the stack, shaped (K, 1, 1) to
go with the parameters, so that networks with different rates are trained together. What a rule remembers
between steps (velocities, moments) lies in slots: arrays of the parameter's shape that start at zero. A slot
called `spare` is room to compute in; the gradient is, too: no step allocates memory.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np

from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.choices import Choices, Fraction, Positive

Slots: TypeAlias = Sequence[FloatArray]


class Optimizer(NamedTuple):
    """An update rule and what it needs.

    Attributes
    ----------
    update : callable
        ``update(parameter, gradient, slots, step, *, learning_rate, ...)`` changes `parameter`, `slots` and
        `gradient` in place; `step` counts from 1. Its keyword-only parameters are the rule's hyperparameters.
    n_slots : int
        How many slots each parameter has, the spare one included.
    decoupled : bool
        Whether weight decay shrinks the weights directly instead of being a term of the cost.
    """

    update: Callable[..., None]
    n_slots: int = 0
    decoupled: bool = False


OPTIMIZERS: Choices[Optimizer] = Choices("optimizer")
Rule = TypeVar("Rule", bound=Callable[..., None])


def _optimizer(*, n_slots: int = 0, decoupled: bool = False, name: str = "") -> Callable[[Rule], Rule]:
    """Register an update rule, under its own name unless another is given; see `Optimizer` for the parameters."""

    def register(update: Rule) -> Rule:
        OPTIMIZERS.add(name or update.__name__, Optimizer(update, n_slots, decoupled), update)
        return update

    return register


@_optimizer()
def gradient_descent(w: FloatArray, g: FloatArray, slots: Slots, step: int, *, learning_rate: Positive) -> None:
    """Plain gradient descent: ``w -= learning_rate * g``."""
    g *= learning_rate
    w -= g


@_optimizer(n_slots=1)
def momentum(
    w: FloatArray,
    g: FloatArray,
    slots: Slots,
    step: int,
    *,
    learning_rate: Positive,
    momentum: Fraction = 0.9,
) -> None:
    """Heavy ball: ``v = momentum * v - learning_rate * g; w += v`` (the notebook's ``sgd_momentum``).

    Source: Polyak, Some methods of speeding up the convergence of iteration methods, 1964.
    """
    (v,) = slots
    v *= momentum
    g *= learning_rate
    v -= g
    w += v


@_optimizer(n_slots=1)
def nesterov(
    w: FloatArray,
    g: FloatArray,
    slots: Slots,
    step: int,
    *,
    learning_rate: Positive,
    momentum: Fraction = 0.9,
) -> None:
    """Nesterov's momentum: ``v = momentum * v - learning_rate * g; w += momentum * v - learning_rate * g``.

    Source: Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum in deep
    learning, 2013 (with the look-ahead point as the parameter).
    """
    (v,) = slots
    v *= momentum
    g *= learning_rate
    v -= g
    w -= g
    w += np.multiply(v, momentum, out=g)


@_optimizer(n_slots=2)
def rmsprop(
    w: FloatArray,
    g: FloatArray,
    slots: Slots,
    step: int,
    *,
    learning_rate: Positive,
    decay: Fraction = 0.9,
    epsilon: Positive = 1e-8,
) -> None:
    """RMSProp: ``s = decay * s + (1 - decay) * g**2; w -= learning_rate * g / (sqrt(s) + epsilon)``.

    Source: Tieleman and Hinton, Neural networks for machine learning, lecture 6.5, 2012.
    """
    s, spare = slots
    np.multiply(g, g, out=spare)
    spare *= 1 - decay
    s *= decay
    s += spare
    np.sqrt(s, out=spare)
    spare += epsilon
    g *= learning_rate
    g /= spare
    w -= g


@_optimizer(n_slots=3, decoupled=True, name="adamw")
@_optimizer(n_slots=3)
def adam(
    w: FloatArray,
    g: FloatArray,
    slots: Slots,
    step: int,
    *,
    learning_rate: Positive,
    beta_1: Fraction = 0.9,
    beta_2: Fraction = 0.999,
    epsilon: Positive = 1e-8,
) -> None:
    """Adam: a step of ``learning_rate * m_hat / (sqrt(s_hat) + epsilon)``.

    ``m`` and ``s`` are running means of the gradient and its square with decay `beta_1` and `beta_2`; the
    hats divide them by ``1 - beta**step``, so that the zeros they start from do not count.

    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015, algorithm 1. AdamW is the same rule beside
    weight decay that shrinks the weights directly: Loshchilov and Hutter, Decoupled weight decay regularization, 2019.
    """
    m, s, spare = slots
    m *= beta_1
    m += np.multiply(g, 1 - beta_1, out=spare)
    s *= beta_2
    g *= g
    g *= 1 - beta_2
    s += g
    m_hat = np.divide(m, 1 - beta_1**step, out=g)
    s_hat = np.divide(s, 1 - beta_2**step, out=spare)
    np.sqrt(s_hat, out=spare)
    spare += epsilon
    m_hat /= spare
    m_hat *= learning_rate
    w -= m_hat
