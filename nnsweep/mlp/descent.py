"""A descent: the parameters of a stack, what is kept beside them from step to step, and the step that moves them.

A step carries the gradient from the weights to the parameters, adds weight decay, clips it, and hands it to the update
rule; running statistics and averages follow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nnsweep.mlp.arrays import BoolArray, FloatArray
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Layers, Network
from nnsweep.mlp.normalization import MOMENTUM
from nnsweep.mlp.optimizers import Optimizer
from nnsweep.mlp.parameters import BY_NETWORK, Order, Parameters, sums_of_squares
from nnsweep.mlp.parametrization import carry_to_parameters, compute_weights, fold, is_reparametrized

_quietly = np.errstate(over="ignore", invalid="ignore")  # what is not finite ends its network, by name


@dataclass(frozen=True, kw_only=True)
class StepRule:
    """How steps are made, by all networks of a stack.

    Attributes
    ----------
    optimizer : Optimizer
        The update rule.
    clip_norm : float or None
        The longest gradient, over all parameters of a network, that a step may follow; longer ones are
        shortened to it.
    ema : float or None
        How much of the parameters' running average a step keeps; None if the parameters themselves are measured.
    rate_factors : mapping of str to float
        What the learning rate of some arrays of a layer is multiplied by, by their name.
    """

    optimizer: Optimizer
    clip_norm: float | None = None
    ema: float | None = None
    rate_factors: Mapping[str, float] = field(default_factory=dict)


class Descent:
    """Parameters on their way down.

    Parameters
    ----------
    network : Network
        What the parameters are of.
    rule : StepRule
        How steps are made.
    members : sequence of K members
        Whose constants the steps have.
    parameters : Parameters
        Where they begin.
    order : tuple of int
        How the first layer's weights are to lie in memory.

    Attributes
    ----------
    parameters, gradient : Parameters
        What is trained, and where the derivatives by the weights are left before a step.
    steps : int
        How many have been made.
    """

    def __init__(
        self,
        network: Network,
        rule: StepRule,
        members: Sequence[Member],
        parameters: Parameters,
        order: Order = BY_NETWORK,
    ) -> None:
        self.network, self.rule, self.optimizer, self.steps = network, rule, rule.optimizer, 0
        self.parameters = parameters.arrange(order)
        self.gradient = self.parameters.zeros_like()
        self.spares = {0: self.parameters.zeros_like()}  # by thread
        self.slots = [self.parameters.zeros_like() for _ in range(self.optimizer.n_slots)]
        self.averages = [] if rule.ema is None else [self.parameters.zeros_like()]
        self.weights = self.parameters.zeros_like() if is_reparametrized(network) else None
        self._rate_factors = self._lay_rate_factors()
        self._measured: Layers | None = None
        self._set_constants(members)
        self.refresh()

    @property
    def layers(self) -> Layers:
        """The weights of training, and all else that samples pass; they go on changing."""
        return (self.weights or self.parameters).layers

    @property
    def measured_layers(self) -> Layers:
        """What is measured and kept: the parameters, or their running average, folded into weights and biases.

        After t steps the average is ``m / (1 - ema**t)``, where each step made m ``ema * m + (1 - ema) * w``: the zeros
        that m starts from do not count.

        Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015, section 7.2.
        """
        if self._measured is None:
            layers = self.parameters.layers
            if self.rule.ema is not None and self.steps:
                share = 1 - self.rule.ema**self.steps
                layers = [layer.map(lambda sums: sums / share) for layer in self.averages[0].layers]
            self._measured = fold(self.network, layers)
        return self._measured

    @property
    def remembered(self) -> list[Parameters]:
        """What is remembered between steps besides the parameters: the update rule's slots, and the running average."""
        return [*self.slots, *self.averages]

    def refresh(self) -> None:
        """Make the weights anew that come of the parameters."""
        self._measured = None
        if self.weights is not None:
            compute_weights(self.network, self.parameters.layers, self.weights.layers)

    def keep(self, keep: BoolArray, members: Sequence[Member]) -> None:
        """Let the networks go for which `keep`, of shape (K,), is false; the members are those that stay."""
        for parameters in (self.parameters, self.gradient, *self.spares.values(), *self.remembered):
            parameters.keep(keep)
        if self.weights is not None:
            self.weights.keep(keep)
        self._set_constants(members)
        self.refresh()

    @_quietly
    def finite(self) -> BoolArray:
        """Tell for each network, in shape (K,), whether all its parameters are finite."""
        return self.parameters.finite()

    def spare(self, thread: int = 0) -> Parameters:
        """Return a thread's own parameters to compute in, laid out as the gradient is; they are made once."""
        if thread not in self.spares:
            self.spares[thread] = self.gradient.zeros_like()
        return self.spares[thread]

    def penalty(self) -> FloatArray | float:
        """Return what weight decay adds to the cost of each network: (K,), or 0 for all."""
        if self.optimizer.decoupled or not self.decays:
            return 0.0
        squares = np.sum([sums_of_squares(layer.W, self.parameters.dtype) for layer in self.parameters.layers], axis=0)
        return np.asarray(0.5 * self.weight_decay[:, 0, 0] * squares)

    def step(self, rates: FloatArray) -> None:
        """Follow the gradient, which is not kept, at a rate for each network, (K, 1, 1), or one for all."""
        if self.weights is not None:
            carry_to_parameters(self.network, self.parameters.layers, self.gradient.layers)
        if self.network.normalization == "batch":
            self._keep_statistics()
        if self.decays:
            self._decay(rates)
        if self.rule.clip_norm is not None:
            self._clip(self.rule.clip_norm)
        self.steps += 1
        own_rates: list[FloatArray] = [rates * factors for factors in self._rate_factors]
        own_rates = own_rates or [rates, rates]
        for number, (block, gradient) in enumerate(zip(self.parameters.blocks, self.gradient.blocks, strict=True)):
            slots = [slot.blocks[number] for slot in self.slots]
            self.optimizer.update(
                block, gradient, slots, self.steps, learning_rate=own_rates[number], **self.hyperparameters
            )
        if self.rule.ema is not None:
            self._average(self.rule.ema)
        self.refresh()

    def _keep_statistics(self) -> None:
        """Let the running statistics follow those of the batch, which stand in their place in the gradient."""
        for layer, batch in zip(self.parameters.layers, self.gradient.layers, strict=True):
            for name in ("mean", "variance"):
                if name in layer.names:
                    running, seen = layer.array(name), batch.array(name)
                    running += MOMENTUM * (seen - running)
                    seen[...] = 0

    def _average(self, ema: float) -> None:
        for sums, block, spare in zip(
            self.averages[0].blocks, self.parameters.blocks, self.spare().blocks, strict=True
        ):
            sums *= ema
            sums += np.multiply(block, 1 - ema, out=spare)

    def _decay(self, rates: FloatArray) -> None:
        for layer, slopes, spare in zip(self.parameters.layers, self.gradient.layers, self.spare().layers, strict=True):
            W, gradient = layer.W, slopes.W
            if self.optimizer.decoupled:
                W *= 1 - rates * self.weight_decay
            else:
                gradient += np.multiply(W, self.weight_decay, out=spare.W)

    def _clip(self, clip_norm: float) -> None:
        blocks = self.gradient.blocks
        squares = np.sum([sums_of_squares(block, np.dtype(np.float64)) for block in blocks], axis=0)
        norms = np.sqrt(squares)[:, np.newaxis, np.newaxis]
        # a gradient that is too long to be measured must not become one of length 0: its network diverges
        shrink = np.where(np.isfinite(norms), clip_norm / np.maximum(norms, clip_norm), np.nan)
        for block in blocks:
            block *= shrink.astype(self.parameters.dtype)

    def _lay_rate_factors(self) -> Sequence[FloatArray]:
        """Lay what learning rates are multiplied by as the parameters lie: (1, m, n) for each block, if they differ."""
        if not self.rule.rate_factors:
            return ()
        factors = Parameters(self.parameters.shapes, 1, self.parameters.dtype, self.parameters.order)
        for layer in factors.layers:
            for name, array in zip(layer.names, layer, strict=True):
                array[...] = self.rule.rate_factors.get(name, 1.0)
        return factors.blocks

    def _set_constants(self, members: Sequence[Member]) -> None:
        dtype = self.parameters.dtype
        self.hyperparameters = {
            name: shape_column([member.hyperparameters[name] for member in members], dtype)
            for name in members[0].hyperparameters
        }
        self.weight_decay = shape_column([member.weight_decay for member in members], dtype)
        self.decays = bool(self.weight_decay.any())


@_quietly
def shape_column(values: Sequence[float], dtype: np.dtype) -> FloatArray:
    """Shape one value a network (K, 1, 1); one for all where they are equal, which is quicker to multiply by."""
    column = np.array(values, dtype).reshape(-1, 1, 1)
    return column[:1] if (column == column[0]).all() else column
