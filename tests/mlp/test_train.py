import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.network import forward
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import exp, inv, reduce_on_plateau
from nnsweep.mlp.targets import TargetScaling
from nnsweep.mlp.train import Training, train
from tests.covering import pairwise


@pytest.fixture
def epochs_of(parts, network, member):
    """The records of a training of one network."""

    def records(data=None, **how):
        training = Training(optimizer=OPTIMIZERS["gradient_descent"], **how)
        return train(data or parts(), network(), [member()], training)

    return records


def same_bits(one, other) -> bool:
    return one.rows == other.rows and all(
        (a == b).all() for layers in zip(one.layers, other.layers, strict=True) for a, b in zip(*layers, strict=True)
    )


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_records_come_before_training_and_after_every_epoch(epochs, batch_size, epochs_of):
    records = list(epochs_of(epochs=epochs, batch_size=batch_size))
    assert [record.epoch for record in records] == list(range(epochs + 1))
    assert [record.endings for record in records] == [{}] * epochs + [{0: "finished"}]


def test_epoch_0_is_the_untrained_network(network, parts, member, given):
    weights = [np.full((6, 5), 0.1), np.full((5, 3), 0.2)]
    data, once = parts(), Training(optimizer=OPTIMIZERS["gradient_descent"], epochs=1)
    untrained = next(train(data, network(), [member(initializer=given(weights))], once))
    assert all((given == W).all() and (b == 0).all() for (W, b), given in zip(untrained.layers, weights, strict=True))
    # all classes have equal logits: the cost is ln K, and the first class is taken
    assert untrained.train_cost[0] == pytest.approx(math.log(3), rel=1e-15)
    assert untrained.values["test_accuracy"][0] == np.mean(data.test.y == 0)


def test_a_known_training_comes_to_the_known_cost(network, member):
    rows, columns = np.indices((96, 4))
    part = Examples((rows * (3 * columns + 5) % 17) / 16 - 0.5, np.arange(96) * 7 % 17 % 3)
    data = SimpleNamespace(train=part, val=None, test=part, task="classification", n_outputs=3)
    how = Training(optimizer=OPTIMIZERS["momentum"], epochs=20, batch_size=32, dtype="float64")
    *_, last = train(data, network((8,), "relu"), [member(hyperparameters={"momentum": 0.9})], how)
    assert last.train_cost[0] == pytest.approx(float.fromhex("0x1.8e97e7b68c569p-4"), rel=1e-9)  # sums differ by CPU


@pytest.mark.parametrize("every", [1, 2, 3, 100])
def test_accuracy_is_measured_as_often_as_asked_and_at_both_ends(every, epochs_of):
    records = list(epochs_of(epochs=7, evaluate_every=every))
    due = [epoch % every == 0 or epoch == 7 for epoch in range(8)]
    assert [tuple(record.values) for record in records] == [records[0].curves if is_due else () for is_due in due]


def test_how_often_accuracy_is_measured_changes_no_training(network, parts, member, run):
    often, seldom = (run(parts(), network(), [member()], batch_size=8, evaluate_every=every)[0] for every in (1, 3))
    assert (often.history()["train_cost"] == seldom.history()["train_cost"]).all()


def test_accuracy_is_the_share_of_correct_largest_logits(epochs_of, parts, network):
    data = parts()
    for record in epochs_of(data, epochs=3):
        for part, accuracy in ((data.val, record.values["val_accuracy"]), (data.test, record.values["test_accuracy"])):
            logits = forward(network(), record.layers, prepare_inputs(part.X)).a[-1][0]
            assert accuracy.tolist() == [
                np.mean([row.argmax() == label for row, label in zip(logits, part.y, strict=True)])
            ]


@pytest.mark.parametrize("batch_size", [None, 8])
def test_the_rate_recorded_is_that_of_the_last_descent(batch_size, network, parts, member, run):
    schedule = inv(learning_rate=0.05, gamma=0.05, power=0.9998, every=2, compound=True)
    trained = run(parts(), network(), [member(learning_rate=0.05, schedule=schedule)], epochs=6, batch_size=batch_size)
    rates = trained[0].history()["learning_rate"].tolist()
    assert rates == [0.05, *(schedule(epoch) for epoch in range(6))]


