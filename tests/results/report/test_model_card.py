from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from nnsweep.results.report.model_card import write_model_card
from nnsweep.results.report.model_facts import ModelFacts
from nnsweep.tracking.models import shorten_card
from nnsweep.tracking.record import Evaluation, RunRecord

GOLDEN = Path(__file__).with_name("model_card.md")
COLUMNS = [
    {"name": "age", "kind": "number"},
    {"name": "weight | kg", "kind": "number"},
    {"name": "fur", "kind": "category", "categories": ["long", "short"], "fill": "short"},
    {"name": "note", "kind": "text", "words": ["purr", "hiss"]},
]


def make_record(seed=0, **metrics):
    settings = {
        "data": "table",
        "data.path": "mine/cats.csv",
        "data.group": "owner",
        "data.test_fraction": 0.2,
        "seed": seed,
        "trainer.epochs": 20,
    }
    known = {
        "best_epoch": 12.0,
        "epochs_trained": 20.0,
        "best_val_accuracy": 0.95,
        "test_accuracy": 0.9,
        "test_cost": 0.4,
        "best_val_log_loss": 0.2,
        "test_log_loss": 0.3,
        "chance_accuracy": 0.6,
        "chance_log_loss": 0.7,
        "n_train_samples": 120.0,
        "n_val_samples": 40.0,
        "n_test_samples": 50.0,
    }
    return RunRecord(
        run_id=f"r{seed}",
        name="cats-32-relu-cosine-s0",
        state="finished",
        settings=settings,
        metrics=known | metrics,
        sweep="20261201-120000-abcd",
        data_digest="d1",
    )


@pytest.fixture
def facts():
    reliability = np.zeros((2, 15, 3))
    reliability[:, 13] = 50, 44, 45
    return ModelFacts(
        record=make_record(),
        about={
            "classes": ["maine coon", "siamese"],
            "preparation": {"columns": COLUMNS},
            "training": {"counts": [100, 20], "numbers": [[0.0, 19.0], [1.25, 9.5]]},
        },
        fill=(7.5, float("nan")),
        network="A network with a hidden layer of 32 units (relu). It has 194 parameters.",
        weights="w1",
        evaluation=Evaluation(
            task="classification",
            epoch=12,
            test_digest="t1",
            names=("maine coon", "siamese"),
            confusion=np.array([[28, 2], [3, 17]]),
            reliability=reliability,
        ),
        place=1,
        n_runs=6,
        n_equal=1,
        repeats=[make_record(0), make_record(1, test_accuracy=0.92), make_record(2, test_accuracy=0.94)],
        exposure="The test set has been looked at once in this store, by 1 sweep.",
        environment={
            "nnsweep": "1.0.0",
            "python": "3.13.1",
            "packages": {"numpy": "2.4.0"},
            "processor": "A processor",
        },
        command="nnsweep data=table data.path=mine/cats.csv data.target=breed data.group=owner seed=0,1,2",
        version="1.0.0",
        date="2026-12-01",
    )


def test_a_card_reads_as_it_was_reviewed(facts):
    assert write_model_card(facts) == GOLDEN.read_text(encoding="utf-8")


def test_the_head_is_what_model_hubs_read(facts):
    head = yaml.safe_load(write_model_card(facts).split("---\n")[1])
    assert head == {
        "license": "unknown",
        "library_name": "nnsweep",
        "pipeline_tag": "text-classification",
        "tags": ["multilayer-perceptron"],
        "metrics": ["accuracy", "log_loss"],
    }


def limits(facts):
    return write_model_card(facts).partition("must not be used for\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    ("metrics", "settings", "told"),
    [
        ({"test_accuracy": 0.6}, {}, "always answering the commonest class does as well"),
        ({"n_val_samples": 0.0}, {}, "its epoch was chosen on the test part"),
        ({"n_test_samples": 50.0}, {}, "it was tested on only 50 rows"),
        ({}, {"data.group": None}, "Do not expect these results for new people"),
    ],
)
def test_what_the_record_shows_becomes_a_limit(metrics, settings, told, facts):
    assert told not in limits(replace(facts, record=make_record(test_accuracy=0.91, n_test_samples=100.0)))
    record = make_record(**metrics)
    assert told in limits(replace(facts, record=replace(record, settings=record.settings | settings)))


def test_a_sealed_test_part_is_no_result(facts):
    metrics = {name: value for name, value in facts.record.metrics.items() if not name.startswith("test_")}
    card = write_model_card(replace(facts, record=replace(facts.record, metrics=metrics), evaluation=None, repeats=()))
    assert "| measure | validation | always the same answer |" in card
    assert "its test part is sealed and was not measured" in card
    assert "test rows" not in card


def test_repeats_that_are_sealed_yet_do_not_count(facts):
    metrics = {name: value for name, value in make_record(1).metrics.items() if not name.startswith("test_")}
    repeats = [make_record(0), replace(make_record(1), metrics=metrics)]
    assert "of the same configuration" not in write_model_card(replace(facts, repeats=repeats))


def test_folds_with_one_result_each_have_an_interval_of_folds(facts):
    records = [make_record(seed, test_accuracy=value) for seed, value in enumerate((0.8, 0.9, 0.85))]
    repeats = [replace(one, settings=one.settings | {"data.fold": n, "data.n_folds": 3, "seed": 0})
               for n, one in enumerate(records)]  # fmt: skip
    assert "Over 3 folds of the same configuration, the mean test accuracy is 0.85" in write_model_card(
        replace(facts, repeats=repeats)
    )


def test_weights_of_rows_leave_no_interval_of_counts(facts):
    record = replace(facts.record, settings=facts.record.settings | {"data.weight": "n"})
    assert "interval" not in write_model_card(replace(facts, record=record, repeats=()))


def test_an_earlier_versions_model_lacks_ranges_and_counts(facts):
    about = {name: value for name, value in facts.about.items() if name != "training"}
    card = write_model_card(replace(facts, about=about))
    assert "| age | number | not recorded | becomes 7.5 |" in card
    assert "Training rows of each" not in card


def test_names_cannot_change_the_page(facts):
    about = facts.about | {"classes": ["<script>", "a\n## b"]}
    card = write_model_card(replace(facts, about=about, record=replace(facts.record, name="`x` # y\n")))
    assert "<script>" not in card
    assert [line for line in card.splitlines() if line.startswith("## ")] == [
        "## How well it predicts",
        "## What it takes",
        "## What it was trained on",
        "## What it must not be used for",
        "## How to reproduce it",
    ]


def test_passwords_in_the_data_are_masked(facts):
    settings = facts.record.settings | {"data.path": "postgresql://me:hush@host/cats"}
    assert "hush" not in write_model_card(replace(facts, record=replace(facts.record, settings=settings)))


def test_a_long_card_is_cut_between_sections(facts):
    card = write_model_card(facts)
    body = shorten_card(card, 10_000)
    assert body.startswith("This model tells")
    assert card.rstrip().endswith(body)
    shorter = shorten_card(card, len(body) - 1)
    assert body.startswith(shorter)
    assert not body.removeprefix(shorter).strip("\n").startswith("-")
    assert "How to reproduce it" not in shorter
    assert len(shorten_card(card, 20)) <= 20
