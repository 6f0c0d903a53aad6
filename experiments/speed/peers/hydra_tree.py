"""Work (d) as in `hydra_basic`, composed from nnsweep's own configuration tree with its ten groups.

So both sides compose the same jobs; Hydra's basic sweeper and launcher do it here.

    python hydra_tree.py -m 'seed=range(0,100)'
"""

import hydra
import mlflow
from hydra_basic import log_history
from omegaconf import DictConfig

import nnsweep.jobs.hydra_job  # noqa: F401  the functions that the configuration calls (nnsweep_sweep) are made there
from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.worker import load_dataset
from nnsweep.mlp.history import collect
from nnsweep.mlp.train import train


@hydra.main(version_base="1.3", config_path=conf_dir(), config_name="config")
def main(config: DictConfig) -> None:
    """Do one job."""
    job = check_configuration(config)
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("hydra_tree")
    with mlflow.start_run():
        mlflow.log_params(job.identity())
        log_history(collect(train(load_dataset(job.data), job.network(), [job.member()], job.training()))[0].history())


if __name__ == "__main__":
    main()
