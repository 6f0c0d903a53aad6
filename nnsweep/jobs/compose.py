"""Composing quickly: Hydra composes once for each distinct choice of groups, and plain values are set on copies.

The result is what Hydra's own `load_sweep_config` gives for the same overrides, the `hydra` node included. Whatever is
not certain to come out the same is left to Hydra itself, and so is every error.
"""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import NoneType
from typing import Any, NamedTuple

import hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, ValueType
from hydra.core.utils import JobRuntime
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from nnsweep.jobs.config_loader import make_copier
from nnsweep.jobs.overrides import COLUMNS

_WHOLE_NUMBER = re.compile(r"(?P<key>[A-Za-z_]+(\.[A-Za-z_]+)*)=(?P<number>[1-9][0-9]*)", re.ASCII)
WRITES_DIRNAME = hydra.__version__.startswith("1.3.")  # later it is an interpolation


class _Uncertain(Exception):
    """Only Hydra can tell what an override does."""


class Shape(NamedTuple):
    """The overrides of a job, split into what other jobs may have too and values of its own.

    Attributes
    ----------
    common : hashable
        The configurations of two jobs with the same `common` differ in their values alone.
    values : mapping of str to object
        By key: numbers, texts, truth values, null, and lists of them, without interpolations.
    task : list of (str, str)
        Keys and texts of the overrides that Hydra lists in its own node as those of the task.
    """

    common: Hashable
    values: Mapping[str, Any]
    task: list[tuple[str, str]]


class _Parts(NamedTuple):
    fixed: tuple[str, ...]  # what Hydra composes
    ordered: bool  # whether the order of its values matters: some cannot be set on a copy
    plain: list[Override]  # the values that are set on a copy of that


@dataclass(frozen=True)
class _Base:
    """A configuration that Hydra composed, with what is needed to set values on copies of it."""

    copy: Callable[[], DictConfig]
    independent: bool  # nothing that Hydra reads while it composes can depend on a value that is set later
    named_by_hydra: bool  # the job's name is Hydra's default, not one of the configuration's
    n_task: int  # how many overrides of the task come before those of the job


class _Composed(NamedTuple):
    """What Hydra composed for some choices, in which other choices of the same groups may replace them."""

    base: _Base
    names: Mapping[str, str]  # of the choices, by group
    defaults: Sequence[Any]  # Hydra's final list of the files that it merged


