"""Work (b) by PyTorch: one eager model a job, two spawned processes, one thread in each.

No DataLoader: the samples are shuffled by one permutation an epoch and cut into views. SGD is the fused kernel, and
accuracies are taken under ``inference_mode``.
"""

import argparse
import itertools
import multiprocessing
import time
from typing import NamedTuple

import digits
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


class Part(NamedTuple):
    """Features (n_samples, n_features) and class numbers (n_samples,)."""

    X: Tensor
    y: Tensor


_parts: list[Part] = []  # of this process


def prepare() -> None:
    """Set this process up: one thread, and the three parts as tensors."""
    torch.set_num_threads(1)
    _parts[:] = [Part(torch.from_numpy(X), torch.from_numpy(y)) for X, y in digits.load()]


def model(hidden_layer_sizes: tuple[int, ...], n_features: int) -> nn.Sequential:
    """Make the network with He's uniform weights and zero biases."""
    modules: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise((n_features, *hidden_layer_sizes, digits.N_CLASSES)):
        linear = nn.Linear(fan_in, fan_out)
        nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def train(job: tuple[tuple[int, ...], int]) -> list[tuple[float, float, float]]:
    """Train one network; return mean cost, validation and test accuracy after each epoch."""
    hidden_layer_sizes, seed = job
    torch.manual_seed(seed)
    (X, y), val, test = _parts
    network = model(hidden_layer_sizes, X.shape[1])
    optimizer = torch.optim.SGD(network.parameters(), lr=digits.LEARNING_RATE, momentum=digits.MOMENTUM, fused=True)
    history = []
    for _ in range(digits.EPOCHS):
        order = torch.randperm(len(y))
        total = torch.zeros(())
        for X_batch, y_batch in zip(X[order].split(digits.BATCH_SIZE), y[order].split(digits.BATCH_SIZE), strict=True):
            optimizer.zero_grad(set_to_none=True)
            cost = cross_entropy(network(X_batch), y_batch)
            cost.backward()
            optimizer.step()
            total += cost.detach() * len(y_batch)
        history.append((float(total) / len(y), accuracy(network, val), accuracy(network, test)))
    return history


@torch.inference_mode()
def accuracy(network: nn.Module, part: Part) -> float:
    """Share of samples whose class has the largest logit."""
    return float((network(part.X).argmax(dim=1) == part.y).float().mean())


def main(*, seeds: int, processes: int) -> None:
    """Train the grid and report; the seconds contain the processes' start."""
    jobs = [(sizes, seed) for sizes in reversed(digits.ARCHITECTURES) for seed in range(seeds)]
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(processes, prepare) as pool:
        histories = pool.map(train, jobs, chunksize=1)
    seconds = time.perf_counter() - started
    digits.report(
        ((sizes, history[-1][2]) for (sizes, _), history in zip(jobs, histories, strict=True)), training_seconds=seconds
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    main(seeds=arguments.seeds, processes=arguments.processes)
