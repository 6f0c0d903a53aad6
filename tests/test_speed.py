import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from nnsweep.data.load import load

SPEED = Path(__file__).parents[1] / "experiments" / "speed"
pytestmark = pytest.mark.skipif(not SPEED.exists(), reason="the experiments are not part of the package")


@pytest.fixture
def speed(monkeypatch):
    monkeypatch.syspath_prepend(str(SPEED))
    return importlib.import_module


def test_peers_see_the_same_digits(monkeypatch):
    monkeypatch.syspath_prepend(str(SPEED / "peers"))
    theirs = importlib.import_module("digits").load()
    ours = load("digits", val_fraction=0.1)
    for (X, y), part in zip(theirs, (ours.train, ours.val, ours.test), strict=True):
        np.testing.assert_array_equal(X, part.X.astype(np.float32))
        np.testing.assert_array_equal(y, part.y)


def test_comparisons_name_contenders_of_their_work(speed):
    for work in speed("works").WORKS.values():
        names = [contender.name for contender in work.contenders]
        assert len(set(names)) == len(names)
        for comparison in work.comparisons:
            assert {comparison.ours, *comparison.theirs} <= set(names)


def test_operations_of_one_layer_by_hand(speed):
    training = speed("works").Training(
        data={"name": "digits", "val_fraction": 0.0}, architectures=((),), copies=2, epochs=3
    )
    layer = 64 * 10
    assert speed("arithmetic").operations(training) == 2 * (3 * 4 * layer * 1437 + 4 * 2 * layer * 360)


def test_a_job_is_compared_by_what_a_further_one_costs(speed, tmp_path):
    runs = {contender.name: [{"seconds": 5.0}] for contender in speed("works").WORKS["d"].contenders}
    _, many = speed("works").WORKS["d"].comparisons[0].theirs
    runs[many] = [{"seconds": 5.0 + 99 * 0.4}]
    common = {"cpu_seconds": 1.0, "memory_mb": 1.0, "accuracy": 0.5}
    runs = {name: [one | common for one in several] for name, several in runs.items()}
    measured = {"runs": runs, "machine": {}, "matrix_rate": {"float32": 1.0, "float64": 1.0}, "operations": None}
    speed("report").write(json.loads(json.dumps({"d": measured})), tmp_path)
    assert "| 0.005 | 0.4 | 80 | 40 | yes |" in (tmp_path / "table.md").read_text()
