"""Sweeps on a real MLflow server that is killed, hangs, loses answers, or never comes back."""

import signal
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nnsweep.tracking.connection import open_client
from tests.outside import (
    PROGRESS,
    QUICK,
    Server,
    Table,
    begin_eager,
    ended,
    fork_eager,
    n_points,
    n_unended,
    run_forked,
    statuses,
    table,
    wait_until,
)

N_JOBS = 3
SWEEP = (f"seed=range(0,{N_JOBS})", "arch=wide", "trainer.epochs=250", "sweep.workers=1", QUICK)
"""A few seconds of training; every point of its curves is kept."""
AN_ANSWER = 10.0
"""Seconds that one call may wait for a server."""
START = 30.0
"""Seconds that a process may take to import everything, on a busy machine."""
ALL_FINISHED = ["FINISHED"] * N_JOBS


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Table:
    """Give the table that the sweep makes in an SQLite store that nothing happens to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_forked(folder, *SWEEP).code == 0
    found = table(folder / "mlflow.db")
    assert len(found) == N_JOBS
    return found


def on(server: Server, experiment: str, *more: str) -> tuple[str, ...]:
    return (*SWEEP, f"tracking.uri={server.uri}", f"tracking.experiment={experiment}", *more)


def in_the_middle(server: Server, experiment: str) -> None:
    """Wait until a sweep's first curves have reached the server."""
    wait_until(lambda: n_points(server.database, experiment) > 0, "the first points")


def test_a_sweep_on_a_server_has_the_table_of_one_on_sqlite(server, undisturbed, tmp_path):
    said = run_forked(tmp_path, *on(server, "sound"))
    assert (said.code, said.err) == (0, "")
    assert table(server.database, "sound") == undisturbed
    assert statuses(server.database, "sound") == ALL_FINISHED
    assert n_unended(server.database, "sound") == 0


def test_the_best_run_of_a_sweep_on_a_server_is_registered_there(server, tmp_path):
    quick = ("data=iris", "arch=shallow,linear", "trainer.epochs=5", QUICK)
    said = run_forked(tmp_path, *quick, f"tracking.uri={server.uri}", "tracking.experiment=registered")
    assert (said.code, said.err) == (0, "")
    (sweep,) = (tmp_path / "multirun").iterdir()
    said = [run_forked(tmp_path, "register", sweep.name, "--name", "best", "--uri", server.uri) for _ in range(2)]
    assert [(one.code, one.err) for one in said] == 2 * [(0, "")]
    assert [one.out.split(":")[0] for one in said] == ["best, version 1", "best, version 1, which was there already"]
    asked = open_client(server.uri)
    version = asked.get_model_version_by_alias("best", "champion")
    (model,) = asked.search_logged_models([asked.get_experiment_by_name("registered").experiment_id])
    assert (version.run_id, version.source) == (model.source_run_id, model.artifact_location)


def soaked(*values: float) -> list:
    return [pytest.param(value, marks=pytest.mark.soak) for value in values]


@pytest.mark.parametrize("seconds", [0, *soaked(5, 20, 30, 60)])
def test_a_killed_server_that_comes_back_costs_nothing(server, undisturbed, tmp_path, seconds):
    name = f"back-after-{seconds}"
    sweep = fork_eager(tmp_path, *on(server, name, "tracking.patience=90"))
    in_the_middle(server, name)
    server.kill()
    time.sleep(seconds)
    server.start()
    said = ended(sweep)
    assert said.code == 0
    assert table(server.database, name) == undisturbed
    assert statuses(server.database, name) == ALL_FINISHED
    assert n_unended(server.database, name) == 0
    told = said.err.splitlines()
    words = [line.split(" is ")[1].split(";")[0] for line in told if line.startswith("nnsweep: the store ")]
    assert len(words) == len(told), told
    assert words in (["away", "back"], ["away", "still away", "back"])  # the latter if the sweep's end came before


