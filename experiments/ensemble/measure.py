"""What an ensemble is worth, and by which measure its members should be chosen.

    OMP_NUM_THREADS=1 python experiments/ensemble/measure.py 10

For each split of each data set 24 networks are trained (three architectures, two activations, four seeds). Ensembles of
them are chosen on the validation part by several measures and compared, on the test part, with the network that would
have been used alone: the one with the best validation accuracy, the lower cost deciding between equals.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from nnsweep.data.load import load
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.arrays import Examples, FloatArray
from nnsweep.mlp.evaluation import compute_outputs
from nnsweep.mlp.history import collect
from nnsweep.mlp.initializers import he_uniform
from nnsweep.mlp.losses import softmax
from nnsweep.mlp.measures import MEASURES
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import cosine
from nnsweep.mlp.train import Training, train
from nnsweep.model.ensemble import measure_values, select_members
from nnsweep.model.predictor import Model

DATA = {
    "digits": {},
    "wine": {},
    "breast_cancer": {},
    "moons": {"noise": 0.3},
    "spirals": {"noise": 0.3},
    "blobs": {"cluster_std": 4.0},
}
SIZES = ((16,), (64,), (32, 32))
EPOCHS = 30
BY = ("accuracy", "f1_macro", "brier", "log_loss")
PICKS = (1, 5, 20)
CLASSES = Model({}, [], {})


def train_candidates(name: str, split_seed: int) -> tuple[list[FloatArray], list[FloatArray], Examples, Examples]:
    """Train the networks; give their probabilities on both parts, and the parts."""
    data = load(name, val_fraction=0.2, split_seed=split_seed, **DATA[name])
    assert data.val is not None
    own = {"initializer": he_uniform, "learning_rate": 0.003, "hyperparameters": {"beta_1": 0.9, "beta_2": 0.999}}
    own |= {"schedule": cosine(learning_rate=0.003, decay_epochs=EPOCHS)}
    training = Training(optimizer=OPTIMIZERS["adam"], epochs=EPOCHS, batch_size=32, dtype="float32")
    on_val, on_test = [], []
    for sizes in SIZES:
        for activation in ("relu", "tanh"):
            network = Network(
                hidden_layer_sizes=sizes,
                activation=ACTIVATIONS[activation](),
                output_activation=ACTIVATIONS["identity"](),
            )
            members = [Member(seed=seed, **own) for seed in range(4)]
            for trained in collect(train(data, network, members, training)).values():
                layers = trained.best_layers
                on_val.append(softmax(compute_outputs(network, layers, data.val.X)))
                on_test.append(softmax(compute_outputs(network, layers, data.test.X)))
    return on_val, on_test, data.val, data.test


def compare(name: str, split_seed: int) -> Iterator[tuple[str, int, float, float]]:
    """Give what each way to choose gains in accuracy and loses in log loss, over the network alone."""
    on_val, on_test, val, test = train_candidates(name, split_seed)

    def measure(measure: str, values: list[FloatArray], part: Examples) -> FloatArray:
        return measure_values(MEASURES[measure], CLASSES, np.stack(values), part)

    ranks = np.lexsort((measure("log_loss", on_val, val), -measure("accuracy", on_val, val)))
    alone = [on_test[int(ranks[0])]]
    ways = {(by, n): select_members(on_val, MEASURES[by], CLASSES, val, n_picks=n).weights for by in BY for n in PICKS}
    ways |= {("all", len(on_val)): dict.fromkeys(range(len(on_val)), 1)}
    for (by, n_picks), weights in ways.items():
        mean = np.average([on_test[one] for one in weights], axis=0, weights=[*weights.values()])
        gains = [float((measure(one, [mean], test) - measure(one, alone, test))[0]) for one in ("accuracy", "log_loss")]
        yield by, n_picks, *gains


def main(n_splits: int) -> None:
    """Compare on all data sets, and print a table."""
    gains = defaultdict(list)
    for name in DATA:
        for split_seed in range(n_splits):
            for by, n_picks, accuracy, log_loss in compare(name, split_seed):
                gains[by, n_picks, name].append((accuracy, log_loss))
    print("| by | picks | accuracy (points) | log loss | " + " | ".join(DATA) + " |")
    print("| --- | ---: | ---: | ---: |" + " ---: |" * len(DATA))
    for by, n_picks in dict.fromkeys((by, n_picks) for by, n_picks, _ in gains):
        every = np.array([gains[by, n_picks, name] for name in DATA])  # (data set, split, measure)
        means = every.mean(axis=1)
        error = np.sqrt((every.var(axis=1, ddof=1) / n_splits).sum(axis=0)) / len(DATA)
        mean, width = means.mean(axis=0), 2 * error
        overall = [f"{100 * mean[0]:+.2f} ± {100 * width[0]:.2f}", f"{mean[1]:+.4f} ± {width[1]:.4f}"]
        print(f"| {by} | {n_picks} | " + " | ".join([*overall, *(f"{100 * one:+.2f}" for one in means[:, 0])]) + " |")


main(int(sys.argv[1]))
