"""The commands around sweeps, as they are typed."""

from nnsweep.tracking.connection import open_client
from tests.outside import QUICK


def test_sync_leaves_runs_deleted_unless_they_are_asked_for(nnsweep, study):
    assert nnsweep("data=iris", "arch=linear", "seed=0,1", "trainer.epochs=2", QUICK).code == 0
    asked = open_client(f"sqlite:///{study / 'mlflow.db'}")
    experiment = asked.get_experiment_by_name("nnsweep").experiment_id
    first, _ = asked.search_runs([experiment], "tags.`nnsweep.kind` = 'job'")
    asked.delete_run(first.info.run_id)
    assert nnsweep("sync").out.splitlines() == [
        "0 records sent, 1 were there already, 1 left deleted",
        "  1 run deleted in the store: mlflow runs restore --run-id RUN brings one back",
    ]
    assert nnsweep("sync", "--deleted").out == "1 records sent, 1 were there already\n"
    assert nnsweep("sync").out == "0 records sent, 2 were there already\n"
