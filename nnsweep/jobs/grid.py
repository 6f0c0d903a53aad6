"""The points of a grid: from lists of values to the overrides of each job.

Keys multiply, unless they go in step (`sweep.zip`); several grids (`sweep.grids`) follow one another; each job gets
the settings that its own choices have; jobs that a rule holds for are left out (`sweep.exclude`). Points are counted
before any is made.
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
_USER = Source()

# the types of overrides that are written anew; for any other, Hydra's own line is kept
_REWRITTEN = (OverrideType.CHANGE, OverrideType.ADD, OverrideType.FORCE_ADD, OverrideType.DEL)
_LONGEST = 100_000  # a range of floats that seems to be longer is counted by division alone


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
        return [Line(text, self.source) for text in _write_lines(self.override)]


def expand_grid(
    loader: ConfigLoader, config: DictConfig, *, preset: Sequence[str], given: Sequence[str], compose: Composer
) -> Grid:
    """Make the points of a grid.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's.
    config : DictConfig
        Hydra's configuration of the sweep; its node ``sweep`` makes more of the grid than a product.
    preset : sequence of str
        Overrides over which those of ``sweep.grids`` take precedence.
    given : sequence of str
        Overrides that take precedence over all others.
    compose : Composer
        Composes a job.

    Returns
    -------
    Grid
        Its points, with notes and problems.

    Raises
    ------
    ConfigError
        If there are no points or too many, or lists that go in step differ in length.
    """
    sweep = read_sweep_settings(config)
    parse = OverridesParser.create(config_loader=loader).parse_overrides
    parsed = [parse([quote_text(line) for line in lines]) for lines in (preset, given, *sweep.grids)]
    _refuse_sweep_settings(parsed)
    lists = [problem for overrides in parsed for override in overrides if (problem := _explain_list(override, compose))]
    parsed = [[each for each in overrides if not _explain_list(each, compose)] for overrides in parsed]
    before, after, *grids = parsed
    belonging = Belonging(loader, config, compose)
    first = _add_choices(belonging.preset(), before, compose)
    axes = [
        _make_axes({first: before, _add_choices(Source("sweep.grids"), grid, compose): grid, _USER: after})
        for grid in grids or [[]]
    ]
    blocks = _make_blocks(axes, sweep.zip)
    n_jobs = sum(math.prod(block[0].length for block in each) for each in blocks)
    if n_jobs > sweep.max_jobs:
        way_out = f"shorten the lists, or set sweep.max_jobs={n_jobs}"
        raise ConfigError(f"{n_jobs:,} jobs are more than sweep.max_jobs={sweep.max_jobs}; {way_out}")
    jobs = [point for along, each in zip(axes, blocks, strict=True) for point in _multiply(along, each)]
    points = belonging.fit(jobs)
    if sweep.exclude:
        points = _exclude(points, sweep.exclude, compose)
    return Grid(points, belonging.notes(), lists + belonging.problems())


def _explain_list(override: Override, compose: Composer) -> str:
    """Explain what is wrong with a list of choices, of which Hydra would take the last; empty for other overrides."""
    key, value = override.key_or_group, override.value()
    if not isinstance(value, list) or key == PRESETS or key.startswith("hydra") or not compose.is_choice(f"{key}=x"):
        return ""
    names = ",".join(str(name) for name in value) or "a,b"
    return f"{override.input_line}: a job has one {key}; a grid is written {key}={names}"


def _add_choices(source: Source, overrides: Sequence[Override], compose: Composer) -> Source:
    """Add to a source the choices that its own overrides make."""
    choices = [override for override in overrides if compose.is_choice(str(override.input_line))]
    chosen = {
        override.key_or_group: [line.partition("=")[2] for line in _write_lines(override)] for override in choices
    }
    return replace(source, chosen={**source.chosen, **chosen})


def read_sweep_settings(config: DictConfig) -> Sweep:
    """Read the settings of the sweep from its configuration; the defaults if there are none."""
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
    """Refuse jobs whose settings of the sweep differ from its own, as where presets with different grids are swept."""
    own = read_sweep_settings(config)
    if any(job.sweep != own for job in jobs):
        raise ConfigError("sweep must be the same for all jobs of a sweep; start one sweep for each")


def quote_rule(argument: str) -> str:
    """Put quotes around the rule in ``key=rule``, unless Hydra can read it without.

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


def _refuse_sweep_settings(parsed: Sequence[Sequence[Override]]) -> None:
    """Refuse overrides that would make a setting of the sweep vary between its jobs."""
    preset, given, *grids = parsed
    swept = [override for override in given if override.is_sweep_override()]
    for override in [*preset, *swept, *itertools.chain.from_iterable(grids)]:
        if override.key_or_group.split(".")[0] == "sweep":
            rule = "sweep holds for all jobs and is set once, on the command line or in a configuration's node sweep"
            raise ConfigError(f"{override.input_line}: {rule}; a list is written [a,b]")


