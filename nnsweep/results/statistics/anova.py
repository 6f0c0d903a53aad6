"""Analysis of variance: how much of the spread of results is due to each setting, to pairs of them, and to repeats.

A complete grid with the same number of seeds everywhere is a balanced design: marginal means divide its sum of squares,
and the parts add up. For any other design they are found by least squares on the means of cells. Both are written out,
since statsmodels' type II is wrong where a cell is missing, fails with one run a cell and takes seconds for hundreds.
"""

import math
from collections.abc import Hashable, Sequence
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special
from threadpoolctl import threadpool_limits

from nnsweep.errors import ConfigError
from nnsweep.results.factors import SEED, check_settings, choose_factors, code_dummies, find_repeats, varying_settings
from nnsweep.results.frame import SIZES, check_columns, coded, plain
from nnsweep.results.grouping import Configuration, group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.summary import describe_failures, find_sizes
from nnsweep.text import printable

FloatArray: TypeAlias = NDArray[np.float64]
Term: TypeAlias = tuple[str, ...]

HIGHER, RESIDUAL, TOTAL = "higher-order interactions", "residual", "total"
ROUNDING = 1e-20
"""Sums of squares below this part of the sum of squared values are nothing but rounding."""


class Sum(NamedTuple):
    """A sum of squares and its degrees of freedom."""

    squares: float
    df: int


class Design(NamedTuple):
    """The values, the cell number of each by factor, and the seed's number if it is a factor."""

    y: FloatArray
    levels: dict[str, NDArray[np.int64]]
    seeds: NDArray[np.int64] | None


