"""Sums of squares: the spread of a design's values divided among its terms.

A balanced design is divided by its marginal means, any other by least squares; what is left within the cells is the
residual.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnsweep.messages import visible
from nnsweep.results.factors import indicators
from nnsweep.results.repeats import SEED

FloatArray: TypeAlias = NDArray[np.float64]
Term: TypeAlias = tuple[str, ...]

HIGHER, RESIDUAL, TOTAL = "higher-order interactions", "residual", "total"


class Sum(NamedTuple):
    """A sum of squares and its degrees of freedom."""

    squares: float
    df: int


class Design(NamedTuple):
    """The values, the cell number of each by factor, and the seed's number if it is a factor."""

    y: FloatArray
    levels: dict[str, NDArray[np.int64]]
    seeds: NDArray[np.int64] | None


def _terms(names: Sequence[str]) -> list[Term]:
    return [*((name,) for name in names), *combinations(names, 2)]


def sums_of_squares(design: Design) -> dict[str, Sum]:
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
    cube = cube_of(design)
    found = _least_squares(design) if cube is None else _balanced(cube, design)
    return {**found, TOTAL: total}


def cube_of(design: Design) -> FloatArray | None:
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
    found = {_told(term): _marginal(centred, [axes[name] for name in term]) for term in _terms(list(axes))}
    cells = centred.mean(axis=-1, keepdims=True)
    n, n_cells = cube.shape[-1], cube.size // cube.shape[-1]
    within = Sum(float(np.sum((centred - cells) ** 2)), (n - 1) * n_cells)
    if design.seeds is not None:
        found[SEED] = _marginal(centred, [cube.ndim - 1])
    if len(axes) > 2:
        rest = Sum(float(np.sum(cells**2)) * n, n_cells - 1)
        found[HIGHER] = _less(rest, [one for name, one in found.items() if name != SEED])
    return _with_residual(found, _less(within, [found[SEED]] if SEED in found else []))


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


def _least_squares(design: Design) -> dict[str, Sum]:
    """Take sums of squares of type II from the residuals of models with and without each term."""
    seeds = [] if design.seeds is None else [_cells([design.seeds])]
    cells = _cells(list(design.levels.values()))
    terms = {term: _cells([design.levels[name] for name in term]) for term in _terms(list(design.levels))}
    with_all, within = _residual(design.y, [*terms.values(), *seeds]), _residual(design.y, [cells, *seeds])
    found = {}
    for term, columns in terms.items():
        others = [block for other, block in terms.items() if not set(term) <= set(other)] + seeds
        larger = with_all if len(term) == 2 else _residual(design.y, [*others, columns])
        found[_told(term)] = _gain(_residual(design.y, others), larger)
    if seeds:
        found[SEED] = _gain(_residual(design.y, [cells]), within)
    if len(design.levels) > 2:
        found[HIGHER] = _gain(with_all, within)
    return _with_residual(found, within)


def _cells(levels: Sequence[NDArray[np.int64]]) -> FloatArray:
    """Code combinations of levels by dummies: an interaction, where a model has the factors' own dummies, too."""
    return indicators(list(zip(*(numbers.tolist() for numbers in levels), strict=True)))


def _gain(smaller: Sum, larger: Sum) -> Sum:
    """Give what a larger model explains more; nothing, where its columns depend on those of the smaller one."""
    return _less(smaller, [larger]) if smaller.df > larger.df else Sum(0.0, 0)


def _residual(y: FloatArray, columns: Sequence[FloatArray]) -> Sum:
    """Give the residual sum of squares of a model with an intercept, and its degrees of freedom by the rank."""
    present = [block for block in columns if block.size]
    matrix = np.hstack([np.ones((len(y), 1)), *present])
    centred = y - y.mean()
    solution, _, rank, _ = np.linalg.lstsq(matrix, centred, rcond=None)
    return Sum(float(np.sum((centred - matrix @ solution) ** 2)), len(y) - int(rank))


def _with_residual(found: dict[str, Sum], within: Sum) -> dict[str, Sum]:
    """Put the residual last; where every cell has one run, interactions of three settings and more are the residual."""
    if within.df == 0 and HIGHER in found:
        within = found.pop(HIGHER)
    return {name: one for name, one in found.items() if name != HIGHER or one.df > 0} | {RESIDUAL: within}


def _told(term: Term) -> str:
    return ":".join(map(visible, term))
