"""Jobs that differ in plain values alone: Hydra's configuration of the first is made, and the others follow from it.

What such a value can change is known: the value itself, what is interpolated, and what Hydra notes of the job. All else
is shared. Whatever is not certain to come out as if the job had been composed by itself is left to that way, and so is
every error.
"""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from omegaconf import AnyNode, DictConfig, ListConfig, OmegaConf, StringNode
from omegaconf.errors import OmegaConfBaseException

from nnsweep.errors import ConfigError
from nnsweep.jobs import folders
from nnsweep.jobs.checking import keep_text, make_job, resolve_values
from nnsweep.jobs.compose import WRITES_DIRNAME, Composer, Shape, make_dirname
from nnsweep.jobs.job import Job
from nnsweep.jobs.names import make_run_name
from nnsweep.jobs.task import Place, Task

_KEPT = 100
"""Jobs that others follow from: those of a grid that are alike come one after another, or in turn."""

_SWEEP = "${nnsweep_sweep:}"
_REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\}", re.ASCII)
_COLUMNS = ("data", "columns")  # they get other names when a job is checked

_Path: TypeAlias = tuple[Any, ...]


class _Uncertain(Exception):
    """Only the job's own configuration can tell."""


class Variants:
    """Makes the tasks of jobs that are like an earlier one.

    Parameters
    ----------
    compose : Composer
        Composes the others.
    """

    def __init__(self, compose: Composer) -> None:
        self._compose = compose
        self._kept: dict[Hashable, Task | _First | None] = {}

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
        if shape is None or (first := self._first(shape)) is None:
            return None
        self._compose.refresh(first.config)
        try:
            return first.task(tuple(overrides), first.become(shape, number), taken)
        except (_Uncertain, ConfigError, OmegaConfBaseException):
            return None

    def keep(self, task: Task) -> None:
        """Keep a job that nothing is wrong with, for those like it."""
        shape = self._compose.shape(task.overrides)
        if shape is None or shape.common in self._kept:
            return
        if len(self._kept) == _KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[shape.common] = task

    def _first(self, shape: Shape) -> "_First | None":
        kept = self._kept.get(shape.common)
        if isinstance(kept, Task):  # the second job of its kind: there may be many
            own = self._compose.shape(kept.overrides)
            try:
                kept = _First(self._compose(kept.overrides), kept, own) if own else None
            except (_Uncertain, ConfigError, OmegaConfBaseException):
                kept = None
            self._kept[shape.common] = kept
        return kept


class _First:
    """A job that others follow from; its configuration becomes theirs, one after another."""

    def __init__(self, config: DictConfig, task: Task, shape: Shape) -> None:
        self.config, self._task = config, task
        self._written = dict(task.configuration)
        own = self._written["hydra"]
        self._noted = _node(config, ("hydra", "overrides", "task"))
        self._before: list[str] = own["overrides"]["task"][: len(self._noted._content) - len(shape.noted)]
        self._leaves = {_parted(key): self._leaf(_parted(key), value) for key, value in shape.values.items()}
        self.become(shape, task.place.number)
        self._values = resolve_values(config)
        ours = {name: value for name, value in self._written.items() if name != "hydra"}
        self._interpolated = {path: self._named(path) for path in _interpolations(ours)}
        lasting = {name: value for name, value in own["job"].items() if name != "override_dirname"}
        _require(not any(_interpolations([lasting, own["runtime"], own["output_subdir"]])))
        _require(all(isinstance(own["sweep"][name], str) for name in ("dir", "subdir")))
        _require("hydra:" not in own["sweep"]["dir"])  # what the sweep is called does not depend on its jobs
        self._subdir = self._named(("hydra", "sweep", "subdir"))
        self._sweep = "" if "${" in own["sweep"]["dir"].replace(_SWEEP, "") else str(config.hydra.sweep.dir)

    def _named(self, path: _Path) -> _Path:
        """Give the path of the value that is all that an interpolation names; nothing if OmegaConf must resolve it."""
        _require(path[:2] != _COLUMNS and all(isinstance(part, str) for part in path))
        found, node = _REFERENCE.fullmatch(_at(self._written, path)), _node(self.config, path)
        if found is None or type(node) not in (AnyNode, StringNode):
            return ()
        target = _parted(found[1])
        try:
            value = _at(self._written, target)
        except (KeyError, TypeError):
            return ()
        resolved = _node(self.config, path[:-1])[path[-1]]
        same = repr(resolved) == repr(value) or (type(node) is StringNode and resolved == str(value))
        return target if same and not isinstance(value, dict | list) else ()

    def _leaf(self, path: _Path, value: Any) -> Any:
        """Find the node that has one of the job's own values."""
        node: Any = _node(self.config, path)
        items: Any = node._content if isinstance(node, ListConfig) else [node]
        _require(all(type(item) is AnyNode for item in items))
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
            noted["override_dirname"] = make_dirname(
                self._written["hydra"]["job"]["config"]["override_dirname"], shape.noted
            )
        for name, value in noted.items():
            _node(self.config, ("hydra", "job", name))._val = value
        hydra = {("hydra", "job", name): value for name, value in noted.items()}
        return own | hydra | {("hydra", "overrides", "task"): lines}

    def task(self, overrides: tuple[str, ...], changes: Mapping[_Path, Any], taken: set[str]) -> Task:
        """Make the task of the job that this one has become."""
        written = _with(self._written, changes)
        job = make_job(_with(self._values, self._resolved(changes, written)))
        sweep, name = self._folders(written)
        folder, found = folders.join_folders(sweep, name), set[str]()
        wrong = folders.find_folder_problems(
            self._task.log.removesuffix(".log"), self._task.output_subdir, sweep, name, found
        )
        _require(not wrong and not found & taken and "${" not in str(folder))
        taken |= found
        written["hydra"]["runtime"] = {**written["hydra"]["runtime"], "output_dir": str(folder)}
        place = self._place(job, sweep, folder, changes)
        return replace(self._task, job=job, place=place, overrides=overrides, configuration=written)

    def _resolved(self, changes: Mapping[_Path, Any], written: Mapping[str, Any]) -> dict[_Path, Any]:
        """Give the values of a job that may differ from those of others, resolved."""
        given = {path: value for path, value in changes.items() if path[0] != "hydra"}
        for path, target in self._interpolated.items():
            given[path] = _at(written, target) if target else _at(self.config, path)
            _require(not isinstance(given[path], dict | list) and not OmegaConf.is_config(given[path]))
        return {path: keep_text(".".join(path), value) for path, value in given.items()}

    def _folders(self, written: Mapping[str, Any]) -> tuple[str, str]:
        """Give the folders of the sweep and the job."""
        name = _at(written, self._subdir) if self._sweep and self._subdir else None
        return folders.resolve_folders(self.config) if name is None else (self._sweep, str(name))

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
            name=make_run_name(job, before.chosen, lines, before.varying),
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
