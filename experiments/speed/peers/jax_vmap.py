"""Work (b) by JAX: one compiled program an architecture, `vmap` over its seeds, `scan` over batches and epochs.

    python jax_vmap.py train --core 0         # on one core; training and compile seconds apart
    python jax_vmap.py mlflow --processes 2   # the whole script, recorded in ./mlflow.db as nnsweep records

Everything is float32, the programs are compiled ahead of time, the first parameters are donated, and each process has
one thread. First weights and the samples' orders are drawn by NumPy, and the short last batch of an epoch is filled up
with samples of weight 0: both make the program smaller, which takes seconds off each compilation and nothing off the
training.
"""

import argparse
import multiprocessing
import os
import time
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["NPROC"] = "1"  # how many threads XLA's own pools have

import digits
import jax
import jax.numpy as jnp
import numpy as np
import records
from jax import Array

Parameters = list[tuple[Array, Array]]
Sizes = tuple[int, ...]


class Batch(NamedTuple):
    """Features (batch_size, n_features), class numbers and weights (batch_size,): 1, or 0 where it is filled up."""

    X: Array
    y: Array
    weight: Array


class Trained(NamedTuple):
    """What one program returns: last parameters, and those of the best epoch, and each network's curves.

    Attributes
    ----------
    final, best : list of (W, b)
        With a leading axis of seeds.
    best_epoch : Array of shape (n_seeds,)
        The first epoch of highest validation accuracy.
    train_cost, val_accuracy, test_accuracy : Array of shape (n_seeds, epochs + 1)
        From the untrained network on.
    """

    final: Parameters
    best: Parameters
    best_epoch: Array
    train_cost: Array
    val_accuracy: Array
    test_accuracy: Array


