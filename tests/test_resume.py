"""The same command again: what is done is taken over, what is left is run, and what has changed is told."""

import base64
import csv
import dataclasses
import errno
import json
import re
import shutil
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnsweep.errors import StoreError
from nnsweep.jobs import interrupt, worker
from nnsweep.tracking import runs as tracking
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.owner import this_process
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import find_store, prepare_store

QUICK = ("data=iris", "trainer.epochs=3", "tracking.pictures=false")
SEEDS = ("seed=0,1,2", *QUICK)
MIXED = (  # finishes, fails (where that is planted), diverges
    "seed=0,1,2", "optimizer.learning_rate=0.1,0.1,1e300", "sweep.zip=[[seed,optimizer.learning_rate]]",
    "activation=identity", "trainer.dtype=float64", *QUICK,
)  # fmt: skip


def runs(study: Path, experiment: str = "nnsweep", kind: str = "job", database: str = "mlflow.db") -> list:
    """Give all runs of an experiment, oldest first."""
    store = find_store(f"sqlite:///{study / database}", experiment)
    wanted = f"tags.`nnsweep.kind` = '{kind}'"
    return open_client(store.uri).search_runs([store.experiment_id], wanted, order_by=["attributes.start_time ASC"])


def seeds(found: list) -> list[int]:
    return sorted(int(run.data.params["seed"]) for run in found)


def everything(study: Path) -> dict[Path, bytes]:
    """Read all files and name all folders; not the index that SQLite keeps beside a store that is open."""
    paths = [path for path in study.rglob("*") if not path.match("*.db-shm")]
    return {path: path.read_bytes() if path.is_file() else b"" for path in paths}


def sweep_id(said) -> str:
    return re.search(r"--sweep (\S+)", said.out)[1]


def exported(nnsweep, *arguments: str) -> pd.DataFrame:
    assert nnsweep("export", "nnsweep", *arguments, "-o", "table.parquet").code == 0
    return pd.read_parquet("table.parquet").sort_values("name", ignore_index=True)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """Give a function that lets jobs fail from now on, by their seeds: as often as is said."""
    train = worker.train

    def plant(times: dict[int, int]) -> None:
        left = dict(times)

        def planted(examples, network, members, training, **more):
            for member in members:
                if left.get(member.seed, 0) > 0:
                    left[member.seed] -= len(members) == 1  # whom a stack has failed of shows when each trains alone
                    raise ValueError(f"planted in {member.seed}")
            return train(examples, network, members, training, **more)

        monkeypatch.setattr(worker, "train", planted)

    return plant


@pytest.fixture
def interrupting(monkeypatch: pytest.MonkeyPatch):
    """Give a function that lets the user interrupt after so many epochs, or never."""

    def plant(epochs: int | None) -> None:
        left = [epochs]

        def asked() -> bool:
            if left[0] is not None:
                left[0] -= 1
            return left[0] is not None and left[0] < 0

        monkeypatch.setattr(interrupt, "is_interrupted", asked)

    return plant


# ---- what is done is done


def test_same_command_repeats_no_job_and_shows_the_same_table(nnsweep, study):
    first = nnsweep(*SEEDS)
    before = runs(study)
    table = exported(nnsweep)
    second = nnsweep(*SEEDS)
    assert (first.code, second.code) == (0, 0)
    assert "3 jobs: 3 new" in first.out
    assert "3 jobs: 3 finished before" in second.out
    assert [run.info.run_id for run in runs(study)] == [run.info.run_id for run in before]
    assert "reused" in second.out
    assert "reused" not in first.out
    pd.testing.assert_frame_equal(exported(nnsweep), table, check_exact=True)
    of_the_second = exported(nnsweep, "--sweep", sweep_id(second))
    pd.testing.assert_frame_equal(of_the_second, table, check_exact=True)
    assert [run.info.status for run in runs(study, kind="sweep")] == ["FINISHED", "FINISHED"]
    assert not [*(study / "multirun" / sweep_id(second)).glob("*/record.json")]


