"""Studies with a known answer."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from nnsweep.results.frame import frame
from nnsweep.results.report.study import Study
from nnsweep.tracking.record import RunRecord

CORRECT = {
    "20-20/0.1/0": np.arange(100) < 95,
    "20/0.1/0": np.arange(100) < 94,
    "8/0.1/0": np.arange(100) < 50,
}
"""Which of 100 test examples three networks got right: the first two cannot be told apart."""
SIZES = {"8": 730, "20": 1510, "20-20": 1930, "64-64": 9000}


def runs_of(
    accuracies: dict[str, Sequence[float | None]],
    *,
    validation: float | None = 0.0,
    rate: float = 0.1,
    settings: dict[str, object] | None = None,
) -> list[RunRecord]:
    """Give a run for each architecture and seed; None is a run that diverged, `validation` is added for validation."""
    records = []
    for layers, values in accuracies.items():
        for seed, value in enumerate(values):
            metrics = {"n_parameters": float(SIZES.get(layers, 100)), "duration_seconds": 1.0}
            if value is not None:
                metrics |= {"test_accuracy": value, "final_test_accuracy": value, "max_test_accuracy": value + 0.01}
                metrics |= {} if validation is None else {"best_val_accuracy": value + validation}
            records.append(
                RunRecord(
                    run_id=f"{layers}/{rate}/{seed}",
                    name=f"{layers}-relu-s{seed}",
                    state="finished" if value is not None else "diverged",
                    reason="" if value is not None else "the cost is not finite at epoch 3",
                    settings={"hidden_layer_sizes": layers, "optimizer.learning_rate": rate, "data": "digits"}
                    | {"seed": seed, **(settings or {})},
                    metrics=metrics,
                    sweep="20260101-120000-abcd",
                    job=len(records),
                )
            )
    return records


def spread(mean: float, n: int = 10, size: float = 0.004, turn: int = 0) -> list[float]:
    """Give accuracies around a mean, which is theirs exactly."""
    noise = np.random.default_rng(turn).normal(size=n)
    noise -= noise.mean()
    return (mean + size * noise / noise.std(ddof=1)).tolist()


@pytest.fixture
def study_of() -> Callable[..., Study]:
    def make(accuracies: dict[str, Sequence[float | None]], **options: object) -> Study:
        kept = {name: options.pop(name) for name in ("validation", "rate", "settings") if name in options}
        return Study(runs=frame(runs_of(accuracies, **kept)), **options)  # type: ignore[arg-type]

    return make


def history(n: int = 61) -> pd.DataFrame:
    """Give curves that rise and stay."""
    epochs = np.arange(n)
    accuracy = 0.95 - 0.85 * np.exp(-epochs / 4)
    return pd.DataFrame(
        {"epoch": epochs, "learning_rate": 0.1, "train_cost": np.exp(-epochs / 8), "val_accuracy": accuracy}
        | {"test_accuracy": accuracy}
    )
