"""Statistics keep the values that they had, with random and with degenerate inputs.

``golden.json`` has for each statistic ``[arguments, options, result]``, written before any was put on a library.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnsweep.results.statistics.anova import effects
from nnsweep.results.statistics.example_tests import mcnemar_test, sign_flip_test
from nnsweep.results.statistics.intervals import estimate_mean
from nnsweep.results.statistics.power import compute_power, count_seeds_needed
from nnsweep.results.statistics.tests import compare_means, correct_by_holm
from nnsweep.results.trend import bound_noise, estimate_noise, find_peak, fit_rise, smooth

NUMBERS = ["df", "sum_of_squares", "mean_square", "f", "p", "eta_squared", "partial_eta_squared", "omega_squared"]


def effects_of(rows: list[list[float]], **options: bool) -> dict[str, list[object]]:
    factors = [f"factor_{place}" for place in range(len(rows[0]) - 2)]
    table = effects(pd.DataFrame(rows, columns=[*factors, "seed", "test_accuracy"]), factors=factors, **options)
    return {str(row["term"]): [row["note"], *row[NUMBERS]] for _, row in table.iterrows()}


def of_arrays(statistic: Callable[..., object]) -> Callable[..., object]:
    return lambda *arguments: statistic(*map(np.array, arguments))


STATISTICS: dict[str, Callable[..., object]] = {
    "interval": estimate_mean,
    "difference": compare_means,
    "holm": correct_by_holm,
    "seeds_needed": count_seeds_needed,
    "power_of": compute_power,
    "mcnemar": mcnemar_test,
    "sign_flip": sign_flip_test,
    "effects": effects_of,
    "smoothed": of_arrays(smooth),
    "peak": of_arrays(find_peak),
    "noise": of_arrays(estimate_noise),
    "beyond_noise": of_arrays(bound_noise),
    "rise": of_arrays(fit_rise),
}
GOLDEN = Path(__file__).with_name("golden.json")


def plain(value: object) -> object:
    """Give a result as JSON has it."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list | np.ndarray):
        return [plain(part) for part in value]
    return value if isinstance(value, str) else float(value)  # type: ignore[arg-type]


def is_same(found: object, expected: object) -> bool:
    """Tell whether two results differ by no more than rounding."""
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        return list(found) == list(expected) and all(is_same(found[name], expected[name]) for name in expected)
    if isinstance(expected, list):
        assert isinstance(found, list)
        return len(found) == len(expected) and all(map(is_same, found, expected))
    if isinstance(expected, str) or isinstance(found, str):
        return found == expected
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-13) or (math.isnan(found) and math.isnan(expected))


@pytest.mark.parametrize("name", STATISTICS)
def test_a_statistic_keeps_its_values(name):
    cases = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
    assert len(cases) > 10
    for arguments, options, expected in cases:
        found = plain(STATISTICS[name](*arguments, **options))
        assert is_same(found, expected), f"{name}(*{arguments}, **{options}) is {found}, was {expected}"
