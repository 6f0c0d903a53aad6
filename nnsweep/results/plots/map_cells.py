"""What a map shows: the settings of its axes and panels, and the configuration in each of its cells."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.factors import EXTENT, choose_axes, place_level, sort_levels
from nnsweep.results.frame import plain, varies
from nnsweep.results.statistics.best_set import choose_by_validation
from nnsweep.results.statistics.summary import EstimatedConfiguration, estimate_configurations
from nnsweep.results.wording import short_name, value_text
from nnsweep.text import explain_unknown, printable

HALF = 0.5
"""A map has runs in more than this part of its cells."""
ROOM = 70
"""Letters that values have room for below a map; a setting with more is written beside it."""

Cells: TypeAlias = Mapping[tuple[str, str], EstimatedConfiguration]
"""A panel's cells by row and column."""


class MapCells(NamedTuple):
    """What a map shows.

    Attributes
    ----------
    axes : tuple of str
        The settings along the horizontal and the vertical axis.
    columns, rows : list
        Their values, in order.
    panels : mapping
        ``{name: cells}``, in the order of the panels' values.
    metric : str
        What the cells hold the mean of.
    best : EstimatedConfiguration
        The one with the best mean.
    chosen : EstimatedConfiguration or None
        Validation's choice; see `choose_by_validation`.
    places : mapping
        The place of a configuration among all, 0 being the best, by the positions of its runs.
    best_panels : list of str
        The panels' names, the one with the best cell first.
    hidden : list of str
        The settings of whose values each cell shows the best.
    n_alike : int
        How many panels that follow one another differ in the last setting alone.
    """

    axes: tuple[str, str]
    columns: list[object]
    rows: list[object]
    panels: Mapping[str, Cells]
    metric: str
    best: EstimatedConfiguration
    chosen: EstimatedConfiguration | None
    places: Mapping[tuple[int, ...], int]
    best_panels: list[str]
    hidden: list[str]
    n_alike: int

    @property
    def cells(self) -> list[EstimatedConfiguration]:
        """The cells of all panels."""
        return [cell for panel in self.panels.values() for cell in panel.values()]

    @property
    def means(self) -> list[float]:
        """The means of those cells that have a result."""
        return [cell.mean for cell in self.cells if cell.finished]

    @property
    def has_no_interval(self) -> bool:
        """Whether no cell can have an interval, having one seed."""
        return all(cell.has_no_interval for cell in self.cells if cell.finished)


def choose_map_axes(runs: pd.DataFrame) -> tuple[str, str] | None:
    """Choose the columns of a map, x and y: width and depth if they make a grid, else the two with most values.

    Returns
    -------
    tuple of str or None
        None if half of the cells of such a map would be empty, or fewer than two settings vary.
    """
    if all(name in runs.columns and varies(runs, name) for name in EXTENT) and _measure_filling(runs, EXTENT) > HALF:
        return "width", "depth"
    names = choose_axes(runs)
    names.sort(key=lambda name: -runs[name].map(repr).nunique())
    if len(names) < 2 or _measure_filling(runs, names[:2]) <= HALF:
        return None
    n_letters = sum(len(str(value)) for value in runs[names[0]].unique())
    return (names[1], names[0]) if n_letters > ROOM else (names[0], names[1])


def _measure_filling(runs: pd.DataFrame, names: Sequence[str]) -> float:
    """Give the share of a map's cells that have runs."""
    cells = {tuple(map(repr, cell)) for cell in zip(*(plain(runs[name]) for name in names), strict=True)}
    rows, columns = ({cell[place] for cell in cells} for place in (0, 1))
    return len(cells) / (len(rows) * len(columns))