def test_the_plan_is_told_before_the_table(nnsweep, study):
    nnsweep("seed=0", *QUICK)
    said = nnsweep(*SEEDS)
    assert said.out.splitlines()[0] == "3 jobs: 1 finished before, 2 new"
    assert re.match(r"  to train: [\d,]+ parameters in all; all is done in about \d+ s$", said.out.splitlines()[1])
    assert said.out.index("to train") < said.out.index("test_accuracy")


def test_a_wider_grid_runs_its_new_cells_alone(nnsweep, study):
    nnsweep("seed=0,1", "arch=linear", *QUICK)
    said = nnsweep("seed=0,1,2", "arch=linear,shallow", *QUICK)
    assert "6 jobs: 2 finished before, 4 new" in said.out
    assert "6 jobs: 6 finished" in said.out
    ran = [run for run in runs(study) if run.data.tags["nnsweep.sweep"] == sweep_id(said)]
    assert sorted(run.info.run_name for run in ran) == [
        "iris-32-relu-cosine-s0", "iris-32-relu-cosine-s1", "iris-32-relu-cosine-s2", "iris-linear-relu-cosine-s2",
    ]  # fmt: skip
    assert len(exported(nnsweep, "--sweep", sweep_id(said))) == 6


def test_a_narrower_grid_shows_what_it_asks_for(nnsweep, study):
    nnsweep(*SEEDS)
    said = nnsweep("seed=1", *QUICK)
    assert "1 job: 1 finished before" in said.out
    assert exported(nnsweep, "--sweep", sweep_id(said))["name"].tolist() == ["iris-32-relu-cosine-s1"]


def test_jobs_that_are_the_same_run_once_and_that_is_told(nnsweep, study):
    said = nnsweep("seed=1,1,2", "optimizer.learning_rate=0.1,1e-1", *QUICK)
    assert said.code == 0
    assert "2 jobs (4 more are the same as these): 2 new" in said.out
    assert "2 jobs: 2 finished" in said.out
    assert seeds(runs(study)) == [1, 2]


def test_job_is_known_by_its_sizes_not_by_its_architecture_name(nnsweep, study):
    (study / "mine" / "arch").mkdir(parents=True)
    (study / "mine" / "arch" / "mine.yaml").write_text("name: mine\ndepth: 1\nwidth: 32\n")
    nnsweep("arch=shallow", *QUICK)
    said = nnsweep("--config-dir", "mine", "arch=mine,shallow,linear", *QUICK)
    assert "2 jobs (1 more are the same as these): 1 finished before, 1 new" in said.out
    assert len(runs(study)) == 2
    assert "mine" in said.out


def test_tracking_and_launch_settings_change_no_job(nnsweep, study):
    nnsweep(*SEEDS)
    for changed in ("tracking.max_points=7", "hydra/launcher=basic", "sweep.workers=2", "retries=1", "fail_fast=true"):
        assert "3 jobs: 3 finished before" in nnsweep(*SEEDS, changed).out
    assert len(runs(study)) == 3


def test_another_experiment_is_another_study(nnsweep, study):
    nnsweep(*SEEDS)
    assert "3 jobs: 3 new" in nnsweep(*SEEDS, "tracking.experiment=other").out


def test_a_run_that_was_deleted_is_run_again_and_only_that(nnsweep, study):
    nnsweep(*SEEDS)
    (gone,) = [run for run in runs(study) if run.data.params["seed"] == "1"]
    open_client(f"sqlite:///{study / 'mlflow.db'}").delete_run(gone.info.run_id)
    assert "3 jobs: 2 finished before, 1 new" in nnsweep(*SEEDS).out
    assert seeds(runs(study)) == [0, 1, 2]


