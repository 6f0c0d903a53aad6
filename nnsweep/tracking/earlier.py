"""Earlier runs: what a store already knows of the jobs of a sweep, and which sweeps are under way.

Every question is asked once for all jobs. A database is asked for the keys directly, because MLflow's own search knows
no list of tags and would read every run of the experiment.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from nnsweep.tracking import owner, sqlite
from nnsweep.tracking.answers import ask_first, explain_errors, is_server
from nnsweep.tracking.backend import Run, RunQuery, find_backend
from nnsweep.tracking.connection import readable_uri
from nnsweep.tracking.owner import HEARTBEAT, NOWHERE, Owner, Presence, Signs
from nnsweep.tracking.query import find_runs_by_id, keep_sound_runs, make_record, search_runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.runs import OWNER
from nnsweep.tracking.store import Store, local_folder, locate, require_store

CLAIMS = "nnsweep.claims."
"""How the tags of claims begin; the first empty one ends them."""
_SCHEMA = "SELECT version_num FROM alembic_version"
FEW = 40
"""Keys that a server is asked for one by one; beyond that it is asked for all runs."""


@dataclass(frozen=True, kw_only=True)
class EarlierRun:
    """A run that was begun before.

    Attributes
    ----------
    record : RunRecord
        What is known of it; its state is ``running`` if it has not ended.
    data_digest, numerics : str
        What its result depends on besides its settings; empty where that was not recorded.
    recorded_folder : str
        Where its job's folder was.
    owner : Owner or None
        The process that it belongs to.
    since : float
        When it was begun, in seconds since the epoch.
    is_sweep : bool
        Whether it is a sweep's summary run.
    recorded_artifacts : str
        Where its files were.
    store_uri : str
        The store, which may have been moved or copied since with all that lies beside it.
    claims : str
        What a sweep's run says it will do; see `nnsweep.tracking.claims`.
    signs : Signs
        Where signs of life of the owner are to be looked for.
    """

    record: RunRecord
    data_digest: str
    numerics: str
    recorded_folder: str
    owner: Owner | None
    since: float
    is_sweep: bool
    recorded_artifacts: str = ""
    store_uri: str = ""
    claims: str = ""
    signs: Signs = NOWHERE

    # looked for when asked for: of thousands of runs that have ended nobody asks
    @property
    def folder(self) -> str:
        """Its job's folder."""
        return self._locate(self.recorded_folder)

    @property
    def artifact_uri(self) -> str:
        """Where its files are."""
        return self._locate(self.recorded_artifacts)

    def _locate(self, place: str) -> str:
        """Give where a folder is now, if it is on this machine."""
        folder = local_folder(place)
        return str(locate(self.store_uri, folder)) if folder and folder.is_absolute() else place

    @property
    def owner_is_gone(self) -> bool:
        """Whether nobody is there any more who could end it."""
        return owner.is_gone(self.owner, self.since, self.signs)

    @property
    def presence(self) -> Presence:
        """Whether its owner is there, and how that can be seen."""
        return owner.presence(self.owner, self.since, self.signs)


def find_runs_by_key(store: Store, keys: Collection[str]) -> dict[str, list[EarlierRun]]:
    """Find the runs of some jobs, oldest first, by key.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    keys = set(keys)
    by_key: dict[str, list[EarlierRun]] = {}
    for run in keep_sound_runs(_search_keys(store, keys)):
        one = _make_earlier_run(store, run)
        if one.record.key in keys and not one.is_sweep:
            by_key.setdefault(one.record.key, []).append(one)
    heartbeats: dict[Owner, str] = {}
    running = (one for one in itertools.chain(*by_key.values()) if one.record.state == "running")
    if any(one.owner is not None and owner.needs_heartbeat(one.owner) for one in running):
        # those of sweeps are in their own runs
        sweeps = search_runs(store, RunQuery(status="RUNNING", tags={"nnsweep.kind": "sweep"}))
        heartbeats = _heartbeats([_make_earlier_run(store, run) for run in keep_sound_runs(sweeps)])
    return {
        key: sorted((_add_heartbeat(one, heartbeats) for one in several), key=lambda one: one.since)
        for key, several in by_key.items()
    }


def find_runs_by_name(store: Store, names: Collection[str]) -> list[EarlierRun]:
    """Find finished runs by their names, as far as that can be asked in few questions."""
    names = set(names)
    if not is_server(store.uri):
        statement = "SELECT run_uuid, name FROM runs WHERE experiment_id = :experiment"
        runs = find_runs_by_id(store, _select_ids(store, statement, names))
    elif len(names) <= FEW:
        runs = (run for name in sorted(names) for run in search_runs(store, RunQuery(name=name)))
    else:
        return []
    earlier = (_make_earlier_run(store, run) for run in keep_sound_runs(runs))
    return [one for one in earlier if one.record.state == "finished" and not one.is_sweep]


def find_running(store: Store) -> list[EarlierRun]:
    """Find all runs, of jobs and of sweeps, that have not ended."""
    runs = [_make_earlier_run(store, run) for run in keep_sound_runs(search_runs(store, RunQuery(status="RUNNING")))]
    heartbeats = _heartbeats(runs)
    return [_add_heartbeat(run, heartbeats) for run in runs if run.record.key or run.is_sweep]


def _heartbeats(runs: Iterable[EarlierRun]) -> dict[Owner, str]:
    return {run.owner: run.signs.heartbeat for run in runs if run.owner and run.is_sweep}


def _add_heartbeat(run: EarlierRun, heartbeats: Mapping[Owner, str]) -> EarlierRun:
    """Add to what is known of a run the heartbeat of its owner."""
    heartbeat = heartbeats.get(run.owner) if run.owner else None
    return replace(run, signs=run.signs._replace(heartbeat=heartbeat)) if heartbeat else run


def _search_keys(store: Store, keys: Collection[str]) -> Iterable[Run]:
    """Search the runs of an experiment that have one of the keys; there may be others among them."""
    if not is_server(store.uri):
        statement = (
            "SELECT runs.run_uuid, tags.value FROM tags JOIN runs ON runs.run_uuid = tags.run_uuid "
            "WHERE tags.key = 'nnsweep.key' AND runs.experiment_id = :experiment"
        )
        return find_runs_by_id(store, _select_ids(store, statement, keys))
    if len(keys) > FEW:
        return search_runs(store, RunQuery(tags={"nnsweep.kind": "job"}))
    return (run for key in sorted(keys) for run in search_runs(store, RunQuery(tags={"nnsweep.key": key})))


def _select_ids(store: Store, statement: str, values: Collection[str]) -> list[str]:
    """Ask a database for pairs of a run's id and a value; give the ids of those with one of the values."""
    rows = _query(store.uri, statement, experiment=int(store.experiment_id)) if values else []
    return [str(run_id) for run_id, value in rows if value in values]


