"""Sweeps from Python: real ones, in this process where that shows the same, in one of their own where not."""

import asyncio
import contextlib
import doctest
import logging
import os
import pydoc
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from pandas.testing import assert_frame_equal

import nnsweep as package
from nnsweep.api.load import load_results
from nnsweep.api.sweep import sweep
from nnsweep.errors import ConfigError, DataError, StoreError
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.hydra_job import VERSION_BASE
from nnsweep.jobs.interrupt import SIGNALS

QUICK = {"data": "iris", "trainer__epochs": 3, "tracking__pictures": False}
LINES = ("data=iris", "trainer.epochs=3", "tracking.pictures=false")

pytestmark = pytest.mark.usefixtures("study")


def actions(plan):
    return plan["action"].value_counts().to_dict()


def test_results_equal_those_load_results_gives_for_the_sweep(study):
    runs = sweep(["arch=linear,shallow", "seed=range(0,2)"], **QUICK)
    assert len(runs) == 4
    assert set(runs["state"]) == {"finished"}
    assert runs["best_val_accuracy"].is_monotonic_decreasing
    assert_frame_equal(runs, load_results("nnsweep", sweep=runs.attrs["sweep"]))
    assert runs.attrs["settings"] == load_results("nnsweep").attrs["settings"]
    assert {name: runs.attrs[name] for name in ("experiment", "store")} == {
        "experiment": "nnsweep", "store": f"sqlite:///{study / 'mlflow.db'}"
    }  # fmt: skip
    assert (study / "multirun" / runs.attrs["sweep"] / "table.csv").exists()


@pytest.mark.parametrize("wrong", [{"folder": 3}, {"config_dir": 3}, {"progress": "yes"}])
def test_an_argument_of_another_kind_is_told_in_one_line(wrong):
    (name,) = wrong
    with pytest.raises(TypeError, match=f"^{name} is of the type (int|str); pass [a-zA-Z, ]+$"):
        sweep("arch=linear", **QUICK, **wrong)


def test_nothing_is_printed_unless_progress_is_wanted(capfd):
    sweep("arch=linear,shallow", **QUICK)
    assert capfd.readouterr() == ("", "")
    sweep("arch=linear,shallow", seed=1, progress=True, **QUICK)
    out, err = capfd.readouterr()
    assert out.startswith("2 jobs: 2 new\n")
    assert "finished" not in out
    assert re.search(r"^2 of 2 jobs run, best so far 0\.\d+ \(iris-(linear|32)-relu-cosine-s1\)$", err, re.MULTILINE)


def test_a_notebooks_sweep_is_the_command_lines_too(nnsweep):
    first = sweep(["arch=linear,shallow"], seed=range(2), trainer__class_weight=(None, [1, 2, 0.5]), **QUICK)
    said = nnsweep("arch=linear,shallow", "seed=range(0,2)", "trainer.class_weight=null,[1.0,2.0,0.5]", *LINES)
    assert said.code == 0
    assert "8 jobs: 8 finished before" in said.out
    assert len(load_results("nnsweep")) == len(first) == 8


def test_the_command_lines_sweep_is_a_notebooks_too(nnsweep):
    assert nnsweep("arch=linear,shallow", "seed=range(0,2)", *LINES).code == 0
    before = load_results("nnsweep")
    assert actions(sweep(arch=("linear", "shallow"), seed=range(3), dry_run=True, **QUICK)) == {"reuse": 4, "run": 2}
    runs = sweep(arch=("linear", "shallow"), seed=range(2), **QUICK)
    assert_frame_equal(runs, before)
    assert runs.attrs["sweep"] not in set(runs["sweep"])  # none was run again
    wider = sweep(arch=("linear", "shallow"), seed=range(3), **QUICK)
    assert set(before["run_id"]) < set(wider["run_id"])
    assert len(wider) == 6


