"""What is said while jobs are trained together goes to the log of each of them, and nowhere else."""

import logging
import re
from pathlib import Path

import pytest
import yaml

from nnsweep.jobs import worker
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.worker import log_into_folders

log = logging.getLogger("nnsweep.jobs.worker")


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [tmp_path / name for name in ("a.log", "b.log")]


def test_what_is_said_is_in_the_log_of_every_job(paths):
    with log_into_folders(paths):
        log.info("one %d", 1)
        logging.getLogger("other").warning("two")
    for path in paths:
        first, second = path.read_text().splitlines()
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO nnsweep\.jobs\.worker: one 1", first)
        assert second.endswith(" WARNING other: two")


def test_a_traceback_is_kept_whole(paths):
    with log_into_folders(paths):
        try:
            raise RuntimeError("no luck")
        except RuntimeError:
            log.exception("the job failed")
    for path in paths:
        assert "ERROR nnsweep.jobs.worker: the job failed\nTraceback (most recent call last):" in path.read_text()
        assert path.read_text().endswith("RuntimeError: no luck\n")


def test_a_job_has_no_log_before_something_is_said(paths):
    with log_into_folders(paths):
        log.debug("too little")
        assert not any(path.exists() for path in paths)
        log.info("enough")
    assert all(path.read_text().endswith(": enough\n") for path in paths)


def test_without_jobs_logging_stays_as_it_is(caplog):
    root = logging.getLogger()
    before = root.level, [*root.handlers]
    with log_into_folders([]):
        assert (root.level, root.handlers) == before
        log.warning("to those who hear it anyway")
    assert (root.level, root.handlers) == before
    assert caplog.messages == ["to those who hear it anyway"]


def test_what_is_there_already_stays(paths):
    for text in ("one", "two"):
        with log_into_folders(paths):
            log.info(text)
    assert [line.rpartition(": ")[2] for line in paths[0].read_text().splitlines()] == ["one", "two"]


def test_nothing_goes_to_the_terminal(paths, capfd):
    with log_into_folders(paths):
        log.error("hush")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_logging_is_afterwards_as_it_was(error, paths):
    root = logging.getLogger()
    before = root.level, [*root.handlers]
    try:
        with log_into_folders(paths):
            assert root.handlers != before[1]
            if error:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert (root.level, root.handlers) == before


def test_what_cannot_be_encoded_is_still_said(paths):
    with log_into_folders(paths):
        log.info("odd \udcff é")
    assert paths[0].read_text(encoding="utf-8").endswith("odd \\udcff é\n")


def test_a_log_that_cannot_be_written_costs_no_other(paths, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with log_into_folders(paths):
        paths[0].mkdir()
        log.info("still there")
    assert "still there" in paths[1].read_text()


def test_a_line_is_as_hydra_writes_it_for_a_job_alone():
    configured = yaml.safe_load((Path(conf_dir()) / "hydra" / "job_logging" / "file.yaml").read_text())
    assert {worker._FORMAT} == {formatter["format"] for formatter in configured["formatters"].values()}
