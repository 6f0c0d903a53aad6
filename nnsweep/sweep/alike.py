"""Jobs that differ in plain values alone: Hydra's configuration of the first is made, and the others follow from it.

What such a value can change is known: the value itself, what is interpolated, and what Hydra notes of the job. All else
is shared. Whatever is not certain to come out as if the job had been composed by itself is left to that way, and so is
every error.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from omegaconf import AnyNode, DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnsweep.errors import ConfigError
from nnsweep.sweep import folder_names
from nnsweep.sweep.checking import as_text, job_of, values_of
from nnsweep.sweep.compose import WRITES_DIRNAME, Composer, Shape, dirname
from nnsweep.sweep.describe import run_name
from nnsweep.sweep.job import Job
from nnsweep.sweep.place import Place
from nnsweep.sweep.task import Task

_KEPT = 100
"""Jobs that others follow from: those of a grid that are alike come one after another, or in turn."""

_COLUMNS = ("data", "columns")  # they get other names when a job is checked

_Path: TypeAlias = tuple[Any, ...]


class _Uncertain(Exception):
    """Only the job's own configuration can tell."""


class Alike:
    """Makes the tasks of jobs that are like an earlier one.

    Parameters
    ----------
    compose : Composer
        Composes the others.
    """

    def __init__(self, compose: Composer) -> None:
        self._compose = compose
        self._kept: dict[Hashable, _First | None] = {}

    def task(self, overrides: Sequence[str], number: int, taken: set[str]) -> Task | None:
        """Make a task.

        Parameters
        ----------
        overrides : sequence of str
            The job's.
        number : int
            Its number.
        taken : set of str
            The folders of other jobs; this one's is taken from now on.

        Returns
        -------
        Task or None
            None if the job must be composed: no job like it is kept, or something is wrong with it.
        """
        shape = self._compose.shape(overrides)
        first = self._kept.get(shape.common) if shape else None
        if shape is None or first is None:
            return None
        self._compose.refresh(first.config)
        try:
            return first.task(tuple(overrides), first.become(shape, number), taken)
        except (_Uncertain, ConfigError, OmegaConfBaseException):
            return None

    def keep(self, config: DictConfig, task: Task) -> None:
        """Keep a job that nothing is wrong with, for those like it.

        Parameters
        ----------
        config : DictConfig
            Its configuration, which nobody else changes from now on.
        task : Task
            What was made of it.
        """
        shape = self._compose.shape(task.overrides)
        if shape is None or shape.common in self._kept:
            return
        if len(self._kept) == _KEPT:
            self._kept.pop(next(iter(self._kept)))
        try:
            self._kept[shape.common] = _First(config, task, shape)
        except (_Uncertain, ConfigError, OmegaConfBaseException):
            self._kept[shape.common] = None