def first_parameters(random: np.random.Generator, sizes: Sizes) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw He's uniform weights; the biases are zero."""

    def layer(fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
        limit = np.sqrt(6 / fan_in)
        W = random.uniform(-limit, limit, (fan_in, fan_out))
        return W.astype(np.float32), np.zeros(fan_out, np.float32)

    return [layer(*fans) for fans in pairwise(sizes)]


def epoch_orders(random: np.random.Generator, n_samples: int) -> np.ndarray:
    """Draw the samples' order in each epoch, in shape (epochs, n_samples)."""
    return np.stack([random.permutation(n_samples) for _ in range(digits.EPOCHS)]).astype(np.int32)


def logits(parameters: Parameters, X: Array) -> Array:
    """Pass features (n_samples, n_features) through all layers."""
    *hidden, (W, b) = parameters
    for W_hidden, b_hidden in hidden:
        X = jax.nn.relu(X @ W_hidden + b_hidden)
    return X @ W + b


def costs(parameters: Parameters, X: Array, y: Array) -> Array:
    """Softmax cross-entropy of each sample."""
    rows = jax.nn.log_softmax(logits(parameters, X))
    return -jnp.take_along_axis(rows, y[:, None], axis=1)[:, 0]


def mean_cost(parameters: Parameters, batch: Batch) -> Array:
    """Mean over the samples that count."""
    return costs(parameters, batch.X, batch.y) @ batch.weight / batch.weight.sum()


def accuracy(parameters: Parameters, part: digits.Examples) -> Array:
    """Share of samples whose class has the largest logit."""
    return (logits(parameters, part.X).argmax(axis=1) == part.y).mean()


def step(state: tuple[Parameters, Parameters], batch: Batch) -> tuple[tuple[Parameters, Parameters], Array]:
    """Take one step of momentum; return the new state and the summed cost before the step."""
    parameters, velocity = state
    cost, gradient = jax.value_and_grad(mean_cost)(parameters, batch)
    velocity = jax.tree.map(lambda v, g: digits.MOMENTUM * v - digits.LEARNING_RATE * g, velocity, gradient)
    return (jax.tree.map(jnp.add, parameters, velocity), velocity), cost * batch.weight.sum()


def epoch_of_steps(state: Any, order: Array, learned: digits.Examples) -> tuple[Any, Array]:
    """See every sample once, in batches; return the new state and the mean cost."""
    n_samples = len(learned.y)
    n_batches = -(-n_samples // digits.BATCH_SIZE)
    n_filled = n_batches * digits.BATCH_SIZE - n_samples
    rows = jnp.pad(order, (0, n_filled))
    weight = jnp.pad(jnp.ones(n_samples), (0, n_filled))
    flat = Batch(learned.X[rows], learned.y[rows], weight)
    batches = jax.tree.map(lambda a: a.reshape(n_batches, digits.BATCH_SIZE, *a.shape[1:]), flat)
    state, summed = jax.lax.scan(step, state, batches)
    return state, summed.sum() / n_samples


def train(parameters: Parameters, orders: Array, parts: digits.Parts) -> Trained:
    """Train one network, keeping the parameters of the best epoch beside the last ones."""

    def look(parameters: Parameters) -> tuple[Array, Array]:
        return accuracy(parameters, parts.val), accuracy(parameters, parts.test)

    def one_epoch(carried: Any, numbered: tuple[Array, Array]) -> tuple[Any, tuple[Array, Array, Array]]:
        state, best, best_epoch, best_accuracy = carried
        epoch, order = numbered
        state, cost = epoch_of_steps(state, order, parts.train)
        val, test = look(state[0])
        better = val > best_accuracy
        best = jax.tree.map(partial(jnp.where, better), state[0], best)
        carried = state, best, jnp.where(better, epoch, best_epoch), jnp.maximum(val, best_accuracy)
        return carried, (cost, val, test)

    first = costs(parameters, *parts.train).mean(), *look(parameters)
    state = parameters, jax.tree.map(jnp.zeros_like, parameters)
    epochs = jnp.arange(1, digits.EPOCHS + 1), orders
    (state, best, best_epoch, _), curves = jax.lax.scan(one_epoch, (state, parameters, 0, first[1]), epochs)
    curves = [jnp.concatenate([start[None], curve]) for start, curve in zip(first, curves, strict=True)]
    return Trained(state[0], best, best_epoch, *curves)


def of_architecture(hidden_layer_sizes: Sizes, seeds: int, parts: digits.Parts) -> tuple[Trained, float, float]:
    """Compile and run one architecture's program; return what it gives, compile seconds and training seconds."""
    sizes = (parts.train.X.shape[1], *hidden_layer_sizes, digits.N_CLASSES)
    randoms = [np.random.default_rng(seed) for seed in range(seeds)]
    started = time.perf_counter()
    first = jax.tree.map(lambda *each: np.stack(each), *(first_parameters(random, sizes) for random in randoms))
    orders = np.stack([epoch_orders(random, len(parts.train.y)) for random in randoms])
    first, orders = jax.block_until_ready(jax.device_put((first, orders)))
    drawn = time.perf_counter()
    program = jax.jit(jax.vmap(train, in_axes=(0, 0, None)), donate_argnums=0).lower(first, orders, parts).compile()
    compiled = time.perf_counter()
    trained = jax.block_until_ready(program(first, orders, parts))
    return trained, compiled - drawn, time.perf_counter() - compiled + drawn - started


def on_device() -> digits.Parts:
    """Load the three parts as JAX arrays."""
    return jax.tree.map(jnp.asarray, digits.load())


def work(hidden_layer_sizes: Sizes, seeds: int, experiment: str | None) -> tuple[Sizes, float, float, float]:
    """Train, and record where there is an experiment; return mean final test accuracy and the two times."""
    trained, compile_seconds, seconds = of_architecture(hidden_layer_sizes, seeds, on_device())
    trained = jax.tree.map(np.asarray, trained)
    if experiment is not None:
        for seed in range(seeds):
            records.record(experiment, hidden_layer_sizes, seed, jax.tree.map(lambda a, seed=seed: a[seed], trained))
    return hidden_layer_sizes, float(trained.test_accuracy[:, -1].mean()), compile_seconds, seconds


def report(done: list[tuple[Sizes, float, float, float]]) -> None:
    """Print the report of all architectures."""
    digits.report(
        ((sizes, accuracy) for sizes, accuracy, _, _ in done),
        compile_seconds=sum(one[2] for one in done),
        training_seconds=sum(one[3] for one in done),
    )


def main(mode: str, *, seeds: int, processes: int) -> None:
    """Do the grid in this process or in several, and report."""
    experiment = records.experiment("jax") if mode == "mlflow" else None
    tasks = [(sizes, seeds, experiment) for sizes in reversed(digits.ARCHITECTURES)]
    if processes == 1:
        report([work(*task) for task in tasks])
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        report(pool.starmap(work, tasks, chunksize=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=("train", "mlflow"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--core", type=int, help="stay on this processor core")
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    main(arguments.mode, seeds=arguments.seeds, processes=arguments.processes)
