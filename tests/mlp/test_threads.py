"""Threads that share a pass: nothing that is computed depends on how many they are, or on which is the quicker."""

import dataclasses
import random
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from nnsweep.mlp import batches
from nnsweep.mlp import stack as stack_module
from nnsweep.mlp import threads as threads_module
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import cut_tiles, prepare_inputs
from nnsweep.mlp.history import add, collect
from nnsweep.mlp.losses import compute_cross_entropy
from nnsweep.mlp.network import Layer, backward, forward
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import reduce_on_plateau
from nnsweep.mlp.threads import Threads
from nnsweep.mlp.train import Training, train


def helpers():
    return [thread for thread in threading.enumerate() if thread.name == "nnsweep-tiles"]


@pytest.fixture(autouse=True)
def none_is_left():
    yield
    assert helpers() == []


@pytest.fixture
def uneven(monkeypatch):
    """Let tiles be as short as they may be, and take random times; give the threads that have computed one."""
    chance, seen = random.Random(0), set()

    def slow(*given, **named):
        seen.add(threading.get_ident())
        time.sleep(chance.random() / 500)
        return forward(*given, **named)

    monkeypatch.setattr(batches, "TILE_BYTES", 1)
    monkeypatch.setattr(threads_module, "SMALLEST", 0)
    monkeypatch.setattr(stack_module, "forward", slow)
    return seen


# ---- threads by themselves


def squares(threads, n_pieces):
    """Let threads square numbers at uneven pace; return what they take, and how many were ever ahead of that."""
    chance, taken, begun, ahead = random.Random(1), [], [], []

    def compute(thread, number):
        begun.append(number)
        ahead.append(len(begun) - len(taken))
        time.sleep(chance.random() / 500)
        return thread, number**2

    def take(thread, number, computed):
        assert computed == (thread, number**2)
        taken.append(number)

    threads.in_order(n_pieces, compute, take)
    return taken, max(ahead, default=0)


@pytest.mark.parametrize("n_threads", [1, 2, 3, 9])
def test_pieces_are_taken_in_order_whoever_is_quicker(n_threads):
    with Threads(n_threads) as threads:
        for n_pieces in (0, 1, 2, 7, 30):
            assert squares(threads, n_pieces)[0] == [*range(n_pieces)]


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_no_thread_runs_ahead_by_more_than_its_own_piece(n_threads):
    with Threads(n_threads) as threads:
        assert squares(threads, 50)[1] <= n_threads


@pytest.mark.parametrize(("n_threads", "n_pieces", "n_helpers"), [(1, 9, 0), (5, 1, 0), (5, 3, 2), (3, 9, 2)])
def test_only_as_many_threads_start_as_there_is_work_for(n_threads, n_pieces, n_helpers):
    with Threads(n_threads) as threads:
        squares(threads, n_pieces)
        assert len(helpers()) == n_helpers
        squares(threads, 1)
        assert len(helpers()) == n_helpers


@pytest.mark.parametrize("step", ["compute", "take"])
@pytest.mark.parametrize("piece", [0, 1, 5, 9])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_any_piece_raises_is_raised_and_ends_the_pass(error, piece, step):
    taken = []

    def do(what, number):
        if (what, number) == (step, piece):
            raise error(f"at {number}")
        if what == "take":
            taken.append(number)

    with Threads(3) as threads:
        for _ in range(3):
            taken.clear()
            with pytest.raises(error, match=f"^at {piece}$"):
                threads.in_order(10, lambda _, number: do("compute", number), lambda _, number, __: do("take", number))
            assert taken == [*range(len(taken))]
            assert len(taken) <= piece
        assert squares(threads, 5)[0] == [*range(5)]  # the next pass is none the worse for it


def test_every_thread_has_the_context_of_the_one_that_asks():
    seen, all_there = set(), threading.Barrier(3)

    def compute(thread, number):
        all_there.wait(timeout=60)
        seen.add((thread, np.geterr()["over"], np.geterr()["invalid"]))

    with Threads(3) as threads, np.errstate(over="ignore", invalid="raise"):
        threads.in_order(3, compute, lambda *_: None)
    assert seen == {(thread, "ignore", "raise") for thread in range(3)}


@pytest.mark.parametrize("n_startable", [0, 1])
def test_where_no_thread_can_be_started_the_others_do_it_all(n_startable, monkeypatch):
    start, started = threading.Thread.start, []

    def limited(thread):
        if len(started) == n_startable:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with Threads(4) as threads:
        for _ in range(2):
            taken, ahead = squares(threads, 20)
            assert taken == [*range(20)]
            assert ahead <= n_startable + 1
        assert len(helpers()) == n_startable


