"""Jobs that differ in plain values alone: the first is composed, and the others are derived from its configuration.

Such a value can change only itself, the interpolations, and what Hydra notes about the job; everything else is shared.
Whatever is not certain to come out as if the job had been composed by itself is composed by itself, and so is every job
with an error.
"""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from omegaconf import AnyNode, DictConfig, ListConfig, OmegaConf, StringNode
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from nnsweep.errors import ConfigError
from nnsweep.jobs import folders
from nnsweep.jobs.checking import keep_text, make_job, resolve_values
from nnsweep.jobs.compose import WRITES_DIRNAME, Composer, Shape, make_dirname
from nnsweep.jobs.job import Job
from nnsweep.jobs.names import make_run_name
from nnsweep.jobs.task import Place, Task

_KEPT = 100
"""How many jobs are kept to derive others from: similar jobs of a grid come one after another, or in turn."""

_SWEEP = "${nnsweep_sweep:}"
_REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\}", re.ASCII)
_COLUMNS = ("data", "columns")  # columns get other names when a job is checked

_Path: TypeAlias = tuple[Any, ...]


class _Uncertain(Exception):
    """Only the job's own configuration can tell."""


class Variants:
    """Makes the tasks of jobs that are similar to an earlier one.

    Parameters
    ----------
    compose : Composer
        Composes a job from its overrides.
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
            None if the job must be composed: no similar job is kept, or there is something wrong with it.
        """
        shape = self._compose.shape(overrides)
        if shape is None or (first := self._find_first(shape)) is None:
            return None
        self._compose.refresh(first.config)
        try:
            return first.task(tuple(overrides), first.become(shape, number), taken)
        except (_Uncertain, ConfigError, OmegaConfBaseException):
            return None

    def keep(self, task: Task) -> None:
        """Keep a correct job, to derive similar ones from."""
        shape = self._compose.shape(task.overrides)
        if shape is None or shape.common in self._kept:
            return
        if len(self._kept) == _KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[shape.common] = task

    def _find_first(self, shape: Shape) -> "_First | None":
        kept = self._kept.get(shape.common)
        if isinstance(kept, Task):  # the second job of this shape: more may follow
            own = self._compose.shape(kept.overrides)
            try:
                kept = _First(self._compose(kept.overrides), kept, own) if own else None
            except (_Uncertain, ConfigError, OmegaConfBaseException):
                kept = None
            self._kept[shape.common] = kept
        return kept


