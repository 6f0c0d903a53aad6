"""A job: one point of the grid, as plain typed values.

A job is made once, at the edge, from a composed configuration, and every value is checked there. What
can change its result is its `identity`; its operational settings only say which jobs there are and where
their results are recorded.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, model_validator

from nnsweep.data.load import DATA_SETS
from nnsweep.data.reading.roles import ColumnName
from nnsweep.mlp.ranges import Range
from nnsweep.mlp.train import NUMERICS_VERSION
from nnsweep.sweep.memory import size_in_bytes
from nnsweep.sweep.parts import Part, Settings, choice, within
from nnsweep.sweep.recipe import TABLE_WEIGHT_DECAY, Recipe

OPERATIONAL = {
    name: True for name in ("tracking", "sweep", "dry_run", "rerun", "retries", "fail_fast", "checkpoint_every")
}
"""The settings that cannot change a job's result; they are the same for all jobs of a sweep."""
OWN_TABLES = {"table", "openml"}
"""Data sets whose networks have a weight decay unless another is given."""
WHEREABOUTS = {"home", "path", "test_path"}
"""Settings of data that say where they lie: it is the data's digest that identifies them."""

_LAYOUT = ("header", "separator", "skip_lines", "comment", "quote", "unnamed", "sheet")
_CELLS = ("decimal", "thousands", "date_format", "missing_marks")
_LATER: dict[str, tuple[str, ...]] = {
    "trainer": ("class_weight",),
    "data": ("ignore", "rare", "split_by", *_LAYOUT, *_CELLS),
}
"""Settings, by group, that came after the first keys; null is what was done before them."""

Models: TypeAlias = Literal["best", "all", "none"]
"""Which runs of a sweep get a model that MLflow can load and serve."""


def _tidied(place: str | None) -> str | None:
    return place and place.strip()


class Tracking(Settings):
    """Where a run is recorded, and how much of it."""

    uri: str | None = None
    experiment: str = "nnsweep"
    artifact_root: Annotated[str | None, AfterValidator(_tidied)] = None
    max_points: Annotated[int, within(Range(ge=4))] = 400
    pictures: bool | None = None
    models: Models = "best"
    patience: Annotated[float, within(Range(ge=0))] = 30.0


def _grid(given: Any) -> Any:
    """Write a grid of `sweep.grids` as overrides, in whichever of its two forms it is given."""
    if isinstance(given, Mapping):
        if any(isinstance(value, list | Mapping) for value in given.values()):
            raise ValueError("write values as on the command line: '1,2' is two values, '[1,2]' is one list")
        return tuple(f"{key}={_written(value)}" for key, value in given.items())
    return given


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _several(given: Any) -> Any:
    """Take one text where a list may be, and null for an empty one."""
    if given is None:
        return ()
    if isinstance(given, str):
        return (given,)
    return tuple(given) if isinstance(given, list) else given


def _steps(given: Any) -> Any:
    """Take one list of keys where a list of such lists may be."""
    one = isinstance(given, list) and given and all(isinstance(key, str) for key in given)
    return (given,) if one else given


def _at_least_two(keys: tuple[str, ...]) -> tuple[str, ...]:
    if len(keys) < 2:
        raise ValueError("at least two keys can go in step, as in [[seed,trainer.epochs]]")
    return keys


def _size(text: str) -> str:
    size_in_bytes(text)
    return text


_Several = BeforeValidator(_several)
_Grid = Annotated[tuple[str, ...], _Several, BeforeValidator(_grid)]
_Keys = Annotated[tuple[str, ...], _Several, AfterValidator(_at_least_two)]


class Sweep(Settings):
    """Which jobs a grid has, and how they are launched; the same for all of them.

    Attributes
    ----------
    grids : tuple of tuples of str
        The overrides of each grid; several grids follow one another.
    zip : tuple of tuples of str
        Keys whose lists of values go in step.
    exclude : tuple of str
        Rules; a job that one of them holds for is left out.
    max_jobs : int
        A grid with more jobs is refused.
    workers : int or None
        Processes of the stacked launcher; None for one a physical core, fewer where there is little to do.
    max_stack_memory : str
        What one stack of networks may take, such as ``1GB``.
    """

    grids: Annotated[tuple[_Grid, ...], _Several] = ()
    zip: Annotated[tuple[_Keys, ...], _Several, BeforeValidator(_steps)] = ()
    exclude: Annotated[tuple[str, ...], _Several] = ()
    max_jobs: Annotated[int, within(Range(ge=1))] = 10_000
    workers: Annotated[int, within(Range(ge=1))] | None = None
    max_stack_memory: Annotated[str, AfterValidator(_size)] = "1GB"


def _column_name(given: Any) -> Any:
    """Take a whole number as text: columns may be called by their numbers."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


_COLUMN_NAME = {ColumnName: Annotated[str, BeforeValidator(_column_name)]}


class Job(Recipe):
    """One point of the grid; the names are those of the configuration."""

    data: Annotated[Part, choice(DATA_SETS.signatures, replace=_COLUMN_NAME)]
    tracking: Tracking
    sweep: Sweep = Sweep()
    dry_run: bool = False
    rerun: Literal["all", "failed", "none"] | None = None
    retries: Annotated[int, within(Range(ge=0))] = 0
    fail_fast: bool = False
    checkpoint_every: Annotated[int, within(Range(ge=1))] | None = None

    @model_validator(mode="after")
    def _has_weight_decay(self) -> "Job":
        """Put a number in the place of null, so that records and keys have what is trained with."""
        if self.optimizer.settings()["weight_decay"] is None:
            decay = TABLE_WEIGHT_DECAY if self.data.name in OWN_TABLES else 0.0
            object.__setattr__(self, "optimizer", self.optimizer.model_copy(update={"weight_decay": decay}))
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> "Job":
        patience, data = self.trainer.settings()["patience"], self.data.settings()
        if patience is not None and not data["val_fraction"] and data.get("split") is None:
            raise ValueError(f"trainer.patience={patience} needs a validation part: set data.val_fraction above 0")
        if data.get("fold") is not None and data["fold"] >= data["n_folds"]:
            raise ValueError(
                f"data.fold={data['fold']}: must be below data.n_folds={data['n_folds']}; folds count from 0, as in "
                f"data.fold='range(0,{data['n_folds']})'"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """Return all that can change the result, as JSON values."""
        identity = self.model_dump(mode="json", exclude=OPERATIONAL | {"arch": True, "data": WHEREABOUTS})
        for group, names in _LATER.items():  # keys that are older than a setting stay what they were
            for name in names:
                if identity[group].get(name) is None:
                    identity[group].pop(name, None)
        return identity | {"hidden_layer_sizes": list(self.arch.sizes)}

    def key(self, data_digest: str, numerics: int | None = None) -> str:
        """Hash all that can change the result: identity, data and the version of the numerics, by default today's."""
        version = NUMERICS_VERSION if numerics is None else numerics
        parts = {"job": self.identity(), "data": data_digest, "numerics": version}
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
