"""Names that users of scikit-learn's `MLPClassifier` or of the command line know, and what has their part here."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Concatenate, ParamSpec, TypeVar

from nnsweep.messages import nearest

P = ParamSpec("P")
Self = TypeVar("Self")

ELSEWHERE = {
    "alpha": "weight_decay (scikit-learn's alpha, divided by the samples of a batch)",
    "power_t": "learning_rate={'name': 'inv', 'power': ...}",
    "nesterovs_momentum": "solver='nesterov'",
    "shuffle": "batch_size=None, for all samples in one step; minibatches are always shuffled",
    "max_fun": "max_iter",
    "epochs": "max_iter",
    "patience": "n_iter_no_change",
    "min_delta": "tol",
    "seed": "random_state",
    "optimizer": "solver",
    "schedule": "learning_rate",
    "arch": "hidden_layer_sizes",
}
"""What to use here, by the name of the option elsewhere."""
VALUES = {
    ("solver", "sgd"): "gradient_descent, momentum or nesterov",
    ("solver", "lbfgs"): "gradient_descent with batch_size=None",
    ("activation", "logistic"): "sigmoid",
    ("learning_rate", "invscaling"): "inv",
    ("learning_rate", "adaptive"): "reduce_on_plateau",
    ("batch_size", "auto"): "32, or None for all samples",
}
"""The same for values of options."""


def suggest_option(name: str, known: Iterable[str]) -> str:
    """Say which option may be meant.

    Examples
    --------
    >>> suggest_option("max_fun", ["max_iter", "tol"])
    'did you mean max_iter?'
    >>> suggest_option("max_itr", ["max_iter", "tol"])
    "did you mean 'max_iter'? Known: max_iter, tol"
    """
    return f"did you mean {ELSEWHERE[name]}?" if name in ELSEWHERE else nearest(name, known)


def suggest_value(option: str, value: object) -> str:
    """Say which value may be meant by one that `MLPClassifier` has; empty for any other.

    Examples
    --------
    >>> suggest_value("solver", "sgd")
    'did you mean gradient_descent, momentum or nesterov?'
    """
    meant = VALUES.get((option, value)) if isinstance(value, str) else None
    return f"did you mean {meant}?" if meant else ""


def hinting(init: Callable[Concatenate[Self, P], None]) -> Callable[Concatenate[Self, P], None]:
    """Let a class say which options may be meant by names that it does not know; its signature stays as it is."""
    known = [*inspect.signature(init).parameters][1:]

    @functools.wraps(init)
    def hinted(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> None:
        for name in kwargs:
            if name not in known:
                told = f"{type(self).__name__}() got an unexpected keyword argument {name!r}"
                raise TypeError(f"{told}; {suggest_option(name, known)}")
        init(self, *args, **kwargs)

    return hinted