@pytest.mark.soak
@pytest.mark.parametrize("workers", [1, 2])
def test_server_outage_is_reported_while_training_goes_on(server, tmp_path, workers):
    name = f"told-by-{workers}"
    longer = (f"trainer.epochs={5200 * workers}", f"sweep.workers={workers}")  # twice what the curves wait
    sweep = begin_eager(tmp_path, *on(server, name, *longer))
    in_the_middle(server, name)
    assert sweep.stderr is not None
    server.kill()
    messages = (line for line in sweep.stderr if not PROGRESS.match(line))
    assert next(messages).startswith(f"nnsweep: the store {server.uri} is away; ")
    assert not any(tmp_path.glob("multirun/*/*/record.json"))
    server.start()
    assert next(messages).startswith(f"nnsweep: the store {server.uri} is back; ")
    assert not any(tmp_path.glob("multirun/*/*/record.json"))
    said = ended(sweep, 600)
    assert (said.code, said.err) == (0, "")
    assert statuses(server.database, name) == ALL_FINISHED
    assert not any(tmp_path.glob("multirun/*/.away"))


def test_results_of_a_server_that_is_gone_wait_and_are_sent_once(server, undisturbed, tmp_path):
    began = time.monotonic()
    sweep = fork_eager(tmp_path, *on(server, "gone", "tracking.patience=1"))
    in_the_middle(server, "gone")
    server.kill()
    said = ended(sweep)
    assert time.monotonic() - began < 10 + 2 * START
    assert said.code == 5
    assert f"{N_JOBS} of {N_JOBS} results wait" in said.err
    told = zip(("is away", "still away", "error"), said.err.splitlines(), strict=True)
    assert all(word in line for word, line in told)
    assert "nnsweep sync multirun/" in said.err
    assert "Traceback" not in said.out + said.err
    server.start()
    for told in (f"{N_JOBS} records sent, 0 were", f"0 records sent, {N_JOBS} were"):
        synced = run_forked(tmp_path, "sync", "multirun", "--uri", server.uri)
        assert synced.code == 0
        assert told in synced.out
        assert table(server.database, "gone") == undisturbed
        assert statuses(server.database, "gone") == ALL_FINISHED
        assert n_unended(server.database, "gone") == 0
    assert run_forked(tmp_path, "sync", "multirun", "--uri", "sqlite:///fresh.db").code == 0
    assert table(tmp_path / "fresh.db", "gone") == undisturbed


def test_a_server_that_hangs_is_given_up_in_time(server, tmp_path):
    server.send(signal.SIGSTOP)
    try:
        began = time.monotonic()
        said = run_forked(tmp_path, "export", "anything", "--uri", server.uri)
        assert time.monotonic() - began < AN_ANSWER + START
        assert said.code == 5
        assert len(said.err.splitlines()) == 1
    finally:
        server.send(signal.SIGCONT)


@pytest.mark.soak
def test_a_server_that_hangs_in_mid_sweep_costs_a_few_waits(server, undisturbed, tmp_path):
    sweep = fork_eager(tmp_path, *on(server, "hanging", "tracking.patience=1"))
    in_the_middle(server, "hanging")
    server.send(signal.SIGSTOP)
    began = time.monotonic()
    try:
        assert ended(sweep).code == 5
        assert time.monotonic() - began < 6 * AN_ANSWER
    finally:
        server.send(signal.SIGCONT)
    time.sleep(3)  # what it was asked before it comes to its turn
    assert run_forked(tmp_path, "sync", "multirun", "--uri", server.uri).code == 0
    assert table(server.database, "hanging") == undisturbed
    assert statuses(server.database, "hanging") == ALL_FINISHED


@pytest.mark.soak
def test_server_outage_leaves_no_curve_with_too_many_points(server, tmp_path):
    few = ("tracking.max_points=50", "tracking.patience=90", "trainer.epochs=700")
    sweep = fork_eager(tmp_path, *on(server, "few", *few))
    in_the_middle(server, "few")
    server.kill()
    server.start()
    assert ended(sweep).code == 0
    counts = [
        sum(name == curve for name, *_ in metrics)
        for _, metrics in table(server.database, "few").values()
        for curve in ("train_cost", "learning_rate", "val_accuracy", "test_accuracy")
    ]
    assert max(counts) <= 50


