"""What the store gives back is checked: edited tags, other people's values, whatever a person can do in the UI."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mlflow.entities import Metric, Param, Run, RunData, RunInfo, RunTag

from nnsweep.errors import ConfigError
from nnsweep.jobs import plan
from nnsweep.results.factors import drop_constant
from nnsweep.results.frame import frame, narrow_runs
from nnsweep.results.report.report import findings
from nnsweep.results.report.study import Study
from nnsweep.results.selection import rank_runs
from nnsweep.results.tables.terminal import make_terminal_table
from nnsweep.tracking import earlier, query
from nnsweep.tracking import runs as run
from nnsweep.tracking.backend import RunQuery, find_backend
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, find_store

SETTINGS = {"arch": "shallow", "activation": "relu", "schedule": "cosine", "data": "iris", "hidden_layer_sizes": "8"}
METRICS = {"test_accuracy": 0.75, "best_val_accuracy": 0.5, "best_epoch": 3.0, "n_parameters": 83.0, "depth": 1.0}


@pytest.fixture
def write(store: Store) -> Callable[..., str]:
    """Give a function that writes a whole run."""

    def write(number: int, **settings: Any) -> str:
        tags = {
            "nnsweep.kind": "job",
            "nnsweep.sweep": "s1",
            "nnsweep.job": str(number),
            "nnsweep.key": f"{number:064}",
        }
        run_id = run.start_run(store, f"job {number}", tags)
        values = {**SETTINGS, "seed": number, **settings}
        run.end_run(
            store,
            RunRecord(run_id=run_id, name="", state="finished"),
            points=run.make_final_points(METRICS, after=4),
            settings=values,
        )
        return run_id

    return write


EDITED = [
    ("nnsweep.job", "first", "its tag nnsweep.job is 'first', which is no whole number"),
    ("nnsweep.job", "", "its tag nnsweep.job is '', which is no whole number"),
    ("nnsweep.job", "-1", "its tag nnsweep.job is '-1', which is no whole number"),
    ("nnsweep.attempt", "1e999", "its tag nnsweep.attempt is '1e999', which is no whole number"),
    ("nnsweep.state", "great", "its tag nnsweep.state is 'great', which is none of finished, failed"),
]


@pytest.mark.parametrize(("tag", "text", "told"), EDITED)
def test_a_run_with_an_edited_tag_is_named_once(tag: str, text: str, told: str, store: Store, write, capsys):
    kept, edited = write(0), write(1)
    open_client(store.uri).set_tag(edited, tag, text)
    assert [record.run_id for record in query.find_job_runs(store)] == [kept]
    assert [record.run_id for record in query.find_job_runs(store, "s1")] == [kept]
    assert list(earlier.find_runs_by_key(store, [f"{0:064}", f"{1:064}"])) == [f"{0:064}"]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"run job 1 ({edited}) is left out: {told}" in said


def test_a_run_without_its_state_is_left_out(store: Store, write, capsys):
    open_client(store.uri).delete_tag(write(0), "nnsweep.state")
    assert query.find_job_runs(store) == []
    assert "its tag nnsweep.state is missing" in capsys.readouterr().err


def test_a_metric_that_is_no_number_is_left_out(store: Store, write, capsys):
    run_id = write(0)
    open_client(store.uri).log_metric(run_id, "test_accuracy", float("nan"), step=9)
    (record,) = query.find_job_runs(store)
    assert "test_accuracy" not in record.metrics
    assert record.metrics["best_val_accuracy"] == 0.5
    assert "has metrics that are no numbers, which are left out: test_accuracy nan" in capsys.readouterr().err


def test_a_run_of_nobody_is_not_waited_for_for_ever(store: Store, write, monkeypatch: pytest.MonkeyPatch):
    run_id = run.start_run(store, "open", {"nnsweep.kind": "job", "nnsweep.key": "a" * 64, run.OWNER: "me"})
    (found,) = earlier.find_running(store)
    assert (found.record.run_id, found.owner, found.owner_is_gone) == (run_id, None, False)
    monkeypatch.setattr("nnsweep.tracking.owner.LEASE_SECONDS", -1.0)
    assert found.owner_is_gone


def test_a_sweep_without_its_summary_has_its_jobs(store: Store, write, tmp_path):
    run_ids = [write(0), write(1)]
    summary = run.start_run(store, "sweep s2", {"nnsweep.kind": "sweep", "nnsweep.sweep": "s2"})
    (tmp_path / "plan.json").write_text(f'{{"reused": ["{run_ids[0]}"]}}')
    run.log_artifacts(store, summary, [tmp_path / "plan.json"])
    own = run.start_run(store, "mine", {"nnsweep.kind": "job", "nnsweep.sweep": "s2", "nnsweep.state": "running"})
    open_client(store.uri).delete_run(summary)
    assert [record.run_id for record in query.find_job_runs(store, "s2")] == [run_ids[0], own]
    assert query.find_store_of_sweep(store.uri, "s2").experiment == "study"


def test_a_deleted_experiment_is_told(store: Store):
    open_client(store.uri).delete_experiment(store.experiment_id)
    with pytest.raises(ConfigError, match=r"this experiment is deleted.*mlflow experiments restore"):
        find_store(store.uri, "study")


SWEEPS = ["a b", "lr=1", "a&b", "größe", "it's", 'say "x"', "'\"", "a\\b", "100%", "(1)", "a;b--", "[x]"]


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_sweep_is_found_by_any_name(sweep: str, store: Store, job):
    mine = job(name=sweep, sweep=sweep)
    job(sweep="s2")
    assert [record.run_id for record in query.find_job_runs(store, sweep)] == [mine]
    assert query.find_store_of_sweep(store.uri, sweep) == store
    assert query.find_job_run(store.uri, sweep)[1].info.run_id == mine
    assert run.find_run(store, sweep=sweep, job=0, attempt=1) is None
    assert run.find_sweep_run(store, sweep) is None


# ---- what others have added


@pytest.fixture
def added(store: Store, write) -> Any:
    """Give a frame of two runs, to one of which others have added something."""
    write(0)
    run_id, asked = write(1), open_client(store.uri)
    asked.log_metric(run_id, "my metric", 0.875)
    asked.log_param(run_id, "dropout kind", "a")
    asked.log_param(run_id, "budget", "5")
    asked.set_tag(run_id, "reviewed by", "Ada")
    return rank_runs(frame(query.find_job_runs(store)))


def test_what_others_have_added_can_be_chosen(added):
    chosen = narrow_runs(
        added, filter="`my metric` > 0.5 and budget == 5", columns=["name", "dropout kind", "reviewed by", "my metric"]
    )
    assert chosen.to_numpy().tolist() == [["job 1", "a", "Ada", 0.875]]
    assert len(narrow_runs(added, filter="`reviewed by` == None")) == 1


def test_what_others_have_added_is_no_setting(added):
    names = {"dropout kind", "budget", "reviewed by"}
    assert names <= {*added.columns}
    assert not names & {*added.attrs["settings"]}
    assert not names & {*drop_constant(added).columns}


# ---- text that reads like something else


@pytest.mark.parametrize("text", ["2024", "1.5", "None", "True", "-0", "1e3", "kind", "007", "nan", ""])
def test_a_text_comes_back_as_text(text: str, store: Store, write):
    write(0, **{"data.target": text, "trainer.patience": None, "trainer.epochs": 4})
    settings = query.find_job_runs(store)[0].settings
    assert [settings[name] for name in ("data.target", "trainer.patience", "trainer.epochs")] == [text, None, 4]
    assert type(settings["data.target"]) is str


def test_only_texts_that_mislead_are_recorded(store: Store, write):
    assert run.TEXTS not in open_client(store.uri).get_run(write(0, **{"data.target": "kind"})).data.tags
    tags = open_client(store.uri).get_run(write(1, **{"data.target": "2024"})).data.tags
    assert tags[run.TEXTS] == '["data.target"]'


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "of an earlier version"])
def test_text_and_numbers_in_a_column_can_be_filtered(is_recorded: bool, store: Store, write):
    write(0, **{"data.target": "kind"})
    run_id = write(1, **{"data.target": "2024"})
    if not is_recorded:
        open_client(store.uri).delete_tag(run_id, run.TEXTS)
    runs = rank_runs(frame(query.find_job_runs(store)))
    number = "'2024'" if is_recorded else "2024"
    held = {
        f"data.target == {number}": ["job 1"],
        "data.target == 'kind'": ["job 0"],
        "data.target != 'kind'": ["job 1"],
        "data.target in ['kind']": ["job 0"],
    }
    assert {rule: narrow_runs(runs, filter=rule)["name"].tolist() for rule in held} == held


def test_a_number_is_still_no_text(store: Store, write):
    write(0)
    with pytest.raises(ConfigError, match="cannot be compared"):
        narrow_runs(frame(query.find_job_runs(store)), filter="seed == '0'")


# ---- whatever else


TEXTS = [
    "first",
    "",
    "-1",
    "1e999",
    "x" * 9000,
    "{",
    "[1",
    "None",
    "nan",
    "0.5",
    "ünï",
    "[]",
    "{}",
    "9" * 20,
    " 1",
    "٣",
]
NUMBERS = [float("nan"), float("inf"), -float("inf"), -1.0, 1e300, 0.0, 1.5, -0.0]


def mutated(one: Run, draw: random.Random) -> Run:
    """Change up to three things of a run, as anybody could."""
    tags, params, metrics = dict(one.data.tags), dict(one.data.params), dict(one.data.metrics)
    name, status = one.info.run_name, one.info.status
    for _ in range(draw.randrange(4)):
        values: dict[str, Any] = draw.choice([tags, params, metrics])
        changed = draw.choice([*sorted(values), "my metric", "seed", "state", "name"])
        kind = draw.randrange(4)
        if kind == 0:
            values.pop(changed, None)
        elif kind == 1:
            name, status = draw.choice([None, "", "a\nb"]), draw.choice(["RUNNING", "FAILED", "KILLED", "SCHEDULED"])
        else:
            values[changed] = draw.choice(NUMBERS if values is metrics else TEXTS)
    info = RunInfo(
        run_id=one.info.run_id, experiment_id="1", user_id="", status=status, start_time=one.info.start_time,
        end_time=None, lifecycle_stage="active", artifact_uri=one.info.artifact_uri, run_name=name,
    )  # fmt: skip
    data = RunData(
        [Metric(key, value, 0, 0) for key, value in metrics.items()],
        [Param(key, text) for key, text in params.items()],
        [RunTag(key, text) for key, text in tags.items()],
    )
    return Run(info, data)


@pytest.fixture
def served(store: Store, write, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Give a function that lets the store give back other runs than were written."""
    for number in range(4):
        write(number, arch=f"a{number // 2}", hidden_layer_sizes=str(8 * (1 + number // 2)))
    real = [*query.search_runs(store, RunQuery())]

    def serve(seed: int) -> None:
        draw = random.Random(seed)
        runs = [mutated(one, draw) for one in real]
        monkeypatch.setattr(find_backend(store.uri), "find_runs", lambda *_: iter(runs))

    return serve


def test_nothing_that_a_store_gives_back_is_a_traceback(served, store: Store, capsys):
    keys, names = [f"{number:064}" for number in range(4)], [f"job {number}" for number in range(4)]
    n_read = 0
    for seed in range(300):
        served(seed)
        runs = rank_runs(frame(query.find_job_runs(store)))
        n_read += len(runs)
        make_terminal_table(runs)
        narrow_runs(runs, filter="" if "seed" not in runs else "seed != None", sort=["job"])
        assert all(plan.decide(found, None) for found in earlier.find_runs_by_key(store, keys).values())
        earlier.find_runs_by_name(store, names)
        earlier.find_running(store)
        if seed % 30 == 0 and len(runs):
            findings(Study(runs=runs))
    assert 600 < n_read < 1200  # some were left out, most were not
