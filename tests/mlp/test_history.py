import math

import numpy as np
import pytest

from nnsweep.mlp.history import COLUMNS, Trained, collect
from nnsweep.mlp.inputs import inputs
from nnsweep.mlp.network import Layer
from nnsweep.mlp.passes import forward
from nnsweep.mlp.train import Epoch


def which_right(network, layers, part) -> list[bool]:
    return (forward(network, layers, inputs(part.X)).a[-1][0].argmax(axis=1) == part.y).tolist()


def share_right(network, layers, part) -> float:
    return float(np.mean(which_right(network, layers, part)))


@pytest.mark.parametrize("val", [True, False])
@pytest.mark.parametrize("evaluate_every", [1, 3])
def test_the_best_accuracy_is_the_largest_recorded_and_that_of_the_layers_kept(
    val, evaluate_every, network, parts, member, run
):
    net, data = network((5, 4)), parts(val=val)
    members = [member(seed=seed) for seed in range(4)]
    for trained in run(data, net, members, epochs=20, batch_size=8, evaluate_every=evaluate_every).values():
        history = trained.history()
        curve = history["val_accuracy" if val else "test_accuracy"]
        assert trained.best_accuracy == np.nanmax(curve) == curve[trained.best_epoch]
        assert trained.best_epoch == np.nanargmax(curve)
        assert share_right(net, trained.best_layers, data.val if val else data.test) == trained.best_accuracy
        assert trained.best_right.mean() == history["test_accuracy"][trained.best_epoch]
        assert trained.best_right.tolist() == which_right(net, trained.best_layers, data.test)
        assert share_right(net, trained.layers, data.test) == history["test_accuracy"][-1]


@pytest.fixture
def epoch():
    """The record of an epoch of one network whose only weight is the number of the epoch."""

    def record(number, val=None, test=None, ending=None):
        return Epoch(
            epoch=number,
            members=np.array([7]),
            learning_rate=np.array([0.1]),
            train_cost=np.array([1.0 / (number + 1)]),
            val_accuracy=None if val is None else np.array([val]),
            test_accuracy=None if test is None else np.array([test]),
            val_score=None if val is None else np.array([val]),
            test_right=None if test is None else np.array([[number % 2 == 0, True]]),
            layers=[Layer(np.full((1, 1, 1), float(number)), np.zeros((1, 1, 1)))],
            endings={7: ending} if ending else {},
            snapshot=lambda index: pytest.fail("nobody asked for a snapshot"),
        )

    return record


def test_of_equal_accuracies_the_first_is_the_best(epoch):
    trained = collect([epoch(0, 0.2, 0.9), epoch(1, 0.5, 0.1), epoch(2, 0.5, 0.8, "finished")])[7]
    assert (trained.best_epoch, trained.best_accuracy, trained.ending) == (1, 0.5, "finished")
    assert trained.best_layers[0].W.item() == 1
    assert trained.layers[0].W.item() == 2


def test_the_test_accuracy_decides_only_without_a_validation_part(epoch):
    assert collect([epoch(0, 0.9, 0.1), epoch(1, 0.1, 0.9)])[7].best_epoch == 0
    assert collect([epoch(0, None, 0.1), epoch(1, None, 0.9)])[7].best_epoch == 1


def test_a_diverged_epoch_is_never_the_best(epoch):
    trained = collect([epoch(0, 0.2, 0.2), epoch(1, 1.0, 1.0, "diverged")])[7]
    assert (trained.best_epoch, trained.best_accuracy, trained.ending) == (0, 0.2, "diverged")
    assert trained.layers[0].W.item() == 1


def test_layers_are_copied_since_training_goes_on_in_them(epoch):
    records = [epoch(0, 0.9), epoch(1, 0.1, ending="finished")]
    trained = collect(records)[7]
    for record in records:
        record.layers[0].W[:] = -1
    assert (trained.best_layers[0].W.item(), trained.layers[0].W.item()) == (0, 1)


def test_the_history_has_a_curve_for_all_that_was_measured(epoch):
    history = collect([epoch(0, 0.2, 0.3), epoch(1), epoch(2, 0.4, 0.5)])[7].history()
    assert tuple(history) == COLUMNS
    assert history["epoch"].tolist() == [0, 1, 2]
    assert history["learning_rate"].tolist() == [0.1, 0.1, 0.1]
    assert history["train_cost"].tolist() == [1, 1 / 2, 1 / 3]
    np.testing.assert_array_equal(history["val_accuracy"], [0.2, math.nan, 0.4])
    np.testing.assert_array_equal(history["test_accuracy"], [0.3, math.nan, 0.5])
    assert "val_accuracy" not in collect([epoch(0, None, 0.3)])[7].history()


def test_a_cost_that_was_never_a_number_is_still_a_curve():
    trained = Trained(rows=[(0, 0.1, math.nan, math.nan, 0.5)])
    assert np.isnan(trained.history()["train_cost"]).all()


def test_networks_are_told_apart_by_number(network, parts, member, run):
    trained = run(parts(), network(), [member(learning_rate=rate) for rate in (0.1, 0.2, 0.3)])
    assert [trained[number].history()["learning_rate"][-1] for number in range(3)] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("val", [True, False])
@pytest.mark.parametrize("batch_size", [None, 8])
def test_without_a_test_part_nothing_is_measured_of_it_and_all_else_is_the_same(
    val, batch_size, network, parts, member, run
):
    net, data, members = network((5, 4)), parts(val=val), [member(seed=seed) for seed in range(2)]
    how = {"epochs": 6, "batch_size": batch_size}
    whole = run(data, net, members, **how)
    data.test = None
    for number, trained in run(data, net, members, **how).items():
        curves, known = trained.history(), whole[number].history()
        assert [*curves] == [name for name in known if name != "test_accuracy"]
        assert all((curves[name] == known[name]).all() for name in curves)
        assert trained.best_right.size == 0
        chosen = whole[number].best_layers if val else whole[number].layers
        assert all((a.W == b.W).all() and (a.b == b.b).all() for a, b in zip(trained.best_layers, chosen, strict=True))
        assert trained.best_epoch == (whole[number].best_epoch if val else 6)


def test_what_diverges_with_nothing_to_choose_an_epoch_by_has_no_best_layers(epoch):
    trained = collect([epoch(0), epoch(1, ending="diverged")])[7]
    assert (trained.best_layers, trained.ending) == ([], "diverged")
