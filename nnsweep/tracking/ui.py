"""The MLflow UI on a store: its server, for this machine alone unless asked, the links that open it, and its view."""

import base64
import hashlib
import json
import os
import socket
import sys
import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from nnsweep.errors import ConfigError
from nnsweep.text import strip_credentials
from nnsweep.tracking import sqlite
from nnsweep.tracking.answers import explain_errors
from nnsweep.tracking.backend import find_backend
from nnsweep.tracking.mlflow_backend import make_equality
from nnsweep.tracking.store import Store, require_store


def serve_ui(uri: str, port: int, host: str = "127.0.0.1") -> int:
    """Show the MLflow UI until it is interrupted.

    Parameters
    ----------
    uri : str
        The store.
    port : int
        Port on `host`.
    host : str
        The address to listen on. On any but this machine's own, everybody who reaches it can read and change the runs.

    Returns
    -------
    int
        The server's exit code. (Where the system allows, this process becomes the server.)

    Raises
    ------
    StoreError
        If there is no such store.
    ConfigError
        If another program has the port.
    """
    require_store(uri)
    _require_free(host, port)
    shown = "127.0.0.1" if host == "0.0.0.0" else host
    print(f"MLflow's UI will be at http://{shown}:{port} in some seconds; Ctrl-C ends it.", flush=True)
    environment = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # a dozen processes that nobody needs here
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONWARNINGS": "ignore",  # what MLflow's libraries say to its makers
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": uri,  # it may hold a password, and everybody on this machine can read arguments
    }
    arguments = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    if (database := sqlite.find_database_file(uri)) is not None:
        arguments += ["--default-artifact-root", str(database.parent / "mlartifacts")]
    os.execve(sys.executable, arguments, environment)


def _require_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the port of a server that has just ended is free
        try:
            probe.bind((host, port))
        except OSError as error:
            other = port + 1 if port < 65535 else port - 1
            raise ConfigError(
                f"--port {port}: cannot be had ({error.strerror}); choose another, as in nnsweep ui --port {other}"
            ) from error


TAG = "mlflow.sharedViewState."
LONGEST = 5000
"""Characters that every database keeps of an experiment's tag."""


def make_view_key(sweep: str) -> str:
    """Give the key that a sweep's view is opened by; the same for the same sweep, whatever characters its id has."""
    return hashlib.sha256(sweep.encode(errors="surrogateescape")).hexdigest()[:32]


def write_view(store: Store, sweep: str, view: Mapping[str, Any]) -> bool:
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
    text = encode_view(view)
    if len(text) > LONGEST:
        return False
    with explain_errors(store.uri):
        find_backend(store.uri).set_experiment_tag(store.experiment_id, TAG + make_view_key(sweep), text)
    return True


def encode_view(view: Mapping[str, Any]) -> str:
    """Write a view as MLflow's UI reads it: compressed, for its length."""
    text = json.dumps(view, separators=(",", ":"))
    return f"deflate;{base64.b64encode(zlib.compress(text.encode(), 9)).decode()}"


LOCAL_UI = "http://127.0.0.1:5000"


def make_search_filter(sweep: str, run_ids: Sequence[str] = ()) -> str:
    """Write in the language of MLflow's filters which runs are meant: the jobs of one sweep, or some runs."""
    if run_ids:
        return f"attributes.run_id IN ({', '.join(repr(run_id) for run_id in run_ids)})"
    return " AND ".join(["tags.`nnsweep.kind` = 'job'", *make_equality("tags.`nnsweep.sweep`", sweep)])


def make_chart_link(store: Store, sweep: str, run_ids: Sequence[str] = (), *, has_view: bool = False) -> str:
    """Return the address of the chart view with the jobs of one sweep, or with some runs, and nothing else in it.

    A view of the sweep (`write_view`) says itself which runs are meant: MLflow's UI ignores a view where the address
    says it, too.
    """
    parameters = {"compareRunsMode": "CHART", "workflowType": "machine_learning"}
    if has_view:
        parameters["viewStateShareKey"] = make_view_key(sweep)
    else:
        parameters["searchFilter"] = make_search_filter(sweep, run_ids)
    return f"{_base(store)}/#/experiments/{store.experiment_id}/runs?{urlencode(parameters, quote_via=quote)}"


def make_compare_link(store: Store, run_ids: Sequence[str]) -> str:
    """Return the address of the page that compares runs."""
    parameters = {"runs": json.dumps([*run_ids]), "experiments": json.dumps([store.experiment_id])}
    return f"{_base(store)}/#/compare-runs?" + urlencode(parameters, quote_via=quote)


def _base(store: Store) -> str:
    return strip_credentials(store.uri).rstrip("/") if store.uri.startswith("http") else LOCAL_UI
