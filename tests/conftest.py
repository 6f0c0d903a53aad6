import os
from pathlib import Path

import matplotlib as mpl
import pytest

from nnsweep.data.corpus import CACHE_FILE

mpl.use("Agg")


@pytest.fixture(scope="session")
def ready_store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an MLflow store without any experiment of ours: to be copied, because making one takes seconds."""
    from nnsweep.tracking.store import _build_sqlite

    database = tmp_path_factory.mktemp("ready") / "mlflow.db"
    _build_sqlite(database)
    return database


@pytest.fixture(scope="session")
def corpus_home() -> str:
    """Give the folder of the real corpus."""
    home = os.environ.get("SCIKIT_LEARN_DATA")
    if not home or not (Path(home) / CACHE_FILE).exists():
        pytest.skip("the 20-newsgroups corpus is absent: set SCIKIT_LEARN_DATA")
    return home