def test_the_plateau_rule_sees_every_recorded_cost(network, parts, member, run):
    rule = reduce_on_plateau(learning_rate=0.1, factor=0.5, patience=1, threshold=0.02)
    history = run(parts(), network(), [member(schedule=rule)], epochs=60)[0].history()
    known, expected = rule.start(), [0.1]
    for cost in history["train_cost"][:-1]:
        known = rule.observe(known, cost)
        expected.append(known.learning_rate)
    assert history["learning_rate"].tolist() == expected
    assert expected[-1] < expected[0]


@pytest.mark.parametrize(("select", "sign"), [("val_log_loss", 1), ("val_roc_auc", -1)])
@pytest.mark.parametrize("every", [1, 3])
def test_the_plateau_rule_follows_the_selected_measure(every, select, sign, network, parts, member, run):
    rule = reduce_on_plateau(learning_rate=0.1, factor=0.5, patience=1, threshold=0.02)
    how = {"select": select, "evaluate_every": every, "epochs": 60}
    history = run(parts(), network(), [member(schedule=rule)], **how)[0].history()
    known, expected, best = rule.start(), [0.1], math.inf
    for value in history[select][:-1]:
        if not math.isnan(value):
            is_better = value < best * 0.98 if sign > 0 else best == math.inf or value > best * 1.02
            assert rule.observe(known, sign * value).stale == (0 if is_better or known.stale == 1 else known.stale + 1)
            known, best = rule.observe(known, sign * value), value if is_better else best
        expected.append(known.learning_rate)
    assert history["learning_rate"].tolist() == expected
    assert expected[-1] < expected[0]


@pytest.mark.parametrize("val", [True, False])
@pytest.mark.parametrize(("select", "best_of"), [("val_log_loss", np.argmin), ("val_roc_auc", np.argmax)])
def test_the_best_epoch_is_that_of_the_selected_measure(select, best_of, val, network, parts, member, run):
    data = parts(val=val)
    trained = run(data, network(), [member(learning_rate=1.0)], epochs=30, batch_size=8, select=select)[0]
    curve = trained.history()[select if val else select.replace("val_", "test_")]
    assert curve[trained.best_epoch] == curve[best_of(curve)]
    assert trained.best_value == curve[trained.best_epoch] * (-1 if select == "val_log_loss" else 1)


def test_what_is_measured_and_selected_changes_no_training(network, parts, member, run):
    plain, other = (
        run(parts(), network(), [member()], batch_size=8, **how)[0]
        for how in ({}, {"measures": ("log_loss", "f1_macro", "ece"), "select": "val_f1_macro"})
    )
    assert all(curve.tolist() == other.history()[name].tolist() for name, curve in plain.history().items())
    assert all((a.W == b.W).all() for a, b in zip(plain.layers, other.layers, strict=True))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"measures": ("f2",)}, "`measures` must be of accuracy, .*; got 'f2'"),
        ({"select": "log_loss"}, "`select` must be of val_accuracy, .*; got 'log_loss'"),
        ({"measures": ("rmse",)}, "rmse is no measure of classification"),
        ({"select": "val_rmse"}, "rmse is no measure of classification"),
    ],
)
def test_measures_that_do_not_fit_are_refused(wrong, said, network, parts, member, run):
    with pytest.raises(ValueError, match=said):
        run(parts(), network(), [member()], **wrong)


@pytest.mark.parametrize("batch_size", [None, 8])
def test_the_recorded_rate_moves_the_parameters(batch_size, network, parts, member, run):
    still = run(parts(), network(), [member(schedule=lambda epoch: 0.0)], batch_size=batch_size)[0]
    moved = run(parts(), network(), [member()], batch_size=batch_size)[0]
    assert all((a.W == b.W).all() for a, b in zip(still.layers, still.best_layers, strict=True))
    assert not any((a.W == b.W).any() for a, b in zip(still.layers, moved.layers, strict=True))


def constant_accuracy(random_parts):
    """Labels of the validation part that no network can tell apart: its samples are all equal."""
    X = np.ones((6, 6))
    return SimpleNamespace(**{**vars(random_parts), "val": Examples(X, np.arange(6) % 3)})


