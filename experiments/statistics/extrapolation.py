"""How far off predicted ends of curves are, how early a ranking is the last one, and how often noise is called a rise.

    python experiments/statistics/extrapolation.py STORE ... [--quick]

The stores have the experiments of `EXPERIMENTS` and `GRIDS`; ``extrapolation.md`` has the commands that make them.
Tables go to ``extrapolation.csv``, and the quantiles that `nnsweep.results.statistics.extrapolation.ERRORS` has are
printed.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.signal import lfilter

import nnsweep
from nnsweep.errors import ConfigError
from nnsweep.results.labels import LEAST_CHANGE, PLATEAUED, STILL_IMPROVING, label, label_improvement
from nnsweep.results.statistics.extrapolation import (
    DECAYS,
    FACTOR,
    FEWEST_POINTS,
    LEVELS,
    POWERS,
    SPENT,
    extrapolate,
    fit_law,
)
from nnsweep.results.statistics.rankings import compare_rankings
from nnsweep.results.trend import LEAST_POINTS, Curve, Floats, find_selecting_curve, fit_rise, mark_last

EXPERIMENTS = ("long_curves", "schedules", "notebook", "notebook_seeds")
"""Whose curves are predicted."""
GRIDS = ("depth_width", "activations", "schedules")
"""Whose early rankings are compared with the last."""
FINITE = ("cosine", "poly", "one_cycle", "warmup_cosine")
"""Schedules whose length is that of the training: half of one is not what a training of half the epochs has."""
OURS = "mean of level, power law, exponential"
CUTS = (0.5, 0.25, 0.125)
CONFIDENCE = 0.9
SEED = 0


def predict_by_shapes(
    decay: Callable[[Floats | float, float, float], Floats | float], steepness: Floats
) -> Callable[..., float]:
    """Fit a law of two shapes on a grid of the second one; the best by its sum of squares."""

    def predict(epochs: Floats, values: Floats, end: float) -> float:
        last, best = epochs[-1], (np.inf, np.nan)
        for power in steepness:
            for shape in np.geomspace(0.02, 4, 15):
                steps = np.asarray(decay(epochs / last, shape, power))
                centred = steps - steps.mean()
                b = max(0.0, -float(centred @ values) / max(float(centred @ centred), 1e-30))
                a = float(values.mean() + b * steps.mean())
                squares = float(np.sum((values - a + b * steps) ** 2))
                if squares < best[0]:
                    best = squares, float(a - b * decay(end / last, shape, power))
        return min(1.0, max(0.0, best[1]))

    return predict


predict_by_mmf = predict_by_shapes(lambda t, k, d: 1 / (1 + (t / k) ** d), np.array([0.5, 0.75, 1, 1.5, 2, 3]))
predict_by_weibull = predict_by_shapes(lambda t, k, d: np.exp(-((t / k) ** d)), np.array([0.4, 0.6, 0.8, 1, 1.5, 2]))


def predict_all(epochs: Floats, values: Floats, end: float) -> dict[str, float]:
    """Predict by every method: those that `extrapolate` is made of, and those that were not better."""
    found = extrapolate(epochs, values, end)
    epochs, values = epochs[epochs > 0], values[epochs > 0]
    late, last = epochs >= epochs[-1] / 2, mark_last(epochs)
    late_curve = epochs[late], values[late], end
    line = fit_rise(epochs[last], values[last])
    slope = line.gain / np.ptp(epochs[last])
    return {
        "last level": found.now,
        "line through the last fifth": float(np.clip(found.now + max(0.0, slope) * (end - epochs[-1]), 0, 1)),
        "power law": fit_law(lambda t, c: t**-c, POWERS, *late_curve),
        "exponential": fit_law(lambda t, c: np.exp(-c * t / epochs[-1]), DECAYS, *late_curve),
        "1 / log t": fit_law(lambda t, c: 1 / np.log(t + c), np.array([1.0, 1.5, 2.0]), *late_curve),
        "MMF": predict_by_mmf(*late_curve),
        "Weibull": predict_by_weibull(*late_curve),
        "power law, all epochs": fit_law(lambda t, c: t**-c, POWERS, epochs, values, end),
        OURS: found.value,
    }


class Run(NamedTuple):
    """A run with its curve: the study it belongs to, its schedule, chance, examples, and history."""

    study: str
    schedule: str
    chance: float
    n_samples: float
    history: pd.DataFrame


def load(experiment: str, uris: list[str]) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Load runs and curves of an experiment from the first store that has it."""
    for uri in uris:
        with contextlib.suppress(ConfigError):
            runs = nnsweep.load_results(experiment, uri=uri)
            return runs, nnsweep.load_histories(runs, uri=uri)
    raise SystemExit(f"none of the stores has the experiment {experiment}")


