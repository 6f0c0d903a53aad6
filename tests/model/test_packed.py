import gc
import json
import weakref
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer

from nnsweep.data.dataset import Example
from nnsweep.data.load import load
from nnsweep.data.preparation import fit_preparation, prepare_words
from nnsweep.errors import DataError
from nnsweep.jobs.result import encode_weights
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.evaluation import compute_outputs
from nnsweep.mlp.history import Trained, collect
from nnsweep.mlp.initializers import INITIALIZERS
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Layer, Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import SCHEDULES
from nnsweep.mlp.train import Training, train
from nnsweep.model.packed import PREPARATION, hash_weights, pack_model, pack_preparation
from nnsweep.model.predictor import predict_values, read

CONFIG = {"activation": {"name": "elu", "alpha": 1.5}, "output_activation": "identity"}


@pytest.fixture
def iris():
    return load("iris", val_fraction=0.1)


@pytest.fixture
def left(iris, tmp_path):
    """Give the files that a run leaves."""
    random = np.random.default_rng(0)
    layers = [Layer(random.normal(size=(1, 4, 5)), random.normal(size=(1, 1, 5)))]
    layers += [Layer(random.normal(size=(1, 5, 3)), random.normal(size=(1, 1, 3)))]
    last = [Layer(2 * W, 2 * b) for W, b in layers]
    preparation, weights = tmp_path / PREPARATION, tmp_path / "weights.npz"
    preparation.write_bytes(pack_preparation(iris))
    weights.write_bytes(encode_weights(Trained(best_layers=layers, layers=last, best_epoch=2)))
    return preparation, weights, layers


def test_a_model_has_the_best_weights_and_where_it_comes_from(left, iris):
    preparation, weights, layers = left
    model = pack_model(preparation, weights, CONFIG, {"run_id": "r"})
    for (W, b), layer in zip(model.layers, layers, strict=True):
        np.testing.assert_array_equal(W, layer.W[0])
        np.testing.assert_array_equal(b, layer.b[0, 0])
    assert model.about["activation"] == {"name": "elu", "alpha": 1.5}
    assert model.about["output_activation"] == {"name": "identity"}
    assert model.about["run"] == {"run_id": "r"}
    assert model.names == ["setosa", "versicolor", "virginica"]
    assert predict_values(model, iris.test.X).shape == (len(iris.test.y), 3)
    assert json.loads(json.dumps(model.about)) == model.about


def read_training(data, folder):
    (folder / PREPARATION).write_bytes(pack_preparation(data))
    return read(folder / PREPARATION).about["training"]


@pytest.mark.parametrize("scaling", ["standard", "robust_smooth_clip", "none"])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_model_knows_what_its_training_part_held(scaling, is_sparse, iris, tmp_path):
    numbers = (iris.train.X * iris.preparation.arrays["scale"] + iris.preparation.arrays["mean"]).round(1)
    frame = pd.DataFrame(numbers, columns=list("abcd")).assign(fur="long")
    kinds = {"fur": "category", "a": "number", "b": "number"}
    X, preparation = fit_preparation(frame, kinds, scaling=scaling)
    X = csr_array(X) if is_sparse else X
    train = Examples(X, iris.train.y)
    data = replace(iris, train=train, val=None, test=train, preparation=preparation)
    training = read_training(data, tmp_path)
    assert training["numbers"] == [[frame[name].min(), frame[name].max()] for name in "ab"]
    assert training["counts"] == np.bincount(iris.train.y).tolist()


def test_a_model_of_texts_has_no_numbers_to_tell_of(iris, tmp_path):
    texts = ["a cat sat", "a dog sat"] * 8
    vectorizer = TfidfVectorizer().fit(texts)
    train = Examples(vectorizer.transform(texts), iris.train.y[:16])
    data = replace(iris, train=train, val=None, test=train, preparation=prepare_words("text", vectorizer))
    assert read_training(data, tmp_path)["numbers"] == []


def test_a_model_of_numbers_knows_the_range_of_each_target(tmp_path):
    diabetes = load("diabetes", val_fraction=0.2)
    assert read_training(diabetes, tmp_path)["targets"] == [[diabetes.train.y.min(), diabetes.train.y.max()]]