def complete_map_axes(runs: pd.DataFrame, x: str | None, y: str | None) -> tuple[str, str] | None:
    """Choose those of a map's two columns that are not given; None if there are no two to choose from.

    Where no map would be chosen, it has the settings that vary most, or depth and width if they do not vary either.
    """
    if x is not None and y is not None:
        return x, y
    if x is None and y is None and (chosen := choose_map_axes(runs)):
        return chosen
    layers = [name for name in reversed(EXTENT) if name in runs.columns]
    free = [name for name in dict.fromkeys([*choose_axes(runs, first=layers), *layers]) if name not in (x, y)]
    across, down = (name or (free.pop(0) if free else None) for name in (x, y))
    return None if across is None or down is None else (across, down)


def find_setting(runs: pd.DataFrame, name: str, role: str) -> str:
    """Find the column that a name or the last part of a dotted one means, for the map's x, y or panels.

    Raises
    ------
    ConfigError
        If no column or several have that name.
    """
    if name in runs.columns:
        return name
    ends = [str(column) for column in runs.columns if str(column).rpartition(".")[2] == name]
    if len(ends) > 1:
        raise ConfigError(f"{role}: {printable(name)} could be {' or '.join(map(printable, ends))}; write it whole")
    if not ends:
        known = choose_axes(runs, first=[layer for layer in EXTENT if layer in runs.columns])
        raise ConfigError(f"{role}: {explain_unknown(name, known)}")
    return ends[0]


def gather_cells(runs: pd.DataFrame, *, x: str, y: str, panels: Sequence[str] | None = None, metric: str) -> MapCells:
    """Find what is in each cell of a map.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs, one at least.
    x, y : str
        The columns that make the map's columns and rows.
    panels : sequence of str, optional
        Those that make the panels; whatever else varies if not given. Of a setting that is then in none of the three,
        a cell has the best value.
    metric : str
        What came out.

    Raises
    ------
    ConfigError
        If a column is given twice or is a repeat, or two runs are the same repeat of one configuration.
    """
    names = [x, y, *(panels or ())]
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        given = f"x={x}, y={y}" + (f", panels={','.join(panels)}" if panels else "")
        raise ConfigError(f"{printable(given)}: {printable(twice[0])!r} is given twice; give each setting once")
    others = [name for name in choose_axes(runs, first=(*(panels or ()), y, x)) if name not in (x, y)]
    panels = others if panels is None else [*panels]
    hidden = [name for name in others if name not in panels]
    by = [*panels, *hidden, y, x]
    groups = estimate_configurations(runs, metric, by=by)
    chosen = choose_by_validation(runs, metric, by=by)
    named = {}
    for group in sorted(groups, key=lambda group: [place_level(level) for level in group.levels]):
        named[group.label] = ", ".join(
            value_text(level) if isinstance(level, str) else f"{short_name(setting, others)} {value_text(level)}"
            for setting, level in zip(panels, group.levels, strict=False)
        )
    cells: dict[str, dict[tuple[str, str], EstimatedConfiguration]] = {name: {} for name in named.values()}
    for group in groups:  # the best first, which stays where several would have one cell
        cells[named[group.label]].setdefault((repr(group.settings[y]), repr(group.settings[x])), group)
    return MapCells(
        axes=(x, y),
        columns=sort_levels(plain(runs[x])),
        rows=sort_levels(plain(runs[y])),
        panels=cells,
        metric=metric,
        best=groups[0],
        chosen=next((group for group in groups if group.label == chosen), None),
        places=_find_places(runs, metric),
        best_panels=[*dict.fromkeys(named[group.label] for group in groups)],
        hidden=hidden,
        n_alike=len({repr(group.settings[panels[-1]]) for group in groups}) if panels else 1,
    )


def _find_places(runs: pd.DataFrame, metric: str) -> dict[tuple[int, ...], int]:
    """Give the place of each configuration among all by the positions of its runs.

    The cells are ranked, too, but may be other configurations, and where means are equal their order is another.
    """
    try:
        return {group.rows: place for place, group in enumerate(estimate_configurations(runs, metric))}
    except ConfigError:  # what makes these configurations differ is known to who asked for the map alone
        return {}