def test_all_of_a_resumed_sweep_is_in_its_table_files_and_curves(nnsweep, study):
    nnsweep("seed=0,1", *QUICK)
    said = nnsweep(*SEEDS)
    folder = study / "multirun" / sweep_id(said)
    with open(folder / "table.csv", newline="") as file:
        assert sorted(row["seed"] for row in csv.DictReader(file)) == ["0", "1", "2"]
    plan = json.loads((folder / "plan.json").read_text())
    assert len(plan["jobs"]) == 3
    assert plan["reused"] == [run.info.run_id for run in runs(study)[:2]]
    nnsweep("export", "nnsweep", "--sweep", sweep_id(said), "--histories", "-o", "curves.parquet")
    assert pd.read_parquet("curves.parquet")["run_id"].nunique() == 3
    (key,) = re.findall(r"charts +\S+viewStateShareKey=(\w+)", said.out)
    tags = open_client(f"sqlite:///{study / 'mlflow.db'}").get_experiment_by_name("nnsweep").tags
    view = zlib.decompress(base64.b64decode(tags[f"mlflow.sharedViewState.{key}"].partition(";")[2])).decode()
    assert all(run.info.run_id in view for run in runs(study))


# ---- what is run again


@pytest.mark.parametrize(
    ("rerun", "told", "again"),
    [
        ("null", "1 finished before, 1 diverged before, 1 failed, to run again", [1]),
        ("failed", "1 finished before, 1 failed, to run again, 1 diverged, to run again", [1, 2]),
        ("all", "1 finished, to run again, 1 failed, to run again, 1 diverged, to run again", [0, 1, 2]),
        ("none", "1 finished before, 1 failed before, 1 diverged before", []),
    ],
)
def test_which_ended_jobs_are_run_again_is_the_users_choice(rerun, told, again, nnsweep, study, failing):
    failing({1: 1})
    assert nnsweep(*MIXED).code == 3
    before = runs(study)
    assert [run.data.tags["nnsweep.state"] for run in before] == ["finished", "failed", "diverged"]
    said = nnsweep(*MIXED, f"rerun={rerun}")
    assert said.code == 3  # one has diverged, again or before
    assert said.out.splitlines()[0] == f"3 jobs: {told}"
    new = [run for run in runs(study) if run.info.run_id not in {old.info.run_id for old in before}]
    assert seeds(new) == again
    assert {run.data.tags["nnsweep.attempt"] for run in new} <= {"2"}
    states = exported(nnsweep, "--sweep", sweep_id(said))["state"].tolist()
    assert sorted(states) == sorted(["finished", "finished" if again else "failed", "diverged"])


@pytest.mark.parametrize("rerun", ["null", "failed", "all", "none"])
def test_an_interrupted_job_is_run_whatever_is_chosen(rerun, nnsweep, study, interrupting):
    interrupting(1)
    said = nnsweep(*SEEDS)
    assert said.code == 130
    assert "Interrupted. The same command goes on: 3 of 3 jobs are left." in said.out
    assert {run.data.tags["nnsweep.state"] for run in runs(study)} == {"interrupted"}
    interrupting(None)
    said = nnsweep(*SEEDS, f"rerun={rerun}")
    assert said.code == 0
    assert "3 jobs: 3 interrupted, to run again" in said.out
    assert len(exported(nnsweep)) == len(exported(nnsweep, "--sweep", sweep_id(said))) == 3


def test_resumed_job_continues_its_checkpoint_to_the_same_curve(nnsweep, study, interrupting):
    given = (*SEEDS, "trainer.epochs=6", "trainer.dtype=float64", "checkpoint_every=1")
    interrupting(3)
    assert nnsweep(*given).code == 130
    assert len([*study.glob("multirun/*/*/checkpoint.npz")]) == 3
    interrupting(None)
    said = nnsweep(*given)
    assert said.code == 0
    resumed = sweep_id(said)
    interrupting(None)
    assert nnsweep(*given, "tracking.experiment=other").code == 0
    paths = [sorted(study.glob(f"multirun/{sweep}/*/history.parquet")) for sweep in (resumed, "*")]
    for path in paths[0]:
        (whole,) = [
            other for other in paths[1]
            if other != path and other.parent.name == path.parent.name and resumed not in str(other)
            and json.loads((other.parent / "record.json").read_text())["content"]["experiment"] == "other"
        ]  # fmt: skip
        pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(whole), check_exact=True)
        with np.load(path.parent / "weights.npz") as one, np.load(whole.parent / "weights.npz") as other:
            for name in one.files:
                np.testing.assert_array_equal(one[name], other[name])
        assert not (path.parent / "checkpoint.npz").exists()


