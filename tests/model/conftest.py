from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from nnsweep.data.preparation import Preparation, fit_preparation
from nnsweep.model.ensemble import combine_models
from nnsweep.model.predictor import Model

SETTINGS = {"leaky_relu": {"negative_slope": 0.03}, "elu": {"alpha": 1.7}}
KINDS = {"age": "number", "fur": "category", "weight": "number", "colour": "category"}
OUTPUTS = {
    "multilabel": {"task": "multilabel", "labels": ["a", "no\u00ebl", "=1+1"]},
    "targets": {
        "task": "regression",
        "targets": ["x", "y", "z"],
        "target_mean": [1e3, 0.0, -5.0],
        "target_scale": [10.0, 1.0, 0.25],
    },
    "quantiles": {
        "task": "regression",
        "targets": ["x"],
        "target_mean": [3.0],
        "target_scale": [2.0],
        "quantiles": [0.025, 0.5, 0.9],
    },
    "calibrated": {"classes": ["10", "no\u00ebl", "=1+1"], "temperature": 2.5},
}
"""What the three outputs of a network may be."""


@pytest.fixture
def cats() -> pd.DataFrame:
    """Give a table with gaps: numbers and categories."""
    random = np.random.default_rng(0)
    n_rows = 40
    table = pd.DataFrame(
        {
            "age": random.integers(0, 20, n_rows).astype(float),
            "fur": pd.Series(random.choice(["long", "short", "none"], n_rows), dtype=object),
            "weight": random.normal(4000, 900, n_rows),
            "colour": pd.Series(random.choice(["black", "white", "=red, or so", "gr\u00e4u"], n_rows), dtype=object),
        }
    )
    table.loc[3, "age"], table.loc[5, "fur"] = np.nan, None
    return table


@pytest.fixture
def texts() -> pd.DataFrame:
    return pd.DataFrame({"text": ["a cat sat on a mat", "a dog sat on a cat", "the mat of the dog", "cats and dogs"]})


@pytest.fixture
def preparation(cats: pd.DataFrame) -> Preparation:
    return fit_preparation(cats, KINDS, missing="most_frequent")[1]


@pytest.fixture
def network() -> Callable[..., Model]:
    """Give a function that draws a network, of two hidden layers, behind a preparation."""

    def settings(name: str) -> dict[str, object]:
        return {"name": name, **SETTINGS.get(name, {})}

    def drawn(
        preparation: Preparation,
        activation: str = "tanh",
        dtype: str = "float64",
        *,
        output_activation: str = "identity",
        seed: int = 1,
        layers: Sequence[str] = (),
        hidden: Sequence[int] = (7, 5),
        normalized: bool = False,
        residual: bool = False,
    ) -> Model:
        names = [column.name for column in preparation.columns]
        frame = pd.DataFrame({name: ["a"] for name in names})
        kinds = {column.name: column.kind for column in preparation.columns}
        frame = frame.assign(**{name: [1.0] for name in names if kinds[name] == "number"})
        random = np.random.default_rng(seed)
        sizes = (preparation.transform(frame).shape[1], *hidden, 3)
        weights = [
            (random.normal(0, 1, pair).astype(dtype), random.normal(0, 1, pair[1]).astype(dtype))
            for pair in pairwise(sizes)
        ]
        gains = [(random.normal(1, 0.5, width).astype(dtype),) if normalized else () for width in hidden]
        weights = [(*layer, *gain) for layer, gain in zip(weights, [*gains, ()], strict=True)]
        about = {
            "format": 1,
            "classes": ["10", "no\u00ebl", "=1+1"],
            "activation": settings(activation) | ({"layers": [*map(settings, layers)]} if layers else {}),
            "output_activation": {"name": output_activation},
            **({"residual": True} if residual else {}),
            "preparation": preparation.values,
            "example": None,
            "run": {"run_id": "r1", "name": "7-5-tanh", "test_accuracy": 0.5},
        }
        return Model(about, weights, dict(preparation.arrays))

    return drawn


@pytest.fixture
def ensemble(network: Callable[..., Model], preparation: Preparation) -> Model:
    """Give an ensemble of two networks with other weights and activations, of which the first counts twice."""
    drawn = [network(preparation, name, seed=seed) for seed, name in enumerate(("tanh", "elu"))]
    return combine_models(drawn, [2, 1], {"run_id": "r2", "name": "ensemble"})


@pytest.fixture(params=OUTPUTS)
def special(request: pytest.FixtureRequest, network: Callable[..., Model], preparation: Preparation) -> Model:
    """Give a network whose outputs are no plain logits of classes."""
    drawn = network(preparation)
    about = {name: value for name, value in drawn.about.items() if name != "classes"}
    return drawn._replace(about=about | OUTPUTS[request.param])
