"""Whole sweeps over somebody's own data, as the command line runs them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import fetch_20newsgroups

from nnsweep.api.load import load_histories, load_results
from nnsweep.data.user_data import table, text
from nnsweep.jobs import sweep

QUICK = ["trainer.epochs=3", "arch.hidden_layer_sizes=[4]", "tracking.pictures=false"]
TABLE = ["data=table", "data.path=cats.csv", "data.target=breed", *QUICK]
FOLDS = [*TABLE, "data.group=owner", "data.fold=range(0,3)", "data.n_folds=3"]


def cats(seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": generator.integers(1, 20, 90),
            "fur": generator.choice(["short", "long"], 90),
            "weight": generator.normal(4, 1, 90).round(3),
            "owner": generator.integers(0, 25, 90),
            "breed": generator.choice(["siamese", "birman"], 90),
        }
    )
    return pd.concat([frame, frame[:1].assign(owner=26)])  # a cat with two owners


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    """Give an empty cache."""
    folder = tmp_path_factory.mktemp("own") / "cache"
    monkeypatch.setenv("NNSWEEP_CACHE", str(folder))
    return folder


@pytest.fixture
def study(study: Path) -> Path:
    """Give a working folder with cats.csv."""
    cats().to_csv("cats.csv", index=False)
    return study


def runs(study: Path) -> pd.DataFrame:
    found = mlflow.MlflowClient(f"sqlite:///{study}/mlflow.db").search_runs(["1"], "tags.`nnsweep.kind` = 'job'")
    return pd.DataFrame([run.data.tags | run.data.metrics | run.data.params for run in found])


def test_a_sweep_over_folds_with_groups(nnsweep, study, cache):
    said = nnsweep(*FOLDS, "seed=0,1", "sweep.workers=2")
    assert said.code == 0, said.err
    recorded = runs(study)
    assert sorted(recorded["data.fold"]) == ["0", "0", "1", "1", "2", "2"]
    assert set(recorded["nnsweep.state"]) == {"finished"}
    digests = {
        table(path="cats.csv", target="breed", group="owner", fold=fold, n_folds=3, max_features=10000).digest
        for fold in range(3)
    }
    assert set(recorded["nnsweep.data_digest"]) == digests
    assert len([*cache.iterdir()]) == 6  # three as configured, three as asked for above
    block = said.out.splitlines()[:9]
    assert block[:2] == ["data: cats.csv", "  label breed: 2 classes in 91 rows (birman 47, siamese 44)"]
    assert [
        line for line in block if re.match(r"  fold [012] of 3: training \d+, validation \d+, test \d+ rows; ", line)
    ]
    assert said.out.count("data: cats.csv") == 1
    assert said.err.count("in the training part too: ") == 1


def test_a_dry_run_shows_what_was_made_of_the_table(nnsweep):
    said = nnsweep(*TABLE, "data.columns={owner: category}", "dry_run=true")
    assert said.code == 0
    assert said.out.splitlines()[:8] == [
        "data: cats.csv",
        "  label breed: 2 classes in 91 rows (birman 47, siamese 44)",
        "  2 number columns: age, weight",
        "  2 category columns: fur, owner",
        "  categories that the training part does not have: owner 1 of 15 validation values ('11'), owner 2 of 19 test "
        "values ('11', '26')",
        "  features: 26",  # 2, and 2 furs, and 22 owners in the training part
        "  parts: training 57, validation 15, test 19 rows",
        "1 job: 1 new",
    ]


NASTY = ["Individual ID", "sepal length (cm)", "a.b", "note, long", "Größe", "null", "true", "2019", "1e3", "it's",
         '5" x', "a=b", "#", "$HOME", "a\\b", "-x", "x: y", "[a]", "{b}", "~", "*", "password", "my token", "%", "`id`",
         "!x", "two\nlines", "$$a", "nan", "data.columns.x=ignore", "\u200b", "a;b|c&d"]  # fmt: skip


def test_printed_advice_can_be_pasted_into_a_shell(nnsweep, study):
    codes = pd.DataFrame({name: [f"k{row}" for row in range(40)] for name in NASTY})
    codes.loc[39] = "k0"  # no identifier: one text is there twice
    codes.assign(age=range(9, 89, 2), breed=["a", "b"] * 20).to_csv("cats.csv", index=False)

    def pasted(advice):
        told = subprocess.run(["bash", "-c", rf"printf '%s\0' {' '.join(advice)}"], capture_output=True, check=True)
        return [os.fsdecode(word) for word in told.stdout.split(b"\0") if word]

    advice = []
    for _ in range(3):  # twenty problems are told at once
        said = nnsweep(*TABLE, "dry_run=true", *pasted(advice))
        advice += re.findall(r"too many for categories; (.*) \(or text", said.err)
    assert (said.code, "error" in said.err) == (0, False), said.err
    assert len(advice) == len(NASTY)
    assert "  ignored: " in said.out
    assert "  1 number column: age\n" in said.out


@pytest.mark.parametrize("form", [
    ['data.ignore=["Individual ID",a.b]'],
    ["data.columns={'Individual ID': ignore, a.b: ignore}"],
    ["data.columns.Individual ID=ignore", "+data.columns.a.b=ignore"],
    ["data.columns.a.b=ignore", "data.ignore=[Individual ID]"],
])  # fmt: skip
def test_columns_of_any_name_are_ignored_in_any_form(form, nnsweep, study):
    cats().assign(**{"Individual ID": "x", "a.b": 1}).to_csv("cats.csv", index=False)
    said = nnsweep(*TABLE, *form, "dry_run=true")
    assert said.code == 0, said.err
    assert {"  ignored: Individual ID, a.b", "  ignored: a.b, Individual ID"} & set(said.out.splitlines())


def test_the_kind_of_any_column_may_vary_in_a_grid(nnsweep, study):
    cats().rename(columns={"owner": "Owner's number"}).to_csv("cats.csv", index=False)
    said = nnsweep(*TABLE, "data.columns.Owner's number=category,number,ignore", "dry_run=true")
    assert said.code == 0, said.err
    assert "3 jobs: 3 new" in said.out


def test_two_hundred_columns_are_a_few_lines(nnsweep, study):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 200))).add_prefix("measurement ")
    frame.assign(breed=["a", "b"] * 30, constant=1).to_csv("cats.csv", index=False)
    lines = nnsweep(*TABLE, "dry_run=true").out.splitlines()
    assert [line for line in lines if "200 number columns: measurement 0, " in line and "180 others" in line]
    assert len(lines) < 10
    assert max(map(len, lines)) < 500


def weighed(weights) -> pd.DataFrame:
    """Give cats that the table itself divides, and weighs."""
    rows = np.arange(90)
    part = np.where(rows % 5 == 0, "test", np.where(rows % 5 == 1, "val", "train"))
    tame = 3.5 * (rows % 7 > 2) + cats()["age"][:90].to_numpy()
    return cats()[:90].assign(part=part, tame=tame, hungry=rows % 2, count=np.resize(weights, 90))


WEIGHED = ["data=table", "data.split=part", "data.columns={owner: ignore}", "trainer=full_batch", "trainer.epochs=20"]
TASKS = {
    "classes": ["data.target=breed", "data.ignore=[tame,hungry]"],
    "balanced classes": ["data.target=breed", "data.ignore=[tame,hungry]", "trainer.class_weight=balanced"],
    "labels": ["data.target=[hungry]", "data.task=multilabel", "data.ignore=[tame,breed]"],
    "numbers": ["data.target=[tame,age]", "data.ignore=[breed,hungry]"],
}


def curves(nnsweep, path: str, *settings: str) -> pd.DataFrame:
    said = nnsweep(*WEIGHED, f"data.path={path}", f"tracking.experiment={path}", "tracking.pictures=false", *settings)
    assert said.code == 0, said.err
    (history,) = load_histories(load_results(path)).values()
    return history


@pytest.mark.parametrize("task", TASKS)
def test_a_row_of_weight_zero_is_a_row_left_out_bit_for_bit(task, nnsweep, study):
    frame = weighed([1.5, 0, 2, 0.25])
    frame.to_csv("whole.csv", index=False)
    frame[frame["count"] > 0].to_csv("rest.csv", index=False)
    settings = [*TASKS[task], "data.weight=count"]
    pd.testing.assert_frame_equal(
        curves(nnsweep, "whole.csv", *settings), curves(nnsweep, "rest.csv", *settings), check_exact=True
    )


@pytest.mark.parametrize("task", TASKS)
def test_a_row_of_weight_two_is_a_row_given_twice(task, nnsweep, study):
    frame = weighed([1, 2, 3])
    frame.to_csv("weighed.csv", index=False)
    frame.loc[frame.index.repeat(frame["count"])].drop(columns="count").to_csv("repeated.csv", index=False)
    settings = [*TASKS[task], "trainer.dtype=float64"]
    one = curves(nnsweep, "weighed.csv", *settings, "data.weight=count")
    other = curves(nnsweep, "repeated.csv", *settings)
    pd.testing.assert_frame_equal(one, other, rtol=1e-9, atol=1e-12)


def test_what_is_done_is_not_done_again_wherever_the_table_lies(nnsweep, study):
    assert nnsweep(*FOLDS).code == 0
    (study / "elsewhere").mkdir()
    shutil.move("cats.csv", "elsewhere/pets.csv")
    said = nnsweep(*FOLDS, "data.path=elsewhere/pets.csv")
    assert said.code == 0
    assert "3 jobs: 3 finished before" in said.out
    assert "data: elsewhere/pets.csv" in said.out
    assert len(runs(study)) == 3


def test_another_table_is_new_and_no_change_of_settings(nnsweep, study):
    assert nnsweep(*TABLE).code == 0
    shutil.copy("cats.csv", "dogs.csv")
    cats(1).to_csv("dogs.csv", index=False)
    said = nnsweep(*TABLE, "data.path=dogs.csv")
    assert said.code == 0
    assert "1 job: 1 new" in said.out
    assert "earlier run" not in said.out
    assert "dogs-" in said.out


def test_changed_table_counts_as_other_data_and_the_plan_says_so(nnsweep, study):
    assert nnsweep(*TABLE).code == 0
    cats(1).to_csv("cats.csv", index=False)
    said = nnsweep(*TABLE)
    assert said.code == 0
    assert re.search(r"1 not as an earlier run of the name: data digest [0-9a-f]{8} -> [0-9a-f]{8}", said.out)
    assert runs(study)["nnsweep.data_digest"].nunique() == 2


def changing(monkeypatch) -> None:
    """Let cats.csv change when a sweep has been planned and nothing has run."""
    write_plan = sweep.write_plan

    def changed(*arguments):
        cats(1).to_csv("cats.csv", index=False)
        write_plan(*arguments)

    monkeypatch.setattr(sweep, "write_plan", changed)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("n_workers", [1, 2])
def test_table_changed_during_a_sweep_is_not_read_again(nnsweep, study, monkeypatch, kept, n_workers):
    if not kept:
        monkeypatch.setenv("NNSWEEP_CACHE", str(study / "cats.csv"))
    command = [*FOLDS, f"sweep.workers={n_workers}"]
    expected = {table(path="cats.csv", target="breed", group="owner", fold=fold, n_folds=3).digest for fold in range(3)}
    with monkeypatch.context() as patch:
        changing(patch)
        assert nnsweep(*command, "data.max_features=null").code == 0
    recorded = runs(study)
    assert set(recorded["nnsweep.data_digest"]) == expected
    assert set(recorded["nnsweep.state"]) == {"finished"}


def test_a_cache_that_is_emptied_during_a_sweep_does_no_harm(nnsweep, study, monkeypatch, cache):
    write_plan = sweep.write_plan

    def emptied(*arguments):
        shutil.rmtree(cache)
        write_plan(*arguments)

    monkeypatch.setattr(sweep, "write_plan", emptied)
    said = nnsweep(*FOLDS, "sweep.workers=2")
    assert said.code == 0, said.err
    assert set(runs(study)["nnsweep.state"]) == {"finished"}


def test_launcher_loading_data_other_than_planned_fails_the_job(nnsweep, study, monkeypatch):
    planned = table(path="cats.csv", target="breed").digest
    with monkeypatch.context() as patch:
        changing(patch)
        said = nnsweep(*TABLE, "hydra/launcher=joblib", "data.max_features=null", "seed=0,1")
    assert said.code == 3
    recorded = runs(study)
    changed = table(path="cats.csv", target="breed").digest
    assert set(recorded["nnsweep.state"]) == {"failed"}
    told = "".join(said.out.split())
    assert re.search(r"thedatahavechangedsincethesweepbegan:\S*cats\.csvisanotherbynow", told)
    cats().to_csv("cats.csv", index=False)
    again = nnsweep(*TABLE, "data.max_features=null", "seed=0,1")
    assert "2 jobs: 2 failed, to run again" in again.out
    assert set(runs(study)["nnsweep.data_digest"]) == {planned, changed}
    assert again.code == 0


@pytest.mark.parametrize("mode", [[], ["hydra.mode=RUN"]], ids=["sweep", "single run"])
def test_jobs_that_work_in_their_own_folders_find_the_table(nnsweep, study, mode):
    said = nnsweep(*TABLE, *mode, "hydra.job.chdir=true")
    assert said.code == 0, said.err + said.out
    (digest,) = runs(study)["nnsweep.data_digest"]
    assert digest == table(path="cats.csv", target="breed").digest


def test_next_sweep_in_the_same_process_reads_the_table_again(nnsweep, study):
    assert "91 rows" in nnsweep(*TABLE).out
    cats()[:80].to_csv("cats.csv", index=False)
    assert "80 rows" in nnsweep(*TABLE).out


def test_a_batch_that_is_larger_than_the_training_part_is_told(nnsweep):
    said = nnsweep(*TABLE, "trainer.batch_size=128", "dry_run=true")
    assert said.err.splitlines()[-1] == (
        "nnsweep: warning: cats.csv: trainer.batch_size=128 is more than the 57 training rows: each epoch is one step "
        "with all"
    )


@pytest.mark.parametrize("setting", ["trainer.patience=2", "trainer.sealed_test=true"])
def test_what_needs_validation_rows_takes_them_from_anywhere(setting, nnsweep, study):
    parts = np.where(np.arange(91) < 20, "test", np.where(np.arange(91) < 40, "val", "train"))
    command = [*TABLE, "data.split=part", "data.val_fraction=0", setting, "dry_run=true"]
    cats().assign(part=parts).to_csv("cats.csv", index=False)
    assert nnsweep(*command).code == 0
    cats().assign(part=np.where(parts == "val", "train", parts)).to_csv("cats.csv", index=False)
    said = nnsweep(*command)
    assert said.code == 2
    assert said.err == (
        f"nnsweep: error: {setting} needs a validation part, and data.split names none: set data.val_fraction above 0\n"
    )


def test_a_sweep_over_real_posts(nnsweep, study, corpus_home):
    bunch = fetch_20newsgroups(data_home=corpus_home, subset="train", categories=["sci.space", "alt.atheism"])
    for number, (post, y) in enumerate(zip(bunch.data[:300], bunch.target, strict=False)):
        folder = study / "posts" / bunch.target_names[y]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:03}.txt").write_text(post, encoding="utf-8")
    said = nnsweep("data=text", "data.path=posts", "data.max_features=200", "data.ngram_range=[1,2]", *QUICK)
    assert said.code == 0, said.err
    (run,) = runs(study).to_dict("records")
    assert run["nnsweep.data_digest"] == text(path="posts", max_features=200, ngram_range=(1, 2)).digest
    assert "2 classes in 300 texts" in said.out