def test_after_a_failure_is_mended_the_same_command_ends_well(nnsweep, study, failing):
    failing({1: 1, 2: 1})
    said = nnsweep(*SEEDS)
    assert said.code == 3
    assert "3 jobs: 1 finished, 2 failed" in said.out
    assert "planted in 1" in " ".join(said.out.split())
    assert (nnsweep(*SEEDS).code, nnsweep(*SEEDS).code) == (0, 0)
    assert len(runs(study)) == 5
    assert exported(nnsweep)["state"].tolist() == ["finished"] * 3


def test_what_rerun_may_be_is_told(nnsweep, study):
    said = nnsweep(*QUICK, "rerun=always")
    assert said.code == 2
    assert "rerun=always" in said.err
    assert not (study / "multirun").exists()


# ---- failures while the sweep goes on


def test_a_job_that_fails_is_tried_again_as_often_as_is_wanted(nnsweep, study, failing):
    failing({1: 2})
    said = nnsweep(*SEEDS, "retries=2")
    assert said.code == 0, said.err
    assert "3 jobs: 3 finished" in said.out
    warnings = said.err.splitlines()
    assert len(warnings) == 2
    for retry, line in enumerate(warnings, start=1):
        assert line.startswith("nnsweep: warning: job 1 (iris-32-relu-cosine-s1) failed: ValueError: planted in 1")
        assert line.endswith(f"; trying again, {retry} of 2")
    attempts = [run for run in runs(study) if run.data.params.get("seed") == "1"]
    assert [run.data.tags["nnsweep.state"] for run in attempts] == ["failed", "failed", "finished"]
    assert [run.data.tags["nnsweep.attempt"] for run in attempts] == ["1", "2", "3"]
    assert len(exported(nnsweep)) == 3
    record = json.loads(next(study.glob("multirun/*/1/record.json")).read_text())["content"]["record"]
    assert (record["state"], record["attempt"]) == ("finished", 3)


def test_a_job_that_fails_every_time_is_given_up(nnsweep, study, failing):
    failing({1: 9})
    said = nnsweep(*SEEDS, "retries=1")
    assert said.code == 3
    assert "3 jobs: 2 finished, 1 failed" in said.out
    assert len(said.err.splitlines()) == 1
    assert len(runs(study)) == 4


def test_a_diverged_job_is_not_tried_again(nnsweep, study):
    said = nnsweep(*MIXED, "retries=3")
    assert (said.code, said.err) == (3, "")
    assert len(runs(study)) == 3


@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_fail_fast_ends_the_sweep_at_the_first_failure(launcher, nnsweep, study, failing):
    given = ("arch=deep,shallow,linear", "seed=7", f"hydra/launcher={launcher}", *QUICK)
    failing({7: 1})
    batch = ("hydra.sweeper.max_batch_size=1",) if launcher == "basic" else ()
    said = nnsweep(*given, *batch, "fail_fast=true")
    assert said.code == 3
    assert "3 jobs: 1 failed, 2 interrupted" in said.out
    assert "it did not come to its end" in " ".join(said.out.split())
    assert len(runs(study)) == 1
    said = nnsweep(*given)
    assert said.code == 0
    assert "3 jobs: 2 new, 1 failed, to run again" in said.out


# ---- looking without doing


