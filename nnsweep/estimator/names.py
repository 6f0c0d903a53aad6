"""Names that users of scikit-learn's `MLPClassifier` or of the command line know, and what has their part here.

The options' documentation is completed here, too, with the names that the registry has.
"""

import functools
import inspect
import textwrap
import warnings
from collections.abc import Callable, Iterable, Mapping
from string import Template
from typing import Any, Concatenate, ParamSpec, TypeVar

from nnsweep.jobs.registry import list_names, read_defaults
from nnsweep.text import suggest_nearest

P = ParamSpec("P")
Self = TypeVar("Self")
Documented = TypeVar("Documented", bound=type)

MOVED = ("momentum", "beta_1", "beta_2", "epsilon", "decay")
"""Constants of update rules that were options of their own before `solver` took settings."""

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
    return f"did you mean {ELSEWHERE[name]}?" if name in ELSEWHERE else suggest_nearest(name, known)


def suggest_value(option: str, value: object) -> str:
    """Say which value may be meant by one that `MLPClassifier` has; empty for any other.

    Examples
    --------
    >>> suggest_value("solver", "sgd")
    'did you mean gradient_descent, momentum or nesterov?'
    """
    meant = VALUES.get((option, value)) if isinstance(value, str) else None
    return f"did you mean {meant}?" if meant else ""


def move_constants(options: Mapping[str, Any], solver: Any) -> dict[str, Any]:
    """Put constants of the update rule that are given as options of their own, as they once were, into `solver`.

    Parameters
    ----------
    options : mapping
        Options by name.
    solver : str or dict
        The solver where `options` has none.

    Returns
    -------
    dict
        The options that there are today. A constant that the rule does not have is left out, as it always was.

    Warns
    -----
    FutureWarning
        If there are such constants.
    """
    moved = {name: options[name] for name in MOVED if name in options}
    if not moved:
        return dict(options)
    solver = options.get("solver", solver)
    chosen = dict(solver) if isinstance(solver, Mapping) else {"name": solver}
    own = {name: value for name, value in moved.items() if name in read_defaults("optimizer", chosen.get("name"))}
    solver = chosen | own if own else solver
    told = f"set {' and '.join(moved)} in `solver`, where the rule's settings are now: solver={solver!r}"
    warnings.warn(told, FutureWarning, stacklevel=3)
    return {name: value for name, value in options.items() if name not in moved} | {"solver": solver}


def hinting(init: Callable[Concatenate[Self, P], None]) -> Callable[Concatenate[Self, P], None]:
    """Let a class say which options may be meant by names that it does not know; its signature stays as it is."""
    parameters = inspect.signature(init).parameters
    known = [*parameters][1:]

    @functools.wraps(init)
    def hinted(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> None:
        options: Any = move_constants(kwargs, parameters["solver"].default)
        for name in options:
            if name not in known:
                told = f"{type(self).__name__}() got an unexpected keyword argument {name!r}"
                raise TypeError(f"{told}; {suggest_option(name, known)}")
        init(self, *args, **options)

    return hinted


def list_choices(documented: Documented) -> Documented:
    """Put the names of the choices of a group into a class's documentation, where it says ``$group``."""
    groups = ("activation", "schedule", "optimizer", "init")
    names = {group: _in_words(list_names(group)) for group in groups}
    documented.__doc__ = Template(documented.__doc__ or "").substitute(names)
    return documented


def _in_words(names: Iterable[str]) -> str:
    *others, last = names
    return textwrap.fill(f"{', '.join(others)} or {last}", 112, subsequent_indent=8 * " ")
