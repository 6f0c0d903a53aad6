"""A model as a folder that MLflow loads and serves without nnsweep: code, an `.npz` file, and what MLflow is told.

It is written file by file. MLflow's own way looks through every installed package to find out what a model needs, which
takes longer than everything else, and notes paths of this machine. Nothing in the folder has to be unpickled.
"""

import json
import platform
import shutil
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
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
    (folder / "artifacts").mkdir(parents=True)
    known = {name: value for name, value in model.about["run"].items() if value is not None}
    example = _write_example(model.about.get("example"), folder)
    description = {
        "flavors": {"python_function": _flavor()},
        "is_signature_from_type_hint": False,
        "metadata": {"nnsweep": known},
        "mlflow_version": metadata.version("mlflow"),
        "model_id": model_id,
        "model_uuid": uuid.uuid4().hex,
        "prompts": None,
        **({"run_id": run_id} if run_id else {}),
        **({"saved_input_example_info": example} if example else {}),
        "signature": _signature(model),
        "type_hint_from_example": False,
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }
    _write_parts(model, folder)
    _write_environment(model, folder)
    (folder / "MLmodel").write_text(yaml.safe_dump(description), encoding="utf-8")


def _flavor() -> dict[str, Any]:
    return {
        "artifacts": {name: {"path": f"artifacts/{file}", "uri": f"artifacts/{file}"} for name, file in _PARTS.items()},
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "loader_module": "mlflow.pyfunc.loaders.code_model",
        "model_code_path": CODE.name,
        "python_version": platform.python_version(),
        "streamable": False,
    }


def _signature(model: Model) -> dict[str, str | None]:
    """Write the columns of what goes in and of what comes out, each list as JSON within the YAML."""
    label, *shares = predictor.output_columns(model)
    inputs = [(_TYPES[column["kind"]], column["name"]) for column in model.columns]
    outputs = [("string", label), *(("double", name) for name in shares)]
    return {"inputs": _columns(inputs), "outputs": _columns(outputs), "params": None}


def _columns(columns: Iterable[tuple[str, str]]) -> str:
    return json.dumps([{"type": kind, "name": name, "required": True} for kind, name in columns])


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
