"""Our trainer alone on the grid of work (b): nine stacks of as many networks as there are seeds, on one core.

Only training is timed, as it is for JAX: data, imports and records are not in the seconds.

    python ours_training.py --core 0
"""

import argparse
import json
import os
import time

import numpy as np
from threadpoolctl import threadpool_limits

from nnsweep.data.dataset import Dataset
from nnsweep.data.load import load
from nnsweep.mlp.activations import identity, relu
from nnsweep.mlp.history import collect
from nnsweep.mlp.initializers import he_uniform
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import constant
from nnsweep.mlp.train import Training, train

ARCHITECTURES = tuple((width,) * depth for depth in (1, 2, 3) for width in (32, 64, 128))
LEARNING_RATE = 0.1


def stack(data: Dataset, hidden_layer_sizes: tuple[int, ...], seeds: int, dtype: str) -> tuple[float, float]:
    """Train one architecture with all seeds; return the seconds and the mean final test accuracy."""
    network = Network(hidden_layer_sizes=hidden_layer_sizes, activation=relu(), output_activation=identity())
    members = [
        Member(
            seed=seed,
            initializer=he_uniform,
            schedule=constant(learning_rate=LEARNING_RATE),
            learning_rate=LEARNING_RATE,
            hyperparameters={"momentum": 0.9},
        )
        for seed in range(seeds)
    ]
    training = Training(optimizer=OPTIMIZERS["momentum"], epochs=40, batch_size=32, dtype=dtype)
    started = time.perf_counter()
    trained = collect(train(data, network, members, training))
    seconds = time.perf_counter() - started
    return seconds, float(np.mean([one.history()["test_accuracy"][-1] for one in trained.values()]))


def main(*, seeds: int, dtype: str) -> None:
    """Train the grid and print seconds and accuracies as one line of JSON."""
    data = load("digits", val_fraction=0.1)
    with threadpool_limits(1):
        done = {sizes: stack(data, sizes, seeds, dtype) for sizes in ARCHITECTURES}
    accuracies = {"-".join(map(str, sizes)): accuracy for sizes, (_, accuracy) in done.items()}
    print(json.dumps({"training_seconds": sum(seconds for seconds, _ in done.values()), "accuracies": accuracies}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--core", type=int, required=True, help="stay on this processor core")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    main(seeds=arguments.seeds, dtype=arguments.dtype)
