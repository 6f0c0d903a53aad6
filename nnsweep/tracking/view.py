"""The view of a sweep in MLflow's UI, as MLflow keeps it: in a tag of the experiment, opened by a key in the address.

What it shows is laid out in `nnsweep.results.ui_view`; here it is written so that MLflow reads it. Tried with 3.17.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

from nnsweep.tracking.backend import backend
from nnsweep.tracking.client import explained
from nnsweep.tracking.store import Store

TAG = "mlflow.sharedViewState."
LONGEST = 5000
"""Characters that every database keeps of an experiment's tag."""


def key_of(sweep: str) -> str:
    """Give the key that a sweep's view is opened by; the same for the same sweep, whatever characters its id has."""
    return hashlib.sha256(sweep.encode(errors="surrogateescape")).hexdigest()[:32]


def write(store: Store, sweep: str, view: Mapping[str, Any]) -> bool:
    """Write a sweep's view, or renew it; a view that is too long for a tag is not written.

    Parameters
    ----------
    store : Store
        Where the runs are.
    sweep : str
        The sweep's id.
    view : mapping
        What MLflow's UI has as the state of its page.

    Returns
    -------
    bool
        Whether it is there.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    text = encode(view)
    if len(text) > LONGEST:
        return False
    with explained(store.uri):
        backend(store.uri).set_experiment_tag(store.experiment_id, TAG + key_of(sweep), text)
    return True


def encode(view: Mapping[str, Any]) -> str:
    """Write a view as MLflow's UI reads it: compressed, for its length."""
    text = json.dumps(view, separators=(",", ":"))
    return f"deflate;{base64.b64encode(zlib.compress(text.encode(), 9)).decode()}"
