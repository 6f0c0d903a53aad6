import dataclasses
import json
import logging
import random
import warnings

import numpy as np
import pandas as pd
import pytest
import yaml

from nnsweep.errors import DataError
from nnsweep.mlp.history import Trained, add, collect
from nnsweep.mlp.inputs import inputs
from nnsweep.mlp.network import Layer
from nnsweep.mlp.passes import forward
from nnsweep.mlp.train import train
from nnsweep.sweep import folder
from nnsweep.sweep.folder import Checkpoint, Kept
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


@pytest.fixture
def kept(record):
    """Give a record with all that the store is told of its run."""
    return Kept(
        record=record,
        experiment="study",
        tags={"nnsweep.key": "ab", "mlflow.note.content": "A network.\n\nIt \u2713"},
        data={"name": "iris", "digest": "cd" * 16, "source": "scikit-learn"},
        axes={"seed": 0, "rate": 0.1},
        best_epoch=3,
        max_points=9,
        n_epochs=7,
    )


def test_a_record_comes_back_equal(kept, record, tmp_path):
    assert folder.write_record(tmp_path, kept) == kept
    assert folder.read_kept(tmp_path) == kept
    read = folder.read_record(tmp_path)
    assert read == record
    assert {name: type(value) for name, value in read.settings.items()} == {
        name: type(value) for name, value in record.settings.items()
    }


def test_an_absent_record_is_none(tmp_path):
    assert folder.read_kept(tmp_path) is None
    assert folder.read_record(tmp_path) is None
    assert folder.read_record(tmp_path / "nowhere") is None


def test_a_record_that_is_cut_off_anywhere_is_damaged(kept, tmp_path):
    folder.write_record(tmp_path, kept)
    path = tmp_path / folder.RECORD
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert folder.read_record(tmp_path) is None, length
        with pytest.raises(DataError, match=r"record\.json: (is damaged|cannot be read) .*has to be run again$"):
            folder.read_kept(tmp_path)


def mutations(whole: bytes, n: int, seed: int):
    """Damage a file in many ways: bits, zeros, and pieces that are doubled, changed about or left out."""
    source = random.Random(seed)
    for number in range(n):
        damaged = bytearray(whole)
        for _ in range(source.choice((1, 1, 1, 2, 5))):
            start = source.randrange(len(damaged))
            size = min(source.choice((1, 1, 2, 4, 16, 300)), len(damaged) - start)
            other = source.randrange(len(damaged) - size + 1)
            piece = bytes(damaged[start : start + size])
            match source.choice(("flip", "byte", "zero", "duplicate", "swap", "delete")):
                case "flip":
                    damaged[start] ^= 1 << source.randrange(8)
                case "byte":
                    damaged[start] = source.randrange(256)
                case "zero":
                    damaged[start : start + size] = bytes(size)
                case "duplicate":
                    damaged[other:other] = piece
                case "swap":
                    damaged[start : start + size], damaged[other : other + size] = damaged[other : other + size], piece
                case "delete" if len(damaged) > size:
                    del damaged[start : start + size]
        yield number, bytes(damaged)


def test_a_damaged_record_never_comes_out_with_other_values(kept, tmp_path):
    folder.write_record(tmp_path, kept)
    path = tmp_path / folder.RECORD
    refused = 0
    for number, damaged in mutations(path.read_bytes(), 1000, seed=1):
        path.write_bytes(damaged)
        try:
            read = folder.read_kept(tmp_path)
        except DataError:
            refused += 1
        else:
            assert (read, repr(read)) == (kept, repr(kept)), number
    assert refused > 900


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{}", "null", "3", '"content"', "[" * 100_000, '{"a":' * 100_000, '{"checksum": 1, "content": {}}',
        '{"checksum": "x", "content": [1]}', "NaN", "1" * 10_000, "\x00", "\xff",
        '{"checksum": "\ud800", "content": 0}',
    ],
    ids=lambda text: ascii(text)[:30],
)  # fmt: skip
def test_a_record_that_is_something_else_is_damaged(text, tmp_path):
    (tmp_path / folder.RECORD).write_bytes(text.encode("latin-1", errors="replace"))
    with pytest.raises(DataError):
        folder.read_kept(tmp_path)
    assert folder.read_record(tmp_path) is None


def test_a_record_of_another_shape_is_damaged_even_with_its_checksum(kept, tmp_path):
    for content in ({}, [], {"record": {}}, {**dataclasses.asdict(kept), "more": 1}, {"record": 3}, 7):
        text = json.dumps({"checksum": folder._checksum(content), "content": content})
        (tmp_path / folder.RECORD).write_text(text)
        with pytest.raises(DataError):
            folder.read_kept(tmp_path)


def test_a_folder_in_the_place_of_the_record_is_damage(tmp_path):
    (tmp_path / folder.RECORD).mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        folder.read_kept(tmp_path)


@pytest.fixture
def files(trained, tmp_path):
    return [folder.write_history(tmp_path, trained.history()), folder.write_weights(tmp_path, trained)]