@pytest.mark.parametrize("n_threads", [0, -1])
@pytest.mark.parametrize("batch_size", [None, 8])
def test_fewer_threads_than_one_are_refused(batch_size, n_threads, parts, network, member):
    training = Training(optimizer=OPTIMIZERS["gradient_descent"], epochs=1, batch_size=batch_size)
    with pytest.raises(ValueError, match=f"`n_threads` must be at least 1, got {n_threads}"):
        next(train(parts(), network(), [member()], training, n_threads=n_threads))


# ---- trainings


def bits(trained):
    parameters = [part for layer in (*trained.best_layers, *trained.layers) for part in layer]
    rows = [tuple(map(float.hex, map(float, (*row[:3], *row.measured)))) for row in trained.rows]
    right = trained.best_right.tolist()
    return trained.ending, trained.best_epoch, right, rows, [(part.dtype, part.tobytes()) for part in parameters]


def trained(n_threads, data, net, members, **how):
    optimizer = OPTIMIZERS[how.pop("optimizer", "adam")]
    training = Training(optimizer=optimizer, **{"epochs": 5} | how)
    return [*map(bits, collect(train(data, net, members, training, n_threads=n_threads)).values())]


def assert_same_bits(uneven, n_tiles, *what, **how):
    """Training with 1, 2, 3 and more threads than tiles comes to the same, and the threads have shared it."""
    alone = trained(1, *what, **how)
    for n_threads in (2, 3, n_tiles + 2):
        uneven.clear()
        assert trained(n_threads, *what, **how) == alone
        assert 1 < len(uneven) <= min(n_threads, n_tiles)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("hidden", [(), (5,), (7, 5, 4)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_bit_depends_on_the_number_of_threads(dtype, hidden, class_weight, uneven, parts, network, differing):
    data, how = parts(n=(300, 150, 170)), {"dtype": dtype, "class_weight": class_weight}
    data.train.y[:40] = 0  # classes of unlike size
    assert_same_bits(uneven, 5, data, network(hidden), differing("adam"), **how)
    assert_same_bits(uneven, 5, data, network(hidden), differing("adam")[2:3], **how)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_dropout_decay_and_clipping_are_the_same_in_threads(optimizer, uneven, parts, network, differing):
    how = {"optimizer": optimizer, "clip_norm": 0.5, "evaluate_every": 2}
    data, net = parts(n=(300, 150, 170)), network((6, 5), dropout=0.3)
    assert_same_bits(uneven, 5, data, net, differing(optimizer, 0.05), **how)


def test_networks_leave_at_the_same_epoch_in_threads(uneven, parts, network, differing):
    members = differing("momentum")
    members[0] = dataclasses.replace(members[0], schedule=lambda epoch: 0.0, weight_decay=0.0)
    members[2] = dataclasses.replace(members[2], schedule=lambda epoch: 1e300)
    data, net, how = parts(n=(200, 90, 90)), network((5, 4), "relu"), {"patience": 3, "epochs": 9}
    assert {ending for ending, *_ in trained(3, data, net, members, optimizer="momentum", **how)} >= {
        "stopped",
        "diverged",
    }
    assert_same_bits(uneven, 4, data, net, members, optimizer="momentum", **how)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_products_are_the_same_in_threads(dtype, network, member):
    # of the sizes of real work, in tiles as they are
    draw = np.random.default_rng(0)
    data = SimpleNamespace(train=None, val=None, test=None, task="classification", n_outputs=10)
    data.train, data.val = (Examples(draw.normal(size=(n, 64)), draw.integers(10, size=n)) for n in (1500, 700))
    members = [member(seed=seed, hyperparameters={"momentum": 0.9}) for seed in range(2)]
    what, how = (data, network((150, 120), "relu"), members), {"optimizer": "momentum", "dtype": dtype, "epochs": 3}
    assert len({str(trained(n_threads, *what, **how)) for n_threads in (1, 2, 3, 8)}) == 1


def test_a_training_is_resumed_with_any_number_of_threads(uneven, parts, network, member):
    data, net = parts(n=(200, 90, 90)), network((5, 4), dropout=0.2)
    members = [member(schedule=reduce_on_plateau(learning_rate=0.1, patience=0), seed=seed) for seed in range(2)]
    training, whole = Training(optimizer=OPTIMIZERS["gradient_descent"], epochs=6), {}
    for epoch in train(data, net, members, training, n_threads=2):
        add(whole, epoch)
        if epoch.epoch == 3:
            snapshots = [epoch.snapshot(number) for number in range(2)]
    for n_threads in (1, 3):
        *_, last = train(data, net, members, training, resumed=snapshots, n_threads=n_threads)
        for number in range(2):
            for layer, its in zip(last.layers, whole[number].layers, strict=True):
                assert all((a[number] == b[0]).all() for a, b in zip(layer, its, strict=True))


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
def test_what_is_in_one_tile_is_the_work_of_one_thread(sparse, parts, network, member, monkeypatch):
    monkeypatch.setattr(threads_module, "SMALLEST", 0)
    if sparse:
        monkeypatch.setattr(batches, "TILE_BYTES", 1)
    what = parts(sparse=sparse, n=(200, 90, 90)), network((5,)), [member()]
    alone = trained(1, *what, optimizer="gradient_descent")
    monkeypatch.setattr(threading.Thread, "start", lambda thread: pytest.fail("started"))
    assert trained(3, *what, optimizer="gradient_descent") == alone


@pytest.mark.parametrize(("hidden", "n_networks", "n_helpers"), [((20,), 1, 0), ((200, 200), 1, 1), ((20,), 20, 1)])
def test_small_tiles_are_the_work_of_one_thread(hidden, n_networks, n_helpers, parts, network, member):
    training = Training(optimizer=OPTIMIZERS["gradient_descent"], epochs=2)
    data, members = parts(n=(9000, 30, 30)), [member(seed=seed) for seed in range(n_networks)]
    epochs = train(data, network(hidden), members, training, n_threads=2)
    next(epochs)
    assert len(helpers()) == n_helpers
    epochs.close()


def test_minibatches_are_the_work_of_one_thread(parts, network, member, monkeypatch):
    monkeypatch.setattr(threads_module, "SMALLEST", 0)
    monkeypatch.setattr(batches, "TILE_BYTES", 1)
    monkeypatch.setattr(threading.Thread, "start", lambda thread: pytest.fail("started"))
    what = parts(n=(200, 90, 90)), network((5,)), [member()]
    assert trained(3, *what, optimizer="gradient_descent", batch_size=32)


def test_the_gradient_is_the_sum_over_the_tiles_in_order(uneven, parts, network, member, stack_of, draw_layers):
    layers, net, examples = draw_layers(np.random.default_rng(0), (6, 5, 3), n_networks=2), network((5,)), parts().train
    examples = Examples(np.tile(examples.X, (9, 1)), np.tile(examples.y, 9))
    stack = stack_of(net, layers, [member()] * 2)
    with Threads(3) as threads:
        next(stack.train_costs(examples, None, threads=threads))
    sums = None
    for X, y, _ in cut_tiles(examples, bytes_a_sample=1):
        buffers = forward(net, stack.layers, prepare_inputs(X.X), into=stack.buffers(X.n_samples))
        compute_cross_entropy(buffers.a[-1], y, out=buffers.deltas[-1])
        buffers.deltas[-1][...] *= 1 / examples.n_samples
        tile = [Layer(*map(np.copy, layer)) for layer in backward(net, stack.layers, X, buffers)]
        sums = tile if sums is None else [Layer(W + V, b + c) for (W, b), (V, c) in zip(sums, tile, strict=True)]
    for layer, its in zip(stack.descent.gradient.layers, sums, strict=True):
        assert all((a == b).all() for a, b in zip(layer, its, strict=True))


@pytest.fixture
def begun(uneven, parts, network, member):
    """Begin trainings with threads, of a network with a given schedule."""

    def epochs(schedule=lambda epoch: 0.1):
        training = Training(optimizer=OPTIMIZERS["gradient_descent"], epochs=3)
        training = train(parts(n=(200, 90, 90)), network(), [member(schedule=schedule)], training, n_threads=2)
        next(training)
        assert len(helpers()) == 1
        return training

    return epochs


def test_threads_end_with_the_training(begun):
    assert len([*begun()]) == 3
    assert helpers() == []


def test_threads_end_when_the_training_is_left(begun):
    begun().close()
    assert helpers() == []


def test_threads_end_when_the_training_raises(begun):
    def rate(epoch):
        raise RuntimeError("no luck")

    training = begun(rate)
    with pytest.raises(RuntimeError, match="no luck"):
        next(training)
    assert helpers() == []


def test_threads_end_when_a_tile_raises(begun, monkeypatch):
    training = begun()

    def full(*given, **named):
        raise MemoryError("no room")

    monkeypatch.setattr(stack_module, "backward", full)
    with pytest.raises(MemoryError, match="no room"):
        next(training)
    assert helpers() == []


SCRIPT = """
from nnsweep.mlp.threads import Threads
threads = Threads(3)
threads.in_order(9, lambda thread, number: number, lambda thread, number, computed: print(number))
"""


def test_a_program_may_end_before_its_threads():
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60)
    assert (said.stdout.split(), said.stderr) == ([*map(str, range(9))], "")
