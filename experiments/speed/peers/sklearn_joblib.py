"""Work (b) by scikit-learn: one `MLPClassifier` a job, joblib over processes, one BLAS thread in each.

By default each epoch is one `partial_fit`, which is one pass over shuffled minibatches with the velocity kept, so
that both accuracies can be taken after it. With ``--fit`` it is one `fit` of all epochs with one accuracy at the end:
less than the others do, and the fastest that scikit-learn has.
"""

import argparse
import time
import warnings

import digits
import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier


def classifier(hidden_layer_sizes: tuple[int, ...], seed: int) -> MLPClassifier:
    """Make the classifier: plain momentum, a constant rate, no penalty, no early end."""
    return MLPClassifier(
        hidden_layer_sizes,
        activation="relu",
        solver="sgd",
        alpha=0.0,
        batch_size=digits.BATCH_SIZE,
        learning_rate="constant",
        learning_rate_init=digits.LEARNING_RATE,
        momentum=digits.MOMENTUM,
        nesterovs_momentum=False,
        max_iter=digits.EPOCHS,
        n_iter_no_change=digits.EPOCHS,
        random_state=seed,
    )


def curves(hidden_layer_sizes: tuple[int, ...], seed: int, parts: digits.Parts) -> np.ndarray:
    """Train by epochs; return validation and test accuracy after each, in shape (epochs, 2)."""
    network, classes = classifier(hidden_layer_sizes, seed), np.arange(digits.N_CLASSES)
    history = np.empty((digits.EPOCHS, 2))
    for epoch in range(digits.EPOCHS):
        network.partial_fit(*parts.train, classes=classes)
        history[epoch] = [np.mean(network.predict(part.X) == part.y) for part in (parts.val, parts.test)]
    return history


def end(hidden_layer_sizes: tuple[int, ...], seed: int, parts: digits.Parts) -> np.ndarray:
    """Train by one `fit`; return the last validation and test accuracy, in shape (1, 2)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network = classifier(hidden_layer_sizes, seed).fit(*parts.train)
    return np.array([[np.mean(network.predict(part.X) == part.y) for part in (parts.val, parts.test)]])


def main(*, seeds: int, processes: int, one_fit: bool) -> None:
    """Train the grid and report."""
    parts = digits.load()
    jobs = [(sizes, seed) for sizes in reversed(digits.ARCHITECTURES) for seed in range(seeds)]
    started = time.perf_counter()
    with parallel_config("loky", inner_max_num_threads=1):
        train = delayed(end if one_fit else curves)
        histories = Parallel(n_jobs=processes)(train(sizes, seed, parts) for sizes, seed in jobs)
    seconds = time.perf_counter() - started
    digits.report(
        ((sizes, history[-1, 1]) for (sizes, _), history in zip(jobs, histories, strict=True)), training_seconds=seconds
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--fit", action="store_true", help="one fit of all epochs, one accuracy at the end")
    arguments = parser.parse_args()
    main(seeds=arguments.seeds, processes=arguments.processes, one_fit=arguments.fit)
