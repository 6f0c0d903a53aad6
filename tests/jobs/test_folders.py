"""A folder that Hydra made for a refused command goes again; nothing else ever does."""

from pathlib import Path

import pytest

from nnsweep.errors import ConfigError

REFUSED = ("hydra.mode=RUN", "seed=-1", "hydra.run.dir=out/deep/alone")


def paths(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.name.startswith("mlflow.db"))


def test_all_folders_that_were_made_for_it_go(nnsweep, study):
    assert nnsweep(*REFUSED).code == 2
    assert paths(study) == []


@pytest.mark.parametrize("there", ["out", "out/deep"])
def test_an_empty_folder_that_was_there_before_stays(nnsweep, study, there):
    (study / there).mkdir(parents=True)
    before = paths(study)
    assert nnsweep(*REFUSED).code == 2
    assert paths(study) == before


def test_a_folder_that_was_given_stays_with_what_hydra_wrote(nnsweep, study):
    (study / "out/deep/alone").mkdir(parents=True)
    assert nnsweep(*REFUSED).code == 2
    assert (study / "out/deep/alone").is_dir()


@pytest.mark.parametrize("theirs", ["out/note.txt", "out/deep/alone/note.txt", "out/deep/alone/.hydra/note.txt"])
def test_what_somebody_else_has_put_there_meanwhile_stays(nnsweep, study, theirs, monkeypatch):
    def checked(_: object) -> None:
        (study / theirs).write_text("theirs")
        raise ConfigError("planted")

    monkeypatch.setattr("nnsweep.jobs.tasks.check_configuration", checked)
    said = nnsweep(*REFUSED)
    assert (said.code, said.err) == (2, "nnsweep: error: planted\n")
    assert (study / theirs).read_text() == "theirs"
    assert (study / "out/deep").exists() == ("deep" in theirs)


def test_a_job_that_left_its_record_keeps_its_folder(nnsweep, study):
    quick = ("data=iris", "trainer.epochs=2", "tracking.pictures=false")
    diverging = ("optimizer.learning_rate=1e300", "activation=identity", "trainer.dtype=float64")
    assert nnsweep("hydra.mode=RUN", *diverging, *quick, "hydra.run.dir=out").code == 3
    assert {"out/record.json", "out/.hydra/config.yaml"} <= {*paths(study)}


@pytest.mark.parametrize("launcher", ["basic", "stacked"])
def test_another_sweepers_folder_goes_too(nnsweep, study, launcher):
    assert nnsweep("hydra/sweeper=basic", f"hydra/launcher={launcher}", "seed=-1").code == 2
    assert paths(study) == []
