"""The model as MLflow runs it: this file is the code of every model that nnsweep keeps ("model from code").

It needs nothing of nnsweep, and nothing is unpickled: the network is an `.npz` file, and the two modules that read it
and prepare a table for it lie beside it, in the version that the model was made with.
"""

import sys
import warnings
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class Served(PythonModel):
    """A trained network that takes tables as they are, and gives predictions."""

    def load_context(self, context: Any) -> None:
        """Read the network; called once by MLflow."""
        self.predictor = _module("predictor", context.artifacts["predictor"])
        self.prepared = _module("prepared", context.artifacts["prepared"])
        self.model = self.predictor.read(context.artifacts["model"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Give what the predictor does, a row for each row: labels with probabilities, or numbers.

        Categories that the model has never seen are warned of. A column without any that it has is refused, as are
        cells that are none of their kind: with an `MlflowException`, whose message a server hands on.
        """
        try:
            answer: pd.DataFrame = self.predictor.predictions(self.model, model_input, self.prepared.features)
            warnings_, refusals = self.prepared.explain_unseen(model_input, self.model.about["preparation"])
            if refusals:
                raise ValueError("\n".join(refusals))
        except ValueError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        for line in warnings_:
            warnings.warn(line, stacklevel=2)
        return answer


def _module(name: str, path: str) -> ModuleType:
    """Load a module of this model's own: another model in this process may have another version of it."""
    own = f"{__name__}_{name}"
    spec = spec_from_file_location(own, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[own] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


set_model(Served())
