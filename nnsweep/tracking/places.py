"""Places: where the files beside a store are, also after its folder was moved or copied.

MLflow records absolute paths. Files of an SQLite store are looked for first under the folder that the store is in now,
then at their recorded place: so a folder can be moved, and a copy reads its own files.
"""

import os
from pathlib import Path
from urllib.parse import unquote, urlparse

from nnsweep.tracking import sqlite

FOLDER = "mlartifacts"
"""The folder beside an SQLite store that has the artifacts."""
_COLUMNS = (
    ("experiments", "artifact_location", "1"),
    ("runs", "artifact_uri", "status = 'RUNNING'"),
    ("logged_models", "artifact_location", "0"),
    ("model_versions", "source", "0"),
    ("model_versions", "storage_location", "0"),
)
"""Where MLflow's tables name places, and which of these will be written to."""


def local_folder(uri: str) -> Path | None:
    """Give the folder that an artifact URI names; None if it is not on this machine.

    Examples
    --------
    >>> str(local_folder("file:///a%20b/c")), local_folder("s3://bucket/c")
    ('/a b/c', None)
    """
    if uri.startswith("file:"):
        return Path(unquote(urlparse(uri).path))
    return Path(uri) if uri and "://" not in uri and not uri.startswith("mlflow-artifacts:") else None


def locate(store_uri: str, recorded: Path, *, shortest: int = 2) -> Path:
    """Find a recorded file or folder: beside the store, or else where it was recorded.

    Parameters
    ----------
    store_uri : str
        The store.
    recorded : Path
        As it was when it was recorded.
    shortest : int
        How many parts of the recorded path must be found again.

    Returns
    -------
    Path
        Something that is there, or `recorded`.
    """
    database = sqlite.file_of(store_uri)
    if database is None or not recorded.is_absolute():
        return recorded
    parts = recorded.parts[1:]
    beside = (os.path.join(database.parent, *parts[start:]) for start in range(len(parts) - shortest + 1))
    return next((Path(path) for path in beside if os.path.exists(path)), recorded)


def follow(database: Path, location: str, wanted: str) -> None:
    """Let a moved or copied store keep what is new beside itself, and know its own files again.

    The store's rows that name places below the old folder are changed to the one beside the store, where that has the
    files. So MLflow finds them, too.

    Parameters
    ----------
    database : Path
        The store.
    location : str
        Where an experiment keeps its artifacts, as it is recorded.
    wanted : str
        Where a new experiment would keep its artifacts.
    """
    old = local_folder(location)
    new = old and _new_root(database, old, local_folder(wanted) or old)
    if old is None or new is None:
        return
    import sqlalchemy as sql

    engine = sql.create_engine(sqlite.uri_of(database), poolclass=sql.NullPool)
    with engine.begin() as connection:
        for table, column, is_open in _COLUMNS:
            named = connection.execute(
                sql.text(f"SELECT rowid, {column}, {is_open} FROM {table} WHERE {column} IS NOT NULL")
            )
            places = ((row, _moved(text, old, new, written=bool(written))) for row, text, written in named)
            moved = [{"row": row, "place": str(place)} for row, place in places if place]
            if moved:
                connection.execute(sql.text(f"UPDATE {table} SET {column} = :place WHERE rowid = :row"), moved)


def _new_root(database: Path, old: Path, wanted: Path) -> Path | None:
    """Decide where the artifacts of a store belong that has another folder than it was made in; None: where they are.

    A folder that is there, and that is not beside a store, was chosen: it stays.
    """
    new = locate(sqlite.uri_of(database), old, shortest=1)
    if new == old and old.name == wanted.name:
        new = wanted
    if new == old or (old.exists() and new.exists() and new.samefile(old)):
        return None
    return new if not old.exists() or any(old.parent.glob("*.db")) else None


def _moved(text: str, old: Path, new: Path, *, written: bool) -> Path | None:
    """Give the new place of what a row names, if it is there, or is still to be written; else None."""
    place = local_folder(text)
    if place is None or not place.is_relative_to(old):
        return None
    moved = new / place.relative_to(old)
    return moved if written or moved.exists() else None
