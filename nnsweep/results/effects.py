"""Effects: how much of the spread of the results is due to each setting, to pairs of them, and to the seed.

An analysis of variance. A complete grid with the same number of seeds everywhere is a balanced design, whose sums of
squares add up; for any other they are found by least squares.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nnsweep.errors import ConfigError
from nnsweep.messages import visible
from nnsweep.results.factors import factors_of
from nnsweep.results.frame import plain
from nnsweep.results.grouping import SEED, check_columns, coded, grouped, varying_settings
from nnsweep.results.ranking import counted
from nnsweep.results.variance import RESIDUAL, TOTAL, Design, Sum, cube_of, sums_of_squares

ROUNDING = 1e-20
"""Sums of squares below this part of the sum of squared values are nothing but rounding."""


def effects(
    runs: pd.DataFrame,
    metric: str = "test_accuracy",
    *,
    factors: Sequence[str] | None = None,
    blocks: bool = False,
) -> pd.DataFrame:
    """Divide the variance of a metric among the settings, their pairs, and the seeds.

    The model has a mean for each cell, a combination of settings. Its sum of squares is divided into main effects,
    interactions of two settings, and those of more together; what runs differ by within a cell is the residual. In a
    complete grid with equally many runs in each cell the sums come from the marginal means (Montgomery, Design and
    Analysis of Experiments, chapter 5) and add up to the total. Otherwise they are of type II by least squares on
    dummy coding (Langsrud, Statistics and Computing 13, 2003): each term against all terms that do not contain it,

        ``SS(term) = RSS(terms without it) - RSS(these and the term)``,   df = difference of ranks,

    and need not add up. With SS and df of a term and ``MS = SS / df``:

        ``F = MS / MS_res``,  ``η² = SS / SS_total``,  partial ``η² = SS / (SS + SS_res)``,
        ``ω² = (SS - df · MS_res) / (SS_total + MS_res)``

    (Hays, Statistics for Psychologists, 1963, for ω², which is η² without what chance adds, and may be negative.)

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs; only those that finished with a real value of the metric count.
    metric : str
        The column to explain.
    factors : sequence of str, optional
        The columns to explain it by; by default all settings that vary (`nnsweep.results.factors.factors_of`). Others
        that vary are then part of the residual.
    blocks : bool
        Whether the seed is a factor of its own: what it does to all configurations alike is then not in the residual.

    Returns
    -------
    pandas.DataFrame
        A row for each ``term`` (``depth``, ``depth:width``, ...), then ``seed`` with `blocks`, higher-order
        interactions, ``residual`` and ``total``: ``df``, ``sum_of_squares``, ``mean_square``, ``f``, ``p``,
        ``eta_squared``, ``partial_eta_squared``, ``omega_squared`` and ``note``; NaN for what cannot be told.
        ``attrs["notes"]`` says how it was computed, what was left out and which runs failed; ``attrs["factors"]``
        names the factors.

    Raises
    ------
    ConfigError
        If a column is unknown, no run counts, two runs are twins, or `blocks` has no column ``seed``.
    """
    check_columns(runs, [metric, *(factors or ()), *([SEED] if blocks else [])])
    grouped(runs, metric)  # refuses twins
    values = counted(runs, metric)
    usable = runs[[value is not None for value in values]]
    if usable.empty:
        raise ConfigError(f"no finished run has a real {visible(metric)}: there is nothing to explain")
    chosen = factors_of(usable, metric, factors)
    design = _design(usable, [value for value in values if value is not None], chosen.names, blocks=blocks)
    sums = sums_of_squares(design)
    table = _table(sums, float(np.sum(design.y**2)))
    table.attrs["factors"] = chosen.names
    table.attrs["notes"] = [_method(design), *chosen.notes, *_left(usable, metric, chosen.names), *_notes(runs, sums)]
    return table


def _design(usable: pd.DataFrame, values: Sequence[float], names: Sequence[str], *, blocks: bool) -> Design:
    """Give each level a number and sort the runs: their order in the frame changes nothing, not even rounding."""
    levels = {name: _numbered(usable, name) for name in names}
    seeds = _numbered(usable, SEED) if blocks else None
    y = np.asarray(values, dtype=np.float64)
    keys = [y, *([] if seeds is None else [seeds]), *reversed(list(levels.values()))]
    order = np.lexsort(keys)
    ordered = {name: numbers[order] for name, numbers in levels.items()}
    return Design(y[order], ordered, None if seeds is None else seeds[order])


def _numbered(usable: pd.DataFrame, name: str) -> NDArray[np.int64]:
    codes = coded(usable, name)
    places = {code: place for place, code in enumerate(sorted(set(codes), key=repr))}
    return np.array([places[code] for code in codes], dtype=np.int64)


def _table(sums: dict[str, Sum], scale: float) -> pd.DataFrame:
    rounding = ROUNDING * scale
    clean = {name: one if one.squares > rounding else Sum(0.0, one.df) for name, one in sums.items()}
    rows = [_row(name, one, clean[RESIDUAL], clean[TOTAL]) for name, one in clean.items()]
    numbers = ["sum_of_squares", "mean_square", "f", "p", "eta_squared", "partial_eta_squared", "omega_squared"]
    table = pd.DataFrame(rows, columns=["term", "df", *numbers, "note"])
    return table.astype({"df": "int64"} | dict.fromkeys(numbers, "float64"))


def _row(name: str, one: Sum, residual: Sum, total: Sum) -> dict[str, object]:
    row: dict[str, object] = {"term": name, "df": one.df, "sum_of_squares": one.squares, "note": ""}
    if one.df == 0:
        return row | {
            "note": "no residual degrees of freedom" if name == RESIDUAL else "cannot be told from other terms"
        }
    row |= {"mean_square": one.squares / one.df}
    row |= {"eta_squared": one.squares / total.squares} if total.squares else {}
    if name in (RESIDUAL, TOTAL):
        return row
    explained = one.squares + residual.squares
    row |= {"partial_eta_squared": one.squares / explained} if explained and residual.df else {}
    if not residual.df or not residual.squares:
        return row | {"note": "no residual to test it against"}
    noise = residual.squares / residual.df
    f = one.squares / one.df / noise
    omega_squared = (one.squares - one.df * noise) / (total.squares + noise)
    return row | {"f": f, "p": float(stats.f.sf(f, one.df, residual.df)), "omega_squared": omega_squared}


def _method(design: Design) -> str:
    if cube_of(design) is not None:
        return "balanced: sums of squares from marginal means, which add up to the total"
    return "not balanced: sums of squares of type II by least squares, which need not add up to the total"


def _left(usable: pd.DataFrame, metric: str, names: Sequence[str]) -> list[str]:
    """Name the settings that vary within cells: they are part of the residual."""
    codes = {name: coded(usable, name) for name in {*names, *varying_settings(usable, metric)}}
    cells = list(zip(*(codes[name] for name in names), strict=True)) if names else [()] * len(usable)
    loose = [name for name in sorted(codes) if len(set(zip(cells, codes[name], strict=True))) > len(set(cells))]
    return [f"in the residual, because they are no factors: {', '.join(map(visible, loose))}"] if loose else []


def _notes(runs: pd.DataFrame, sums: dict[str, Sum]) -> list[str]:
    notes = []
    states = plain(runs["state"]) if "state" in runs.columns else []
    failed = sum(state not in ("finished", "running") for state in states)
    if failed:
        notes.append(f"{failed} of {len(runs)} runs did not finish and are left out")
    if not sums[RESIDUAL].df:
        notes.append("every cell has one run: nothing tells chance from the interactions, so there is no F and no p")
    return notes
