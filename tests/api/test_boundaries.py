"""Decision boundaries of recorded runs: the networks are the runs', and places are in the units of the table."""

import numpy as np
import pandas as pd
import pytest

import nnsweep
from nnsweep.api.boundaries import load_landscape
from nnsweep.cli.main import main
from nnsweep.data import prepared
from nnsweep.data.load import load
from nnsweep.errors import ConfigError, DataError
from nnsweep.jobs import consistency
from nnsweep.model.predictor import predictions
from nnsweep.tracking.models import make_model
from nnsweep.tracking.store import Store

QUICK = ("trainer.epochs=2", "sweep.workers=1")


@pytest.fixture(scope="module")
def two_features(new_study):
    """Give the folder of a store with runs on two features, on one, and on four."""
    with new_study("planes") as folder:
        random = np.random.default_rng(0)
        table = pd.DataFrame({"age": random.uniform(20, 90, 120), "dose": random.uniform(0, 5, 120)})
        table.assign(ill=np.where(table["age"] > 20 * table["dose"], "yes", "no")).to_csv("ill.csv", index=False)
        table.assign(level=table["age"] * 3)[["age", "level"]].to_csv("level.csv", index=False)
        grid = ("-m", "arch=shallow,linear", "seed=0,1", *QUICK)
        for name, words in {
            "ill": ("data=table", "data.path=ill.csv", "data.target=ill"),
            "level": ("data=table", "data.path=level.csv", "data.target=level"),
            "flowers": ("data=iris",),
        }.items():
            assert main([*grid, *words, f"tracking.experiment={name}"]) == 0
    return folder


@pytest.fixture
def told(two_features, monkeypatch):
    monkeypatch.chdir(two_features)


@pytest.mark.usefixtures("told")
def test_places_and_examples_are_in_the_units_of_the_table():
    runs = nnsweep.load_results("ill")
    found = load_landscape(runs)
    table = pd.read_csv("ill.csv")
    assert (found.columns, found.names) == (("age", "dose"), ("no", "yes"))
    rows = {tuple(row) for row in table[["age", "dose"]].to_numpy().round(6).tolist()}
    assert {tuple(row) for row in found.points.round(6).tolist()} <= rows
    labels = {tuple(row[:2]): row[2] for row in table.round(6).itertuples(index=False)}
    assert [found.names[int(y)] for y in found.y] == [labels[tuple(row)] for row in found.points.round(6).tolist()]


@pytest.mark.usefixtures("told")
def test_what_a_network_says_is_what_its_model_predicts():
    runs = nnsweep.load_results("ill")
    found, run_id = load_landscape(runs), runs["run_id"].iloc[1]
    age, dose = found.grid
    place = pd.DataFrame({"age": [age[7]], "dose": [dose[30]]})
    model = make_model(Store(runs.attrs["store"], "", ""), run_id)

    expected = predictions(model, place, prepared.features)[["probability_no", "probability_yes"]].to_numpy()[0]
    np.testing.assert_allclose(found.predict(run_id)[30, 7], expected, rtol=1e-5)


@pytest.mark.usefixtures("told")
def test_the_boundaries_are_drawn_from_python_and_by_the_command(capsys):
    figure = nnsweep.plot_decision_boundaries(nnsweep.load_results("ill"))
    assert len([axes for axes in figure.axes if axes.get_images()]) == 2
    assert main(["plot", "ill", "--only", "boundaries", "--output", "drawn", "--format", "png"]) == 0
    assert capsys.readouterr().out.split() == ["drawn/boundaries.png"]
    names = [picture.name for picture in nnsweep.report("ill").pictures]
    assert "boundaries" in names


@pytest.mark.usefixtures("told")
def test_one_feature_of_a_regression_has_curves():
    runs = nnsweep.load_results("level")
    found = load_landscape(runs)
    assert (found.columns, found.names, len(found.grid)) == (("age",), (), 1)
    assert found.predict(runs["run_id"].iloc[0]).shape == found.grid[0].shape
    assert found.y.min() >= 60
    figure = nnsweep.plot_decision_boundaries(runs)
    assert not any(axes.get_images() for axes in figure.axes)


@pytest.mark.usefixtures("told")
def test_other_data_have_no_boundaries(capsys):
    runs = nnsweep.load_results("flowers")
    assert load_landscape(runs) is None
    with pytest.raises(ConfigError, match="two features that are numbers"):
        nnsweep.plot_decision_boundaries(runs)
    assert main(["plot", "flowers", "--only", "boundaries", "--output", "drawn"]) == 2
    assert "no picture 'boundaries'" in capsys.readouterr().err


@pytest.mark.usefixtures("told")
def test_without_its_data_a_report_has_no_boundaries(monkeypatch):
    runs = nnsweep.load_results("ill")
    monkeypatch.setattr(consistency, "load_dataset", lambda _: load("moons", val_fraction=0.2))
    with pytest.raises(DataError, match="its data have changed since"):
        load_landscape(runs)
    assert "boundaries" not in [picture.name for picture in nnsweep.report(runs).pictures]