def test_a_dry_run_changes_nothing_and_tells_of_every_job(nnsweep, study, failing):
    failing({1: 1})
    nnsweep(*MIXED)
    open_client(f"sqlite:///{study / 'mlflow.db'}")
    with closing(sqlite3.connect(study / "mlflow.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = everything(study)
    said = nnsweep(*MIXED, "arch=shallow,linear", "dry_run=true")
    assert (said.code, said.err) == (0, "")
    assert everything(study) == before
    lines = said.out.splitlines()
    assert lines[0] == "6 jobs: 1 finished before, 1 diverged before, 3 new, 1 failed, to run again"
    told = {line.split()[1].partition("-learning")[0]: line for line in lines[-6:]}
    assert len(told) == 6
    assert [line.split()[0] for line in lines[-6:]] == ["0", "1", "2", "3", "4", "5"]
    assert told["iris-32-identity-cosine-s0"].endswith("parameters  finished before")
    assert told["iris-32-identity-cosine-s1"].endswith("parameters  run (failed)")
    assert told["iris-32-identity-cosine-s2"].endswith("parameters  diverged before")
    assert told["iris-linear-identity-cosine-s0"].endswith("15 parameters  run (new)")


def test_a_dry_run_makes_no_store_no_experiment_and_no_folder(nnsweep, study):
    (study / "mlflow.db").unlink()
    said = nnsweep(*SEEDS, "dry_run=true")
    assert (said.code, said.err) == (0, "")
    assert "3 jobs: 3 new" in said.out
    assert [*study.iterdir()] == []


def test_a_dry_run_in_a_store_without_the_experiment_makes_none(nnsweep, study):
    before = everything(study)
    assert nnsweep(*SEEDS, "dry_run=true").code == 0
    assert {path.name for path in everything(study)} - {"mlflow.db-wal"} == {path.name for path in before}
    assert nnsweep("export", "nnsweep").code == 2


@pytest.mark.parametrize(
    ("wrong", "code"), [("seed=-1", 2), ("data.val_fraction=0.999", 4), ("tracking.uri=sqlite:////dev/null/m.db", 5)]
)
def test_a_dry_run_tells_what_would_be_refused(wrong, code, nnsweep, study):
    assert nnsweep(*QUICK, wrong, "dry_run=true").code == code


# ---- what has changed is told


def test_a_changed_file_of_the_user_is_told_by_setting(nnsweep, study):
    file = study / "mine" / "schedule" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("name: exp\ngamma: 0.9\nevery: 1\n")
    given = ("--config-dir", "mine", "schedule=mine", *SEEDS)
    first = nnsweep(*given)
    assert first.code == 0, first.err
    assert "3 jobs: 3 finished before" in nnsweep(*given).out
    file.write_text("name: exp\ngamma: 0.5\nevery: 1\n")
    said = nnsweep(*given)
    assert said.code == 0
    assert said.out.splitlines()[:2] == [
        "3 jobs: 3 new",
        "  3 not as an earlier run of the name: schedule.gamma 0.9 -> 0.5",
    ]
    assert len(runs(study)) == 6
    dry = nnsweep(*given, "dry_run=true", "trainer.epochs=4")
    assert "run (new): trainer.epochs 3 -> 4" in dry.out


def test_another_version_of_the_numerics_is_told(nnsweep, study, monkeypatch):
    nnsweep(*SEEDS)
    for module in ("jobs.plan", "jobs.job", "jobs.job_run"):
        monkeypatch.setattr(f"nnsweep.{module}.NUMERICS_VERSION", 1000)
    said = nnsweep(*SEEDS)
    assert re.search(r"^  3 not as an earlier run of the name: numerics version \d+ -> 1000$", said.out, re.M)
    assert len(runs(study)) == 6
    assert "3 jobs: 3 finished before" in nnsweep(*SEEDS).out


def test_other_data_of_the_same_name_are_told(nnsweep, study, monkeypatch):
    nnsweep(*SEEDS)
    (digest,) = {run.data.tags["nnsweep.data_digest"] for run in runs(study)}
    load = worker.load

    def other(name: str, **settings):
        data = dataclasses.replace(load(name, **settings))
        vars(data)["digest"] = "f" * 64
        return data

    monkeypatch.setattr(worker, "load", other)
    worker.forget_datasets()
    try:
        said = nnsweep(*SEEDS)
    finally:
        worker.forget_datasets()
    assert f"  3 not as an earlier run of the name: data digest {digest[:8]} -> ffffffff" in said.out.splitlines()
    assert len(runs(study)) == 6


# ---- records that have to be sent


def test_what_a_store_has_lost_is_sent_to_it_from_the_folders(nnsweep, study, ready_store_file):
    nnsweep(*SEEDS)
    nnsweep("export", "nnsweep", "--histories", "-o", "before.parquet")
    table = exported(nnsweep)
    shutil.copy(ready_store_file, study / "other.db")
    said = nnsweep("sync", "--uri", "sqlite:///other.db")
    assert (said.code, said.out) == (0, "3 records sent, 0 were there already\n")
    said = nnsweep("sync", "--uri", "sqlite:///other.db")
    assert (said.code, said.out) == (0, "0 records sent, 3 were there already\n")
    assert [run.info.status for run in runs(study, database="other.db")] == ["FINISHED"] * 3
    sent = exported(nnsweep, "--uri", "sqlite:///other.db")
    different = ["run_id"]
    pd.testing.assert_frame_equal(sent.drop(columns=different), table.drop(columns=different), check_exact=True)
    nnsweep("export", "nnsweep", "--histories", "-o", "after.parquet", "--uri", "sqlite:///other.db")
    one, other = (
        pd.read_parquet(f"{when}.parquet").drop(columns="run_id").sort_values(["name", "metric", "epoch"])
        for when in ("before", "after")
    )
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True), check_exact=True)
    assert "3 jobs: 3 finished before" in nnsweep(*SEEDS, "tracking.uri=sqlite:///other.db").out


