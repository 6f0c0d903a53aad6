import copy
import dataclasses
import json
import math
from typing import NamedTuple

import numpy as np
import pytest

from nnsweep.data.load import load
from nnsweep.mlp.history import Trained, add
from nnsweep.mlp.initializers import INITIALIZERS
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import reduce_on_plateau
from nnsweep.mlp.snapshot import Snapshot
from nnsweep.mlp.stack import Stack
from nnsweep.mlp.train import Training, train
from tests.covering import pairwise

EPOCHS = 4


class Stop(NamedTuple):
    """What one network needs to go on, and what its training has left behind."""

    snapshot: Snapshot
    trained: Trained


def how(optimizer="momentum", **others):
    return Training(optimizer=OPTIMIZERS[optimizer], **{"epochs": EPOCHS, "batch_size": 8} | others)


def uninterrupted(*what):
    """Train to the end; note at every epoch each network that could be resumed from there."""
    trained, stops = {}, []
    for epoch in train(*what):
        add(trained, epoch)
        goes_on = [(i, n) for i, n in enumerate(epoch.members.tolist()) if n not in epoch.endings]
        stops.append({n: Stop(epoch.snapshot(i), copy.deepcopy(trained[n])) for i, n in goes_on})
    return trained, stops


def resumed(data, net, members, training, stops):
    trained = {number: copy.deepcopy(stop.trained) for number, stop in enumerate(stops)}
    for epoch in train(data, net, members, training, resumed=[stop.snapshot for stop in stops]):
        add(trained, epoch)
    return [trained[number] for number in range(len(stops))]


def bits(trained: Trained):
    parameters = [part for layer in (*trained.best_layers, *trained.layers) for part in layer]
    rows = [tuple(map(float.hex, map(float, (*row[:3], *row.measured)))) for row in trained.rows]
    best = (trained.best_epoch, trained.best_value, trained.best_right.dtype, trained.best_right.tolist())
    return trained.ending, best, rows, [(part.dtype, part.shape, part.tobytes()) for part in parameters]


def plain_bits(snapshot: Snapshot):
    arrays, values = snapshot.plain()
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()}, values


def assert_resumable(data, net, members, training):
    """From every epoch, those that go on get what they get without a stop; return how all trainings end."""
    whole, stops = uninterrupted(data, net, members, training)
    assert not stops[-1]
    for left in stops[:-1]:
        trained = resumed(data, net, [members[number] for number in left], training, list(left.values()))
        assert [bits(one) for one in trained] == [bits(whole[number]) for number in left]
    return [whole[number].ending for number in sorted(whole)]


@pytest.mark.parametrize(
    ("optimizer", "batch_size", "dropout", "sparse"), pairwise(OPTIMIZERS, [None, 8], [0, 0.3], [False, True])
)
def test_a_training_can_be_resumed_after_any_epoch(optimizer, batch_size, dropout, sparse, network, parts, differing):
    net, training = network((5, 4), dropout=dropout), how(optimizer, batch_size=batch_size)
    endings = assert_resumable(parts(sparse=sparse), net, differing(optimizer), training)
    assert endings == ["finished"] * 4


@pytest.mark.parametrize(
    ("optimizer", "batch_size", "clip_norm", "dtype"),
    pairwise(["momentum", "adamw"], [None, 8], [None, 0.1], ["float32", "float64"]),
)
def test_precision_clipping_and_decay_outlast_a_stop(
    optimizer, batch_size, clip_norm, dtype, network, parts, differing
):
    members = [dataclasses.replace(one, weight_decay=0.1 + one.weight_decay) for one in differing(optimizer)]
    training = how(optimizer, batch_size=batch_size, clip_norm=clip_norm, dtype=dtype)
    assert_resumable(parts(), network((5, 4), dropout=0.3), members, training)


@pytest.mark.parametrize(("select", "every"), pairwise(["val_log_loss", "val_roc_auc", "val_cost"], [1, 2]))
def test_a_selected_measure_outlasts_a_stop(select, every, network, parts, differing):
    measures = {"measures": ("ece", "f1_macro"), "select": select, "evaluate_every": every, "patience": 3}
    assert_resumable(parts(), network((5, 4)), differing("adam"), how("adam", **measures))


@pytest.mark.parametrize("normalization", ["layer", "batch"])
@pytest.mark.parametrize("batch_size", [None, 8])
def test_gains_and_running_statistics_outlast_a_stop(batch_size, normalization, network, parts, differing):
    net, training = network((5, 5), normalization=normalization, residual=True), how("adam", batch_size=batch_size)
    assert_resumable(parts(), net, differing("adam"), training)
    _, stops = uninterrupted(parts(), network((5, 5)), differing("adam"), training)
    with pytest.raises(ValueError, match="cannot be resumed: arrays must be"):
        resumed(parts(), net, differing("adam"), training, [*stops[1].values()])


