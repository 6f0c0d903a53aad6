"""Every kind of model leaves with a card whose numbers are those of the record."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from nnsweep.api.ensemble import make_ensemble
from nnsweep.cli.main import main
from nnsweep.jobs.model_card import Peers, find_model_facts, make_model_with_card
from nnsweep.model.packed import hash_weights
from nnsweep.results.metrics import measure_text
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.models import CARD, make_model, shorten_card
from nnsweep.tracking.query import find_job_runs, find_runs_by_id, make_record
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, find_store

QUICK = ("trainer.epochs=5", "tracking.pictures=false", "sweep.workers=1")
KINDS = {  # experiment: the words of its sweep
    "classes": ("data=iris", "seed=0,1", "arch=linear,shallow", "trainer.measures=[log_loss]"),
    "labels": ("data=table", "data.path=taste.csv", "data.target=[sweet,sour]", "data.missing={number: median}"),
    "numbers": ("data=diabetes", "loss=quantile"),
    "texts": ("data=text", "data.path=posts"),
    "sealed": ("data=iris", "trainer.sealed_test=true"),
}


@pytest.fixture(scope="module")
def stores(new_study):
    """Train a sweep of each kind; give the stores by experiment."""
    with new_study("cards") as folder:
        random = np.random.default_rng(0)
        cells = random.normal(size=(80, 2))
        table = pd.DataFrame(cells, columns=["sugar", "acid"]).assign(sweet=cells[:, 0] > 0, sour=cells[:, 1] > 0)
        table.astype({"sweet": int, "sour": int}).to_csv("taste.csv", index=False)
        for kind, word in (("cats", "purr"), ("dogs", "bark")):
            (folder / "posts" / kind).mkdir(parents=True)
            for number in range(12):
                (folder / "posts" / kind / f"{number}.txt").write_text(f"they {word} {word} all {number} days")
        for name, words in KINDS.items():
            assert main(["-m", *words, f"tracking.experiment={name}", *QUICK]) == 0
        uri = f"sqlite:///{folder}/mlflow.db"
        yield {name: find_store(uri, name) for name in KINDS}


class Left(NamedTuple):
    """A model that leaves, and the record of its run."""

    store: Store
    record: RunRecord
    card: str


def leave(store, record):
    return Left(store, record, make_model_with_card(store, record.run_id).about["card"])


@pytest.fixture(params=KINDS)
def left(request, stores):
    store = stores[request.param]
    return leave(store, find_job_runs(store)[0])


def results(card):
    """Read the table of the results: the cells of each measure by column."""
    lines = [line.strip("| ").split(" | ") for line in card.partition("predicts\n")[2].splitlines() if "|" in line]
    head, _, *rows = lines[: next(place for place, line in enumerate(lines) if line[0] == "column")]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def number(cell):
    return float(cell.split(" ")[0].replace(",", "").replace("\N{MINUS SIGN}", "-"))


def test_its_results_are_those_of_the_record(left):
    table, metrics = results(left.card), left.record.metrics
    names = {name.removeprefix("best_val_") for name in metrics if name.startswith("best_val_")} - {"cost"}
    assert {*table} == {measure_text(name) for name in names}
    columns = {"best_val": "validation", "test": "test", "chance": "always the same answer"}
    for name in names:
        for prefix, column in columns.items():
            value, cells = metrics.get(f"{prefix}_{name}"), table[measure_text(name)]
            if value is None:
                assert column not in cells
            else:
                assert number(cells[column]) == pytest.approx(value, rel=5e-3, abs=6e-4)


def test_it_says_what_the_model_takes_and_was_trained_on(left):
    model = make_model(left.store, left.record.run_id)
    for column in model.columns:
        assert f"\n| {column['name']} | {column['kind']} |" in left.card
    assert f"{int(left.record.metrics['n_train_samples']):,} training" in left.card
    assert left.record.data_digest in left.card
    assert hash_weights(model) in left.card
    assert f"nnsweep reproduce {left.record.run_id}\n" in left.card


def test_the_model_that_a_sweep_keeps_has_it(stores):
    store = stores["numbers"]
    (record,) = find_job_runs(store)
    models = Path(store.uri.removeprefix("sqlite:///")).parent / "mlartifacts" / "models"
    cards = [path.read_text(encoding="utf-8") for path in models.glob(f"*/artifacts/{CARD}")]
    assert len(cards) == len(KINDS)
    card = make_model_with_card(store, record.run_id).about["card"]
    assert card in cards
    (kept,) = open_client(store.uri).search_logged_models([store.experiment_id])
    assert kept.tags["mlflow.note.content"] == shorten_card(card)


def test_each_kind_says_what_it_predicts(stores):
    cards = {name: leave(store, find_job_runs(store)[0]).card for name, store in stores.items()}
    assert "which of 3 classes a row belongs to, with a probability for each: setosa, versicolor" in cards["classes"]
    assert "which of 2 labels a row has, with a probability for each: sweet and sour." in cards["labels"]
    assert "Accuracy is the share of rows of which all labels are right." in cards["labels"]
    assert "predicts the quantiles 0.1, 0.5 and 0.9 of progression, in the unit that the data have." in cards["numbers"]
    assert "| text | text | " in cards["texts"]
    assert "its test part is sealed and was not measured" in cards["sealed"]


def test_repeats_and_place_are_those_of_the_sweep(stores):
    store = stores["classes"]
    records = find_job_runs(store)
    for record in records:
        facts = find_model_facts(store, record.run_id, make_model(store, record.run_id), Peers.of(records))
        assert sorted(one.settings["seed"] for one in facts.repeats) == [0, 1]
        assert {one.settings["arch"] for one in facts.repeats} == {record.settings["arch"]}
        values = [one.metrics["best_val_accuracy"] for one in records]
        assert facts.n_runs == 4
        assert facts.n_equal == values.count(record.metrics["best_val_accuracy"]) - 1
        n_better = sum(value > record.metrics["best_val_accuracy"] for value in values)
        assert n_better < facts.place <= n_better + 1 + facts.n_equal


def test_an_ensemble_has_a_card_of_its_own(stores):
    store = stores["classes"]
    (sweep,) = {record.sweep for record in find_job_runs(store)}
    ensemble = make_ensemble(sweep, members=3, uri=store.uri)
    (run,) = find_runs_by_id(store, [ensemble.record.run_id])
    card = leave(store, make_record(run)).card
    assert "- ensemble\n" in card
    for title, weight in ensemble.members.items():
        assert f"{weight} x {title.partition(' ')[0]}" in card
    assert f"nnsweep ensemble {sweep} --members 3\n" in card
    assert number(results(card)["log loss"]["test"]) == pytest.approx(
        ensemble.record.metrics["test_log_loss"], rel=5e-3
    )
    assert "looked at 2 times in this store, by 1 sweep and 1 ensemble" in card
