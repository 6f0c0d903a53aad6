import json

import numpy as np
import pandas as pd
import pytest
import yaml

from nnsweep.mlp.history import collect
from nnsweep.mlp.inputs import inputs
from nnsweep.mlp.network import Layer
from nnsweep.mlp.passes import forward
from nnsweep.mlp.train import train
from nnsweep.sweep import folder
from nnsweep.sweep.work import dataset
from nnsweep.tracking.record import RunRecord


@pytest.fixture
def made(job):
    return job("data=iris", "trainer.epochs=6", "arch.hidden_layer_sizes=[5,4]", "optimizer.learning_rate=0.3")


@pytest.fixture
def trained(made):
    return collect(train(dataset(made.data), made.network(), [made.member()], made.training()))[0]


@pytest.fixture
def record():
    return RunRecord(
        run_id="0123",
        name="20-20-tanh-inv-s0 \u2713",
        state="finished",
        reason='"quoted"\n',
        settings={"seed": 0, "data.standardize": True, "trainer.patience": None, "arch": "1e3", "rate": 0.1},
        metrics={"test_accuracy": 1 / 3, "n_parameters": 2524.0, "tiny": 5e-324},
        sweep="20260101-000000-abcd",
        job=4,
    )


def test_weights_come_back_equal_and_need_no_pickle(trained, tmp_path):
    with np.load(folder.write_weights(tmp_path, trained), allow_pickle=False) as read:
        assert int(read["best_epoch"]) == trained.best_epoch
        assert len(read.files) == 1 + 2 * 2 * 3
        for prefix, layers in (("best", trained.best_layers), ("final", trained.layers)):
            for number, (W, b) in enumerate(layers):
                for name, array in (("W", W[0]), ("b", b[0, 0])):
                    kept = read[f"{prefix}_{name}{number}"]
                    assert kept.dtype == array.dtype == np.float32
                    np.testing.assert_array_equal(kept, array, strict=True)


@pytest.mark.parametrize("part", ["val", "test"])
def test_weights_give_the_measured_accuracies_again(part, made, trained, tmp_path):
    examples = dataset(made.data).parts[part]
    measured = trained.history()[f"{part}_accuracy"]
    with np.load(folder.write_weights(tmp_path, trained), allow_pickle=False) as read:
        for prefix, epoch in (("best", trained.best_epoch), ("final", 6)):
            layers = [Layer(read[f"{prefix}_W{n}"][None], read[f"{prefix}_b{n}"][None, None]) for n in range(3)]
            logits = forward(made.network(), layers, inputs(examples.X.astype(np.float32))).a[-1][0]
            assert (logits.argmax(axis=1) == examples.y).mean() == measured[epoch]


def test_a_history_comes_back_bit_for_bit_with_whole_epochs(trained, tmp_path):
    history = trained.history()
    history["val_accuracy"][2] = np.nan
    read = pd.read_parquet(folder.write_history(tmp_path, history))
    assert list(read) == list(history)
    assert read["epoch"].dtype == np.int64
    assert read["epoch"].tolist() == [*range(7)]
    for name in history.keys() - {"epoch"}:
        assert read[name].to_numpy().tobytes() == history[name].tobytes()


def test_a_record_comes_back_equal(record, tmp_path):
    folder.write_record(tmp_path, record)
    read = folder.read_record(tmp_path)
    assert read == record
    assert {name: type(value) for name, value in read.settings.items()} == {
        name: type(value) for name, value in record.settings.items()
    }


def test_an_absent_record_is_none(tmp_path):
    assert folder.read_record(tmp_path) is None
    assert folder.read_record(tmp_path / "nowhere") is None


def test_a_record_that_is_cut_off_anywhere_is_absent(record, tmp_path):
    whole = folder.write_record(tmp_path, record).read_bytes()
    for length in range(len(whole)):
        (tmp_path / folder.RECORD).write_bytes(whole[:length])
        assert folder.read_record(tmp_path) is None, length


def test_configuration_and_environment_come_back_equal(made, tmp_path):
    config = made.model_dump(mode="json")
    assert yaml.safe_load(folder.write_config(tmp_path, config).read_text()) == config
    assert json.loads(folder.write_environment(tmp_path, {"a": [1, None]}).read_text()) == {"a": [1, None]}


def test_a_traceback_is_the_exception_being_handled(tmp_path):
    try:
        raise ValueError("no luck \udcff")
    except ValueError:
        path = folder.write_traceback(tmp_path)
    assert path.read_text().splitlines()[0] == "Traceback (most recent call last):"
    assert path.read_text().splitlines()[-1] == "ValueError: no luck \\udcff"


def test_nothing_else_is_left_in_the_folder(record, trained, tmp_path):
    folder.write_record(tmp_path, record)
    folder.write_weights(tmp_path, trained)
    folder.write_history(tmp_path, trained.history())
    assert {path.name for path in tmp_path.iterdir()} == {"record.json", "weights.npz", "history.parquet"}