def test_every_bit_of_the_weights_is_in_their_hash(left):
    preparation, weights, _ = left
    model = pack_model(preparation, weights, CONFIG, {})
    (W, b), *others = model.layers
    nudged = W.copy()
    nudged[0, 0] = np.nextafter(nudged[0, 0], 1)
    assert hash_weights(model._replace(layers=[(W.copy(order="F"), b), *others])) == hash_weights(model)
    assert hash_weights(model._replace(layers=[(nudged, b), *others])) != hash_weights(model)


def test_a_calibrated_model_divides_its_logits(left, iris):
    preparation, weights, layers = left
    plain = pack_model(preparation, weights, CONFIG, {})
    weights.write_bytes(encode_weights(Trained(best_layers=layers, layers=layers, best_epoch=2), 2.5))
    calibrated = pack_model(preparation, weights, CONFIG, {})
    assert calibrated.about == plain.about | {"temperature": 2.5}
    before, after = (np.log(predict_values(model, iris.test.X)) for model in (plain, calibrated))
    np.testing.assert_allclose(after[:, 1:] - after[:, :1], (before[:, 1:] - before[:, :1]) / 2.5, rtol=1e-6)


@pytest.mark.parametrize("normalization", ["layer", "batch"])
def test_a_model_normalizes_as_the_network_was_measured(normalization, left, iris):
    arch = {"normalization": normalization, "residual": True}
    identity = ACTIVATIONS["identity"]()
    network = Network(
        hidden_layer_sizes=(5, 5, 5), activation=ACTIVATIONS["elu"](alpha=1.5), output_activation=identity, **arch
    )
    member = Member(
        seed=0,
        initializer=INITIALIZERS["he_normal"],
        schedule=SCHEDULES["constant"](learning_rate=0.1),
        learning_rate=0.1,
        hyperparameters={},
    )
    training = Training(optimizer=OPTIMIZERS["gradient_descent"], epochs=5, batch_size=16)
    (trained,) = collect(train(iris, network, [member], training)).values()
    preparation, weights, _ = left
    weights.write_bytes(encode_weights(trained))
    model = pack_model(preparation, weights, CONFIG | {"arch": arch}, {})
    expected = softmax(compute_outputs(network, trained.best_layers, iris.test.X), axis=1)
    np.testing.assert_allclose(predict_values(model, iris.test.X), expected, rtol=1e-10)
    right = expected.argmax(axis=1) == iris.test.y
    assert right.mean() == trained.history()["test_accuracy"][trained.best_epoch]


def test_a_model_has_each_layers_activation_with_its_settings(left):
    preparation, weights, _ = left
    config = CONFIG | {"activation": {"name": "elu", "alpha": 1.5, "layers": ["leaky_relu"]}}
    model = pack_model(preparation, weights, config, {})
    assert model.about["activation"] == {"name": "elu", "layers": [{"name": "leaky_relu", "negative_slope": 0.01}]}
    one = pack_model(preparation, weights, CONFIG | {"activation": {"name": "elu", "alpha": 1.5, "layers": None}}, {})
    assert one.about["activation"] == {"name": "elu", "alpha": 1.5}


def test_a_preparation_is_written_once_and_kept_with_its_data(iris):
    assert pack_preparation(iris) is pack_preparation(iris)
    gone = weakref.ref(iris)
    del iris
    gc.collect()
    other = load("iris", val_fraction=0.1)
    assert pack_preparation(other) == pack_preparation(other)
    assert gone() is not other


def test_data_whose_preparation_is_not_known_have_none(iris):
    assert pack_preparation(replace(iris, preparation=None)) is None


def test_the_example_is_rows_as_json_can_say_them(iris, tmp_path):
    odd = pd.DataFrame({"a": [1, np.nan], "b": pd.Series(["x", None], dtype=object), "c": np.array([2, 3], np.int32)})
    (tmp_path / PREPARATION).write_bytes(pack_preparation(replace(iris, example=Example.of_frame(odd))))
    about = read(tmp_path / PREPARATION).about
    assert about["example"] == {"columns": ["a", "b", "c"], "data": [[1.0, "x", 2], [None, None, 3]]}


@pytest.mark.parametrize("name", [PREPARATION, "weights.npz"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"text"])
def test_a_damaged_file_is_told(name, content, left, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged .*train the run again"):
        pack_model(*left[:2], CONFIG, {})


def test_weights_of_another_network_are_told(left, tmp_path):
    np.savez(tmp_path / "weights.npz", best_W0=np.ones((4, 2)), best_b0=np.ones(2))
    with pytest.raises(DataError, match="not those of a network with 3 classes"):
        pack_model(*left[:2], CONFIG, {})
