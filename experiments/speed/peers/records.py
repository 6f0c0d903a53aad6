"""How the JAX script records a run in MLflow: what nnsweep records, through `MlflowClient`, in as few calls.

The store is ``mlflow.db`` in the working folder, the artifacts are in ``mlartifacts`` beside it. mlflow and pandas are
imported where they are used, because the mode that only trains does not need them.
"""

import functools
import tempfile
import time
from pathlib import Path
from typing import Any

import digits
import numpy as np


@functools.cache
def client() -> Any:
    """Connect to the store, once in a process."""
    from mlflow import MlflowClient

    return MlflowClient("sqlite:///mlflow.db")


def experiment(name: str) -> str:
    """Make an experiment and return its id."""
    return str(client().create_experiment(name, artifact_location=str(Path("mlartifacts").absolute())))


def record(experiment_id: str, hidden_layer_sizes: tuple[int, ...], seed: int, trained: Any) -> None:
    """Record one network as a run.

    Parameters
    ----------
    experiment_id : str
        Where.
    hidden_layer_sizes : tuple of int
        Its architecture.
    seed : int
        Its seed.
    trained : jax_vmap.Trained
        Of that one network, as NumPy arrays.
    """
    from mlflow.entities import Param

    name = f"{digits.name(hidden_layer_sizes)}-s{seed}"
    run_id = client().create_run(experiment_id, run_name=name, tags={"kind": "job", "state": "running"}).info.run_id
    settings = _settings(hidden_layer_sizes, seed)
    client().log_batch(run_id, params=[Param(key, str(value)) for key, value in settings.items()])
    history = _history(trained)
    client().log_batch(run_id, metrics=_curves(history))
    client().log_batch(run_id, metrics=_finals(trained, hidden_layer_sizes))
    with tempfile.TemporaryDirectory() as folder:
        for file in _files(Path(folder), history, trained):
            client().log_artifact(run_id, str(file))
    client().set_terminated(run_id, "FINISHED")


def _settings(hidden_layer_sizes: tuple[int, ...], seed: int) -> dict[str, object]:
    return {
        "hidden_layer_sizes": list(hidden_layer_sizes),
        "depth": len(hidden_layer_sizes),
        "width": hidden_layer_sizes[0],
        "activation": "relu",
        "optimizer": "momentum",
        "learning_rate": digits.LEARNING_RATE,
        "momentum": digits.MOMENTUM,
        "schedule": "constant",
        "init": "he_uniform",
        "data": "digits",
        "epochs": digits.EPOCHS,
        "batch_size": digits.BATCH_SIZE,
        "dtype": "float32",
        "seed": seed,
    }


def _history(trained: Any) -> dict[str, np.ndarray]:
    return {
        "epoch": np.arange(len(trained.train_cost)),
        "learning_rate": np.full(len(trained.train_cost), digits.LEARNING_RATE),
        "train_cost": trained.train_cost.astype(float),
        "val_accuracy": trained.val_accuracy.astype(float),
        "test_accuracy": trained.test_accuracy.astype(float),
    }


def _curves(history: dict[str, np.ndarray]) -> list[Any]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [
        Metric(name, float(value), now, epoch)
        for name, curve in history.items()
        if name != "epoch"
        for epoch, value in enumerate(curve)
    ]


def _finals(trained: Any, hidden_layer_sizes: tuple[int, ...]) -> list[Any]:
    from mlflow.entities import Metric

    best = int(trained.best_epoch)
    values = {
        "best_epoch": best,
        "best_val_accuracy": trained.val_accuracy[best],
        "test_accuracy": trained.test_accuracy[best],
        "final_test_accuracy": trained.test_accuracy[-1],
        "max_test_accuracy": trained.test_accuracy.max(),
        "final_train_cost": trained.train_cost[-1],
        "depth": len(hidden_layer_sizes),
        "width": hidden_layer_sizes[0],
        "n_parameters": sum(W.size + b.size for W, b in trained.final),
    }
    after = {"test_accuracy": digits.EPOCHS + 1}  # it closes the curve of that name
    now = int(time.time() * 1000)
    return [Metric(name, float(value), now, after.get(name, 0)) for name, value in values.items()]


def _files(folder: Path, history: dict[str, np.ndarray], trained: Any) -> list[Path]:
    import pandas as pd

    curves, weights = folder / "history.parquet", folder / "weights.npz"
    pd.DataFrame(history).to_parquet(curves, index=False)
    arrays = {"best_epoch": trained.best_epoch}
    for prefix, parameters in (("best", trained.best), ("final", trained.final)):
        for number, (W, b) in enumerate(parameters):
            arrays |= {f"{prefix}_W{number}": W, f"{prefix}_b{number}": b}
    np.savez_compressed(weights, **arrays)
    return [curves, weights]