def _make_axes(sources: Mapping[Source, Sequence[Override]]) -> list[_Axis]:
    """Make an axis of each key: with its last values, at the place where the key comes first."""
    last = {
        override.get_key_element(): (override, source)
        for source, overrides in sources.items()
        for override in overrides
    }
    return [_Axis(override, _count_values(override), source) for override, source in last.values()]


def _count_values(override: Override) -> int:
    if not override.is_sweep_override():
        return 1
    if override.is_interval_sweep():
        raise ConfigError(f"{override.input_line}: a grid has no intervals; use choice(...) or range(...)")
    values = override.value()
    if isinstance(values, RangeSweep):  # it may be longer than any list
        start, stop, step = (Decimal(value or 0) for value in (values.start, values.stop, values.step))
        if not (start.is_finite() and stop.is_finite() and step.is_finite() and step):
            raise ConfigError(f"{override.input_line}: must have finite ends and a step that is not 0")
        with localcontext(prec=400):  # 28 digits are too few for ends as far apart as floats can be
            length = max(0, math.ceil((stop - start) / step))
        if not isinstance(values.range(), range) and length <= _LONGEST:
            length = sum(1 for _ in values.range())  # Hydra adds up rounded steps, and may arrive at another length
    else:
        length = len(values.list) if isinstance(values, ChoiceSweep) else len([*_write_lines(override)])
    if not length:
        raise ConfigError(f"{override.input_line}: has no values; a grid needs at least one of each key")
    return length


def _write_lines(override: Override) -> Iterator[str]:
    """Write an override once for each of its values."""
    key = override.get_key_element()
    if override.is_sweep_override():
        yield from (f"{key}={value}" for value in override.sweep_string_iterator())
    elif override.type not in _REWRITTEN:
        yield str(override.input_line)
    else:
        yield key if override.value_type is None else f"{key}={override.get_value_element_as_str()}"


def _make_blocks(grids: Sequence[Sequence[_Axis]], steps: Sequence[Sequence[str]]) -> list[list[list[_Axis]]]:
    """Group the axes of each grid: those that go in step together, at the place of the first, all others alone."""
    swept = {axis.name for axes in grids for axis in axes}
    uses = Counter(key for keys in steps for key in keys)
    for key, times in uses.items():
        if key not in swept:
            raise ConfigError(f"sweep.zip: {key} has no list of values; give it one, as in {key}=a,b")
        if times > 1:
            raise ConfigError(f"sweep.zip: {key} is there {times} times; a key goes in step with one list of others")
    return [_group_axes(axes, steps) for axes in grids]


def _group_axes(axes: Sequence[_Axis], steps: Sequence[Sequence[str]]) -> list[list[_Axis]]:
    group = {key: keys for keys in steps for key in keys}
    blocks: dict[Sequence[str], list[_Axis]] = {}
    for axis in axes:
        blocks.setdefault(tuple(group.get(axis.name, (axis.key,))), []).append(axis)
    for keys, (first, *others) in blocks.items():
        present = {axis.name for axis in (first, *others)}
        if absent := [key for key in keys if key not in present and len(keys) > 1]:
            key = absent[0]
            raise ConfigError(f"sweep.zip: {first.name} needs {key} beside it in each grid; give it values there too")
        for axis in others:
            if axis.length != first.length:
                lengths = f"{first.name} has {first.length:,} values and {axis.name} has {axis.length:,}"
                raise ConfigError(f"sweep.zip: {lengths}; lists that go in step must be equally long")
    return [*blocks.values()]


def _multiply(axes: Sequence[_Axis], blocks: Sequence[Sequence[_Axis]]) -> Iterator[list[Line]]:
    """Iterate over all combinations; the overrides of a job keep the order of the keys."""
    keys = [axis.key for block in blocks for axis in block]
    order = [keys.index(axis.key) for axis in axes]
    rows = [[*zip(*(axis.lines() for axis in block), strict=True)] for block in blocks]
    for combination in itertools.product(*rows):
        lines = [*itertools.chain.from_iterable(combination)]
        yield [lines[place] for place in order]


def _exclude(points: Sequence[Point], texts: Sequence[str], compose: Compose) -> list[Point]:
    """Leave out the points that a rule holds for; those of wrong jobs stay, so that their errors are reported."""
    try:
        rules = [make_filter(text) for text in texts]
        rows = [_find_values(point, compose) for point in points]
        absent = dict.fromkeys(name for row in rows for name in row or ())
        both = zip(points, rows, strict=True)
        left = [point for point, row in both if row is None or not any(holds(absent | row) for holds in rules)]
    except ConfigError as error:
        raise ConfigError(*(f"sweep.exclude: {problem}" for problem in error.problems)) from error
    if not left:
        raise ConfigError(f"sweep.exclude: leaves none of {len(points):,} jobs; loosen a rule")
    return left


def _find_values(point: Point, compose: Compose) -> dict[str, Setting] | None:
    """Find a job's values by the names that they have in tables; None if the job is wrong."""
    try:
        config = compose(point)
        job = check_configuration(config)
    except (ConfigError, HydraException, OmegaConfBaseException):
        return None
    values = names.flatten_settings(job, names.name_choices(config.hydra.runtime.choices, point))
    return values | names.measure_extent(job.arch.sizes)
