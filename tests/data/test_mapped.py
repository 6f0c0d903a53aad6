"""A data set that was left on disk is mapped back as it was."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, random_array

from nnsweep.data.dataset import Dataset, Example
from nnsweep.data.load import load
from nnsweep.data.mapped import read_mapped, write_mapped
from nnsweep.data.split import Leak
from nnsweep.mlp.arrays import Examples


def dataset(*, sparse: bool, validated: bool) -> Dataset:
    """Make a small data set of three classes."""
    generator = np.random.default_rng(0)

    def part(n_samples: int) -> Examples:
        X = random_array((n_samples, 5), density=0.3, rng=generator)
        return Examples(csr_array(X) if sparse else X.toarray(), np.arange(n_samples) % 3)

    return Dataset(
        name="Größe",
        train=part(12),
        val=part(6) if validated else None,
        test=part(7),
        class_names=("a", "b", "ç"),
        source="made here",
    )


@pytest.fixture(params=[False, True], ids=["dense", "sparse"])
def sparse(request) -> bool:
    return bool(request.param)


@pytest.fixture(params=[False, True], ids=["without validation", "validated"])
def written(request, sparse, tmp_path: Path) -> tuple[Dataset, Path]:
    """Give a data set and the folder that it was written into."""
    made = dataset(sparse=sparse, validated=request.param)
    write_mapped(made, tmp_path / "new" / "data")
    return made, tmp_path / "new" / "data"


def arrays(examples: Examples) -> list[np.ndarray]:
    X = examples.X
    return [*((X.data, X.indices, X.indptr) if isinstance(X, csr_array) else (X,)), examples.y]


def test_what_is_mapped_equals_what_was_written(written):
    made, folder = written
    kept = read_mapped(folder)
    assert (kept.name, kept.class_names, kept.source) == (made.name, made.class_names, made.source)
    assert kept.parts.keys() == made.parts.keys()
    for part, examples in made.parts.items():
        assert type(kept.parts[part].X) is type(examples.X)
        assert kept.parts[part].X.shape == examples.X.shape
        for mapped, array in zip(arrays(kept.parts[part]), arrays(examples), strict=True):
            assert mapped.dtype == array.dtype
            np.testing.assert_array_equal(mapped, array)


def test_the_digest_is_the_same_and_is_that_of_the_mapped_arrays(written):
    made, folder = written
    kept = read_mapped(folder)
    for name in ("digest", "test_digest"):
        assert getattr(kept, name) == getattr(made, name)
        del vars(kept)[name]
        assert getattr(kept, name) == getattr(made, name)


def mapped_file(array: np.ndarray) -> str:
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return "" if array is None else Path(array.filename).name


def test_every_array_is_a_read_only_map_of_its_file(written):
    kept = read_mapped(written[1])
    for part, examples in kept.parts.items():
        for array in arrays(examples):
            assert mapped_file(array).startswith(f"{part}.")
            assert not array.flags.writeable


def test_nothing_is_pickled(written):
    folder = written[1]
    for file in folder.glob("*.npy"):
        np.load(file, allow_pickle=False)
    assert {file.suffix for file in folder.iterdir()} == {".npy", ".json"}
    assert json.loads((folder / "dataset.json").read_text())["source"] == "made here"


def test_what_somebody_pickled_is_refused(written):
    folder = written[1]
    np.save(folder / "train.y.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        read_mapped(folder)


def test_a_data_set_is_not_written_over_another(written):
    made, folder = written
    with pytest.raises(FileExistsError):
        write_mapped(made, folder)


def test_a_data_set_of_ours_is_mapped_whole(tmp_path: Path):
    loaded = load("iris", val_fraction=0.2, test_fraction=0.2, split_seed=0, standardize=True)
    write_mapped(loaded, tmp_path / "iris")
    assert read_mapped(tmp_path / "iris").digest == loaded.digest
    np.testing.assert_array_equal(read_mapped(tmp_path / "iris").train.X, loaded.train.X)


def test_what_is_known_of_a_data_set_is_mapped_with_it(tmp_path: Path):
    frame = pd.DataFrame({"age": [1.5, np.nan], "colour": ["red", None], "note": ["a\0b", "größe"]})
    made = replace(
        load("iris", val_fraction=0.2),
        example=Example.of_frame(frame),
        told=("4 columns", "WARNING: few rows"),
        leaks={"test": Leak(1, 2, 30)},
    )
    write_mapped(made, tmp_path / "iris")
    kept = read_mapped(tmp_path / "iris", name="flowers", source="elsewhere")
    assert (kept.name, kept.source, kept.folder) == ("flowers", "elsewhere", tmp_path / "iris")
    assert (kept.told, kept.leaks) == (made.told, made.leaks)
    assert kept.example == made.example
    assert kept.example.rows == [[1.5, "red", "a\0b"], [None, None, "größe"]]
    assert kept.example.frame()["age"].dtype == float
    assert kept.preparation.values == made.preparation.values
    for name, array in made.preparation.arrays.items():
        assert kept.preparation.arrays[name].tobytes() == array.tobytes()