# ---- answers that are lost after the server has done the work


class _Proxy(BaseHTTPRequestHandler):
    """Hands everything on, and loses every tenth answer to some requests once it is told to."""

    port, losing = 0, threading.Event()
    lock, handed, lost = threading.Lock(), 0, 0
    path, first = "", 10  # which requests, and which answer is the first that is lost

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        kept = {name: value for name, value in self.headers.items() if name not in ("Host", "Connection")}
        connection.request(self.command, self.path, body, kept)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if self._is_lost():
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = _hand_on

    def _is_lost(self) -> bool:
        kind = type(self)
        with kind.lock:
            kind.handed += kind.losing.is_set() and kind.path in self.path
            lost = kind.losing.is_set() and kind.path in self.path and kind.handed % 10 == kind.first % 10
            kind.lost += lost
        return lost

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def proxy(server) -> Iterator[type[_Proxy]]:
    kind = type("Proxy", (_Proxy,), {"port": server.port, "losing": threading.Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as listening:
        kind.uri = f"http://127.0.0.1:{listening.server_port}"
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        yield kind
        listening.shutdown()


def test_answers_that_are_lost_make_no_ghosts_and_no_doubles(server, proxy, undisturbed, tmp_path):
    begun = fork_eager(tmp_path, *SWEEP, f"tracking.uri={proxy.uri}", "tracking.experiment=lossy")
    wait_until(lambda: any(tmp_path.glob("multirun/*/sweep.json")), "the plan")
    proxy.losing.set()
    said = ended(begun)
    print(f"{proxy.lost} of {proxy.handed} answers were lost")
    assert proxy.lost > 1
    if said.code == 5:  # the sweep's own end was lost
        proxy.losing.clear()
        assert run_forked(tmp_path, "sync", "multirun", "--uri", server.uri).code == 0
    assert statuses(server.database, "lossy") == ALL_FINISHED
    assert table(server.database, "lossy") == undisturbed


@pytest.mark.soak
@pytest.mark.parametrize("path", ["runs/create", "runs/log-batch", "runs/log-inputs", "runs/update", "/artifacts/"])
def test_lost_answer_of_any_kind_leaves_no_ghosts_or_duplicates(server, proxy, undisturbed, tmp_path, path):
    name = path.strip("/").replace("/", "-")
    proxy.path, proxy.first = path, 1
    begun = fork_eager(tmp_path, *SWEEP, f"tracking.uri={proxy.uri}", f"tracking.experiment={name}")
    wait_until(lambda: any(tmp_path.glob("multirun/*/sweep.json")), "the plan")
    proxy.losing.set()
    said = ended(begun)
    print(f"{proxy.lost} of {proxy.handed} answers were lost; exit code {said.code}; {said.err}")
    assert proxy.lost > 0
    proxy.losing.clear()
    assert run_forked(tmp_path, "sync", "multirun", "--uri", server.uri).code == 0
    assert statuses(server.database, name) == ALL_FINISHED
    assert table(server.database, name) == undisturbed


@pytest.mark.soak
def test_points_with_a_receipt_lost_early_are_stored_once(server, proxy, tmp_path):
    """Training goes on for longer than a store that did not answer is left alone, and than the curves wait then."""
    epochs = 3200
    longer = (f"trainer.epochs={epochs}", "tracking.max_points=4000", "tracking.experiment=longer")
    proxy.path, proxy.first = "runs/log-batch", 1
    begun = fork_eager(tmp_path, *SWEEP, f"tracking.uri={proxy.uri}", *longer)
    wait_until(lambda: any(tmp_path.glob("multirun/*/sweep.json")), "the plan")
    proxy.losing.set()
    wait_until(lambda: proxy.lost > 0, "a batch of points")
    proxy.losing.clear()
    assert ended(begun).code == 0
    for _, metrics in table(server.database, "longer").values():
        assert len({(name, step) for name, step, _ in metrics}) == len(metrics)
        assert sum(name == "train_cost" for name, *_ in metrics) == epochs + 1
