"""A checkpoint comes back as it was written, or not at all."""

import json
import logging
import warnings

import pytest

from nnsweep.jobs.checkpoint import CHECKPOINT, Checkpoint, read_checkpoint, remove_checkpoint, write_checkpoint
from nnsweep.jobs.worker import load_dataset
from nnsweep.mlp.history import Trained, add
from nnsweep.mlp.train import train
from tests.jobs.test_job_folder import mutations


@pytest.fixture
def checkpoint(job):
    """Give a checkpoint after the third epoch."""
    made = job("data=iris", "trainer.epochs=6", "arch.hidden_layer_sizes=[5,4]", "optimizer.learning_rate=0.3")
    trained = {}
    for epoch in train(load_dataset(made.data), made.network(), [made.member()], made.training()):
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
    assert write_checkpoint(tmp_path, checkpoint) == tmp_path / CHECKPOINT
    assert content(read_checkpoint(tmp_path, "ab")) == content(checkpoint)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_checkpoint_takes_the_place_of_an_earlier_one(checkpoint, tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"x" * 1_000_000)
    write_checkpoint(tmp_path, checkpoint)
    assert content(read_checkpoint(tmp_path, "ab")) == content(checkpoint)


def test_one_of_a_version_that_kept_no_right_ones_is_refused(checkpoint, tmp_path, caplog, monkeypatch):
    arrays, values = checkpoint.trained.plain()
    del arrays["best_right"], values["n_test"]
    monkeypatch.setattr(Trained, "plain", lambda trained: (arrays, values))
    write_checkpoint(tmp_path, checkpoint)
    assert read_checkpoint(tmp_path, "ab") is None
    assert "cannot be used (`n_test` missing); training begins anew" in caplog.text


def test_a_checkpoint_of_another_job_or_none_is_none(checkpoint, tmp_path, caplog):
    assert read_checkpoint(tmp_path, "ab") is None
    assert read_checkpoint(tmp_path / "nowhere", "ab") is None
    assert caplog.text == ""
    write_checkpoint(tmp_path, checkpoint)
    assert read_checkpoint(tmp_path, "cd") is None
    assert "it is another job's" in caplog.text


def test_a_damaged_checkpoint_never_comes_out_with_other_values(checkpoint, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    path = write_checkpoint(tmp_path, checkpoint)
    whole, expected, refused = path.read_bytes(), content(checkpoint), 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, damaged in mutations(whole, 1000, seed=3):
            path.write_bytes(damaged)
            read = read_checkpoint(tmp_path, "ab")
            refused += read is None
            assert read is None or content(read) == expected, number
    assert refused > 900


def test_a_checkpoint_that_is_cut_off_is_none(checkpoint, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    path = write_checkpoint(tmp_path, checkpoint)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert read_checkpoint(tmp_path, "ab") is None, length


@pytest.mark.parametrize("changed", [("'shape': (4, 5)", "'shape': (4, 4)"), ("'<f8'", "'<f4'"), ("(3,)", "(2,)")])
def test_the_head_of_an_array_of_a_checkpoint_is_protected_too(changed, checkpoint, tmp_path):
    path = write_checkpoint(tmp_path, checkpoint)
    whole, expected = path.read_bytes(), content(checkpoint)
    before, after = (text.encode() for text in changed)
    starts = [start for start in range(len(whole)) if whole.startswith(before, start)]
    for start in starts:
        path.write_bytes(whole[:start] + after + whole[start + len(before) :])
        read = read_checkpoint(tmp_path, "ab")
        assert read is None or content(read) == expected, start


def test_a_checkpoint_that_is_no_longer_wanted_is_gone(checkpoint, tmp_path):
    write_checkpoint(tmp_path, checkpoint)
    remove_checkpoint(tmp_path)
    remove_checkpoint(tmp_path)
    assert [*tmp_path.iterdir()] == []
