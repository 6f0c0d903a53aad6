"""Work (d) as an ordinary user of Hydra and MLflow writes it: basic launcher, one run a job, `mlflow.log_metric`.

The training is nnsweep's own, so that what differs is what surrounds it. Settings are logged by one `log_params`, each
value of each curve and each final metric by one `log_metric`; there are no files.

    python hydra_basic.py -m 'seed=range(0,100)'
"""

import functools

import hydra
import mlflow
from omegaconf import DictConfig, OmegaConf

from nnsweep.data.dataset import Dataset
from nnsweep.data.load import load
from nnsweep.mlp.activations import identity, relu
from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.history import Trained, collect
from nnsweep.mlp.initializers import he_uniform
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import constant
from nnsweep.mlp.train import Training, train


@functools.cache
def data(name: str, val_fraction: float) -> Dataset:
    """Load a data set, once for all jobs of the process."""
    return load(name, val_fraction=val_fraction)


def trained(config: DictConfig) -> Trained:
    """Train the network of one job."""
    network = Network(
        hidden_layer_sizes=tuple(config.hidden_layer_sizes), activation=relu(), output_activation=identity()
    )
    member = Member(
        seed=config.seed,
        initializer=he_uniform,
        schedule=constant(learning_rate=config.learning_rate),
        learning_rate=config.learning_rate,
        hyperparameters={"momentum": config.momentum},
    )
    training = Training(
        optimizer=OPTIMIZERS["momentum"], epochs=config.epochs, batch_size=config.batch_size, dtype="float32"
    )
    return collect(train(data(config.data, config.val_fraction), network, [member], training))[0]


@hydra.main(version_base=None, config_path="conf", config_name="hydra_basic")
def main(config: DictConfig) -> None:
    """Do one job."""
    mlflow.set_tracking_uri(config.tracking_uri)
    mlflow.set_experiment(config.experiment)
    with mlflow.start_run():
        mlflow.log_params(OmegaConf.to_container(config))
        log_history(trained(config).history())


def log_history(history: dict[str, FloatArray]) -> None:
    """Log every value of the curves, and what came out."""
    for epoch in range(len(history["epoch"])):
        for name in ("learning_rate", "train_cost", "val_accuracy", "test_accuracy"):
            mlflow.log_metric(name, float(history[name][epoch]), step=epoch)
    best = int(history["val_accuracy"].argmax())
    mlflow.log_metric("best_epoch", best)
    mlflow.log_metric("best_val_accuracy", float(history["val_accuracy"][best]))
    mlflow.log_metric("max_test_accuracy", float(history["test_accuracy"].max()))
    mlflow.log_metric("final_test_accuracy", float(history["test_accuracy"][-1]))


if __name__ == "__main__":
    main()
