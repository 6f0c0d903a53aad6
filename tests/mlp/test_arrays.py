"""Archives of arrays are read by NumPy as those that it writes itself."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import array_shapes, arrays

from nnsweep.mlp import arrays as tested
from nnsweep.mlp.arrays import pack_arrays

ARRAYS = {
    "empty": np.zeros((0, 3)),
    "scalar": np.array(7),
    "text": np.array("a \u00e4 \u2603"),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "every_other": np.arange(10, dtype=np.float32)[::2],
    "bits": np.packbits([True, False, True]),
    "swapped": np.arange(3).astype(">i4"),
}


def of_numpy(named: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **named)
    return file.getvalue()


def read(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def assert_same(content: bytes, named: dict[str, np.ndarray]) -> None:
    ours, theirs = read(content), read(of_numpy(named))
    assert [*ours] == [*theirs]
    for name, array in theirs.items():
        assert ours[name].dtype == array.dtype
        np.testing.assert_array_equal(ours[name], array, strict=True)


@pytest.mark.parametrize("named", [ARRAYS, {}, {"one": np.eye(3)}])
def test_arrays_come_back_as_from_numpys_own_archive(named):
    assert_same(pack_arrays(named), named)
    with zipfile.ZipFile(io.BytesIO(pack_arrays(named))) as file:
        assert file.testzip() is None


@given(some.lists(arrays(np.float64, array_shapes(max_side=4)), max_size=5))
def test_every_value_comes_back_bit_for_bit(values):
    named = {f"a{number}": value for number, value in enumerate(values)}
    again = read(pack_arrays(named))
    assert {name: value.tobytes() for name, value in again.items()} == {
        name: value.tobytes() for name, value in named.items()
    }


def test_the_same_arrays_give_the_same_bytes():
    assert pack_arrays(ARRAYS) == pack_arrays({name: array.copy() for name, array in ARRAYS.items()})


def test_what_is_too_large_for_short_sizes_is_left_to_numpy(monkeypatch):
    monkeypatch.setattr(tested, "_LARGEST", 100)
    assert_same(pack_arrays(ARRAYS), ARRAYS)


def test_python_objects_are_refused():
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        pack_arrays({"a": np.array([{}], dtype=object)})