@pytest.mark.parametrize(("batch_size", "dtype"), [(None, "float64"), (8, "float32")])
def test_a_running_average_outlasts_a_stop(batch_size, dtype, network, parts, differing):
    training = how("adam", batch_size=batch_size, dtype=dtype, ema=0.9)
    assert_resumable(parts(), network((5, 4)), differing("adam"), training)


@pytest.mark.parametrize(("batch_size", "val", "n_hidden"), pairwise([None, 1, 100], [False, True], [0, 1]))
def test_resuming_needs_no_hidden_layers_or_validation(batch_size, val, n_hidden, network, parts, differing):
    training = how(batch_size=batch_size, evaluate_every=3, epochs=5)
    assert_resumable(parts(val=val), network((5,) * n_hidden), differing("momentum"), training)


@pytest.mark.parametrize("batch_size", [None, 8])
def test_a_rate_that_waits_for_the_cost_goes_on_waiting(batch_size, network, parts, member):
    rules = [
        reduce_on_plateau(learning_rate=0.3, factor=0.5, patience=patience, threshold=0.5) for patience in range(4)
    ]
    members = [member(schedule=rule, learning_rate=0.3) for rule in rules]
    data, net, training = parts(), network(), how("gradient_descent", batch_size=batch_size, epochs=12)
    assert_resumable(data, net, members, training)
    _, stops = uninterrupted(data, net, members, training)
    assert {stop.snapshot.plateau.stale for left in stops for stop in left.values()} == {0, 1, 2, 3}
    assert all(stops[11][number].snapshot.plateau.learning_rate < 0.3 for number in range(4))


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("min_delta", [0.0, 0.06])
@pytest.mark.parametrize("batch_size", [None, 8])
def test_patience_stops_a_resumed_network_at_the_same_epoch(batch_size, min_delta, every, network, parts, differing):
    training = how(batch_size=batch_size, epochs=14, patience=4, min_delta=min_delta, evaluate_every=every)
    members = differing("momentum")
    members[0] = dataclasses.replace(members[0], schedule=lambda epoch: 0.0, weight_decay=0.0)
    assert "stopped" in assert_resumable(parts(), network((5, 4), dropout=0.2), members, training)


@pytest.mark.parametrize("batch_size", [None, 8])
def test_resumed_network_diverges_at_the_same_epoch_and_alone(batch_size, network, parts, differing):
    members = differing("adam")
    for number, last in ((0, 2), (2, 4)):
        wild = lambda epoch, last=last: 1e6 if epoch < last else math.inf  # noqa: E731
        members[number] = dataclasses.replace(members[number], schedule=wild)
    endings = assert_resumable(parts(), network((5, 4), "relu"), members, how("adam", batch_size=batch_size, epochs=7))
    assert endings == ["diverged", "finished"] * 2


@pytest.mark.parametrize(("batch_size", "dropout", "sparse"), pairwise([None, 8], [0, 0.3], [False, True]))
def test_a_network_may_be_resumed_alone_or_with_other_mates(batch_size, dropout, sparse, network, parts, differing):
    data, net, training = parts(sparse=sparse), network((5, 4), dropout=dropout), how("adam", batch_size=batch_size)
    members = differing("adam")
    strangers = [dataclasses.replace(one, seed=one.seed + 7) for one in members]
    (whole, stops), (other, others) = (uninterrupted(data, net, stack, training) for stack in (members, strangers))
    for left, right in zip(stops[:-1], others[:-1], strict=True):
        for number in range(4):
            alone = resumed(data, net, [members[number]], training, [left[number]])
            assert bits(alone[0]) == bits(whole[number])
        mixed = [members[3], strangers[0], members[1]]
        trained = resumed(data, net, mixed, training, [left[3], right[0], left[1]])
        assert [bits(one) for one in trained] == [bits(whole[3]), bits(other[0]), bits(whole[1])]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [None, 32])
@pytest.mark.parametrize("hidden", [(64, 64), (300,)], ids=str)
def test_large_products_and_tiled_sums_resume_to_the_last_bit(hidden, batch_size, dtype, network, member):
    data, net = load("digits", val_fraction=0.1), network(hidden, "relu")
    members = [member(seed=seed, initializer=INITIALIZERS["he_uniform"], learning_rate=0.02) for seed in range(6)]
    training = how("gradient_descent", batch_size=batch_size, dtype=dtype, epochs=2)
    whole, stops = uninterrupted(data, net, members, training)
    for left in stops[:-1]:
        trained = resumed(data, net, members[2:4], training, [left[2], left[3]])
        assert [bits(one) for one in trained] == [bits(whole[2]), bits(whole[3])]


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_snapshot_after_resuming_matches_the_uninterrupted_one(optimizer, batch_size, network, parts, differing):
    what = (parts(), network(dropout=0.3), differing(optimizer), how(optimizer, batch_size=batch_size, patience=9))
    _, stops = uninterrupted(*what)
    snapshots = [stop.snapshot for stop in stops[1].values()]
    for record in train(*what, resumed=snapshots):
        for number, stop in stops[record.epoch].items():
            assert plain_bits(record.snapshot(number)) == plain_bits(stop.snapshot)
    assert record.epoch == EPOCHS