def read_runs(uris: list[str], every: int) -> Iterator[Run]:
    """Read the runs of all experiments; a data set of the long curves is a study."""
    for experiment in EXPERIMENTS:
        runs, histories = load(experiment, uris)
        for _, row in runs.iloc[::every].iterrows():
            history = histories[row["run_id"]]
            curve = find_selecting_curve(history)
            if len(curve.values):
                n_samples = row["n_val_samples" if curve.metric == "val_accuracy" else "n_test_samples"]
                study = f"long curves, {row['data']}" if experiment == "long_curves" else experiment
                yield Run(study, row["schedule"], row["chance_accuracy"], n_samples, history)


def measure_errors(runs: list[Run]) -> pd.DataFrame:
    """Hide what comes after a part of each curve, predict the level at twice the epochs, and compare."""
    rows = []
    for run in runs:
        curve = find_selecting_curve(run.history)
        for cut in CUTS:
            epoch = float(np.floor(cut * curve.epochs[-1]))
            seen, end = curve.epochs <= epoch, FACTOR * epoch
            if (seen & (curve.epochs > 0)).sum() < FEWEST_POINTS:
                continue
            history = run.history[run.history["epoch"] <= epoch]
            outcome = label(history, chance=run.chance, n_samples=run.n_samples).name
            rates = history["learning_rate"].dropna()
            if outcome not in (STILL_IMPROVING, PLATEAUED) or rates.iloc[-1] < SPENT * rates.max():
                continue
            until = curve.values[curve.epochs <= end]
            target = float(until[-max(LEAST_POINTS, round(0.05 * len(until))) :].mean())
            scale = extrapolate(curve.epochs[seen], curve.values[seen], end).scale
            kind = "schedule falls on" if run.schedule in FINITE else outcome
            for method, value in predict_all(curve.epochs[seen], curve.values[seen], end).items():
                rows.append((run.study, kind, cut, method, value, target, scale))
    table = pd.DataFrame(rows, columns=["study", "kind", "cut", "method", "value", "target", "scale"])
    return table.assign(error=table["value"] - table["target"])


def summarize_errors(errors: pd.DataFrame) -> pd.DataFrame:
    """Give the errors of each method, for each kind of curve."""
    groups = errors.groupby(["kind", "method"])["error"]
    table = groups.agg(
        n="size",
        median=lambda error: error.abs().median(),
        largest_of_10=lambda error: error.abs().quantile(0.9),
        mean=lambda error: error.abs().mean(),
        bias="mean",
    )
    return table.reset_index().sort_values(["kind", "mean"])