class _First:
    """A job that others are derived from; its configuration is changed into theirs, one after another."""

    def __init__(self, config: DictConfig, task: Task, shape: Shape) -> None:
        self.config, self._task = config, task
        self._configuration = dict(task.configuration)
        own = self._configuration["hydra"]
        self._lines = _find_node(config, ("hydra", "overrides", "task"))
        self._before: list[str] = own["overrides"]["task"][: len(self._lines._content) - len(shape.task)]
        self._leaves = {_split_key(key): self._find_leaf(_split_key(key), value) for key, value in shape.values.items()}
        self.become(shape, task.place.number)
        self._values = resolve_values(config)
        ours = {name: value for name, value in self._configuration.items() if name != "hydra"}
        self._targets = {path: self._find_target(path) for path in _find_interpolations(ours)}
        lasting = {name: value for name, value in own["job"].items() if name != "override_dirname"}
        _require_certain(not any(_find_interpolations([lasting, own["runtime"], own["output_subdir"]])))
        _require_certain(all(isinstance(own["sweep"][name], str) for name in ("dir", "subdir")))
        _require_certain("hydra:" not in own["sweep"]["dir"])  # else the sweep's name would depend on its jobs
        self._subdir = self._find_target(("hydra", "sweep", "subdir"))
        self._sweep = "" if "${" in own["sweep"]["dir"].replace(_SWEEP, "") else str(config.hydra.sweep.dir)

    def _find_target(self, path: _Path) -> _Path:
        """Find the path that an interpolation refers to; empty if OmegaConf must resolve it for each job."""
        _require_certain(path[:2] != _COLUMNS and all(isinstance(part, str) for part in path))
        reference, node = _REFERENCE.fullmatch(_get(self._configuration, path)), _find_node(self.config, path)
        if reference is None or type(node) not in (AnyNode, StringNode):
            return ()
        target = _split_key(reference[1])
        try:
            value = _get(self._configuration, target)
        except (KeyError, TypeError):
            return ()
        resolved = _find_node(self.config, path[:-1])[path[-1]]
        same = repr(resolved) == repr(value) or (type(node) is StringNode and resolved == str(value))
        return target if same and not isinstance(value, dict | list) else ()

    def _find_leaf(self, path: _Path, value: Any) -> Any:
        """Find the node that holds one of the job's own values."""
        node: Any = _find_node(self.config, path)
        items: Any = node._content if isinstance(node, ListConfig) else [node]
        _require_certain(all(type(item) is AnyNode for item in items))
        _require_certain(not isinstance(node, ListConfig) or node._metadata.element_type is Any)
        _require_certain(repr(_get(self._configuration, path)) == repr(value))
        return node

    def become(self, shape: Shape, number: int) -> dict[_Path, Any]:
        """Put another job's own values into the configuration, and return them by their paths."""
        lines = [*self._before, *(text for _, text in shape.task)]
        own = {_split_key(key): value for key, value in shape.values.items()}
        for path, value in own.items():
            node = self._leaves[path]
            if isinstance(value, list):
                items = [AnyNode(item, key=index, parent=node) for index, item in enumerate(value)]
                node.__dict__["_content"] = items
            else:
                node._val = value
        for node, line in zip(self._lines._content, lines, strict=True):
            node._val = line
        job = {"num": number, "id": str(number)}
        if WRITES_DIRNAME:
            rules = self._configuration["hydra"]["job"]["config"]["override_dirname"]
            job["override_dirname"] = make_dirname(rules, shape.task)
        for name, value in job.items():
            _find_node(self.config, ("hydra", "job", name))._val = value
        hydra = {("hydra", "job", name): value for name, value in job.items()}
        return own | hydra | {("hydra", "overrides", "task"): lines}

    def task(self, overrides: tuple[str, ...], changes: Mapping[_Path, Any], taken: set[str]) -> Task:
        """Make the task of the job that this one has become; its folder is taken from now on."""
        configuration = _merge(self._configuration, changes)
        job = self._make_job(self._resolve(changes, configuration))
        name = _get(configuration, self._subdir) if self._sweep and self._subdir else None
        sweep, name = folders.resolve_folders(self.config) if name is None else (self._sweep, str(name))
        folder, new = folders.join_folders(sweep, name), set[str]()  # a set of its own: a refused job takes no folder
        problems = folders.find_folder_problems(
            self._task.log.removesuffix(".log"), self._task.output_subdir, sweep, name, new
        )
        _require_certain(not problems and not new & taken and "${" not in str(folder))
        taken |= new
        configuration["hydra"]["runtime"] = {**configuration["hydra"]["runtime"], "output_dir": str(folder)}
        place = self._make_place(job, sweep, folder, changes)
        return replace(self._task, job=job, place=place, overrides=overrides, configuration=configuration)

    def _resolve(self, changes: Mapping[_Path, Any], configuration: Mapping[str, Any]) -> dict[_Path, Any]:
        """Resolve the values of a job that may differ from those of others."""
        values = {path: value for path, value in changes.items() if path[0] != "hydra"}
        for path, target in self._targets.items():
            values[path] = _get(configuration, target) if target else _get(self.config, path)
            _require_certain(not isinstance(values[path], dict | list) and not OmegaConf.is_config(values[path]))
        return {path: keep_text(".".join(path), value) for path, value in values.items()}

    def _make_job(self, values: Mapping[_Path, Any]) -> Job:
        """Make a job of the values that may differ; groups of which none does have been checked already."""
        different = {path: value for path, value in values.items() if repr(value) != repr(_get(self._values, path))}
        if any(len(path) > 1 for path in different):
            return make_job(_merge(self._values, values))
        try:
            return Job.model_validate({**vars(self._task.job), **{name: value for (name,), value in different.items()}})
        except ValidationError as error:
            raise _Uncertain from error

    def _make_place(self, job: Job, sweep: str, folder: Path, changes: Mapping[_Path, Any]) -> Place:
        lines = changes["hydra", "overrides", "task"]
        if any("${" in line for line in lines):
            lines = [str(line) for line in self.config.hydra.overrides.task]
        before = self._task.place
        return replace(
            before,
            folder=folder,
            sweep=Path(self._configuration["hydra"]["runtime"]["cwd"], sweep).name,
            number=changes["hydra", "job", "num"],
            name=make_run_name(job, before.chosen, lines, before.varying),
        )


def _require_certain(certain: bool) -> None:
    if not certain:
        raise _Uncertain


def _split_key(key: str) -> _Path:
    return (*key.split("."),)


def _find_node(config: DictConfig, path: _Path) -> Any:
    """Find a node without resolving it if it is an interpolation."""
    node: Any = config
    for part in path:
        _require_certain(isinstance(node, DictConfig) and isinstance(node._content, dict) and part in node._content)
        node = node._content[part]
    return node


def _get(values: Any, path: _Path) -> Any:
    for part in path:
        values = values[part]
    return values


def _find_interpolations(values: Any, path: _Path = ()) -> Iterator[_Path]:
    """Iterate over the paths of all interpolations, however deep."""
    if isinstance(values, str) and "${" in values:
        yield path
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for name, value in pairs:
        yield from _find_interpolations(value, (*path, name))


def _merge(values: Mapping[str, Any], changes: Mapping[_Path, Any]) -> dict[str, Any]:
    """Copy nested values with changes; the copy shares with them whatever has no change in it."""
    result = dict(values)
    copies: dict[_Path, Any] = {(): result}
    for (*path, last), value in changes.items():
        place = result
        for end, part in enumerate(path, start=1):
            within = (*path[:end],)
            if within not in copies:
                copies[within] = place[part] = dict(place[part])
            place = copies[within]
        place[last] = value
    return result
