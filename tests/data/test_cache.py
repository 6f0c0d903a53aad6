"""A data set that was left on disk is mapped back as it was."""

import json
import os
import stat
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, random_array

from nnsweep.data.cache import cache_folder, keep_in_cache, read_mapped, write_mapped
from nnsweep.data.dataset import Dataset, Example
from nnsweep.data.leaks import Leak
from nnsweep.data.load import load
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


@pytest.mark.parametrize(
    ("task", "y", "names"),
    [
        ("classification", np.array([0, 1, 1]), {"class_names": ("no", "yes")}),
        ("multilabel", np.array([[0, 1], [1, 1], [0, 0]]), {"label_names": ("fur", "tail")}),
        ("regression", np.array([[0.5], [2.5], [-1.0]]), {"target_names": ("price",)}),
    ],
)
def test_every_task_and_weights_come_back(task, y, names, tmp_path):
    part = Examples(np.eye(3), y, np.array([0.5, 0.0, 2.0]))
    made = Dataset("drawn", part, None, part, **({"class_names": (), "source": "", "task": task} | names))
    write_mapped(made, tmp_path / "data")
    kept = read_mapped(tmp_path / "data")
    assert (kept.task, kept.output_names, kept.n_outputs) == (task, made.output_names, len(made.output_names))
    assert (kept.train.y.tolist(), kept.train.weight.tolist()) == (y.tolist(), [0.5, 0.0, 2.0])
    assert not kept.test.weight.flags.writeable
    del vars(kept)["digest"]
    assert kept.digest == made.digest


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
        notes=("4 columns", "WARNING: few rows"),
        leaks={"test": Leak(1, 2, 30)},
    )
    write_mapped(made, tmp_path / "iris")
    kept = read_mapped(tmp_path / "iris", name="flowers", source="elsewhere")
    assert (kept.name, kept.source, kept.folder) == ("flowers", "elsewhere", tmp_path / "iris")
    assert (kept.notes, kept.leaks) == (made.notes, made.leaks)
    assert kept.example == made.example
    assert kept.example.rows == [[1.5, "red", "a\0b"], [None, None, "größe"]]
    assert kept.example.frame()["age"].dtype == float
    assert kept.preparation.values == made.preparation.values
    for name, array in made.preparation.arrays.items():
        assert kept.preparation.arrays[name].tobytes() == array.tobytes()


MADE_OF = {"content": "abc", "settings": {"seed": 1}}


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Give an empty cache, which is not there yet."""
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "deep" / "cache"))
    return tmp_path / "deep" / "cache"


class Maker:
    """Makes a data set, and counts how often."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return load("moons", n_samples=60, val_fraction=0.2, split_seed=3, standardize=True)


def entry(cache):
    (found,) = [path for path in cache.iterdir() if not path.name.startswith(".")]
    return found


def same(one, other):
    assert one.digest == other.digest
    assert one.class_names == other.class_names
    assert one.preparation.values == other.preparation.values
    for name, array in one.preparation.arrays.items():
        np.testing.assert_array_equal(array, other.preparation.arrays[name])
    assert one.example == other.example


def test_the_second_time_nothing_is_made(cache):
    make = Maker()
    first, second = keep_in_cache(MADE_OF, make), keep_in_cache(MADE_OF, make)
    assert make.calls == 1
    same(first, second)
    same(second, make())
    assert second.folder == entry(cache)


def test_what_is_kept_is_mapped_at_once(cache):
    dataset = keep_in_cache(MADE_OF, Maker())
    assert dataset.folder == entry(cache)
    base = dataset.train.X
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert Path(base.filename) == entry(cache) / "train.X.npy"


@pytest.mark.parametrize("other", [{"content": "abd"}, {"settings": {"seed": 2}}, {"more": None}])
def test_other_content_or_settings_are_another_entry(cache, other):
    make = Maker()
    keep_in_cache(MADE_OF, make)
    keep_in_cache(MADE_OF | other, make)
    assert make.calls == 2
    assert len([*cache.iterdir()]) == 2


def test_a_new_version_of_a_library_is_another_entry(cache, monkeypatch):
    make = Maker()
    keep_in_cache(MADE_OF, make)
    monkeypatch.setattr("nnsweep.data.cache.version", lambda library: f"99 of {library}")
    keep_in_cache(MADE_OF, make)
    assert make.calls == 2


def test_it_is_called_as_it_is_called_this_time(cache):
    keep_in_cache(MADE_OF, Maker(), name="cats", source="cats.csv")
    found = keep_in_cache(MADE_OF, Maker(), name="dogs", source="elsewhere/dogs.csv")
    assert (found.name, found.source) == ("dogs", "elsewhere/dogs.csv")


def cut(path):
    path.write_bytes(path.read_bytes()[:-8])


