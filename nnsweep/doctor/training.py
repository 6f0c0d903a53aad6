"""A training whose numbers are known: whether this machine computes what others do, and the same each time."""

import time
from collections.abc import Iterator

from nnsweep.doctor.finding import Finding

GOLDEN = "0x1.8e97e7b68c569p-4"
"""The training cost after the last epoch, to the last bit, as OpenBLAS computes it with AVX2 or AVX-512."""
TOLERANCE = 1e-9
"""Other processors and libraries add in other orders; that changes the last digits, and no more."""


def training() -> Iterator[Finding]:
    """Train a small network twice, and compare it with itself and with the known number."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        began = time.perf_counter()
        cost, again = final_cost(), final_cost()
        seconds = (time.perf_counter() - began) / 2
    golden = float.fromhex(GOLDEN)
    if cost != again:
        yield Finding(
            "training", "problem", f"the same training came to {cost!r} and then to {again!r}",
            "look for a faulty BLAS library, or faulty memory",
        )  # fmt: skip
    elif abs(cost - golden) > TOLERANCE * golden:
        yield Finding(
            "training", "problem", f"a known training came to {cost!r} and not to {golden!r}",
            "install NumPy and SciPy again, from PyPI",
        )  # fmt: skip
    else:
        bits = "every bit of it" if cost == golden else "all but the last digits, which differ between processors"
        yield Finding(
            "training", "ok", f"a known training came to the known number, {bits}, in {1000 * seconds:.0f} ms"
        )


def final_cost() -> float:
    """Train a network of 4, 8 and 3 units for 20 epochs in float64, on numbers that every machine writes alike.

    Returns
    -------
    float
        The mean cost of the training part, in nats, after the last epoch.
    """
    import numpy as np

    from nnsweep.data.dataset import Dataset
    from nnsweep.mlp.activations import identity, relu
    from nnsweep.mlp.arrays import Examples
    from nnsweep.mlp.history import collect
    from nnsweep.mlp.initializers import glorot_uniform
    from nnsweep.mlp.learner import Member
    from nnsweep.mlp.network import Network
    from nnsweep.mlp.optimizers import OPTIMIZERS
    from nnsweep.mlp.schedules import constant
    from nnsweep.mlp.train import Training, train

    rows, columns = np.indices((96, 4))
    part = Examples((rows * (3 * columns + 5) % 17) / 16 - 0.5, np.arange(96) * 7 % 17 % 3)
    data = Dataset(
        name="known", train=part, val=None, test=part, class_names=("a", "b", "c"), source="nnsweep.doctor.training"
    )
    network = Network(hidden_layer_sizes=(8,), activation=relu(), output_activation=identity())
    schedule = constant(learning_rate=0.1)
    member = Member(
        seed=0,
        initializer=glorot_uniform,
        schedule=schedule,
        learning_rate=0.1,
        hyperparameters={"momentum": 0.9},
    )
    how = Training(optimizer=OPTIMIZERS["momentum"], epochs=20, batch_size=32, dtype="float64")
    (trained,) = collect(train(data, network, [member], how)).values()
    return float(trained.history()["train_cost"][-1])