def measure_coverage(errors: pd.DataFrame) -> pd.DataFrame:
    """Calibrate the interval on all studies but one, and count how often it holds the levels of that one."""
    ours = errors[
        (errors["method"] == "mean of level, power law, exponential") & (errors["kind"] != "schedule falls on")
    ]
    units, rows = -ours["error"] / ours["scale"], []
    for study in dict.fromkeys(ours["study"]):
        own = ours["study"] == study
        low, high = np.quantile(units[~own], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        holds = (units[own] >= low) & (units[own] <= high)
        rows.append(ours[own].assign(holds=holds, width=(high - low) * ours["scale"][own]))
    each = pd.concat(rows)
    print("ERRORS =", tuple(float(f"{value:.3g}") for value in np.quantile(units, LEVELS)))
    parts = [("all", each), *each.groupby("kind"), *each.groupby("study")]
    return pd.DataFrame(
        [(name, len(part), part["holds"].mean(), part["width"].median()) for name, part in parts],
        columns=["curves", "n", "coverage", "width"],
    )


def compare_all_rankings(uris: list[str]) -> pd.DataFrame:
    """Compare early rankings with the last, for each grid with all its seeds, and for each seed by itself."""
    tables = []
    for experiment in GRIDS:
        all_runs, histories = load(experiment, uris)
        for data, runs in all_runs.groupby("data"):
            table = compare_rankings(runs, histories).assign(grid=f"{experiment}, {data}")
            alone = [compare_rankings(part, histories) for _, part in runs.groupby("seed")]
            table["n_seeds"], table["kendall_of_halves"] = len(alone), table.attrs["kendall_of_halves"]
            table["same_best_of_one_seed"] = np.mean([one["is_final_best"] for one in alone], axis=0)
            table["loss_of_one_seed"] = np.mean([one["loss"] for one in alone], axis=0)
            tables.append(table)
    return pd.concat(tables)


def make_wandering(n_curves: int, n_points: int, correlation: float, random: np.random.Generator) -> Floats:
    """Draw noise of first-order autoregression with standard deviation 1, a curve a row."""
    noise = random.normal(size=(n_points, n_curves))
    noise[1:] *= np.sqrt(1 - correlation**2)
    return np.asarray(lfilter([1], [1, -correlation], noise, axis=0).T)


def simulate_labels(n_curves: int) -> pd.DataFrame:
    """Count how often a curve is still improving, with and without regard to the correlation of its noise."""
    rows = []
    for n_points in (11, 21, 41, 61, 201):
        share = np.arange(n_points) / (n_points - 1)
        truths = {"flat": 0.7 + 0 * share, "line": 0.5 + 0.3 * share, "saturating": 0.9 - 0.3 * np.exp(-share)}
        for correlation in (0.0, 0.3, 0.6, 0.9):
            for name, truth in truths.items():
                curves = truth + 0.01 * make_wandering(n_curves, n_points, correlation, np.random.default_rng(SEED))
                shares = [np.mean([rises(curve) for curve in curves]) for rises in (rises_by_independence, rises)]
                rows.append((n_points, correlation, name, n_curves, *shares))
    return pd.DataFrame(rows, columns=["points", "correlation", "truth", "n", "before", "now"])


def rises(values: Floats) -> bool:
    """Tell by the label's own rule."""
    epochs = np.arange(float(len(values)))
    return label_improvement(Curve("val_accuracy", epochs, values, values), least=LEAST_CHANGE) is not None


def rises_by_independence(values: Floats) -> bool:
    """Tell by the rule as it was: as if neighbouring epochs were independent."""
    import nnsweep.results.labels as module

    kept, module.estimate_correlation = module.estimate_correlation, lambda values: 0.0
    try:
        return rises(values)
    finally:
        module.estimate_correlation = kept


def main() -> None:
    """Make all tables, print them and write them."""
    is_quick = "--quick" in sys.argv
    uris = [argument for argument in sys.argv[1:] if argument != "--quick"]
    errors = measure_errors([*read_runs(uris, every=10 if is_quick else 1)])
    tables = {
        "errors": summarize_errors(errors),
        "coverage": measure_coverage(errors),
        "rankings": compare_all_rankings(uris),
        "labels": simulate_labels(20 if is_quick else 400),
    }
    for name, table in tables.items():
        print(f"\n{name}\n{table.round(4).to_string(index=False)}")
    if not is_quick:
        merged = pd.concat([table.assign(table=name) for name, table in tables.items()])
        merged.to_csv(Path(__file__).with_suffix(".csv"), index=False, float_format="%.5g")


if __name__ == "__main__":
    main()