@pytest.mark.parametrize("batch_size", [None, 8])
def test_a_snapshot_says_which_epoch_and_step_it_is_of(batch_size, network, parts, differing):
    _, stops = uninterrupted(parts(), network(), differing("adam"), how("adam", batch_size=batch_size))
    steps_an_epoch = 5 if batch_size else 1  # of 37 samples
    assert [(left[0].snapshot.epoch, left[0].snapshot.steps) for left in stops[:-1]] == [
        (epoch, epoch * steps_an_epoch) for epoch in range(EPOCHS)
    ]


@pytest.mark.parametrize("batch_size", [None, 8])
def test_no_training_changes_a_snapshot(batch_size, network, parts, member):
    what = (parts(), network(dropout=0.3), [member()], how("gradient_descent", batch_size=batch_size))
    epochs = train(*what)
    snapshot = next(epochs).snapshot(0)
    before = copy.deepcopy(plain_bits(snapshot))
    assert [len(list(rest)) for rest in (epochs, train(*what, resumed=[snapshot]))] == [EPOCHS] * 2
    assert plain_bits(snapshot) == before


@pytest.mark.parametrize("batch_size", [None, 8])
def test_taking_snapshots_changes_nothing(batch_size, network, parts, differing, monkeypatch):
    what = (parts(), network(dropout=0.3), differing("adam"), how("adam", batch_size=batch_size))
    observed, _ = uninterrupted(*what)
    monkeypatch.setattr(Stack, "snapshot", lambda *_: pytest.fail("taken"))
    trained = {}
    for epoch in train(*what):
        add(trained, epoch)
    assert [bits(one) for one in trained.values()] == [bits(one) for one in observed.values()]


def saved(plain, folder):
    """Write arrays and values to files, and read them again."""
    arrays, values = plain
    np.savez(folder / "arrays.npz", **arrays)
    (folder / "values.json").write_text(json.dumps(values, allow_nan=False))
    with np.load(folder / "arrays.npz", allow_pickle=False) as read:
        return dict(read), json.loads((folder / "values.json").read_text())


@pytest.mark.parametrize(
    ("optimizer", "patience", "batch_size", "dtype"),
    pairwise(["gradient_descent", "adam"], [None, 3], [None, 8], ["float32", "float64"]),
)
def test_a_snapshot_and_what_was_trained_outlast_files(
    optimizer, patience, batch_size, dtype, network, parts, differing, tmp_path
):
    net, members = network((5, 4), dropout=0.3), differing(optimizer)
    training = how(optimizer, batch_size=batch_size, patience=patience, dtype=dtype, evaluate_every=2)
    whole, stops = uninterrupted(parts(), net, members, training)
    for left in stops[:-1]:
        read = []
        for snapshot, trained in left.values():
            stop = Stop(
                Snapshot.of_plain(*saved(snapshot.plain(), tmp_path)),
                Trained.of_plain(*saved(trained.plain(), tmp_path)),
            )
            assert plain_bits(stop.snapshot) == plain_bits(snapshot)
            assert stop.snapshot.plateau == snapshot.plateau
            assert bits(stop.trained) == bits(trained)
            read.append(stop)
        trained = resumed(parts(), net, members, training, read)
        assert [bits(one) for one in trained] == [bits(whole[number]) for number in left]


@pytest.fixture
def stop(network, parts, differing):
    """Of a full batch of a network with 6 features, 5 units and 3 classes, in its second epoch."""
    _, stops = uninterrupted(parts(), network(), differing("momentum"), how(batch_size=None))
    return stops[2][1]


def test_arrays_are_named_by_meaning_and_have_no_network_axis(stop):
    shapes = {"W0": (6, 5), "b0": (5,), "W1": (5, 3), "b1": (3,)}
    arrays, _ = stop.snapshot.plain()
    assert {name: array.shape for name, array in arrays.items()} == {
        f"{kind}_{part}": shape for kind in ("layer", "slot0", "gradient") for part, shape in shapes.items()
    }
    arrays, _ = stop.trained.plain()
    assert {name: array.shape for name, array in arrays.items()} == {"rows": (3, 7), "best_right": (30,)} | {
        f"best_{part}": shape for part, shape in shapes.items()
    }


