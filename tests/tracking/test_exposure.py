"""Exposure: what has looked at a test set is found in all experiments, whatever became of it."""

from hashlib import sha256

import pytest

from nnsweep.tracking import runs
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.exposure import Exposure, find_exposures, make_exposure_tags, read_test_sets
from nnsweep.tracking.store import prepare_store

DIGESTS = [sha256(str(number).encode()).hexdigest() for number in range(1200)]


def test_any_number_of_test_sets_comes_back_from_tags():
    tags = make_exposure_tags([*DIGESTS, *DIGESTS])
    assert len(tags) == 3
    assert max(map(len, tags.values())) <= runs.LONGEST_TAG
    assert read_test_sets(tags) == {digest[:16] for digest in DIGESTS}
    assert make_exposure_tags([]) == {}
    assert read_test_sets({"nnsweep.kind": "sweep"}) == set()


@pytest.mark.parametrize("kind", ["file", "mlflow"])
def test_looks_are_found_in_all_experiments_and_of_deleted_runs(kind, place):
    uri, ids = place(kind), []
    one, other, unseen = DIGESTS[:3]
    for number, digests in enumerate([[one], [one, other], []]):
        store = prepare_store(uri, f"looks {number}")
        tags = {"nnsweep.kind": "sweep", "nnsweep.sweep": f"looks {number}"} | make_exposure_tags(digests)
        ids.append(runs.start_run(store, f"sweep {number}", tags))
    unsealing = runs.start_run(store, "unsealing", {"nnsweep.kind": "unsealing"} | make_exposure_tags([other]))
    runs.start_run(store, "job", {"nnsweep.kind": "job"} | make_exposure_tags([other]))
    open_client(uri).delete_run(ids[1])
    sweeps = [Exposure("sweep", f"looks {number}") for number in range(2)]
    assert find_exposures(uri, [one, other, unseen]) == {
        one: {*sweeps},
        other: {sweeps[1], Exposure("unsealing", unsealing)},
        unseen: set(),
    }
    assert find_exposures(uri, []) == {}
