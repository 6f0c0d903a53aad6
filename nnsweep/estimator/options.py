"""The estimator's options: the recipe that they stand for, and their equivalents elsewhere.

Users of scikit-learn's networks and of the command line know some of them by other names, which an error translates.
"""

import json
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from nnsweep.jobs.groups import read_defaults
from nnsweep.jobs.job import TABLE_WEIGHT_DECAY, Recipe
from nnsweep.jobs.schema import Settings, within
from nnsweep.mlp.choices import Range
from nnsweep.text import printable, suggest_nearest

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
    "class_weight": "sample_weight of fit",
    "output_activation": "NNClassifier",
    "calibrate": "NNClassifier",
}
"""What to use here, by the name of the option elsewhere; a regressor does not have the last ones."""
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
    message = f"set {' and '.join(moved)} in `solver`, where the rule's settings are now: solver={solver!r}"
    warnings.warn(message, FutureWarning, stacklevel=3)
    return {name: value for name, value in options.items() if name not in moved} | {"solver": solver}


_OPTIONS = {
    "arch.hidden_layer_sizes": "hidden_layer_sizes",
    "activation.name": "activation",
    "schedule": "learning_rate",
    "schedule.name": "learning_rate",
    "optimizer.name": "solver",
    "optimizer.learning_rate": "learning_rate_init",
    "optimizer.weight_decay": "weight_decay",
    "init.name": "init",
    "loss.name": "loss",
    "trainer.epochs": "max_iter",
    "trainer.patience": "n_iter_no_change",
    "trainer.min_delta": "tol",
    "seed": "random_state",
}
"""The option for a key of the configuration, where that is not its last word."""
_BESIDE_SOLVER = {"learning_rate": "learning_rate_init", "weight_decay": "weight_decay"}
"""Options of their own, by the name that the configuration has for them among the optimizer's settings."""
_DICTS = {"activation": "activation", "schedule": "learning_rate", "optimizer": "solver"}
_DICTS |= {group: group for group in ("loss", "init")}
"""The options that give the settings of a choice, by its group."""
_KEY = re.compile(r"\b(?:(?:arch|activation|schedule|optimizer|init|loss|trainer)(?:\.\w+)+|schedule(?=:)|seed(?==))")


class Validation(Settings):
    """How a validation part is set aside, and what else is no part of the recipe."""

    early_stopping: bool
    validation_fraction: Annotated[float, within(Range(gt=0, lt=1))]
    split_seed: Annotated[int, within(Range(ge=0, lt=2**32))]
    warm_start: bool
    verbose: bool


class Options(NamedTuple):
    """An estimator's options, checked.

    Attributes
    ----------
    recipe : Recipe
        How the network is made and trained.
    validation : Validation
        All else.
    """

    recipe: Recipe
    validation: Validation


def check_options(options: Mapping[str, Any], *, seed: int) -> Options:
    """Check an estimator's options.

    Parameters
    ----------
    options : mapping
        Its parameters by name; weights of classes in the order of the classes.
    seed : int
        What comes of its `random_state`.

    Raises
    ------
    ValueError
        With a line for each option that is wrong.
    """
    options = {name: _plain(value) for name, value in options.items()}
    solver = options["solver"]
    problems = [
        f"solver.{name}={solver[name]}: is an option of its own; write {option}={solver[name]}"
        for name, option in _BESIDE_SOLVER.items()
        if isinstance(solver, Mapping) and name in solver
    ]
    parts: list[Any] = []
    for model, values in (
        (Recipe, _configuration(options, seed)),
        (Validation, {name: options[name] for name in Validation.model_fields}),
    ):
        try:
            parts.append(model.model_validate_json(json.dumps(values, default=str)))
        except ValidationError as error:
            from nnsweep.jobs.problems import list_problems  # it imports Hydra, which an estimator has no other use for

            problems += list_problems(error, values)
    if problems:
        raise ValueError("\n".join(printable(_explain(problem, options)) for problem in problems))
    return Options(*parts)