def turned(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def dangling(path):
    path.unlink()
    path.symlink_to("nowhere")


def linked(path):
    (path.parent.parent / "elsewhere").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(path.parent.parent / "elsewhere")


DAMAGES = [Path.unlink, cut, turned, dangling, linked, lambda path: path.write_bytes(b"")]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", ["train.X.npy", "test.y.npy", "dataset.json", "sha256.json", "preparation.mean.npy"])
def test_whatever_is_damaged_is_made_anew_in_silence(cache, damage, file, capfd):
    make = Maker()
    keep_in_cache(MADE_OF, make)
    damage(entry(cache) / file)
    again = keep_in_cache(MADE_OF, make)
    assert make.calls == 2
    same(again, load("moons", n_samples=60, val_fraction=0.2, split_seed=3, standardize=True))
    keep_in_cache(MADE_OF, make)
    assert make.calls == 2
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_not_ours_in_an_entry_is_damage(cache):
    make = Maker()
    keep_in_cache(MADE_OF, make)
    (entry(cache) / "val.X.npy.pickle").write_bytes(b"\x80\x04.")
    keep_in_cache(MADE_OF, make)
    assert make.calls == 2


def test_nothing_is_unpickled(cache, tmp_path):
    class Canary:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "canary",))

    make = Maker()
    keep_in_cache(MADE_OF, make)
    found = entry(cache)
    np.save(found / "train.y.npy", np.array([Canary()], dtype=object), allow_pickle=True)
    from nnsweep.data.cache import _hash_files

    (found / "sha256.json").write_text(json.dumps(_hash_files(found)))  # as somebody would who knows how
    keep_in_cache(MADE_OF, make)
    assert make.calls == 2
    assert not (tmp_path / "canary").exists()


def test_a_deleted_cache_is_made_anew(cache):
    make = Maker()
    first = keep_in_cache(MADE_OF, make)
    for path in entry(cache).iterdir():
        path.unlink()
    entry(cache).rmdir()
    cache.rmdir()
    assert first.train.X.sum() == keep_in_cache(MADE_OF, make).train.X.sum()  # the first is still mapped
    assert make.calls == 2


def test_folders_and_files_are_the_users_alone(cache):
    before = os.umask(0)
    try:
        keep_in_cache(MADE_OF, Maker())
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (cache, entry(cache))} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in entry(cache).iterdir()} == {0o600}


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "file" / "cache"))
    make = Maker()
    dataset = keep_in_cache(MADE_OF, make)
    assert dataset.folder is None
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "file"))
    assert keep_in_cache(MADE_OF, make).digest == dataset.digest
    monkeypatch.setenv("NNSWEEP_CACHE", "a\udcffb" * 200)
    assert keep_in_cache(MADE_OF, make).digest == dataset.digest
    assert make.calls == 3
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "file").read_text() == ""


def test_a_full_disk_leaves_nothing_behind(cache, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert keep_in_cache(MADE_OF, Maker()).folder is None
    assert [*cache.iterdir()] == []


def test_somebody_elses_folder_is_not_used(cache, monkeypatch):
    cache.mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert cache_folder() is None
    assert keep_in_cache(MADE_OF, Maker()).folder is None
    assert [*cache.iterdir()] == []


def test_where_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("NNSWEEP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() == tmp_path / ".cache" / "nnsweep"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder() == tmp_path / "caches" / "nnsweep"
    monkeypatch.setenv("NNSWEEP_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def at_once(number):
    return keep_in_cache({"content": number % 2}, Maker()).digest


def test_several_processes_at_once_leave_whole_entries(cache):
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        digests = Counter(pool.map(at_once, range(16)))
    assert set(digests) == {load("moons", n_samples=60, val_fraction=0.2, split_seed=3, standardize=True).digest}
    entries = [*cache.iterdir()]
    assert len(entries) == 2
    assert not [path for path in entries if path.name.startswith(".")]


@pytest.mark.slow
def test_what_a_killed_process_leaves_is_removed_by_the_next(cache):
    code = (
        "import os, numpy\n"
        "from nnsweep.data.cache import keep_in_cache\n"
        "from nnsweep.data.load import load\n"
        "numpy.save = lambda *_, **__: os._exit(9)\n"
        "keep_in_cache({'content': 1}, lambda: load('iris', val_fraction=0.2))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert len([*cache.iterdir()]) == 1
    keep_in_cache(MADE_OF, Maker())
    assert [path.name[0] == "." for path in cache.iterdir()] == [False]


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_a_bundled_data_set_comes_from_the_cache_as_it_is(name, cache, monkeypatch):
    settings = {"val_fraction": 0.2, "split_seed": 3, "standardize": True}
    made = load(name, **settings)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)  # it is not needed any more
    again = load(name, **settings)
    same(made, again)
    assert (again.name, again.source) == (name, f"sklearn.datasets.load_{name}")
    monkeypatch.setenv("NNSWEEP_CACHE", os.devnull)
    monkeypatch.undo()
    monkeypatch.setenv("NNSWEEP_CACHE", os.devnull)
    same(load(name, **settings), again)