class Composer:
    """Composes the jobs of a sweep.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's.
    config : DictConfig
        Hydra's configuration of the sweep.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig) -> None:
        self._loader, self._config = loader, config
        self._parser = OverridesParser.create()
        self._parsed: dict[str, Override] = {}
        self._groups: dict[str, bool] = {}
        self._bases: dict[tuple[str, ...], _Base | HydraException] = {}
        self._composed: dict[tuple[str, ...], _Composed] = {}
        self._copies: dict[tuple[str, ...], Callable[[], DictConfig]] = {}
        self._errors: dict[tuple[object, ...], HydraException | None] = {}
        self._left_to_hydra: set[Hashable] = set()

    def __call__(self, overrides: Sequence[str]) -> DictConfig:
        """Compose one job.

        Parameters
        ----------
        overrides : sequence of str
            The job's overrides, without lists of values.

        Returns
        -------
        DictConfig
            The caller's own: it shares nothing that can be changed with any other.

        Raises
        ------
        HydraException
            Hydra's own, if it cannot be composed.
        """
        try:
            parsed = [self._parse(line) for line in overrides]
            parts = self._split(parsed)
            base = self._find_base(parts)
            config = base.copy()
            for override in parts.plain:
                self._set(config, override, base, parts.fixed)
        except _Uncertain:
            if shape := self.shape(overrides):
                self._left_to_hydra.add(shape.common)
            key = tuple(overrides)
            if key not in self._copies:  # each job is composed once: later changes of the files must not matter
                self._copies[key] = make_copier(self._ask_hydra(overrides))
            return self._copies[key]()
        lines = _list_task(parsed)
        task, job = config.hydra.overrides.task, config.hydra.job
        del task[base.n_task :]
        for _, text in lines:
            task.append(text)
        if WRITES_DIRNAME:
            job.override_dirname = make_dirname(job.config.override_dirname, lines)
        self.refresh(config)
        return config

    def shape(self, overrides: Sequence[str]) -> Shape | None:
        """Split a job's overrides; None if jobs like it are left to Hydra."""
        try:
            parsed = [self._parse(line) for line in overrides]
            parts = self._split(parsed)
        except _Uncertain:
            return None
        kinds: list[Hashable] = []
        values: dict[str, Any] = {}
        for override in parts.plain:
            key, value = override.key_or_group, override.value()
            is_own = _is_plain(value) and not key.startswith(COLUMNS)  # they get other names when a job is checked
            kinds.append((override.type, key, isinstance(value, list) if is_own else override.input_line))
            if is_own:
                values[key] = value
        common = (parts.fixed, *kinds)
        keys = sorted(f"{override.key_or_group}." for override in parts.plain)
        overlap = any(after.startswith(before) for before, after in pairwise(keys))  # one key is, or is within, another
        if common in self._left_to_hydra or overlap:
            return None
        return Shape(common, values, _list_task(parsed))

    def refresh(self, config: DictConfig) -> None:
        """Reset a configuration's cache of interpolations to that of one that has just been composed."""
        OmegaConf.copy_cache(from_config=self._config, to_config=config)

    def parse(self, line: str) -> Override | None:
        """Parse an override; None if Hydra cannot."""
        try:
            return self._parse(line)
        except _Uncertain:
            return None

    def is_choice(self, line: str) -> bool:
        """Tell whether an override makes a choice of a group, as ``arch=deep`` does."""
        parsed = self.parse(line)
        return parsed is not None and self._is_choice(parsed)

    def _ask_hydra(self, overrides: Sequence[str]) -> DictConfig:
        return self._loader.load_sweep_config(self._config, [*overrides])

    def _parse(self, line: str) -> Override:
        if line not in self._parsed:
            # there may be thousands of seeds, and Hydra's grammar is slow
            if match := _WHOLE_NUMBER.fullmatch(line):
                zero = self._parse(f"{match['key']}=0")
                self._parsed[line] = replace(zero, _value=int(match["number"]), input_line=line)
                return self._parsed[line]
            try:
                self._parsed[line] = self._parser.parse_override(line)
            except HydraException:
                raise _Uncertain from None
        return self._parsed[line]

    def _split(self, overrides: Sequence[Override]) -> _Parts:
        if any(override.key_or_group == "hydra.searchpath" for override in overrides):
            raise _Uncertain  # the search path may change which groups there are
        choices = [self._is_choice(override) for override in overrides]
        odd = [not choice and not _is_value(override) for choice, override in zip(choices, overrides, strict=True)]
        first = len(odd) - odd[::-1].index(True) if any(odd) else 0  # of the overrides that can be set on a copy
        waits = [number >= first and not choice for number, choice in enumerate(choices)]
        both = [*zip(overrides, waits, strict=True)]
        fixed = tuple(str(override.input_line) for override, waiting in both if not waiting)
        return _Parts(fixed, any(odd), [override for override, waiting in both if waiting])

    def _is_choice(self, override: Override) -> bool:
        key = override.key_or_group
        if key not in self._groups:
            own = OmegaConf.to_container(self._config.hydra.overrides.hydra)
            name = self._config.hydra.job.config_name
            options = self._loader.get_group_options(key, None, config_name=name, overrides=own)  # type: ignore[arg-type]
            exists = getattr(getattr(self._loader, "repository", None), "group_exists", None)
            self._groups[key] = bool(options) or (exists is not None and exists(key))
        return self._groups[key] and not isinstance(override.value(), dict)

    def _find_base(self, parts: _Parts) -> _Base:
        if parts.fixed not in self._bases:
            try:
                self._bases[parts.fixed] = self._make_base(parts)
            except HydraException as error:
                self._bases[parts.fixed] = error
        base = self._bases[parts.fixed]
        if isinstance(base, _Base) and base.independent:
            return base
        if isinstance(base, _Base) or parts.ordered:
            raise _Uncertain
        raise base.with_traceback(None)  # a choice that cannot be composed, whatever the values

    def _make_base(self, parts: _Parts) -> _Base:
        """Have Hydra compose, unless it did for the same groups and only the nodes of these differ."""
        names = None if parts.ordered else self._name_choices(parts.fixed)
        groups = tuple(names or ())
        if names and groups in self._composed:
            before = self._composed[groups]
            changed = {group: name for group, name in names.items() if name != before.names[group]}
            if all(self._can_exchange(before, group, name) for group, name in changed.items()):
                config = before.base.copy()
                for group, name in changed.items():
                    node = self._loader.repository.load_config(f"{group}/{name}").config  # type: ignore[attr-defined]
                    with open_dict(config):
                        OmegaConf.update(config, group, node, merge=False)
                    config.hydra.runtime.choices[group] = name
                return replace(before.base, copy=make_copier(config))
        base = _describe_base(self._ask_hydra(parts.fixed), parts.fixed)
        defaults = getattr(self._loader, "merged", None)
        if names and defaults and base.independent:
            self._composed.setdefault(groups, _Composed(base, names, defaults))
        return base

    def _name_choices(self, fixed: Sequence[str]) -> dict[str, str] | None:
        """Read the choices that overrides make, by group; None if one of them is anything but a plain choice."""
        names: dict[str, str] = {}
        for override in map(self._parse, fixed):
            group, name = override.key_or_group, override.value()
            is_plain = override.type == OverrideType.CHANGE and override.package is None and type(name) is str
            if not is_plain or not group.isidentifier() or group == "hydra" or group in names:
                return None
            names[group] = str(name)
        return names

    def _can_exchange(self, before: _Composed, group: str, name: str) -> bool:
        """Tell whether another choice changes only the node of its group: no other file sets anything there."""
        repository = self._loader.repository  # type: ignore[attr-defined]
        old = f"{group}/{before.names[group]}"
        for path in (old, f"{group}/{name}"):
            file = repository.load_config(path)
            if file is None or file.defaults_list or file.header["package"] is not None or "/" in name:
                return False
            if not OmegaConf.is_dict(file.config) or repository.get_schema_source().is_config(path):
                return False
        places = []
        for default in before.defaults:
            file = repository.load_config(default.config_path)
            if any("${" in str(vars(each)) for each in file.defaults_list or ()):
                return False  # which files are merged depends on choices
            package = file.header["package"] if default.package is None else default.package
            if default.config_path != old:
                places += [package.split(".")[0]] if package else [str(key) for key in file.config]
            elif package != group:
                return False
        return group not in places

    def _set(self, config: DictConfig, override: Override, base: _Base, fixed: tuple[str, ...]) -> None:
        """Set a value as Hydra sets it, or raise what Hydra raises."""
        key, value = override.key_or_group, override.value()
        is_scalar = not isinstance(value, list | dict)
        try:
            _require_certain(config, override, base)
            if override.is_add() and is_scalar and OmegaConf.select(config, key, throw_on_missing=False) is not None:
                raise _Uncertain  # Hydra refuses to add a key that exists already
            OmegaConf.update(config, key, value, merge=True, force_add=override.type != OverrideType.CHANGE)
            return
        except OmegaConfBaseException as problem:
            error = self._find_error(override, problem, fixed)
        raise error.with_traceback(None)

    def _find_error(self, override: Override, problem: OmegaConfBaseException, fixed: tuple[str, ...]) -> Exception:
        """Find Hydra's own error for a problem, asking once for each: a grid may have a thousand wrong jobs."""
        key = (fixed, override.input_line, type(problem), str(problem))
        if key not in self._errors:
            answer = None
            try:
                self._ask_hydra([*fixed, str(override.input_line)])
            except HydraException as error:
                cause = error.__cause__
                while cause is not None and not isinstance(cause, OmegaConfBaseException):
                    cause = cause.__cause__
                if str(cause) == str(problem):
                    answer = error
            self._errors[key] = answer
        return self._errors[key] or _Uncertain()


