"""The points of a grid: from lists of values to the overrides of each job.

Keys multiply, unless they go in step (`sweep.zip`); several grids (`sweep.grids`) follow one another; each job gets
the settings that its own choices have; what a rule holds for is left out (`sweep.exclude`). Points are counted before
any is made.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, OverrideType, Quote, QuotedString, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from nnsweep.errors import ConfigError
from nnsweep.filters import make_filter
from nnsweep.jobs import names
from nnsweep.jobs.belonging import PRESETS, Belonging, Line, Source
from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.compose import Composer
from nnsweep.jobs.job import Job, Sweep
from nnsweep.jobs.overrides import quote_text
from nnsweep.jobs.problems import list_problems
from nnsweep.tracking.record import Setting

Point = list[str]
Compose = Callable[[Sequence[str]], DictConfig]
_GIVEN = Source()

_WRITTEN = (OverrideType.CHANGE, OverrideType.ADD, OverrideType.FORCE_ADD, OverrideType.DEL)
_ITERATED = 100_000  # a range of floats that may be longer is counted by division


class Grid(NamedTuple):
    """The jobs of a command.

    Attributes
    ----------
    points : list of lists of str
        The overrides of each job. Later keys vary fastest.
    notes : list of str
        Which settings were left out of some of them, and why.
    problems : list of str
        Settings that none of them can have.
    """

    points: list[Point]
    notes: list[str]
    problems: list[str]


@dataclass(frozen=True)
class _Axis:
    """One key and its values."""

    override: Override
    length: int
    source: Source

    @property
    def key(self) -> str:
        return self.override.get_key_element()

    @property
    def name(self) -> str:
        return self.key.lstrip("+~")

    def lines(self) -> list[Line]:
        return [Line(text, self.source) for text in _lines(self.override)]


def expand_grid(
    loader: ConfigLoader, config: DictConfig, *, preset: Sequence[str], given: Sequence[str], compose: Composer
) -> Grid:
    """Make the points of a grid.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's.
    config : DictConfig
        Hydra's configuration of the sweep; its node ``sweep`` says what the grid is beyond a product.
    preset : sequence of str
        Overrides that those of ``sweep.grids`` win over.
    given : sequence of str
        Overrides that win over all others.
    compose : Composer
        Composes a job.

    Returns
    -------
    Grid
        Its points, and what is to be said of them.

    Raises
    ------
    ConfigError
        If there are no points or too many, or lists that go in step differ in length.
    """
    sweep = read_sweep_settings(config)
    parse = OverridesParser.create(config_loader=loader).parse_overrides
    written = [parse([quote_text(line) for line in lines]) for lines in (preset, given, *sweep.grids)]
    _check_sweep_itself(written)
    lists = [
        problem for overrides in written for override in overrides if (problem := _several_in_one(override, compose))
    ]
    written = [[each for each in overrides if not _several_in_one(each, compose)] for overrides in written]
    before, after, *grids = written
    belonging = Belonging(loader, config, compose)
    first = _with_choices(belonging.preset(), before, compose)
    axes = [
        _axes({first: before, _with_choices(Source("sweep.grids"), grid, compose): grid, _GIVEN: after})
        for grid in grids or [[]]
    ]
    blocks = _blocks(axes, sweep.zip)
    _check_size(sum(math.prod(block[0].length for block in each) for each in blocks), sweep.max_jobs)
    jobs = [point for along, each in zip(axes, blocks, strict=True) for point in _product(along, each)]
    made = belonging.fit(jobs)
    left = _left(made, sweep.exclude, compose) if sweep.exclude else made
    return Grid(left, belonging.notes(), lists + belonging.problems())


def _several_in_one(override: Override, compose: Composer) -> str:
    """Say what is wrong with a list for a choice, of which Hydra would take the last; nothing for everything else."""
    key, value = override.key_or_group, override.value()
    if not isinstance(value, list) or key == PRESETS or key.startswith("hydra") or not compose.is_choice(f"{key}=x"):
        return ""
    names = ",".join(str(name) for name in value) or "a,b"
    return f"{override.input_line}: a job has one {key}; a grid is written {key}={names}"


def _with_choices(source: Source, overrides: Sequence[Override], compose: Composer) -> Source:
    """Add to a source the choices that its own overrides make."""
    made = [override for override in overrides if compose.is_choice(str(override.input_line))]
    chosen = {override.key_or_group: [line.partition("=")[2] for line in _lines(override)] for override in made}
    return replace(source, chosen={**source.chosen, **chosen})


def read_sweep_settings(config: DictConfig) -> Sweep:
    """Read the settings of the sweep from its configuration, where there may be none."""
    node = config.get("sweep")
    if node is None:
        return Sweep()
    if not OmegaConf.is_dict(node):
        raise ConfigError(f"sweep={node}: must be settings, such as {{max_jobs: 100}}")
    values: Any = OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    try:
        return Sweep.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise ConfigError(*(f"sweep.{problem}" for problem in list_problems(error, values))) from error


def check_one_sweep(config: DictConfig, jobs: Sequence[Job]) -> None:
    """Refuse jobs that say of their sweep what it is not, as when presets with different grids are swept over."""
    own = read_sweep_settings(config)
    if any(job.sweep != own for job in jobs):
        raise ConfigError("sweep must be the same for all jobs of a sweep; start one sweep for each")


def quote_rule(argument: str) -> str:
    """Put a rule given as ``key=rule`` in the quotes that Hydra wants, unless it can be read without.

    Examples
    --------
    >>> quote_rule("sweep.exclude=depth > 3"), quote_rule("sweep.exclude=[]")
    ("sweep.exclude='depth > 3'", 'sweep.exclude=[]')
    """
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        key, _, text = argument.partition("=")
        return f"{key}={QuotedString(text, Quote.single).with_quotes()}"
    return argument


def _check_sweep_itself(written: Sequence[Sequence[Override]]) -> None:
    preset, given, *grids = written
    listed = [override for override in given if override.is_sweep_override()]
    for override in [*preset, *listed, *itertools.chain.from_iterable(grids)]:
        if override.key_or_group.split(".")[0] == "sweep":
            rule = "sweep holds for all jobs and is set once, on the command line or in a configuration's node sweep"
            raise ConfigError(f"{override.input_line}: {rule}; a list is written [a,b]")


def _axes(sources: Mapping[Source, Sequence[Override]]) -> list[_Axis]:
    """Give each key the last values that it is given, at the place where it comes first."""
    last = {
        override.get_key_element(): (override, source)
        for source, overrides in sources.items()
        for override in overrides
    }
    return [_Axis(override, _length(override), source) for override, source in last.values()]


def _length(override: Override) -> int:
    if not override.is_sweep_override():
        return 1
    if override.is_interval_sweep():
        raise ConfigError(f"{override.input_line}: a grid has no intervals; use choice(...) or range(...)")
    values = override.value()
    if isinstance(values, RangeSweep):
        return _range_length(values, override)
    length = len(values.list) if isinstance(values, ChoiceSweep) else len([*_lines(override)])
    return _some(length, override)


def _range_length(values: RangeSweep, override: Override) -> int:
    """Count a range that may be longer than any list."""
    start, stop, step = (Decimal(value or 0) for value in (values.start, values.stop, values.step))
    if not (start.is_finite() and stop.is_finite() and step.is_finite() and step):
        raise ConfigError(f"{override.input_line}: must have finite ends and a step that is not 0")
    with localcontext(prec=400):
        length = max(0, math.ceil((stop - start) / step))
    if not isinstance(values.range(), range) and length <= _ITERATED:
        length = sum(1 for _ in values.range())  # Hydra adds the rounded steps up
    return _some(length, override)


def _some(length: int, override: Override) -> int:
    if not length:
        raise ConfigError(f"{override.input_line}: has no values; a grid needs at least one of each key")
    return length


def _lines(override: Override) -> Iterator[str]:
    """Write an override once for each of its values."""
    key = override.get_key_element()
    if override.is_sweep_override():
        yield from (f"{key}={value}" for value in override.sweep_string_iterator())
    elif override.type not in _WRITTEN:
        yield str(override.input_line)
    else:
        yield key if override.value_type is None else f"{key}={override.get_value_element_as_str()}"


def _blocks(grids: Sequence[Sequence[_Axis]], steps: Sequence[Sequence[str]]) -> list[list[list[_Axis]]]:
    """Put together the axes that go in step, at the place of the first; all others are alone."""
    known = {axis.name for axes in grids for axis in axes}
    uses = Counter(key for keys in steps for key in keys)
    for key, times in uses.items():
        if key not in known:
            raise ConfigError(f"sweep.zip: {key} has no list of values; give it one, as in {key}=a,b")
        if times > 1:
            raise ConfigError(f"sweep.zip: {key} is there {times} times; a key goes in step with one list of others")
    return [_in_step(axes, steps) for axes in grids]


def _in_step(axes: Sequence[_Axis], steps: Sequence[Sequence[str]]) -> list[list[_Axis]]:
    group = {key: keys for keys in steps for key in keys}
    blocks: dict[Sequence[str], list[_Axis]] = {}
    for axis in axes:
        blocks.setdefault(tuple(group.get(axis.name, (axis.key,))), []).append(axis)
    for keys, block in blocks.items():
        _check_in_step(keys, block)
    return [*blocks.values()]


def _check_in_step(keys: Sequence[str], block: Sequence[_Axis]) -> None:
    first = block[0]
    for key in keys if len(keys) > 1 else ():
        if key not in {axis.name for axis in block}:
            raise ConfigError(f"sweep.zip: {first.name} needs {key} beside it in each grid; give it values there too")
    for axis in block[1:]:
        if axis.length != first.length:
            lengths = f"{first.name} has {first.length:,} values and {axis.name} has {axis.length:,}"
            raise ConfigError(f"sweep.zip: {lengths}; lists that go in step must be equally long")


def _check_size(n_jobs: int, most: int) -> None:
    if n_jobs > most:
        way_out = f"shorten the lists, or set sweep.max_jobs={n_jobs}"
        raise ConfigError(f"{n_jobs:,} jobs are more than sweep.max_jobs={most}; {way_out}")


def _product(axes: Sequence[_Axis], blocks: Sequence[Sequence[_Axis]]) -> Iterator[list[Line]]:
    """Make every combination; the overrides of a job keep the order of the keys."""
    keys = [axis.key for block in blocks for axis in block]
    order = [keys.index(axis.key) for axis in axes]
    rows = [[*zip(*(axis.lines() for axis in block), strict=True)] for block in blocks]
    for combination in itertools.product(*rows):
        lines = [*itertools.chain.from_iterable(combination)]
        yield [lines[place] for place in order]


def _left(made: Sequence[Point], texts: Sequence[str], compose: Compose) -> list[Point]:
    """Leave out the points that a rule holds for; those of wrong jobs stay, for what is wrong with them is told."""
    try:
        rules = [make_filter(text) for text in texts]
        rows = [_values(point, compose) for point in made]
        absent = dict.fromkeys(name for row in rows for name in row or ())
        both = zip(made, rows, strict=True)
        left = [point for point, row in both if row is None or not any(holds(absent | row) for holds in rules)]
    except ConfigError as error:
        raise ConfigError(*(f"sweep.exclude: {problem}" for problem in error.problems)) from error
    if not left:
        raise ConfigError(f"sweep.exclude: leaves none of {len(made):,} jobs; loosen a rule")
    return left


def _values(point: Point, compose: Compose) -> dict[str, Setting] | None:
    """Give a job's values by the names that tables have; None if it is no job."""
    try:
        config = compose(point)
        job = check_configuration(config)
    except (ConfigError, HydraException, OmegaConfBaseException):
        return None
    named = names.flatten_settings(job, names.name_choices(config.hydra.runtime.choices, point))
    return named | names.measure_extent(job.arch.sizes)
