"""An ensemble of a sweep's runs: chosen on the validation part, compared with its best run on the test part, recorded.

The best run is the one that would have been used alone, so what the ensemble gains over it is what it is worth.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nnsweep.api.load import check_name
from nnsweep.data.dataset import Dataset
from nnsweep.errors import ConfigError
from nnsweep.jobs.consistency import load_recorded_data
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.measures import MEASURES
from nnsweep.mlp.predictions import Measure
from nnsweep.model.ensemble import (
    Gain,
    choose_measure,
    combine_models,
    measure_gain,
    measure_values,
    require_alike,
    select_members,
)
from nnsweep.model.predictor import Model, predict_values
from nnsweep.results.frame import frame, narrow_runs
from nnsweep.results.selection import rank_runs
from nnsweep.results.statistics.intervals import check_confidence
from nnsweep.text import printable
from nnsweep.tracking import models, query
from nnsweep.tracking.artifacts import require_unaltered
from nnsweep.tracking.ensembles import EnsembleRecord, record_ensemble
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, follow_store, resolve_uri

MOST_CANDIDATES = 100
"""The best runs that members are chosen from: those behind them are hardly ever picked, and each has to be read."""


class Ensemble(NamedTuple):
    """An ensemble that has been recorded.

    Attributes
    ----------
    record : RunRecord
        Of its own run.
    is_new : bool
        Whether it was not recorded before.
    members : dict of str to int
        How often each run counts, by its name and id.
    best : str
        Name and id of the run that is the best alone.
    n_candidates : int
        From how many runs the members were chosen.
    measure : str
        What they were chosen by.
    gains : list of Gain
        On the test part, in the measure that members were chosen by first; none if the test part is sealed.
    """

    record: RunRecord
    is_new: bool
    members: dict[str, int]
    best: str
    n_candidates: int
    measure: str
    gains: list[Gain]


def make_ensemble(
    sweep: str,
    *,
    members: int = 5,
    name: str | None = None,
    measure: str | None = None,
    filter: str = "",
    confidence: float = 0.95,
    experiment: str | None = None,
    uri: str | None = None,
) -> Ensemble:
    """Average the runs of a sweep that are best together, and record the model as a run of its own.

    Members are picked on the validation part, greedily and with replacement; see
    `nnsweep.model.ensemble.select_members`. The best run alone, with which the ensemble is compared, is chosen there by
    the same measure. `experiments/ensemble/README.md` has how much that gains, and by which measures.

    Parameters
    ----------
    sweep : str
        Its id.
    members : int
        How many picks there are at most.
    name : str, optional
        What the ensemble is called; ``ensemble-MEMBERS-SWEEP`` if not given, with the measure if that is.
    measure : str, optional
        What members are chosen by; see `nnsweep.model.ensemble.choose_measure` if not given.
    filter : str
        Which runs of the sweep may be members.
    confidence : float
        Of the intervals.
    experiment, uri : str, optional
        Where the sweep is.

    Raises
    ------
    ConfigError
        If there is no such sweep or measure, or its runs have no validation part or different data.
    DataError
        If the data cannot be had, or are not those of the runs, or a run has not left what a model needs.
    DifferenceError
        If what is recorded of the runs was changed.
    StoreError
        If the store cannot be used.
    """
    check_name(experiment or "")
    check_confidence(confidence)
    if members < 1:
        raise ConfigError(f"--members={members}: must be 1 or more")
    store = query.find_store_of_sweep(resolve_uri(uri, Path.cwd()), sweep, experiment)
    follow_store(store)
    records = _find_candidates(store, sweep, filter)
    data, val = _load_data(store, records[0])
    by = choose_measure(measure, data.task, records[0].settings.get("trainer.select"))
    candidates = [models.make_model(store, record.run_id) for record in records]
    require_alike(candidates)
    on_val = [predict_values(model, val.X) for model in candidates]
    selection = select_members(on_val, by, candidates[0], val, n_picks=members)
    picked = [*selection.weights]
    name = name or f"ensemble-{members}-{f'{measure}-' if measure else ''}{sweep}"
    model = combine_models([candidates[one] for one in picked], [*selection.weights.values()], {"name": name})
    best = records[picked[0]]
    metrics, gains = _assess(model, candidates[picked[0]], best.metrics, by, data, val, confidence)
    content = {
        "sweep": sweep,
        "measure": by.name,
        "n_candidates": len(records),
        "best_run": best.run_id,
        "scores": selection.scores,
        "confidence": confidence,
        "gains": [gain._asdict() for gain in gains],
    }
    settings = {key: value for key, value in best.settings.items() if key.partition(".")[0] == "data"}
    record, is_new = record_ensemble(
        store,
        EnsembleRecord(
            name=name,
            sweep=sweep,
            model=model,
            settings=settings | {"ensemble.members": members, "ensemble.measure": by.name},
            metrics=metrics,
            content=content,
            data=(data.name, data.digest, data.source),
            test_digest=data.test_digest if gains else "",
        ),
    )
    return Ensemble(
        record=record,
        is_new=is_new,
        members={records[one].title: weight for one, weight in selection.weights.items()},
        best=best.title,
        n_candidates=len(records),
        measure=by.name,
        gains=gains,
    )


def _find_candidates(store: Store, sweep: str, filter: str) -> list[RunRecord]:
    """Give the runs of a sweep that may be members, the best first; all must have been trained on the same data."""
    found = {record.run_id: record for record in query.find_job_runs(store, sweep) if record.state == "finished"}
    runs = narrow_runs(rank_runs(frame([*found.values()])), filter=filter)
    records = [found[run_id] for run_id in runs["run_id"].tolist()]
    if not records:
        chosen = f" that --filter {filter!r} leaves" if filter else ""
        raise ConfigError(f"sweep {printable(sweep)} has no run that finished{chosen}: there is nothing to average")
    if n_others := len({record.data_digest for record in records}) - 1:
        raise ConfigError(
            f"the runs of sweep {printable(sweep)} have {n_others + 1} different data sets, folds or splits, and an "
            "ensemble is of one: choose with --filter, such as --filter \"data == 'iris'\""
        )
    require_unaltered(records)
    return records[:MOST_CANDIDATES]


def _load_data(store: Store, record: RunRecord) -> tuple[Dataset, Examples]:
    """Load the data that a run was trained on; give their validation part, too."""
    _, data = load_recorded_data(store, record.run_id, record.title, record.data_digest)
    if data.val is None:
        raise ConfigError("there is no validation part to choose members on: sweep with data.val_fraction=0.2")
    return data, data.val


def _assess(
    model: Model,
    alone: Model,
    known: Mapping[str, float],
    by: Measure,
    data: Dataset,
    val: Examples,
    confidence: float,
) -> tuple[dict[str, float], list[Gain]]:
    """Measure an ensemble as its best run was measured, and what it gains over that run on the test part."""
    names = [by.name, *(name for name in MEASURES if f"best_val_{name}" in known)]
    measures = [MEASURES[name] for name in dict.fromkeys(names)]
    values = predict_values(model, val.X)[np.newaxis]
    metrics = {f"best_val_{one.name}": float(measure_values(one, model, values, val)[0]) for one in measures}
    gains = []
    if any(metric.startswith("test_") for metric in known):  # else the test part is sealed
        both = np.stack([predict_values(one, data.test.X) for one in (model, alone)])
        gains = [measure_gain(one, model, both, data.test, confidence=confidence) for one in measures]
        metrics |= {f"test_{gain.measure}": gain.ensemble for gain in gains}
    n_parameters = sum(array.size for layer in model.layers for array in layer)
    return metrics | {"n_members": float(len(model.members)), "n_parameters": float(n_parameters)}, gains


def describe_ensemble(ensemble: Ensemble, confidence: float) -> list[str]:
    """Say in a few lines what an ensemble is made of, and what it gains."""
    before = "" if ensemble.is_new else "was recorded before: "
    n, alone = len(ensemble.members), ", since no other improves it" if len(ensemble.members) == 1 else ""
    title = f"{ensemble.record.title}: {before}{n} of {ensemble.n_candidates} runs"
    lines = [f"{title}, by val_{ensemble.measure}{alone}"]
    lines += [f"  {weight} x {title}" for title, weight in ensemble.members.items()]
    lines += [_describe_gain(gain, confidence) for gain in ensemble.gains]
    if ensemble.gains:
        lines.append(f"the best run alone is {ensemble.best}")
    else:
        lines.append("the test part is sealed, so nothing is said of it; after nnsweep unseal EXPERIMENT, ask again")
    return lines


def _describe_gain(gain: Gain, confidence: float) -> str:
    """Say what an ensemble gains in a measure.

    Examples
    --------
    >>> _describe_gain(Gain("log_loss", 0.1, 0.15, -0.07, -0.03), 0.95)
    'test_log_loss 0.1000, the best run alone 0.1500: better by 0.0500 (95 %: 0.0300 to 0.0700)'
    >>> _describe_gain(Gain("accuracy", 0.9, 0.95, -0.1, 0.01), 0.95)
    'test_accuracy 0.9000, the best run alone 0.9500: worse by 0.0500 (95 %: -0.0100 to 0.1000), which may be chance'
    """
    sign = 1 if gain.ensemble >= gain.best else -1
    is_better = (sign > 0) == MEASURES[gain.measure].greater_is_better
    low, high = sorted((sign * gain.low, sign * gain.high))
    chance = ", which may be chance" if low <= 0 <= high else ""
    both = f"test_{gain.measure} {gain.ensemble:.4f}, the best run alone {gain.best:.4f}"
    if gain.ensemble == gain.best:
        return f"{both}: the same"
    return (
        f"{both}: "
        f"{'better' if is_better else 'worse'} by {abs(gain.ensemble - gain.best):.4f} "
        f"({100 * confidence:g} %: {low:.4f} to {high:.4f}){chance}"
    )