def _list_task(overrides: Sequence[Override]) -> list[tuple[str, str]]:
    """List keys and texts of the overrides that Hydra counts as the task's own."""
    return [(each.key_or_group, str(each.input_line)) for each in overrides if not each.is_hydra_override()]


def _is_value(override: Override) -> bool:
    """Tell whether an override sets a value outside of Hydra's own node, and nothing else."""
    return (
        override.type in (OverrideType.CHANGE, OverrideType.ADD, OverrideType.FORCE_ADD)
        and override.value_type == ValueType.ELEMENT
        and override.package is None
        and not getattr(override, "is_value_path", False)  # Hydra 1.4
        and not re.search(r"[/\[\]@:]", override.key_or_group)
        and override.key_or_group.split(".")[0] != "hydra"
    )


def _describe_base(config: DictConfig, fixed: Sequence[str]) -> _Base:
    own = config.hydra
    # all that Hydra reads while it composes
    nodes: list[tuple[DictConfig, Any]] = [
        (config, "hydra"),
        *((own, name) for name in ("overrides", "runtime", "job")),
        (own.overrides, "task"),
        *((own.job, name) for name in ("config", "env_copy", "name")),
        *((own.job.env_copy, number) for number in range(len(own.job.env_copy))),
    ]
    independent = not any(OmegaConf.is_interpolation(node, key) for node, key in nodes)
    return _Base(
        copy=make_copier(config),
        independent=independent,
        named_by_hydra=independent and own.job.name == JobRuntime.instance().get("name"),
        n_task=len(own.overrides.task) - sum(not line.lstrip("+~").startswith("hydra") for line in fixed),
    )