def test_a_sync_of_what_is_there_already_sends_nothing(nnsweep, study):
    nnsweep(*SEEDS)
    before = [run.to_dictionary() for run in runs(study)]
    assert nnsweep("sync").out == "0 records sent, 3 were there already\n"
    assert [run.to_dictionary() for run in runs(study)] == before


def test_a_damaged_record_is_told_and_the_others_are_sent(nnsweep, study, ready_store_file):
    nnsweep(*SEEDS)
    record = next(study.glob("multirun/*/1/record.json"))
    record.write_bytes(record.read_bytes().replace(b'"finished"', b'"finishes"'))
    (next(study.glob("multirun/*/2/history.parquet"))).write_bytes(b"torn")
    shutil.copy(ready_store_file, study / "other.db")
    said = nnsweep("sync", "multirun", "--uri", "sqlite:///other.db")
    assert said.code == 4
    assert said.out == "1 records sent, 0 were there already, 2 damaged\n"
    assert len(said.err.splitlines()) == 2
    assert all(line.startswith("nnsweep: error: ") for line in said.err.splitlines())
    assert len(runs(study, database="other.db")) == 1


def test_a_sync_of_no_folder_is_told(nnsweep, study):
    said = nnsweep("sync", "nowhere")
    assert said.code == 2
    assert "nowhere: there is no such folder" in said.err


def test_one_sweep_alone_may_be_synced(nnsweep, study, ready_store_file):
    first = nnsweep("seed=0", *QUICK)
    nnsweep("seed=1", *QUICK)
    shutil.copy(ready_store_file, study / "other.db")
    said = nnsweep("sync", f"multirun/{sweep_id(first)}", "--uri", "sqlite:///other.db")
    assert said.out == "1 records sent, 0 were there already\n"
    assert seeds(runs(study, database="other.db")) == [0]


# ---- jobs that others are at work on


