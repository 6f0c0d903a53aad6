"""Earlier runs: what the store already knows of the jobs of a sweep, and who is at work on them.

Every question is asked once for all jobs. A database is asked for the keys directly, because MLflow's own search knows
no list of tags and would read every run of the experiment.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from nnsweep.tracking import owner, sqlite
from nnsweep.tracking.backend import Run, RunQuery
from nnsweep.tracking.client import explained, opened
from nnsweep.tracking.owner import NOWHERE, Owner, Presence, Signs
from nnsweep.tracking.places import local_folder, locate
from nnsweep.tracking.reading import record_of, search, sound, with_ids
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.run import HEARTBEAT, OWNER
from nnsweep.tracking.server import is_server
from nnsweep.tracking.store import Store

CLAIMS = "nnsweep.claims."
"""How the tags of claims begin; the first empty one ends them."""
FEW = 40
"""Keys that a server is asked for one by one; beyond that it is asked for all runs."""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A run that was begun before.

    Attributes
    ----------
    record : RunRecord
        What is known of it; its state is ``running`` if it has not ended.
    data_digest, numerics : str
        What its result depends on besides its settings; empty where that was not recorded.
    folder : str
        Its job's folder.
    owner : Owner or None
        The process that it belongs to.
    since : float
        When it was begun, in seconds since the epoch.
    is_sweep : bool
        Whether it is a sweep's summary run.
    artifact_uri : str
        Where its files are.
    claims : str
        What a sweep's run says it will do; see `nnsweep.tracking.claims`.
    signs : Signs
        Where signs of life of the owner are to be looked for.
    """

    record: RunRecord
    data_digest: str
    numerics: str
    folder: str
    owner: Owner | None
    since: float
    is_sweep: bool
    artifact_uri: str = ""
    claims: str = ""
    signs: Signs = NOWHERE

    @property
    def owner_is_gone(self) -> bool:
        """Whether nobody is there any more who could end it."""
        return owner.is_gone(self.owner, self.since, self.signs)

    @property
    def presence(self) -> Presence:
        """Whether its owner is there, and how that can be seen."""
        return owner.presence(self.owner, self.since, self.signs)


def with_keys(store: Store, keys: Collection[str]) -> dict[str, list[Earlier]]:
    """Find the runs of some jobs, oldest first, by key.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    wanted = set(keys)
    runs = _asked(store, wanted) if is_server(store.uri) else with_ids(store, _ids(store, wanted))
    found: dict[str, list[Earlier]] = {}
    for run in sound(runs):
        one = _earlier(store, run)
        if one.record.key in wanted and not one.is_sweep:
            found.setdefault(one.record.key, []).append(one)
    heartbeats = _heartbeats(store) if any(map(_needs_heartbeat, itertools.chain(*found.values()))) else {}
    return {
        key: sorted((_heard(one, heartbeats) for one in several), key=lambda one: one.since)
        for key, several in found.items()
    }


def named(store: Store, names: Collection[str]) -> list[Earlier]:
    """Find finished runs by their names, as far as that can be asked in few questions."""
    wanted = set(names)
    if not is_server(store.uri):
        runs = with_ids(store, _ids_named(store, wanted))
    elif len(wanted) <= FEW:
        runs = (run for name in sorted(wanted) for run in search(store, RunQuery(name=name)))
    else:
        return []
    return [one for run in sound(runs) if (one := _earlier(store, run)).record.state == "finished" and not one.is_sweep]


def running(store: Store) -> list[Earlier]:
    """Find all runs, of jobs and of sweeps, that have not ended."""
    runs = [_earlier(store, run) for run in sound(search(store, RunQuery(status="RUNNING")))]
    heartbeats = _by_owner(runs)
    return [_heard(run, heartbeats) for run in runs if run.record.key or run.is_sweep]


def _heartbeats(store: Store) -> dict[Owner, str]:
    """Give the heartbeats that the store has, by whose they are: those of sweeps are in their own runs."""
    wanted = RunQuery(status="RUNNING", tags={"nnsweep.kind": "sweep"})
    return _by_owner([_earlier(store, run) for run in sound(search(store, wanted))])


def _by_owner(runs: Iterable[Earlier]) -> dict[Owner, str]:
    return {run.owner: run.signs.heartbeat for run in runs if run.owner and run.is_sweep}


def _needs_heartbeat(run: Earlier) -> bool:
    return run.record.state == "running" and run.owner is not None and run.owner.every > 0 and not run.owner.lock


def _heard(run: Earlier, heartbeats: Mapping[Owner, str]) -> Earlier:
    """Add to what is known of a run the heartbeat of its owner."""
    heard = heartbeats.get(run.owner) if run.owner else None
    return replace(run, signs=run.signs._replace(heartbeat=heard)) if heard else run


def _asked(store: Store, keys: Collection[str]) -> Iterable[Run]:
    if len(keys) > FEW:
        return search(store, RunQuery(tags={"nnsweep.kind": "job"}))
    return (run for key in sorted(keys) for run in search(store, RunQuery(tags={"nnsweep.key": key})))


def _ids(store: Store, keys: Collection[str]) -> list[str]:
    """Ask a database for the runs of an experiment that have one of the keys."""
    asked = (
        "SELECT runs.run_uuid, tags.value FROM tags JOIN runs ON runs.run_uuid = tags.run_uuid "
        "WHERE tags.key = 'nnsweep.key' AND runs.experiment_id = :experiment"
    )
    return _with_one_of(store, asked, keys)


def _ids_named(store: Store, names: Collection[str]) -> list[str]:
    """Ask a database for the runs of an experiment that have one of the names."""
    return _with_one_of(store, "SELECT run_uuid, name FROM runs WHERE experiment_id = :experiment", names)


def _with_one_of(store: Store, asked: str, values: Collection[str]) -> list[str]:
    import sqlalchemy as sql

    if not values:
        return []
    with explained(store.uri):
        engine = sql.create_engine(opened(store.uri), poolclass=sql.NullPool)
        with engine.connect() as connection:
            rows = connection.execute(sql.text(asked), {"experiment": int(store.experiment_id)})
            return [str(run_id) for run_id, value in rows if value in values]


def _located(store: Store, place: str) -> str:
    """Give where a folder is now, if it is on this machine: the store's may have been moved or copied."""
    folder = local_folder(place)
    return str(locate(store.uri, folder)) if folder and folder.is_absolute() else place


def _earlier(store: Store, run: Run) -> Earlier:
    tags = run.data.tags
    return Earlier(
        record=record_of(run),
        data_digest=tags.get("nnsweep.data_digest", ""),
        numerics=tags.get("nnsweep.numerics", ""),
        folder=_located(store, tags.get("nnsweep.folder", "")),
        owner=owner.read(tags.get(OWNER)),
        since=(run.info.start_time or 0) / 1000,
        is_sweep=tags.get("nnsweep.kind") == "sweep",
        artifact_uri=_located(store, run.info.artifact_uri or ""),
        signs=Signs(sqlite.file_of(store.uri), tags.get(HEARTBEAT, "")),
        claims="".join(itertools.takewhile(bool, (tags[name] for name in sorted(tags) if name.startswith(CLAIMS)))),
    )
