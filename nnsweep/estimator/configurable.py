"""The options of an estimator: how a constructor keeps them, what documents them, and the recipe that they stand for.

scikit-learn wants a constructor that keeps its arguments as they are; they are checked when there is something to fit.
"""

import functools
import inspect
import re
import textwrap
from collections.abc import Callable
from numbers import Integral
from string import Template
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from nnsweep.estimator.options import (
    ELSEWHERE,
    Options,
    check_options,
    move_constants,
    order_class_weights,
    suggest_option,
)
from nnsweep.jobs.groups import list_names
from nnsweep.jobs.job import Recipe
from nnsweep.mlp.losses import LOSSES
from nnsweep.mlp.measures import DEFAULT_MEASURES, list_measures

P = ParamSpec("P")
Constructed = TypeVar("Constructed")
Documented = TypeVar("Documented", bound=type)


def keep_options(init: Callable[Concatenate[Constructed, P], None]) -> Callable[Concatenate[Constructed, P], None]:
    """Let a constructor that is only a signature keep its arguments as attributes, as scikit-learn wants it.

    A name that it does not know is refused with the option that may be meant.
    """
    signature = inspect.signature(init)
    known = [*signature.parameters][1:]

    @functools.wraps(init)
    def construct(self: Constructed, /, *args: P.args, **kwargs: P.kwargs) -> None:
        options: Any = move_constants(kwargs, signature.parameters["solver"].default)
        for name in options:
            if name not in known:
                message = f"{type(self).__name__}() got an unexpected keyword argument {name!r}"
                raise TypeError(f"{message}; {suggest_option(name, known)}")
        given = signature.bind(self, *args, **options)
        given.apply_defaults()
        for name in known:
            setattr(self, name, given.arguments[name])

    return construct


def list_choices(documented: Documented) -> Documented:
    """Complete a class's documentation: names of choices, and the parent's ``$parameters`` and ``$attributes``."""
    texts = {}
    groups = {group: list_names(group) for group in ("activation", "schedule", "optimizer", "init")}
    groups["regression_losses"] = [
        name for name, maker in LOSSES.items() if (loss := maker()) and loss.task == "regression"
    ]
    for task in DEFAULT_MEASURES:
        groups[f"{task}_measures"] = list_measures(task)
    for group, names in groups.items():
        *others, last = names
        texts[group] = textwrap.fill(f"{', '.join(others)} or {last}", 112, subsequent_indent=4 * " ")
    inherited = inspect.cleandoc(documented.__bases__[-1].__doc__ or "")  # Python 3.13 dedents by itself
    _, *sections = re.split(r"^(Parameters|Attributes)\n-+\n", inherited, flags=re.MULTILINE)
    for name, text in zip(sections[::2], sections[1::2], strict=True):
        texts[name.lower()] = text.strip()
    documented.__doc__ = Template(inspect.cleandoc(documented.__doc__ or "")).substitute(texts)
    return documented


