"""Links into the MLflow UI: the jobs' curves side by side, and the comparison of chosen runs."""

import json
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from nnsweep.masking import without_credentials
from nnsweep.tracking.client import equal
from nnsweep.tracking.store import Store

LOCAL_UI = "http://127.0.0.1:5000"


def chart_link(store: Store, sweep: str, run_ids: Sequence[str] = ()) -> str:
    """Return the address of the chart view with the jobs of one sweep, or with some runs, and nothing else, in it."""
    search = " AND ".join(["tags.`nnsweep.kind` = 'job'", *equal("tags.`nnsweep.sweep`", sweep)])
    if run_ids:
        search = f"attributes.run_id IN ({', '.join(repr(run_id) for run_id in run_ids)})"
    return f"{_base(store)}/#/experiments/{store.experiment_id}/runs?" + urlencode(
        {"compareRunsMode": "CHART", "searchFilter": search}, quote_via=quote
    )


def compare_link(store: Store, run_ids: Sequence[str]) -> str:
    """Return the address of the page that compares runs."""
    chosen = {"runs": json.dumps([*run_ids]), "experiments": json.dumps([store.experiment_id])}
    return f"{_base(store)}/#/compare-runs?" + urlencode(chosen, quote_via=quote)


def _base(store: Store) -> str:
    return without_credentials(store.uri).rstrip("/") if store.uri.startswith("http") else LOCAL_UI