class _First:
    """A job that others follow from; its configuration becomes theirs, one after another."""

    def __init__(self, config: DictConfig, task: Task, shape: Shape) -> None:
        self.config, self._task = config, task
        self._written, self._values = dict(task.configuration), values_of(config)
        own = self._written["hydra"]
        self._job, self._noted = _node(config, ("hydra", "job")), _node(config, ("hydra", "overrides", "task"))
        self._before: list[str] = own["overrides"]["task"][: len(self._noted._content) - len(shape.noted)]
        self._leaves = {_parted(key): self._leaf(_parted(key), value) for key, value in shape.values.items()}
        ours = {name: value for name, value in self._written.items() if name != "hydra"}
        self._interpolated = {path: _node(config, path[:-1]) for path in _interpolations(ours)}
        for path in self._interpolated:
            _require(path[:2] != _COLUMNS and all(isinstance(part, str) for part in path))
        lasting = {name: value for name, value in own["job"].items() if name != "override_dirname"}
        _require(not any(_interpolations([lasting, own["runtime"], own["output_subdir"]])))
        _require("hydra:" not in own["sweep"]["dir"])  # what the sweep is called does not depend on its jobs

    def _leaf(self, path: _Path, value: Any) -> Any:
        """Find the node that has one of the job's own values."""
        node: Any = _node(self.config, path)
        items: Any = node._content if isinstance(node, ListConfig) else [node]
        _require(path[:2] != _COLUMNS and all(type(item) is AnyNode for item in items))
        _require(not isinstance(node, ListConfig) or node._metadata.element_type is Any)
        _require(repr(_at(self._written, path)) == repr(value))
        return node

    def become(self, shape: Shape, number: int) -> dict[_Path, Any]:
        """Put what another job has of its own into the configuration; give it by its paths."""
        lines = [*self._before, *(text for _, text in shape.noted)]
        own = {_parted(key): value for key, value in shape.values.items()}
        for path, value in own.items():
            node = self._leaves[path]
            if isinstance(value, list):
                items = [AnyNode(item, key=index, parent=node) for index, item in enumerate(value)]
                node.__dict__["_content"] = items
            else:
                node._val = value
        for node, line in zip(self._noted._content, lines, strict=True):
            node._val = line
        noted = {"num": number, "id": str(number)}
        if WRITES_DIRNAME:
            noted["override_dirname"] = dirname(
                self._written["hydra"]["job"]["config"]["override_dirname"], shape.noted
            )
        for name, value in noted.items():
            self._job._content[name]._val = value
        hydra = {("hydra", "job", name): value for name, value in noted.items()}
        return own | hydra | {("hydra", "overrides", "task"): lines}

    def task(self, overrides: tuple[str, ...], changes: Mapping[_Path, Any], taken: set[str]) -> Task:
        """Make the task of the job that this one has become."""
        job = job_of(_with(self._values, self._resolved(changes)))
        sweep, name = folder_names.resolved(self.config)
        folder, found = folder_names.joined(sweep, name), set[str]()
        wrong = folder_names.problems(self._task.log.removesuffix(".log"), self._task.output_subdir, sweep, name, found)
        _require(not wrong and not found & taken and "${" not in str(folder))
        taken |= found
        written = {**changes, ("hydra", "runtime", "output_dir"): str(folder)}
        return replace(
            self._task,
            job=job,
            place=self._place(job, sweep, folder, changes),
            overrides=overrides,
            configuration=_with(self._written, written),
        )

    def _resolved(self, changes: Mapping[_Path, Any]) -> dict[_Path, Any]:
        """Give the values of a job that may differ from those of others, resolved."""
        given = {path: value for path, value in changes.items() if path[0] != "hydra"}
        for path, parent in self._interpolated.items():
            given[path] = parent[path[-1]]
            _require(not OmegaConf.is_config(given[path]))
        return {path: as_text(".".join(path), value) for path, value in given.items()}

    def _place(self, job: Job, sweep: str, folder: Path, changes: Mapping[_Path, Any]) -> Place:
        lines = changes["hydra", "overrides", "task"]
        if any("${" in line for line in lines):
            lines = [str(line) for line in self.config.hydra.overrides.task]
        before = self._task.place
        return replace(
            before,
            folder=folder,
            sweep=Path(self._written["hydra"]["runtime"]["cwd"], sweep).name,
            number=changes["hydra", "job", "num"],
            name=run_name(job, before.chosen, lines, before.varying),
        )


def _require(certain: bool) -> None:
    if not certain:
        raise _Uncertain


def _parted(key: str) -> _Path:
    return (*key.split("."),)


def _node(config: DictConfig, path: _Path) -> Any:
    """Give a node as it is, an interpolation too."""
    node: Any = config
    for part in path:
        _require(isinstance(node, DictConfig) and isinstance(node._content, dict) and part in node._content)
        node = node._content[part]
    return node


def _at(values: Any, path: _Path) -> Any:
    for part in path:
        values = values[part]
    return values


def _interpolations(values: Any, path: _Path = ()) -> Iterator[_Path]:
    """Give the paths of all that is interpolated, however deep."""
    if isinstance(values, str) and "${" in values:
        yield path
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for name, value in pairs:
        yield from _interpolations(value, (*path, name))


def _with(values: Mapping[str, Any], changes: Mapping[_Path, Any]) -> dict[str, Any]:
    """Give values with changes; what is not on the way to one is shared."""
    made = dict(values)
    copied: dict[_Path, Any] = {(): made}
    for (*path, last), value in changes.items():
        place = made
        for end, part in enumerate(path, start=1):
            within = (*path[:end],)
            if within not in copied:
                copied[within] = place[part] = dict(place[part])
            place = copied[within]
        place[last] = value
    return made
