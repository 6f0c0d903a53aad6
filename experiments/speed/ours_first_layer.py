"""Our trainer alone on work (c): one stack whose first layer sees 20,000 words as CSR, or the same as a dense array.

SCIKIT_LEARN_DATA=FOLDER_WITH_20NEWSGROUPS python ours_first_layer.py csr --core 0
"""

import argparse
import json
import os
import time
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from nnsweep.data.load import load
from nnsweep.mlp.activations import identity, relu
from nnsweep.mlp.arrays import Examples, Task
from nnsweep.mlp.history import collect
from nnsweep.mlp.initializers import he_uniform
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import cosine
from nnsweep.mlp.train import Training, train

EPOCHS, LEARNING_RATE = 30, 0.1


@dataclass(frozen=True)
class Parts:
    """The posts in the form that the first layer is to see."""

    train: Examples
    val: Examples
    test: Examples
    n_outputs: int
    task: Task = "classification"


def posts(first_layer: str, max_features: int) -> Parts:
    """Load the posts as float32, CSR or dense."""
    data = load("newsgroups", val_fraction=0.1, max_features=max_features)
    parts = [(part.X.astype(np.float32), part.y) for part in (data.train, data.val, data.test)]
    if first_layer == "dense":
        parts = [(X.toarray(), y) for X, y in parts]
    return Parts(*(Examples(X, y) for X, y in parts), n_outputs=data.n_outputs)


def main(*, first_layer: str, max_features: int) -> None:
    """Train eight seeds and print seconds and accuracy as one line of JSON."""
    data = posts(first_layer, max_features)
    network = Network(hidden_layer_sizes=(32,), activation=relu(), output_activation=identity())
    schedule = cosine(learning_rate=LEARNING_RATE, decay_epochs=EPOCHS)
    members = [
        Member(
            seed=seed,
            initializer=he_uniform,
            schedule=schedule,
            learning_rate=LEARNING_RATE,
            hyperparameters={"momentum": 0.9},
        )
        for seed in range(8)
    ]
    training = Training(optimizer=OPTIMIZERS["momentum"], epochs=EPOCHS, dtype="float32")
    with threadpool_limits(1):
        started = time.perf_counter()
        trained = collect(train(data, network, members, training))
        seconds = time.perf_counter() - started
    accuracy = float(np.mean([one.history()["test_accuracy"][-1] for one in trained.values()]))
    print(json.dumps({"training_seconds": seconds, "accuracies": {"32": accuracy}}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first_layer", choices=("csr", "dense"))
    parser.add_argument("--max-features", type=int, default=20000)
    parser.add_argument("--core", type=int, required=True, help="stay on this processor core")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    main(first_layer=arguments.first_layer, max_features=arguments.max_features)
