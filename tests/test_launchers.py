"""Whichever of Hydra's launchers runs the jobs, the table is the same."""

import pandas as pd
import pytest

pytest.importorskip(
    "hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher is absent: pip install nnsweep[joblib]"
)

GRID = ("arch=linear,shallow", "seed=0,1", "data=iris", "trainer.epochs=5", "tracking.pictures=false")


def test_basic_and_joblib_launcher_give_equal_tables_and_curves(nnsweep, study):
    tables, curves = [], []
    for number, launcher in enumerate(["hydra/launcher=basic", "hydra/launcher=joblib"]):
        said = nnsweep(launcher, f"tracking.experiment=study{number}", *GRID)
        assert said.code == 0, said.err
        nnsweep("export", f"study{number}", "-o", "table.parquet")
        nnsweep("export", f"study{number}", "--histories", "-o", "curves.parquet")
        own = ["run_id", "sweep", "duration_seconds"]
        tables.append(pd.read_parquet("table.parquet").drop(columns=own))
        curves.append(pd.read_parquet("curves.parquet").sort_values(["name", "metric", "epoch"], ignore_index=True))
    assert len(tables[0]) == 4
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    pd.testing.assert_frame_equal(*(curve.drop(columns="run_id") for curve in curves), check_exact=True)
