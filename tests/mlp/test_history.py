import math

import numpy as np
import pytest

from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.curves import Row
from nnsweep.mlp.early_stopping import DEFAULT_SELECTION, select_epoch
from nnsweep.mlp.history import Trained, collect
from nnsweep.mlp.network import Layer, forward
from nnsweep.mlp.train import Epoch


def which_right(network, layers, part) -> list[bool]:
    return (forward(network, layers, prepare_inputs(part.X)).a[-1][0].argmax(axis=1) == part.y).tolist()


def share_right(network, layers, part) -> float:
    return float(np.mean(which_right(network, layers, part)))


@pytest.mark.parametrize("val", [True, False])
@pytest.mark.parametrize("evaluate_every", [1, 3])
def test_kept_layers_have_the_largest_recorded_accuracy(val, evaluate_every, network, parts, member, run):
    net, data = network((5, 4)), parts(val=val)
    members = [member(seed=seed) for seed in range(4)]
    for trained in run(data, net, members, epochs=20, batch_size=8, evaluate_every=evaluate_every).values():
        history = trained.history()
        curve = history["val_accuracy" if val else "test_accuracy"]
        assert trained.best_value == np.nanmax(curve) == curve[trained.best_epoch]
        costs = history["val_cost" if val else "test_cost"]
        assert trained.best_cost == costs[trained.best_epoch] == np.nanmin(costs[curve == trained.best_value])
        assert trained.best_epoch == select_epoch(history)
        assert share_right(net, trained.best_layers, data.val if val else data.test) == trained.best_value
        assert trained.best_right.mean() == history["test_accuracy"][trained.best_epoch]
        assert trained.best_right.tolist() == which_right(net, trained.best_layers, data.test)
        assert share_right(net, trained.layers, data.test) == history["test_accuracy"][-1]


CURVES = ("val_accuracy", "test_accuracy", "val_log_loss", "val_cost", "test_cost")


@pytest.fixture
def epoch():
    """The record of an epoch of one network whose only weight is the number of the epoch."""

    def record(number, val=None, test=None, ending=None, selection=DEFAULT_SELECTION, **measured):
        values = {"val_accuracy": val, "test_accuracy": test, **measured}
        return Epoch(
            epoch=number,
            members=np.array([7]),
            learning_rate=np.array([0.1]),
            train_cost=np.array([1.0 / (number + 1)]),
            values={name: np.array([value]) for name, value in values.items() if value is not None},
            curves=CURVES,
            selection=selection,
            test_right=None if test is None else np.array([[number % 2 == 0, True]]),
            layers=[Layer(np.full((1, 1, 1), float(number)), np.zeros((1, 1, 1)))],
            endings={7: ending} if ending else {},
            snapshot=lambda index: pytest.fail("nobody asked for a snapshot"),
        )

    return record


@pytest.mark.parametrize(
    ("costs", "best"),
    [((9, 3, 2, 1), 2), ((9, 2, 3, 1), 1), ((9, 2, 2, 1), 2), ((0, 2, math.nan, 1), 1), ((0, math.nan, 2, 1), 2)],
)
@pytest.mark.parametrize("part", ["val", "test"])
def test_of_equal_accuracies_the_lower_cost_is_the_best(part, costs, best, epoch):
    endings = (None, None, None, "finished")
    accuracies = zip((0.2, 0.5, 0.5, 0.4), costs, endings, strict=True)
    trained = collect(
        epoch(number, **{part: accuracy, f"{part}_cost": cost}, ending=ending)
        for number, (accuracy, cost, ending) in enumerate(accuracies)
    )[7]
    assert (trained.best_epoch, trained.best_value, trained.ending) == (best, 0.5, "finished")
    assert trained.best_epoch == select_epoch(trained.history())
    assert trained.best_layers[0].W.item() == best
    assert trained.layers[0].W.item() == 3


