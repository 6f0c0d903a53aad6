import json
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf, open_dict, read_write

from nnsweep.errors import ConfigError
from nnsweep.jobs import sweep_folder
from nnsweep.jobs import tasks as grid
from nnsweep.jobs.checking import check_configuration
from nnsweep.tracking.owner import Owner, read_owner

OWN_FOLDER = "must give each job its own folder inside hydra.sweep.dir, as ${hydra.job.num} does"


def problems(overrides, compose):
    with pytest.raises(ConfigError) as refused:
        grid.make_tasks(overrides, compose)
    return refused.value.problems


def test_the_jobs_come_in_the_order_of_the_grid(compose):
    tasks = grid.make_tasks([["seed=4"], ["seed=3", "arch=wide"]], compose)
    assert [(task.job.seed, task.job.arch.sizes) for task in tasks] == [(4, (32,)), (3, (256,))]
    assert [task.overrides for task in tasks] == [("seed=4",), ("seed=3", "arch=wide")]


def test_all_problems_of_all_jobs_come_at_once_and_each_once(compose):
    jobs = [
        ["seed=-1"],
        ["seed=-1", "trainer.dropout=1"],
        ["arch=shalow"],
        ["arch=shalow"],
        ["arch=custom"],
        ["seed=3"],
    ]
    found = problems(jobs, compose)
    assert [problem.split(":")[0] for problem in found] == [
        "seed=-1",
        "trainer.dropout=1",
        "arch=shalow",
        "arch.hidden_layer_sizes",
    ]


@pytest.mark.parametrize("setting", ["experiment=b", "uri=sqlite:///b.db", "max_points=5", "pictures=false"])
def test_tracking_is_common_to_all_jobs(setting, compose):
    (problem,) = problems([["tracking.experiment=a"], ["tracking.experiment=a", f"tracking.{setting}"]], compose)
    assert problem.startswith("tracking must be the same for all jobs")


@pytest.mark.parametrize("subdir", ["../../../esc", "..", ".", "", "/tmp/${hydra.job.num}", "a/../.."])
def test_a_jobs_folder_lies_inside_its_sweeps(subdir, compose):
    shown = subdir.replace("${hydra.job.num}", "0")
    assert problems([[f"hydra.sweep.subdir='{subdir}'"]], compose) == (f"hydra.sweep.subdir={shown}: {OWN_FOLDER}",)


@pytest.mark.parametrize("subdir", ["same", "a/../b", "${seed}"])
def test_two_jobs_do_not_share_a_folder(subdir, compose):
    jobs = [[f"hydra.sweep.subdir='{subdir}'", f"trainer.epochs={epochs}"] for epochs in (1, 2, 3)]
    assert grid.make_tasks(jobs[:1], compose)
    (problem,) = problems(jobs, compose)
    assert problem.endswith(OWN_FOLDER)


@pytest.mark.parametrize("output", ["..", ".", "", "../../x", "/etc", "a/../.."])
def test_hydras_files_lie_inside_the_jobs_folder(output, compose):
    (problem,) = problems([[f"hydra.output_subdir='{output}'"]], compose)
    assert problem.startswith(f"hydra.output_subdir={output}: must be a folder inside the job's own")
    assert grid.make_tasks([["hydra.output_subdir=a/../b"], ["hydra.output_subdir=null"]], compose)


@pytest.mark.parametrize(
    "subdir",
    ["${hydra.job.num}", "${hydra:job.num}", "a/b/${hydra.job.id}", "..${seed}", "${hydra.job.override_dirname}"],
)
def test_hydras_ways_to_name_a_folder_still_work(subdir, compose):
    assert len(grid.make_tasks([[f"hydra.sweep.subdir='{subdir}'", f"seed={seed}"] for seed in (5, 6)], compose)) == 2


def test_unnameable_folder_is_reported_with_the_other_problems(compose):
    found = problems([["hydra.sweep.subdir=${hydra.job.nothing}"], ["seed=-1", "hydra.sweep.subdir=.."]], compose)
    assert found == (
        "hydra.sweep.subdir: Interpolation key 'hydra.job.nothing' not found",
        f"hydra.sweep.subdir=..: {OWN_FOLDER}",
        "seed=-1: must be >= 0 and < 4294967296",
    )