def test_settings_may_be_given_in_either_way_and_keywords_win(nnsweep):
    runs = sweep(
        ["seed=5", "activation=relu,tanh"],
        seed=7,
        arch__hidden_layer_sizes=([4], [4, 3]),
        output_activation="identity",
        trainer={"batch_size": None},
        **QUICK,
    )
    assert set(runs["seed"]) == {7}
    assert sorted(runs["hidden_layer_sizes"]) == ["4", "4", "4-3", "4-3"]
    assert set(runs["trainer.batch_size"]) == {None}
    said = nnsweep(
        "activation=relu,tanh", "seed=7", "arch.hidden_layer_sizes=[4],[4,3]", "trainer.batch_size=null", *LINES
    )
    assert "4 finished before" in said.out


def test_odd_texts_arrive_as_they_were_given(study):
    name = 'what\'s "this", a=b? {ü} [中]'
    runs = sweep(experiment=name, **QUICK)
    assert runs.attrs["experiment"] == name
    assert_frame_equal(runs, load_results(name))


def test_a_plan_is_a_frame_and_changes_nothing(study):
    sweep(seed=range(2), **QUICK)
    before = sorted(path for path in study.rglob("*") if ".db-" not in path.name)
    plan = sweep(seed=range(4), dry_run=True, **QUICK)
    assert sorted(path for path in study.rglob("*") if ".db-" not in path.name) == before
    assert plan["action"].tolist() == ["reuse", "reuse", "run", "run"]
    assert plan["state"].tolist() == ["finished", "finished", "new", "new"]
    assert plan["seed"].tolist() == [0, 1, 2, 3]
    assert plan["n_parameters"].tolist() == [259] * 4
    assert set(plan["run_id"][:2]) == set(load_results("nnsweep")["run_id"])
    assert plan["run_id"][2:].tolist() == ["", ""]
    assert plan.attrs["experiment"] == "nnsweep"
    assert sweep("dry_run=true", **QUICK)["action"].tolist() == ["reuse"]


def test_a_plan_needs_no_store(tmp_path):
    plan = sweep(folder=tmp_path / "elsewhere", dry_run=True, **QUICK)
    assert plan["action"].tolist() == ["run"]
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_stands_for_the_working_folder(study, ready_store_file, nnsweep, monkeypatch):
    project = study / "a project, 'mine'"
    project.mkdir()
    shutil.copy(ready_store_file, project / "mlflow.db")
    runs = sweep(folder=project, **QUICK)
    assert runs.attrs["store"] == f"sqlite:///{project / 'mlflow.db'}"
    assert (project / "multirun" / runs.attrs["sweep"] / "0" / "record.json").exists()
    assert not (study / "multirun").exists()
    monkeypatch.chdir(project)
    assert "1 finished before" in nnsweep(*LINES).out


def test_a_store_is_given_by_its_uri(study, ready_store_file):
    shutil.copy(ready_store_file, study / "other.db")
    runs = sweep(uri="sqlite:///other.db", **QUICK)
    assert runs.attrs["store"] == f"sqlite:///{study / 'other.db'}"
    assert_frame_equal(runs, load_results("nnsweep", uri="sqlite:///other.db"))
    with pytest.raises(ConfigError):
        load_results("nnsweep")


def test_own_configurations_are_found(study):
    (study / "conf" / "arch").mkdir(parents=True)
    (study / "conf" / "arch" / "mine.yaml").write_text("name: mine\nhidden_layer_sizes: [5, 4]\n")
    runs = sweep(arch=("mine", "linear"), config_dir=Path("conf"), **QUICK)
    assert set(runs["hidden_layer_sizes"]) == {"5-4", "linear"}
    assert len(sweep(arch="linear", **QUICK)) == 1  # and forgotten
    with pytest.raises(ConfigError, match=r"arch=mine: there is no such choice"):
        sweep(arch="mine", **QUICK)
    with pytest.raises(ConfigError, match=r"--config-dir nowhere: there is no such folder"):
        sweep(config_dir="nowhere", **QUICK)


