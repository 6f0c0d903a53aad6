"""Claims: written and read back, and nobody looks while another claims."""

import errno
import os
import time
from hashlib import sha256
from pathlib import Path

import pytest

from nnsweep.tracking import claims, earlier, runs
from nnsweep.tracking.earlier import EarlierRun
from nnsweep.tracking.owner import this_process
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

HOLDER = """
import sys, time
from pathlib import Path
from nnsweep.tracking.claims import look_alone
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
from nnsweep.tracking.claims import look_alone
from nnsweep.tracking.store import Store

with look_alone(Store(sys.argv[1], "study", "1")):
    print("in", flush=True)
    time.sleep(60)
"""


def keys(number: int, kind: str = "") -> list[str]:
    return [sha256(f"{kind}{index}".encode()).hexdigest() for index in range(number)]


def sweep(store: Store, wanted: list[str], name: str = "s1") -> str:
    return runs.start_run(
        store, f"sweep {name}", {"nnsweep.kind": "sweep", "nnsweep.sweep": name} | claims.make_claim_tags(wanted)
    )


def sweeps(store: Store) -> list[EarlierRun]:
    return [one for one in earlier.find_running(store) if one.is_sweep]


def held(store: Store, wanted: list[str]) -> dict[str, str]:
    """Tell which of some jobs are claimed, by the sweeps' names."""
    return {key: holder.record.sweep for key, holder in claims.find_claims(sweeps(store), wanted).items()}


@pytest.mark.parametrize("number", [0, 1, 499, 500, 501, 1000, 10_000])
def test_any_number_of_claims_reads_back_as_written(number: int, store: Store):
    wanted, others = keys(number), keys(100, "another ")
    texts = claims.make_claim_tags(wanted)
    assert all(len(text) <= runs.LONGEST_TAG == 8000 for text in texts.values())
    sweep(store, wanted)
    assert held(store, wanted + others) == dict.fromkeys(wanted, "s1")


@pytest.mark.parametrize(
    ("before", "after"), [(1200, 3), (1200, 0), (1200, 500), (1200, 501), (3, 0), (0, 3), (3, 1200)]
)
def test_new_claims_of_a_sweep_replace_all_its_former_ones(before: int, after: int, store: Store):
    wanted = keys(before + after)
    run_id = sweep(store, wanted[:before])
    runs.log_values(store, run_id, tags=claims.make_claim_tags(wanted[before:]))
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
    (holder,) = claims.find_claims(sweeps(store), keys(1)).values()
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
    with claims.look_alone(store):
        assert time.monotonic() - begin < 2


def test_after_an_error_others_may_claim(store: Store):
    with pytest.raises(KeyError, match="mine"), claims.look_alone(store):
        raise KeyError("mine")
    with claims.look_alone(store):
        pass


def test_it_leaves_no_file(store: Store, tmp_path: Path):
    before = {*tmp_path.iterdir()}
    with claims.look_alone(store):
        assert {*tmp_path.iterdir()} == before


@pytest.mark.parametrize("home", ["home", "not/there"])
def test_a_server_needs_no_folder_of_ours(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / home))
    with claims.look_alone(Store("http://127.0.0.1:9", "study", "1")):
        pass
    assert [*(tmp_path / "home").iterdir()] == []
    assert not os.path.exists("not")


def test_a_file_system_without_locks_stops_nobody(store: Store, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with claims.look_alone(store):
        pass
