"""The MLflow UI on a store, for this machine's own browser only."""

import os
import sys

from nnsweep.tracking import sqlite
from nnsweep.tracking.store import require_store


def serve(uri: str, port: int) -> int:
    """Show the MLflow UI until it is interrupted; bound to 127.0.0.1.

    Parameters
    ----------
    uri : str
        The store.
    port : int
        Port on 127.0.0.1.

    Returns
    -------
    int
        The server's exit code. (Where the system allows, this process becomes the server.)

    Raises
    ------
    StoreError
        If there is no such store.
    """
    require_store(uri)
    environment = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # a dozen processes that nobody needs here
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": uri,  # it may hold a password, and everybody on this machine can read arguments
    }
    arguments = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    if (database := sqlite.file_of(uri)) is not None:
        arguments += ["--default-artifact-root", str(database.parent / "mlartifacts")]
    os.execve(sys.executable, arguments, environment)