def test_an_experiment_is_that_of_load_results_and_no_preset():
    assert_frame_equal(sweep(experiment="study", **QUICK), load_results("study"))
    with pytest.raises(ConfigError, match=r"give the override 'experiment=notebook' to sweep it"):
        sweep(experiment="notebook", **QUICK)
    for name in ("activations", "mine"):
        plan = sweep("experiment=activations", experiment=name, dry_run=True)
        assert plan.attrs["experiment"] == name
        assert len(plan) > 10
    assert sweep(tracking__experiment="notebook", dry_run=True, **QUICK).attrs["experiment"] == "notebook"


def test_jobs_that_do_not_finish_are_in_the_frame_and_warned_of():
    wild = QUICK | {"optimizer__learning_rate": (0.1, 1e300), "activation": "identity", "trainer__dtype": "float64"}
    with pytest.warns(UserWarning, match=r"^1 of 2 jobs did not finish: 1 diverged$") as warned:
        runs = package.sweep(**wild)
    assert [one.filename for one in warned if "did not finish" in str(one.message)] == [__file__]
    assert sorted(runs["state"]) == ["diverged", "finished"]
    assert runs["reason"][1].startswith("cost or weights were not finite")
    with pytest.warns(UserWarning, match="1 diverged"):  # again, though nothing was run
        assert_frame_equal(sweep(**wild), runs)


WRONG = [
    (["arch=nosuch"], {}, ConfigError, ["arch=nosuch: there is no such choice"]),
    (["seed"], {}, ConfigError, ["seed: is a setting; write seed=VALUE"]),
    ("nosuch=1", {}, ConfigError, ["nosuch: there is no such key"]),
    (
        [],
        {"trainer__epochs": 0, "seed": (-1, "x")},
        ConfigError,
        ["schedule.decay_epochs=0:", "trainer.epochs=0:", "seed=-1:", "seed=x:"],
    ),
    ([], {"seed": (), "data": object()}, ConfigError, ["data=<object", "seed=(): has no values"]),
    (["--multirun"], {}, ConfigError, ["--multirun: is no override"]),
    (
        [],
        {"trainer__class_weight": ([1, 2], [1])},
        ConfigError,
        ["trainer.class_weight=[1,2]", "trainer.class_weight=[1]"],
    ),
    (["hydra/sweeper=basic"], {}, ConfigError, ["hydra/sweeper: only the grid sweeper"]),
    (["hydra.mode=RUN"], {}, ConfigError, ["hydra.mode: a single job is a grid of one"]),
    ([], {"sweep__max_jobs": 2, "seed": range(3)}, ConfigError, ["3 jobs are more than sweep.max_jobs=2"]),
    (["data=newsgroups", "data.home=/nowhere"], {}, DataError, [""]),
    ([], {"uri": "sqlite:////proc/no/store.db"}, StoreError, ["the store /proc/no/store.db cannot be made"]),
    ([], {"uri": "nonsense"}, ConfigError, ["tracking.uri=nonsense"]),
]


@pytest.mark.parametrize(
    ("overrides", "settings", "kind", "told"),
    WRONG,
    ids=[re.sub(r" at 0x\w+", "", str(each[:2]))[:60] for each in WRONG],
)
def test_what_is_wrong_is_raised_and_nothing_is_made(overrides, settings, kind, told, study, capfd):
    before = {*study.iterdir()}
    with pytest.raises(kind) as refused:
        sweep(overrides, **({} if kind is DataError else QUICK) | settings)
    assert type(refused.value) is kind
    assert len(refused.value.problems) == len(told)
    assert all(start in problem for problem, start in zip(refused.value.problems, told, strict=True)), refused.value
    assert str(refused.value) == "\n".join(refused.value.problems)
    assert capfd.readouterr() == ("", "")
    assert {path for path in study.iterdir() if ".db-" not in path.name} == before


