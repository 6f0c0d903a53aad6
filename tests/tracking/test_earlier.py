"""What a store knows of the jobs of a sweep that begins: the same from a database and from a server."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from nnsweep.errors import StoreError
from nnsweep.tracking import earlier, runs
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.earlier import FEW, EarlierRun
from nnsweep.tracking.owner import LEASE_SECONDS, Owner, this_process
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, prepare_store

DEAD = replace(this_process(), start="0")


@pytest.fixture(params=["database", "server"])
def asked(request, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name how the store is asked: directly, or as a server, by MLflow's searches alone."""
    if request.param == "server":
        monkeypatch.setattr(earlier, "is_server", lambda uri: True)
        monkeypatch.delattr(earlier, "_select_ids")
    return request.param


@pytest.fixture
def begin(store: Store) -> Callable[..., str]:
    """Give a function that begins a job's run."""

    def start(key: str, name: str = "job", **tags: str) -> str:
        time.sleep(0.002)  # MLflow counts milliseconds
        texts = {"nnsweep.kind": "job", "nnsweep.key": key, "nnsweep.sweep": "s1"}
        return runs.start_run(store, name, texts | {f"nnsweep.{tag}": text for tag, text in tags.items()})

    return start


@pytest.fixture
def end(store: Store) -> Callable[..., None]:
    def ended(run_id: str, state: str = "finished") -> None:
        runs.end_run(store, RunRecord(run_id=run_id, name="", state=state), settings={"seed": 1})

    return ended


def ids(found: dict[str, list[EarlierRun]]) -> dict[str, list[str]]:
    return {key: [one.record.run_id for one in several] for key, several in found.items()}


@pytest.mark.parametrize("number", [0, 1, FEW, FEW + 1, 1100])
def test_the_runs_of_any_number_of_keys_are_found(number: int, asked: str, store: Store, begin):
    wanted = [f"{index:064}" for index in range(number)]
    present = {key: [begin(key)] for key in wanted[:: max(1, number // 5)]}
    begin("another")
    assert ids(earlier.find_runs_by_key(store, wanted)) == present


def test_runs_of_a_key_come_oldest_first_with_all_details(asked: str, store: Store, begin, end):
    first = begin("k", data_digest="d1", numerics="2", folder="there", attempt="1")
    end(first, "failed")
    second = begin("k", data_digest="d2", numerics="3", attempt="2")
    end(second)
    one, two = earlier.find_runs_by_key(store, ["k", "other"])["k"]
    assert (one.record.run_id, one.record.state, one.record.attempt) == (first, "failed", 1)
    assert (one.data_digest, one.numerics, one.folder) == ("d1", "2", "there")
    assert (two.record.run_id, two.record.state, two.record.settings) == (second, "finished", {"seed": 1})
    assert (two.data_digest, two.numerics, two.folder, two.owner) == ("d2", "3", "", this_process())
    assert abs(two.since - time.time()) < 60
    assert not one.is_sweep


def test_deleted_runs_sweeps_and_other_experiments_have_no_key(asked: str, store: Store, begin):
    open_client(store.uri).delete_run(begin("k"))
    runs.start_run(store, "sweep", {"nnsweep.kind": "sweep", "nnsweep.key": "k"})
    other = prepare_store(store.uri, "other")
    runs.start_run(other, "job", {"nnsweep.kind": "job", "nnsweep.key": "k"})
    assert earlier.find_runs_by_key(store, ["k"]) == {}
    assert len(earlier.find_runs_by_key(other, ["k"])["k"]) == 1


@pytest.mark.parametrize("name", ["20-20-tanh-s0", 'a "b" c', "100% \\ é 🙂", "x = y"])
def test_finished_runs_are_found_by_their_names(name: str, asked: str, store: Store, begin, end):
    end(wanted := begin("k", name))
    end(begin("k", name), "diverged")
    begin("k", name)
    end(begin("k", name + "x"))
    runs.end_run(
        store, RunRecord(run_id=runs.start_run(store, name, {"nnsweep.kind": "sweep"}), name="", state="finished")
    )
    assert [one.record.run_id for one in earlier.find_runs_by_name(store, [name, "absent"])] == [wanted]


def test_a_quote_in_a_name_asks_for_nothing_else(asked: str, store: Store, begin, end):
    end(wanted := begin("k", "it's"))
    found = earlier.find_runs_by_name(store, ["it's", "x' or attributes.status = 'FINISHED"])
    assert [one.record.run_id for one in found] == [wanted]


def test_a_server_is_not_asked_for_many_names(store: Store, begin, end, monkeypatch: pytest.MonkeyPatch):
    end(begin("k", "n0"))
    names = [f"n{number}" for number in range(FEW + 1)]
    assert len(earlier.find_runs_by_name(store, names)) == 1
    monkeypatch.setattr(earlier, "is_server", lambda uri: True)
    assert earlier.find_runs_by_name(store, names) == []
    assert len(earlier.find_runs_by_name(store, names[:FEW])) == 1


def test_no_names_and_no_keys_are_no_question(asked: str, store: Store, begin):
    begin("")
    assert earlier.find_runs_by_name(store, []) == []
    assert earlier.find_runs_by_key(store, []) == {}


def test_what_has_not_ended_is_found_jobs_and_sweeps(store: Store, begin, end):
    going = begin("k")
    end(begin("k2"))
    sweep = runs.start_run(store, "sweep s1", {"nnsweep.kind": "sweep", "nnsweep.sweep": "s1"})
    runs.start_run(store, "by hand", {})
    assert {one.record.run_id: one.is_sweep for one in earlier.find_running(store)} == {going: False, sweep: True}


def since(one: EarlierRun, seconds: float) -> EarlierRun:
    return replace(one, since=time.time() - seconds)


def test_a_run_has_nobody_when_its_process_is_gone(store: Store, begin):
    begin("k", owner=DEAD.tag())
    (one,) = earlier.find_running(store)
    assert one.owner == DEAD
    assert one.owner_is_gone
    assert not replace(one, owner=this_process()).owner_is_gone
    assert not replace(one, owner=None).owner_is_gone  # somebody else's, of whom nothing is known


def test_run_of_another_machine_is_ownerless_after_its_lease(store: Store, begin):
    begin("k", owner=Owner("elsewhere", "b", 1, "1").tag())
    (one,) = earlier.find_running(store)
    assert not one.owner_is_gone
    assert not since(one, LEASE_SECONDS - 60).owner_is_gone
    assert since(one, LEASE_SECONDS + 60).owner_is_gone


def test_a_store_that_refuses_is_told(store: Store, tmp_path):
    absent = replace(store, uri=f"sqlite:///{tmp_path}/no/folder/mlflow.db")
    with pytest.raises(StoreError, match="cannot be used"):
        earlier.find_runs_by_key(absent, ["k"])
