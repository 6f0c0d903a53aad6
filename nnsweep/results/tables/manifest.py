"""A manifest: what an exported table was made of, in a file beside it.

It names the store, the runs and the question that the table answers, and has the table's hash, so that the table can be
compared with the store later. It also has what each run was trained with, so that somebody who has the table and not
the store can train it again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

import nnsweep
from nnsweep.errors import ConfigError, DataError
from nnsweep.files import is_nameable, whole_pair
from nnsweep.text import printable, shorten
from nnsweep.tracking.record import RunRecord

SUFFIX = ".manifest.json"
FORMULA_VERSION = 1
"""Raised whenever the same records give another table."""


@dataclass(frozen=True, kw_only=True)
class ListedRun:
    """A run as a manifest lists it.

    Attributes
    ----------
    run_id, name : str
        Its id in the store, and its readable name.
    key : str
        Hash of all that can change its result.
    data_digest : str
        Hash of the data that it was trained on.
    numerics : str
        The version of the numerics that trained it; empty where an earlier version has exported the table.
    configuration : dict
        Those parts of its configuration that not all runs share, by their names; see `Manifest.configuration`.
    """

    run_id: str
    name: str
    key: str
    data_digest: str
    numerics: str = ""
    configuration: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name and id."""
        return f"{self.name} ({self.run_id})"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a table was made of.

    Attributes
    ----------
    experiment : str
        The experiment whose runs it has.
    store : str
        The store's address, without passwords; a file below the working folder is named from there.
    asked : dict
        What the export was asked for, by the names of its options.
    runs : list of Listed
        In the order of the table.
    columns : list of str
        The table's.
    n_rows : int
        How many rows it has.
    format : str
        One of `nnsweep.results.tables.formats.FORMATS`.
    sha256 : str
        Of the table's bytes.
    exported : str
        When, in UTC, as ISO 8601 writes it.
    formula_version : int
        See `FORMULA_VERSION`.
    nnsweep : str
        The version that wrote it.
    shared : dict
        Those parts of the configuration that all runs share.
    digest : str
        SHA-256 of all else that the manifest says, but for the store's address, which may move; empty in one of an
        earlier version.
    """

    experiment: str
    store: str
    asked: dict[str, Any]
    runs: list[ListedRun]
    columns: list[str]
    n_rows: int
    format: str
    sha256: str
    exported: str
    formula_version: int = FORMULA_VERSION
    nnsweep: str = nnsweep.__version__
    shared: dict[str, Any] = field(default_factory=dict)
    digest: str = field(default="", compare=False)

    def configuration(self, run: ListedRun) -> dict[str, Any]:
        """Give the whole configuration of a run; empty where it is not known."""
        return {**self.shared, **run.configuration}

    def own_digest(self) -> str:
        """Compute what `hash_content` has to be."""
        return hash_content(json.dumps(asdict(replace(self, digest="", store="")), sort_keys=True).encode())


def list_runs(
    records: Sequence[RunRecord], trainings: Mapping[str, tuple[str, dict[str, Any]]]
) -> tuple[list[ListedRun], dict[str, Any]]:
    """Give what a manifest says of runs.

    Parameters
    ----------
    records : sequence of RunRecord
        The runs.
    trainings : mapping
        ``{run_id: (version of the numerics, configuration)}``, as far as they are known.

    Returns
    -------
    runs : list of Listed
        In the same order.
    shared : dict
        Those parts of the configurations that are the same in all of them.
    """
    known = [trainings.get(record.run_id, ("", {})) for record in records]
    _, first = known[0] if known else ("", {})
    shared = {
        name: value for name, value in first.items() if all(name in own and own[name] == value for _, own in known)
    }
    runs = [
        ListedRun(
            run_id=record.run_id,
            name=record.name,
            key=record.key,
            data_digest=record.data_digest,
            numerics=numerics,
            configuration={name: value for name, value in own.items() if name not in shared},
        )
        for record, (numerics, own) in zip(records, known, strict=True)
    ]
    return runs, shared


def hash_content(content: bytes) -> str:
    """Give the SHA-256 of a table's bytes, in hexadecimal."""
    return sha256(content).hexdigest()


def place_beside(table: Path) -> Path:
    """Give the place of a table's manifest: ``table.csv.manifest.json`` beside ``table.csv``."""
    return table.with_name(table.name + SUFFIX)


def write_manifest(table: Path, content: bytes, manifest: Manifest) -> None:
    """Write a table and its manifest: both, or neither.

    Raises
    ------
    ConfigError
        If one of them cannot be written; what was there before is left.
    """
    with whole_pair(table, place_beside(table)) as (file, small):
        file.write(content)
        small.write(json.dumps(asdict(replace(manifest, digest=manifest.own_digest())), indent=1).encode())


def read_manifest(table: Path) -> Manifest:
    """Read the manifest of a table.

    Raises
    ------
    ConfigError
        If there is none.
    DataError
        If it cannot be read.
    """
    path = place_beside(table)
    if not is_nameable(path):
        raise ConfigError(f"{shorten(printable(str(table)))}: no file can have this name; name an exported table")
    try:
        return TypeAdapter(Manifest).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{printable(str(table))} has no manifest: there is no {printable(path.name)} beside it; "
            "write the table with nnsweep export EXPERIMENT --output, which leaves one"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        problem = str(error) or type(error).__name__
        if isinstance(error, ValidationError):
            problem = explain_validation(error)
        raise DataError(
            f"{printable(str(path))} is no manifest ({printable(problem)}); export the table again"
        ) from error


def explain_validation(error: ValidationError) -> str:
    """Say which field of a manifest is wrong, and why."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
