"""A seal: what a run said of itself when it was recorded, beside what the store says of it now.

It is a tag: a digest of each param, each final metric and each tag that a result depends on, and the SHA-256 of each
artifact. Params, metrics and artifacts can be changed one by one, by hand or by accident; the seal tells which of them
were. Runs of earlier versions have none, and what others add to a run is not in it.
"""

import json
import math
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from nnsweep.errors import DifferenceError
from nnsweep.messages import shortened
from nnsweep.tracking.backend import Run
from nnsweep.tracking.record import RunRecord

TAG = "nnsweep.seal"
SEALED_TAGS = ("nnsweep.key", "nnsweep.data_digest", "nnsweep.numerics", "nnsweep.config", "nnsweep.state")
WAY_OUT = (
    "somebody has changed the store: put it back from a copy, run these jobs again (rerun=all), "
    "or leave them out with --filter"
)
_LONGEST = 500
"""Characters of a param that every store keeps."""
_DIGITS = 10


def seal(
    settings: Mapping[str, object], metrics: Mapping[str, float], tags: Mapping[str, str], files: Mapping[str, str]
) -> str:
    """Write the seal of a run that ends.

    Parameters
    ----------
    settings : mapping of str to object
        Its params.
    metrics : mapping of str to float
        Its final metrics; those that are not finite are in no store.
    tags : mapping of str to str
        All that it is tagged with.
    files : mapping of str to str
        SHA-256 of each artifact, in hexadecimal.

    Examples
    --------
    >>> seal({"seed": 0}, {"test_accuracy": 0.5}, {}, {})
    '{"params":{"seed":"5feceb66ff"},"metrics":{"test_accuracy":"d2cbad71ff"},"tags":{},"files":{}}'
    """
    parts = {
        "params": {name: _digest(str(value)[:_LONGEST]) for name, value in settings.items()},
        "metrics": {name: _digest(repr(float(value))) for name, value in metrics.items() if math.isfinite(value)},
        "tags": {name: _digest(tags[name]) for name in SEALED_TAGS if name in tags},
        "files": dict(files),
    }
    return json.dumps(parts, separators=(",", ":"))


def altered(run: Run) -> dict[str, str]:
    """Give the params, final metrics and tags of a run that are not what was recorded, as they are now, by name."""
    metrics = {name: repr(float(value)) for name, value in run.data.metrics.items()}
    now = {
        "params": {name: text[:_LONGEST] for name, text in run.data.params.items()},
        "metrics": metrics,
        "tags": run.data.tags,
    }
    sealed = _read(run)
    if sealed is None:
        return {TAG: "no seal"}
    return {
        name: texts.get(name, "gone")
        for part, texts in now.items()
        for name, wanted in sealed.get(part, {}).items()
        if name not in texts or _digest(texts[name]) != wanted
    }


def require_unaltered(records: Iterable[RunRecord]) -> None:
    """Refuse runs of which the store says something otherwise than when they were recorded.

    Raises
    ------
    DifferenceError
        A line for each of them.
    """
    lines = [f"{record.title}: {told}" for record in records for told in told_of(record)]
    if lines:
        raise DifferenceError(*lines, WAY_OUT)


def told_of(record: RunRecord) -> list[str]:
    """Say what of a record is not what was recorded, a text each."""
    return [f"{name} is {shortened(now)}, which is not what was recorded" for name, now in record.altered.items()]


def sealed_files(run: Run) -> list[str]:
    """Name the artifacts of which a run has recorded digests."""
    return [*_part(run, "files")]


def check_file(run: Run, path: Path) -> None:
    """Compare an artifact that was read with its recorded digest, if it has one.

    Raises
    ------
    DifferenceError
        If it is another.
    """
    wanted = _part(run, "files").get(path.name)
    if wanted is not None and sha256(path.read_bytes()).hexdigest() != wanted:
        raise DifferenceError(
            f"{path.name} of run {run.info.run_name} ({run.info.run_id}) is not what was recorded (its SHA-256 is "
            "another): it was damaged or changed; put it back from a copy, or run the job again (rerun=all)"
        )


def _part(run: Run, name: str) -> Mapping[str, str]:
    return (_read(run) or {}).get(name, {})


def _read(run: Run) -> dict[str, dict[str, str]] | None:
    """Read the seal: nothing of a run that has none, None of one that somebody has edited."""
    try:
        sealed: Any = json.loads(run.data.tags.get(TAG, "{}"))
        return {part: {name: str(text) for name, text in texts.items()} for part, texts in sealed.items()}
    except (ValueError, AttributeError, RecursionError):
        return None


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