@pytest.mark.parametrize(("patience", "every", "last"), [(1, 1, 1), (3, 1, 3), (3, 2, 4), (5, 4, 8), (50, 1, 10)])
def test_network_stops_after_patience_epochs_without_a_rise(patience, every, last, epochs_of, parts):
    records = list(epochs_of(constant_accuracy(parts()), epochs=10, patience=patience, evaluate_every=every))
    assert records[-1].epoch == last
    assert records[-1].endings == {0: "finished" if last == 10 else "stopped"}


@pytest.mark.parametrize("patience", [1, 4])
@pytest.mark.parametrize("min_delta", [0.0, 0.06])
def test_a_rise_beyond_min_delta_or_a_lower_cost_resets_the_wait(patience, min_delta, network, parts, member, run):
    trained = run(parts(), network(), [member()], epochs=80, batch_size=8, patience=patience, min_delta=min_delta)[0]
    assert trained.ending == "stopped"
    best, least, since, ends = -math.inf, math.inf, 0, []
    history = trained.history()
    for epoch, (accuracy, cost) in enumerate(zip(history["val_accuracy"], history["val_cost"], strict=True)):
        if accuracy > best + min_delta or (accuracy == best and cost < least):
            best, least, since = accuracy, cost, epoch
        ends.append(epoch - since >= patience)
    assert ends == [False] * (len(ends) - 1) + [True]


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"batch_size": 0}, {"evaluate_every": 0}, {"patience": 0}, {"min_delta": -1}, {"clip_norm": 0}],
)
def test_settings_out_of_their_range_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be .*, got"):
        Training(**{"optimizer": OPTIMIZERS["momentum"], "epochs": 1} | wrong)


def test_patience_without_a_validation_part_is_refused(epochs_of, parts):
    with pytest.raises(ValueError, match="`patience` needs a validation part"):
        next(epochs_of(parts(val=False), epochs=1, patience=1))


def test_a_sealed_test_is_not_measured_and_changes_nothing_else(network, parts, member, run):
    sealed, plain = (
        run(parts(), network(), [member()], epochs=6, sealed_test=is_sealed)[0] for is_sealed in (True, False)
    )
    history = plain.history()
    measured = [name for name in history if not name.startswith("test_")]
    assert [*sealed.history()] == measured
    assert all((sealed.history()[name] == history[name]).all() for name in measured)
    assert (sealed.best_epoch, sealed.best_right.size) == (plain.best_epoch, 0)
    assert all((a.W == b.W).all() for a, b in zip(sealed.best_layers, plain.best_layers, strict=True))


def test_a_sealed_test_without_a_validation_part_is_refused(epochs_of, parts):
    with pytest.raises(ValueError, match="`sealed_test` needs a validation part"):
        next(epochs_of(parts(val=False), epochs=1, sealed_test=True))


@pytest.mark.parametrize("batch_size", [None, 8])
def test_equal_seeds_train_alike_and_different_seeds_do_not(batch_size, network, parts, member, run):
    def trained(seed):
        return run(parts(), network(dropout=0.3), [member(seed=seed)], batch_size=batch_size)[0]

    assert same_bits(trained(3), trained(3))
    assert trained(3).rows != trained(4).rows


SCRIPT = """
import numpy as np
from threadpoolctl import threadpool_limits
from types import SimpleNamespace
from nnsweep.mlp.activations import tanh, identity
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.history import collect
from nnsweep.mlp.initializers import he_normal
from nnsweep.mlp.network import Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import constant
from nnsweep.mlp.member import Member
from nnsweep.mlp.targets import TargetScaling
from nnsweep.mlp.train import Training, train
part = Examples(np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 3)
data = SimpleNamespace(train=part, val=None, test=part, task="classification", n_outputs=3)
net = Network(hidden_layer_sizes=(7,), activation=tanh(), output_activation=identity(), dropout=0.2)
one = Member(seed=1, initializer=he_normal, schedule=constant(learning_rate=0.1), learning_rate=0.1, hyperparameters={})
with threadpool_limits(1):
    how = Training(optimizer=OPTIMIZERS["gradient_descent"], epochs=5, batch_size=8)
    print(*(value.hex() for row in collect(train(data, net, [one], how))[0].rows for value in row[2:3]))
"""