def test_a_store_that_lacks_something_at_the_end_is_an_error(monkeypatch):
    monkeypatch.setattr("nnsweep.jobs.summary._send_waiting", lambda end: "the store is away. 1 of 1 results wait")
    with pytest.raises(StoreError, match=r"^the store is away\. 1 of 1 results wait$"):
        sweep(**QUICK)


def test_a_store_that_was_deleted_is_made_anew(study, ready_store_file):
    first = sweep(**QUICK)
    for path in study.glob("mlflow.db*"):
        path.unlink()
    shutil.copy(ready_store_file, study / "mlflow.db")
    again = sweep(**QUICK)
    assert again["run_id"].tolist() != first["run_id"].tolist()
    code = "import nnsweep; print(*nnsweep.load_results('nnsweep')['run_id'])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == again["run_id"].tolist()


def state():
    return {
        "hydra": {kind: value for kind, value in Singleton._instances.items() if kind in (GlobalHydra, HydraConfig)},
        "signals": [signal.getsignal(number) for number in SIGNALS],
        "logging": (logging.root.level, [*logging.root.handlers], logging.raiseExceptions),
        "environment": {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        "folder": Path.cwd(),
        "arguments": [*sys.argv],
    }


@pytest.mark.parametrize("launcher", [[], ["+hydra.job.env_set.SOME=thing"]], ids=["stacked", "one by one"])
def test_the_process_is_left_as_it_was(launcher):
    sweep(**QUICK)  # mlflow settles its environment once
    logging.root.setLevel(logging.ERROR)
    before = state()
    runs = sweep(launcher, seed=(0, 1, 2), **QUICK)
    assert len(runs) == 3
    assert state() == before
    with contextlib.suppress(ConfigError):
        sweep(launcher, seed=-1, **QUICK)
    assert state() == before
    logging.root.setLevel(logging.WARNING)


def test_a_program_with_a_hydra_of_its_own_keeps_it():
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        own = GlobalHydra.instance().hydra
        assert len(sweep(seed=(0, 1), **QUICK)) == 2
        assert GlobalHydra.instance().hydra is own
        assert compose("config", overrides=["seed=3"]).seed == 3
    assert not GlobalHydra.instance().is_initialized()


def test_it_runs_inside_a_running_loop_as_notebooks_have_one():
    async def cell():
        return sweep(seed=(0, 1), **QUICK)

    assert len(asyncio.run(cell())) == 2


def test_it_runs_in_other_threads_one_after_the_other():
    found: list[pd.DataFrame] = []
    threads = [
        threading.Thread(target=lambda s=seed: found.append(sweep(seed=(s, s + 1), **QUICK))) for seed in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(runs) for runs in found] == [2, 2, 2]
    assert len(load_results("nnsweep")) == 4


def ran(study, text, *arguments, **how):
    """Run a script of its own; give what it printed."""
    (study / "script.py").write_text(text)
    said = subprocess.run(
        [sys.executable, *arguments, "script.py"], capture_output=True, text=True, cwd=study, timeout=120, **how
    )
    assert said.returncode == 0, said.stderr
    return said.stdout.splitlines()


def test_a_script_needs_no_guard_though_workers_are_used(study):
    text = """
import os, threading
import nnsweep
print("begun", os.getpid())
settings = {"data": "iris", "trainer__epochs": 300, "sweep__workers": 2, "tracking__pictures": False}
runs = nnsweep.sweep(["seed=range(0,4)"], **settings)
print(len(runs), *sorted(set(runs["state"])))
thread = threading.Thread(target=lambda: print(len(nnsweep.sweep("seed=range(0,6)", **settings))))
thread.start()
thread.join()
"""
    first, *rest = ran(study, text)
    assert first.startswith("begun")
    assert rest == ["4 finished", "6"]


def test_workers_of_a_later_sweep_see_its_environment(study, ready_store_file):
    for name in ("one", "two"):
        shutil.copy(ready_store_file, study / f"{name}.db")
    text = """
import os
import nnsweep
for name in ("one", "two"):
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{name}.db"
    runs = nnsweep.sweep("seed=range(0,2)", data="iris", trainer__epochs=3, sweep__workers=2)
    print(len(runs), runs.attrs["store"].rpartition("/")[2], *set(runs["state"]))
"""
    assert ran(study, text) == ["2 one.db finished", "2 two.db finished"]
    assert len(load_results("nnsweep", uri="sqlite:///two.db")) == 2


def test_the_package_has_the_function_and_its_help():
    assert package.sweep is sweep
    assert "sweep" in package.__all__
    assert "trainer__epochs=5" in pydoc.plain(pydoc.render_doc(package.sweep))


def test_importing_the_package_imports_nothing_heavy(study):
    heavy = "{'hydra', 'mlflow', 'pandas', 'numpy', 'nnsweep.api.sweep', 'nnsweep.cli.main'}"
    assert ran(study, f"import sys, nnsweep\nprint(sorted({heavy} & set(sys.modules)))") == ["[]"]


def test_the_example_of_the_docstring_runs():
    (example,) = [test for test in doctest.DocTestFinder(recurse=False).find(sweep) if test.examples]
    for each in example.examples:
        each.options.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example).failed == 0


