"""A recorded run is trained again from its record, and whatever is not as it was is noticed and named."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nnsweep.errors import ConfigError, DataError
from nnsweep.jobs import reproduce as reproduction
from nnsweep.jobs import worker
from nnsweep.jobs.reproduce import Change, reproduce_run
from nnsweep.mlp.initializers import INITIALIZERS
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.train import NUMERICS_VERSION
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.query import find_job_run
from nnsweep.tracking.recorded_run import RecordedRun, read_run

KINDS: dict[str, tuple[str, ...]] = {
    "minibatches": (),
    "full batch": ("trainer.batch_size=null", "trainer.dtype=float64"),
    "adam, dropout": ("optimizer=adam", "trainer.dropout=0.2"),
    "sometimes measured": ("trainer.evaluate_every=2", "schedule=reduce_on_plateau"),
    "without validation": ("data.val_fraction=0", "activation=tanh"),
    "other measures": ("trainer.measures=[f1_macro,ece]", "trainer.select=val_log_loss", "schedule=reduce_on_plateau"),
    "stopped early": ("trainer.patience=1", "trainer.min_delta=0.99"),
    "diverged": ("optimizer.learning_rate=1e300", "activation=identity", "trainer.dtype=float64"),
}


@pytest.fixture
def read(store):
    """Read what is recorded of a job that was done."""
    return lambda done, **changed: replace(read_run(store.uri, done.record.run_id), **changed)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_recorded_is_reproduced_bit_for_bit(kind, done, read):
    run = read(done(*KINDS[kind]))
    assert run.record.state == ("diverged" if kind == "diverged" else "finished")
    assert reproduce_run(run) == (len(run.history), [], [])


def test_network_trained_in_a_stack_is_reproduced_alone(nnsweep, study):
    assert nnsweep("seed=0,1,2", "data=iris", "trainer.epochs=3", "tracking.pictures=false").code == 0
    for seed in range(3):
        said = nnsweep("reproduce", f"iris-32-relu-cosine-s{seed}")
        assert said.code == 0, said.out + said.err
        assert "equal in all 4 epochs, bit for bit\n" in said.out


@pytest.mark.parametrize("epoch", [0, 2])
@pytest.mark.parametrize("metric", ["learning_rate", "train_cost", "val_accuracy", "test_accuracy"])
def test_one_bit_of_the_recorded_history_is_noticed_where_it_is(metric, epoch, done, read):
    run = read(done())
    was = float(run.history.loc[epoch, metric])
    changed = float(np.nextafter(was, 10))
    history = run.history.copy()
    history.loc[epoch, metric] = changed
    told = reproduce_run(replace(run, history=history))
    assert told.differences == [Change(f"epoch {epoch}, {metric}", repr(changed), repr(was))]
    assert told.n_epochs == epoch + 1


def test_other_first_weights_are_noticed_at_epoch_0(done, read, monkeypatch):
    run, name = read(done()), "he_uniform"
    initializer = INITIALIZERS[name]
    monkeypatch.setitem(INITIALIZERS, name, lambda *given: initializer(*given) * 1.0001)
    (difference,) = reproduce_run(run).differences
    assert difference.what == "epoch 0, train_cost"
    assert float(difference.recorded) == run.history.loc[0, "train_cost"]


def test_another_update_rule_is_noticed_at_epoch_1(done, read, monkeypatch):
    run = read(done())

    def slower(block: Any, gradient: Any, slots: Any, step: int, *, learning_rate: Any, **constants: Any) -> None:
        rule.update(block, gradient, slots, step, learning_rate=learning_rate * 0.9, **constants)

    rule = OPTIMIZERS["momentum"]
    monkeypatch.setitem(OPTIMIZERS, "momentum", rule._replace(update=slower))
    (difference,) = reproduce_run(run).differences
    assert difference.what == "epoch 1, train_cost"


def test_a_metric_that_was_changed_in_the_store_is_noticed(done, read, store):
    job = done()
    with closing(sqlite3.connect(store.uri.removeprefix("sqlite:///"), timeout=30)) as connection:
        asked = "UPDATE latest_metrics SET value = 0.125 WHERE run_uuid = ? AND key = 'max_test_accuracy'"
        assert connection.execute(asked, (job.record.run_id,)).rowcount == 1
        connection.commit()
    was = job.record.metrics["max_test_accuracy"]
    assert reproduce_run(read(job)).differences == [Change("max_test_accuracy", "0.125", repr(was))]


def test_a_bit_of_what_was_right_is_noticed(done, read):
    run = read(done())
    right = run.correct.right.copy()
    right[3] ^= True
    (difference,) = reproduce_run(replace(run, correct=run.correct._replace(right=right))).differences
    assert difference.what == "which test examples are right"


def test_too_short_or_too_long_history_is_noticed(done, read):
    run = read(done())
    told = reproduce_run(replace(run, history=run.history.iloc[:3])).differences
    assert told == [Change("the end of training", "finished", "it goes on")]
    longer = pd.concat([run.history, run.history.iloc[3:]], ignore_index=True)
    told = reproduce_run(replace(run, history=longer)).differences
    assert told == [Change("the end of training", "epoch 4", "epoch 3, finished")]


def test_missing_curve_is_excused_only_by_other_numerics(done, read):
    run = read(done())
    assert np.isfinite(run.history["val_cost"]).all()
    shorter = replace(run, history=run.history.drop(columns="val_cost"))
    assert reproduce_run(replace(shorter, numerics="3")).differences == []
    (difference,) = reproduce_run(shorter).differences
    assert (difference.what, difference.recorded) == ("epoch 0, val_cost", "nan")


def test_an_interrupted_run_is_compared_as_far_as_it_had_come(done, read):
    run = read(done())
    interrupted = replace(run.record, state="interrupted", metrics={})
    assert reproduce_run(replace(run, record=interrupted, history=run.history.iloc[:3])) == (3, [], [])


def test_what_is_another_than_at_the_time_is_told(done, read):
    run = read(done())
    environment = json.loads(json.dumps(run.environment))
    environment["packages"]["numpy"] = "1.26.4"
    environment["processor"] = "abacus"
    environment["blas"] = [{"internal_api": "mkl", "version": "2024.1", "architecture": "Haswell"}]
    record = replace(run.record, data_digest="0" * 64)
    told = reproduce_run(replace(run, environment=environment, record=record, numerics="1")).circumstances
    assert {change.what for change in told} == {"processor", "numpy", "BLAS", "data digest", "numerics version"}
    assert ("numpy", "1.26.4", np.__version__) in told
    assert ("numerics version", "1", str(NUMERICS_VERSION)) in told
    assert "mkl 2024.1 Haswell" in [change.recorded for change in told]


def test_a_configuration_that_was_changed_is_told_by_the_key(done, read):
    run = read(done())
    told = reproduce_run(replace(run, config=run.config | {"seed": 1}))
    assert told.differences[0].what == "epoch 0, train_cost"
    assert [change.what for change in told.circumstances] == ["configuration"]


@pytest.mark.parametrize(
    ("config", "told"), [({}, "has no configuration"), ({"seed": -1}, "seed=-1: must be >= 0"), ({"sed": 1}, "sed")]
)
def test_untrainable_configuration_is_refused_in_one_line(config, told, done, read):
    run = read(done())
    with pytest.raises(DataError, match=told) as refusal:
        reproduce_run(replace(run, config=run.config | config if config else {}))
    assert "\n" not in str(refusal.value)


def test_a_failed_run_has_nothing_to_be_reproduced(done, read, monkeypatch):
    monkeypatch.setattr(worker, "train", lambda *given, **named: 1 / 0)
    run = read(done())
    with pytest.raises(DataError, match="has no configuration to compare with: it failed"):
        reproduce_run(run)


def test_reproduce_explains_differences_and_spares_the_store(nnsweep, study, monkeypatch):
    nnsweep("data=iris", "trainer.epochs=3", "tracking.pictures=false")

    def dump() -> list[str]:
        with closing(sqlite3.connect(study / "mlflow.db", timeout=30)) as connection:
            return [*connection.iterdump()]

    before = dump(), sorted(study.glob("m*/**/*"))
    assert nnsweep("reproduce", "iris-32-relu-cosine-s0").code == 0
    initializer = INITIALIZERS["he_uniform"]
    monkeypatch.setitem(INITIALIZERS, "he_uniform", lambda *given: -initializer(*given))
    said = nnsweep("reproduce", "iris-32-relu-cosine-s0")
    assert said.code == 6
    assert "epoch 0, train_cost: " in said.out
    assert "so the record or the code has been changed" in said.err
    assert len(said.err.splitlines()) == 1
    now = {"python": "4.0", "packages": {}}
    monkeypatch.setattr(reproduction, "describe_environment", lambda: now)
    said = nnsweep("reproduce", "iris-32-relu-cosine-s0")
    assert "which may be because these have changed:\n" in said.out
    assert " at the time, 4.0 now\n" in said.out
    assert (dump(), sorted(study.glob("m*/**/*"))) == before


def test_run_is_found_by_unambiguous_id_prefix_or_name(done, store):
    first, second, again = done(number=0), done(number=1), done(sweep="s2", number=1)
    run_id = first.record.run_id
    for wanted in (run_id, run_id[:12], "n0"):
        assert find_job_run(store.uri, wanted)[1].info.run_id == run_id
        assert find_job_run(store.uri, wanted, "study")[0] == store
    assert find_job_run(store.uri, "n1")[1].info.run_id == again.record.run_id  # the same job: the last that finished
    assert find_job_run(store.uri, second.record.run_id)[1].info.run_id == second.record.run_id
    other = done("seed=1", sweep="s3", number=1)
    with pytest.raises(ConfigError, match=r"'n1' may be any of 2 runs: n1 \(.*; give more of the id") as refusal:
        find_job_run(store.uri, "n1")
    assert again.record.run_id in str(refusal.value)
    assert other.record.run_id in str(refusal.value)
    for nothing in ("n7", "", "' OR 1=1", "%", "_" * 32, "x" * 5000, "n\0"):
        with pytest.raises(ConfigError, match="there is no run"):
            find_job_run(store.uri, nothing)


def test_a_record_of_an_earlier_version_can_be_read(done, store, tmp_path):
    job = done()
    (artifacts,) = tmp_path.glob(f"mlartifacts/**/{job.record.run_id}/artifacts")
    (artifacts / "correct.npz").unlink()
    (artifacts / "environment.json").unlink()
    for tag in ("numerics", "seal", "config"):
        open_client(store.uri).delete_tag(job.record.run_id, f"nnsweep.{tag}")
    run = read_run(store.uri, job.record.run_id)
    assert isinstance(run, RecordedRun)
    assert (run.correct, run.environment, run.numerics) == (None, {}, "")
    assert reproduce_run(run) == (4, [], [])