@pytest.mark.parametrize("number", [-math.inf, math.inf, 0.1])
def test_numbers_that_json_cannot_say_outlast_it(number, stop):
    known = stop.snapshot.plateau._replace(best=number)
    numbers = {"best_value": number, "best_cost": number, "learning_rate": number}
    snapshot = dataclasses.replace(stop.snapshot, plateau=known, **numbers)
    arrays, values = snapshot.plain()
    again = Snapshot.of_plain(arrays, json.loads(json.dumps(values, allow_nan=False)))
    assert ({name: getattr(again, name) for name in numbers}, again.plateau) == (numbers, known)


def test_a_training_that_has_no_epoch_yet_comes_apart_too():
    assert bits(Trained.of_plain(*Trained().plain())) == bits(Trained())


def test_both_may_lie_in_one_file_of_arrays(stop):
    arrays = stop.snapshot.plain()[0] | stop.trained.plain()[0]
    assert plain_bits(Snapshot.of_plain(arrays, stop.snapshot.plain()[1])) == plain_bits(stop.snapshot)
    assert bits(Trained.of_plain(arrays, stop.trained.plain()[1])) == bits(stop.trained)


@pytest.mark.parametrize("part", ["snapshot", "trained"])
def test_mismatched_arrays_and_values_are_refused_by_name(part, stop):
    whole = getattr(stop, part)
    arrays, values = whole.plain()
    for name, array in arrays.items():
        with pytest.raises(ValueError, match=f"`{name}` missing"):
            type(whole).of_plain({other: arrays[other] for other in arrays if other != name}, values)
        for wrong in (array[..., 1:], array[None]):
            with pytest.raises(ValueError, match=f"`{name}` must have shape .*, got "):
                type(whole).of_plain(arrays | {name: wrong}, values)
    for name in values:
        with pytest.raises(ValueError, match=f"`{name}` missing"):
            type(whole).of_plain(arrays, {other: values[other] for other in values if other != name})


def test_a_training_that_has_ended_does_not_come_apart(network, parts, member, run):
    with pytest.raises(ValueError, match="a training that has finished does not go on"):
        run(parts(), network(), [member()])[0].plain()


@pytest.fixture
def resuming(network, parts, differing):
    """Start to resume four networks from changed snapshots of their second epoch."""
    data, members = parts(), differing("momentum")
    _, stops = uninterrupted(data, network(), members, how())

    def start(change=list, net=None, **others):
        snapshots = change([stop.snapshot for stop in stops[2].values()])
        return next(train(data, net or network(), members, how(**others), resumed=snapshots))

    return start


def changed(**values):
    return lambda snapshots: [*snapshots[:3], dataclasses.replace(snapshots[3], **values)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda snapshots: snapshots[:3], "a snapshot for each of 4 members is needed, got 3"),
        (lambda snapshots: [], "a snapshot for each of 4 members is needed, got 0"),
        (changed(epoch=1), "the snapshots must be of one epoch, got 1, 2"),
        (changed(steps=12), "the snapshots must be of one step, got 10, 12"),
        (lambda snapshots: snapshots[::-1], "network 1 cannot be resumed: having a plateau must be True, got False"),
    ],
)
def test_snapshots_must_be_one_per_member_and_from_one_epoch(change, message, resuming):
    with pytest.raises(ValueError, match=message):
        resuming(change)


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"epochs": 2}, "after epoch 2 nothing is left of 2 epochs"),
        ({"batch_size": None}, "network 0 cannot be resumed: having a gradient must be True, got False"),
        ({"dtype": "float32"}, "network 0 cannot be resumed: dtype must be float32, got float64"),
    ],
)
def test_snapshots_of_a_training_of_another_kind_are_refused(others, message, resuming):
    assert resuming().epoch == 3
    with pytest.raises(ValueError, match=message):
        resuming(**others)


def test_snapshots_of_another_network_or_update_rule_are_refused(resuming, network):
    with pytest.raises(ValueError, match=r"layer sizes must be \(6, 4, 3\), got \(6, 5, 3\)"):
        resuming(net=network((4,)))
    with pytest.raises(ValueError, match="number of slots must be 1, got 0"):
        resuming(changed(slots=[]))


@pytest.mark.parametrize("batch_size", [None, 8])
def test_an_epoch_that_is_over_gives_no_snapshot_any_more(batch_size, network, parts, member):
    epochs = train(parts(), network(), [member()], how("gradient_descent", batch_size=batch_size))
    first = next(epochs)
    assert first.snapshot(0).epoch == 0
    next(epochs)
    with pytest.raises(RuntimeError, match="the record of epoch 0 can give no snapshot any more"):
        first.snapshot(0)


def test_a_network_that_has_ended_gives_no_snapshot(network, parts, member):
    *_, last = train(parts(), network(), [member()], how("gradient_descent"))
    with pytest.raises(ValueError, match="network 0 has finished: it does not go on"):
        last.snapshot(0)
