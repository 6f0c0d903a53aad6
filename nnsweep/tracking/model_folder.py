"""A model as a folder that MLflow loads and serves without nnsweep: code, an `.npz` file, and what MLflow is told.

It is written file by file. MLflow's own way looks through every installed package to find out what a model needs, which
takes longer than everything else, and notes paths of this machine. Nothing in the folder has to be unpickled.
"""

import json
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from nnsweep.data import prepared
from nnsweep.model import predictor
from nnsweep.model.predictor import Model

CODE = Path(__file__).with_name("served.py")
_PARTS = {"model": "model.npz", "predictor": "predictor.py", "prepared": "prepared.py"}
_TYPES = {"number": "double", "category": "string", "text": "string"}
_EXAMPLE, _ASKED = "input_example.json", "serving_input_example.json"


def save(model: Model, folder: Path, *, run_id: str | None = None, model_id: str | None = None) -> None:
    """Write a model as a folder.

    Parameters
    ----------
    model : Model
        What is written.
    folder : Path
        Must not exist.
    run_id, model_id : str or None
        What the folder says of the run that it comes from, and of itself.
    """
    from mlflow import pyfunc
    from mlflow.models import Model as Description

    (folder / "artifacts").mkdir(parents=True)
    known = {name: value for name, value in model.about["run"].items() if value is not None}
    description = Description(
        run_id=run_id,
        model_id=model_id,
        signature=_signature(model),
        saved_input_example_info=_write_example(model.about.get("example"), folder),
        metadata={"nnsweep": known},
    )
    _write_parts(model, folder)
    _write_environment(model, folder)
    pyfunc.add_to_model(
        description,
        loader_module="mlflow.pyfunc.loaders.code_model",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        model_code_path=CODE.name,
        artifacts={name: {"path": f"artifacts/{file}", "uri": f"artifacts/{file}"} for name, file in _PARTS.items()},
        streamable=False,
    )
    description.save(str(folder / "MLmodel"))


def _signature(model: Model) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    label, *shares = predictor.output_columns(model)
    inputs: Any = [ColSpec(_TYPES[column["kind"]], column["name"]) for column in model.columns]
    outputs: Any = [ColSpec("string", label), *(ColSpec("double", name) for name in shares)]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _write_example(example: dict[str, Any] | None, folder: Path) -> dict[str, str] | None:
    """Write some rows, and the request that asks for them; return what MLflow is told of that."""
    if example is None:
        return None
    (folder / _EXAMPLE).write_text(json.dumps(example), encoding="utf-8")
    (folder / _ASKED).write_text(json.dumps({"dataframe_split": example}, indent=2), encoding="utf-8")
    return {
        "artifact_path": _EXAMPLE,
        "pandas_orient": "split",
        "serving_input_path": _ASKED,
        "type": "dataframe",
    }


def _write_parts(model: Model, folder: Path) -> None:
    shutil.copyfile(CODE, folder / CODE.name)
    for module, name in ((predictor, "predictor"), (prepared, "prepared")):
        shutil.copyfile(str(module.__file__), folder / "artifacts" / _PARTS[name])
    with open(folder / "artifacts" / _PARTS["model"], "wb") as file:
        predictor.write(model, file)


def _write_environment(model: Model, folder: Path) -> None:
    """Write the exact versions that the model was made with, in the three forms that MLflow knows."""
    names = ["mlflow", "numpy", "pandas", "scipy"]
    names += ["scikit-learn"] if any(column["kind"] == "text" for column in model.columns) else []
    needed = [f"{name}=={metadata.version(name)}" for name in names]
    python = platform.python_version()
    conda = {
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": needed}],
        "name": "mlflow-env",
    }
    virtualenv = {
        "python": python,
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": ["-r requirements.txt"],
    }
    (folder / "requirements.txt").write_text("\n".join(needed) + "\n", encoding="utf-8")
    (folder / "conda.yaml").write_text(yaml.safe_dump(conda, sort_keys=False), encoding="utf-8")
    (folder / "python_env.yaml").write_text(yaml.safe_dump(virtualenv, sort_keys=False), encoding="utf-8")
