"""Verification of a saved model: its network is made again from the store, and what differs is named."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nnsweep.api.models import find_model
from nnsweep.api.verify import Verification
from nnsweep.errors import DataError
from nnsweep.model import predictor
from nnsweep.model.packed import DAMAGES, hash_weights
from nnsweep.model.predictor import Model
from nnsweep.text import printable
from nnsweep.tracking.models import CARD, MODEL_FILE


def verify_model(path: Path, uri: str | None = None) -> Verification:
    """Compare a saved model with the run that it says it is of, and its card with the one that lies beside it.

    Parameters
    ----------
    path : Path
        An ``.npz`` file, or a folder of MLflow's.
    uri : str or None
        The store of the run.

    Raises
    ------
    ConfigError
        If the store has no such run.
    DataError
        If the model cannot be read.
    DifferenceError, StoreError
        If what is recorded of the run was changed, or the store cannot be used.
    """
    shown, file = printable(str(path)), path / MODEL_FILE if path.is_dir() else path
    try:
        model = predictor.read(file)
        run_id = str(model.about["run"]["run_id"])
    except DAMAGES as error:
        raise DataError(f"{shown}: is no model that nnsweep has saved ({printable(str(error))})") from error
    found = find_model(run_id, None, uri)
    differences = [*_compare_models(model, found.model()), *_compare_card(model, path)]
    return Verification(
        differences=[f"{shown}: {line}" for line in differences],
        confirmation=[f"{shown}: weights (SHA-256 {hash_weights(model)}) and preparation are those of {found.title}"],
        reference="the store",
        conclusion="; save the model again: nnsweep save",
    )


def _compare_models(model: Model, again: Model) -> Iterator[str]:
    if hash_weights(model) != hash_weights(again):
        yield f"its weights have the SHA-256 {hash_weights(model)}, those of its run {hash_weights(again)}"
    own, theirs = model.preparation, again.preparation
    if own.keys() != theirs.keys() or not all(np.array_equal(own[name], theirs[name], equal_nan=True) for name in own):
        yield "the numbers of its preparation are not those of its run"
    names = sorted({*model.about, *again.about} - {"card", "format"})
    if changed := [name for name in names if model.about.get(name) != again.about.get(name)]:
        yield f"what it says of itself is not what its run says: {', '.join(changed)}"


def _compare_card(model: Model, path: Path) -> Iterator[str]:
    """Compare the card in a model with the file that a person reads, if that is there."""
    beside = path / CARD if path.is_dir() else path.with_suffix(".card.md")
    if beside.is_file() and beside.read_bytes() != model.about.get("card", "").encode():
        yield f"{printable(beside.name)} is not the card in the model"
