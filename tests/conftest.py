from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")


@pytest.fixture(scope="session")
def ready_store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an MLflow store without any experiment of ours: to be copied, because making one takes seconds."""
    from nnsweep.tracking.store import _build_sqlite

    database = tmp_path_factory.mktemp("ready") / "mlflow.db"
    _build_sqlite(database)
    return database