def _require_certain(config: DictConfig, override: Override, base: _Base) -> None:
    """Refuse a path through an interpolation: it may lead to Hydra's own node, which Hydra fills last."""
    *path, last = override.key_or_group.split(".")
    node: Any = config
    for part in path:
        if _has_key(node, part) and OmegaConf.is_interpolation(node, part):
            raise _Uncertain
        node = node.get(part) if _has_key(node, part) else None
    if override.is_add() and _has_key(node, last) and OmegaConf.is_interpolation(node, last):
        raise _Uncertain  # whether the key exists already depends on other values
    if base.named_by_hydra and (not _has_key(node, last) or OmegaConf.is_missing(node, last)):
        raise _Uncertain  # the job's name may be an interpolation of this value, resolved only now
    if isinstance(override.value(), list | dict) and _has_key(node, last):
        values: Any = OmegaConf.to_container(node, resolve=False)
        if "${" in str(values[last]):
            raise _Uncertain  # it is merged with what is there, interpolations too


def _has_key(node: Any, key: str) -> bool:
    if isinstance(node, ListConfig):
        raise _Uncertain
    return isinstance(node, DictConfig) and key in set(node)  # `key in node` would resolve it


def make_dirname(rules: Any, task: Sequence[tuple[str, str]]) -> str:
    """Name a folder after the task's overrides, as Hydra does."""
    lines = sorted(text for key, text in task if key not in rules["exclude_keys"])
    return re.sub("=", rules["kv_sep"], rules["item_sep"].join(lines))


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a scalar, or a list of scalars, without interpolations."""
    if type(value) is list:
        return all(type(item) is not list and _is_plain(item) for item in value)
    if type(value) is str:
        return "${" not in value and value != "???"
    return type(value) in (bool, int, float, NoneType)