def test_the_files_of_a_record_are_known_by_their_hashes(kept, files, tmp_path):
    written = folder.write_record(tmp_path, kept, files)
    assert written.files.keys() == {"history.parquet", "weights.npz"}
    assert folder.read_kept(tmp_path) == written
    assert folder.check_files(tmp_path, written) == files


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_is_damaged_or_gone_is_told(which, kept, files, tmp_path):
    written = folder.write_record(tmp_path, kept, files)
    whole = files[which].read_bytes()
    for _, damaged in mutations(whole, 50, seed=2):
        if damaged != whole:
            files[which].write_bytes(damaged)
            with pytest.raises(DataError, match=f"{files[which].name}: is damaged"):
                folder.check_files(tmp_path, written)
    files[which].unlink()
    with pytest.raises(DataError, match=f"{files[which].name}: cannot be read"):
        folder.check_files(tmp_path, written)


def test_a_new_record_has_not_been_sent_whatever_the_one_before_it(kept, tmp_path):
    folder.write_record(tmp_path, kept)
    assert not folder.is_sent(tmp_path)
    folder.mark_sent(tmp_path, "0123")
    assert folder.is_sent(tmp_path)
    folder.write_record(tmp_path, kept)
    assert not folder.is_sent(tmp_path)


@pytest.fixture
def checkpoint(made):
    """Give a checkpoint after the third epoch."""
    trained = {}
    for epoch in train(dataset(made.data), made.network(), [made.member()], made.training()):
        add(trained, epoch)
        if epoch.epoch == 3:
            return Checkpoint(key="ab", snapshot=epoch.snapshot(0), trained=trained[0], seconds=1.5)
    raise AssertionError


def content(checkpoint):
    """Give all that is in a checkpoint, to be compared."""
    plains = (checkpoint.snapshot.plain(), checkpoint.trained.plain())
    arrays = [
        (name, array.dtype.str, array.shape, array.tobytes()) for arrays, _ in plains for name, array in arrays.items()
    ]
    return checkpoint.key, checkpoint.seconds, arrays, [json.dumps(values) for _, values in plains]


def test_a_checkpoint_comes_back_bit_for_bit(checkpoint, tmp_path):
    assert folder.write_checkpoint(tmp_path, checkpoint) == tmp_path / folder.CHECKPOINT
    assert content(folder.read_checkpoint(tmp_path, "ab")) == content(checkpoint)
    assert [path.name for path in tmp_path.iterdir()] == [folder.CHECKPOINT]


def test_a_checkpoint_of_a_version_that_did_not_keep_what_was_right_is_refused(
    checkpoint, tmp_path, caplog, monkeypatch
):
    arrays, values = checkpoint.trained.plain()
    del arrays["best_right"], values["n_test"]
    monkeypatch.setattr(Trained, "plain", lambda trained: (arrays, values))
    folder.write_checkpoint(tmp_path, checkpoint)
    assert folder.read_checkpoint(tmp_path, "ab") is None
    assert "cannot be used (`n_test` missing); training begins anew" in caplog.text


def test_a_checkpoint_of_another_job_or_none_is_none(checkpoint, tmp_path, caplog):
    assert folder.read_checkpoint(tmp_path, "ab") is None
    assert folder.read_checkpoint(tmp_path / "nowhere", "ab") is None
    assert caplog.text == ""
    folder.write_checkpoint(tmp_path, checkpoint)
    assert folder.read_checkpoint(tmp_path, "cd") is None
    assert "it is another job's" in caplog.text


def test_a_damaged_checkpoint_never_comes_out_with_other_values(checkpoint, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    path = folder.write_checkpoint(tmp_path, checkpoint)
    whole, expected, refused = path.read_bytes(), content(checkpoint), 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, damaged in mutations(whole, 1000, seed=3):
            path.write_bytes(damaged)
            read = folder.read_checkpoint(tmp_path, "ab")
            refused += read is None
            assert read is None or content(read) == expected, number
    assert refused > 900


def test_a_checkpoint_that_is_cut_off_is_none(checkpoint, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    path = folder.write_checkpoint(tmp_path, checkpoint)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert folder.read_checkpoint(tmp_path, "ab") is None, length


@pytest.mark.parametrize("changed", [("'shape': (4, 5)", "'shape': (4, 4)"), ("'<f8'", "'<f4'"), ("(3,)", "(2,)")])
def test_the_head_of_an_array_of_a_checkpoint_is_protected_too(changed, checkpoint, tmp_path):
    path = folder.write_checkpoint(tmp_path, checkpoint)
    whole, expected = path.read_bytes(), content(checkpoint)
    before, after = (text.encode() for text in changed)
    starts = [start for start in range(len(whole)) if whole.startswith(before, start)]
    for start in starts:
        path.write_bytes(whole[:start] + after + whole[start + len(before) :])
        read = folder.read_checkpoint(tmp_path, "ab")
        assert read is None or content(read) == expected, start


def test_a_checkpoint_that_is_no_longer_wanted_is_gone(checkpoint, tmp_path):
    folder.write_checkpoint(tmp_path, checkpoint)
    folder.remove_checkpoint(tmp_path)
    folder.remove_checkpoint(tmp_path)
    assert [*tmp_path.iterdir()] == []


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


def test_nothing_else_is_left_in_the_folder(kept, trained, tmp_path):
    folder.write_record(tmp_path, kept)
    folder.write_weights(tmp_path, trained)
    folder.write_history(tmp_path, trained.history())
    assert {path.name for path in tmp_path.iterdir()} == {"record.json", "weights.npz", "history.parquet"}