SLOW = """
import signal, sys
import nnsweep
def later(number, frame):
    print("own handler", flush=True)
signal.signal(signal.SIGTERM, later if "handler" in sys.argv else signal.SIG_DFL)
print("begun", flush=True)
try:
    quick = {"tracking__pictures": False, "sweep__workers": int(sys.argv[1])}
    nnsweep.sweep("seed=range(0,4)", trainer__epochs=100_000, schedule="constant", **quick)
except KeyboardInterrupt as error:
    print(type(error).__name__, error, flush=True)
    runs = nnsweep.load_results("nnsweep")
    print(*sorted(set(runs["state"])))
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


@pytest.fixture
def slow(study):
    """Start a script whose sweep takes long, and wait until jobs are trained."""
    started = []

    def start(*arguments):
        (study / "slow.py").write_text(SLOW)
        one = subprocess.Popen(
            [sys.executable, "slow.py", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=study,
        )
        started.append(one)
        until = time.monotonic() + 90
        while not [*study.glob("multirun/*/*/.hydra/overrides.yaml")]:
            assert one.poll() is None, one.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(2.0)
        return one

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interruption_closes_the_runs_and_is_raised(workers, slow):
    one = slow(workers)
    one.send_signal(signal.SIGINT)
    out, err = one.communicate(timeout=60)
    assert one.returncode == 0, err
    assert out.splitlines() == [
        "begun", "KeyboardInterrupt the sweep was interrupted; the same call goes on", "interrupted", "True"
    ]  # fmt: skip
    assert err.splitlines() == ["nnsweep: stopping after the current epoch; interrupt again to stop at once"]


def test_other_signal_closes_the_runs_and_then_takes_effect(slow):
    one = slow("1")
    one.send_signal(signal.SIGTERM)
    out, _ = one.communicate(timeout=60)
    assert one.returncode == -signal.SIGTERM
    assert out == "begun\n"
    assert "running" not in set(load_results("nnsweep")["state"])


def test_scripts_own_handler_is_called_once_runs_are_closed(slow):
    one = slow("1", "handler")
    one.send_signal(signal.SIGTERM)
    out, err = one.communicate(timeout=60)
    assert one.returncode == 0, err
    assert out.splitlines()[:2] == ["begun", "own handler"]
    assert out.splitlines()[3:] == ["interrupted", "True"]


def test_no_password_of_a_store_is_in_the_frame_or_an_error(monkeypatch, capfd):
    address = "http://me:hush-hush@127.0.0.1:9/"  # nobody listens
    with pytest.raises(StoreError) as refused:
        sweep(uri=address, tracking__patience=0.0, **QUICK)
    assert "hush-hush" not in str(refused.value)
    assert "127.0.0.1:9" in str(refused.value)
    assert refused.value.__cause__ is None
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert "hush-hush" not in "".join(capfd.readouterr())
