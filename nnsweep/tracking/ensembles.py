"""Ensembles in a store: each is a run of a kind of its own, which no table of jobs has, with the model as a file.

The run has the final metrics of a job, the settings of the data, and as `ensemble.json` its members and what they gain.
"""

import contextlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from nnsweep.errors import StoreError
from nnsweep.model import predictor
from nnsweep.model.predictor import Model
from nnsweep.scratch import scratch_folder
from nnsweep.tracking import runs
from nnsweep.tracking.artifacts import TAG, make_seal
from nnsweep.tracking.exposure import make_exposure_tags
from nnsweep.tracking.query import ENSEMBLE
from nnsweep.tracking.record import Point, RunRecord, Setting
from nnsweep.tracking.store import Store

MODEL = "model.npz"
"""The artifact with the members and the preparation of their data."""
MEMBERS = "ensemble.json"


@dataclass(frozen=True, kw_only=True)
class EnsembleRecord:
    """An ensemble that is to be recorded.

    Attributes
    ----------
    name, sweep : str
        Readable name, and the id of the sweep whose runs are its members.
    model : Model
        The members; ``about["run"]`` has no id yet.
    settings : dict
        Those of the data, by dotted name, and what the members were chosen by.
    metrics : dict
        ``best_val_log_loss``, ``test_log_loss`` and so on, named as a job's.
    content : mapping of str to JSON values
        How its members were chosen, and what they gain.
    data : (str, str, str)
        Name, digest and source of the data.
    test_digest : str
        The test set that it was measured on; empty for one that is sealed.
    """

    name: str
    sweep: str
    model: Model
    settings: dict[str, Setting]
    metrics: dict[str, float]
    content: Mapping[str, Any]
    data: tuple[str, str, str]
    test_digest: str

    @property
    def identity(self) -> str:
        """A hash of its name, its members and what is measured: the same ensemble is recorded once."""
        members = [(one["run"]["run_id"], one["weight"]) for one in self.model.about["members"]]
        return sha256(json.dumps([self.name, self.settings, [*self.metrics], members]).encode()).hexdigest()


def record_ensemble(store: Store, ensemble: EnsembleRecord) -> tuple[RunRecord, bool]:
    """Record an ensemble as a run, once.

    Returns
    -------
    RunRecord, bool
        The run's, and whether it was not there before.

    Raises
    ------
    StoreError
        If the store refuses; the run has failed then, and the next call makes another.
    """
    name, digest, source = ensemble.data
    tags = {
        "nnsweep.kind": ENSEMBLE,
        "nnsweep.sweep": ensemble.sweep,
        "nnsweep.ensemble": ensemble.identity,
        "nnsweep.data_digest": digest,
        "mlflow.source.name": "nnsweep",
        **make_exposure_tags([ensemble.test_digest] if ensemble.test_digest else []),
    }
    record = RunRecord(
        run_id="",
        name=ensemble.name,
        state="finished",
        settings=ensemble.settings,
        metrics=ensemble.metrics,
        sweep=ensemble.sweep,
        data_digest=digest,
    )
    if earlier := runs.find_tagged_run(store, tags | {"nnsweep.state": record.state}):
        return replace(record, run_id=earlier.run_id), False
    record = replace(record, run_id=runs.start_run(store, ensemble.name, tags))
    try:
        files = _log_files(store, record.run_id, ensemble)
        runs.log_dataset(store, record.run_id, name=name, digest=digest, source=source)
        tags |= {TAG: make_seal(record.settings, record.metrics, tags | {"nnsweep.state": record.state}, files)}
        points = [Point(metric, value) for metric, value in record.metrics.items()]
        runs.end_run(store, record, points=points, settings=record.settings, tags=tags)
    except BaseException as error:
        with contextlib.suppress(StoreError):
            runs.end_run(store, replace(record, state="failed", reason=type(error).__name__), tags={})
        raise
    return record, True


def _log_files(store: Store, run_id: str, ensemble: EnsembleRecord) -> dict[str, str]:
    """Record the files of an ensemble; give the SHA-256 of each."""
    about = ensemble.model.about
    named = {"run_id": run_id, **about["run"]}
    content = io.BytesIO()
    predictor.write(ensemble.model._replace(about=about | {"run": named}), content)
    members = [{**one["run"], "weight": one["weight"]} for one in about["members"]]
    text = json.dumps({**ensemble.content, "members": members}, indent=1)
    contents = {MODEL: content.getvalue(), MEMBERS: text.encode()}
    with scratch_folder() as folder:
        for name, written in contents.items():
            (folder / name).write_bytes(written)
        runs.log_artifacts(store, run_id, [folder / name for name in contents])
    return {name: sha256(written).hexdigest() for name, written in contents.items()}
