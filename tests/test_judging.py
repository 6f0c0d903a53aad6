"""Whole studies that are judged by more than accuracy, and that learn more than classes, from a table to a model."""

import numpy as np
import pandas as pd
import pytest

from nnsweep.api.load import load_evaluations, load_histories, load_results
from nnsweep.model.predictor import read

QUICK = ["trainer.epochs=12", "tracking.pictures=false", "sweep.workers=1"]


@pytest.fixture
def houses(study):
    """Give a table of prices: 60 rooms cost 100, and each kilometre to the centre takes 20 off."""
    draw = np.random.default_rng(0)
    table = pd.DataFrame({"rooms": draw.integers(1, 9, 300), "distance": draw.uniform(0, 10, 300).round(2)})
    table["street"] = draw.choice(["quiet", "busy"], 300)
    noise = draw.normal(0, 5, 300)
    table["price"] = (300 + 60 * table.rooms - 20 * table.distance - 40 * (table.street == "busy") + noise).round(1)
    table.to_csv("houses.csv", index=False)
    return table


def test_numbers_from_a_table_to_a_report_and_predictions(houses, nnsweep, study):
    said = nnsweep("data=table", "data.path=houses.csv", "data.target=price", "arch=linear,shallow", "seed=0,1", *QUICK)
    assert said.code == 0, said.err
    assert "so the task is regression" in said.out
    assert "test_rmse: test RMSE at the epoch of best validation RMSE" in said.out
    runs = load_results("nnsweep")
    assert (runs["test_rmse"] < 30).all()  # always saying the mean is 5 times as far off
    assert (runs["test_r2"] > 0.95).all()
    assert runs["best_val_rmse"].is_monotonic_increasing  # the best comes first
    errors = load_evaluations(runs)[runs["run_id"][0]].errors
    assert np.sqrt((errors**2).mean()) == pytest.approx(runs["test_rmse"][0], rel=1e-5)
    assert nnsweep("report", "nnsweep", "--output", "report.html").code == 0
    assert "test RMSE" in (study / "report.html").read_text()
    assert nnsweep("predict", runs["run_id"][0], "houses.csv", "--output", "out.csv").code == 0
    told = pd.read_csv("out.csv")
    assert np.sqrt(((told["prediction"] - houses["price"]) ** 2).mean()) < 30
    assert nnsweep("save", runs["run_id"][0], "--output", "model.npz").code == 0
    assert read("model.npz").about["targets"] == ["price"]


def test_the_store_has_the_selected_curves_and_the_file_all(nnsweep, study):
    said = nnsweep(
        "data=iris", "trainer.measures=[f1_macro,ece]", "trainer.select=val_log_loss", "trainer.patience=4", *QUICK
    )
    assert said.code == 0, said.err
    runs = load_results("nnsweep")
    curves = set(load_histories(runs)[runs["run_id"][0]].columns)
    measured = {f"{part}_{name}" for part in ("val", "test") for name in ("f1_macro", "ece", "log_loss", "accuracy")}
    assert curves == measured | {"epoch", "learning_rate", "train_cost", "val_cost", "test_cost"}
    from mlflow import MlflowClient

    client, run_id = MlflowClient(f"sqlite:///{study}/mlflow.db"), runs["run_id"][0]
    lengths = {name: len(client.get_metric_history(run_id, name)) for name in client.get_run(run_id).data.metrics}
    long = {name for name, length in lengths.items() if length > 1}
    assert long == {"learning_rate", "train_cost", "val_cost", "test_cost", "val_log_loss", "test_log_loss"}


def test_a_sweep_of_several_labels(study, nnsweep):
    draw = np.random.default_rng(1)
    table = pd.DataFrame(draw.normal(size=(200, 3)), columns=["a", "b", "c"])
    table["warm"], table["wet"] = (table.a + table.b > 0).astype(int), (table.c > 0.3).astype(int)
    table.to_csv("weather.csv", index=False)
    said = nnsweep("data=table", "data.path=weather.csv", "data.target=[warm,wet]", "arch=linear,shallow", *QUICK)
    assert said.code == 0, said.err
    runs = load_results("nnsweep")
    assert (runs["test_accuracy"] > 0.6).all()
    assert (runs["test_f1_macro"] > 0.8).all()
    assert load_evaluations(runs)[runs["run_id"][0]].names == ("warm", "wet")
    assert nnsweep("predict", runs["run_id"][0], "weather.csv", "--output", "out.csv").code == 0
    assert {"label_warm", "probability_wet"} <= {*pd.read_csv("out.csv").columns}
