"""The notebook that nnsweep grew out of: its printed tables, digit for digit, on the real corpus."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nnsweep
from nnsweep.cli.main import main
from nnsweep.data.load import load
from nnsweep.mlp.activations import tanh
from nnsweep.mlp.history import collect
from nnsweep.mlp.initializers import notebook
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import inv
from nnsweep.mlp.train import Training, train

PRINTED = Path(nnsweep.__file__).parents[1] / "experiments" / "notebook" / "printed_tables.csv"
FOLLOWS = ["20-20", "8", "4-6-4"]  # the fourth table does not follow from its cell's code

pytestmark = pytest.mark.usefixtures("corpus_home")


@pytest.fixture(scope="module")
def printed() -> pd.DataFrame:
    table = pd.read_csv(PRINTED, dtype=str).astype({"epoch": int})
    for column in ("accuracy", "learning_rate_before_update"):
        table[column] = [float(text) for text in table[column]]  # exactly as printed
    return table


@pytest.fixture(scope="module")
def exported(corpus_home: str, ready_store_file: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Run the preset from the command line and read every curve back out of MLflow, one column a metric."""
    study = tmp_path_factory.mktemp("notebook")
    shutil.copy(ready_store_file, study / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCIKIT_LEARN_DATA", str(Path(corpus_home).absolute()))
        patch.chdir(study)
        patch.setattr(sys, "argv", ["nnsweep"])
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert main(["-m", "experiment=notebook"]) == 0
        assert main(["export", "notebook", "--histories", "-o", "curves.parquet"]) == 0
    curves = pd.read_parquet(study / "curves.parquet")
    curves["hidden"] = curves["name"].str.removeprefix("newsgroups-").str.removesuffix("-tanh-inv-s0")
    return curves.pivot(index=["hidden", "epoch"], columns="metric", values="value")


@pytest.mark.parametrize("hidden", FOLLOWS)
def test_printed_accuracies_and_rates_match_mlflow_exactly(hidden, printed, exported):
    table = printed[printed["hidden"] == hidden]
    ours = exported.loc[hidden].loc[table["epoch"]]
    assert len(table) == 17
    assert ours["test_accuracy"].tolist() == table["accuracy"].tolist()
    known = table["learning_rate_before_update"].notna().to_numpy()  # the last one was cut off when printing
    assert known.sum() == 16
    assert ours["learning_rate"][known].tolist() == table["learning_rate_before_update"][known].tolist()


def test_fourth_table_matches_its_code_rather_than_the_printout(printed, exported):
    ours = exported.loc["4-6-6-4"]
    assert ours["test_accuracy"].loc[0] == 0.2564671101256467
    assert ours["test_accuracy"].loc[2000] == 0.5683665927568367
    table = printed[printed["hidden"] == "4-6-6-4"]
    assert not (ours["test_accuracy"].loc[table["epoch"]].to_numpy() == table["accuracy"].to_numpy()).any()


def test_the_trainer_alone_gives_the_printed_table(corpus_home, printed):
    posts = load("newsgroups", max_features=100, val_fraction=0, vectorizer_fit="train_and_test", home=corpus_home)
    schedule = inv(learning_rate=0.05, gamma=0.05, power=0.9998, every=100, compound=True)
    member = Member(seed=0, initializer=notebook, schedule=schedule, learning_rate=0.05, hyperparameters={})
    network = Network(hidden_layer_sizes=(8,), activation=tanh(), output_activation=tanh())
    training = Training(optimizer=OPTIMIZERS["gradient_descent"], epochs=1600, evaluate_every=100)
    history = collect(train(posts, network, [member], training))[0].history()
    measured = history["test_accuracy"][np.isfinite(history["test_accuracy"])]
    assert measured.tolist() == printed[printed["hidden"] == "8"]["accuracy"].tolist()
