"""What a store knows of the jobs of a sweep that begins: the same from a database and from a server."""

import errno
import os
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

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


HOLDER = """
import sys, time
from pathlib import Path
from nnsweep.tracking.earlier import look_alone
from nnsweep.tracking.store import Store

uri, log, name = sys.argv[1:]
for _ in range(15):
    with look_alone(Store(uri, "study", "1")):
        with open(log, "a") as file:
            print(name, "in", file=file, flush=True)
            time.sleep(0.01)
            print(name, "out", file=file, flush=True)
"""
HANGING = """
import sys, time
from nnsweep.tracking.earlier import look_alone
from nnsweep.tracking.store import Store

with look_alone(Store(sys.argv[1], "study", "1")):
    print("in", flush=True)
    time.sleep(60)
"""


def keys(number: int, kind: str = "") -> list[str]:
    return [sha256(f"{kind}{index}".encode()).hexdigest() for index in range(number)]


def sweep(store: Store, wanted: list[str], name: str = "s1") -> str:
    return runs.start_run(
        store, f"sweep {name}", {"nnsweep.kind": "sweep", "nnsweep.sweep": name} | earlier.make_claim_tags(wanted)
    )


def sweeps(store: Store) -> list[EarlierRun]:
    return [one for one in earlier.find_running(store) if one.is_sweep]


def held(store: Store, wanted: list[str]) -> dict[str, str]:
    """Tell which of some jobs are claimed, by the sweeps' names."""
    return {key: holder.record.sweep for key, holder in earlier.find_claims(sweeps(store), wanted).items()}


@pytest.mark.parametrize("number", [0, 1, 499, 500, 501, 1000, 10_000])
def test_any_number_of_claims_reads_back_as_written(number: int, store: Store):
    wanted, others = keys(number), keys(100, "another ")
    texts = earlier.make_claim_tags(wanted)
    assert all(len(text) <= runs.LONGEST_TAG == 8000 for text in texts.values())
    sweep(store, wanted)
    assert held(store, wanted + others) == dict.fromkeys(wanted, "s1")


@pytest.mark.parametrize(
    ("before", "after"), [(1200, 3), (1200, 0), (1200, 500), (1200, 501), (3, 0), (0, 3), (3, 1200)]
)
def test_new_claims_of_a_sweep_replace_all_its_former_ones(before: int, after: int, store: Store):
    wanted = keys(before + after)
    run_id = sweep(store, wanted[:before])
    runs.log_values(store, run_id, tags=earlier.make_claim_tags(wanted[before:]))
    assert held(store, wanted) == dict.fromkeys(wanted[before:], "s1")


def test_the_sweep_that_claims_first_holds_a_job(store: Store):
    one, two, three = keys(3)
    sweep(store, [one, two])
    time.sleep(0.01)
    sweep(store, [two, three], "s2")
    assert held(store, [one, two, three]) == {one: "s1", two: "s1", three: "s2"}


def test_a_sweep_that_has_ended_claims_nothing(store: Store):
    run_id = sweep(store, keys(3))
    assert len(held(store, keys(3))) == 3
    runs.end_run(store, RunRecord(run_id=run_id, name="sweep s1", state="interrupted"))
    assert held(store, keys(3)) == {}


def test_who_claims_is_told(store: Store):
    sweep(store, keys(1))
    (holder,) = earlier.find_claims(sweeps(store), keys(1)).values()
    assert (holder.owner, holder.record.name) == (this_process(), "sweep s1")


def test_keys_are_claimed_whole_and_not_where_their_digits_meet(store: Store):
    one, two = "ab" * 32, "cd" * 32
    sweep(store, [one, two])
    assert held(store, ["abababababab" + "cdcd" + "0" * 48, "b" + one[:-1], one]) == {one: "s1"}


def test_two_processes_never_look_and_claim_at_the_same_time(program, uri: str, tmp_path: Path):
    log = tmp_path / "log"
    processes = [program(HOLDER, uri, log, name) for name in ("a", "b", "c")]
    for process in processes:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    lines = log.read_text().splitlines()
    assert len(lines) == 90
    for entered, left in zip(lines[::2], lines[1::2], strict=True):
        assert (entered.split()[1], left.split()[1]) == ("in", "out")
        assert entered.split()[0] == left.split()[0]


def test_a_process_that_is_killed_keeps_nobody_out(program, store: Store):
    process = program(HANGING, store.uri)
    assert process.stdout.readline() == "in\n"
    process.kill()
    process.wait()
    begin = time.monotonic()
    with earlier.look_alone(store):
        assert time.monotonic() - begin < 2


def test_after_an_error_others_may_claim(store: Store):
    with pytest.raises(KeyError, match="mine"), earlier.look_alone(store):
        raise KeyError("mine")
    with earlier.look_alone(store):
        pass


def test_it_leaves_no_file(store: Store, tmp_path: Path):
    before = {*tmp_path.iterdir()}
    with earlier.look_alone(store):
        assert {*tmp_path.iterdir()} == before


@pytest.mark.parametrize("home", ["home", "not/there"])
def test_a_server_needs_no_folder_of_ours(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / home))
    with earlier.look_alone(Store("http://127.0.0.1:9", "study", "1")):
        pass
    assert [*(tmp_path / "home").iterdir()] == []
    assert not os.path.exists("not")


def test_a_file_system_without_locks_stops_nobody(store: Store, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with earlier.look_alone(store):
        pass