@pytest.fixture
def held(nnsweep, study):
    """Let a process that lives be at work on the job of seed 1, as the store has it; give its run."""
    nnsweep(*SEEDS, "tracking.experiment=elsewhere")
    (run,) = [run for run in runs(study, "elsewhere") if run.data.params["seed"] == "1"]
    store = prepare_store(f"sqlite:///{study / 'mlflow.db'}", "nnsweep")
    tags = {"nnsweep.kind": "job", "nnsweep.key": run.data.tags["nnsweep.key"], "nnsweep.sweep": "theirs"}
    return store, tracking.start_run(store, "theirs", tags)


def test_who_is_at_work_on_a_job_is_told(nnsweep, held):
    said = nnsweep(*SEEDS, "dry_run=true")
    lines = said.out.splitlines()
    assert lines[0] == "3 jobs: 2 new, 1 run by somebody else, to wait for"
    assert lines[1] == f"  1 held by {this_process()}"
    assert lines[-2].endswith(f"held by {this_process()}")


@pytest.mark.parametrize(("state", "code"), [("finished", 0), ("failed", 3), ("diverged", 3)])
def test_job_running_elsewhere_is_awaited_and_its_result_taken(state, code, nnsweep, study, held, monkeypatch):
    store, run_id = held

    def slept(_: float) -> None:
        assert len(runs(study)) == 3  # all others are done
        tracking.end_run(store, RunRecord(run_id=run_id, name="theirs", state=state))

    monkeypatch.setattr("nnsweep.jobs.sweep.time.sleep", slept)
    said = nnsweep(*SEEDS)
    assert said.code == code
    assert f"3 jobs: {3 - (code > 0)} finished" in said.out
    assert len(runs(study)) == 3
    assert run_id in exported(nnsweep, "--sweep", sweep_id(said))["run_id"].tolist()


def test_a_job_that_somebody_else_gives_up_is_run(nnsweep, study, held, monkeypatch):
    store, run_id = held
    ended = RunRecord(run_id=run_id, name="theirs", state="interrupted")
    monkeypatch.setattr("nnsweep.jobs.sweep.time.sleep", lambda _: tracking.end_run(store, ended))
    said = nnsweep(*SEEDS)
    assert said.code == 0
    assert "3 jobs: 3 finished" in said.out
    assert seeds([run for run in runs(study) if run.info.status == "FINISHED"]) == [0, 1, 2]


# ---- a folder that is used again, for other jobs

AGAIN = ("hydra.sweep.dir=multirun/again", "hydra/launcher=basic", *QUICK)


def test_interrupted_sweep_shows_no_older_result_in_its_folder(nnsweep, interrupting):
    assert nnsweep("seed=0,1", *AGAIN).code == 0
    interrupting(0)
    said = nnsweep("seed=5,6", *AGAIN)
    assert said.code == 130
    assert "2 jobs: 2 interrupted" in said.out
    assert "iris-32-relu-cosine-s1" not in said.out


def test_waiting_result_is_sent_even_from_a_reused_folder(nnsweep, study, monkeypatch):
    assert nnsweep("seed=0,1", *AGAIN).code == 0
    away = "nnsweep.jobs.recorder.Recorder._start"  # when jobs begin
    monkeypatch.setattr(away, lambda _, starts: [""] * len(starts))
    assert nnsweep("seed=5,6", *AGAIN).code == 0
    assert seeds(runs(study)) == [0, 1, 5, 6]


# ---- Hydra's single-run mode

ALONE = ("hydra.mode=RUN", *QUICK)


def test_a_dry_run_of_a_single_job_in_hydras_way_changes_nothing(nnsweep, study):
    said = nnsweep(*ALONE, "dry_run=true")
    assert said.code == 0
    assert said.out.startswith("1 job: 1 new\n")
    assert [path.name for path in study.iterdir() if not path.name.startswith("mlflow.db")] == []
    assert nnsweep("export", "nnsweep").code == 2


