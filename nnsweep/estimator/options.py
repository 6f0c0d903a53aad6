"""The options of the scikit-learn estimator, and the recipe that they stand for.

The command line's models check them and make the network of them. What is wrong is told in the same words, with the
option's name in the place of the configuration's key.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from nnsweep.estimator.names import suggest_value
from nnsweep.jobs.job import TABLE_WEIGHT_DECAY, Recipe
from nnsweep.jobs.problems import list_problems
from nnsweep.jobs.registry import read_defaults
from nnsweep.jobs.settings import Settings, within
from nnsweep.mlp.ranges import Range
from nnsweep.text import printable

_OPTIONS = {
    "arch.hidden_layer_sizes": "hidden_layer_sizes",
    "activation.name": "activation",
    "schedule": "learning_rate",
    "schedule.name": "learning_rate",
    "optimizer.name": "solver",
    "optimizer.learning_rate": "learning_rate_init",
    "optimizer.weight_decay": "weight_decay",
    "init.name": "init",
    "trainer.epochs": "max_iter",
    "trainer.patience": "n_iter_no_change",
    "trainer.min_delta": "tol",
    "seed": "random_state",
}
"""The option for a key of the configuration, where that is not its last word."""
_BESIDE_SOLVER = {"learning_rate": "learning_rate_init", "weight_decay": "weight_decay"}
"""Options of their own, by the name that the configuration has for them among the optimizer's settings."""
_DICTS = {"activation": "activation", "schedule": "learning_rate", "optimizer": "solver"}
"""The options that give the settings of a choice, by its group."""
_KEY = re.compile(r"\b(?:(?:arch|activation|schedule|optimizer|init|trainer)(?:\.\w+)+|schedule(?=:)|seed(?==))")


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


def checked(options: Mapping[str, Any], *, seed: int) -> Options:
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
    given = {name: _plain(value) for name, value in options.items()}
    made: list[Any] = []
    found = [*_given_twice(given["solver"])]
    for model, values in (
        (Recipe, _configuration(given, seed)),
        (Validation, {name: given[name] for name in Validation.model_fields}),
    ):
        try:
            made.append(model.model_validate_json(json.dumps(values, default=str)))
        except ValidationError as error:
            found += list_problems(error, values)
    if found:
        raise ValueError("\n".join(printable(_with_hint(_KEY.sub(_option, problem), given)) for problem in found))
    return Options(*made)


def _given_twice(solver: Any) -> Iterator[str]:
    for name, option in _BESIDE_SOLVER.items():
        if isinstance(solver, Mapping) and name in solver:
            yield f"solver.{name}={solver[name]}: is an option of its own; write {option}={solver[name]}"


def _with_hint(problem: str, given: Mapping[str, Any]) -> str:
    hint = suggest_value(option := problem.partition("=")[0], given.get(option))
    return f"{problem}; {hint}" if hint else problem


def weights_in_order(class_weight: Any, classes: NDArray[Any]) -> Any:
    """List the weights that are given by label in the order of the classes; a class that is not named weighs 1.

    Raises
    ------
    ValueError
        If a label is none of the classes, and a class is not named: one of them is a slip.

    Examples
    --------
    >>> weights_in_order({"dog": 3}, np.array(["cat", "dog"]))
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


def _configuration(given: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Write the options as the command line's configuration has them."""
    optimizer = _choice("optimizer", given["solver"])
    own = {"learning_rate": given["learning_rate_init"], "weight_decay": given["weight_decay"]}
    optimizer |= {name: value for name, value in own.items() if value is not None}
    if optimizer.get("weight_decay", 0.0) is None:
        optimizer["weight_decay"] = TABLE_WEIGHT_DECAY
    return {
        "arch": {"name": "custom", "hidden_layer_sizes": _sizes(given["hidden_layer_sizes"])},
        "activation": _choice("activation", given["activation"]),
        "output_activation": given["output_activation"],
        "schedule": _choice("schedule", given["learning_rate"], {"trainer.epochs": given["max_iter"]}),
        "optimizer": optimizer,
        "init": {"name": given["init"]},
        "trainer": {
            "epochs": given["max_iter"],
            "batch_size": given["batch_size"],
            "dtype": given["dtype"],
            "evaluate_every": given["evaluate_every"],
            "patience": given["n_iter_no_change"] if given["early_stopping"] is True else None,
            "min_delta": given["tol"],
            "dropout": given["dropout"],
            "clip_norm": given["clip_norm"],
            "class_weight": given["class_weight"],
        },
        "seed": seed,
    }


def _sizes(given: Any) -> Any:
    if isinstance(given, int):
        return [given]
    return "null" if given is None else given  # in the configuration, null is the other form of an architecture


def _choice(group: str, given: Any, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give a choice by its name, or by its name and some of its settings; the others are the command line's."""
    if not isinstance(given, Mapping):
        return read_defaults(group, given, values)
    chosen = read_defaults(group, given.get("name"), values)
    return chosen | {name: value for name, value in given.items() if name != "name"}


def _plain(value: Any) -> Any:
    """Turn NumPy's scalars and arrays, and tuples, into what JSON can say."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return value


def _option(key: re.Match[str]) -> str:
    name = key[0]
    if name in _OPTIONS:
        return _OPTIONS[name]
    group, _, rest = name.partition(".")
    if rest.startswith("hidden_layer_sizes"):
        return rest
    return f"{_DICTS[group]}.{rest}" if group in _DICTS else rest
