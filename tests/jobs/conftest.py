import copy
import functools
import itertools
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.hydra_job import VERSION_BASE
from nnsweep.jobs.job import Job
from nnsweep.jobs.names import name_choices
from nnsweep.jobs.task import Place
from nnsweep.tracking import runs
from nnsweep.tracking.backend import find_backend
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.owner import Owner, this_process
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.runs import OWNER
from nnsweep.tracking.store import Store, prepare_store
from tests.recording import train_and_record


@functools.cache
def composed_once(*overrides: str) -> DictConfig:
    return hydra_compose("config", overrides=[*overrides], return_hydra_config=True)


@pytest.fixture
def compose() -> Iterator[Callable[..., DictConfig]]:
    """Compose a configuration from overrides, with Hydra's own part."""
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        yield lambda overrides=(): copy.deepcopy(composed_once(*overrides))


@pytest.fixture
def job(compose) -> Callable[..., Job]:
    """Make a job from overrides."""
    return lambda *overrides: check_configuration(compose(overrides))


@pytest.fixture
def values(compose) -> Callable[..., dict[str, Any]]:
    """Give the resolved values of a configuration, without Hydra's part."""

    def resolved(*overrides: str) -> dict[str, Any]:
        config = compose(overrides)
        ours = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        container: Any = OmegaConf.to_container(ours, resolve=True)
        return container

    return resolved


@pytest.fixture
def store(ready_store_file: Path, tmp_path: Path) -> Store:
    """Give a store of its own to a test."""
    shutil.copy(ready_store_file, tmp_path / "mlflow.db")
    return prepare_store(f"sqlite:///{tmp_path}/mlflow.db", "study")


@pytest.fixture
def another_store(ready_store_file: Path, tmp_path: Path) -> Store:
    """Give a second one."""
    (tmp_path / "other").mkdir()
    shutil.copy(ready_store_file, tmp_path / "other" / "mlflow.db")
    return prepare_store(f"sqlite:///{tmp_path}/other/mlflow.db", "study")


class Done(NamedTuple):
    folder: Path
    record: RunRecord


QUICK = ("data=iris", "trainer.epochs=3", "arch.hidden_layer_sizes=[4]")


@pytest.fixture
def done(job: Callable[..., Job], store: Store, tmp_path: Path) -> Callable[..., Done]:
    """Do a job of a sweep's, in the folder ``sweeps/SWEEP/NUMBER``."""

    def run(*overrides: str, sweep: str = "s1", number: int = 0, attempt: int = 1, into: Store = store) -> Done:
        folder = tmp_path / "sweeps" / sweep / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        chosen = name_choices({"activation": "relu", "schedule": "cosine", "data": "iris"}, QUICK)
        place = Place(folder=folder, sweep=sweep, number=number, name=f"n{number}", chosen=chosen, attempt=attempt)
        (record,) = train_and_record([(job(*QUICK, *overrides), place)], into)
        return Done(folder, record)

    return run


@pytest.fixture
def refusing(store: Store) -> Callable[..., AbstractContextManager[None]]:
    """Let the store refuse some kinds of requests for a while, or take them and let its answers be lost.

    ``start`` is to start runs, and ``end`` to end them, several at once or one; other kinds are methods of the backend.
    """
    from mlflow.exceptions import MlflowException

    @contextmanager
    def refused(*methods: str, lost: bool = False, after: int = 0, times: int | None = None) -> Iterator[None]:
        turns = range(after, sys.maxsize if times is None else after + times)
        with pytest.MonkeyPatch.context() as patch:
            for name in methods:
                owner: Any = runs if name == "link_file" else find_backend(store.uri)
                for method in {"start": ["create_run", "record_runs"], "end": ["record_runs"]}.get(name, [name]):
                    spoilt = _spoilt(getattr(owner, method), lost, turns, MlflowException)
                    whole = getattr(owner, method)
                    patch.setattr(owner, method, _of_kind(name, whole, spoilt) if method == "record_runs" else spoilt)
            yield

    return refused


def _of_kind(kind: str, whole: Callable[..., Any], spoilt: Callable[..., Any]) -> Callable[..., Any]:
    """Spoil only the requests that start runs, or only those that end some."""

    def record_runs(experiment_id: str, entries: Any) -> Any:
        starts = all(entry.is_new for entry in entries)
        return (spoilt if starts == (kind == "start") else whole)(experiment_id, entries)

    return record_runs


def _spoilt(method: Callable[..., Any], lost: bool, turns: range, error: type[Exception]) -> Callable[..., Any]:
    asked = itertools.count()

    def spoilt(*given: Any, **named: Any) -> Any:
        if next(asked) not in turns:
            return method(*given, **named)
        if lost:
            method(*given, **named)
        raise error("the store is away")

    return spoilt


@pytest.fixture
def contents() -> Callable[[Store, str], dict[str, Any]]:
    """Give all that a store has of a run, without what no two runs have in common."""

    def of(store: Store, run_id: str) -> dict[str, Any]:
        asked = open_client(store.uri)
        run = asked.get_run(run_id)
        own = ("nnsweep.owner", "nnsweep.folder", "nnsweep.sweep", "nnsweep.job", "mlflow.runName", "mlflow.runColor")
        own += ("nnsweep.seal",)  # it knows how long training took
        curves = {
            name: sorted((point.step, point.value) for point in asked.get_metric_history(run_id, name))
            for name in run.data.metrics
            if name != "duration_seconds"
        }
        assert len(asked.get_metric_history(run_id, "duration_seconds")) <= 1
        return {
            "status": run.info.status,
            "metrics": curves,
            "params": run.data.params,
            "tags": {name: text for name, text in run.data.tags.items() if name not in own},
            "files": sorted(file.path for file in asked.list_artifacts(run_id)),
            "data": [(each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs],
        }

    return of


@pytest.fixture
def all_runs() -> Callable[[Store], list[Any]]:
    """Give all runs of an experiment."""
    return lambda store: [*open_client(store.uri).search_runs([store.experiment_id])]


@pytest.fixture
def gone() -> Owner:
    """Name a process that is gone: of an earlier start of this machine."""
    return replace(this_process(), boot="earlier")


@pytest.fixture
def begun(store: Store, tmp_path: Path, gone: Owner) -> Callable[..., str]:
    """Begin the run of a job, or of a sweep, and leave it so."""

    def run(owner: Owner = gone, **tags: str) -> str:
        own = {"kind": "job", "key": "k", "sweep": "s1", "job": "0", "attempt": "1", "state": "running"}
        own |= {"folder": str(tmp_path / "sweeps" / "s1" / "0")} | tags
        return runs.start_run(
            store, "n0", {f"nnsweep.{name}": text for name, text in own.items()} | {OWNER: owner.tag()}
        )

    return run


@pytest.fixture
def orphaned(store: Store, gone: Owner) -> Callable[[str], None]:
    """Let a run belong to a process that is gone."""
    return lambda run_id: open_client(store.uri).set_tag(run_id, OWNER, gone.tag())
