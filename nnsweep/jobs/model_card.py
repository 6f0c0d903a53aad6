"""The card of a model that leaves: all that the store knows of its run, gathered for `write_model_card`.

Every model gets one, as text in the model itself: whoever writes the model as a file or a folder puts it beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import nnsweep
from nnsweep.errors import DataError
from nnsweep.jobs import names
from nnsweep.jobs.consistency import make_recorded_job
from nnsweep.jobs.result import CONFIG, ENVIRONMENT
from nnsweep.model.packed import hash_weights
from nnsweep.model.predictor import Model
from nnsweep.results.factors import KINDS
from nnsweep.results.frame import frame
from nnsweep.results.metrics import CHANCE
from nnsweep.results.report.model_card import write_model_card
from nnsweep.results.report.model_facts import ModelFacts
from nnsweep.results.report.section_looks import describe_exposure
from nnsweep.results.selection import rank_runs
from nnsweep.results.wording import count
from nnsweep.tracking.ensembles import MEMBERS
from nnsweep.tracking.exposure import find_exposures, read_test_sets
from nnsweep.tracking.models import make_model
from nnsweep.tracking.query import find_job_runs, find_runs_by_id, find_sweep_commands, make_record
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.recorded_run import read_mapping, read_run_evaluation
from nnsweep.tracking.store import Store


class Peers(NamedTuple):
    """The finished runs of a sweep, as each is seen among the others.

    Attributes
    ----------
    ranking : list of str
        Their ids, the best first.
    records : dict of str to RunRecord
        By id.
    configurations : dict
        Those that differ in seed, fold or split alone, by all other settings.
    """

    ranking: list[str]
    records: dict[str, RunRecord]
    configurations: dict[Any, list[RunRecord]]

    @classmethod
    def of(cls, records: Sequence[RunRecord]) -> "Peers":
        """Compare the records of a sweep."""
        finished = [record for record in records if record.run_id and record.state == "finished"]
        configurations: dict[Any, list[RunRecord]] = {}
        for record in finished:
            configurations.setdefault(_identify_configuration(record), []).append(record)
        ranking = rank_runs(frame(finished))["run_id"].tolist() if finished else []
        return cls(ranking, {record.run_id: record for record in finished}, configurations)

    def count_equal(self, record: RunRecord) -> int:
        """Count the other runs that have the same result on the validation part."""
        value = record.metrics.get(metric := f"best_val_{record.measure}")
        others = (one for run_id, one in self.records.items() if run_id != record.run_id)
        return 0 if value is None else sum(one.metrics.get(metric) == value for one in others)


def _identify_configuration(record: RunRecord) -> tuple[tuple[str, object], ...]:
    return tuple(sorted((name, repr(value)) for name, value in record.settings.items() if name not in KINDS))


def make_model_with_card(store: Store, run_id: str, peers: Peers | None = None) -> Model:
    """Make the model of a run, as `nnsweep.tracking.models.make_model` does, with its card.

    Parameters
    ----------
    store, run_id : Store, str
        The run.
    peers : Peers, optional
        The runs of its sweep, where they are known; they are read otherwise.

    Raises
    ------
    DataError, DifferenceError, StoreError
        If something of the run cannot be read, or was changed.
    """
    model = make_model(store, run_id)
    card = write_model_card(find_model_facts(store, run_id, model, peers))
    return model._replace(about={**model.about, "card": card})


def find_model_facts(store: Store, run_id: str, model: Model, peers: Peers | None = None) -> ModelFacts:
    """Find what a store knows of the run that a model is of; see `make_model_with_card`."""
    (run,) = find_runs_by_id(store, [run_id])
    record = make_record(run)
    peers = peers or Peers.of(find_job_runs(store, record.sweep))
    ensemble = read_mapping(store, run_id, MEMBERS)
    member = peers.records.get(str(ensemble.get("best_run")), record)  # which has what an ensemble's own run has not
    record = replace(record, metrics=_take_facts(member.metrics) | record.metrics)
    evaluation = read_run_evaluation(store, run_id)
    digests = {evaluation.test_digest} if evaluation else read_test_sets(run.data.tags)
    return ModelFacts(
        record=record,
        about=model.about,
        fill=model.preparation["fill"].tolist() if "fill" in model.preparation else (),
        network=_describe_network(store, record, model),
        weights=hash_weights(model),
        evaluation=evaluation,
        place=1 + peers.ranking.index(run_id) if run_id in peers.ranking else 1,
        n_runs=len(peers.ranking),
        n_equal=peers.count_equal(record),
        repeats=peers.configurations.get(_identify_configuration(record), ()),
        exposure=describe_exposure(find_exposures(store.uri, digests)),
        environment=read_mapping(store, member.run_id, ENVIRONMENT),
        command=next(iter(find_sweep_commands(store, [record.sweep])), ""),
        ensemble=ensemble,
        version=nnsweep.__version__,
        date=datetime.now(UTC).date().isoformat(),
    )


def _take_facts(metrics: Mapping[str, float]) -> dict[str, float]:
    """Take what is known of the data alone: the rows of each part, and what constant answers achieve."""
    return {name: value for name, value in metrics.items() if name.endswith("_samples") or name.startswith(CHANCE)}


def _describe_network(store: Store, record: RunRecord, model: Model) -> str:
    """Say what was trained; less of a run whose configuration is none of this version's."""
    n_parameters = count(sum(array.size for layer in model.layers for array in layer), "parameter")
    if len(model.members) > 1 or "members" in model.about:
        return f"It is the mean of {count(len(model.members), 'network')}, which have {n_parameters} together."
    try:
        job = make_recorded_job(read_mapping(store, record.run_id, CONFIG), record.title)
    except DataError:
        return f"It has {n_parameters}."
    chosen = {group: str(record.settings.get(group)) for group in names.GROUPS}
    return f"{names.describe_job(job, chosen)} It has {n_parameters}."