def test_a_single_run_is_not_run_twice(nnsweep, study):
    first, second = nnsweep(*ALONE), nnsweep(*ALONE)
    assert first.out.startswith("1 job: 1 new\n")
    assert second.out.startswith("1 job: 1 finished before\n")
    assert len(runs(study)) == 1
    assert {run.info.status for run in runs(study, kind="sweep")} == {"FINISHED"}
    assert sweep_id(first) != sweep_id(second)


def test_single_run_and_sweep_reuse_each_others_results(nnsweep, study):
    assert nnsweep(*ALONE, "seed=1").code == 0
    assert nnsweep(*SEEDS).out.startswith("3 jobs: 1 finished before, 2 new\n")
    assert nnsweep(*ALONE, "seed=2").out.startswith("1 job: 1 finished before\n")
    assert seeds(runs(study)) == [0, 1, 2]


def test_a_single_run_that_failed_is_run_again(nnsweep, study, failing):
    failing({0: 1})
    said = nnsweep(*ALONE)
    assert (said.code, said.err) == (3, "")
    assert "planted in 0" in said.out
    said = nnsweep(*ALONE)
    assert said.code == 0
    assert said.out.startswith("1 job: 1 failed, to run again\n")


def test_what_the_machine_refuses_a_single_run_is_one_line(nnsweep, study, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "sweep.json")

    monkeypatch.setattr("nnsweep.jobs.sweep.write_plan", full)
    said = nnsweep(*ALONE)
    assert said.code == 5
    assert said.err.startswith("nnsweep: error: sweep.json: No space left on device; ")
    assert said.err.count("\n") == 1


def test_a_single_run_that_is_interrupted_tells_how_to_go_on(nnsweep, study, interrupting):
    interrupting(0)
    said = nnsweep(*ALONE)
    assert said.code == 130
    assert "The same command goes on: 1 of 1 jobs are left." in said.out
    interrupting(None)
    assert nnsweep(*ALONE).code == 0
    assert sorted(run.info.status for run in runs(study)) == ["FINISHED", "KILLED"]


def test_single_run_that_changes_folder_records_where_it_began(nnsweep, study):
    for told in ("1 job: 1 new\n", "1 job: 1 finished before\n"):
        assert nnsweep(*ALONE, "hydra.job.chdir=true").out.startswith(told)
    assert len(runs(study)) == 1
    assert [*study.glob("multirun/**/*.db")] == []


def test_single_runs_files_share_a_folder_and_can_be_resent(nnsweep, study, ready_store_file):
    said = nnsweep("hydra.mode=RUN", "hydra.run.dir=out/alone", *QUICK, "tracking.pictures=true")
    assert (said.code, sweep_id(said)) == (0, "alone")
    written = {str(path.relative_to(study / "out/alone")) for path in (study / "out/alone").rglob("*.*")}
    assert {"record.json", "learning_curves.png", "table.csv", ".hydra/config.yaml"} <= written
    assert "multirun.yaml" not in written
    shutil.copy(ready_store_file, study / "other.db")
    said = nnsweep("sync", "out", "--uri", "sqlite:///other.db")
    assert said.out == "1 records sent, 0 were there already\n"
    assert [run.info.status for run in runs(study, kind="sweep", database="other.db")] == ["FINISHED"]


def test_resumed_sweep_with_an_unsent_end_is_whole_after_a_sync(nnsweep, study, monkeypatch):
    assert nnsweep("seed=0,1", *QUICK).code == 0
    with monkeypatch.context() as away:

        def refuse(*_: object) -> None:
            raise StoreError("the store is away")

        away.setattr("nnsweep.tracking.runs.finish_runs", refuse)
        said = nnsweep(*SEEDS, "tracking.patience=0")
    assert said.code == 5
    assert nnsweep("sync").code == 0
    assert len(exported(nnsweep, "--sweep", sweep_id(said))) == 3