def _explain(problem: str, options: Mapping[str, Any]) -> str:
    """Name the options in place of the configuration's keys, and add a hint if there is one."""
    problem = _KEY.sub(_name_option, problem)
    hint = suggest_value(option := problem.partition("=")[0], options.get(option))
    return f"{problem}; {hint}" if hint else problem


def order_class_weights(class_weight: Any, classes: NDArray[Any]) -> Any:
    """List the weights that are given by label in the order of the classes; a class that is not named weighs 1.

    Raises
    ------
    ValueError
        If a label is none of the classes, and a class is not named: one of them is a slip.

    Examples
    --------
    >>> order_class_weights({"dog": 3}, np.array(["cat", "dog"]))
    [1.0, 3]
    """
    if not isinstance(class_weight, Mapping):
        return class_weight
    labels = classes.tolist()
    strange = [label for label in class_weight if label not in labels]
    absent = [label for label in labels if label not in class_weight]
    if strange and absent:
        raise ValueError(f"class_weight: label {strange[0]!r} is none of the classes, and {absent[0]!r} has no weight")
    return [class_weight.get(label, 1.0) for label in labels]


def _configuration(options: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Write the options as the command line's configuration has them."""
    optimizer = _choice("optimizer", options["solver"])
    own = {"learning_rate": options["learning_rate_init"], "weight_decay": options["weight_decay"]}
    optimizer |= {name: value for name, value in own.items() if value is not None}
    if optimizer.get("weight_decay", 0.0) is None:
        optimizer["weight_decay"] = TABLE_WEIGHT_DECAY
    return {
        "arch": {
            "name": "custom",
            "hidden_layer_sizes": _sizes(options["hidden_layer_sizes"]),
            "normalization": options["normalization"],
            "residual": options["residual"],
            "scaling_layer": options["scaling_layer"],
            "parametrization": options["parametrization"],
        },
        "activation": _choice("activation", options["activation"]),
        "output_activation": options.get("output_activation", "identity"),
        "schedule": _choice("schedule", options["learning_rate"], {"trainer.epochs": options["max_iter"]}),
        "optimizer": optimizer,
        "init": _choice("init", options["init"]),
        "loss": _choice("loss", options["loss"]),
        "trainer": {
            "epochs": options["max_iter"],
            "batch_size": options["batch_size"],
            "dtype": options["dtype"],
            "evaluate_every": options["evaluate_every"],
            "patience": options["n_iter_no_change"] if options["early_stopping"] is True else None,
            "min_delta": options["tol"],
            "dropout": options["dropout"],
            "clip_norm": options["clip_norm"],
            "class_weight": options.get("class_weight"),
            "measures": options["measures"],
            "select": options["select"],
            "ema": options["ema"],
            "bias_rate_factor": options["bias_rate_factor"],
            "scale_rate_factor": options["scale_rate_factor"],
            "calibrate": options.get("calibrate"),
        },
        "seed": seed,
    }


def _sizes(sizes: Any) -> Any:
    if isinstance(sizes, int):
        return [sizes]
    return "null" if sizes is None else sizes  # in the configuration, null is the other form of an architecture


def _choice(group: str, choice: Any, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give a choice by its name, or by its name and some of its settings; the others are the command line's."""
    if not isinstance(choice, Mapping):
        return read_defaults(group, choice, values)
    defaults = read_defaults(group, choice.get("name"), values)
    return defaults | {name: value for name, value in choice.items() if name != "name"}


def _plain(value: Any) -> Any:
    """Turn NumPy's scalars and arrays, and tuples, into what JSON can say."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return value


def _name_option(key: re.Match[str]) -> str:
    name = key[0]
    if name in _OPTIONS:
        return _OPTIONS[name]
    group, _, rest = name.partition(".")
    if rest.startswith("hidden_layer_sizes"):
        return rest
    return f"{_DICTS[group]}.{rest}" if group in _DICTS else rest
