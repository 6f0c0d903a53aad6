"""Links into the MLflow UI: the jobs' curves side by side, and the comparison of chosen runs."""

import json
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from nnsweep.masking import without_credentials
from nnsweep.tracking.client import equal
from nnsweep.tracking.store import Store
from nnsweep.tracking.view import key_of

LOCAL_UI = "http://127.0.0.1:5000"


def search_filter(sweep: str, run_ids: Sequence[str] = ()) -> str:
    """Say in the language of MLflow's filters which runs are meant: the jobs of one sweep, or some runs."""
    if run_ids:
        return f"attributes.run_id IN ({', '.join(repr(run_id) for run_id in run_ids)})"
    return " AND ".join(["tags.`nnsweep.kind` = 'job'", *equal("tags.`nnsweep.sweep`", sweep)])


def chart_link(store: Store, sweep: str, run_ids: Sequence[str] = (), *, has_view: bool = False) -> str:
    """Return the address of the chart view with the jobs of one sweep, or with some runs, and nothing else in it.

    A view of the sweep (`nnsweep.tracking.view`) says itself which runs are meant: MLflow's UI ignores a view where
    the address says it, too.
    """
    which = {"viewStateShareKey": key_of(sweep)} if has_view else {"searchFilter": search_filter(sweep, run_ids)}
    asked = {"compareRunsMode": "CHART", "workflowType": "machine_learning", **which}
    return f"{_base(store)}/#/experiments/{store.experiment_id}/runs?{urlencode(asked, quote_via=quote)}"


def compare_link(store: Store, run_ids: Sequence[str]) -> str:
    """Return the address of the page that compares runs."""
    chosen = {"runs": json.dumps([*run_ids]), "experiments": json.dumps([store.experiment_id])}
    return f"{_base(store)}/#/compare-runs?" + urlencode(chosen, quote_via=quote)


def _base(store: Store) -> str:
    return without_credentials(store.uri).rstrip("/") if store.uri.startswith("http") else LOCAL_UI