def test_another_process_gets_the_same_bits():
    said = {subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(said) == 1
    assert len(said.pop().split()) == 6


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_full_batch_the_order_of_the_rows_does_not_matter(activation, network, parts, member, run):
    data = parts()
    order = np.random.default_rng(0).permutation(data.train.n_samples)
    shuffled = SimpleNamespace(**{**vars(data), "train": Examples(data.train.X[order], data.train.y[order])})
    one, other = (run(part, network((5, 4), activation), [member()])[0].history() for part in (data, shuffled))
    np.testing.assert_allclose(one["train_cost"], other["train_cost"], rtol=1e-13)
    assert (one["test_accuracy"] == other["test_accuracy"]).all()


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_float32_follows_float64(activation, batch_size, network, parts, member, run):
    single, double = (
        run(parts(), network((5, 4), activation), [member()], epochs=10, batch_size=batch_size, dtype=dtype)[0]
        for dtype in ("float32", "float64")
    )
    np.testing.assert_allclose(single.history()["train_cost"], double.history()["train_cost"], rtol=1e-4)
    assert (single.layers[0].W.dtype, double.layers[0].W.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_sparse_features_train_as_dense_ones_do(activation, batch_size, network, parts, member, run):
    sparse, dense = (
        run(parts(sparse=kind), network((5, 4), activation), [member()], epochs=10, batch_size=batch_size)[0].history()
        for kind in (True, False)
    )
    np.testing.assert_allclose(sparse["train_cost"], dense["train_cost"], rtol=1e-12)
    assert (sparse["test_accuracy"] == dense["test_accuracy"]).all()


def test_sparse_features_stay_sparse(network, parts, member, run, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise AssertionError("made dense")

    monkeypatch.setattr(csr_array, "toarray", refuse)
    monkeypatch.setattr(csr_array, "todense", refuse)
    for batch_size in (None, 8):
        assert run(parts(sparse=True), network(), [member()], batch_size=batch_size)[0].ending == "finished"


@pytest.mark.parametrize("batch_size", [None, 8])
def test_csr_features_with_many_entries_are_multiplied_densely(batch_size, network, parts, member, run, monkeypatch):
    monkeypatch.setattr("nnsweep.mlp.train.DENSEST", 0.15)
    monkeypatch.setattr(csr_array, "__matmul__", None)
    data = parts(sparse=True)
    assert data.train.X.nnz > 0.15 * np.prod(data.train.X.shape)
    assert run(data, network(), [member()], batch_size=batch_size)[0].ending == "finished"


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_twenty_random_points_are_learned_by_heart(activation, network, member, run, hyperparameters):
    random = np.random.default_rng(0)
    n_features = 30 if activation == "identity" else 2  # a linear network needs as many dimensions as points
    part = Examples(random.normal(size=(20, n_features)), random.integers(3, size=20))
    data = SimpleNamespace(train=part, val=None, test=part, task="classification", n_outputs=3)
    one = member(learning_rate=0.01, hyperparameters=hyperparameters["adam"])
    trained = run(data, network((40, 40), activation), [one], optimizer="adam", epochs=1500, evaluate_every=50)[0]
    assert trained.best_value == 1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_small_full_batch_steps_never_raise_the_cost(activation, network, parts, member, run):
    # a stack of 50 seeds
    members = [member(learning_rate=1e-3, seed=seed) for seed in range(50)]
    trained = run(parts(), network((5, 4), activation), members, epochs=100, evaluate_every=100)
    costs = np.array([trained[seed].history()["train_cost"] for seed in range(50)])
    assert (np.diff(costs, axis=1) <= 0).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_step_earns_half_of_what_the_gradient_promises(
    activation, network, parts, member, stack_of, draw_layers, flat
):
    layers = draw_layers(np.random.default_rng(0), (6, 5, 4, 3), n_networks=50)
    stack = stack_of(network((5, 4), activation), layers, [member(learning_rate=1e-4, seed=seed) for seed in range(50)])
    costs = stack.train_costs(parts().train, None)
    before, after = next(costs), next(costs)
    gradients = (flat(layers) - flat(stack.layers)) / 1e-4
    assert (after <= before - 0.5e-4 * (gradients**2).sum(axis=1)).all()


@pytest.mark.parametrize(
    ("activation", "learning_rate", "batch_size"), pairwise(ACTIVATIONS, [10, 1e3, 1e6, 1e308], [None, 8])
)
def test_divergence_is_labelled_at_its_first_epoch(activation, learning_rate, batch_size, network, parts, member, run):
    net, calm = network((5, 4), activation), member(seed=1)
    how = {"epochs": 10, "batch_size": batch_size}
    trained = run(parts(), net, [member(learning_rate=float(learning_rate)), calm], **how)
    wild = trained[0]
    costs = wild.history()["train_cost"]
    parameters = [part for layer in wild.layers for part in layer]
    finite = np.isfinite(costs[-1]) and all(np.isfinite(part).all() for part in parameters)
    assert wild.ending == ("finished" if finite else "diverged")
    assert np.isfinite(costs[:-1]).all()
    assert same_bits(trained[1], run(parts(), net, [calm], **how)[0])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_rate_that_grows_without_bound_ends_as_diverged(
    optimizer, dtype, network, parts, member, run, hyperparameters
):
    one = member(schedule=exp(learning_rate=1.0, gamma=1e100), hyperparameters=hyperparameters[optimizer])
    trained = run(parts(), network(), [one], optimizer=optimizer, dtype=dtype, epochs=20, batch_size=8)[0]
    assert trained.ending == "diverged"
    assert len(trained.rows) <= 6


@pytest.mark.parametrize("batch_size", [None, 8])
def test_non_finite_weights_end_a_network_despite_a_finite_cost(batch_size, network, parts, member, run, given):
    # minus infinity is the rectifier's 0
    weights = [np.zeros((6, 5)), np.ones((5, 3))]
    weights[0][0, 0] = -np.inf
    data = parts()
    for part in (data.train, data.val, data.test):
        part.X[:] = 1 + np.abs(part.X)
    trained = run(data, network((5,), "relu"), [member(initializer=given(weights))], batch_size=batch_size)[0]
    assert trained.ending == "diverged"
    assert np.isfinite(trained.history()["train_cost"]).tolist() == [True]


def test_minibatch_epoch_cost_is_the_mean_over_its_samples(network, parts, member, run):
    costs = run(parts(), network(), [member(schedule=lambda epoch: 0.0)], batch_size=8)[0].history()["train_cost"]
    np.testing.assert_allclose(costs, costs[0], rtol=1e-14)


def test_tiny_or_constant_training_parts_can_be_trained_on(network, member, run):
    for X, y in [
        (np.ones((1, 4)), [1]),
        (np.arange(5.0).reshape(5, 1), [0, 1, 2, 0, 1]),
        (np.ones((5, 4)), [0, 1, 2, 0, 1]),
    ]:
        part = Examples(X, np.array(y))
        data = SimpleNamespace(train=part, val=None, test=part, task="classification", n_outputs=3)
        for batch_size in (None, 1, 2, 100):
            trained = run(data, network(), [member()], batch_size=batch_size, epochs=3)[0]
            assert trained.ending == "finished"
            costs = trained.history()["train_cost"]
            assert np.isfinite(costs).all()
            assert batch_size in (1, 2) or costs[-1] < costs[0]


def test_targets_in_any_unit_give_the_same_training(network, member):
    random = np.random.default_rng(0)
    X, z = random.normal(size=(40, 3)), random.normal(size=(40, 2))
    scaling = TargetScaling(np.array([3.0, -1.0]), np.array([4.0, 0.5]))
    how = Training(optimizer=OPTIMIZERS["gradient_descent"], epochs=3)

    def last_cost(y, scaling):
        data = SimpleNamespace(train=Examples(X, y), val=None, test=None, task="regression", n_outputs=2)
        return [*train(data, network(), [member()], how, scaling=scaling)][-1].train_cost[0]

    known = TargetScaling(np.zeros(2), np.ones(2))
    assert last_cost(scaling.restore(z), scaling) == pytest.approx(last_cost(z, known), rel=1e-12)
    assert last_cost(z, None) == pytest.approx(last_cost(scaling.restore(z), None), rel=1e-12)
    assert last_cost(z, None) != pytest.approx(last_cost(z, known), rel=1e-3)