@pytest.mark.parametrize(("costs", "best"), [((0.5, math.nan), 0), ((math.nan, math.nan), 1)])
def test_epoch_with_nan_cost_is_best_only_among_others_like_it(costs, best, epoch):
    trained = collect([epoch(0, 0.2, val_cost=costs[0]), epoch(1, 0.9, val_cost=costs[1], ending="finished")])[7]
    assert trained.best_epoch == best == select_epoch(trained.history())


def test_test_accuracy_decides_only_without_a_validation_part(epoch):
    assert collect([epoch(0, 0.9, 0.1), epoch(1, 0.1, 0.9)])[7].best_epoch == 0
    assert collect([epoch(0, None, 0.1), epoch(1, None, 0.9)])[7].best_epoch == 1


def test_a_diverged_epoch_is_never_the_best(epoch):
    trained = collect([epoch(0, 0.2, 0.2), epoch(1, 1.0, 1.0, "diverged")])[7]
    assert (trained.best_epoch, trained.best_value, trained.ending) == (0, 0.2, "diverged")
    assert trained.layers[0].W.item() == 1


def test_layers_are_copied_since_training_goes_on_in_them(epoch):
    records = [epoch(0, 0.9), epoch(1, 0.1, ending="finished")]
    trained = collect(records)[7]
    for record in records:
        record.layers[0].W[:] = -1
    assert (trained.best_layers[0].W.item(), trained.layers[0].W.item()) == (0, 1)


def test_the_history_has_a_curve_for_all_that_was_measured(epoch):
    history = collect([epoch(0, 0.2, 0.3, val_cost=0.7), epoch(1), epoch(2, 0.4, 0.5, val_cost=0.6)])[7].history()
    assert tuple(history) == ("epoch", "learning_rate", "train_cost", "val_accuracy", "test_accuracy", "val_cost")
    assert history["epoch"].tolist() == [0, 1, 2]
    assert history["learning_rate"].tolist() == [0.1, 0.1, 0.1]
    assert history["train_cost"].tolist() == [1, 1 / 2, 1 / 3]
    np.testing.assert_array_equal(history["val_accuracy"], [0.2, math.nan, 0.4])
    np.testing.assert_array_equal(history["test_accuracy"], [0.3, math.nan, 0.5])
    np.testing.assert_array_equal(history["val_cost"], [0.7, math.nan, 0.6])
    assert "val_accuracy" not in collect([epoch(0, None, 0.3)])[7].history()


def test_a_cost_that_was_never_a_number_is_still_a_curve():
    trained = Trained(rows=[Row(0, 0.1, math.nan, (0.5,))], curves=("test_accuracy",))
    assert np.isnan(trained.history()["train_cost"]).all()


def test_networks_are_told_apart_by_number(network, parts, member, run):
    trained = run(parts(), network(), [member(learning_rate=rate) for rate in (0.1, 0.2, 0.3)])
    assert [trained[number].history()["learning_rate"][-1] for number in range(3)] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("val", [True, False])
@pytest.mark.parametrize("batch_size", [None, 8])
def test_missing_test_part_removes_only_its_own_measurements(val, batch_size, network, parts, member, run):
    net, data, members = network((5, 4)), parts(val=val), [member(seed=seed) for seed in range(2)]
    how = {"epochs": 6, "batch_size": batch_size}
    whole = run(data, net, members, **how)
    data.test = None
    for number, trained in run(data, net, members, **how).items():
        curves, known = trained.history(), whole[number].history()
        assert [*curves] == [name for name in known if not name.startswith("test_")]
        assert all((curves[name] == known[name]).all() for name in curves)
        assert trained.best_right.size == 0
        chosen = whole[number].best_layers if val else whole[number].layers
        assert all((a.W == b.W).all() and (a.b == b.b).all() for a, b in zip(trained.best_layers, chosen, strict=True))
        assert trained.best_epoch == (whole[number].best_epoch if val else 6)


def test_divergence_without_selectable_epochs_has_no_best_layers(epoch):
    trained = collect([epoch(0), epoch(1, ending="diverged")])[7]
    assert (trained.best_layers, trained.ending) == ([], "diverged")
