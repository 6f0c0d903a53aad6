"""Which examples a run got right comes back bit for bit, or not at all."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from nnsweep.errors import DataError
from nnsweep.tracking import runs
from nnsweep.tracking.query import read_correct_examples, read_correct_with_digest
from nnsweep.tracking.record import CORRECT, CorrectExamples, read_correct, write_correct

DIGEST = "0123456789abcdef" * 4
SEVEN = CorrectExamples(np.array([True, False, True, True, False, False, True, True, True]), 7, DIGEST)


def packed(correct: CorrectExamples) -> bytes:
    file = io.BytesIO()
    write_correct(correct, file)
    return file.getvalue()


@given(some.lists(some.booleans(), min_size=1, max_size=70), some.integers(0, 2**40))
def test_every_bit_comes_back_and_their_mean_is_the_accuracy(tmp_path_factory, answers, epoch):
    path = tmp_path_factory.getbasetemp() / "bits.npz"
    path.write_bytes(packed(CorrectExamples(np.array(answers), epoch, DIGEST)))
    again = read_correct(path)
    assert again.right.dtype == bool
    assert (again.right.tolist(), again.epoch, again.test_digest) == (answers, epoch, DIGEST)
    assert again.right.mean() == sum(answers) / len(answers)


def test_a_damaged_file_is_told_or_gives_the_same_bits(tmp_path):
    whole, path = packed(SEVEN), tmp_path / CORRECT
    given = []
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with contextlib.suppress(DataError):
            given.append(read_correct(path).right.tolist())
    assert len(given) < len(whole) / 2
    assert all(right == SEVEN.right.tolist() for right in given)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_correct(path)


def test_bits_that_are_not_as_many_as_the_file_says_are_refused(tmp_path):
    np.savez(tmp_path / CORRECT, bits=np.packbits(SEVEN.right), n_test=17, epoch=7, test_digest=DIGEST)
    with pytest.raises(DataError, match="are not 17 bits"):
        read_correct(tmp_path / CORRECT)


def test_a_store_gives_them_back_and_none_for_a_run_without(store, job, tmp_path: Path):
    with_bits, without = job(), job()
    (tmp_path / CORRECT).write_bytes(packed(SEVEN))
    runs.log_artifacts(store, with_bits, [tmp_path / CORRECT])
    assert read_correct_examples(store, with_bits).tolist() == SEVEN.right.tolist()
    assert read_correct_with_digest(store, with_bits)[1:] == (7, DIGEST)
    assert read_correct_examples(store, without) is None