def test_a_folder_outside_is_refused_before_anything_is_written(nnsweep, study):
    before = {*study.parent.rglob("*")}
    said = nnsweep("hydra.sweep.subdir=../../../esc", "data=iris")
    assert said.code == 2
    assert said.err == f"nnsweep: error: hydra.sweep.subdir=../../../esc: {OWN_FOLDER}\n"
    assert {*study.parent.rglob("*")} == before


def test_what_varies_has_more_than_one_value():
    jobs = [["seed=1", "arch=wide", "+a.b=1"], ["seed=2", "arch=wide", "++a.b=2"]]
    assert grid.find_varying_keys(jobs) == ["seed", "a.b"]
    assert grid.find_varying_keys(jobs[:1]) == grid.find_varying_keys([]) == grid.find_varying_keys([[]]) == []


def test_a_plan_is_found_by_the_jobs_place(tmp_path: Path, compose):
    overrides = ["seed=7", "optimizer.learning_rate=0.25"]
    tasks = grid.make_tasks([["seed=7", f"optimizer.learning_rate={rate}"] for rate in (0.5, 0.25, 0.125)], compose)
    again = replace(tasks[1].place, attempt=3, checkpoint=tmp_path / "before" / "1")
    owner = Owner("host", "boot", 17, "then")
    sweep_folder.write_plan(tmp_path, [tasks[0], replace(tasks[1], place=again)], owner, tmp_path / "mlflow.db")
    written = json.loads((tmp_path / sweep_folder.PLAN).read_text())
    assert written["jobs"][1]["overrides"] == overrides
    assert (read_owner(written["owner"]), written["database"]) == (owner, f"{tmp_path}/mlflow.db")
    config = compose([*overrides, f"hydra.sweep.dir='{tmp_path}'"])
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.job.num = 1
        config.hydra.runtime.output_dir = str(tmp_path / "1")
        config.hydra.overrides.task = overrides
    place = grid.read_place(check_configuration(config), config.hydra)
    assert (place.folder, place.sweep, place.number) == (tmp_path / "1", tmp_path.name, 1)
    assert (place.attempt, place.checkpoint) == (3, tmp_path / "before" / "1")
    assert place.varying == ["optimizer.learning_rate"]
    assert place.name == "32-relu-cosine-s7-learning_rate=0.25"
    assert place.chosen["data"] == "digits"


def test_plan_is_found_by_a_process_left_in_another_folder(tmp_path: Path, compose, monkeypatch):
    task = grid.make_tasks([["seed=7"]], compose)[0]
    (tmp_path / "sweeps").mkdir()
    planned = replace(task, place=replace(task.place, key="known"))
    sweep_folder.write_plan(tmp_path / "sweeps", [planned], Owner("host", "boot", 17, "then"), None)
    config = compose(["seed=7", "hydra.sweep.dir=sweeps"])
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.job.num = 0
        config.hydra.runtime.cwd, config.hydra.runtime.output_dir = str(tmp_path), str(tmp_path / "sweeps" / "0")
    monkeypatch.chdir(tmp_path / "sweeps")
    assert grid.read_place(check_configuration(config), config.hydra).key == "known"


def test_a_job_alone_has_a_place_without_a_plan(tmp_path: Path, compose):
    config = compose(["seed=7", f"hydra.sweep.dir='{tmp_path}'"])
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.runtime.output_dir = str(tmp_path)
    place = grid.read_place(check_configuration(config), config.hydra)
    assert (place.number, place.name) == (0, "32-relu-cosine-s7")


def test_a_job_is_made_of_resolved_values(compose):
    assert check_configuration(compose(["trainer.epochs=7"])).schedule.settings()["decay_epochs"] == 7
    assert check_configuration(OmegaConf.create(OmegaConf.to_container(compose(), resolve=False))).seed == 0


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("cats.csv", "{}/cats.csv"),
        ("/data/cats.csv", "/data/cats.csv"),
        ("~/cats.csv", "~/cats.csv"),
        ("sqlite:///cats.db", "sqlite:///{}/cats.db"),
        ("sqlite:////data/cats.db", "sqlite:////data/cats.db"),
        ("postgresql://host/cats", "postgresql://host/cats"),
    ],
)
def test_data_are_found_from_another_folder_and_the_key_stays(path, found, compose, tmp_path, monkeypatch):
    job = grid.make_tasks([["data=table", f"data.path='{path}'"]], compose)[0].job
    started = Path.cwd()
    assert grid.locate_data(job, started) is job
    monkeypatch.chdir(tmp_path)
    moved = grid.locate_data(job, started)
    assert moved.data.path == found.format(started)
    assert moved.key("d") == job.key("d")