def effects(
    runs: pd.DataFrame,
    metric: str | None = None,
    *,
    factors: Sequence[str] | None = None,
    blocks: bool = False,
    failures: str | None = None,
) -> pd.DataFrame:
    """Divide the variance of a metric among the settings, their pairs, and the repeats.

    The model has a mean for each cell, a combination of settings. Its sum of squares is divided into main effects,
    interactions of two settings, and those of more together; what results differ by within a cell is the residual. A
    result is a run, or the mean of the seeds of a fold or split (`nnsweep.results.factors`). In a
    complete grid with equally many runs in each cell the sums come from the marginal means (Montgomery, Design and
    Analysis of Experiments, chapter 5) and add up to the total. Otherwise they are of type II by least squares on
    dummy coding (Langsrud, Statistics and Computing 13, 2003): each term against all terms that do not contain it,

        ``SS(term) = RSS(terms without it) - RSS(these and the term)``,   df = difference of ranks,

    and need not add up. With SS and df of a term and ``MS = SS / df``:

        ``F = MS / MS_res``,  ``η² = SS / SS_total``,  partial ``η² = SS / (SS + SS_res)``,
        ``ω² = (SS - df · MS_res) / (SS_total + MS_res)``

    (Hays, Statistics for Psychologists, 1963, for ω², which is η² without what chance adds, and may be negative.)
    Where J folds or splits of a cell share training examples, ``MS_res`` is taken ``1 + J n_test / n_train`` times in F
    and ω², by which the variance of their mean is larger (Nadeau and Bengio, Machine Learning 52, 2003).

    With one result a cell, interactions of three settings and more cannot be told from chance: they are the residual,
    and p is too large where there are any.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs; those count that finished with a real value of the metric.
    metric : str, optional
        The column to explain.
    factors : sequence of str, optional
        The columns to explain it by; by default all settings that vary (`nnsweep.results.factors.choose_factors`).
        Others that vary are then part of the residual.
    blocks : bool
        Whether the repeat (seed, fold, split) is a factor of its own: what it does to all configurations alike is then
        not in the residual.
    failures : {"chance", "ignore"}, optional
        What failed runs count as: what guessing achieves, or nothing; by default what the frame says, or else chance.

    Returns
    -------
    pandas.DataFrame
        A row for each ``term`` (``depth``, ``depth:width``, ...), then ``seed`` (or ``fold``, ``split``, ``repeat``)
        with `blocks`, higher-order interactions, ``residual`` and ``total``: ``df``, ``sum_of_squares``,
        ``mean_square``, ``f``, ``p``, ``eta_squared``, ``partial_eta_squared``, ``omega_squared`` and ``note``; NaN for
        what cannot be told.
        ``attrs["notes"]`` says how it was computed, what was left out and which runs failed; ``attrs["factors"]``
        names the factors, ``attrs["residual"]`` says what the residual is made of.

    Raises
    ------
    ConfigError
        If a column is unknown, a factor is a repeat (which `blocks` is for), no run counts, two runs are twins, or
        `blocks` has no column ``seed``.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    needed = [SEED] if blocks and not find_repeats(runs).axes else []
    check_columns(runs, metric=[metric], factors=factors or (), blocks=needed)
    check_settings(factors or ())
    groups = group_runs(runs, metric, failures=failures)
    if not any(one.counted for one in groups):
        raise ConfigError(f"no run finished with a finite {printable(metric)}, so there is nothing to explain")
    usable, units, values = take_units(runs, groups)
    repeats, chosen = groups[0].repeats, choose_factors(usable, metric, factors)
    design = _make_design(usable, units, values, chosen.names, blocks=blocks)
    sums, loose = partition_squares(design), _find_loose(usable, metric, chosen.names)
    n_cells = len(set(zip(*(numbers.tolist() for numbers in design.levels.values()), strict=True))) or 1
    table = _make_table(sums, float(np.sum(design.y**2)), 1 + len(design.y) / n_cells * repeats.overlap)
    table["term"] = table["term"].replace({SEED: repeats.kind})
    table.attrs["factors"] = chosen.names
    table.attrs["residual"] = " and ".join([f"{repeats.kind}s", *(name.rpartition(".")[2] for name in loose)])
    if len(design.y) == n_cells:
        table.attrs["residual"] = "interactions of three or more settings, and chance"
    method, *notes = _describe_method(design, sums, repeats.overlap, is_repeated=len(design.y) > n_cells)
    left_out = [f"not used as factors, so part of the residual: {', '.join(map(printable, loose))}"] if loose else []
    table.attrs["notes"] = [method, *chosen.notes, *left_out, *notes, *describe_failures(groups, metric)]
    return table


def take_units(
    runs: pd.DataFrame, configurations: Sequence[Configuration]
) -> tuple[pd.DataFrame, list[Hashable], list[float]]:
    """Take the results of the configurations of a frame unit by unit.

    Returns
    -------
    runs : pandas.DataFrame
        A run that has the settings of each unit, in the order of the frame; those that failed early have the size of
        their configuration's network.
    units : list of hashable
        Which unit each is of.
    values : list of float
        Its mean.
    """
    sizes = {name: find_sizes(runs, name, configurations) for name in SIZES if name in runs.columns}
    columns = {name: plain(runs[name]) for name in sizes}
    of_each: list[tuple[int, Hashable, float]] = []
    for place, one in enumerate(configurations):
        first = {one.repeats.unit(key): row for key, row in reversed(one.sources.items())}
        of_each += [(row, unit, one.units[unit]) for unit, row in first.items()]
        for name, column in columns.items():
            for row in one.rows:
                column[row] = sizes[name][place] if column[row] is None else column[row]
    of_each.sort(key=lambda result: result[0])
    complete = runs.assign(**{name: pd.Series(column, index=runs.index) for name, column in columns.items()})
    usable = complete.iloc[[row for row, _, _ in of_each]]
    return usable, [unit for _, unit, _ in of_each], [value for _, _, value in of_each]


def _make_design(
    runs: pd.DataFrame, units: Sequence[Hashable], values: Sequence[float], names: Sequence[str], *, blocks: bool
) -> Design:
    """Give each level a number and sort the runs: their order in the frame changes nothing, not even rounding."""
    levels = {name: _number_levels(coded(runs, name)) for name in names}
    seeds = _number_levels(units) if blocks else None
    y = np.asarray(values, dtype=np.float64)
    order = np.lexsort([y, *([] if seeds is None else [seeds]), *reversed(levels.values())])
    ordered = {name: numbers[order] for name, numbers in levels.items()}
    return Design(y[order], ordered, None if seeds is None else seeds[order])


def _number_levels(codes: Sequence[Hashable]) -> NDArray[np.int64]:
    places = {code: place for place, code in enumerate(sorted(set(codes), key=repr))}
    return np.array([places[code] for code in codes], dtype=np.int64)


def _make_table(sums: dict[str, Sum], scale: float, correlation: float) -> pd.DataFrame:
    rounding = ROUNDING * scale
    clean = {name: one if one.squares > rounding else Sum(0.0, one.df) for name, one in sums.items()}
    rows = [_row(name, one, clean[RESIDUAL], clean[TOTAL], correlation) for name, one in clean.items()]
    numbers = ["sum_of_squares", "mean_square", "f", "p", "eta_squared", "partial_eta_squared", "omega_squared"]
    table = pd.DataFrame(rows, columns=["term", "df", *numbers, "note"])
    return table.astype({"df": "int64"} | dict.fromkeys(numbers, "float64"))


def _row(name: str, one: Sum, residual: Sum, total: Sum, correlation: float) -> dict[str, object]:
    row: dict[str, object] = {"term": name, "df": one.df, "sum_of_squares": one.squares, "note": ""}
    if one.df == 0:
        return row | {"note": "no residual degrees of freedom" if name == RESIDUAL else "confounded with other terms"}
    row |= {"mean_square": one.squares / one.df}
    row |= {"eta_squared": one.squares / total.squares} if total.squares else {}
    if name in (RESIDUAL, TOTAL):
        return row
    explained = one.squares + residual.squares
    row |= {"partial_eta_squared": one.squares / explained} if explained and residual.df else {}
    if not residual.df or not residual.squares:
        return row | {"note": "no residual to test it against"}
    noise = residual.squares / residual.df * correlation
    f = one.squares / one.df / noise
    omega_squared = (one.squares - one.df * noise) / (total.squares + noise)
    return row | {"f": f, "p": float(special.fdtrc(one.df, residual.df, f)), "omega_squared": omega_squared}


def _find_loose(runs: pd.DataFrame, metric: str, names: Sequence[str]) -> list[str]:
    """Name the settings that vary within cells: they are part of the residual."""
    codes = {name: coded(runs, name) for name in {*names, *varying_settings(runs, metric)}}
    cells = list(zip(*(codes[name] for name in names), strict=True)) if names else [()] * len(runs)
    return [name for name in sorted(codes) if len(set(zip(cells, codes[name], strict=True))) > len(set(cells))]


def _describe_method(design: Design, sums: dict[str, Sum], overlap: float, *, is_repeated: bool) -> list[str]:
    notes = [
        "the grid is not balanced: sums of squares are of type II (least squares) and need not add up to the total"
    ]
    if make_cube(design) is not None:
        notes = ["the grid is balanced: sums of squares add up to the total"]
    if not sums[RESIDUAL].df:
        notes.append(
            "every combination was run once: chance cannot be separated from interactions, so there is no F and no p"
        )
    elif not is_repeated:
        notes.append(
            "every combination has one result: interactions of three or more settings serve as the error, so p is too "
            "large if there are any, and does not generalize to other seeds"
        )
    if overlap:
        notes.append(f"F is corrected for overlapping training sets (n_test / n_train = {overlap:.3g})")
    return notes


def _terms(names: Sequence[str]) -> list[Term]:
    return [*((name,) for name in names), *combinations(names, 2)]


def partition_squares(design: Design) -> dict[str, Sum]:
    """Divide the spread of a design's values.

    Parameters
    ----------
    design : Design
        At least one value.

    Returns
    -------
    dict of str to Sum
        Main effects, interactions of two factors (``a:b``), the seed, interactions of more, residual and total; what
        the design does not have is left out.
    """
    total = Sum(float(np.sum((design.y - design.y.mean()) ** 2)), len(design.y) - 1)
    cube = make_cube(design)
    if cube is not None:
        return _balanced(cube, design) | {TOTAL: total}
    with threadpool_limits(1):  # on a busy machine more threads spend ten times as long, waiting for one another
        return _least_squares(design) | {TOTAL: total}


def make_cube(design: Design) -> FloatArray | None:
    """Lay the values out by factor, with the runs of a cell on the last axis; None if the design is not balanced."""
    shape = [int(numbers.max()) + 1 for numbers in design.levels.values()]
    if len(design.y) % math.prod(shape):
        return None
    n = len(design.y) // math.prod(shape)
    cells = np.ravel_multi_index(tuple(design.levels.values()), tuple(shape)) if shape else np.zeros(len(design.y), int)
    if not np.array_equal(cells, np.repeat(np.arange(math.prod(shape)), n)):
        return None
    if design.seeds is not None and not np.array_equal(design.seeds, np.tile(np.arange(n), math.prod(shape))):
        return None
    return design.y.reshape(*shape, n)


def _balanced(cube: FloatArray, design: Design) -> dict[str, Sum]:
    """Take the sums of squares from marginal means, each without the effects that it contains."""
    axes = {name: axis for axis, name in enumerate(design.levels)}
    centred = cube - cube.mean()
    sums = {_write_term(term): _marginal(centred, [axes[name] for name in term]) for term in _terms(list(axes))}
    cells = centred.mean(axis=-1, keepdims=True)
    n, n_cells = cube.shape[-1], cube.size // cube.shape[-1]
    within = Sum(float(np.sum((centred - cells) ** 2)), (n - 1) * n_cells)
    if design.seeds is not None:
        sums[SEED] = _marginal(centred, [cube.ndim - 1])
    if len(axes) > 2:
        rest = Sum(float(np.sum(cells**2)) * n, n_cells - 1)
        sums[HIGHER] = _less(rest, [one for name, one in sums.items() if name != SEED])
    return _with_residual(sums, _less(within, [sums[SEED]] if SEED in sums else []))


def _marginal(centred: FloatArray, axes: Sequence[int]) -> Sum:
    """Give the sum of squares of one main effect or one interaction of two, with the values centred."""
    others = tuple(axis for axis in range(centred.ndim) if axis not in axes)
    means = centred.mean(axis=others, keepdims=True)
    if len(axes) == 2:
        means = means - means.mean(axis=axes[0], keepdims=True) - means.mean(axis=axes[1], keepdims=True)
    df = math.prod(centred.shape[axis] - 1 for axis in axes)
    return Sum(float(np.sum(means**2)) * centred.size / means.size, df)


def _less(whole: Sum, parts: Sequence[Sum]) -> Sum:
    squares = whole.squares - math.fsum(part.squares for part in parts)
    return Sum(max(0.0, squares), whole.df - sum(part.df for part in parts))


class CellRows(NamedTuple):
    """A design with a row for each cell instead of each result, in which every model leaves the same squares.

    All results of a cell have the same settings, so a model of settings is fitted to the cells' means, weighted by the
    roots of their numbers of results. What differs within cells is in the further rows, one for each block and one for
    what no model explains: the triangular factor of blocks and results without their cells' means.

    Attributes
    ----------
    levels : dict of str to array of shape (n_cells,)
        The level of each cell by factor.
    roots : array of shape (n_cells,)
        The roots of the numbers of results.
    blocks : array of shape (n_rows, n_blocks)
        A column for each block; no columns without blocks.
    y : array of shape (n_rows,)
        The values to fit.
    n_results : int
        How many results there are.
    """

    levels: dict[str, NDArray[np.int64]]
    roots: FloatArray
    blocks: FloatArray
    y: FloatArray
    n_results: int

    def fit(self, columns: Sequence[FloatArray]) -> Sum:
        """Give the residual of a model with an intercept, columns of shape (n_cells, any) and the blocks."""
        settings = self.roots[:, None] * np.hstack([np.ones((len(self.roots), 1)), *columns])
        within = np.zeros((len(self.y) - len(settings), settings.shape[1]))
        return _fit(np.hstack([np.vstack([settings, within]), self.blocks]), self.y, self.n_results)

    def fit_cells(self, *, blocks: bool) -> Sum:
        """Give the residual of a model that has a mean for each cell, with the blocks or without them."""
        n_cells = len(self.roots)
        columns = self.blocks if blocks else self.blocks[:, :0]
        return _fit(columns[n_cells:], self.y[n_cells:], self.n_results - n_cells)


def reduce_to_cells(design: Design) -> CellRows:
    """Take the results of each cell together, which stand together: hundreds of rows do where there were thousands."""
    numbers = np.array([*design.levels.values()], dtype=np.int64).reshape(len(design.levels), len(design.y))
    starts = np.flatnonzero([True, *np.any(np.diff(numbers, axis=1) != 0, axis=0)])
    counts = np.diff([*starts, len(design.y)])
    blocks = np.zeros((len(design.y), 0)) if design.seeds is None else np.eye(int(design.seeds.max()) + 1)[design.seeds]
    values = np.column_stack([blocks, design.y - design.y.mean()])
    means = np.add.reduceat(values, starts) / counts[:, None]
    within = np.linalg.qr(values - np.repeat(means, counts, axis=0), mode="r")
    roots = np.sqrt(counts)
    rows = np.vstack([roots[:, None] * means, within])
    levels = dict(zip(design.levels, numbers[:, starts], strict=True))
    return CellRows(levels, roots, rows[:, :-1], rows[:, -1], len(design.y))


def _least_squares(design: Design) -> dict[str, Sum]:
    """Take sums of squares of type II from the residuals of models with and without each term."""
    cells = reduce_to_cells(design)
    terms = {
        term: code_dummies(list(zip(*(cells.levels[name].tolist() for name in term), strict=True)))
        for term in _terms(list(cells.levels))
    }  # an interaction is its combinations, since a model that has it has the factors' own dummies, too
    with_all, within = cells.fit([*terms.values()]), cells.fit_cells(blocks=True)
    sums = {}
    for term, columns in terms.items():
        others = [block for other, block in terms.items() if not set(term) <= set(other)]
        larger = with_all if len(term) == 2 else cells.fit([*others, columns])
        sums[_write_term(term)] = _gain(cells.fit(others), larger)
    if design.seeds is not None:
        sums[SEED] = _gain(cells.fit_cells(blocks=False), within)
    if len(design.levels) > 2:
        sums[HIGHER] = _gain(with_all, within)
    return _with_residual(sums, within)


def _gain(smaller: Sum, larger: Sum) -> Sum:
    """Give what a larger model explains more; nothing, where its columns depend on those of the smaller one."""
    return _less(smaller, [larger]) if smaller.df > larger.df else Sum(0.0, 0)


def _fit(matrix: FloatArray, y: FloatArray, n: int) -> Sum:
    """Give the residual sum of squares of least squares, and how many of n degrees of freedom the rank leaves."""
    if not matrix.shape[1]:
        return Sum(float(np.sum(y**2)), n)
    solution, _, rank, _ = np.linalg.lstsq(matrix, y, rcond=None)
    return Sum(float(np.sum((y - matrix @ solution) ** 2)), n - int(rank))


def _with_residual(sums: dict[str, Sum], within: Sum) -> dict[str, Sum]:
    """Put the residual last; where every cell has one run, interactions of three settings and more are the residual."""
    if within.df == 0 and HIGHER in sums:
        within = sums.pop(HIGHER)
    return {name: one for name, one in sums.items() if name != HIGHER or one.df > 0} | {RESIDUAL: within}


def _write_term(term: Term) -> str:
    return ":".join(map(printable, term))