def _query(uri: str, statement: str, **parameters: int) -> list[Any]:
    """Ask a database; give the rows that it answers."""
    import sqlalchemy as sql

    with explain_errors(uri):
        engine = sql.create_engine(readable_uri(uri), poolclass=sql.NullPool)
        with engine.connect() as connection:
            return [*connection.execute(sql.text(statement), parameters)]


def _make_earlier_run(store: Store, run: Run) -> EarlierRun:
    tags = run.data.tags
    return EarlierRun(
        record=make_record(run),
        data_digest=tags.get("nnsweep.data_digest", ""),
        numerics=tags.get("nnsweep.numerics", ""),
        recorded_folder=tags.get("nnsweep.folder", ""),
        owner=owner.read_owner(tags.get(OWNER)),
        since=(run.info.start_time or 0) / 1000,
        is_sweep=tags.get("nnsweep.kind") == "sweep",
        recorded_artifacts=run.info.artifact_uri or "",
        store_uri=store.uri,
        signs=Signs(sqlite.find_database_file(store.uri), tags.get(HEARTBEAT, "")),
        claims="".join(itertools.takewhile(bool, (tags[name] for name in sorted(tags) if name.startswith(CLAIMS)))),
    )


@dataclass(frozen=True)
class StoreCondition:
    """What a store looks like.

    Attributes
    ----------
    n_experiments : int
        How many it has.
    n_bytes : int or None
        How large its file is; None if it is none.
    schema : str
        The version of its tables, which is the one that this MLflow wants; empty if it is not told.
    running : list of str
        The names of the runs that have not ended.
    forsaken : list of str
        Of these, those whose processes are gone.
    unseen : list of str
        Of these, those whose processes may live, though they give no sign of life.
    under_way : list of ActiveSweep
        The sweeps that have not ended and whose processes may live.
    """

    n_experiments: int
    n_bytes: int | None
    schema: str
    running: list[str]
    forsaken: list[str]
    unseen: list[str]
    under_way: list["ActiveSweep"]


class ActiveSweep(NamedTuple):
    """A sweep that is under way.

    Attributes
    ----------
    name : str
        Its id.
    holder : str
        The process.
    presence : Presence
        Whether that is there, and how that can be seen.
    """

    name: str
    holder: str
    presence: Presence


def inspect_store(uri: str) -> StoreCondition:
    """Look at a store.

    Parameters
    ----------
    uri : str
        From `nnsweep.tracking.store.resolve_uri`.

    Raises
    ------
    StoreError
        If it is not there, cannot be used, or is of another version of MLflow.
    """
    require_store(uri)
    experiments = ask_first(uri, lambda: find_backend(uri).search_experiments())
    runs = [run for one in experiments for run in find_running(Store(uri, one.name, str(one.experiment_id)))]
    presences = [(run, run.presence) for run in runs]
    database = sqlite.find_database_file(uri)
    files = (database, database.with_name(f"{database.name}-wal")) if database else ()
    return StoreCondition(
        n_experiments=len(experiments),
        n_bytes=sum(file.stat().st_size for file in files if file.is_file()) if files else None,
        schema="" if is_server(uri) else "".join(row[0] for row in _query(uri, _SCHEMA)),
        running=[run.record.name for run in runs],
        forsaken=[run.record.name for run, presence in presences if presence.state == "gone"],
        unseen=[run.record.name for run, presence in presences if presence.state == "unseen"],
        under_way=[
            ActiveSweep(run.record.sweep or run.record.name, str(run.owner or "an unknown process"), presence)
            for run, presence in presences
            if run.is_sweep and presence.state != "gone"
        ],
    )