@list_choices
class Configurable(BaseEstimator):  # type: ignore[misc]
    """An estimator with the options of a recipe.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each hidden layer; ``()`` for none, which is a linear model.
    activation : str or dict
        Activation of the hidden layers:
        $activation.
        A dict gives its settings, too: ``{"name": "leaky_relu", "negative_slope": 0.1}``.
        Its ``layers`` may name an activation for each hidden layer: ``{"name": "relu", "layers": ["relu", "tanh"]}``.
    normalization : {"layer", "batch"} or None
        How the hidden layers' values are normalized before their activation.
    residual : bool
        Let a hidden layer that is as wide as the one before add what comes from there.
    scaling_layer : bool
        Multiply each feature by a scale that is trained.
    parametrization : {"ntk"} or None
        ``ntk``: weights are parameters divided by the root of the fan-in; None: weights are parameters.
    dropout : float
        Share of hidden units left out of each step.
    init : str or dict
        Rule that draws the first weights:
        $init.
        A dict gives its settings, too, without which biases start at 0:
        ``{"name": "lecun_normal", "bias_std": 1.0, "zero_output": True}``.
    solver : str or dict
        Update rule:
        $optimizer.
        A dict gives some of its settings, too: ``{"name": "adam", "beta_2": 0.98}``; the others are the command line's.
    learning_rate_init : float or None
        The schedule's base rate; None for the command line's of this `solver` (0.1 for momentum, 0.003 for adam).
    learning_rate : str or dict
        Schedule, by its name on the command line:
        $schedule.
        A dict gives some of its settings, too: ``{"name": "step", "gamma": 0.1, "stepsize": 5}``, or joins others:
        ``{"name": "join", "pieces": [...], "boundaries": [...]}``.
    weight_decay : float or None
        L2: half of it times the sum of the squared weights is added to the mean cost (adamw shrinks the weights
        instead); None for the command line's of a table of one's own. scikit-learn's `alpha` is another number: it
        divides the penalty by the number of samples in the batch.
    clip_norm : float or None
        The longest gradient that a step may follow.
    batch_size : int or None
        Samples a step; None for all of them.
    max_iter : int
        Epochs.
    dtype : {"float32", "float64"}
        Precision of the training.
    ema : float or None
        Measure and keep a running average of the weights, of which each step leaves this share; None for the weights
        themselves.
    bias_rate_factor, scale_rate_factor : float or None
        What the learning rate is multiplied by for biases, and for the scales of features; None for 1.
    early_stopping : bool
        Set a validation part aside, unless `fit` is given one, and end when its value of the measure in `select` has
        not become better by more than `tol` for `n_iter_no_change` epochs. A lower cost at an equal value counts.
    validation_fraction : float
        Of the samples, for that part. Where each has one class, it has every class in proportion; where a class has too
        few samples for that, they are drawn whatever their class is, and each class keeps one in the training part.
    split_seed : int
        Which of the possible parts that is, whatever `random_state` is.
    n_iter_no_change : int or None
        See `early_stopping`; None for never, so that the part only decides which epoch is best.
    tol : float
        By how much the measure must become better to count.
    evaluate_every : int
        Epochs between two measurements of the validation part; the first and the last are always measured.
    select : str or None
        The measure of the validation part that chooses the best epoch, as in ``val_log_loss`` or ``val_cost``; None for
        val_accuracy, or val_rmse of a regressor. `reduce_on_plateau` follows any other.
    random_state : int, RandomState or None
        Decides first weights, order of samples and dropout: an int is the command line's ``seed``, anything else is
        asked for one at every fit.
    warm_start : bool
        Begin with the weights of the fit before; schedule, update rule and random streams begin anew.
    verbose : bool
        Print a line an epoch.
    """

    hidden_layer_sizes: Any
    activation: Any
    loss: Any
    normalization: str | None
    residual: bool
    scaling_layer: bool
    parametrization: str | None
    dropout: float
    init: Any
    solver: Any
    learning_rate_init: float | None
    learning_rate: Any
    weight_decay: float | None
    clip_norm: float | None
    ema: float | None
    bias_rate_factor: float | None
    scale_rate_factor: float | None
    batch_size: int | None
    max_iter: int
    dtype: str
    early_stopping: bool
    validation_fraction: float
    split_seed: int
    n_iter_no_change: int | None
    tol: float
    evaluate_every: int
    measures: Any
    select: str | None
    random_state: Any
    warm_start: bool
    verbose: bool

    def set_params(self, **params: Any) -> Self:
        """Set options, as scikit-learn's estimators do; a name that is not known is told with what may be meant.

        Parameters
        ----------
        **params : dict
            Options by name.

        Returns
        -------
        object
            Itself.

        Raises
        ------
        ValueError
            If there is no such option.
        """
        try:
            super().set_params(**move_constants(params, self.solver))
        except ValueError as error:
            known = self._get_param_names()
            hints = [suggest_option(name, known) for name in params if name not in known and name in ELSEWHERE]
            raise ValueError(" ".join([str(error), *hints])) from None
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what was pickled, by a version with other options, too."""
        super().__setstate__(type(self)().get_params(deep=False) | move_constants(state, state.get("solver")))

    def recipe(self, classes: NDArray[Any]) -> Recipe:
        """Check the options and return how a network of theirs is made and trained; its seed may be drawn for that."""
        return self._options(classes).recipe

    def _options(self, classes: NDArray[Any]) -> Options:
        state = self.random_state
        seed = int(state) if isinstance(state, Integral) else int(check_random_state(state).randint(2**31 - 1))
        options = self.get_params(deep=False)
        if "class_weight" in options:
            options["class_weight"] = order_class_weights(options["class_weight"], classes)
        return check_options(options, seed=seed)
